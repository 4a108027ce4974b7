"""What stands around every request: its id, headers, logs and counts."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from service.examples import NIGHT_NOISE
from service.logs import configure_logging, described
from tests.service.conftest import in_process
from tests.service.fixture_router import POISON, FixtureRouter

Lines = list[dict[str, Any]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to standard error, with logging set up as the service does."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logging(level="debug", form="json")
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(log: io.StringIO) -> Lines:
    """The log, parsed."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_id_of_the_caller_comes_back(client: TestClient) -> None:
    for given in ("a", "req-2026.05:12_7", "0" * 128):
        response = client.get("/health/live", headers={"X-Request-ID": given})
        assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "0" * 129, "-a", "张三", '"><script>', "a;b", "a\tb"])
def test_id_that_is_none_is_replaced(client: TestClient, given: str) -> None:
    response = client.get("/health/live", headers={b"X-Request-ID": given.encode()})
    made = response.headers["x-request-id"]
    assert made != given
    assert len(made) == 32
    assert made.isalnum()


def test_ids_made_here_differ(client: TestClient) -> None:
    assert len({client.get("/health/live").headers["x-request-id"] for _ in range(50)}) == 50


def test_answers_forbid_what_a_browser_need_not_do(client: TestClient) -> None:
    headers = client.post("/v1/predict", json={"content": "好"}).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


def test_no_other_site_may_read_answers(client: TestClient) -> None:
    preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    response = client.options("/v1/predict", headers=preflight)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_each_request_is_one_line_with_its_id(log: io.StringIO) -> None:
    with in_process(FixtureRouter()) as client:
        client.post("/v1/predict", json=NIGHT_NOISE.ticket, headers={"X-Request-ID": "id-1"})
        client.get("/nowhere/13800138000?name=张三", headers={"X-Request-ID": "id-2"})
    found = {
        line["request_id"]: line
        for line in lines(log)
        if line["event"] == "request" and "id-" in line["request_id"]
    }
    assert found.keys() == {"id-1", "id-2"}
    assert (found["id-1"]["method"], found["id-1"]["route"], found["id-1"]["status"]) == (
        "POST",
        "/v1/predict",
        200,
    )
    assert found["id-1"]["milliseconds"] > 0
    assert found["id-1"]["timestamp"].endswith("Z")
    assert (found["id-2"]["route"], found["id-2"]["status"]) == ("unmatched", 404)


def test_logs_never_hold_what_was_written(log: io.StringIO) -> None:
    with in_process(FixtureRouter()) as client:
        client.post("/v1/predict", json=NIGHT_NOISE.ticket)
        client.post("/v1/predict", json={"content": f"{POISON}，我叫张三，电话 13800138000"})
        client.post("/v1/predict", json={"content": "好", "张三13800138000": 1})
        client.post("/v1/predict", content="张三 13800138000", headers={"Content-Type": "application/json"})
        client.get("/张三/13800138000?q=13800138000")
    written = log.getvalue()
    assert "unexpected error" in written
    for private in ("13800138000", "张三", POISON, "打桩", "梅龙路"):
        assert private not in written


def test_failure_is_logged_with_where_it_was_raised(log: io.StringIO) -> None:
    with in_process(FixtureRouter()) as client:
        client.post("/v1/predict", json={"content": POISON}, headers={"X-Request-ID": "id-3"})
    (line,) = [line for line in lines(log) if line["event"] == "unexpected error"]
    assert line["request_id"] == "id-3"
    assert line["level"] == "error"
    assert line["raised"][0]["type"] == "builtins.ValueError"
    assert any(
        "fixture_router.py" in place and place.endswith(" predict") for place in line["raised"][0]["places"]
    )


def test_libraries_log_in_the_same_form_without_messages_of_errors(log: io.StringIO) -> None:
    try:
        raise ValueError("张三")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke\nfuture: <Task ValueError('张三')>")
    (line,) = lines(log)
    assert line["event"] == "it broke"
    assert line["raised"][0]["type"] == "builtins.ValueError"
    assert "张三" not in log.getvalue()


def test_traceback_made_a_text_keeps_its_places_alone(log: io.StringIO) -> None:
    try:
        raise ValueError("张三")
    except ValueError:
        logging.getLogger("uvicorn.error").error(traceback.format_exc())
    (line,) = lines(log)
    assert line["event"] == "unexpected error"
    assert "test_around_requests.py" in line["raised"][0]["places"][0]
    assert "张三" not in log.getvalue()


def test_causes_are_described_and_circles_end() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert [each["type"] for each in described(first)] == ["builtins.ValueError", "builtins.KeyError"]


def test_metrics_count_requests_decisions_and_stages(client: TestClient) -> None:
    client.post("/v1/predict", json=NIGHT_NOISE.ticket)
    client.post("/v1/predict", json={"content": "楼道里煤气味很重"})
    client.post("/v1/predict", json={})
    found = metrics(client)
    assert found['fenbo_requests_total{method="POST",route="/v1/predict",status="200"}'] == 2
    assert found['fenbo_requests_total{method="POST",route="/v1/predict",status="422"}'] == 1
    assert found['fenbo_decisions_total{decision="auto"}'] == 1
    assert found['fenbo_decisions_total{decision="review"}'] == 1
    assert found['fenbo_departments_total{department="STJ"}'] == 1
    assert found['fenbo_urgencies_total{urgency="emergency"}'] == 1
    assert found['fenbo_kinds_total{kind="T"}'] == 2
    assert found['fenbo_stage_seconds_count{explain="lexical",stage="queue"}'] == 2
    assert found['fenbo_stage_seconds_count{explain="lexical",stage="predict"}'] == 2
    assert found['fenbo_batch_requests_count{explain="lexical"}'] == 2
    assert found['fenbo_queue_requests{explain="lexical"}'] == 0
    assert found["fenbo_ready_workers"] == 1


def test_odd_methods_and_addresses_do_not_grow_the_metrics(client: TestClient) -> None:
    for number in range(30):
        client.request(f"M{number}", f"/{number}")
    assert sum("unmatched" in name and "total" in name for name in metrics(client)) == 1


def test_metrics_speak_openmetrics_when_asked(client: TestClient) -> None:
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def metrics(client: TestClient) -> dict[str, float]:
    """Name with labels → value."""
    rows = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {row.rpartition(" ")[0]: float(row.rpartition(" ")[2]) for row in rows}
