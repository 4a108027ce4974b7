"""What people say of tickets: kept for good, seen at once, and the list of what waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.settings import Settings
from tests.service.conftest import in_process
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import is_refused, rows


@pytest.fixture
def client(stored: Settings) -> Iterator[TestClient]:
    """A service with one ticket that was dispatched and one that waits for a person."""
    with in_process(FixtureRouter(), stored) as found:
        found.post("/v1/tickets", json={"ticket_id": "sure", "content": "公司拖欠工资三个月"})
        found.post("/v1/tickets", json={"ticket_id": "open", "content": "想问一下"})
        yield found


def _ticket(client: TestClient, ticket_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/tickets/{ticket_id}").json()
    return found


def _said(client: TestClient, ticket_id: str, path: str, **body: str) -> Any:
    return client.post(f"/v1/tickets/{ticket_id}/{path}", json=body)


def test_final_department_settles_what_was_open(client: TestClient) -> None:
    answer = _said(client, "open", "outcome", kind="department", department="市城市管理和综合执法局")
    assert answer.status_code == 201
    assert answer.json()["review"] == "settled"
    ticket = _ticket(client, "open")
    assert (ticket["department"], ticket["predicted_department"]) == ("CGJ", "QZF")
    assert client.get("/v1/reviews").json()["tickets"] == []


def test_returned_ticket_waits_for_a_person_again(client: TestClient) -> None:
    _said(client, "sure", "outcome", kind="department", department="RSJ")
    assert _said(client, "sure", "outcome", kind="return", reason="不属本局").json()["review"] == "open"
    assert {each["ticket_id"] for each in client.get("/v1/reviews").json()["tickets"]} == {"sure", "open"}
    kinds = [each["kind"] for each in _ticket(client, "sure")["outcomes"]]
    assert kinds == ["department", "return"]


def test_later_word_counts_and_all_are_kept(client: TestClient) -> None:
    _said(client, "open", "review", action="correct", department="RSJ", reason="工资", by="甲")
    _said(client, "open", "review", action="correct", department="STJ", kind="H", reason="噪声", by="乙")
    ticket = _ticket(client, "open")
    assert (ticket["department"], ticket["kind"], ticket["review"]) == ("STJ", "H", "corrected")
    assert [(each["by"], each["department"]) for each in ticket["reviews"]] == [("甲", "RSJ"), ("乙", "STJ")]
    assert ticket["prediction"]["department"]["code"] == "QZF"


def test_accepting_takes_the_prediction_as_the_persons_word(client: TestClient) -> None:
    assert _said(client, "open", "review", action="accept").json()["review"] == "accepted"
    ticket = _ticket(client, "open")
    assert (ticket["department"], ticket["urgency"]) == ("QZF", "normal")
    assert ticket["reviews"][0]["by"] == "dev"


def test_second_opinion_is_another_persons(client: TestClient) -> None:
    assert _said(client, "open", "review", action="second_opinion", by="甲").status_code == 201
    refused = _said(client, "open", "review", action="accept", by="甲")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:fenbo:problem:same-reviewer"
    assert _ticket(client, "open")["review"] == "second_opinion"
    assert _said(client, "open", "review", action="accept", by="乙").status_code == 201


def test_reviews_come_most_urgent_then_oldest_first(client: TestClient) -> None:
    for number in range(3):
        client.post("/v1/tickets", json={"ticket_id": f"gas{number}", "content": "楼道煤气味很重"})
        client.post("/v1/tickets", json={"ticket_id": f"ask{number}", "content": "想问一下"})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/reviews", params={"limit": "2"} | cursor).json()
        seen += [each["ticket_id"] for each in page["tickets"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["gas0", "gas1", "gas2", "open", "ask0", "ask1", "ask2"]
    assert len(client.get("/v1/reviews?urgency=emergency").json()["tickets"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("outcome", {"kind": "department"}, "department"),
        ("outcome", {"kind": "return"}, "reason"),
        ("outcome", {"kind": "urgency", "urgency": "very"}, "urgency"),
        ("outcome", {"kind": "urgency"}, "urgency"),
        ("outcome", {"kind": "merge"}, "other_ticket"),
        ("outcome", {"kind": "merge", "other_ticket": "nobody"}, "other_ticket"),
        ("outcome", {"kind": "merge", "other_ticket": "open"}, "other_ticket"),
        ("outcome", {"kind": "urgency", "urgency": "low", "department": "RSJ"}, "department"),
        ("outcome", {"kind": "department", "department": "不存在的局"}, "department"),
        ("outcome", {"kind": "closed"}, "kind"),
        ("outcome", {"kind": "department", "department": "RSJ", "who": "x"}, "who"),
        ("review", {"action": "correct", "reason": "不对"}, "department"),
        ("review", {"action": "correct", "department": "RSJ"}, "reason"),
        ("review", {"action": "accept", "department": "RSJ"}, "department"),
        ("review", {"action": "delete"}, "action"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    client: TestClient, stored: Settings, path: str, body: dict[str, str], field: str
) -> None:
    answer = _said(client, "open", path, **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert rows(stored, f"SELECT 1 FROM {path}s") == []


def test_what_was_said_cannot_be_unsaid(client: TestClient, stored: Settings) -> None:
    _said(client, "open", "outcome", kind="urgency", urgency="low")
    _said(client, "open", "review", action="accept")
    for table in ("outcomes", "reviews", "audit"):
        key = "sequence" if table == "audit" else "id"
        assert is_refused(stored, f"UPDATE {table} SET {key} = {key} + 100")
        assert is_refused(stored, f"DELETE FROM {table}")
        assert rows(stored, f"SELECT 1 FROM {table}")


def test_everything_is_in_the_audit_log(client: TestClient, stored: Settings) -> None:
    _said(client, "open", "outcome", kind="urgency", urgency="low")
    _said(client, "open", "review", action="accept", by="甲")
    found = rows(stored, "SELECT action, subject, actor FROM audit ORDER BY sequence")
    assert [tuple(row) for row in found] == [
        ("ticket.stored", "ticket:sure", "dev"),
        ("ticket.stored", "ticket:open", "dev"),
        ("outcome.urgency", "ticket:open", "dev"),
        ("review.accept", "ticket:open", "dev"),
    ]
