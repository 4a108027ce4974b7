"""Forgetting what is kept no longer. What is deleted is written into `purges` and the audit log first, and that is
the only way in which append-only rows may go: triggers refuse every other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, delete, func, insert, or_, select, update

from model.errors import FenboError
from service.settings import Settings
from service.storage import audit
from service.storage.database import Database
from service.storage.job_tables import CHUNKS, JOBS
from service.storage.tables import (
    AUDIT,
    CLUSTERS,
    OUTCOMES,
    PREDICTIONS,
    PURGES,
    REVIEWS,
    TICKETS,
    VERDICTS,
    next_id,
)

_TOGETHER: Final = 5_000
"""Tickets of one transaction: a running service waits no longer than it takes."""
_JOBS_TOGETHER: Final = 5
"""Jobs of one transaction; each may have a million letters."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were, or would be, forgotten."""

    texts: int
    tickets: int
    outcomes: int
    reviews: int
    audit: int
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What was received, or done, before these moments is forgotten."""

    text: datetime
    records: datetime
    audit: datetime


def limits(settings: Settings, *, now: datetime | None = None) -> Limits:
    """The settings' retention, as of ``now``."""
    now = now or datetime.now(UTC)
    return Limits(
        text=now - timedelta(days=settings.retention_text_days),
        records=now - timedelta(days=settings.retention_record_days),
        audit=now - timedelta(days=settings.retention_audit_days),
    )


def counted(connection: Connection, before: Limits) -> Purged:
    """What `purge` would forget."""
    old = TICKETS.c.received_at < before.text
    through = _numbers_before(connection, TICKETS, TICKETS.c.number, TICKETS.c.received_at, before.records)
    return Purged(
        texts=_count(connection, TICKETS, old & TICKETS.c.text_purged_at.is_(None)),
        tickets=_count(connection, TICKETS, TICKETS.c.number <= through),
        outcomes=_rows_before(connection, OUTCOMES, "outcomes", before.records),
        reviews=_rows_before(connection, REVIEWS, "reviews", before.records),
        audit=max(0, _audit_before(connection, before.audit) - _gone(connection, "audit")),
        jobs=_count(connection, JOBS, JOBS.c.finished_at < before.text),
    )


def doubted(connection: Connection, before: Limits) -> str:
    """Why the limits may be those of a wrong clock; empty when nothing speaks for it."""
    old = TICKETS.c.received_at < before.text
    forgotten = _count(connection, TICKETS, old & TICKETS.c.text_purged_at.is_(None))
    kept = _count(connection, TICKETS, ~old)
    if forgotten <= kept:
        return ""
    return (
        f"{forgotten} tickets would lose their text and {kept} keep it: is this machine's clock, "
        f"{datetime.now(UTC):%Y-%m-%d}, right?"
    )


def purge(database: Database, before: Limits, *, actor: str, everything: bool = False) -> Purged:
    """Forget, while the service may run.

    Raises `service.storage.StorageUnavailable`, and `FenboError` when more than half of the tickets would lose their
    text and that was not asked for with ``everything``: likelier than that is a clock that runs ahead.
    """
    with database.reading() as connection:
        doubt = doubted(connection, before)
    if doubt and not everything:
        raise FenboError(f"{doubt}; nothing was purged. If the clock is right, purge with --everything")
    texts = _in_turns(database, lambda connection: _forget_texts(connection, before.text, actor), _TOGETHER)
    with database.writing() as connection:
        outcomes = _forget_rows(connection, OUTCOMES, "outcomes", before.records, actor)
        reviews = _forget_rows(connection, REVIEWS, "reviews", before.records, actor)
    tickets = _in_turns(
        database, lambda connection: _forget_tickets(connection, before.records, actor), _TOGETHER
    )
    jobs = _in_turns(
        database, lambda connection: _forget_jobs(connection, before.text, actor), _JOBS_TOGETHER
    )
    with database.writing() as connection:
        audits = _forget_audit(connection, before.audit, actor)
    return Purged(texts, tickets, outcomes, reviews, audits, jobs)


def _in_turns(database: Database, forget: Callable[[Connection], int], most: int) -> int:
    """Forget ``most`` at a time, each in a transaction of its own, until fewer are found; how many in all."""
    total = 0
    while True:
        with database.writing() as connection:
            done = forget(connection)
        total += done
        if done < most:
            return total


def _forget_texts(connection: Connection, before: datetime, actor: str) -> int:
    numbers = list(
        connection.scalars(
            select(TICKETS.c.number)
            .where(TICKETS.c.received_at < before, TICKETS.c.text_purged_at.is_(None))
            .order_by(TICKETS.c.number)
            .limit(_TOGETHER)
        )
    )
    if not numbers:
        return 0
    for these in _parts(numbers):
        connection.execute(
            update(TICKETS)
            .where(TICKETS.c.number.in_(these))
            .values(
                title=None,
                content=None,
                address=None,
                longitude=None,
                latitude=None,
                reporter=None,
                text_purged_at=datetime.now(UTC),
            )
        )
        connection.execute(update(PREDICTIONS).where(PREDICTIONS.c.ticket.in_(these)).values(answer=None))
    _tell(connection, actor, "text", before, count=len(numbers), through=numbers[-1])
    return len(numbers)


def _forget_rows(connection: Connection, table: Table, scope: str, before: datetime, actor: str) -> int:
    """Delete the oldest rows of an append-only table, up to the first that is too new."""
    through = _numbers_before(connection, table, table.c.id, table.c.at, before)
    if through <= _gone(connection, scope):
        return 0
    count = _count(connection, table, table.c.id <= through)
    head = _tell(connection, actor, scope, before, count=count, through=through)
    _allow(connection, scope, before, through, head.hash)
    connection.execute(delete(table).where(table.c.id <= through))
    return count


