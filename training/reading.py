"""From files of letters to a corpus: main files with the taxonomy's labels, sources with foreign ones."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from model.errors import FenboError
from model.ngrams import Document
from model.prediction import KIND_CODES, URGENCY_CODES
from model.records import Problem, Record, parse_columns, read_records
from model.taxonomy import Taxonomy
from model.text.prepared import prepare
from model.ticket import Ticket
from training.corpus import Corpus, joined
from training.settings import PRESETS, Source

SCOPES = ("in", "out")
"""Columns of the scope head: a citizen's request, or chatter, advertisement and noise."""

_LETTERS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Answers:
    """What may be right for one letter; empty sets say nothing."""

    departments: frozenset[str] = frozenset()
    urgency: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    scope: str = "in"
    department_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A record made ready, with its answers."""

    record: Record
    document: Document
    answers: Answers


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of every head's classes, in order."""

    departments: tuple[str, ...]

    @property
    def by_head(self) -> dict[str, tuple[str, ...]]:
        """Class names per head."""
        return {"department": self.departments, "urgency": URGENCY_CODES, "kind": KIND_CODES, "scope": SCOPES}


def real_letters() -> Path:
    """The folder that sources are looked for in: ``$FENBO_DATA``, or ``../shared/data`` beside the checkout."""
    return Path(os.environ.get("FENBO_DATA") or _LETTERS.parent.parent / "shared" / "data")


def read_main(
    paths: Sequence[Path],
    taxonomy: Taxonomy,
    *,
    columns: Mapping[str, str],
    strict: bool,
    on_problem: Callable[[Path, Problem], None],
) -> list[Letter]:
    """Letters of the user's own files; a department is named as the taxonomy knows it.

    Raises:
        FenboError: a label that the taxonomy does not know, by file and line, with the closest ones.
    """
    letters: list[Letter] = []
    for path in paths:
        records = read_records(
            path, columns=columns, strict=strict, on_problem=functools.partial(on_problem, path)
        )
        letters.extend(
            Letter(record, prepare(record.ticket).document, _own_answers(record, taxonomy, path))
            for record in records
        )
    return letters


def _own_answers(record: Record, taxonomy: Taxonomy, path: Path) -> Answers:
    departments: frozenset[str] = frozenset()
    if record.department:
        try:
            departments = frozenset({taxonomy.resolve(record.department)})
        except FenboError as error:
            raise FenboError(f"{path}, line {record.line}: {error}") from error
    return Answers(
        departments=departments,
        urgency=frozenset({record.urgency} if record.urgency else ()),
        kinds=frozenset({record.kind} if record.kind else ()),
    )


def read_source(source: Source, taxonomy: Taxonomy) -> list[Letter]:
    """Letters of a preset's source.

    Raises:
        FenboError: the file is not there, or a crosswalk is not known.
    """
    root = _LETTERS if source.path.startswith("letters/") else real_letters()
    path = root / source.path
    if not path.exists():
        raise FenboError(
            f"source {source.name!r}: {path} does not exist; set FENBO_DATA to the folder of letters"
        )
    if source.labels:
        return _read_for_labels(path, source)
    meant = crosswalk(source.departments) if source.departments else None
    live = {department.code for department in taxonomy.live()}
    letters: list[Letter] = []
    for record in read_records(path, columns=parse_columns(source.columns), on_problem=lambda _: None):
        departments = _departments(record.department, meant, taxonomy) & live
        if not departments and not source.every_letter:
            continue
        kind = record.kind or ""
        answers = Answers(
            departments=frozenset(departments) if source.in_scope else frozenset(),
            urgency=frozenset({record.urgency} if record.urgency else ()),
            kinds=frozenset(source.kinds.get(kind, kind)),
            scope="in" if source.in_scope else "out",
            department_weight=source.department_weight,
        )
        letters.append(Letter(record, prepare(record.ticket).document, answers))
    if source.limit and len(letters) > source.limit:
        chosen = np.random.default_rng(0).permutation(len(letters))[: source.limit]
        letters = [letters[index] for index in np.sort(chosen)]
    return letters * source.repeat


