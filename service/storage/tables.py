"""The tables, as the queries know them. The migrations make them; a test holds both together.

No text in them is unmasked. ``tickets`` holds one row a ticket with its present state, for filters; what made
that state is in ``outcomes`` and ``reviews``, where nothing is ever changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
)
from sqlalchemy.types import TypeDecorator

METADATA: Final = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into UTC; SQLite's own type knows no zones. Raises `ValueError` for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Out of the database, aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def _ticket() -> Column[int]:
    return Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False, index=True)


META: Final = Table(
    "meta", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

MATCHING: Final = "matching"
"""Row of `META` that says how far tickets were compared."""

TICKETS: Final = Table(
    "tickets",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("ticket_id", String(128), nullable=False, unique=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("created_at", UtcDateTime),
    Column("title", Text),
    Column("content", Text),
    Column("channel", Text),
    Column("address", Text),
    Column("district", Text),
    Column("street", Text),
    Column("community", Text),
    Column("longitude", Float),
    Column("latitude", Float),
    Column("reporter", String(32)),
    Column("anonymous", Boolean, nullable=False),
    Column("text_purged_at", UtcDateTime),
    Column("answered_alone", Boolean, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("department", String(128), nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("urgency_number", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("review", String(16), nullable=False),
    Column("final_department", String(128)),
    Column("final_urgency", String(16)),
    Column("final_kind", String(8)),
    Column("cluster", String(64)),
    Index("tickets_to_review", "review", "urgency_number", "number"),
    Index("tickets_by_department", "department", "number"),
    Index("tickets_by_decision", "decision", "number"),
    Index("tickets_by_cluster", "cluster", "number"),
)

PREDICTIONS: Final = Table(
    "predictions",
    METADATA,
    _id(),
    _ticket(),
    Column("shadow", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("bundle", Text, nullable=False),
    Column("taxonomy", Text, nullable=False),
    Column("taxonomy_version", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("department", String(128), nullable=False),
    Column("probability", Float, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("answer", Text),
)

VERDICTS: Final = Table(
    "verdicts",
    METADATA,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("cluster", String(64)),
    Column("duplicate_of", String(128)),
    Column("probability", Float),
    Column("originals", Text, nullable=False),
)

CLUSTERS: Final = Table(
    "clusters",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("last_ticket", BigInteger, nullable=False),
    Column("district", Text),
    Index("clusters_by_last", "last_ticket", "name"),
)

HOT_TOPICS: Final = Table(
    "hot_topics",
    METADATA,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("topic", Text, nullable=False),
)

OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    _id(),
    _ticket(),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("department", String(128)),
    Column("urgency", String(16)),
    Column("other", BigInteger, ForeignKey("tickets.number")),
    Column("reason", Text),
)

REVIEWS: Final = Table(
    "reviews",
    METADATA,
    _id(),
    _ticket(),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("department", String(128)),
    Column("urgency", String(16)),
    Column("kind", String(8)),
    Column("reason", Text),
)

TAXONOMIES: Final = Table(
    "taxonomies",
    METADATA,
    _id(),
    Column("version", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("content", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False, index=True),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

PURGES: Final = Table(
    "purges",
    METADATA,
    _id(),
    Column("scope", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("before", UtcDateTime, nullable=False),
    Column("through", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

APPEND_ONLY: Final = ("outcomes", "reviews", "audit", "purges")
"""Tables whose rows no one changes: triggers refuse it. `purges` says up to where rows may be deleted."""


def next_id(connection: Connection, column: Column[Any]) -> int:
    """The id after the highest, from 1. Only under the write lock, where no one else takes it."""
    highest: int | None = connection.execute(select(func.max(column))).scalar()
    return (highest or 0) + 1
