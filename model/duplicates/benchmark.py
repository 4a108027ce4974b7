"""How the duplicate finder does as a city grows: recall, latency, memory, restart and clusters.

At each size the store is filled with all but the last tickets of a synthetic city, each in its true matter's
cluster; the last ones are then added one by one, as a service would, and what is said of them is compared
with the truth and with an exact search. Times are processor times of this one thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError

from .bearing import SKETCHED
from .city import DIMENSIONS, Telling, tellings
from .finder import CANDIDATES, DuplicateFinder
from .index import EVERYWHERE
from .profile import Profile, Profiler
from .score import PairScorer
from .sqlite_store import SqliteStore
from .store import WEEK, NewTicket

F32 = NDArray[np.float32]

TAIL = 2_000
"""Tickets that are added one by one at the end."""
_CHECKED = 200
"""Of these, how many are compared with an exact search."""
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One size. Recalls, precision and shares are in [0, 1]; times in milliseconds or seconds as named."""

    tickets: int
    recall_exact: float
    """Of the 20 nearest by an exact search of the same tickets, the share among the candidates."""
    recall_planted: float
    """Tickets told before whose matter has a ticket among the candidates."""
    add_median_ms: float
    add_p99_ms: float
    look_up_median_ms: float
    """The index's part of it."""
    index_mb: float
    index_mb_per_million: float
    resident_mb: float
    """Growth of the process's memory while the index was opened, store caches included."""
    restart_s: float
    rebuild_s: float
    """Restart without a snapshot, from the rows alone."""
    rows_mb: float
    cluster_precision: float
    cluster_recall: float
    """B-cubed, over the tickets that were added one by one and the matters they tell of."""

    def as_dict(self) -> dict[str, float]:
        """Rounded numbers by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure(
    size: int,
    folder: Path,
    *,
    scorer: PairScorer | None = None,
    seed: int = 0,
    tail: int = TAIL,
    on_rows: Callable[[int], None] | None = None,
) -> Measured:
    """Build a city of ``size`` tickets in the empty ``folder`` and measure the finder on it."""
    scorer = scorer or PairScorer.shipped()
    if scorer.words.dimensions != DIMENSIONS:
        raise FenboError(
            f"the word table has {scorer.words.dimensions} components, the synthetic city draws {DIMENSIONS};"
            " measure with the shipped pair model"
        )
    folder.mkdir(parents=True, exist_ok=True)
    stream = tellings(size, seed=seed)
    truth: list[int] = []
    vectors = np.empty((size, DIMENSIONS + SKETCHED), dtype=np.float16)
    areas: list[str] = []
    moments = np.empty(size, dtype=np.int64)

    profiler = Profiler(scorer.rarity, scorer.words)

    def profiled(telling: Telling) -> Profile:
        return profiler.profile(telling.ticket, telling.vector, place=telling.place)

    def note(telling: Telling, profile: Profile) -> None:
        place = len(truth)
        truth.append(telling.matter)
        areas.append(telling.place.area)
        vectors[place] = profile.searched
        assert telling.ticket.created_at is not None
        moments[place] = int(telling.ticket.created_at.timestamp())

    _filled(folder, islice(stream, size - tail), profiled, note, on_rows)
    last = list(islice(stream, tail))
    end = last[-1].ticket.created_at
    assert end is not None

    def opened() -> tuple[DuplicateFinder, float, float]:
        before, start = _resident_mb(), time.perf_counter()
        finder = DuplicateFinder(scorer, folder=folder, clock=lambda: end)
        finder.open()
        return finder, time.perf_counter() - start, _resident_mb() - before

    finder, rebuild, _ = opened()
    finder.close()
    finder, restart, resident = opened()
    spent, searched = [], []
    found_exact, found_planted = [], []
    known = set(truth)
    step = max(1, tail // _CHECKED)
    for place, telling in enumerate(last):
        index = finder.index
        assert index is not None
        moment = int(end.timestamp())
        weeks = range((moment - finder.window) // WEEK, moment // WEEK + 1)
        profile = profiled(telling)
        start = time.thread_time()
        near = index.search(profile.searched, most=CANDIDATES, area=telling.place.area, weeks=weeks).numbers
        searched.append(time.thread_time() - start)
        if telling.matter in known:
            found_planted.append(any(truth[number - 1] == telling.matter for number in near.tolist()))
        if place % step == 0:
            found_exact.append(
                _recall(near, profile, vectors[: len(truth)], areas, everywhere=size <= EVERYWHERE)
            )
        start = time.thread_time()
        finder.add(telling.ticket, telling.vector, place=telling.place)
        spent.append(time.thread_time() - start)
        note(telling, profile)
        known.add(telling.matter)
        if on_rows is not None:
            on_rows(1)
    precision, recall = _clusters(finder, last, truth)
    index = finder.index
    assert index is not None
    result = Measured(
        tickets=size,
        recall_exact=float(np.mean(found_exact)),
        recall_planted=float(np.mean(found_planted)),
        add_median_ms=float(np.median(spent)) * 1e3,
        add_p99_ms=float(np.quantile(spent, 0.99)) * 1e3,
        look_up_median_ms=float(np.median(searched)) * 1e3,
        index_mb=index.nbytes / 1e6,
        index_mb_per_million=index.nbytes / index.rows,
        resident_mb=resident,
        restart_s=restart,
        rebuild_s=rebuild,
        rows_mb=(folder / "duplicates.db").stat().st_size / 1e6,
        cluster_precision=precision,
        cluster_recall=recall,
    )
    finder.close()
    return result


def _filled(
    folder: Path,
    stream: Iterator[Telling],
    profiled: Callable[[Telling], Profile],
    note: Callable[[Telling, Profile], None],
    on_rows: Callable[[int], None] | None,
) -> None:
    """Store tickets in their true clusters, without comparing them."""
    store = SqliteStore(folder / "duplicates.db")
    clusters: dict[int, int] = {}
    while batch := list(islice(stream, _BATCH)):
        with store.transaction():
            for telling in batch:
                ticket, at = telling.ticket, telling.ticket.created_at
                assert at is not None
                profile = profiled(telling)
                body = NewTicket(
                    ticket.ticket_id,
                    b"",
                    "",
                    ticket.content,
                    int(at.timestamp()),
                    telling.place.area,
                    True,
                    os.urandom(16),
                    profile,
                )
                number = store.add_ticket(body)
                first = clusters.setdefault(telling.matter, number)
                if first != number:
                    store.assign([number], first)
                note(telling, profile)
        if on_rows is not None:
            on_rows(len(batch))
    store.close()


def _recall(
    near: NDArray[np.int64],
    profile: Profile,
    vectors: NDArray[np.float16],
    areas: Sequence[str],
    *,
    everywhere: bool,
) -> float:
    """Share of the exact 20 nearest, among the tickets that the search looks through, that ``near`` has."""
    area, asked = profile.area, profile.searched
    cosine = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), 50_000):
        cosine[start : start + 50_000] = vectors[start : start + 50_000].astype(np.float32) @ asked
    if area and not everywhere:
        outside = np.fromiter((its not in (area, "") for its in areas), dtype=bool, count=len(areas))
        cosine[outside] = -1.0
    exact = np.argpartition(-cosine, 20)[:20] + 1
    return len(set(exact.tolist()) & set(near.tolist())) / 20


def _clusters(finder: DuplicateFinder, last: Sequence[Telling], truth: Sequence[int]) -> tuple[float, float]:
    """B-cubed precision and recall of the tickets in ``last`` (Bagga and Baldwin 1998)."""
    by_matter: dict[int, int] = {}
    for matter in truth:
        by_matter[matter] = by_matter.get(matter, 0) + 1
    precision, recall = [], []
    for telling in last:
        ticket = finder.store.ticket(telling.ticket.ticket_id)
        assert ticket is not None
        members = finder.store.members([ticket.cluster])[ticket.cluster]
        same = sum(truth[number - 1] == telling.matter for number in members)
        precision.append(same / len(members))
        recall.append(same / by_matter[telling.matter])
    return float(np.mean(precision)), float(np.mean(recall))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
