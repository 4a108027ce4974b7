"""Stored tickets as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row

from model.errors import FenboError
from model.prediction import Prediction
from model.taxonomy import Taxonomy
from service.intake import NOT_SOUGHT, PENDING, duplicates_answer
from service.schemas.stored import (
    DuplicatesAnswer,
    OutcomeAnswer,
    PlaceAnswer,
    ReviewAnswer,
    TicketAnswer,
    TicketSummary,
)
from service.storage import corrections, tickets

_PREDICTION: Final = TypeAdapter(Prediction)


def summaries(
    connection: Connection, rows: Sequence[Row[Any]], taxonomy: Taxonomy | None
) -> tuple[TicketSummary, ...]:
    """Rows of tickets as a list shows them."""
    probabilities = tickets.probabilities(connection, [row.number for row in rows])
    return tuple(TicketSummary(**_summary(row, probabilities, taxonomy)) for row in rows)


def ticket_answer(
    connection: Connection, ticket_id: str, taxonomy: Taxonomy | None, *, sought: bool
) -> TicketAnswer:
    """All that is stored of a ticket. Raises `service.storage.tickets.UnknownTicket`.

    ``sought`` tells whether duplicates are looked for at all.
    """
    row = tickets.find(connection, ticket_id)
    predicted = tickets.predictions(connection, row.number)[0]
    found = tickets.verdict(connection, row.number)
    return TicketAnswer(
        **_summary(row, {row.number: predicted.probability}, taxonomy),
        content=row.content,
        location=PlaceAnswer(
            address=row.address or "",
            district=row.district or "",
            street=row.street or "",
            community=row.community or "",
            longitude=row.longitude,
            latitude=row.latitude,
        ),
        anonymous=row.anonymous,
        prediction=None if predicted.answer is None else _PREDICTION.validate_json(predicted.answer),
        duplicates=_duplicates(found, sought),
        reviews=tuple(_review(each) for each in corrections.reviews_of(connection, row.number)),
        outcomes=tuple(_outcome(each) for each in corrections.outcomes_of(connection, row.number)),
    )


def _duplicates(found: Row[Any] | None, sought: bool) -> DuplicatesAnswer:
    if found is not None:
        return duplicates_answer(found)
    return PENDING if sought else NOT_SOUGHT


def _summary(row: Row[Any], probabilities: Mapping[int, float], taxonomy: Taxonomy | None) -> dict[str, Any]:
    department = row.final_department or row.department
    created: datetime | None = row.created_at
    return {
        "ticket_id": row.ticket_id,
        "received_at": row.received_at,
        "created_at": created,
        "title": row.title,
        "channel": row.channel or "",
        "district": row.district or "",
        "department": department,
        "department_name": _name(department, taxonomy),
        "predicted_department": row.department,
        "probability": probabilities[row.number],
        "decision": row.decision,
        "urgency": row.final_urgency or row.urgency,
        "kind": row.final_kind or row.kind,
        "review": row.review,
        "cluster": row.cluster,
    }


def _name(code: str, taxonomy: Taxonomy | None) -> str:
    """The department's name; its code where no model is loaded yet or its taxonomy no longer knows it."""
    if taxonomy is None:
        return code
    try:
        return taxonomy.department(code).name
    except FenboError:
        return code


def _review(row: Row[Any]) -> ReviewAnswer:
    return ReviewAnswer(
        id=row.id,
        at=row.at,
        by=row.by,
        action=row.action,
        department=row.department,
        urgency=row.urgency,
        kind=row.kind,
        reason=row.reason,
    )


def _outcome(row: Row[Any]) -> OutcomeAnswer:
    return OutcomeAnswer(
        id=row.id,
        at=row.at,
        by=row.by,
        kind=row.kind,
        department=row.department,
        urgency=row.urgency,
        other_ticket=row.other_id,
        reason=row.reason,
    )
