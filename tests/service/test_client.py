"""The typed client: against a real service, and against one that refuses."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from model.ticket import Location, Ticket
from service.client import ApiProblem, AsyncFenbo, Fenbo, Retries, Unreachable
from service.client.calls import Refused, posted
from service.schemas.stored import StoredPrediction
from tests.service.conftest import Running, wait_until

TREE = Ticket(content="公园的树倒了", ticket_id="T1", created_at=datetime(2026, 5, 12, 15, 41, tzinfo=UTC))
AT_ONCE = Retries(attempts=4, first_seconds=0.0, longest_seconds=0.0)


def test_tickets_are_predicted_stored_found_and_corrected(running: Running) -> None:
    with Fenbo(running.address) as fenbo:
        assert fenbo.predict(TREE).department.code == "CGJ"
        assert fenbo.predict(TREE, full=True).evidence.method == "occlusion"
        first = fenbo.store(TREE)
        assert isinstance(first, StoredPrediction)
        assert fenbo.store(TREE) == first
        with pytest.raises(ApiProblem) as conflict:
            fenbo.store(Ticket(content="别的", ticket_id="T1"))
        assert (conflict.value.status, conflict.value.kind) == (409, "ticket-conflict")
        assert conflict.value.request_id
        fenbo.outcome("T1", kind="department", department="RSJ")
        fenbo.review("T1", action="accept")
        assert fenbo.ticket("T1").ticket_id == "T1"
        assert [each.ticket_id for each in fenbo.tickets(limit=10).tickets] == ["T1"]
        assert fenbo.taxonomy().name == "shenzhen"
        assert fenbo.bundles().answering == "fixture"


def test_many_are_stored_in_order_and_bad_ones_told(running: Running) -> None:
    tickets = [Ticket(content="树" if n != 150 else " ", ticket_id=f"M{n}") for n in range(230)]
    with Fenbo(running.address) as fenbo:
        answers = list(fenbo.store_many(tickets))
    assert len(answers) == 230
    refused = answers.pop(150)
    assert isinstance(refused, Refused)
    assert (refused.line, refused.status) == (51, 422)
    assert all(isinstance(answer, StoredPrediction) for answer in answers)


def test_job_is_followed_to_its_result(running: Running) -> None:
    with Fenbo(running.address) as fenbo:
        job = fenbo.create_job("ticket_id,content\nA,公园的树倒了\n".encode())
        wait_until(lambda: fenbo.job(job.job).state == "done")
        assert fenbo.job_result(job.job).decode().splitlines()[1].startswith("A,CGJ,")
        assert fenbo.cancel_job(job.job).state == "done"


def test_awaited_client_does_the_same(running: Running) -> None:
    async def play() -> None:
        async with AsyncFenbo(running.address) as fenbo:
            many = await asyncio.gather(*(fenbo.predict(TREE) for _ in range(8)))
            assert {each.department.code for each in many} == {"CGJ"}
            assert (await fenbo.store(TREE)).ticket_id == "T1"
            stored = [each async for each in fenbo.store_many([TREE, Ticket(content="好", ticket_id="T2")])]
            assert len(stored) == 2
            with pytest.raises(ApiProblem):
                await fenbo.ticket("none")

    asyncio.run(play())


class Refusing:
    """Answers with each status of a list, then as a healthy service does."""

    def __init__(self, *statuses: int | Exception, retry_after: str = "0") -> None:
        self.statuses = list(statuses)
        self.retry_after = retry_after
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        if not self.statuses:
            return httpx.Response(200, json={"id": 1})
        status = self.statuses.pop(0)
        if isinstance(status, Exception):
            raise status
        body = {"type": f"urn:fenbo:problem:p{status}", "detail": "满", "request_id": "r"}
        return httpx.Response(status, json=body, headers={"Retry-After": self.retry_after})


def client_of(refusing: Refusing, **options: Any) -> Fenbo:
    return Fenbo(
        "http://fenbo",
        retries=options.pop("retries", AT_ONCE),
        transport=httpx.MockTransport(refusing),
        **options,
    )


@pytest.mark.parametrize("statuses", [(429,), (503, 429, 503)])
def test_busy_service_is_asked_again(statuses: tuple[int, ...]) -> None:
    refusing = Refusing(*statuses)
    client_of(refusing).job_result("x")
    assert refusing.asked == len(statuses) + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 504])
def test_other_refusals_are_told_at_once(status: int) -> None:
    refusing = Refusing(status, status)
    with pytest.raises(ApiProblem) as problem:
        client_of(refusing).job_result("x")
    assert (problem.value.status, refusing.asked) == (status, 1)


def test_patience_ends() -> None:
    refusing = Refusing(*[503] * 10)
    with pytest.raises(ApiProblem):
        client_of(refusing).job_result("x")
    assert refusing.asked == 4


def test_broken_connection_repeats_only_what_may_be_sent_twice() -> None:
    refusing = Refusing(httpx.ReadError("x"))
    client_of(refusing).job_result("x")
    assert refusing.asked == 2
    refusing = Refusing(httpx.ReadError("x"))
    with pytest.raises(Unreachable):
        client_of(refusing).outcome("T1", kind="department", department="RSJ")
    assert refusing.asked == 1


def test_nobody_there_is_told() -> None:
    with (
        pytest.raises(Unreachable, match="check the address"),
        Fenbo("http://127.0.0.1:9", retries=AT_ONCE) as fenbo,
    ):
        fenbo.predict(TREE)


def test_waits_double_are_spread_and_heed_retry_after() -> None:
    retries = Retries(first_seconds=1, longest_seconds=8, chance=random.Random(7))
    for attempt, expected in enumerate((1, 2, 4, 8, 8), start=1):
        waits = [retries.wait(attempt, None) for _ in range(50)]
        assert expected <= min(waits) < max(waits) <= expected * 1.25
    assert 20 <= retries.wait(1, "20") <= 25
    assert retries.wait(1, "soon") <= 1.25


def test_key_goes_in_a_header_only() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"")

    with Fenbo("http://fenbo", key="fenbo_secret", transport=httpx.MockTransport(answer)) as fenbo:
        fenbo.job_result("x")
    assert seen[0].headers["authorization"] == "Bearer fenbo_secret"
    assert "fenbo_secret" not in str(seen[0].url)


def test_only_what_is_known_is_posted() -> None:
    assert posted(Ticket(content="好")) == {"content": "好"}
    place = Location(address="a", longitude=0.0)
    assert posted(Ticket(content="好", location=place))["location"] == {"address": "a", "longitude": 0.0}
