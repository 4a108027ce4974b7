"""Whatever goes wrong, the answer is problem details: field, value and what is allowed, nothing private."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.problems import KINDS, shown
from service.settings import Settings
from tests.service.conftest import Running, behind_socket, in_process
from tests.service.fixture_router import POISON, FixtureRouter

JSON = {"Content-Type": "application/json"}


def problem(response: Any, status: int, name: str) -> dict[str, Any]:
    """The body of a problem, after checking what every problem must have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:fenbo:problem:{name}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ({}, {"field": "content", "code": "missing", "message": "缺少必填字段"}),
        ({"content": None}, {"field": "content", "code": "wrong_type", "value": "null", "allowed": "字符串"}),
        (
            {"content": 13800138000},
            {"field": "content", "code": "wrong_type", "value": "[PHONE]", "allowed": "字符串"},
        ),
        ({"content": ["好"]}, {"field": "content", "code": "wrong_type", "value": "[…]"}),
        ({"content": ""}, {"field": "content", "code": "empty"}),
        (
            {"content": " \n\u3000\t"},
            {"field": "content", "code": "empty", "allowed": "至少一个看得见的字符"},
        ),
        ({"content": "\u0000\u0001"}, {"field": "content", "code": "empty"}),
        (
            {"content": "好", "title": "题" * 501},
            {"field": "title", "code": "too_long", "allowed": "最多 500 个字符"},
        ),
        ({"content": "好", "ticket_id": "a\nb"}, {"field": "ticket_id", "code": "control_characters"}),
        ({"content": "好", "ticket_id": 7}, {"field": "ticket_id", "code": "wrong_type", "value": "7"}),
        ({"content": "好", "channel": "x" * 65}, {"field": "channel", "code": "too_long"}),
        (
            {"content": "好", "anonymous": "true"},
            {"field": "anonymous", "value": "true", "allowed": "true 或 false"},
        ),
        ({"content": "好", "anonymous": 1}, {"field": "anonymous", "code": "wrong_type", "value": "1"}),
        (
            {"content": "好", "created_at": "昨天"},
            {"field": "created_at", "code": "wrong_format", "value": "昨天"},
        ),
        (
            {"content": "好", "created_at": "2026-05-12T23:41:00"},
            {"field": "created_at", "code": "wrong_format"},
        ),
        (
            {"content": "好", "created_at": "2026-02-30T00:00:00Z"},
            {"field": "created_at", "code": "wrong_format"},
        ),
        ({"content": "好", "created_at": "0001-01-01T00:00:00+14:00"}, {"field": "created_at"}),
        ({"content": "好", "created_at": 1778600000}, {"field": "created_at", "value": "1778600000"}),
        (
            {"content": "好", "location": "福田区"},
            {"field": "location", "code": "wrong_type", "allowed": "JSON 对象"},
        ),
        (
            {"content": "好", "location": {"longitude": 181}},
            {"field": "location.longitude", "code": "out_of_range", "value": "181", "allowed": "不大于 180"},
        ),
        (
            {"content": "好", "location": {"latitude": "22.5"}},
            {"field": "location.latitude", "code": "wrong_type", "value": "22.5", "allowed": "数"},
        ),
        ({"content": "好", "location": {"latitude": True}}, {"field": "location.latitude", "value": "true"}),
        ([], {"field": "（请求体）", "code": "wrong_type", "value": "[…]", "allowed": "JSON 对象"}),
        ("好", {"field": "（请求体）", "value": "（1 个字符，不回显）"}),
        (None, {"field": "（请求体）"}),
    ],
)
def test_invalid_field_is_named_with_its_value_and_what_is_allowed(
    client: TestClient, posted: object, expected: dict[str, str]
) -> None:
    response = client.post("/v1/predict", content=json.dumps(posted), headers=JSON)
    errors = problem(response, 422, "invalid-request")["errors"]
    assert len(errors) == 1
    assert expected.items() <= errors[0].items()


def test_unknown_fields_are_refused_by_name_with_the_known_ones(client: TestClient) -> None:
    posted = {"content": "好", "text": "张三丢了钱包", "location": {"lng": 114.0}}
    body = problem(client.post("/v1/predict", json=posted), 422, "invalid-request")
    by_field = {error["field"]: error for error in body["errors"]}
    assert by_field.keys() == {"text", "location.lng"}
    assert by_field["text"]["allowed"].split(", ") == [
        "content", "ticket_id", "title", "channel", "created_at", "location", "reporter_hash", "anonymous",
    ]  # fmt: skip
    assert "longitude" in by_field["location.lng"]["allowed"]
    assert "钱包" not in json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize(
    ("query", "field", "allowed"),
    [("explain=deep", "explain", "lexical, full"), ("explian=full", "explian", "explain")],
)
def test_query_is_checked_too(client: TestClient, query: str, field: str, allowed: str) -> None:
    response = client.post(f"/v1/predict?{query}", json={"content": "好"})
    (error,) = problem(response, 422, "invalid-request")["errors"]
    assert (error["field"], error["allowed"]) == (field, allowed)


