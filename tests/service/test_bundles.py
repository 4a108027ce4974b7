"""Changing the bundle that answers, and trying one beside it, while the service is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.registry import Registry
from service.settings import Settings
from tests.service.conftest import Running, behind_socket, in_process, wait_until
from tests.service.fixture_bundles import damage, load_fixture, write_bundle
from tests.service.fixture_router import FixtureRouter


@pytest.fixture(autouse=True)
def _fixture_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runtime.load_predictor", load_fixture)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with two bundles."""
    write_bundle(tmp_path, "city-1")
    write_bundle(tmp_path, "city-2", department="RSJ")
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> Settings:
    """Of a service that follows the registry closely and refuses nobody for being late."""
    return Settings(registry=folder, registry_poll_seconds=0.02, queue_wait_ms=60_000)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with in_process(FixtureRouter(), settings) as found:
        yield found


def answering(client: Any) -> str:
    """The bundle that a prediction names."""
    response = client.post("/v1/predict", json={"content": "树倒了"})
    assert response.status_code == 200
    return str(response.json()["versions"]["bundle"])


def states(client: Any) -> dict[str, str]:
    return {each["name"]: each["state"] for each in client.get("/v1/bundles").json()["bundles"]}


def test_promoted_bundle_answers_from_then_on_and_the_list_says_so(client: TestClient) -> None:
    assert answering(client) == "fixture"
    response = client.post("/v1/bundles/city-2:promote", json={"reason": "交通局更准"})
    assert response.status_code == 200
    assert response.json()["answering"] == "city-2"
    assert response.json()["promotions"][0]["reason"] == "交通局更准"
    assert answering(client) == "city-2"
    assert client.get("/health/ready").json()["bundle"] == "city-2"
    assert states(client) == {"starter": "available", "city-1": "available", "city-2": "answering"}


def test_rollback_returns_to_the_one_before(client: TestClient) -> None:
    client.post("/v1/bundles/city-1:promote")
    client.post("/v1/bundles/city-2:promote")
    assert client.post("/v1/bundles/city-1:rollback").status_code == 409, "it is not the one that answers"
    assert client.post("/v1/bundles/city-2:rollback").json()["answering"] == "city-1"
    assert answering(client) == "city-1"


def test_what_was_promoted_by_command_is_followed(client: TestClient, folder: Path) -> None:
    Registry(folder).promote("city-1", by="wang")
    wait_until(lambda: answering(client) == "city-1")


def test_bundle_replaced_under_its_name_is_loaded_when_promoted_again(
    client: TestClient, folder: Path
) -> None:
    client.post("/v1/bundles/city-1:promote")
    assert client.post("/v1/predict", json={"content": "树"}).json()["department"]["code"] == "CGJ"
    write_bundle(folder, "city-1", department="RSJ")
    Registry(folder).promote("city-1", by="wang")
    wait_until(
        lambda: client.post("/v1/predict", json={"content": "树"}).json()["department"]["code"] == "RSJ"
    )


def test_damaged_bundle_is_refused_and_the_old_one_answers(client: TestClient, folder: Path) -> None:
    client.post("/v1/bundles/city-1:promote")
    damage(folder / "city-2")
    response = client.post("/v1/bundles/city-2:promote")
    assert response.status_code == 409
    assert response.json()["type"] == "urn:fenbo:problem:bundle-refused"
    assert "traits.json was changed since it was written" in response.json()["detail"]
    assert answering(client) == "city-1"
    assert Registry(folder).current() == "city-1", "nothing was written"


def test_bundle_that_fails_on_a_known_letter_is_refused(client: TestClient, folder: Path) -> None:
    write_bundle(folder, "city-3", broken=True)
    assert client.post("/v1/bundles/city-3:promote").status_code == 409
    assert answering(client) == "fixture"


def test_refusal_of_what_was_promoted_by_command_is_told(client: TestClient, folder: Path) -> None:
    client.post("/v1/bundles/city-1:promote")
    write_bundle(folder, "city-3", broken=True)
    Registry(folder).promote("city-3", by="wang")
    wait_until(lambda: states(client)["city-3"] == "refused")
    assert answering(client) == "city-1"
    assert 'fenbo_bundle_swaps_total{result="refused"} 1.0' in client.get("/metrics").text


def test_unknown_bundle_is_404_with_those_that_there_are(client: TestClient) -> None:
    response = client.post("/v1/bundles/city-9:promote")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:fenbo:problem:bundle-not-found"
    assert "city-1, city-2" in response.json()["detail"]


def test_named_bundle_is_not_changed_by_promotions(folder: Path) -> None:
    settings = Settings(bundle=folder / "city-1", registry=folder, registry_poll_seconds=0.02)
    with in_process(None, settings) as client:
        assert client.get("/v1/bundles").json()["pinned"] is True
        assert client.post("/v1/bundles/city-2:promote").status_code == 409
        assert answering(client) == "city-1"


def test_service_starts_with_what_was_promoted(folder: Path) -> None:
    Registry(folder).promote("city-2", by="wang")
    with in_process(None, Settings(registry=folder)) as client:
        assert answering(client) == "city-2"


