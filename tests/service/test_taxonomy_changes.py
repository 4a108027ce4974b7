"""Departments changed while the service runs: in effect from a day on, never predicted after their end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.calendar import SHANGHAI
from service.settings import Settings
from tests.service.conftest import behind_socket, in_process, wait_until
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import rows

PENSION = {"content": "养老保险怎么转"}
TOMORROW = (datetime.now(SHANGHAI) + timedelta(days=2)).date().isoformat()


@pytest.fixture
def client(stored: Settings) -> Iterator[TestClient]:
    """A service on either database."""
    with in_process(FixtureRouter(), stored) as found:
        yield found


def _retired(client: Any, on: str = "2026-01-02", successor: str = "RSJ") -> Any:
    body = {"successor": successor, "on": on, "reason": "机构改革"}
    return client.post("/v1/taxonomy/departments/SBJ:retire", json=body)


def _department(client: Any) -> str:
    code: str = client.post("/v1/predict", json=PENSION).json()["department"]["code"]
    return code


def test_retired_department_is_no_longer_predicted(client: TestClient, stored: Settings) -> None:
    assert _department(client) == "SBJ"
    answer = _retired(client)
    assert answer.status_code == 200
    assert _department(client) == "RSJ"
    assert client.get("/v1/taxonomy").json()["version"] == answer.json()["version"]
    assert [row.action for row in rows(stored, "SELECT action FROM audit")] == ["taxonomy.changed"]


def test_change_outlives_a_restart_and_reaches_other_processes(stored: Settings) -> None:
    with behind_socket(FixtureRouter(), stored) as one, behind_socket(FixtureRouter(), stored) as other:
        assert _retired(one.client).status_code == 200
        wait_until(lambda: _department(other.client) == "RSJ")
    with in_process(FixtureRouter(), stored) as client:
        wait_until(lambda: _department(client) == "RSJ")


def test_change_of_a_day_to_come_waits_for_it(client: TestClient) -> None:
    before = client.get("/v1/taxonomy").json()
    body = {"name": "市社会保险服务中心", "reason": "更名", "effective_from": TOMORROW}
    assert client.put("/v1/taxonomy/departments/SBJ", json=body).json() == before
    versions = client.get("/v1/taxonomy/versions").json()
    assert versions["in_use"] == before["version"]
    assert [each["effective_from"] for each in versions["versions"]] == [TOMORROW]
    refused = _retired(client)
    assert refused.status_code == 409
    assert TOMORROW in refused.json()["detail"]


def test_renamed_department_is_still_known_by_its_old_name(client: TestClient) -> None:
    body = {"name": "市社会保险服务中心", "reason": "更名"}
    assert client.put("/v1/taxonomy/departments/SBJ", json=body).status_code == 200
    assert client.post("/v1/predict", json=PENSION).json()["department"]["name"] == "市社会保险服务中心"
    client.post("/v1/tickets", json=PENSION | {"ticket_id": "A"})
    said = {"kind": "department", "department": "市社会保险基金管理局"}
    assert client.post("/v1/tickets/A/outcome", json=said).status_code == 201
    assert client.get("/v1/tickets/A").json()["department_name"] == "市社会保险服务中心"


@pytest.mark.parametrize(
    ("on", "successor"),
    [("0001-01-01", "RSJ"), ("2026-01-02", "NOBODY"), ("2026-01-02", "SBJ")],
)
def test_change_that_makes_no_sense_is_refused(client: TestClient, on: str, successor: str) -> None:
    refused = _retired(client, on, successor)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:fenbo:problem:taxonomy-refused"
    assert _department(client) == "SBJ"