@pytest.mark.parametrize("timeout", ["abc", "0", "-5", "600001", "1.5"])
def test_deadline_header_is_checked(client: TestClient, timeout: str) -> None:
    response = client.post("/v1/predict", json={"content": "好"}, headers={"X-Timeout-Ms": timeout})
    (error,) = problem(response, 422, "invalid-request")["errors"]
    assert error["field"] == "X-Timeout-Ms"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"content": "\xff\xfe"}',
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b'{"content": NaN}',
        b'{"content": "\\ud800"}',
        b'{"content": "a", }',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        '{"content": "好"}'.encode("utf-16"),
        '{"content": "好"}'.encode("gb18030"),
        b'{"content": "a"} trailing',
    ],
    ids=[
        "cut",
        "bytes",
        "png",
        "nan",
        "surrogate",
        "comma",
        "deep-list",
        "deep-object",
        "utf-16",
        "gbk",
        "trailing",
    ],
)
def test_what_is_not_json_is_400(client: TestClient, body: bytes) -> None:
    problem(client.post("/v1/predict", content=body, headers=JSON), 400, "malformed-json")


def test_empty_body_is_422(client: TestClient) -> None:
    problem(client.post("/v1/predict", headers=JSON), 422, "invalid-request")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=gbk"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "/;;;"},
    ],
)
def test_other_types_are_415(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post("/v1/predict", content=b'{"content": "a"}', headers=headers)
    problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=UTF-8", "Application/JSON", "application/vnd.city+json"]
)
def test_forms_of_the_json_type_are_accepted(client: TestClient, media_type: str) -> None:
    response = client.post("/v1/predict", content=b'{"content": "a"}', headers={"Content-Type": media_type})
    assert response.status_code == 200


def test_body_over_the_limit_is_413_whether_announced_or_not(client: TestClient) -> None:
    megabyte = b'{"content": "' + b"a" * 1024 * 1024 + b'"}'
    announced = client.post("/v1/predict", content=megabyte, headers=JSON)
    assert "1048576" in problem(announced, 413, "too-large")["detail"]
    in_pieces = client.post(
        "/v1/predict", content=iter([megabyte[:600_000], megabyte[600_000:]]), headers=JSON
    )
    problem(in_pieces, 413, "too-large")


def test_limit_counts_to_the_byte() -> None:
    with in_process(FixtureRouter(), Settings(max_body_bytes=1024)) as client:
        fitting = b'{"content": "' + b"a" * (1024 - 15) + b'"}'
        assert len(fitting) == 1024
        assert client.post("/v1/predict", content=fitting, headers=JSON).status_code == 200
        problem(client.post("/v1/predict", content=fitting + b" ", headers=JSON), 413, "too-large")


def test_body_that_never_ends_is_408() -> None:
    with behind_socket(FixtureRouter(), Settings(body_timeout_seconds=0.2)) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as slow:
            slow.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 99\r\n\r\n{"
            )
            started = time.monotonic()
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
            assert time.monotonic() - started < 5
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"urn:fenbo:problem:body-timeout" in answer


def test_unknown_address_is_404_without_the_address(client: TestClient) -> None:
    response = client.get("/v1/people/13800138000")
    problem(response, 404, "not-found")
    assert "13800138000" not in response.text


def test_wrong_method_is_405_and_names_the_right_one(client: TestClient) -> None:
    response = client.get("/v1/predict")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def test_model_that_fails_is_500_without_a_word_of_the_letter(client: TestClient) -> None:
    response = client.post("/v1/predict", json={"content": f"{POISON}，我叫张三"})
    body = problem(response, 500, "internal")
    assert "张三" not in json.dumps(body, ensure_ascii=False)
    assert "ValueError" not in response.text


def test_hundreds_of_errors_are_cut_and_counted(client: TestClient) -> None:
    posted = {"content": "好"} | {f"field{number}": 1 for number in range(500)}
    body = problem(client.post("/v1/predict", json=posted), 422, "invalid-request")
    assert len(body["errors"]) == 20
    assert body["detail"].startswith("500 处")


@pytest.mark.parametrize(
    "posted",
    [
        {"13800138000": "x"},
        {"content": 440301199001011234},
        {"content": "好", "created_at": "13800138000"},
        {"content": "好", "channel": "电话 13800138000 " + "x" * 60},
        {"content": "好", "ticket_id": "13800138000\n"},
        {"content": "好", "anonymous": "手机 13800138000"},
        {"content": "好", "location": {"longitude": 13800138000}},
        {"content": "好", "location": {"latitude": "13800138000"}},
        {"content": "好", "location": {"13800138000": 1}},
        "13800138000",
        13800138000,
    ],
)
def test_personal_data_in_the_wrong_place_is_never_shown(client: TestClient, posted: object) -> None:
    response = client.post("/v1/predict", content=json.dumps(posted, ensure_ascii=False), headers=JSON)
    problem(response, 422, "invalid-request")
    assert "13800138000" not in response.text
    assert "440301199001011234" not in response.text


def test_shown_value_is_short_and_printable() -> None:
    assert shown("x" * 1000) == "x" * 60 + "…"
    assert shown("a\nb\x00c\u202e") == "a�b�c�"
    assert shown({"a": "张三"}) == "{…}"
    assert shown(None) == "null"
    assert shown(1.5) == "1.5"


def test_every_kind_of_problem_is_published_once(client: TestClient) -> None:
    published = [each["type"] for each in client.get("/openapi.json").json()["x-problems"]]
    assert published == [kind.type for kind in KINDS]
    assert len(set(published)) == len(published)


def test_problems_carry_the_security_headers_too(running: Running) -> None:
    for response in (running.client.get("/nowhere"), running.client.post("/v1/predict", content=b"x")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in response.headers
