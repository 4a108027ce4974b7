"""POST /v1/tickets:batch: streamed both ways, stored like single tickets, a bad line alone is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.examples import EXAMPLES
from service.settings import Settings
from tests.service.conftest import Running, behind_socket, in_process
from tests.service.fixture_router import POISON, FixtureRouter

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*items: object) -> bytes:
    return b"".join(
        item + b"\n" if isinstance(item, bytes) else json.dumps(item, ensure_ascii=False).encode() + b"\n"
        for item in items
    )


def sent(client: Any, content: bytes) -> list[dict[str, Any]]:
    response = client.post("/v1/tickets:batch", content=content, headers=NDJSON)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def test_each_line_is_stored_and_answered_in_order(client: TestClient) -> None:
    tickets = [{"ticket_id": f"T{n}"} | each.ticket for n, each in enumerate(EXAMPLES)]
    for n, ticket in enumerate(tickets):
        ticket["ticket_id"] = f"T{n}"
    answers = sent(client, lines(*tickets))
    assert [(each["line"], each["status"]) for each in answers] == [(n + 1, 201) for n in range(len(tickets))]
    for n, answered in enumerate(answers):
        assert answered["answer"]["ticket_id"] == f"T{n}"
        assert client.get(f"/v1/tickets/T{n}").status_code == 200
    again = sent(client, lines(*tickets))
    assert [each["status"] for each in again] == [200] * len(tickets)
    assert [each["answer"]["received_at"] for each in again] == [
        each["answer"]["received_at"] for each in answers
    ]


def test_bad_lines_are_refused_alone_with_their_numbers(client: TestClient) -> None:
    answers = sent(
        client,
        lines(
            {"ticket_id": "A", "content": "树倒了"},
            b"",
            b'{"ticket_id": "B", ',
            {"ticket_id": "C"},
            {"content": "没有编号"},
            {"ticket_id": "A", "content": "内容不同"},
            {"ticket_id": "D", "content": "好", "text": 1},
            {"ticket_id": "E", "content": f"{POISON} 13800138000"},
            b"\xff\xfe",
            [1],
            {"ticket_id": "F", "content": "好"},
        ),
    )
    assert [(each["line"], each["status"]) for each in answers] == [
        (1, 201), (3, 400), (4, 422), (5, 422), (6, 409), (7, 422), (8, 500), (9, 400), (10, 422), (11, 201),
    ]  # fmt: skip
    by_line = {each["line"]: each.get("problem") for each in answers}
    assert by_line[4]["errors"][0]["field"] == "content"
    assert by_line[5]["errors"][0]["field"] == "ticket_id"
    assert by_line[6]["type"] == "urn:fenbo:problem:ticket-conflict"
    assert "content" in by_line[7]["errors"][0]["allowed"]
    assert "13800138000" not in json.dumps(answers)
    assert all(problem["request_id"] for problem in by_line.values() if problem)


def test_line_too_long_ends_the_answer_with_its_number(client: TestClient) -> None:
    with in_process(FixtureRouter(), Settings(max_body_bytes=1024)) as small:
        good, other = ({"ticket_id": name, "content": "好"} for name in "AB")
        answers = sent(small, lines(good, b"x" * 2000, other))
    assert [(each["line"], each["status"]) for each in answers] == [(1, 201), (2, 413)]
    assert client.get("/v1/tickets/B").status_code == 404


def test_empty_body_is_an_empty_answer(client: TestClient) -> None:
    assert sent(client, b"") == []
    assert sent(client, b"\n\n") == []


@pytest.mark.parametrize("media_type", ["application/json", "text/csv", ""])
def test_other_types_are_415(client: TestClient, media_type: str) -> None:
    response = client.post("/v1/tickets:batch", content=b"{}\n", headers={"Content-Type": media_type})
    assert response.status_code == 415


def test_full_queue_slows_the_caller_down_and_refuses_nothing() -> None:
    router = FixtureRouter(seconds=0.002)
    with behind_socket(
        router, Settings(queue_requests=2, queue_wait_ms=60_000, duplicates=False, inference_threads=1)
    ) as running:
        body = lines(*({"ticket_id": f"T{n}", "content": f"第 {n} 封"} for n in range(60)))
        answers = sent(running.client, body)
    assert [each["status"] for each in answers] == [201] * 60


def test_answer_comes_while_the_next_line_is_not_sent_yet(running: Running) -> None:
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/tickets:batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        heard = _chunks(connection)
        for n in range(3):
            line = lines({"ticket_id": f"S{n}", "content": "树倒了"})
            connection.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            answered = json.loads(next(heard))
            assert (answered["line"], answered["status"]) == (n + 1, 201)
        connection.sendall(b"0\r\n\r\n")
        assert list(heard) == []


def _chunks(connection: socket.socket) -> Iterator[bytes]:
    """The chunks of a chunked answer, as they arrive."""
    stream = connection.makefile("rb")
    while stream.readline().strip():
        pass
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