def _forget_tickets(connection: Connection, before: datetime, actor: str) -> int:
    """Delete old tickets that no outcome and no review that is kept speaks of."""
    kept = or_(
        TICKETS.c.number.in_(select(OUTCOMES.c.ticket)),
        TICKETS.c.number.in_(select(OUTCOMES.c.other).where(OUTCOMES.c.other.is_not(None))),
        TICKETS.c.number.in_(select(REVIEWS.c.ticket)),
    )
    through = _numbers_before(connection, TICKETS, TICKETS.c.number, TICKETS.c.received_at, before)
    rows = connection.execute(
        select(TICKETS.c.number, TICKETS.c.cluster)
        .where(TICKETS.c.number <= through, ~kept)
        .order_by(TICKETS.c.number)
        .limit(_TOGETHER)
    ).all()
    if not rows:
        return 0
    numbers = [row.number for row in rows]
    _tell(connection, actor, "tickets", before, count=len(numbers), through=numbers[-1])
    for these in _parts(numbers):
        for table in (PREDICTIONS, VERDICTS):
            connection.execute(delete(table).where(table.c.ticket.in_(these)))
        connection.execute(delete(TICKETS).where(TICKETS.c.number.in_(these)))
    for these in _parts(sorted({row.cluster for row in rows if row.cluster is not None})):
        left = set(
            connection.scalars(select(TICKETS.c.cluster).where(TICKETS.c.cluster.in_(these)).distinct())
        )
        connection.execute(
            delete(CLUSTERS).where(CLUSTERS.c.name.in_([each for each in these if each not in left]))
        )
    return len(numbers)


def _forget_jobs(connection: Connection, before: datetime, actor: str) -> int:
    """Delete jobs that ended long ago, with their answers."""
    ended = list(
        connection.scalars(select(JOBS.c.job).where(JOBS.c.finished_at < before).limit(_JOBS_TOGETHER))
    )
    if ended:
        connection.execute(delete(CHUNKS).where(CHUNKS.c.job.in_(ended)))
        connection.execute(delete(JOBS).where(JOBS.c.job.in_(ended)))
        _tell(connection, actor, "jobs", before, count=len(ended), through=0)
    return len(ended)


def _forget_audit(connection: Connection, before: datetime, actor: str) -> int:
    """Cut the log's beginning off; where it begins then is written into `purges` and into the log itself."""
    through = _audit_before(connection, before)
    if through <= _gone(connection, "audit"):
        return 0
    last: str = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.sequence == through)).scalar_one()
    count = _count(connection, AUDIT, AUDIT.c.sequence <= through)
    _tell(connection, actor, "audit", before, count=count, through=through, digest=last)
    _allow(connection, "audit", before, through, last)
    connection.execute(delete(AUDIT).where(AUDIT.c.sequence <= through))
    return count


def _tell(
    connection: Connection,
    actor: str,
    scope: str,
    before: datetime,
    *,
    count: int,
    through: int,
    digest: str | None = None,
) -> audit.Head:
    details: dict[str, Any] = {"before": before.isoformat(), "rows": count, "through": through}
    if digest is not None:
        details["hash"] = digest
    return audit.append(connection, [audit.Entry(actor, f"{scope}.purged", f"storage:{scope}", details)])


def _allow(connection: Connection, scope: str, before: datetime, through: int, digest: str) -> None:
    connection.execute(
        insert(PURGES).values(
            id=next_id(connection, PURGES.c.id),
            scope=scope,
            at=datetime.now(UTC),
            before=before,
            through=through,
            hash=digest,
        )
    )


def _rows_before(connection: Connection, table: Table, scope: str, before: datetime) -> int:
    through = _numbers_before(connection, table, table.c.id, table.c.at, before)
    return max(0, through - _gone(connection, scope))


def _gone(connection: Connection, scope: str) -> int:
    """The last number of a scope that was deleted; 0 when none was."""
    found: int | None = connection.execute(
        select(func.max(PURGES.c.through)).where(PURGES.c.scope == scope)
    ).scalar()
    return found or 0


def _numbers_before(
    connection: Connection, table: Table, key: Column[Any], at: Column[Any], before: datetime
) -> int:
    """The highest key up to which every row is older than ``before``; 0 when there is none.

    Clocks jump: a row that bears a later time keeps all that came after it.
    """
    first_kept: int | None = connection.execute(select(func.min(key)).where(at >= before)).scalar()
    query = select(func.max(key)).select_from(table)
    if first_kept is not None:
        query = query.where(key < first_kept)
    found: int | None = connection.execute(query).scalar()
    return found or 0


def _audit_before(connection: Connection, before: datetime) -> int:
    text = before.astimezone(UTC).isoformat(timespec="microseconds")
    return _numbers_before_text(connection, text)


def _numbers_before_text(connection: Connection, before: str) -> int:
    first_kept: int | None = connection.execute(
        select(func.min(AUDIT.c.sequence)).where(AUDIT.c.at >= before)
    ).scalar()
    query = select(func.max(AUDIT.c.sequence))
    if first_kept is not None:
        query = query.where(AUDIT.c.sequence < first_kept)
    found: int | None = connection.execute(query).scalar()
    return found or 0


def _count(connection: Connection, table: Table, where: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(where)).scalar_one())


def _parts(values: list[Any]) -> list[list[Any]]:
    return [values[start : start + 500] for start in range(0, len(values), 500)]
