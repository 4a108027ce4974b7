"""POST /v1/predict as a ticket system uses it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from model.prediction import Prediction
from model.ticket import Location, Ticket
from service.examples import EXAMPLES, GAS_SMELL, NIGHT_NOISE
from service.settings import Settings
from tests.service.conftest import Running, behind_socket, in_process, wait_until
from tests.service.fixture_router import POISON, FixtureRouter

PREDICTION = TypeAdapter(Prediction)


def test_answer_is_the_prediction_whole(client: TestClient, router: FixtureRouter) -> None:
    response = client.post("/v1/predict", json=NIGHT_NOISE.ticket)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answered = PREDICTION.validate_json(response.content, strict=False)
    expected = router.predict(
        [
            Ticket(
                title=NIGHT_NOISE.ticket["title"],
                content=NIGHT_NOISE.ticket["content"],
                created_at=datetime(2026, 5, 12, 15, 41, tzinfo=UTC),
            )
        ]
    )[0]
    assert answered == expected
    assert "13800138000" not in response.text
    assert "[PHONE]" in answered.masked.content


def test_every_field_reaches_the_model(client: TestClient, router: FixtureRouter) -> None:
    location: dict[str, Any] = {
        "address": "景田路 1 号",
        "district": "福田区",
        "street": "莲花街道",
        "community": "景田社区",
        "longitude": 114.05,
        "latitude": 22,
    }
    posted = {
        "ticket_id": "A-1",
        "title": "题",
        "content": "树倒了\n请来",
        "channel": "网站",
        "created_at": "2026-05-12T15:41:00.25Z",
        "location": location,
        "reporter_hash": "b7",
        "anonymous": True,
    }
    assert client.post("/v1/predict", json=posted).status_code == 200
    assert router.batches[-1] == [
        Ticket(
            content="树倒了\n请来",
            ticket_id="A-1",
            title="题",
            channel="网站",
            created_at=datetime(2026, 5, 12, 15, 41, 0, 250_000, tzinfo=UTC),
            location=Location(**location),
            reporter_hash="b7",
            anonymous=True,
        )
    ]


def test_only_content_is_needed_and_null_is_absence(client: TestClient, router: FixtureRouter) -> None:
    posted: dict[str, Any] = dict.fromkeys(
        ("ticket_id", "title", "channel", "created_at", "location", "reporter_hash", "anonymous")
    )
    assert client.post("/v1/predict", json=posted | {"content": "树倒了"}).status_code == 200
    assert client.post("/v1/predict", json={"content": "树倒了"}).status_code == 200
    assert router.batches[-1] == router.batches[-2] == [Ticket(content="树倒了")]


def test_control_characters_never_reach_the_model(client: TestClient, router: FixtureRouter) -> None:
    posted = {
        "content": "树\u0000倒\u0007了\t请\r\n来\u009f",
        "title": "\u0001题",
        "location": {"address": "a\u0000b"},
    }
    assert client.post("/v1/predict", json=posted).status_code == 200
    ticket = router.batches[-1][0]
    assert (ticket.content, ticket.title, ticket.location.address) == ("树倒了\t请\r\n来", "题", "ab")


@pytest.mark.parametrize(
    "moment", ["2026-05-12T23:41:00+08:00", "2026-05-12t15:41:00z", "2026-05-12T15:41:00-00:00"]
)
def test_forms_of_rfc_3339(client: TestClient, router: FixtureRouter, moment: str) -> None:
    assert client.post("/v1/predict", json={"content": "好", "created_at": moment}).status_code == 200
    assert router.batches[-1][0].created_at == datetime(2026, 5, 12, 15, 41, tzinfo=UTC)


def test_longest_letter_is_answered_and_one_more_character_refused(client: TestClient) -> None:
    assert client.post("/v1/predict", json={"content": "字" * 100_000}).status_code == 200
    response = client.post("/v1/predict", json={"content": "字" * 100_001})
    assert response.status_code == 422
    assert response.json()["errors"][0]["allowed"] == "最多 100000 个字符"


def test_emoji_and_rare_characters_come_back_as_sent(client: TestClient) -> None:
    content = "👨‍👩‍👧 𠮷野家旁边的树倒了 ㊙️"
    assert client.post("/v1/predict", json={"content": content}).json()["masked"]["content"] == content


def test_explain_chooses_the_method(client: TestClient, router: FixtureRouter) -> None:
    for query, method in (("", "lexical"), ("?explain=lexical", "lexical"), ("?explain=full", "occlusion")):
        answered = client.post(f"/v1/predict{query}", json=GAS_SMELL.ticket).json()
        assert answered["evidence"]["method"] == method
    assert router.explained[-3:] == ["lexical", "lexical", "full"]


def test_full_explanation_holds_nobody_up(running: Running) -> None:
    router = running.router
    with ThreadPoolExecutor(1) as callers:
        gate, router.gate = router.gate, threading.Event()
        before = len(router.batches)
        full = callers.submit(running.client.post, "/v1/predict?explain=full", json={"content": "公园的树"})
        wait_until(lambda: len(router.batches) > before)
        held, router.gate = router.gate, gate
        assert running.client.post("/v1/predict", json={"content": "好"}).status_code == 200
        assert not full.done()
        held.set()
        assert full.result().status_code == 200


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.key)
def test_every_published_example_is_accepted(client: TestClient, example: Any) -> None:
    assert client.post("/v1/predict", json=example.ticket).status_code == 200


def test_callers_at_once_each_get_their_own_answer(running: Running) -> None:
    running.router.seconds = 0.002

    def ask(number: int) -> tuple[int, str, str]:
        body = {"ticket_id": f"T{number}", "content": f"第 {number} 封信，" + "树倒了" * (number % 40)}
        response = running.client.post("/v1/predict", json=body)
        answered = response.json()
        return response.status_code, answered["ticket_id"], answered["masked"]["content"]

    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(ask, range(200)))
    assert answers == [
        (200, f"T{number}", f"第 {number} 封信，" + "树倒了" * (number % 40)) for number in range(200)
    ]
    assert max(len(batch) for batch in running.router.batches) > 1


def test_same_letter_gets_the_same_answer_alone_or_among_others(running: Running) -> None:
    def ask(_: int) -> dict[str, Any]:
        answered: dict[str, Any] = running.client.post("/v1/predict", json=NIGHT_NOISE.ticket).json()
        return answered | {"milliseconds": 0}

    alone = ask(0)
    with ThreadPoolExecutor(12) as callers:
        assert all(answered == alone for answered in callers.map(ask, range(60)))


def test_full_queue_answers_429_with_retry_after_and_recovers() -> None:
    router = FixtureRouter()
    with (
        behind_socket(router, Settings(queue_requests=3, inference_threads=1)) as running,
        ThreadPoolExecutor(12) as callers,
    ):
        router.gate.clear()
        before = len(router.batches)
        first = callers.submit(running.client.post, "/v1/predict", json={"content": "占位"})
        wait_until(lambda: len(router.batches) > before)
        others = [
            callers.submit(running.client.post, "/v1/predict", json={"content": "好"}) for _ in range(10)
        ]
        wait_until(lambda: sum(other.done() for other in others) == 7)
        refused = [other.result() for other in others if other.done()]
        for response in refused:
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) >= 1
            assert response.json()["type"] == "urn:fenbo:problem:queue-full"
        router.gate.set()
        assert first.result().status_code == 200
        assert sorted(other.result().status_code for other in others) == [200] * 3 + [429] * 7
        assert running.client.post("/v1/predict", json={"content": "好"}).status_code == 200


def test_deadline_of_the_caller_is_honoured(running: Running) -> None:
    running.router.gate.clear()
    started = time.monotonic()
    response = running.client.post("/v1/predict", json={"content": "好"}, headers={"X-Timeout-Ms": "80"})
    assert time.monotonic() - started < 5
    assert response.status_code == 429
    assert response.json()["type"] == "urn:fenbo:problem:deadline-exceeded"
    assert response.json()["detail"] == "80 毫秒内没有算完"
    assert int(response.headers["retry-after"]) >= 1


def test_service_has_a_deadline_of_its_own() -> None:
    router = FixtureRouter()
    with in_process(router, Settings(timeout_ms=60)) as client:
        router.gate.clear()
        response = client.post("/v1/predict", json={"content": "好"})
        assert (response.status_code, response.json()["type"]) == (504, "urn:fenbo:problem:timed-out")
        router.gate.set()


def test_letter_of_a_caller_who_hung_up_is_never_predicted(running: Running) -> None:
    router = running.router
    host, port = running.address.removeprefix("http://").split(":")
    with ThreadPoolExecutor(2) as callers:
        router.gate.clear()
        before = len(router.batches)
        held = callers.submit(running.client.post, "/v1/predict", json={"content": "占位"})
        wait_until(lambda: len(router.batches) > before)
        body = json.dumps({"content": "我已经走了"}).encode()
        head = (
            "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(head.encode() + body)
            wait_until(lambda: _metric(running, 'fenbo_queue_requests{explain="lexical"}') == 1)
        wait_until(lambda: _metric(running, 'fenbo_queue_requests{explain="lexical"}') == 0)
        router.gate.set()
        assert held.result().status_code == 200
    assert running.client.post("/v1/predict", json={"content": "好"}).status_code == 200
    assert all(ticket.content != "我已经走了" for batch in router.batches for ticket in batch)
    assert _metric(running, 'fenbo_refused_total{reason="client-gone"}') == 1
    assert _metric(running, 'fenbo_requests_total{method="POST",route="/v1/predict",status="499"}') == 1


def test_letter_that_breaks_the_model_fails_alone(running: Running) -> None:
    router = running.router
    with ThreadPoolExecutor(8) as callers:
        router.gate.clear()
        before = len(router.batches)
        held = callers.submit(running.client.post, "/v1/predict", json={"content": "占位"})
        wait_until(lambda: len(router.batches) > before)
        contents = ["好", f"{POISON} 13800138000", "树", "公园"]
        asked = [
            callers.submit(running.client.post, "/v1/predict", json={"content": content})
            for content in contents
        ]
        wait_until(lambda: _metric(running, 'fenbo_queue_requests{explain="lexical"}') == 4)
        router.gate.set()
        assert held.result().status_code == 200
        statuses = [each.result().status_code for each in asked]
    assert statuses == [200, 500, 200, 200]
    failed = asked[1].result()
    assert failed.json()["type"] == "urn:fenbo:problem:internal"
    assert POISON not in failed.text
    assert failed.headers["x-request-id"] == failed.json()["request_id"]


def test_stopping_service_answers_all_that_it_accepted() -> None:
    router = FixtureRouter()
    with (
        behind_socket(router, Settings(queue_wait_ms=60_000, inference_threads=1)) as running,
        ThreadPoolExecutor(24) as callers,
    ):
        router.gate.clear()
        asked = [
            callers.submit(running.client.post, "/v1/predict", json={"content": f"第 {number} 封"})
            for number in range(20)
        ]
        wait_until(lambda: _metric(running, 'fenbo_queue_requests{explain="lexical"}') >= 12)
        wait_until(
            lambda: (
                _metric(running, 'fenbo_queue_requests{explain="lexical"}') + len(router.batches[-1]) >= 20
            )
        )
        running.ask_to_stop()
        time.sleep(0.3)
        router.gate.set()
        answers = [each.result() for each in asked]
        assert [answer.status_code for answer in answers] == [200] * 20
        assert [answer.json()["masked"]["content"] for answer in answers] == [f"第 {n} 封" for n in range(20)]
        running.thread.join(10)
        assert not running.thread.is_alive()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.address}/health/live")


def test_event_loop_stays_free_while_the_model_works(running: Running) -> None:
    async def play() -> None:
        running.router.gate.clear()
        async with httpx.AsyncClient(base_url=running.address) as client:
            asked = asyncio.create_task(client.post("/v1/predict", json={"content": "好"}))
            for _ in range(5):
                assert (await client.get("/health/live", timeout=2)).status_code == 200
            running.router.gate.set()
            assert (await asked).status_code == 200

    asyncio.run(play())


def _metric(running: Running, name: str) -> float:
    for line in running.client.get("/metrics").text.splitlines():
        found, _, value = line.rpartition(" ")
        if found == name:
            return float(value)
    return 0.0
