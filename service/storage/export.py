"""What people said of tickets, as rows of the data contract: to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from model.calendar import SHANGHAI
from service.storage.tables import TICKETS

FIELDS: Final = (
    "ticket_id",
    "title",
    "content",
    "channel",
    "created_at",
    "district",
    "address",
    "department",
    "urgency",
    "kind",
    "cluster",
)
TEXT_FIELDS: Final = ("title", "content", "address")
_PAGE: Final = 2_000


def labelled(
    connection: Connection, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Tickets on whose department, urgency or kind a person's last word is known, in order of arrival.

    Labels are that last word alone; where there is none for one of them it is None, never the prediction. Text is
    masked; tickets whose text was purged are left out. ``since`` and ``until`` bound when they were received.
    """
    last = 0
    while True:
        query = (
            select(TICKETS)
            .where(
                TICKETS.c.number > last,
                TICKETS.c.content.is_not(None),
                or_(
                    TICKETS.c.final_department.is_not(None),
                    TICKETS.c.final_urgency.is_not(None),
                    TICKETS.c.final_kind.is_not(None),
                ),
            )
            .order_by(TICKETS.c.number)
            .limit(_PAGE)
        )
        if since is not None:
            query = query.where(TICKETS.c.received_at >= since)
        if until is not None:
            query = query.where(TICKETS.c.received_at < until)
        rows = connection.execute(query).all()
        for row in rows:
            yield {
                "ticket_id": row.ticket_id,
                "title": row.title,
                "content": row.content,
                "channel": row.channel,
                "created_at": (row.created_at or row.received_at).astimezone(SHANGHAI),
                "district": row.district,
                "address": row.address,
                "department": row.final_department,
                "urgency": row.final_urgency,
                "kind": row.final_kind,
                "cluster": row.cluster,
            }
        if len(rows) < _PAGE:
            return
        last = rows[-1].number
