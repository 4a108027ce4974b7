"""The machine's clock jumps: nothing acknowledged is lost, nothing is answered otherwise than before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from starlette.testclient import TestClient

from service.settings import Settings
from service.storage import audit, open_database
from tests.service.conftest import in_process, wait_until
from tests.service.fixture_router import FixtureRouter

NOW = datetime(2026, 5, 12, 2, 0, tzinfo=UTC)
JUMPS = [timedelta(days=3), timedelta(days=-400), timedelta(days=8000), timedelta(hours=-1)]


@pytest.fixture
def client(stored: Settings) -> Iterator[TestClient]:
    """A service on either database, started at a known time."""
    with time_machine.travel(NOW), in_process(FixtureRouter(), stored) as found:
        yield found


def _post(client: TestClient, number: int) -> Any:
    return client.post("/v1/tickets", json={"ticket_id": f"T{number}", "content": f"{number} 号路灯不亮"})


def test_tickets_before_and_after_a_jump_are_all_there(client: TestClient, stored: Settings) -> None:
    answers = {0: _post(client, 0).content}
    for number, jump in enumerate(JUMPS, start=1):
        with time_machine.travel(NOW + jump):
            answer = _post(client, number)
            assert answer.status_code == 201
            answers[number] = answer.content
            said = {"kind": "department", "department": "RSJ"}
            assert client.post(f"/v1/tickets/T{number - 1}/outcome", json=said).status_code == 201
    for number, content in answers.items():
        again = _post(client, number)
        assert (again.status_code, again.content) == (200, content)
    listed: list[str] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = client.get("/v1/tickets", params={"limit": "2"} | cursor).json()
        listed += [ticket["ticket_id"] for ticket in page["tickets"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert sorted(listed) == [f"T{number}" for number in range(len(answers))]
    database = open_database(stored)
    with database.reading() as connection:
        assert audit.verify(connection).rows > len(answers)
    database.close()


def test_a_job_goes_on_over_a_jump(client: TestClient) -> None:
    letters = "content\n" + "\n".join(f"{number} 号路灯不亮" for number in range(500)) + "\n"
    answer = client.post("/v1/jobs", content=letters.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 202
    job = answer.json()["job"]
    with time_machine.travel(NOW - timedelta(days=2)):
        wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
    assert client.get(f"/v1/jobs/{job}").json()["answered"] == 500
