"""Live and ready: what an orchestrator asks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.errors import FenboError
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import in_process, wait_until
from tests.service.fixture_router import POISON, FixtureRouter


def test_ready_tells_what_answers(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {
        "status": "ready",
        "bundle": "fixture",
        "taxonomy": "shenzhen",
        "taxonomy_version": "2026.1",
        "code": "0",
    }


def test_loading_service_is_live_but_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()

    def load(_: Settings) -> FixtureRouter:
        assert loaded.wait(10)
        return FixtureRouter()

    monkeypatch.setattr("service.runtime.load_predictor", load)
    with TestClient(create_app(Settings(dev=True))) as client:
        assert client.get("/health/live").status_code == 200
        for response in (
            client.get("/health/ready"),
            client.post("/v1/predict", json={"content": "好"}),
            client.get("/v1/taxonomy"),
        ):
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) >= 1
            assert response.json()["type"] == "urn:fenbo:problem:not-ready"
            assert response.json()["detail"] == "模型正在载入，请稍候"
        loaded.set()
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        assert client.post("/v1/predict", json={"content": "好"}).status_code == 200


def test_model_is_warm_before_it_is_ready(client: TestClient, router: FixtureRouter) -> None:
    assert client.get("/health/ready").status_code == 200
    assert len(router.batches) >= 6
    assert max(len(batch[0].content) for batch in router.batches) > 400


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FenboError("bundle: runs/x lacks lexical.npz; copy the bundle again"), "lacks lexical.npz"),
        (ValueError("secret"), "the log tells"),
    ],
)
def test_model_that_cannot_be_loaded_is_told_and_never_ready(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    failures: list[FenboError] = []

    def load(_: Settings) -> FixtureRouter:
        raise error

    monkeypatch.setattr("service.runtime.load_predictor", load)
    app = create_app(Settings(bundle=Path("runs/x"), dev=True), when_failed=failures.append)
    with TestClient(app) as client:
        wait_until(lambda: bool(failures))
        assert told in str(failures[0])
        assert client.get("/health/live").status_code == 200
        response = client.get("/health/ready")
        assert (response.status_code, response.json()["detail"]) == (503, "模型没能载入，原因见日志")


def test_model_that_fails_on_the_first_letter_is_never_ready() -> None:
    router = FixtureRouter()
    router.broken = True
    failures: list[FenboError] = []
    with TestClient(create_app(Settings(dev=True), router, when_failed=failures.append)) as client:
        wait_until(lambda: bool(failures))
        assert client.get("/health/ready").status_code == 503


def test_failure_makes_ready_try_a_letter_and_success_clears_it() -> None:
    router = FixtureRouter()
    with in_process(router) as client:
        before = len(router.batches)
        assert client.get("/health/ready").status_code == 200
        assert len(router.batches) == before, "a healthy model is not bothered"

        router.broken = True
        assert client.post("/v1/predict", json={"content": "好"}).status_code == 500
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert client.get("/health/live").status_code == 200

        router.broken = False
        assert client.get("/health/ready").status_code == 200
        before = len(router.batches)
        assert client.get("/health/ready").status_code == 200
        assert len(router.batches) == before


def test_one_poisonous_letter_does_not_take_the_service_out() -> None:
    with in_process(FixtureRouter()) as client:
        assert client.post("/v1/predict", json={"content": POISON}).status_code == 500
        assert client.get("/health/ready").status_code == 200


def test_model_that_hangs_is_found_out() -> None:
    router = FixtureRouter()
    with in_process(router, Settings(timeout_ms=50)) as client:
        router.gate.clear()
        assert client.post("/v1/predict", json={"content": "好"}).status_code == 504
        before = len(router.batches)
        threading.Timer(0.3, router.gate.set).start()
        answers: list[Any] = [client.get("/health/ready")]
        assert answers[0].status_code == 200
        assert len(router.batches) > before, "ready waited for a real prediction"
