"""Each call of the API: what is sent, how the answer is read, whether it may be sent twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from model.prediction import Prediction
from model.ticket import Ticket
from service.ndjson import MEDIA_TYPE
from service.schemas.bundles import BundlesAnswer
from service.schemas.jobs import JobAnswer
from service.schemas.stored import RecordedAnswer, StoredPrediction, TicketAnswer, TicketsAnswer
from service.schemas.taxonomy import TaxonomyAnswer

Answer = TypeVar("Answer")

_PREDICTION: Final = TypeAdapter(Prediction)
_STORED: Final = TypeAdapter(StoredPrediction)
_TICKET: Final = TypeAdapter(TicketAnswer)
_TICKETS: Final = TypeAdapter(TicketsAnswer)
_RECORDED: Final = TypeAdapter(RecordedAnswer)
_TAXONOMY: Final = TypeAdapter(TaxonomyAnswer)
_BUNDLES: Final = TypeAdapter(BundlesAnswer)
_JOB: Final = TypeAdapter(JobAnswer)


@dataclass(frozen=True, slots=True)
class Refused:
    """A line of a batch that was not stored, and why."""

    line: int
    status: int
    problem: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A request and how its answer is read. ``repeatable``: sent twice, it does what it does once."""

    method: str
    path: str
    read: Callable[[bytes], Answer]
    content: bytes | None = None
    media_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


def predict(ticket: Ticket, *, full: bool, timeout_ms: int | None) -> Call[Prediction]:
    """``POST /v1/predict``."""
    return Call(
        "POST",
        "/v1/predict",
        _PREDICTION.validate_json,
        content=_json(posted(ticket)),
        query={"explain": "full"} if full else {},
        headers=_deadline(timeout_ms),
    )


def store(ticket: Ticket, *, timeout_ms: int | None) -> Call[StoredPrediction]:
    """``POST /v1/tickets``: repeatable, for the ticket's id makes it so."""
    return Call(
        "POST",
        "/v1/tickets",
        _STORED.validate_json,
        content=_json(posted(ticket)),
        headers=_deadline(timeout_ms),
    )


def store_many(tickets: Sequence[Ticket]) -> Call[list[StoredPrediction | Refused]]:
    """``POST /v1/tickets:batch``."""
    content = b"".join(_json(posted(ticket)) + b"\n" for ticket in tickets)
    return Call("POST", "/v1/tickets:batch", _lines, content=content, media_type=MEDIA_TYPE)


def ticket(ticket_id: str) -> Call[TicketAnswer]:
    """``GET /v1/tickets/{id}``."""
    return Call("GET", f"/v1/tickets/{quote(ticket_id, safe='')}", _TICKET.validate_json)


def tickets(query: Mapping[str, str | int | None]) -> Call[TicketsAnswer]:
    """``GET /v1/tickets``."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    return Call("GET", "/v1/tickets", _TICKETS.validate_json, query=given)


def outcome(ticket_id: str, body: Mapping[str, Any]) -> Call[RecordedAnswer]:
    """``POST /v1/tickets/{id}/outcome``: recorded anew each time."""
    return _correction(ticket_id, "outcome", body)


def review(ticket_id: str, body: Mapping[str, Any]) -> Call[RecordedAnswer]:
    """``POST /v1/tickets/{id}/review``: recorded anew each time."""
    return _correction(ticket_id, "review", body)


def taxonomy() -> Call[TaxonomyAnswer]:
    """``GET /v1/taxonomy``."""
    return Call("GET", "/v1/taxonomy", _TAXONOMY.validate_json)


def bundles() -> Call[BundlesAnswer]:
    """``GET /v1/bundles``."""
    return Call("GET", "/v1/bundles", _BUNDLES.validate_json)


def create_job(content: bytes, media_type: str) -> Call[JobAnswer]:
    """``POST /v1/jobs``: a job more each time."""
    return Call(
        "POST", "/v1/jobs", _JOB.validate_json, content=content, media_type=media_type, repeatable=False
    )


def job(name: str) -> Call[JobAnswer]:
    """``GET /v1/jobs/{job}``."""
    return Call("GET", f"/v1/jobs/{name}", _JOB.validate_json)


def cancel_job(name: str) -> Call[JobAnswer]:
    """``POST /v1/jobs/{job}:cancel``."""
    return Call("POST", f"/v1/jobs/{name}:cancel", _JOB.validate_json)


def job_result(name: str, form: str) -> Call[bytes]:
    """``GET /v1/jobs/{job}/result``."""
    return Call("GET", f"/v1/jobs/{name}/result", bytes, query={"format": form})


def posted(given: Ticket) -> dict[str, Any]:
    """A ticket as the API takes it, without what is not known of it."""
    place = given.location
    location = {
        "address": place.address,
        "district": place.district,
        "street": place.street,
        "community": place.community,
    }
    degrees = {"longitude": place.longitude, "latitude": place.latitude}
    body: dict[str, Any] = {
        "content": given.content,
        "ticket_id": given.ticket_id,
        "title": given.title,
        "channel": given.channel,
        "created_at": given.created_at.isoformat() if given.created_at else "",
        "location": {name: text for name, text in location.items() if text}
        | {name: value for name, value in degrees.items() if value is not None},
        "reporter_hash": given.reporter_hash,
        "anonymous": given.anonymous,
    }
    return {name: value for name, value in body.items() if value}


def _correction(ticket_id: str, what: str, body: Mapping[str, Any]) -> Call[RecordedAnswer]:
    given = {name: value for name, value in body.items() if value is not None}
    path = f"/v1/tickets/{quote(ticket_id, safe='')}/{what}"
    return Call("POST", path, _RECORDED.validate_json, content=_json(given), repeatable=False)


def _lines(content: bytes) -> list[StoredPrediction | Refused]:
    answers: list[StoredPrediction | Refused] = []
    for line in content.splitlines():
        answered = json.loads(line)
        if "answer" in answered:
            answers.append(_STORED.validate_python(answered["answer"]))
        else:
            answers.append(Refused(answered["line"], answered["status"], answered["problem"]))
    return answers


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8")


def _deadline(timeout_ms: int | None) -> dict[str, str]:
    return {} if timeout_ms is None else {"X-Timeout-Ms": str(timeout_ms)}
