"""Jobs: a file is received masked, worked on in chunks, taken up after a crash, cancelled, fetched."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.ticket import Location, Ticket
from service.jobs import letters
from service.jobs.reception import CHUNK
from service.settings import Settings
from tests.service.conftest import behind_socket, in_process, wait_until
from tests.service.fixture_router import POISON, FixtureRouter

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
QUICK = Settings(job_poll_seconds=0.02, job_hold_seconds=0.2)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with in_process(FixtureRouter(), QUICK) as found:
        yield found


def submitted(client: Any, content: bytes, headers: dict[str, str] = CSV, query: str = "") -> dict[str, Any]:
    response = client.post(f"/v1/jobs{query}", content=content, headers=headers)
    assert response.status_code == 202, response.text
    answered: dict[str, Any] = response.json()
    return answered


def finished(client: Any, job: str) -> dict[str, Any]:
    wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] in ("done", "failed"))
    answered: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
    return answered


def table(*rows: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([("ticket_id", "title", "content"), *rows])
    return text.getvalue().encode()


def test_file_is_answered_row_by_row_in_order(client: TestClient) -> None:
    count = CHUNK * 2 + 5
    rows = [(f"T{n}", "题", "公园的树倒了" if n % 2 else "拖欠工资") for n in range(count)]
    job = submitted(client, table(*rows))
    assert (job["letters"], job["created_by"]) == (count, "dev")
    done = finished(client, job["job"])
    assert (done["state"], done["answered"], done["progress"], done["bundle"]) == (
        "done",
        count,
        1.0,
        "fixture",
    )
    response = client.get(f"/v1/jobs/{job['job']}/result")
    assert response.headers["content-type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["ticket_id"] for row in found] == [f"T{n}" for n in range(count)]
    assert [row["department"] for row in found[:2]] == ["RSJ", "CGJ"]
    assert list(found[0]) == [
        "ticket_id", "department", "department_probability", "department_top", "decision",
        "urgency", "urgency_probability", "kind", "kind_probability",
    ]  # fmt: skip
    as_lines = client.get(f"/v1/jobs/{job['job']}/result?format=jsonl").text.splitlines()
    assert [json.loads(line)["ticket_id"] for line in as_lines] == [f"T{n}" for n in range(count)]


def test_ndjson_and_foreign_column_names_are_read(client: TestClient) -> None:
    body = json.dumps({"id": "A", "正文": "公园的树倒了"}).encode() + b"\n"
    job = submitted(client, body, NDJSON, "?columns=ticket_id=id,content=正文")
    finished(client, job["job"])
    answered = json.loads(client.get(f"/v1/jobs/{job['job']}/result?format=jsonl").text)
    assert (answered["ticket_id"], answered["department"]) == ("A", "CGJ")


def test_unreadable_rows_keep_their_place_and_are_told(client: TestClient) -> None:
    rows = [
        json.dumps({"content": "好", "ticket_id": "A"}),
        "{broken 13800138000",
        json.dumps({"content": "", "ticket_id": "B"}),
        json.dumps({"content": POISON, "ticket_id": "C"}),
    ]
    body = "".join(f"{row}\n" for row in rows).encode()
    job = submitted(client, body, NDJSON)
    assert (job["letters"], job["unreadable"]) == (4, 2)
    assert [each["line"] for each in job["problems"]] == [2, 3]
    assert "13800138000" not in json.dumps(job)
    finished(client, job["job"])
    lines = client.get(f"/v1/jobs/{job['job']}/result?format=jsonl").text.splitlines()
    answers = [json.loads(line) for line in lines]
    assert [row["ticket_id"] for row in answers] == ["A", None, None, "C"]
    assert [row["decision"] for row in answers[1:]] == ["review"] * 3
    assert answers[3]["department"] is None


@pytest.mark.parametrize(
    ("content", "headers", "query", "status", "name"),
    [
        (b"a,b\n1,2\n", CSV, "", 422, "file-refused"),
        (b"", CSV, "", 422, "file-refused"),
        (b"\x89PNG\r\n\x1a\n\x00", CSV, "", 422, "file-refused"),
        (b"%PDF-1.7", CSV, "", 422, "file-refused"),
        (b"\xff\xfe\x80,b\n1,2\n", CSV, "", 422, "file-refused"),
        (b"{'a': \x81\xff, b\xe5\n1,2\n", CSV, "", 422, "file-refused"),
        (b"content\nx\n", CSV, "?columns=nonsense", 422, "invalid-request"),
        (b"content\nx\n", CSV, "?columns=content=text", 422, "file-refused"),
        (b"content\nx\n", {"Content-Type": "application/json"}, "", 415, "unsupported-media-type"),
        (b"content\nx\n", CSV | {"Content-Encoding": "gzip"}, "", 415, "unsupported-media-type"),
    ],
)
def test_file_that_cannot_be_read_is_refused_and_leaves_nothing(
    client: TestClient, content: bytes, headers: dict[str, str], query: str, status: int, name: str
) -> None:
    response = client.post(f"/v1/jobs{query}", content=content, headers=headers)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:fenbo:problem:{name}")
    assert "/proc" not in response.text
    assert "/tmp" not in response.text
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_file_over_the_limit_is_refused() -> None:
    with in_process(FixtureRouter(), QUICK.model_copy(update={"job_max_bytes": 2000})) as client:
        response = client.post("/v1/jobs", content=table(("A", "", "字" * 1000)), headers=CSV)
        assert response.status_code == 413


def test_nothing_unmasked_is_kept(tmp_path: Path) -> None:
    router = FixtureRouter()
    router.gate.clear()
    with in_process_closed_gate(router, tmp_path) as client:
        submitted(
            client,
            table(("A", "电话 13800138000", "我叫张三，身份证 440301199001011234，请回电 13800138000")),
        )
        for file in tmp_path.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert b"13800138000" not in content, file
                assert b"440301199001011234" not in content, file
        router.gate.set()


def in_process_closed_gate(router: FixtureRouter, folder: Path) -> Any:
    """A service whose jobs wait: nothing is looked for."""
    router.gate.set()
    return in_process(router, QUICK.model_copy(update={"data_dir": folder, "job_poll_seconds": 3600.0}))


def test_job_is_taken_up_after_a_stop_where_it_was(tmp_path: Path) -> None:
    slow = FixtureRouter(seconds=0.05)
    settings = QUICK.model_copy(update={"data_dir": tmp_path})
    rows = [(f"T{n}", "", "树") for n in range(CHUNK * 3)]
    with in_process(slow, settings) as client:
        job = submitted(client, table(*rows))["job"]
        wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["answered"] >= CHUNK)
    second = FixtureRouter()
    with in_process(second, settings) as client:
        done = finished(client, job)
        assert (done["state"], done["answered"]) == ("done", CHUNK * 3)
        read = [ticket.ticket_id for batch in second.batches for ticket in batch if ticket.ticket_id]
        assert len(set(read)) <= CHUNK * 2, "the finished chunk was not done again"
        found = list(csv.DictReader(io.StringIO(client.get(f"/v1/jobs/{job}/result").text)))
        assert [row["ticket_id"] for row in found] == [f"T{n}" for n in range(CHUNK * 3)]


def test_job_is_cancelled_and_its_letters_are_gone() -> None:
    router = FixtureRouter(seconds=0.02)
    with in_process(router, QUICK) as client:
        job = submitted(client, table(*((f"T{n}", "", "树") for n in range(CHUNK * 20))))["job"]
        wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "running")
        assert client.get(f"/v1/jobs/{job}/result").status_code == 409
        assert client.post(f"/v1/jobs/{job}:cancel").json()["state"] == "cancelled"
        assert client.post(f"/v1/jobs/{job}:cancel").json()["state"] == "cancelled"
        assert client.get(f"/v1/jobs/{job}/result").status_code == 409
        other = submitted(client, table(("B", "", "树")))["job"]
        assert finished(client, other)["state"] == "done"
        assert client.get(f"/v1/jobs/{job}").json()["answered"] < CHUNK * 20


def test_jobs_are_listed_by_pages_and_unknown_ones_are_404(client: TestClient) -> None:
    made = [submitted(client, table((f"{n}", "", "树")))["job"] for n in range(5)]
    seen: list[str] = []
    query = "?limit=2"
    while True:
        page = client.get(f"/v1/jobs{query}").json()
        seen += [each["job"] for each in page["jobs"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    for address in ("/v1/jobs/00000000000000", "/v1/jobs/00000000000000/result"):
        assert client.get(address).status_code == 404
    assert client.post("/v1/jobs/00000000000000:cancel").status_code == 404


def test_those_who_wait_go_before_jobs() -> None:
    router = FixtureRouter(seconds=0.01)
    with behind_socket(router, QUICK) as running:
        submitted(running.client, table(*((f"T{n}", "", "树") for n in range(CHUNK * 4))))
        for _ in range(10):
            assert running.client.post("/v1/predict", json={"content": "好"}).status_code == 200


def test_letter_is_read_as_it_was_written() -> None:
    ticket = Ticket(
        content="好\n再见",
        ticket_id="A",
        title="题",
        channel="网站",
        created_at=datetime(2026, 5, 12, 15, 41, tzinfo=UTC),
        location=Location(address="景田路", district="福田区"),
    )
    assert letters.read(letters.written(ticket)) == ticket
    assert "\n" not in letters.written(ticket)
    assert letters.read(letters.written(None)) is None
    once = letters.masked(Ticket(content="电话 13800138000"))
    assert once.content == "电话 [PHONE]"
    assert letters.masked(once) == once
