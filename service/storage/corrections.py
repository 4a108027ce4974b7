"""What people say of a ticket: outcomes from the ticket system, reviews at the desk. Both are only ever added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from model.errors import FenboError
from service.storage import audit
from service.storage.tables import OUTCOMES, REVIEWS, TICKETS, next_id
from service.storage.tickets import OPEN_STATES, ReviewState, UnknownTicket, urgency_number

OutcomeKind = Literal["department", "return", "urgency", "merge", "unmerge"]
ReviewAction = Literal["accept", "correct", "second_opinion"]


class NotMergeable(FenboError):
    """Two tickets that cannot be ruled on together."""


class SameReviewer(FenboError):
    """A second opinion by the person who asked for it."""


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """What became of a ticket. ``other_id`` is the ticket that it was merged with or parted from.

    ``by`` is the person or system that says so; ``actor`` is the key that the request came with; ``reason`` is masked.
    """

    ticket_id: str
    kind: OutcomeKind
    by: str
    actor: str
    department: str | None = None
    urgency: str | None = None
    other_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class NewReview:
    """A person's word on a prediction. What is None stays as it is known; ``reason`` is masked."""

    ticket_id: str
    action: ReviewAction
    by: str
    actor: str
    department: str | None = None
    urgency: str | None = None
    kind: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row that was added: its id, when, and the state of review that the ticket is in now."""

    id: int
    at: datetime
    review: ReviewState


def add_outcomes(connection: Connection, outcomes: Sequence[NewOutcome]) -> list[Recorded | FenboError]:
    """Record outcomes; one for a ticket that is not stored is refused with `UnknownTicket`."""
    tickets = _tickets(
        connection, [name for each in outcomes for name in (each.ticket_id, each.other_id) if name]
    )
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    entries: list[audit.Entry] = []
    results: list[Recorded | FenboError] = []
    first = next_id(connection, OUTCOMES.c.id)
    for each in outcomes:
        ticket = tickets.get(each.ticket_id)
        other = tickets.get(each.other_id) if each.other_id else None
        if ticket is None or (each.other_id and other is None):
            missing = each.ticket_id if ticket is None or each.other_id is None else each.other_id
            results.append(UnknownTicket(missing))
            continue
        if other is not None and other["number"] == ticket["number"]:
            results.append(NotMergeable(f"ticket {each.ticket_id!r} was ruled on with itself"))
            continue
        row = {
            "id": first + len(rows),
            "ticket": ticket["number"],
            "at": now,
            "by": each.by,
            "kind": each.kind,
            "department": each.department,
            "urgency": each.urgency,
            "other": other["number"] if other is not None else None,
            "reason": each.reason,
        }
        rows.append(row)
        _change(connection, ticket, _after_outcome(ticket, each))
        entries.append(
            audit.Entry(
                each.actor,
                f"outcome.{each.kind}",
                f"ticket:{each.ticket_id}",
                {
                    "outcome": row["id"],
                    "by": each.by,
                    "department": each.department,
                    "urgency": each.urgency,
                    "other": each.other_id,
                },
            )
        )
        results.append(Recorded(row["id"], now, ticket["review"]))
    if rows:
        connection.execute(insert(OUTCOMES), rows)
        audit.append(connection, entries)
    return results


def add_reviews(connection: Connection, reviews: Sequence[NewReview]) -> list[Recorded | FenboError]:
    """Record reviews; refused with `UnknownTicket`, or `SameReviewer` for a second opinion that is the first."""
    tickets = _tickets(connection, [each.ticket_id for each in reviews])
    asked = _who_asked(connection, [ticket["number"] for ticket in tickets.values()])
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    entries: list[audit.Entry] = []
    results: list[Recorded | FenboError] = []
    first = next_id(connection, REVIEWS.c.id)
    for each in reviews:
        ticket = tickets.get(each.ticket_id)
        if ticket is None:
            results.append(UnknownTicket(each.ticket_id))
            continue
        if ticket["review"] == "second_opinion" and asked.get(ticket["number"]) == each.by:
            results.append(SameReviewer(f"{each.by!r} asked for the second opinion and cannot give it"))
            continue
        row = {
            "id": first + len(rows),
            "ticket": ticket["number"],
            "at": now,
            "by": each.by,
            "action": each.action,
            "department": each.department,
            "urgency": each.urgency,
            "kind": each.kind,
            "reason": each.reason,
        }
        rows.append(row)
        if each.action == "second_opinion":
            asked[ticket["number"]] = each.by
        _change(connection, ticket, _after_review(ticket, each))
        entries.append(
            audit.Entry(
                each.actor,
                f"review.{each.action}",
                f"ticket:{each.ticket_id}",
                {
                    "review": row["id"],
                    "by": each.by,
                    "department": each.department,
                    "urgency": each.urgency,
                    "kind": each.kind,
                },
            )
        )
        results.append(Recorded(row["id"], now, ticket["review"]))
    if rows:
        connection.execute(insert(REVIEWS), rows)
        audit.append(connection, entries)
    return results


def outcomes_of(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """A ticket's outcomes in order, with the other ticket's id as ``other_id``."""
    other = TICKETS.alias("other_ticket")
    return connection.execute(
        select(OUTCOMES, other.c.ticket_id.label("other_id"))
        .outerjoin(other, other.c.number == OUTCOMES.c.other)
        .where(OUTCOMES.c.ticket == number)
        .order_by(OUTCOMES.c.id)
    ).all()


def reviews_of(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """A ticket's reviews in order."""
    return connection.execute(select(REVIEWS).where(REVIEWS.c.ticket == number).order_by(REVIEWS.c.id)).all()


