"""Duplicates of stored tickets: one process compares, whatever the number of those that answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.matching.matcher import Matcher
from service.settings import Settings
from service.storage import open_database
from tests.service.conftest import Running, behind_socket, wait_until
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import connected, rows

pytestmark = pytest.mark.slow

NOISE = "宝安区西乡街道臣田小区对面工地夜里打桩，噪声很大，整夜睡不着，请派人制止"
WAGES = "龙华区富士电子厂拖欠我们三个月工资，老板一直不接电话，请帮忙追讨"


@pytest.fixture
def settings(stored: Settings) -> Settings:
    """Either database, with duplicates looked for and time to find them on a busy machine."""
    return stored.model_copy(update={"duplicates": True, "duplicates_wait_ms": 20_000})


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    """A service with its helper at work."""
    with behind_socket(FixtureRouter(), settings) as found:
        yield found


def _posted(running: Running, ticket_id: str, content: str) -> Any:
    answer = running.client.post("/v1/tickets", json={"ticket_id": ticket_id, "content": content})
    assert answer.status_code == 201
    return answer.json()["duplicates"]


def _cluster(running: Running, ticket_id: str) -> str | None:
    cluster: str | None = running.client.get(f"/v1/tickets/{ticket_id}").json()["cluster"]
    return cluster


def _helper_of(settings: Settings) -> int:
    mark = str(settings.data_dir).encode()
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes()
            if b"service.matching.process" in line and mark in (process / "environ").read_bytes():
                return int(process.name)
        except (OSError, ValueError):
            continue
    return 0


def test_second_to_tell_learns_of_the_first(running: Running) -> None:
    first = _posted(running, "A", NOISE)
    assert (first["status"], first["duplicate_of"]) == ("known", None)
    second = _posted(running, "B", NOISE)
    assert second["duplicate_of"] == "A"
    assert second["cluster"] == first["cluster"]
    assert second["originals"][0]["ticket_id"] == "A"
    other = _posted(running, "C", WAGES)
    assert other["cluster"] != first["cluster"]
    listed = running.client.get("/v1/clusters").json()["clusters"]
    assert [(each["cluster"], each["size"]) for each in listed] == [(first["cluster"], 2)]
    members = running.client.get(f"/v1/clusters/{first['cluster']}").json()
    assert [each["ticket_id"] for each in members["tickets"]] == ["A", "B"]
    again = running.client.post("/v1/tickets", json={"ticket_id": "B", "content": NOISE})
    assert again.json()["duplicates"] == second


def test_what_people_rule_is_obeyed(running: Running) -> None:
    for ticket_id, content in (("A", NOISE), ("B", NOISE), ("C", WAGES)):
        _posted(running, ticket_id, content)
    running.client.post("/v1/tickets/A/outcome", json={"kind": "unmerge", "other_ticket": "B"})
    wait_until(lambda: _cluster(running, "A") != _cluster(running, "B"))
    running.client.post("/v1/tickets/C/outcome", json={"kind": "merge", "other_ticket": "A"})
    wait_until(lambda: _cluster(running, "A") == _cluster(running, "C"))
    gone = running.client.get("/v1/clusters/C99")
    assert gone.json()["type"] == "urn:fenbo:problem:cluster-not-found"
    sizes = [each["size"] for each in running.client.get("/v1/clusters?smallest=1").json()["clusters"]]
    assert sorted(sizes) == [1, 2]


def test_several_processes_have_one_helper(settings: Settings) -> None:
    with behind_socket(FixtureRouter(), settings) as one, behind_socket(FixtureRouter(), settings) as other:
        first = _posted(one, "A", NOISE)
        assert _posted(other, "B", NOISE)["cluster"] == first["cluster"]
        assert _posted(one, "C", NOISE)["duplicate_of"] in ("A", "B")


def test_killed_helper_is_replaced_and_remembers(running: Running, settings: Settings) -> None:
    first = _posted(running, "A", NOISE)
    helper = _helper_of(settings)
    assert helper
    os.kill(helper, signal.SIGKILL)
    assert _posted(running, "B", NOISE)["cluster"] == first["cluster"]
    assert _helper_of(settings) not in (0, helper)


def test_helper_ends_with_the_service(settings: Settings) -> None:
    with behind_socket(FixtureRouter(), settings) as running:
        _posted(running, "A", NOISE)
        helper = _helper_of(settings)
        assert helper
    wait_until(lambda: not Path(f"/proc/{helper}").exists())


def test_answer_does_not_wait_long_and_stays_what_it_was(stored: Settings) -> None:
    hurried = stored.model_copy(update={"duplicates": True, "duplicates_wait_ms": 0})
    with behind_socket(FixtureRouter(), hurried) as running:
        first = running.client.post("/v1/tickets", json={"ticket_id": "A", "content": NOISE})
        assert first.json()["duplicates"]["status"] == "pending"
        wait_until(lambda: _cluster(running, "A") is not None, seconds=30)
        again = running.client.post("/v1/tickets", json={"ticket_id": "A", "content": NOISE})
        assert again.content == first.content
        assert running.client.get("/v1/tickets/A").json()["duplicates"]["status"] == "known"


def test_lost_index_is_made_again_from_the_rows(settings: Settings) -> None:
    import shutil

    with behind_socket(FixtureRouter(), settings) as running:
        _posted(running, "A", NOISE)
        _posted(running, "B", NOISE)
        running.client.post("/v1/tickets/A/outcome", json={"kind": "unmerge", "other_ticket": "B"})
        wait_until(lambda: _cluster(running, "A") != _cluster(running, "B"))
    shutil.rmtree(settings.data_dir / "duplicates")
    with behind_socket(FixtureRouter(), settings) as running:
        third = _posted(running, "C", NOISE)
        assert third["duplicate_of"] in ("A", "B")
        wait_until(lambda: _cluster(running, "A") != _cluster(running, "B"))
        sizes = [each["size"] for each in running.client.get("/v1/clusters?smallest=1").json()["clusters"]]
        assert sum(sizes) == 3


def test_another_machine_goes_on_with_the_rows_in_postgresql(settings: Settings, tmp_path: Path) -> None:
    """Only its index is made anew: nothing is compared a second time, and no cluster gets another name."""
    if settings.database_url is None:
        pytest.skip("the rows of SQLite are on one machine")
    with behind_socket(FixtureRouter(), settings) as running:
        first, other = _posted(running, "A", NOISE), _posted(running, "B", WAGES)
        running.client.post("/v1/tickets/A/outcome", json={"kind": "merge", "other_ticket": "B"})
        wait_until(lambda: _cluster(running, "A") == _cluster(running, "B"))
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    elsewhere.data_dir.mkdir()
    (elsewhere.data_dir / "secret.key").write_bytes((settings.data_dir / "secret.key").read_bytes())
    with behind_socket(FixtureRouter(), elsewhere) as running:
        third = _posted(running, "C", NOISE)
        assert third["duplicate_of"] == "A"
        assert third["cluster"] in (first["cluster"], other["cluster"])
        assert _cluster(running, "A") == _cluster(running, "B") == _cluster(running, "C")
    assert '"epoch": 0' in rows(settings, "SELECT value FROM meta WHERE name = 'matching'")[0][0]


def test_a_word_said_before_the_first_ticket_after_a_start_is_obeyed(settings: Settings) -> None:
    with behind_socket(FixtureRouter(), settings) as running:
        first, second = _posted(running, "A", NOISE), _posted(running, "B", NOISE)
        assert first["cluster"] == second["cluster"]
    with behind_socket(FixtureRouter(), settings) as running:
        running.client.post("/v1/tickets/A/outcome", json={"kind": "unmerge", "other_ticket": "B"})
        wait_until(lambda: _cluster(running, "A") != _cluster(running, "B"))


def test_another_bundle_goes_on_with_the_same_clusters(settings: Settings) -> None:
    """Letters are compared by their words: what routes them may change meanwhile."""
    with behind_socket(FixtureRouter(), settings) as running:
        first = _posted(running, "A", NOISE)
    with behind_socket(FixtureRouter(department="STJ"), settings) as running:
        second = _posted(running, "B", NOISE)
        assert second["duplicate_of"] == "A"
        assert second["cluster"] == first["cluster"]


def test_hot_topics_are_told(settings: Settings, tmp_path: Path) -> None:
    from model.duplicates.score import PairScorer

    hurried = settings.model_copy(update={"duplicates": False})
    with behind_socket(FixtureRouter(), hurried) as running:
        for number in range(12):
            running.client.post(
                "/v1/tickets", json={"ticket_id": f"old{number}", "content": f"{number} 号公园关灯"}
            )
            running.client.post("/v1/tickets", json={"ticket_id": f"T{number}", "content": NOISE})
        database = open_database(settings)
        with connected(settings) as connection:
            connection.exec_driver_sql(
                "UPDATE tickets SET received_at = '2026-01-01 00:00:00' WHERE ticket_id LIKE 'old%%'"
                if connection.dialect.name == "postgresql"
                else "UPDATE tickets SET received_at = '2026-01-01 00:00:00.000000' WHERE ticket_id LIKE 'old%'"
            )
            connection.commit()
        matcher = Matcher(database, tmp_path / "index", scorer=PairScorer.shipped(), window_days=90)
        while matcher.step():
            pass
        matcher.refresh_topics()
        matcher.close()
        database.close()
        answer = running.client.get("/v1/hot").json()
    assert answer["topics"][0]["size"] == 12
    assert answer["topics"][0]["telling"].startswith("T")
    assert rows(settings, "SELECT 1 FROM clusters WHERE size = 12")


def test_two_owners_never_write_over_each_other(settings: Settings, tmp_path: Path) -> None:
    from model.duplicates.score import PairScorer
    from service.storage import StorageUnavailable

    quiet = settings.model_copy(update={"duplicates": False})
    with behind_socket(FixtureRouter(), quiet) as running:
        running.client.post("/v1/tickets", json={"ticket_id": "A", "content": NOISE})
        database = open_database(settings)
        scorer = PairScorer.shipped()
        one = Matcher(database, tmp_path / "one", scorer=scorer, window_days=90)
        other = Matcher(database, tmp_path / "other", scorer=scorer, window_days=90)
        assert one.step()
        with pytest.raises(StorageUnavailable):
            other.step()
        one.close()
        other.close()
        database.close()


def test_helper_of_a_killed_service_ends(settings: Settings) -> None:
    import subprocess
    import sys

    script = Path(__file__).parent / "serve_fixture.py"
    root = script.parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), "serve", "--dev", "--port", "0"],
        cwd=root,
        env=os.environ | settings.as_environment() | {"PYTHONPATH": str(root), "FENBO_PORT": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _helper_of(settings) != 0, seconds=60)
        helper = _helper_of(settings)
        process.kill()
        process.wait()
        wait_until(lambda: not Path(f"/proc/{helper}").exists(), seconds=30)
    finally:
        process.kill()
        process.wait()


def _kept(settings: Settings, folder: Path) -> bytes:
    """All that the finder's rows still hold: of SQLite the very file, of PostgreSQL what can be read."""
    if settings.database_url is None:
        (file,) = folder.rglob("duplicates.db")
        return file.read_bytes()
    (schema,) = rows(settings, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'fenbo_duplicates%'")[0]
    return str(rows(settings, f"SELECT * FROM {schema}.bodies")).encode()


def test_once_an_hour_drift_is_repaired_and_old_words_are_forgotten(
    settings: Settings, tmp_path: Path
) -> None:
    from model.duplicates.score import PairScorer

    seconds = 0.0
    quiet = settings.model_copy(update={"duplicates": False})
    with behind_socket(FixtureRouter(), quiet) as running:
        for ticket_id, content in (
            *((f"old{number}", f"{number} 号旧书市场什么时候再开") for number in range(600)),
            ("A", NOISE),
            ("B", NOISE),
        ):
            body = {"ticket_id": ticket_id, "content": content}
            assert running.client.post("/v1/tickets", json=body).status_code == 201
        database = open_database(settings)
        matcher = Matcher(
            database,
            tmp_path / "index",
            scorer=PairScorer.shipped(),
            window_days=90,
            clock=lambda: seconds,
        )
        while matcher.step():
            pass
        together = _cluster(running, "A")
        assert together == _cluster(running, "B")
        finder = matcher._finder
        assert finder is not None
        ticket = finder.store.ticket("B")
        assert ticket is not None
        with finder.store.transaction():
            alone = finder.store.fresh_cluster()
            finder.store.assign([ticket.number], alone)
        with connected(settings) as connection:
            connection.exec_driver_sql(f"UPDATE tickets SET cluster = 'C{alone}' WHERE ticket_id = 'B'")
            connection.exec_driver_sql(
                "UPDATE tickets SET text_purged_at = received_at, content = NULL WHERE ticket_id NOT IN ('A', 'B')"
            )
            connection.commit()
        assert not matcher.repair(), "not yet"
        seconds = 4000.0
        while matcher.repair():
            pass
        assert _cluster(running, "A") == _cluster(running, "B") == together
        assert not matcher.repair(), "an hour later again"
        assert [ticket.ticket_id for ticket in finder.store.oldest(10)] == ["A", "B"]
        matcher.close()
        database.close()
    kept = _kept(settings, tmp_path / "index")
    assert "旧书市场".encode() not in kept
    assert "臣田小区".encode() in kept


def test_words_said_before_an_index_was_lost_are_obeyed_with_the_first_after_it(
    settings: Settings, tmp_path: Path
) -> None:
    from model.duplicates.score import PairScorer

    quiet = settings.model_copy(update={"duplicates": False})

    def compared(folder: str) -> None:
        database = open_database(settings)
        matcher = Matcher(database, tmp_path / folder, scorer=PairScorer.shipped(), window_days=90)
        while matcher.step():
            pass
        for _ in range(3):
            matcher.step()
        matcher.close()
        database.close()

    with behind_socket(FixtureRouter(), quiet) as running:
        for ticket_id, content in (("A", NOISE), ("B", NOISE), ("C", WAGES)):
            running.client.post("/v1/tickets", json={"ticket_id": ticket_id, "content": content})
        running.client.post("/v1/tickets/A/outcome", json={"kind": "unmerge", "other_ticket": "B"})
        compared("first")
        assert _cluster(running, "A") != _cluster(running, "B")
        running.client.post("/v1/tickets/C/outcome", json={"kind": "merge", "other_ticket": "A"})
        compared("second")
        assert _cluster(running, "A") == _cluster(running, "C")
        assert _cluster(running, "A") != _cluster(running, "B")
