"""Tickets with what was predicted about them: stored once, answered the same ever after."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Row, Select, and_, insert, or_, select, update

from model.errors import FenboError
from model.prediction import URGENCY_CODES, Prediction
from service.storage import audit
from service.storage.tables import PREDICTIONS, TICKETS, VERDICTS, next_id

ReviewState = Literal["none", "open", "second_opinion", "accepted", "corrected", "settled"]

OPEN_STATES: Final[tuple[ReviewState, ...]] = ("open", "second_opinion")
"""States in which a ticket waits for a person."""
_STATE_OF: Final[dict[str, ReviewState]] = {"auto": "none", "suggest": "open", "review": "open"}


class TicketConflict(FenboError):
    """A ticket id that is stored with another body."""


class UnknownTicket(FenboError):
    """No ticket is stored under this id."""

    def __init__(self, ticket_id: str) -> None:
        super().__init__(f"ticket_id {ticket_id!r} is not stored")
        self.ticket_id = ticket_id


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A predicted ticket to be stored. All text in it is masked; ``answer`` is the prediction as JSON.

    ``audited``: a person looks at it whatever was predicted, so that accuracy can be told without bias.
    """

    ticket_id: str
    body_hash: bytes
    received_at: datetime
    created_at: datetime | None
    channel: str
    address: str
    district: str
    street: str
    community: str
    longitude: float | None
    latitude: float | None
    reporter: str
    anonymous: bool
    prediction: Prediction
    answer: str
    actor: str
    audited: bool = False


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a ticket was answered. ``created`` tells whether it was stored just now.

    ``answer`` is None once the ticket's text was purged. ``answered_alone``: its duplicates were not known in time.
    """

    number: int
    received_at: datetime
    answer: str | None
    created: bool
    answered_alone: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tickets are asked for; None asks for all."""

    decision: str | None = None
    department: str | None = None
    urgency: str | None = None
    kind: str | None = None
    review: str | None = None
    cluster: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of `TICKETS` and whether more follow."""

    rows: Sequence[Row[Any]]
    more: bool


def store(connection: Connection, tickets: Sequence[NewTicket]) -> list[StoredAnswer | FenboError]:
    """Store tickets that are new, give back what is stored of those that are not.

    A ticket whose id is stored with another body gets a `TicketConflict`.
    """
    known = _known(connection, [ticket.ticket_id for ticket in tickets])
    number = next_id(connection, TICKETS.c.number)
    prediction_id = next_id(connection, PREDICTIONS.c.id)
    new: list[NewTicket] = []
    results: list[StoredAnswer | FenboError] = []
    for ticket in tickets:
        found = known.get(ticket.ticket_id)
        if found is None:
            stored = StoredAnswer(number + len(new), ticket.received_at, ticket.answer, True, False)
            known[ticket.ticket_id] = (
                ticket.body_hash,
                StoredAnswer(stored.number, stored.received_at, stored.answer, False, False),
            )
            new.append(ticket)
            results.append(stored)
        elif found[0] == ticket.body_hash:
            results.append(found[1])
        else:
            results.append(TicketConflict(f"ticket_id {ticket.ticket_id!r} is stored with another body"))
    if new:
        connection.execute(
            insert(TICKETS), [_ticket_row(number + place, ticket) for place, ticket in enumerate(new)]
        )
        connection.execute(
            insert(PREDICTIONS),
            [
                prediction_row(
                    prediction_id + place,
                    number + place,
                    ticket.prediction,
                    ticket.answer,
                    ticket.received_at,
                )
                for place, ticket in enumerate(new)
            ],
        )
        audit.append(connection, [_entry(ticket) for ticket in new])
    return results


def answer_alone(connection: Connection, numbers: Sequence[int]) -> list[bool | FenboError]:
    """Mark tickets that are answered before their duplicates are known, so that they are so ever after."""
    connection.execute(update(TICKETS).where(TICKETS.c.number.in_(numbers)).values(answered_alone=True))
    return [True] * len(numbers)


def prediction_row(
    its_id: int, ticket: int, prediction: Prediction, answer: str, at: datetime, *, shadow: bool = False
) -> dict[str, Any]:
    """A row of `PREDICTIONS`."""
    versions = prediction.versions
    return {
        "id": its_id,
        "ticket": ticket,
        "shadow": shadow,
        "created_at": at,
        "bundle": versions.bundle,
        "taxonomy": versions.taxonomy,
        "taxonomy_version": versions.taxonomy_version,
        "code": versions.code,
        "department": prediction.department.code,
        "probability": prediction.department.probability,
        "decision": prediction.decision.action,
        "urgency": prediction.urgency.code,
        "kind": prediction.kind.code,
        "answer": answer,
    }


@dataclass(frozen=True, slots=True)
class ShadowPrediction:
    """What a bundle that does not answer says of a stored ticket."""

    ticket_id: str
    prediction: Prediction
    answer: str
    at: datetime


def store_shadows(connection: Connection, shadows: Sequence[ShadowPrediction]) -> list[int | FenboError]:
    """Store shadow predictions beside those that were answered; a ticket that is not stored gets `UnknownTicket`."""
    numbers = dict(
        cast(
            "Sequence[tuple[str, int]]",
            connection.execute(
                select(TICKETS.c.ticket_id, TICKETS.c.number).where(
                    TICKETS.c.ticket_id.in_([each.ticket_id for each in shadows])
                )
            ).all(),
        )
    )
    its_id = next_id(connection, PREDICTIONS.c.id)
    rows: list[dict[str, Any]] = []
    results: list[int | FenboError] = []
    for each in shadows:
        number = numbers.get(each.ticket_id)
        if number is None:
            results.append(UnknownTicket(each.ticket_id))
            continue
        row = prediction_row(its_id + len(rows), number, each.prediction, each.answer, each.at, shadow=True)
        rows.append(row)
        results.append(row["id"])
    if rows:
        connection.execute(insert(PREDICTIONS), rows)
    return results


def find(connection: Connection, ticket_id: str) -> Row[Any]:
    """The ticket's row. Raises `UnknownTicket`."""
    row = connection.execute(select(TICKETS).where(TICKETS.c.ticket_id == ticket_id)).first()
    if row is None:
        raise UnknownTicket(ticket_id)
    return row


