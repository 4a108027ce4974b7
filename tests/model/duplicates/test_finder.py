"""The finder as a ticket system uses it: in order, out of order, ruled on, killed, and fed nonsense."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from model.duplicates.finder import (
    DuplicateFinder,
    IndexOwnedError,
    TicketConflictError,
    cluster_number,
)
from model.duplicates.score import PairScorer
from model.errors import FenboError
from model.place import PlaceFinder
from model.ticket import Ticket

from .city import BUS, NOISE, OTHER_PROBLEM, START, ticket, vector

Make = Callable[..., DuplicateFinder]


@pytest.fixture
def make(scorer: PairScorer, places: PlaceFinder) -> Iterator[Make]:
    opened: list[DuplicateFinder] = []

    def build(folder: Path | None = None, **options: object) -> DuplicateFinder:
        options.setdefault("threshold", 0.5)
        options.setdefault("clock", lambda: START + timedelta(days=400))
        finder = DuplicateFinder(scorer, folder=folder, places=places, **options)  # type: ignore[arg-type]
        opened.append(finder)
        return finder

    yield build
    for finder in opened:
        finder.close()


def feed(finder: DuplicateFinder, texts: dict[str, str]) -> None:
    for hours, (name, text) in enumerate(texts.items()):
        letter = ticket(name, text, hours=hours)
        finder.add(letter, vector(letter))


MATTERS = {
    "a1": NOISE[0],
    "bus": BUS,
    "a2": NOISE[0] + "谢谢。",
    "lift": OTHER_PROBLEM,
    "a3": NOISE[0] + "急！",
}


def test_a_repeated_matter_is_heard_once(make: Make) -> None:
    finder = make()
    feed(finder, MATTERS)
    first, second = finder.verdict("a1"), finder.verdict("a2")
    assert first.duplicate_of is None
    assert second.duplicate_of == "a1"
    assert second.cluster == first.cluster == finder.verdict("a3").cluster
    assert second.probability >= finder.threshold
    assert finder.members(first.cluster) == ("a1", "a2", "a3")
    assert len({finder.verdict(name).cluster for name in ("a1", "bus", "lift")}) == 3


def test_looking_stores_nothing(make: Make) -> None:
    finder = make()
    feed(finder, {"a1": NOISE[0]})
    letter = ticket("new", NOISE[0])
    seen = finder.look(letter, vector(letter))
    assert seen.duplicate_of == "a1"
    assert finder.store.ticket("new") is None
    other = ticket("other", BUS)
    assert finder.look(other, vector(other)).cluster == ""


def test_the_same_id_again_changes_nothing(make: Make) -> None:
    finder = make()
    feed(finder, MATTERS)
    letter = ticket("a2", MATTERS["a2"], hours=500)
    again = finder.add(letter, vector(letter))
    assert again == finder.verdict("a2")
    assert finder.members(again.cluster) == ("a1", "a2", "a3")


def test_the_same_id_with_another_text_is_refused(make: Make) -> None:
    finder = make()
    feed(finder, {"a1": NOISE[0]})
    letter = ticket("a1", BUS)
    with pytest.raises(TicketConflictError, match="'a1'"):
        finder.add(letter, vector(letter))
    assert finder.verdict("a1").cluster == finder.verdict("a1").cluster


def test_out_of_the_window_is_forgotten(make: Make) -> None:
    finder = make(window_days=30)
    old, new = ticket("old", NOISE[0]), ticket("new", NOISE[0], hours=24 * 45)
    finder.add(old, vector(old))
    assert finder.add(new, vector(new)).duplicate_of is None
    assert finder.index is not None
    assert finder.index.rows == 1


@pytest.mark.parametrize(
    "created_at", [START + timedelta(days=4000), None, datetime(2026, 3, 3), datetime(1, 1, 2)]
)
def test_odd_clocks_do_no_harm(make: Make, created_at: datetime | None) -> None:
    finder = make(clock=lambda: START + timedelta(hours=2))
    feed(finder, {"a1": NOISE[0]})
    odd = Ticket(content=NOISE[0], ticket_id="odd", created_at=created_at)
    finder.add(odd, vector(odd))
    later = ticket("a2", NOISE[0], hours=1)
    assert finder.add(later, vector(later)).cluster == finder.verdict("a1").cluster


@pytest.mark.parametrize("text", ["", "。。。", "\x00", "[PHONE]", "路", "\ud800", "x" * 100_000])
def test_texts_without_a_matter_stand_alone_or_among_themselves(make: Make, text: str) -> None:
    finder = make()
    feed(finder, {"a1": NOISE[0]})
    letter = ticket("odd", text)
    assert finder.add(letter, vector(letter)).cluster != finder.verdict("a1").cluster


def test_a_vector_that_is_none_is_refused(make: Make) -> None:
    finder = make()
    letter = ticket("a", NOISE[0])
    size = finder.scorer.words.dimensions
    for bad in (
        np.full(size, np.nan, dtype=np.float32),
        np.zeros((2, size), dtype=np.float32),
        np.zeros(size * 2, dtype=np.float32),
    ):
        with pytest.raises(FenboError, match="leave the vector out"):
            finder.add(letter, bad)
    finder.add(letter, vector(letter))
    other = ticket("b", BUS)
    with pytest.raises(FenboError, match="ticket_id is empty"):
        finder.add(Ticket(content=BUS), vector(other))


def test_many_copies_stay_one_cluster_and_a_small_index(make: Make) -> None:
    finder = make()
    meaning = vector(ticket(0, NOISE[0]))
    for number in range(400):
        finder.add(ticket(number, NOISE[0], hours=number), meaning)
    assert len({finder.verdict(str(number)).cluster for number in range(0, 400, 37)}) == 1
    assert finder.index is not None
    assert finder.index.rows <= 4


def test_a_person_parts_and_joins(make: Make) -> None:
    finder = make()
    feed(finder, MATTERS)
    finder.rule("a1", "a3", same=False, by="窗口甲", reason="另一处工地")
    assert finder.verdict("a1").cluster != finder.verdict("a3").cluster
    finder.rule("bus", "lift", same=True, by="窗口乙")
    assert finder.verdict("bus").cluster == finder.verdict("lift").cluster
    finder.recluster()
    assert finder.verdict("a1").cluster != finder.verdict("a3").cluster
    assert finder.verdict("bus").cluster == finder.verdict("lift").cluster
    finder.rule("a1", "a3", same=True, by="窗口丙")
    assert finder.verdict("a1").cluster == finder.verdict("a3").cluster
    assert [ruling.same for ruling in finder.store.rulings()] == [False, True, True]
    kinds = {event.kind for event in finder.store.events()}
    assert {"found", "join", "rule", "split", "merge"} <= kinds


def test_rulings_become_pairs_to_learn_from(make: Make) -> None:
    finder = make()
    feed(finder, MATTERS)
    finder.rule("a1", "a2", same=False, by="甲")
    finder.rule("a1", "a2", same=True, by="乙", reason="同一工地")
    finder.rule("bus", "lift", same=False, by="乙")
    pairs = list(finder.ruled_pairs())
    assert [(pair.label, pair.by) for pair in pairs] == [(2, "乙"), (1, "乙")]
    assert {pairs[0].text_a, pairs[0].text_b} == {MATTERS["a1"], MATTERS["a2"]}


def test_rulings_on_unknown_or_equal_tickets_are_refused(make: Make) -> None:
    finder = make()
    feed(finder, {"a1": NOISE[0]})
    with pytest.raises(FenboError, match="'nobody' is unknown"):
        finder.rule("a1", "nobody", same=True, by="甲")
    with pytest.raises(FenboError, match="itself"):
        finder.rule("a1", "a1", same=True, by="甲")
    with pytest.raises(FenboError, match="cluster name"):
        cluster_number("17")


def test_reclustering_what_is_right_changes_no_name(make: Make) -> None:
    finder = make()
    feed(finder, MATTERS)
    before = {name: finder.verdict(name).cluster for name in MATTERS}
    repair = finder.recluster()
    assert (repair.moved, repair.merged, repair.split) == (0, 0, 0)
    assert {name: finder.verdict(name).cluster for name in MATTERS} == before


def test_the_order_of_arrival_changes_little(make: Make) -> None:
    texts = {f"{kind}{copy}": text + "请尽快。" * copy for kind, text in MATTERS.items() for copy in range(4)}
    partitions = []
    for seed in range(3):
        finder = make()
        names = random.Random(seed).sample(sorted(texts), len(texts))
        feed(finder, {name: texts[name] for name in names})
        finder.recluster()
        groups = {frozenset(finder.members(finder.verdict(name).cluster)) for name in texts}
        partitions.append(groups)
    assert partitions[0] == partitions[1] == partitions[2]


def test_a_restart_knows_what_was_known(make: Make, folder: Path) -> None:
    finder = make(folder)
    feed(finder, MATTERS)
    before = {name: finder.verdict(name) for name in MATTERS}
    finder.close()
    again = make(folder)
    letter = ticket("a4", NOISE[0], hours=9)
    assert again.add(letter, vector(letter)).cluster == before["a1"].cluster
    assert {name: again.verdict(name) for name in MATTERS} == before


@pytest.mark.parametrize("damage", ["nothing", "no manifest", "torn shard", "torn manifest", "foreign"])
def test_a_damaged_snapshot_is_made_anew_from_the_rows(make: Make, folder: Path, damage: str) -> None:
    finder = make(folder)
    feed(finder, MATTERS)
    finder.close()
    index = folder / "index"
    manifest = index / "manifest.json"
    if damage == "no manifest":
        manifest.unlink()
    elif damage == "torn shard":
        shard = next(index.glob("*.npz"))
        shard.write_bytes(shard.read_bytes()[:-20])
    elif damage == "torn manifest":
        manifest.write_text(manifest.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    elif damage == "foreign":
        data = json.loads(manifest.read_text(encoding="utf-8")) | {"identity": "other"}
        manifest.write_text(json.dumps(data), encoding="utf-8")
    again = make(folder)
    letter = ticket("a4", NOISE[0] + "还没有处理。", hours=9)
    assert again.add(letter, vector(letter)).duplicate_of in {"a1", "a2", "a3"}
    assert again.index is not None
    assert again.index.rows == len(MATTERS) + 1


def test_a_vector_left_out_is_made(make: Make) -> None:
    finder = make()
    feed(finder, {"a1": NOISE[0]})
    assert finder.add(ticket("a2", NOISE[0])).duplicate_of == "a1"


def test_tickets_read_with_another_word_table_are_refused(
    make: Make, scorer: PairScorer, folder: Path
) -> None:
    finder = make(folder)
    feed(finder, {"a1": NOISE[0]})
    finder.close()
    other = replace(scorer.words, rarity=scorer.words.rarity * 2, mean=scorer.words.mean * 2)
    refitted = PairScorer(replace(scorer.model, words=other.fingerprint), scorer.rarity, other)
    with pytest.raises(FenboError, match="start a new folder"):
        DuplicateFinder(refitted, folder=folder)


def test_one_process_owns_the_index(make: Make, folder: Path) -> None:
    make(folder)
    with pytest.raises(IndexOwnedError, match="one process owns"):
        make(folder)


def test_a_failed_write_leaves_nothing_behind(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = make(folder)
    feed(finder, MATTERS)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(finder.store, "add_edges", fail)
    letter = ticket("a9", NOISE[0], hours=9)
    with pytest.raises(OSError, match="disk full"):
        finder.add(letter, vector(letter))
    monkeypatch.undo()
    assert finder.store.ticket("a9") is None
    assert finder.add(letter, vector(letter)).cluster == finder.verdict("a1").cluster


_WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from model.duplicates.finder import DuplicateFinder
from model.duplicates.score import PairScorer
from tests.model.duplicates.city import BUS, NOISE, START, ticket, vector
folder, first = Path(sys.argv[1]), int(sys.argv[2])
late = START + timedelta(days=400)
finder = DuplicateFinder(PairScorer.shipped(), folder=folder, threshold=0.5, clock=lambda: late)
number = first
while True:
    letter = ticket(number, (NOISE[0] if number % 2 else BUS) + f"第{number}次反映。", hours=number)
    verdict = finder.add(letter, vector(letter))
    if number % 7 == 0:
        finder.snapshot()
    print(number, verdict.cluster, flush=True)
    number += 1
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_comes_back_with_all_it_answered_for(
    scorer: PairScorer, folder: Path
) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    answered: dict[str, str] = {}
    draw = random.Random(5)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder), str(len(answered))],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert process.stdout is not None
        # The moment is told by what was answered, not by the clock: a busy machine answers as much, later.
        lines = [process.stdout.readline() for _ in range(draw.randint(2, 16))]
        time.sleep(draw.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        # The last line may be torn; what was said before it was answered.
        told = dict(line.split() for line in lines if line.endswith("\n"))
        assert len(told) >= 2
        answered |= told
        with DuplicateFinder(
            scorer, folder=folder, threshold=0.5, clock=lambda: START + timedelta(days=400)
        ) as finder:
            finder.open()
            stored = finder.store.newest_moment()
            assert stored is not None
            for name, cluster in answered.items():
                assert finder.verdict(name).cluster == cluster
            extra = finder.store.ticket(str(len(answered)))
            if extra is not None:
                # Committed, killed before it could say so.
                answered[extra.ticket_id] = finder.verdict(extra.ticket_id).cluster
            assert finder.index is not None
            shards = finder.index.shards.values()
            held = sorted(number for shard in shards for number in shard.numbers[: shard.rows])
            rows = finder.store.indexed_vectors(after=0, first_week=0)
            assert held == [row.number for row in rows]
    assert datetime.now(UTC) > START
