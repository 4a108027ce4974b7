"""What became of answered tickets, as `eval.metrics` measures it: read from the rows, never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, select

from eval.metrics.live import RETURNED, LiveTicket, drawn_for_audit
from service.storage.secret import SecretKey
from service.storage.tables import OUTCOMES, PREDICTIONS, REVIEWS, TICKETS

_PURPOSE: Final = "audit-sample"


@dataclass(frozen=True, slots=True)
class AuditSample:
    """Which tickets are looked at whatever was predicted. ``rate`` in [0, 1]; ``salt`` keeps the choice secret.

    A ticket that a smaller rate draws, a larger one draws too: the rate may change, and only those count that
    were drawn by the rate of today.
    """

    rate: float
    salt: str

    @classmethod
    def of(cls, rate: float, key: SecretKey) -> AuditSample:
        """The sample of a service with this secret key."""
        return cls(rate, key.hashed(_PURPOSE, b"").hex())

    def drawn(self, ticket_id: str) -> bool:
        """Whether a ticket belongs to it; the same whenever it is asked."""
        return drawn_for_audit(ticket_id, self.rate, salt=self.salt)


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored ticket's answer and what became of it; ``title`` and ``content`` are masked, empty once purged."""

    ticket: LiveTicket
    bundle: str
    title: str
    content: str
    urgency: str
    kind: str


def answers(
    connection: Connection, start: datetime, end: datetime, sample: AuditSample, *, newest: int | None = None
) -> list[Answer]:
    """Answers to the tickets received from ``start`` until before ``end``, in order, shadows left out.

    At most the ``newest`` of them, so that who asks often need not read months.
    """
    if newest is not None:
        start = _start_of_newest(connection, start, end, newest)
    within = and_(TICKETS.c.received_at >= start, TICKETS.c.received_at < end)
    asked: Select[Any] = (
        select(
            TICKETS.c.number,
            TICKETS.c.ticket_id,
            TICKETS.c.received_at,
            TICKETS.c.title,
            TICKETS.c.content,
            PREDICTIONS.c.department,
            PREDICTIONS.c.probability,
            PREDICTIONS.c.decision,
            PREDICTIONS.c.urgency,
            PREDICTIONS.c.kind,
            PREDICTIONS.c.bundle,
        )
        .join(PREDICTIONS, and_(PREDICTIONS.c.ticket == TICKETS.c.number, PREDICTIONS.c.shadow.is_(False)))
        .where(within)
        .order_by(TICKETS.c.number)
    )
    outcomes: Select[Any] = (
        select(OUTCOMES.c.ticket, OUTCOMES.c.at, OUTCOMES.c.kind, OUTCOMES.c.department)
        .join(TICKETS, TICKETS.c.number == OUTCOMES.c.ticket)
        .where(within, OUTCOMES.c.kind.in_(("department", "return")))
    )
    reviews: Select[Any] = (
        select(REVIEWS.c.ticket, REVIEWS.c.at, REVIEWS.c.action.label("kind"), REVIEWS.c.department)
        .join(TICKETS, TICKETS.c.number == REVIEWS.c.ticket)
        .where(within)
    )
    told: dict[int, list[Row[Any]]] = defaultdict(list)
    reviewed: set[int] = set()
    for row in connection.execute(outcomes):
        told[row.ticket].append(row)
    for row in connection.execute(reviews):
        reviewed.add(row.ticket)
        told[row.ticket].append(row)
    return [
        _answer(row, told[row.number], row.number in reviewed, sample) for row in connection.execute(asked)
    ]


def _start_of_newest(connection: Connection, start: datetime, end: datetime, newest: int) -> datetime:
    within = (TICKETS.c.received_at >= start, TICKETS.c.received_at < end)
    asked = select(TICKETS.c.received_at).where(*within).order_by(TICKETS.c.received_at.desc())
    found: datetime | None = connection.execute(asked.offset(newest - 1).limit(1)).scalar()
    return start if found is None else found


def _answer(row: Row[Any], told: Sequence[Row[Any]], reviewed: bool, sample: AuditSample) -> Answer:
    final, at = _final(row.department, sorted(told, key=lambda one: one.at))
    drawn = sample.drawn(row.ticket_id)
    return Answer(
        ticket=LiveTicket(
            predicted=row.department,
            probability=row.probability,
            action=row.decision,
            created_at=row.received_at,
            final=final,
            outcome_at=at,
            # A review of an audited ticket is the audit's own, unless it had to be looked at anyway.
            reviewed=reviewed and (not drawn or row.decision != "auto"),
            audit_sample=drawn,
            audit_rate=sample.rate,
        ),
        bundle=row.bundle,
        title=row.title or "",
        content=row.content or "",
        urgency=row.urgency,
        kind=row.kind,
    )


def _final(predicted: str, told: Sequence[Row[Any]]) -> tuple[str | None, datetime | None]:
    """The department that has the ticket by what was said of it, in order, and since when that is known."""
    sent_to = predicted
    final: str | None = None
    at: datetime | None = None
    for one in told:
        before = final
        if one.kind == "second_opinion":
            continue
        if one.kind == "return" and one.department is None:
            # Refused by the predicted one it was wrong; refused by another, nothing is known of the predicted one.
            final = RETURNED if sent_to == predicted else None
        else:
            final = predicted if one.kind == "accept" else one.department or predicted
            sent_to = final
        if final != before or at is None:
            at = one.at if final is not None else None
    return final, at
