"""The clients themselves: the same calls, waited for or awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from model.prediction import Prediction
from model.ticket import Ticket
from service.client import calls
from service.client.calls import Call, Refused
from service.client.errors import ApiProblem, Unreachable
from service.client.retries import Retries
from service.schemas.bundles import BundlesAnswer
from service.schemas.jobs import JobAnswer
from service.schemas.stored import RecordedAnswer, StoredPrediction, TicketAnswer, TicketsAnswer
from service.schemas.taxonomy import TaxonomyAnswer

Answer = TypeVar("Answer")

_TOGETHER: Final = 100
"""Tickets of one batch request: few enough that their answers fit into the connection's buffers, for httpx sends a
request to its end before it reads.
"""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)


class Fenbo:
    """Waits for each answer. Safe to share between threads; close it, or use it in ``with``.

    Every method raises `ApiProblem` for a problem that asking again did not mend, and `Unreachable`.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        retries: Retries | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``key`` as ``fenbo keys create`` gave it; None for a service in ``--dev``."""
        self._retries = retries or Retries()
        self._client = httpx.Client(
            base_url=address, headers=_headers(key), timeout=timeout, transport=transport
        )

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def predict(self, ticket: Ticket, *, full: bool = False, timeout_ms: int | None = None) -> Prediction:
        """Predict a ticket without storing it; ``full`` explains by the whole model, some fifty times slower."""
        return self._asked(calls.predict(ticket, full=full, timeout_ms=timeout_ms))

    def store(self, ticket: Ticket, *, timeout_ms: int | None = None) -> StoredPrediction:
        """Predict and store a ticket with a ``ticket_id``; the same again gets the same answer."""
        return self._asked(calls.store(ticket, timeout_ms=timeout_ms))

    def store_many(self, tickets: Iterable[Ticket]) -> Iterator[StoredPrediction | Refused]:
        """Store tickets, a hundred a request; one answer each, in order. `Refused` counts lines of its request."""
        for some in _pieces(tickets):
            yield from self._asked(calls.store_many(some))

    def ticket(self, ticket_id: str) -> TicketAnswer:
        """A stored ticket with all that became of it."""
        return self._asked(calls.ticket(ticket_id))

    def tickets(self, **query: str | int | None) -> TicketsAnswer:
        """A page of tickets: ``decision``, ``department``, ``urgency``, ``since``, ``cursor``, ``limit`` …"""
        return self._asked(calls.tickets(query))

    def outcome(self, ticket_id: str, **body: Any) -> RecordedAnswer:
        """Record what became of a ticket: ``kind`` and what goes with it. Not sent twice on a broken connection."""
        return self._asked(calls.outcome(ticket_id, body))

    def review(self, ticket_id: str, **body: Any) -> RecordedAnswer:
        """Record a person's opinion: ``action`` and what goes with it. Not sent twice on a broken connection."""
        return self._asked(calls.review(ticket_id, body))

    def taxonomy(self) -> TaxonomyAnswer:
        """The taxonomy in use."""
        return self._asked(calls.taxonomy())

    def bundles(self) -> BundlesAnswer:
        """All bundles, and which one answers."""
        return self._asked(calls.bundles())

    def create_job(self, content: bytes, *, media_type: str = "text/csv") -> JobAnswer:
        """Have a file scored in the background."""
        return self._asked(calls.create_job(content, media_type))

    def job(self, name: str) -> JobAnswer:
        """How far a job is."""
        return self._asked(calls.job(name))

    def cancel_job(self, name: str) -> JobAnswer:
        """Cancel a job."""
        return self._asked(calls.cancel_job(name))

    def job_result(self, name: str, *, form: str = "csv") -> bytes:
        """A finished job's answers as a file, csv or jsonl."""
        return self._asked(calls.job_result(name, form))

    def _asked(self, call: Call[Answer]) -> Answer:
        attempt = 1
        while True:
            retry_after: str | None = None
            try:
                response = self._client.send(_request(self._client, call))
                if response.is_success:
                    return call.read(response.content)
                if not self._retries.is_worth_it(attempt, response.status_code):
                    raise _problem(response)
                retry_after = response.headers.get("retry-after")
            except httpx.TransportError as error:
                _give_up(call, error, attempt, self._retries)
            time.sleep(self._retries.wait(attempt, retry_after))
            attempt += 1


