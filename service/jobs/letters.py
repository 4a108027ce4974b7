"""A letter of a job as it waits in the database: masked, one JSON line; an unreadable row is ``null``.

Masking what is masked changes nothing, so that the model says of it what it says of the original.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from model.text.mask import mask
from model.ticket import Location, Ticket


def masked(ticket: Ticket) -> Ticket:
    """The ticket without personal data in any of its texts."""
    location = ticket.location
    return replace(
        ticket,
        title=_masked(ticket.title),
        content=_masked(ticket.content),
        channel=_masked(ticket.channel),
        location=Location(
            address=_masked(location.address),
            district=_masked(location.district),
            street=_masked(location.street),
            community=_masked(location.community),
            longitude=location.longitude,
            latitude=location.latitude,
        ),
    )


def written(ticket: Ticket | None) -> str:
    """One JSON line."""
    if ticket is None:
        return "null"
    location = ticket.location
    fields: dict[str, Any] = {
        "content": ticket.content,
        "ticket_id": ticket.ticket_id,
        "title": ticket.title,
        "channel": ticket.channel,
        "created_at": ticket.created_at.isoformat() if ticket.created_at else "",
        "address": location.address,
        "district": location.district,
    }
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)


def read(line: str) -> Ticket | None:
    """What `written` wrote."""
    fields = json.loads(line)
    if fields is None:
        return None
    created_at = fields.get("created_at")
    return Ticket(
        content=fields.get("content", ""),
        ticket_id=fields.get("ticket_id", ""),
        title=fields.get("title", ""),
        channel=fields.get("channel", ""),
        created_at=datetime.fromisoformat(created_at) if created_at else None,
        location=Location(address=fields.get("address", ""), district=fields.get("district", "")),
    )


def _masked(text: str) -> str:
    # Bytes that are no text come as lone surrogates, which cannot be stored.
    return mask(text.encode("utf-8", "replace").decode("utf-8")).text if text else ""