def letter_key(ticket: Ticket) -> str:
    """Names a letter without telling it: a hash of title and content, 16 hexadecimal digits."""
    text = f"{ticket.title.strip()}\n{ticket.content.strip()}"
    return hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()


def _read_for_labels(path: Path, source: Source) -> list[Letter]:
    with (_LETTERS / source.labels).open(encoding="utf-8", newline="") as stream:
        labels = {row["letter"]: row for row in csv.DictReader(stream)}
    letters: list[Letter] = []
    for record in read_records(path, columns=parse_columns(source.columns), on_problem=lambda _: None):
        # A letter that stands twice in a file is taken once.
        found = labels.pop(letter_key(record.ticket), None)
        if found is not None:
            answers = Answers(urgency=frozenset({found["urgency"]}), kinds=frozenset({found["kind"]}))
            letters.append(Letter(record, prepare(record.ticket).document, answers))
    return letters


@functools.cache
def _crosswalks() -> dict[str, dict[str, list[str]]]:
    text = (PRESETS / "crosswalks.yaml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return tables


def crosswalk(name: str) -> Mapping[str, list[str]]:
    """For each label of another city, the departments that may be meant.

    Raises:
        FenboError: no such crosswalk, with those there are.
    """
    tables = _crosswalks()
    if name not in tables:
        raise FenboError(
            f"source.departments: {name!r} is not a crosswalk; allowed: {', '.join(sorted(tables))}"
        )
    return tables[name]


def _departments(label: str | None, meant: Mapping[str, list[str]] | None, taxonomy: Taxonomy) -> set[str]:
    if not label:
        return set()
    if meant is None:
        return {taxonomy.resolve(label)}
    if label in meant:
        return set(meant[label])
    return next((set(codes) for part, codes in meant.items() if part in label), set())


def to_corpus(letters: Sequence[Letter], columns: Columns, name: str) -> Corpus:
    """The letters with their answers as arrays."""
    allowed = {head: _mask(letters, head, classes) for head, classes in columns.by_head.items()}
    weights = {head: np.ones(len(letters), dtype=np.float32) for head in allowed}
    weights["department"] = np.array(
        [letter.answers.department_weight for letter in letters], dtype=np.float32
    )
    return Corpus(tuple(letter.document for letter in letters), allowed, weights, (name,) * len(letters))


def _mask(
    letters: Sequence[Letter], head: str, classes: Sequence[str]
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    place = {code: index for index, code in enumerate(classes)}
    result = np.zeros((len(letters), len(classes)), dtype=np.bool_)
    for row, letter in enumerate(letters):
        for code in _answers(letter.answers, head):
            if code in place:
                result[row, place[code]] = True
    return result


def _answers(answers: Answers, head: str) -> Iterable[str]:
    if head == "department":
        return answers.departments
    if head == "urgency":
        return answers.urgency
    return answers.kinds if head == "kind" else (answers.scope,)


def with_sources(main: Corpus, sources: Sequence[Source], taxonomy: Taxonomy, columns: Columns) -> Corpus:
    """The main corpus, every source of the preset, and the descriptions of departments with few letters in these."""
    letters = joined(
        [main, *(to_corpus(read_source(source, taxonomy), columns, source.name) for source in sources)]
    )
    return joined([letters, to_corpus(_descriptions(letters, taxonomy, columns), columns, "descriptions")])


def _descriptions(letters: Corpus, taxonomy: Taxonomy, columns: Columns) -> list[Letter]:
    from training.descriptions import FEW, described

    counts = np.bincount(letters.labels("department"), minlength=len(columns.departments))
    found: list[Letter] = []
    for code, count in zip(columns.departments, counts.tolist(), strict=True):
        if count >= FEW or not taxonomy.department(code).matters:
            continue
        for text in described(taxonomy, code):
            ticket = Ticket(text)
            record = Record(line=0, ticket=ticket, department=code, urgency=None, kind=None, cluster=None)
            found.append(Letter(record, prepare(ticket).document, Answers(departments=frozenset({code}))))
    return found
