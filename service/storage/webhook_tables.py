"""Who is told of what happens, and every telling: waiting, delivered or dead.

What happens is read from the audit log, which is written with what it tells of: nothing acknowledged is left
untold. ``through`` is the last row of it that a webhook was considered for.

The secret that signs for a webhook is made from the service's own key and the webhook's name; it is not kept.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from service.storage.tables import METADATA, UtcDateTime

WEBHOOKS: Final = Table(
    "webhooks",
    METADATA,
    Column("webhook", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("through", BigInteger, nullable=False),
)

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("webhook", String(32), ForeignKey("webhooks.webhook"), nullable=False),
    Column("event", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("due_at", UtcDateTime),
    Column("status", BigInteger),
    Column("failure", Text),
    Column("finished_at", UtcDateTime),
    Index("deliveries_due", "state", "due_at"),
)