class AsyncFenbo:
    """Awaits each answer. Belongs to one event loop; close it, or use it in ``async with``.

    Every method raises `ApiProblem` for a problem that asking again did not mend, and `Unreachable`.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        retries: Retries | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``key`` as ``fenbo keys create`` gave it; None for a service in ``--dev``."""
        self._retries = retries or Retries()
        self._client = httpx.AsyncClient(
            base_url=address, headers=_headers(key), timeout=timeout, transport=transport
        )

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def predict(
        self, ticket: Ticket, *, full: bool = False, timeout_ms: int | None = None
    ) -> Prediction:
        """Predict a ticket without storing it; ``full`` explains by the whole model, some fifty times slower."""
        return await self._asked(calls.predict(ticket, full=full, timeout_ms=timeout_ms))

    async def store(self, ticket: Ticket, *, timeout_ms: int | None = None) -> StoredPrediction:
        """Predict and store a ticket with a ``ticket_id``; the same again gets the same answer."""
        return await self._asked(calls.store(ticket, timeout_ms=timeout_ms))

    async def store_many(self, tickets: Iterable[Ticket]) -> AsyncIterator[StoredPrediction | Refused]:
        """Store tickets, a hundred a request; one answer each, in order. `Refused` counts lines of its request."""
        for some in _pieces(tickets):
            for answer in await self._asked(calls.store_many(some)):
                yield answer

    async def ticket(self, ticket_id: str) -> TicketAnswer:
        """A stored ticket with all that became of it."""
        return await self._asked(calls.ticket(ticket_id))

    async def tickets(self, **query: str | int | None) -> TicketsAnswer:
        """A page of tickets: ``decision``, ``department``, ``urgency``, ``since``, ``cursor``, ``limit`` …"""
        return await self._asked(calls.tickets(query))

    async def outcome(self, ticket_id: str, **body: Any) -> RecordedAnswer:
        """Record what became of a ticket: ``kind`` and what goes with it. Not sent twice on a broken connection."""
        return await self._asked(calls.outcome(ticket_id, body))

    async def review(self, ticket_id: str, **body: Any) -> RecordedAnswer:
        """Record a person's opinion: ``action`` and what goes with it. Not sent twice on a broken connection."""
        return await self._asked(calls.review(ticket_id, body))

    async def taxonomy(self) -> TaxonomyAnswer:
        """The taxonomy in use."""
        return await self._asked(calls.taxonomy())

    async def bundles(self) -> BundlesAnswer:
        """All bundles, and which one answers."""
        return await self._asked(calls.bundles())

    async def create_job(self, content: bytes, *, media_type: str = "text/csv") -> JobAnswer:
        """Have a file scored in the background."""
        return await self._asked(calls.create_job(content, media_type))

    async def job(self, name: str) -> JobAnswer:
        """How far a job is."""
        return await self._asked(calls.job(name))

    async def cancel_job(self, name: str) -> JobAnswer:
        """Cancel a job."""
        return await self._asked(calls.cancel_job(name))

    async def job_result(self, name: str, *, form: str = "csv") -> bytes:
        """A finished job's answers as a file, csv or jsonl."""
        return await self._asked(calls.job_result(name, form))

    async def _asked(self, call: Call[Answer]) -> Answer:
        attempt = 1
        while True:
            retry_after: str | None = None
            try:
                response = await self._client.send(_request(self._client, call))
                if response.is_success:
                    return call.read(response.content)
                if not self._retries.is_worth_it(attempt, response.status_code):
                    raise _problem(response)
                retry_after = response.headers.get("retry-after")
            except httpx.TransportError as error:
                _give_up(call, error, attempt, self._retries)
            await asyncio.sleep(self._retries.wait(attempt, retry_after))
            attempt += 1


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _request(client: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    headers = dict(call.headers)
    if call.content is not None:
        headers["Content-Type"] = call.media_type
    return client.build_request(
        call.method, call.path, content=call.content, params=dict(call.query), headers=headers
    )


def _give_up(call: Call[Any], error: httpx.TransportError, attempt: int, retries: Retries) -> None:
    """Raise `Unreachable` unless it is right to send the call again."""
    # Where no connection was made nothing was sent; else only what may be sent twice is.
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    if attempt >= retries.attempts or not (call.repeatable or never_sent):
        raise Unreachable(
            f"{call.method} {call.path} got no answer ({type(error).__name__}); check the address and the service"
        ) from error


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        body = response.json()
    except ValueError:
        body = None
    return ApiProblem(
        response.status_code, body if isinstance(body, dict) else {"detail": response.reason_phrase}
    )


def _pieces(tickets: Iterable[Ticket]) -> Iterator[list[Ticket]]:
    iterator = iter(tickets)
    while piece := list(islice(iterator, _TOGETHER)):
        yield piece