def predictions(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """All predictions about a ticket, the answered one first, then shadows in order."""
    return connection.execute(
        select(PREDICTIONS)
        .where(PREDICTIONS.c.ticket == number)
        .order_by(PREDICTIONS.c.shadow, PREDICTIONS.c.id)
    ).all()


def probabilities(connection: Connection, numbers: Sequence[int]) -> dict[int, float]:
    """The answered prediction's probability of its department, by ticket number."""
    rows = connection.execute(
        select(PREDICTIONS.c.ticket, PREDICTIONS.c.probability).where(
            PREDICTIONS.c.ticket.in_(numbers), PREDICTIONS.c.shadow.is_(False)
        )
    )
    return {row.ticket: row.probability for row in rows}


def verdict(connection: Connection, number: int) -> Row[Any] | None:
    """What was said of a ticket's duplicates when it came; None while nothing was."""
    return connection.execute(select(VERDICTS).where(VERDICTS.c.ticket == number)).first()


def verdicts(connection: Connection, numbers: Sequence[int]) -> dict[int, Row[Any]]:
    """Of several tickets, by number; those that are not there yet are left out."""
    rows = connection.execute(select(VERDICTS).where(VERDICTS.c.ticket.in_(numbers)))
    return {row.ticket: row for row in rows}


def listed(
    connection: Connection, filters: Filters, *, after: int | None, limit: int, oldest_first: bool
) -> Page:
    """Tickets by number, newest first unless said otherwise, beyond number ``after``; at most ``limit``.

    Tickets that come in meanwhile change no page but the first of the newest.
    """
    query = _filtered(select(TICKETS), filters)
    if oldest_first:
        query = query.order_by(TICKETS.c.number)
        if after is not None:
            query = query.where(TICKETS.c.number > after)
    else:
        query = query.order_by(TICKETS.c.number.desc())
        if after is not None:
            query = query.where(TICKETS.c.number < after)
    rows = connection.execute(query.limit(limit + 1)).all()
    return Page(rows[:limit], len(rows) > limit)


def to_review(connection: Connection, filters: Filters, *, after: tuple[int, int] | None, limit: int) -> Page:
    """Tickets that wait for a person, the most urgent first, among these the oldest.

    ``after`` is urgency number and ticket number of the last one seen.
    """
    query = _filtered(select(TICKETS), filters).where(TICKETS.c.review.in_(OPEN_STATES))
    if after is not None:
        urgency, number = after
        query = query.where(
            or_(
                TICKETS.c.urgency_number < urgency,
                and_(TICKETS.c.urgency_number == urgency, TICKETS.c.number > number),
            )
        )
    query = query.order_by(TICKETS.c.urgency_number.desc(), TICKETS.c.number)
    rows = connection.execute(query.limit(limit + 1)).all()
    return Page(rows[:limit], len(rows) > limit)


def urgency_number(code: str) -> int:
    """From 1, the lowest, to 4."""
    return 1 + [str(each) for each in URGENCY_CODES].index(code)


def _filtered(query: Select[Any], filters: Filters) -> Select[Any]:
    for name in ("decision", "kind", "review", "cluster"):
        value = getattr(filters, name)
        if value is not None:
            query = query.where(TICKETS.c[name] == value)
    # What a person said counts, where one did.
    if filters.department is not None:
        query = query.where(
            or_(
                TICKETS.c.final_department == filters.department,
                and_(TICKETS.c.final_department.is_(None), TICKETS.c.department == filters.department),
            )
        )
    if filters.urgency is not None:
        query = query.where(TICKETS.c.urgency_number == urgency_number(filters.urgency))
    if filters.since is not None:
        query = query.where(TICKETS.c.received_at >= filters.since)
    if filters.until is not None:
        query = query.where(TICKETS.c.received_at < filters.until)
    return query


def _known(connection: Connection, ticket_ids: Sequence[str]) -> dict[str, tuple[bytes, StoredAnswer]]:
    rows = connection.execute(
        select(
            TICKETS.c.ticket_id,
            TICKETS.c.body_hash,
            TICKETS.c.number,
            TICKETS.c.received_at,
            TICKETS.c.answered_alone,
            PREDICTIONS.c.answer,
        )
        .join(PREDICTIONS, and_(PREDICTIONS.c.ticket == TICKETS.c.number, PREDICTIONS.c.shadow.is_(False)))
        .where(TICKETS.c.ticket_id.in_(ticket_ids))
    )
    return {
        row.ticket_id: (
            row.body_hash,
            StoredAnswer(row.number, row.received_at, row.answer, False, row.answered_alone),
        )
        for row in rows
    }


def _ticket_row(number: int, ticket: NewTicket) -> dict[str, Any]:
    prediction = ticket.prediction
    return {
        "number": number,
        "ticket_id": ticket.ticket_id,
        "body_hash": ticket.body_hash,
        "received_at": ticket.received_at,
        "created_at": ticket.created_at,
        "title": prediction.masked.title,
        "content": prediction.masked.content,
        "channel": ticket.channel,
        "address": ticket.address,
        "district": ticket.district,
        "street": ticket.street,
        "community": ticket.community,
        "longitude": ticket.longitude,
        "latitude": ticket.latitude,
        "reporter": ticket.reporter,
        "anonymous": ticket.anonymous,
        "answered_alone": False,
        "decision": prediction.decision.action,
        "department": prediction.department.code,
        "urgency": prediction.urgency.code,
        "urgency_number": urgency_number(prediction.urgency.code),
        "kind": prediction.kind.code,
        "review": "open" if ticket.audited else _STATE_OF[prediction.decision.action],
    }


def _entry(ticket: NewTicket) -> audit.Entry:
    prediction = ticket.prediction
    return audit.Entry(
        ticket.actor,
        "ticket.stored",
        f"ticket:{ticket.ticket_id}",
        {
            "answer": hashlib.sha256(ticket.answer.encode("utf-8")).hexdigest(),
            "bundle": prediction.versions.bundle,
            "taxonomy": prediction.versions.taxonomy_version,
            "department": prediction.department.code,
            "decision": prediction.decision.action,
            "urgency": prediction.urgency.code,
        },
    )