def test_no_request_fails_while_bundles_are_swapped(settings: Settings) -> None:
    with behind_socket(FixtureRouter(), settings) as running, ThreadPoolExecutor(8) as callers:
        running.router.seconds = 0.001
        stop = threading.Event()

        def ask() -> list[tuple[int, str]]:
            seen = []
            while not stop.is_set():
                response = running.client.post("/v1/predict", json={"content": "树倒了"})
                body = response.json()
                seen.append((response.status_code, body["versions"]["bundle"] + body["department"]["code"]))
            return seen

        asked = [callers.submit(ask) for _ in range(8)]
        for name in ("city-1", "city-2", "city-1", "city-2", "starter"):
            assert running.client.post(f"/v1/bundles/{name}:promote").status_code == 200
        stop.set()
        seen = [each for caller in asked for each in caller.result()]
    assert {status for status, _ in seen} == {200}
    # What names a bundle is that bundle's own answer.
    assert {answer for _, answer in seen} <= {"fixtureCGJ", "city-1CGJ", "city-2RSJ"}
    assert {"city-1CGJ", "city-2RSJ"} <= {answer for _, answer in seen}


def test_shadow_reads_after_the_answer_and_changes_nothing(client: TestClient) -> None:
    assert client.post("/v1/bundles/city-2:shadow").json()["shadow"] == "city-2"
    for content in ("树倒了", "拖欠工资"):
        assert client.post("/v1/predict", json={"content": content}).json()["versions"]["bundle"] == "fixture"
    wait_until(lambda: 'fenbo_shadow_letters_total{result="compared"} 2.0' in client.get("/metrics").text)
    assert 'fenbo_shadow_changes_total{what="department"} 1.0' in client.get("/metrics").text
    assert client.post("/v1/bundles/city-1:unshadow").status_code == 409
    assert client.post("/v1/bundles/city-2:unshadow").json()["shadow"] is None


def test_shadow_that_fails_is_counted_and_nobody_notices(client: TestClient, folder: Path) -> None:
    write_bundle(folder, "city-3")
    client.post("/v1/bundles/city-3:shadow")
    router = client.app.state.shadow._predictor  # type: ignore[attr-defined]
    router.broken = True
    assert client.post("/v1/predict", json={"content": "好"}).status_code == 200
    wait_until(lambda: 'fenbo_shadow_letters_total{result="failed"} 1.0' in client.get("/metrics").text)


def test_shadow_waits_while_anyone_else_does(settings: Settings) -> None:
    with behind_socket(FixtureRouter(), settings) as running, ThreadPoolExecutor(1) as callers:
        running.client.post("/v1/bundles/city-2:shadow")
        running.router.gate.clear()
        before = len(running.router.batches)
        held = callers.submit(running.client.post, "/v1/predict", json={"content": "占位"})
        wait_until(lambda: len(running.router.batches) > before)
        shadow = _shadow_router(running)
        read = len(shadow.batches)
        running.router.gate.set()
        assert held.result().status_code == 200
        wait_until(lambda: len(shadow.batches) == read + 1)
        assert shadow.batches[-1][0].content == "占位"


def _shadow_router(running: Running) -> FixtureRouter:
    found = running.app.state.shadow._predictor
    assert isinstance(found, FixtureRouter)
    return found


def test_comparison_tells_in_what_the_shadow_differs(client: TestClient) -> None:
    assert client.get("/v1/bundles/compare").status_code == 409
    client.post("/v1/bundles/city-2:shadow")
    for number, content in enumerate(("公园的树", "公园的树", "拖欠工资", "树")):
        posted = {"ticket_id": f"T{number}", "content": content}
        assert client.post("/v1/tickets", json=posted).status_code == 201

    def compared() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/v1/bundles/compare").json()
        return found

    wait_until(lambda: compared()["all"]["tickets"] == 4)
    found = compared()
    assert (found["shadow"], found["answer"]) == ("city-2", None)
    assert found["all"]["department"] == 0.75
    assert {each["code"]: each["changes"]["department"] for each in found["departments"]} == {
        "CGJ": 1.0,
        "RSJ": 0.0,
    }
    assert found["moves"] == [{"answer": "CGJ", "shadow": "RSJ", "tickets": 3}]
    none = client.get("/v1/bundles/compare", params={"since": "2999-01-01T00:00:00Z"}).json()
    assert none["all"] == dict.fromkeys(none["all"], 0)
    assert client.get("/v1/tickets/T0").json()["prediction"]["department"]["code"] == "CGJ"


def test_changes_of_bundles_are_in_the_audit_log(client: TestClient) -> None:
    client.post("/v1/bundles/city-1:promote", json={"reason": "请打 13800138000"})
    storage = client.app.state.storage  # type: ignore[attr-defined]
    assert client.portal is not None
    query = "SELECT actor, action, subject, details FROM audit"
    rows = client.portal.call(storage.read, lambda connection: connection.exec_driver_sql(query).fetchall())
    assert [tuple(row) for row in rows] == [
        ("dev", "bundle.promoted", "bundle:city-1", '{"reason":"请打 [PHONE]"}')
    ]