def _after_outcome(ticket: Mapping[str, Any], outcome: NewOutcome) -> dict[str, Any]:
    if outcome.kind == "department":
        changed: dict[str, Any] = {"final_department": outcome.department}
        if ticket["review"] in OPEN_STATES:
            changed["review"] = "settled"
        if outcome.urgency is not None:
            changed |= _urgency(outcome.urgency)
        return changed
    if outcome.kind == "urgency":
        assert outcome.urgency is not None
        return _urgency(outcome.urgency)
    if outcome.kind == "return":
        # The department says that it is not its own: nobody's word counts any more, a person has to look.
        return {"review": "open", "final_department": outcome.department}
    return {}


def _after_review(ticket: Mapping[str, Any], review: NewReview) -> dict[str, Any]:
    if review.action == "second_opinion":
        return {"review": "second_opinion"}
    if review.action == "accept":
        return {
            "review": "accepted",
            "final_department": ticket["department"],
            "final_kind": ticket["kind"],
            **_urgency(ticket["urgency"]),
        }
    return {
        "review": "corrected",
        "final_department": review.department or ticket["final_department"] or ticket["department"],
        "final_kind": review.kind or ticket["final_kind"] or ticket["kind"],
        **_urgency(review.urgency or ticket["final_urgency"] or ticket["urgency"]),
    }


def _urgency(code: str) -> dict[str, Any]:
    return {"final_urgency": code, "urgency_number": urgency_number(code)}


def _change(connection: Connection, ticket: dict[str, Any], changed: Mapping[str, Any]) -> None:
    if changed:
        connection.execute(update(TICKETS).where(TICKETS.c.number == ticket["number"]).values(**changed))
        ticket.update(changed)


def _tickets(connection: Connection, ticket_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    columns = (
        TICKETS.c.number,
        TICKETS.c.ticket_id,
        TICKETS.c.review,
        TICKETS.c.department,
        TICKETS.c.urgency,
        TICKETS.c.kind,
        TICKETS.c.final_department,
        TICKETS.c.final_urgency,
        TICKETS.c.final_kind,
    )
    rows = connection.execute(select(*columns).where(TICKETS.c.ticket_id.in_(ticket_ids)))
    return {row.ticket_id: dict(row._mapping) for row in rows}


def _who_asked(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        select(REVIEWS.c.ticket, REVIEWS.c.by)
        .where(REVIEWS.c.ticket.in_(numbers), REVIEWS.c.action == "second_opinion")
        .order_by(REVIEWS.c.id)
    )
    return {row.ticket: row.by for row in rows}
