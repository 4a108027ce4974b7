"""Storing tickets: once, masked, answered the same ever after; found again by filter and page."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from service.settings import Settings
from tests.service.conftest import behind_socket, in_process
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import everything, rows

WAGES: dict[str, Any] = {
    "ticket_id": "LH1",
    "title": "拖欠工资",
    "content": "公司拖欠工资三个月，我的电话 13800138000，身份证 11010519491231002X。",
    "channel": "12345 热线",
    "created_at": "2026-05-12T23:41:00+08:00",
    "location": {"district": "宝安区", "address": "西乡街道臣田小区 3 栋 1502 房"},
    "reporter_hash": "b7c1f0a94e",
}


@pytest.fixture
def client(stored: Settings) -> Iterator[TestClient]:
    """A service on either database."""
    with in_process(FixtureRouter(), stored) as found:
        yield found


def test_ticket_is_predicted_stored_and_answered(client: TestClient) -> None:
    answer = client.post("/v1/tickets", json=WAGES)
    assert answer.status_code == 201
    body = answer.json()
    assert body["department"]["code"] == "RSJ"
    assert body["duplicates"]["status"] == "off"
    found = client.get("/v1/tickets/LH1").json()
    assert found["prediction"]["department"] == body["department"]
    assert found["received_at"] == body["received_at"]
    assert found["created_at"] == "2026-05-12T15:41:00Z"
    assert found["content"] == body["masked"]["content"]


def test_same_again_is_the_same_answer(stored: Settings) -> None:
    with in_process(FixtureRouter(), stored) as client:
        first = client.post("/v1/tickets", json=WAGES)
        again = client.post("/v1/tickets", json=dict(reversed(WAGES.items())))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    # After a restart, and by a model that says otherwise.
    with in_process(FixtureRouter(department="STJ", name="other"), stored) as client:
        assert client.post("/v1/tickets", json=WAGES).content == first.content


def test_defaults_and_left_out_fields_are_the_same_body(client: TestClient) -> None:
    plain = {"ticket_id": "A", "content": "路灯不亮"}
    assert client.post("/v1/tickets", json=plain).status_code == 201
    spelled = plain | {"title": "", "channel": None, "location": None, "anonymous": None}
    assert client.post("/v1/tickets", json=spelled).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"content": "公司拖欠工资三个月，我的电话 13800138001，身份证 11010519491231002X。"},
        {"title": "拖欠工资 "},
        {"location": None},
        {"anonymous": True},
    ],
)
def test_other_body_under_the_same_id_is_a_conflict(client: TestClient, change: dict[str, Any]) -> None:
    first = client.post("/v1/tickets", json=WAGES)
    refused = client.post("/v1/tickets", json=WAGES | change)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:fenbo:problem:ticket-conflict"
    assert "13800138001" not in refused.text
    assert client.post("/v1/tickets", json=WAGES).content == first.content


def test_id_is_needed_and_has_no_slash(client: TestClient) -> None:
    without = client.post("/v1/tickets", json={"content": "路灯不亮"})
    assert without.status_code == 422
    assert without.json()["errors"][0]["field"] == "ticket_id"
    assert client.post("/v1/tickets", json={"content": "路灯不亮", "ticket_id": "a/b"}).status_code == 422


@pytest.mark.parametrize("odd", ["工单 一", "a?b=c&d", "'; DROP TABLE tickets; --", "ä#1", "a;b,c+d"])
def test_odd_ids_are_found_again(client: TestClient, odd: str) -> None:
    assert client.post("/v1/tickets", json={"content": "路灯不亮", "ticket_id": odd}).status_code == 201
    assert client.get(f"/v1/tickets/{quote(odd, safe='')}").json()["ticket_id"] == odd


def test_one_ticket_sent_by_many_at_once_is_stored_once(stored: Settings) -> None:
    with (
        behind_socket(FixtureRouter(), stored) as one,
        behind_socket(FixtureRouter(), stored) as other,
        ThreadPoolExecutor(16) as callers,
    ):
        asked = [
            callers.submit(each.client.post, "/v1/tickets", json=WAGES | {"ticket_id": f"T{number % 4}"})
            for number in range(40)
            for each in (one, other)
        ]
        answers = [each.result() for each in asked]
    by_id: dict[str, set[bytes]] = {}
    for answer in answers:
        assert answer.status_code in (200, 201)
        by_id.setdefault(answer.json()["ticket_id"], set()).add(answer.content)
    assert {name: len(contents) for name, contents in by_id.items()} == {f"T{n}": 1 for n in range(4)}
    assert sum(answer.status_code == 201 for answer in answers) == 4
    assert len(rows(stored, "SELECT 1 FROM tickets")) == 4
    assert len(rows(stored, "SELECT 1 FROM predictions")) == 4


def test_of_two_bodies_sent_at_once_under_one_id_one_is_stored(stored: Settings) -> None:
    with (
        behind_socket(FixtureRouter(), stored) as one,
        behind_socket(FixtureRouter(), stored) as other,
        ThreadPoolExecutor(8) as callers,
    ):
        for number in range(10):
            asked = [
                callers.submit(
                    each.client.post,
                    "/v1/tickets",
                    json={"ticket_id": f"T{number}", "content": f"路灯 {side}"},
                )
                for side, each in enumerate((one, other))
            ]
            assert sorted(each.result().status_code for each in asked) == [201, 409]


def test_no_personal_data_is_stored(stored: Settings) -> None:
    secrets = ("13800138000", "11010519491231002X", "1502 房", "b7c1f0a94e", "13900139000", "13700137000")
    with in_process(FixtureRouter(), stored) as client:
        client.post("/v1/tickets", json=WAGES | {"channel": "转自 13900139000"})
        client.post("/v1/tickets", json={"ticket_id": "LH2", "content": "同上"})
        for path, body in (
            ("outcome", {"kind": "return", "reason": "请打 13700137000", "by": "张三 13700137000"}),
            ("outcome", {"kind": "merge", "other_ticket": "LH2", "reason": "电话都是 13800138000"}),
            ("review", {"action": "second_opinion", "reason": "市民电话 13700137000", "by": "13700137000"}),
        ):
            assert client.post(f"/v1/tickets/LH1/{path}", json=body).status_code == 201
    kept = everything(stored)
    assert "公司拖欠工资三个月" in kept
    for secret in secrets:
        assert secret not in kept
    for file in stored.data_dir.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], file


def test_list_is_filtered(client: TestClient) -> None:
    client.post("/v1/tickets", json=WAGES)
    client.post("/v1/tickets", json={"ticket_id": "G", "content": "楼道煤气味很重，有人头晕"})
    client.post("/v1/tickets", json={"ticket_id": "L", "content": "想问一下"})

    def ids(**query: str) -> list[str]:
        return [each["ticket_id"] for each in client.get("/v1/tickets", params=query).json()["tickets"]]

    assert ids() == ["L", "G", "LH1"]
    assert ids(order="oldest") == ["LH1", "G", "L"]
    assert ids(decision="auto") == ["LH1"]
    assert ids(department="RQJ") == ["G"]
    assert ids(urgency="emergency") == ["G"]
    assert ids(review="open") == ["L", "G"]
    assert ids(since="2100-01-01T00:00:00Z") == []
    assert ids(until="2100-01-01T00:00:00Z", kind="T") == ["L", "G", "LH1"]
    client.post("/v1/tickets/L/outcome", json={"kind": "department", "department": "RSJ"})
    assert ids(department="RSJ") == ["L", "LH1"]
    assert ids(department="QZF") == []


def test_pages_do_not_shift_when_tickets_come_in(client: TestClient) -> None:
    for number in range(10):
        client.post("/v1/tickets", json={"ticket_id": f"T{number}", "content": "树"})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/tickets", params={"limit": "3"} | cursor).json()
        seen += [each["ticket_id"] for each in page["tickets"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        client.post("/v1/tickets", json={"ticket_id": f"new{len(seen)}", "content": "树"})
    assert seen == [f"T{number}" for number in reversed(range(10))]


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "WzFd" * 50, "eyJhIjoxfQ", "WyJhIl0", "Wy0xXQ", "[1]", "WzFlOTld"]
)
def test_cursor_that_we_never_gave_is_refused(client: TestClient, cursor: str) -> None:
    for path in ("/v1/tickets", "/v1/reviews", "/v1/clusters"):
        answer = client.get(path, params={"cursor": cursor})
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_parameter_that_comes_twice_is_refused(client: TestClient) -> None:
    for path in (
        "/v1/tickets?limit=1&limit=2",
        "/v1/reviews?urgency=low&urgency=low",
        "/v1/clusters?limit=1&limit=2",
    ):
        answer = client.get(path)
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["code"] == "repeated"


def test_unknown_ticket_is_told(client: TestClient) -> None:
    for answer in (
        client.get("/v1/tickets/none"),
        client.post("/v1/tickets/none/outcome", json={"kind": "urgency", "urgency": "low"}),
        client.post("/v1/tickets/none/review", json={"action": "accept"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:fenbo:problem:ticket-not-found"


def test_unchanged_ticket_is_not_sent_twice(client: TestClient) -> None:
    client.post("/v1/tickets", json=WAGES)
    etag = client.get("/v1/tickets/LH1").headers["etag"]
    assert client.get("/v1/tickets/LH1", headers={"If-None-Match": etag}).status_code == 304
    client.post("/v1/tickets/LH1/outcome", json={"kind": "urgency", "urgency": "urgent"})
    changed = client.get("/v1/tickets/LH1", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["urgency"] == "urgent"


def test_replicas_share_one_key_or_do_not_start(stored: Settings) -> None:
    from pydantic import SecretStr

    from model.errors import FenboError
    from service.storage import Storage

    with in_process(FixtureRouter(), stored) as client:
        client.post("/v1/tickets", json=WAGES)
    other = stored.model_copy(update={"secret_key": SecretStr("another key of some length")})
    with pytest.raises(FenboError, match="not the key that this database was filled with"):
        Storage(other).start()


def test_key_is_readable_by_its_owner_alone(stored: Settings) -> None:
    with in_process(FixtureRouter(), stored):
        mode = (stored.data_dir / "secret.key").stat().st_mode
    assert mode & 0o077 == 0
