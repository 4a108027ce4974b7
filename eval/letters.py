"""Labelled letters from a file, as an evaluation needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.groups import near_copy_groups
from eval.slices import length_band, periods_of
from model.fingerprints import fingerprints
from model.prediction import KIND_CODES, URGENCY_CODES, KindCode, UrgencyCode
from model.records import Problem, Record, read_records
from model.text.prepared import prepare
from model.ticket import Ticket

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Letter:
    """One readable row with its labels as written; ``text`` is what models read, personal data masked."""

    name: str
    """The ticket's id, made unique within the file by its line where need be."""
    line: int
    ticket: Ticket
    text: str
    department: str | None
    urgency: UrgencyCode | None
    kind: KindCode | None
    group: str
    cluster: str
    """Name of the matter as labelled; empty where the file has none."""
    slices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Letters:
    """All readable rows of a file."""

    file: Path
    sha256: str
    rows: tuple[Letter, ...]
    unreadable: int


def read_letters(
    file: Path,
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    on_problem: Callable[[Problem], None],
    on_notice: Callable[[str], None],
) -> Letters:
    """Read labelled letters of any format of the data contract, near-copies grouped.

    Raises as ``model.records.read_records``; a row that cannot be read is told to ``on_problem`` and counted.
    """
    unreadable = 0

    def note(problem: Problem) -> None:
        nonlocal unreadable
        unreadable += 1
        on_problem(problem)

    records = list(read_records(file, columns=columns, strict=strict, on_problem=note, on_notice=on_notice))
    texts = [prepare(record.ticket).document.text for record in records]
    groups = near_copy_groups(fingerprints(texts)).tolist()
    names: set[str] = set()
    rows = []
    for record, text, group in zip(records, texts, groups, strict=True):
        name = record.ticket.ticket_id or f"line {record.line}"
        if name in names:
            name = f"{name} (line {record.line})"
        names.add(name)
        rows.append(_letter(record, name, text, f"g{group}"))
    return Letters(file=file, sha256=file_hash(file), rows=tuple(rows), unreadable=unreadable)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder by name and content."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if file != path:
            digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _letter(record: Record, name: str, text: str, group: str) -> Letter:
    ticket = record.ticket
    slices = {
        "district": ticket.location.district,
        "channel": ticket.channel,
        "length": length_band(len(ticket.title) + len(ticket.content)),
    } | (periods_of(ticket.created_at) if ticket.created_at else {})
    return Letter(
        name=name,
        line=record.line,
        ticket=ticket,
        text=text,
        department=record.department,
        urgency=next((code for code in URGENCY_CODES if code == record.urgency), None),
        kind=next((code for code in KIND_CODES if code == record.kind), None),
        group=group,
        cluster=record.cluster or "",
        slices={dimension: value for dimension, value in slices.items() if value},
    )
