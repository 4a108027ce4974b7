"""Scores a file of tickets, piece by piece, so that memory does not grow with the file."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from model.prediction import Prediction
from model.records import Problem, Record, read_records, write_rows
from model.router import Router
from model.ticket import Ticket

FIELDS: dict[str, type] = {
    "ticket_id": str,
    "department": str,
    "department_probability": float,
    "department_top": str,
    "decision": str,
    "urgency": str,
    "urgency_probability": float,
    "kind": str,
    "kind_probability": float,
}
_PIECE = 64


def predict_file(
    bundle: Path,
    source: Path,
    target: Path,
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    workers: int = 0,
    on_problem: Callable[[Problem], None],
    on_notice: Callable[[str], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> int:
    """Write one row an input row of ``source`` to ``target``, in order. Returns how many.

    A row that cannot be read is told to ``on_problem`` and keeps its place: its answer is empty but for the
    decision, ``review``. ``workers`` processes share the work (0: one a core). ``on_rows`` is told how many
    rows are done.
    """
    unreadable: list[Problem] = []

    def note(problem: Problem) -> None:
        unreadable.append(problem)
        on_problem(problem)

    records = read_records(source, columns=columns, strict=strict, on_problem=note, on_notice=on_notice)
    pieces = _pieces(_in_place(records, unreadable))
    count = workers or len(os.sched_getaffinity(0))
    # Checked here first: a worker that cannot start has nobody to tell.
    router = Router.from_pretrained(bundle)

    def rows(scored: Iterable[list[dict[str, object]]]) -> Iterator[dict[str, object]]:
        for piece in scored:
            yield from piece
            if on_rows is not None:
                on_rows(len(piece))

    first = list(itertools.islice(pieces, 4))
    if count == 1 or len(first) < 4:
        one_by_one = (_scored(router, piece) for piece in itertools.chain(first, pieces))
        return write_rows(target, rows(one_by_one), FIELDS)
    context = multiprocessing.get_context("spawn")
    # A worker that dies breaks this pool with an error; multiprocessing's own would start another for ever.
    with ProcessPoolExecutor(
        count, mp_context=context, initializer=_start_worker, initargs=(bundle,)
    ) as pool:
        # map reads ahead without bound; handing out a window at a time keeps memory flat.
        scored = _windowed(pool.map, itertools.chain(first, pieces), count * 4)
        return write_rows(target, rows(scored), FIELDS)


def _in_place(records: Iterator[Record], unreadable: list[Problem]) -> Iterator[Ticket | None]:
    """Tickets in the order of the file, None where a row could not be read."""
    for record in records:
        yield from itertools.repeat(None, len(unreadable))
        unreadable.clear()
        yield record.ticket
    yield from itertools.repeat(None, len(unreadable))


def _windowed(
    score: Callable[..., Iterator[list[dict[str, object]]]], pieces: Iterator[list[Ticket | None]], size: int
) -> Iterator[list[dict[str, object]]]:
    while window := list(itertools.islice(pieces, size)):
        yield from score(_score_piece, window)


def _pieces(tickets: Iterator[Ticket | None]) -> Iterator[list[Ticket | None]]:
    while piece := list(itertools.islice(tickets, _PIECE)):
        yield piece


_router: Router | None = None


def _start_worker(bundle: Path) -> None:
    global _router
    _router = Router.from_pretrained(bundle)


def _score_piece(tickets: list[Ticket | None]) -> list[dict[str, object]]:
    assert _router is not None
    return _scored(_router, tickets)


def _scored(router: Router, tickets: list[Ticket | None]) -> list[dict[str, object]]:
    answers = iter(router.predict([ticket for ticket in tickets if ticket is not None], explain="none"))
    return [_UNREADABLE if ticket is None else row_of(next(answers)) for ticket in tickets]


_UNREADABLE: dict[str, object] = {**dict.fromkeys(FIELDS, None), "decision": "review"}


def row_of(prediction: Prediction) -> dict[str, object]:
    """A prediction as the row that ``fenbo predict`` writes."""
    top = [[candidate.code, candidate.probability] for candidate in prediction.department.top]
    return {
        "ticket_id": prediction.ticket_id,
        "department": prediction.department.code,
        "department_probability": prediction.department.probability,
        "department_top": json.dumps(top, ensure_ascii=False),
        "decision": prediction.decision.action,
        "urgency": prediction.urgency.code,
        "urgency_probability": prediction.urgency.probability,
        "kind": prediction.kind.code,
        "kind_probability": prediction.kind.probability,
    }
