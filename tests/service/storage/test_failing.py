"""A database that fails: told as 503 with Retry-After, nothing acknowledged is lost, nobody restarts anything."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from service.settings import Settings
from service.storage.writer import Writer
from tests.service.conftest import PATIENT, in_process, wait_until
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import connected, rows

Answer = httpx.Response


def _ticket(ticket_id: str) -> dict[str, str]:
    return {"ticket_id": ticket_id, "content": "公司拖欠工资三个月"}


def _is_unavailable(answer: Answer) -> bool:
    if answer.status_code != 503:
        return False
    assert answer.json()["type"] == "urn:fenbo:problem:storage-unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    return True


def _all_asked(client: TestClient) -> list[Answer]:
    """One request of every kind that needs the database."""
    return [
        client.get("/v1/tickets"),
        client.get("/v1/tickets/T0"),
        client.get("/v1/reviews"),
        client.get("/v1/clusters"),
        client.get("/v1/clusters/C1"),
        client.get("/v1/hot"),
        client.get("/v1/taxonomy/versions"),
        client.post("/v1/tickets", json=_ticket("new")),
        client.post("/v1/tickets/T0/outcome", json={"kind": "urgency", "urgency": "low"}),
        client.post("/v1/tickets/T0/review", json={"action": "accept"}),
        client.post(
            "/v1/taxonomy/departments/SBJ:retire",
            json={"successor": "RSJ", "on": "2026-01-01", "reason": "x"},
        ),
    ]


def test_database_that_is_gone_is_told_and_comes_back_without_a_restart(
    stored: Settings, request: pytest.FixtureRequest
) -> None:
    with in_process(FixtureRouter(), stored) as client:
        assert client.post("/v1/tickets", json=_ticket("T0")).status_code == 201
        gone, back = _ways(stored, request)
        gone()
        try:
            assert [answer.status_code for answer in _all_asked(client)] == [503] * 11
            assert all(_is_unavailable(answer) for answer in _all_asked(client))
            # What needs no database goes on.
            assert client.post("/v1/predict", json={"content": "树"}).status_code == 200
            assert client.get("/health/live").status_code == 200
        finally:
            back()
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("T1")).status_code in (200, 201))
        assert client.get("/v1/tickets/T0").status_code == 200
        assert {row.ticket_id for row in rows(stored, "SELECT ticket_id FROM tickets")} >= {"T0", "T1"}


def _ways(stored: Settings, request: pytest.FixtureRequest) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to take the database away and to give it back."""
    if stored.database_url is None:
        folder, aside = stored.data_dir, stored.data_dir.with_name("aside")
        return lambda: folder.rename(aside), lambda: _moved_back(aside, folder)
    name = stored.database_url.get_secret_value().partition("?")[0].rpartition("/")[2]
    address = request.getfixturevalue("postgresql")

    def gone() -> None:
        _administer(address, f'ALTER DATABASE "{name}" RENAME TO "{name}_away"', kill=name)

    return gone, lambda: _administer(address, f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')


def _moved_back(aside: Path, folder: Path) -> None:
    # The service may have tried to make its folder anew.
    if folder.exists():
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
    aside.rename(folder)


def _administer(address: str, statement: str, *, kill: str | None = None) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        for _ in range(100):
            if kill is not None:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (kill,)
                )
            try:
                connection.execute(statement)  # type: ignore[arg-type]
            except psycopg.errors.ObjectInUse:
                time.sleep(0.05)
            else:
                return
    raise AssertionError("the database was always in use")


def test_service_starts_without_its_database_and_finds_it_later(
    stored: Settings, request: pytest.FixtureRequest
) -> None:
    with in_process(FixtureRouter(), stored) as client:
        client.post("/v1/tickets", json=_ticket("T0"))
    if stored.database_url is None:
        # A folder where the file should be.
        (stored.data_dir / "fenbo.db").rename(stored.data_dir / "aside.db")
        (stored.data_dir / "fenbo.db").mkdir()

        def back() -> None:
            (stored.data_dir / "fenbo.db").rmdir()
            (stored.data_dir / "aside.db").rename(stored.data_dir / "fenbo.db")
    else:
        gone, back = _ways(stored, request)
        gone()
    with in_process(FixtureRouter(), stored) as client:
        assert client.post("/v1/predict", json={"content": "树"}).status_code == 200
        assert _is_unavailable(client.post("/v1/tickets", json=_ticket("T1")))
        back()
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("T1")).status_code in (200, 201))
        assert client.get("/v1/tickets/T0").status_code == 200


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A disk of 2 MB at ``folder``, or a skip where one may not be made."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_refuses_what_is_new_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    settings = PATIENT.model_copy(update={"data_dir": tmp_path / "disk"})
    acknowledged: list[str] = []
    with _small_disk(settings.data_dir), in_process(FixtureRouter(), settings) as client:
        answer = None
        for number in range(2000):
            answer = client.post("/v1/tickets", json={"ticket_id": f"T{number}", "content": "树" * 2000})
            if answer.status_code != 201:
                break
            acknowledged.append(f"T{number}")
        assert answer is not None
        assert _is_unavailable(answer)
        assert len(acknowledged) > 3
        assert client.get(f"/v1/tickets/{acknowledged[0]}").status_code == 200
        assert client.post("/v1/predict", json={"content": "树"}).status_code == 200
        kept = {row.ticket_id for row in rows(settings, "SELECT ticket_id FROM tickets")}
        assert set(acknowledged) <= kept
        subprocess.run(["mount", "-o", "remount,size=16m", str(settings.data_dir)], check=True)
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("after")).status_code in (200, 201))


