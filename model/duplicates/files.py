"""Duplicates, pairs and hot topics of whole files."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.place import PlaceFinder
from model.records import Problem, Record, RecordsError, open_table, read_records, write_rows
from model.router import Router
from model.text.prepared import prepare
from model.ticket import Ticket

from .finder import WINDOW_DAYS, DuplicateFinder, Verdict
from .hot import HotTopic, hot_topics
from .profile import Profiler, full_text
from .score import PairScorer

F32 = NDArray[np.float32]
OnProblem = Callable[[Problem], None]
OnRows = Callable[[int], None]

DUPLICATE_FIELDS: dict[str, type] = {
    "ticket_id": str,
    "cluster": str,
    "duplicate_of": str,
    "probability": float,
}
_PIECE = 64
_PAIR_COLUMNS = ("text_a", "text_b")
_TITLE_COLUMNS = ("title_a", "title_b")


@dataclass(frozen=True, slots=True)
class Settings:
    """How files are clustered. ``city`` makes ambiguous place names plain."""

    city: str = ""
    window_days: int = WINDOW_DAYS
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class _Letter:
    """A row as it is clustered: under the number of its place in the file, with its text masked."""

    shown_id: str
    ticket: Ticket
    kind: str
    department: str


def duplicates_file(
    bundle: Path,
    source: Path,
    target: Path,
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    settings: Settings | None = None,
    on_problem: OnProblem,
    on_notice: Callable[[str], None] | None = None,
    on_rows: OnRows | None = None,
) -> int:
    """Write ``ticket_id, cluster, duplicate_of, probability`` for each row of ``source``, in its order.

    Tickets are heard in the order of their time, whatever the order of the rows, and clustered anew at the
    end. A row without an id is called by its line. The same id with the same words is one ticket. A row that
    cannot be read is told to ``on_problem`` and keeps its place with nothing but empty cells. Returns how
    many rows were written.
    """
    settings = settings or Settings()
    letters = _letters(source, columns, strict, on_problem, on_notice)
    with _clustered(bundle, letters, settings, on_rows) as finder:
        firsts = _firsts(letters)

        def rows() -> Iterator[dict[str, object]]:
            for place, letter in enumerate(letters):
                if letter is None:
                    yield dict.fromkeys(DUPLICATE_FIELDS)
                else:
                    yield _row(letter, finder.verdict(str(firsts[place])), letters)

        return write_rows(target, rows(), DUPLICATE_FIELDS)


def hot_file(
    bundle: Path,
    source: Path,
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    settings: Settings | None = None,
    most: int = 20,
    now: datetime | None = None,
    on_problem: OnProblem,
    on_notice: Callable[[str], None] | None = None,
    on_rows: OnRows | None = None,
) -> list[HotTopic]:
    """The ``most`` hottest topics of a file, hottest first: over all its time, or of the days up to ``now``.

    Raises:
        FenboError: no row has a time.
    """
    letters = _letters(source, columns, strict, on_problem, on_notice)
    if not any(letter is not None and letter.ticket.created_at for letter in letters):
        raise FenboError(f"{source}: no row has a time; map the column with --columns created_at=NAME")
    with _clustered(bundle, letters, settings or Settings(), on_rows) as finder:
        topics = hot_topics(finder.store, now=now, most=most)
        return [_named(topic, finder, letters, bundle) for topic in topics]


def pairs_file(
    bundle: Path,
    source: Path,
    target: Path,
    *,
    city: str = "",
    on_problem: OnProblem,
    on_rows: OnRows | None = None,
) -> int:
    """Copy the pairs of ``source`` to ``target`` with the ``probability`` that both are the same matter.

    ``source`` has ``text_a, text_b`` and may have ``title_a, title_b``. A pair that cannot be read keeps its
    place with an empty probability. Returns how many rows were written.

    Raises:
        RecordsError: a column is missing, or the file has a ``probability`` already.
    """
    table = open_table(source)
    present = table.columns({*_PAIR_COLUMNS, *_TITLE_COLUMNS})
    missing = [name for name in _PAIR_COLUMNS if name not in present]
    if missing:
        raise RecordsError(f"{source}: no column {', '.join(missing)}; found {', '.join(present)}")
    if "probability" in present:
        raise RecordsError(f"{source}: has a column probability, which would be overwritten; rename it")
    scorer = PairScorer.of_bundle(bundle)
    profiler = Profiler(scorer.rarity, scorer.words, finder=PlaceFinder(city=city))

    def rows() -> Iterator[dict[str, object]]:
        stream = iter(table.rows(set(present)))
        while piece := list(itertools.islice(stream, _PIECE)):
            cells: list[dict[str, object]] = []
            for row in piece:
                if isinstance(row, Problem):
                    on_problem(row)
                cells.append({} if isinstance(row, Problem) else dict(row.cells))
            tickets = [_masked(_pair_ticket(pair, side)) for pair in cells for side in ("a", "b")]
            vectors = scorer.words.embed([full_text(ticket) for ticket in tickets])
            profiles = [
                profiler.profile(ticket, vector) for ticket, vector in zip(tickets, vectors, strict=True)
            ]
            for place, pair in enumerate(cells):
                a, b = profiles[2 * place], profiles[2 * place + 1]
                told = a.text and b.text
                yield {**pair, "probability": scorer.probability(a, b) if told else None}
            if on_rows is not None:
                on_rows(len(piece))

    return write_rows(
        target, rows(), (*present, "probability"), text_fields=(*_PAIR_COLUMNS, *_TITLE_COLUMNS)
    )


def _pair_ticket(row: Mapping[str, object], side: str) -> Ticket:
    title, text = row.get(f"title_{side}"), row.get(f"text_{side}")
    return Ticket(content="" if text is None else str(text), title="" if title is None else str(title))


def _letters(
    source: Path,
    columns: Mapping[str, str] | None,
    strict: bool,
    on_problem: OnProblem,
    on_notice: Callable[[str], None] | None,
) -> list[_Letter | None]:
    """Every row in its place; None where one could not be read."""
    letters: list[_Letter | None] = []

    def note(problem: Problem) -> None:
        letters.append(None)
        on_problem(problem)

    for record in read_records(source, columns=columns, strict=strict, on_problem=note, on_notice=on_notice):
        letters.append(_letter(record, len(letters)))
    return letters


def _letter(record: Record, place: int) -> _Letter:
    ticket = replace(_masked(record.ticket), ticket_id=str(place))
    shown = record.ticket.ticket_id or str(record.line)
    return _Letter(shown, ticket, record.kind or "", record.department or "")


def _masked(ticket: Ticket) -> Ticket:
    masked = prepare(ticket).masked
    return replace(ticket, title=masked.title, content=masked.content)


def _firsts(letters: Sequence[_Letter | None]) -> list[int]:
    """For each row the place of the first with the same id and the same words."""
    seen: dict[tuple[str, str, str], int] = {}
    firsts = []
    for place, letter in enumerate(letters):
        if letter is None:
            firsts.append(place)
            continue
        key = (letter.shown_id, letter.ticket.title, letter.ticket.content)
        firsts.append(seen.setdefault(key, place))
    return firsts


@contextmanager
def _clustered(
    bundle: Path, letters: Sequence[_Letter | None], settings: Settings, on_rows: OnRows | None
) -> Iterator[DuplicateFinder]:
    """A finder that has heard every letter, by time, and clustered them anew."""
    firsts = _firsts(letters)
    heard = [letter for place, letter in enumerate(letters) if letter is not None and firsts[place] == place]
    heard.sort(key=lambda letter: letter.ticket.created_at or datetime.max.replace(tzinfo=UTC))
    latest = max((letter.ticket.created_at for letter in heard if letter.ticket.created_at), default=None)
    # In a file of the past, a letter without a time counts as one of the last.
    now = min(latest, datetime.now(UTC)) if latest is not None else datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory(prefix="fenbo-") as folder,
        DuplicateFinder(
            PairScorer.of_bundle(bundle),
            folder=Path(folder),
            places=PlaceFinder(city=settings.city),
            window_days=settings.window_days,
            threshold=settings.threshold,
            clock=lambda: now,
        ) as finder,
    ):
        for letter in heard:
            finder.add(letter.ticket, kind=letter.kind, department=letter.department)
            if on_rows is not None:
                on_rows(1)
        finder.recluster(since=datetime.fromtimestamp(0, tz=UTC))
        yield finder


def _row(letter: _Letter, verdict: Verdict, letters: Sequence[_Letter | None]) -> dict[str, object]:
    original = letters[int(verdict.duplicate_of)] if verdict.duplicate_of is not None else None
    return {
        "ticket_id": letter.shown_id,
        "cluster": verdict.cluster,
        "duplicate_of": original.shown_id if original is not None else None,
        "probability": verdict.probability,
    }


def _named(
    topic: HotTopic, finder: DuplicateFinder, letters: Sequence[_Letter | None], bundle: Path
) -> HotTopic:
    """``topic`` with the file's own ids, and with likely departments where the file has none."""
    telling = letters[int(topic.telling)]
    assert telling is not None
    departments = topic.departments
    if not departments:
        members = [letters[int(name)] for name in finder.members(topic.cluster)[:30]]
        router = Router.from_pretrained(bundle)
        predicted = router.predict(
            [letter.ticket for letter in members if letter is not None], explain="none"
        )
        counts: dict[str, int] = {}
        for prediction in predicted:
            counts[prediction.department.name] = counts.get(prediction.department.name, 0) + 1
        ranked = sorted(counts, key=lambda name: -counts[name])
        departments = tuple(name for name in ranked if counts[name] * 5 >= len(predicted))
    return replace(topic, telling=telling.shown_id, departments=departments)
