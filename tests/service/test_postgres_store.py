"""The finder's rows in PostgreSQL are those that it keeps in a file, and outlive the machine that wrote them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from model.duplicates.finder import DuplicateFinder
from model.duplicates.score import PairScorer
from model.duplicates.sqlite_store import SqliteStore
from model.duplicates.store import DuplicateStore, Edge, NewTicket
from model.errors import FenboError
from model.ticket import Ticket
from service.storage import StorageUnavailable
from tests.service.conftest import new_database

pytest.importorskip("psycopg")
from service.matching.postgres_store import PostgresStore, connected, drop_others

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LETTERS = (
    "宝安区西乡街道臣田小区对面工地夜里打桩，噪声很大，整夜睡不着，请派人制止",
    "西乡臣田小区对面的工地半夜还在打桩，吵得孩子睡不了",
    "龙华区富士电子厂拖欠我们三个月工资，老板一直不接电话，请帮忙追讨",
    "富士电子厂三个月没发工资了，工人们急着用钱",
    "南山区科技园公交站牌倒了没人管",
    "臣田小区对面工地夜间施工扰民，连着三晚了",
    "坂田街道五和大道路灯不亮，晚上走路害怕",
    "宝安西乡臣田小区工地凌晨两点还在施工打桩",
)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Any:
    return make_url(new_database(request))


@pytest.fixture
def store(url: Any) -> Iterator[PostgresStore]:
    found = PostgresStore(url, "a")
    yield found
    found.close()


def _finder(store: DuplicateStore | None, folder: Path | None = None) -> DuplicateFinder:
    return DuplicateFinder(PairScorer.shipped(), store=store, folder=folder, threshold=0.4, clock=lambda: NOW)


def _told(finder: DuplicateFinder) -> list[Any]:
    """What one finder says while letters come, people rule, and clusters are looked at again."""
    said: list[Any] = []
    for number, content in enumerate(LETTERS):
        at = NOW - timedelta(hours=20 - number)
        said.append(finder.add(Ticket(content, ticket_id=f"T{number}", created_at=at)))
    said.append(
        dataclasses.replace(finder.rule("T0", "T1", same=False, by="审核员", reason="不同工地"), at=0)
    )
    said.append(finder.recluster())
    said.append(dataclasses.replace(finder.rule("T2", "T6", same=True, by="审核员", reason=""), at=0))
    said.append([finder.verdict(f"T{number}") for number in range(len(LETTERS))])
    store = finder.store
    numbers = list(range(1, len(LETTERS) + 1))
    clusters = sorted({ticket.cluster for ticket in store.tickets(numbers).values()})
    since = int((NOW - timedelta(hours=16)).timestamp())
    said += [
        store.members(clusters),
        store.sizes([*clusters, 999]),
        store.live_clusters(since=since, smallest=1),
        store.live_clusters(since=since, smallest=2),
        store.moments(),
        store.newest_moment(),
        sorted((edge.a, edge.b, round(edge.probability, 6)) for edge in store.edges_among(numbers)),
        sorted((edge.a, edge.b) for edge in store.edges_of(1)),
        sorted(store.neighbours([1, 3], 0.4)),
        [dataclasses.replace(event, at=0) for event in store.events()],
        store.events(clusters[0]) == [event for event in store.events() if event.cluster == clusters[0]],
        store.newest_event(),
        store.changed_clusters(after=0, through=store.newest_event(), kinds=("merge", "split", "join")),
        [dataclasses.replace(ruling, at=0) for ruling in store.rulings()],
        [ruling.sequence for ruling in store.rulings([1])],
        store.letters([1, 2, 77]),
        [ticket.ticket_id for ticket in store.oldest(3)],
        [(row.number, row.area, row.week) for row in store.indexed_vectors(after=2, first_week=0)],
    ]
    for cluster in clusters:
        said.append(store.sample_members(cluster, 3))
    for one in clusters:
        said.append([ruling.sequence for ruling in store.rulings_between(one, clusters[0])])
    finder.forget(["T1", "unknown"])
    said += [store.ticket("T1"), store.letters([2]), store.edges_of(2), len(list(finder.ruled_pairs()))]
    return said


def test_both_stores_tell_the_same(store: PostgresStore) -> None:
    assert _told(_finder(store)) == _told(_finder(SqliteStore()))


def test_what_was_stored_is_there_for_the_next(url: Any, tmp_path: Path) -> None:
    """Another machine has the rows, though not the index."""
    first = _finder(PostgresStore(url, "a"), tmp_path / "one")
    for number, content in enumerate(LETTERS[:6]):
        first.add(Ticket(content, ticket_id=f"T{number}", created_at=NOW - timedelta(hours=9 - number)))
    before = [first.verdict(f"T{number}") for number in range(6)]
    first.close()
    second = _finder(PostgresStore(url, "a"), tmp_path / "two")
    second.open()
    assert second.index is not None
    assert second.index.rows == 6
    assert [second.verdict(f"T{number}") for number in range(6)] == before
    late = second.add(Ticket(LETTERS[7], ticket_id="T7", created_at=NOW))
    assert late.cluster == before[0].cluster
    second.close()


def test_a_transaction_is_undone_whole(store: PostgresStore) -> None:
    finder = _finder(store)
    finder.add(Ticket(LETTERS[0], ticket_id="T0", created_at=NOW))
    stored = store.ticket("T0")
    assert stored is not None

    def stopped() -> None:
        with store.transaction():
            store.assign([stored.number], 77)
            store.add_edges([Edge(1, 2, 0.5), Edge(1, 2, 0.7)])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert store.ticket("T0") == stored
    assert store.edges_of(1) == []
    with store.transaction():
        store.add_edges([Edge(1, 2, 0.5), Edge(1, 2, 0.7)])
    assert store.edges_of(2) == [Edge(1, 2, 0.7)]


def test_numbers_and_names_of_clusters_are_never_given_twice(store: PostgresStore) -> None:
    finder = _finder(store)
    finder.add(Ticket(LETTERS[0], ticket_id="A", created_at=NOW))
    named = store.fresh_cluster()
    finder.add(Ticket(LETTERS[2], ticket_id="B", created_at=NOW))
    finder.forget(["B"])
    finder.add(Ticket(LETTERS[4], ticket_id="C", created_at=NOW))
    numbers = [ticket.number for ticket in store.oldest(9)]
    assert len({*numbers, named}) == 3
    assert numbers[-1] > 3


def test_text_that_the_database_cannot_hold_is_kept_without_what_it_cannot(store: PostgresStore) -> None:
    finder = _finder(store)
    profile = finder._profiler.profile(
        Ticket("路灯\x00不亮\ud83d"), PairScorer.shipped().words.embed(["路灯"])[0]
    )
    with store.transaction():
        number = store.add_ticket(
            NewTicket("Z", b"d", "标\x00题", "路灯\x00不亮\ud83d", 1, "", True, b"w", profile)
        )
    assert store.letters([number])[number].content == "路灯 不亮?"
    assert store.profiles([number])[number].head == profile.head


def test_history_cannot_be_rewritten(store: PostgresStore) -> None:
    import psycopg

    _finder(store).add(Ticket(LETTERS[0], ticket_id="T0", created_at=NOW))
    with pytest.raises(psycopg.errors.RaiseException, match="are kept"):
        store._run("UPDATE events SET cluster = 9")


def test_another_word_table_and_another_version_are_refused(url: Any) -> None:
    store = PostgresStore(url, "a")
    store.bind("one")
    with pytest.raises(FenboError, match="word table one"):
        store.bind("other")
    store._run("UPDATE meta SET value = '0' WHERE key = 'version'")
    store.close()
    with pytest.raises(FenboError, match="has version '0'"):
        PostgresStore(url, "a")


def test_rows_of_other_names_are_dropped(url: Any) -> None:
    for name in ("a", "b"):
        PostgresStore(url, name).close()
    drop_others(url, "b")
    with connected(url) as connection:
        names = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'fenbo%'").fetchall()
    assert names == [("fenbo_duplicates_b",)]


def test_a_lost_connection_is_said_as_such_and_loses_nothing(url: Any) -> None:
    """The owner then starts anew; the ticket that was not stored is compared again."""
    store = PostgresStore(url, "a")
    finder = _finder(store)
    finder.add(Ticket(LETTERS[0], ticket_id="T0", created_at=NOW))
    with connected(url) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(StorageUnavailable):
        finder.add(Ticket(LETTERS[2], ticket_id="T1", created_at=NOW))
    finder.close()
    again = _finder(PostgresStore(url, "a"))
    assert again.store.ticket("T1") is None
    assert again.add(Ticket(LETTERS[1], ticket_id="T2", created_at=NOW)).duplicate_of == "T0"
    again.close()


def test_nothing_listens() -> None:
    with pytest.raises(StorageUnavailable):
        PostgresStore(make_url("postgresql://nobody@127.0.0.1:1/none"), "a")