def test_database_that_cannot_be_written_still_answers_reads(stored: Settings) -> None:
    with in_process(FixtureRouter(), stored) as client:
        client.post("/v1/tickets", json=_ticket("T0"))
        with _held(stored, client):
            refused = client.post("/v1/tickets", json=_ticket("T1"))
            assert _is_unavailable(refused)
            assert client.get("/v1/tickets/T0").status_code == 200
            assert client.post("/v1/predict", json={"content": "树"}).status_code == 200
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("T1")).status_code in (200, 201))


@contextmanager
def _held(stored: Settings, client: TestClient) -> Iterator[None]:
    """Nobody can write while this lasts: someone holds the lock, and the service waits but shortly."""
    storage: Any = client.app.state.storage  # type: ignore[attr-defined]
    storage._settings = stored.model_copy(update={"storage_timeout_seconds": 0.3})
    try:
        if stored.database_url is None:
            with closing(sqlite3.connect(stored.data_dir / "fenbo.db", isolation_level=None)) as file:
                file.execute("BEGIN IMMEDIATE")
                yield
        else:
            with connected(stored) as connection:
                connection.execute(text("LOCK TABLE tickets IN SHARE MODE"))
                yield
    finally:
        storage._settings = stored


def test_read_only_file_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    settings = PATIENT.model_copy(update={"data_dir": tmp_path / "data"})
    with in_process(FixtureRouter(), settings) as client:
        client.post("/v1/tickets", json=_ticket("T0"))
        (settings.data_dir / "fenbo.db").chmod(0o400)
        settings.data_dir.chmod(0o500)
        try:
            client.app.state.storage.database().forget_connections()  # type: ignore[attr-defined]
            assert _is_unavailable(client.post("/v1/tickets", json=_ticket("T1")))
        finally:
            settings.data_dir.chmod(0o700)
            (settings.data_dir / "fenbo.db").chmod(0o600)
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("T1")).status_code in (200, 201))


def test_file_that_was_replaced_is_not_written_under_its_old_name(tmp_path: Path) -> None:
    settings = PATIENT.model_copy(update={"data_dir": tmp_path / "data"})
    file = settings.data_dir / "fenbo.db"
    with in_process(FixtureRouter(), settings) as client:
        client.post("/v1/tickets", json=_ticket("T0"))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            source.backup(copy)
        for each in settings.data_dir.glob("fenbo.db*"):
            each.unlink()
        assert _is_unavailable(client.post("/v1/tickets", json=_ticket("T1")))
        (tmp_path / "copy.db").rename(file)
        wait_until(lambda: client.post("/v1/tickets", json=_ticket("T2")).status_code in (200, 201))
    assert {row.ticket_id for row in rows(settings, "SELECT ticket_id FROM tickets")} == {"T0", "T2"}


def test_write_that_fails_alone_does_not_take_others_with_it(stored: Settings) -> None:
    from model.errors import FenboError
    from service.storage import open_database
    from service.storage.tables import META

    database = open_database(stored)

    def write(connection: Any, names: Any) -> list[Any]:
        results: list[Any] = []
        for name in names:
            if name == "refused":
                results.append(FenboError("refused"))
                continue
            connection.execute(META.insert().values(name=name, value="x"))
            if name == "broken":
                raise ValueError("a bug")
            results.append(name)
        return results

    writer = Writer(lambda: database)
    futures = {name: writer.submit(write, name) for name in ("one", "broken", "refused", "two", "one")}
    assert list(futures) == ["one", "broken", "refused", "two"]
    writer.start()
    assert futures["two"].result(10) == "two"
    with pytest.raises(ValueError, match="a bug"):
        futures["broken"].result(10)
    with pytest.raises(FenboError, match="refused"):
        futures["refused"].result(10)
    writer.stop(timeout_seconds=10)
    database.close()
    found = {row.name for row in rows(stored, "SELECT name FROM meta")}
    assert {"one", "two"} <= found
    assert not found & {"broken", "refused"}
