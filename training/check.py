"""Look at labelled letters before training on them: what cannot be read, what is copied, what contradicts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model.calendar import SHANGHAI
from model.fingerprints import exact_hash
from model.prediction import KIND_CODES, URGENCY_CODES
from model.records import EMPTY_LETTER, Problem, Record, RecordsError, count_records, read_records
from model.taxonomy import Taxonomy, UnknownDepartment
from model.text.mask import mask
from model.text.normalise import PLACEHOLDER_NAMES
from training.check_html import html_report
from training.data_report import (
    FEW,
    KEPT_PROBLEMS,
    Conflict,
    Conflicts,
    Copies,
    DataReport,
    PersonalData,
    UnknownLabel,
)
from training.near_duplicates import letter_text, near_duplicate_groups

_PLACEHOLDER = re.compile(rf"\[({'|'.join(PLACEHOLDER_NAMES)})\]")
_EXAMPLES = 20
_EXAMPLE_CHARACTERS = 80
_QUANTILES = {
    "min": 0.0,
    "p5": 0.05,
    "p25": 0.25,
    "p50": 0.5,
    "p75": 0.75,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}


def run_check(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    taxonomy: Taxonomy | None = None,
    strict: bool = False,
    out: Path | None = None,
    progress: bool = False,
) -> DataReport:
    """Check a file of letters, and save what was found as ``data-report.json`` and ``data-report.html``.

    Parameters
    ----------
    path, columns
        As for :func:`model.records.read_records`.
    taxonomy
        Resolves the departments; those that lead nowhere are listed with the closest.
    strict
        Refuse the file when a row cannot be read, after the whole report is made and saved.
    out
        Folder for the two files, made when it is missing; None saves nothing.
    progress
        Show a progress bar on standard error.

    Raises
    ------
    RecordsError
        The file cannot be read, or ``strict`` and a row cannot.
    MissingExtra
        Parquet, xlsx or a saved dataset without ``fenbo[train]``.
    """
    problems: list[Problem] = []
    notices: list[str] = []
    records = read_records(path, columns=columns, on_problem=problems.append, on_notice=notices.append)
    shown = tqdm(records, total=count_records(path), desc=path.name, unit="row", disable=not progress)
    report = check(shown, problems, source=path.name, taxonomy=taxonomy, notices=notices)
    if out is not None:
        _save(report, out)
    if strict and problems:
        first = problems[0]
        raise RecordsError(
            f"{path}: {report.unreadable} of {report.rows} rows cannot be read, first line {first.line}: "
            f"{first.reason}; mend them, or check without --strict"
        )
    return report


def check(
    records: Iterable[Record],
    problems: Sequence[Problem] = (),
    *,
    source: str = "",
    taxonomy: Taxonomy | None = None,
    notices: Sequence[str] = (),
) -> DataReport:
    """Count what matters in labelled letters. Their texts are held in memory to find copies.

    Parameters
    ----------
    records
        The readable rows, in order.
    problems
        The unreadable ones; looked at only when ``records`` has ended, so that reading may fill it meanwhile.
    source, notices
        Shown in the report.
    taxonomy
        As for :func:`run_check`.
    """
    labels = _Labels(taxonomy)
    lines: list[int] = []
    texts: list[str] = []
    hashes: list[int] = []
    departments: list[str | None] = []
    lengths: dict[str, list[int]] = {"title": [], "content": []}
    times: list[datetime] = []
    personal = _PersonalDataCount()
    urgencies: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    without_department = title_only = 0
    for record in records:
        ticket = record.ticket
        text = letter_text(ticket)
        lines.append(record.line)
        texts.append(text)
        hashes.append(exact_hash(text))
        without_department += record.department is None
        departments.append(None if record.department is None else labels.resolve(record.department))
        lengths["title"].append(len(ticket.title))
        lengths["content"].append(len(ticket.content))
        title_only += not ticket.content.strip()
        personal.add(ticket.title, ticket.content)
        urgencies.update([record.urgency] if record.urgency else [])
        kinds.update([record.kind] if record.kind else [])
        channels.update([ticket.channel] if ticket.channel else [])
        times.extend([ticket.created_at] if ticket.created_at else [])
    identical = _identical(hashes)
    by_department = Counter(department for department in departments if department is not None)
    return DataReport(
        source=source,
        taxonomy=f"{taxonomy.name} {taxonomy.version}" if taxonomy else None,
        rows=len(lines) + len(problems),
        readable=len(lines),
        unreadable=len(problems),
        empty=sum(problem.reason == EMPTY_LETTER for problem in problems),
        problems=tuple(problems[:KEPT_PROBLEMS]),
        reasons=dict(Counter(problem.reason for problem in problems).most_common()),
        title_only=title_only,
        exact_copies=_copies(identical),
        near_copies=_copies(near_duplicate_groups(texts)),
        conflicts=_conflicts(identical, departments, lines, texts),
        departments=dict(by_department.most_common()),
        department_names=labels.names(by_department),
        rare_departments=tuple(name for name, count in by_department.most_common() if count < FEW),
        without_department=without_department,
        unknown_departments=labels.unknown(),
        urgencies={code: urgencies[code] for code in reversed(URGENCY_CODES) if urgencies[code]},
        kinds={code: kinds[code] for code in KIND_CODES if kinds[code]},
        channels=dict(channels.most_common()),
        lengths={field: _quantiles(values) for field, values in lengths.items()},
        personal_data=personal.by_kind(),
        earliest=min(times).isoformat() if times else None,
        latest=max(times).isoformat() if times else None,
        undated=len(lines) - len(times),
        years=dict(sorted(Counter(str(time.astimezone(SHANGHAI).year) for time in times).items())),
        notices=tuple(notices),
    )


class _Labels:
    """Departments as written → codes, each looked up once."""

    def __init__(self, taxonomy: Taxonomy | None) -> None:
        self._taxonomy = taxonomy
        self._codes: dict[str, str | None] = {}
        self._closest: dict[str, tuple[str, ...]] = {}
        self._unknown: Counter[str] = Counter()

    def resolve(self, label: str) -> str | None:
        if self._taxonomy is None:
            return label
        if label not in self._codes:
            try:
                self._codes[label] = self._taxonomy.resolve(label)
            except UnknownDepartment as error:
                self._codes[label] = None
                self._closest[label] = error.closest
        code = self._codes[label]
        if code is None:
            self._unknown[label] += 1
        return code

    def names(self, codes: Iterable[str]) -> dict[str, str]:
        if self._taxonomy is None:
            return {}
        return {code: self._taxonomy.department(code).name for code in codes}

    def unknown(self) -> tuple[UnknownLabel, ...]:
        return tuple(
            UnknownLabel(mask(label).text, count, self._closest[label])
            for label, count in self._unknown.most_common()
        )


class _PersonalDataCount:
    """Places that masking replaces, apart from the placeholders that stand in the file itself."""

    def __init__(self) -> None:
        self._letters: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self._already: Counter[str] = Counter()

    def add(self, *fields: str) -> None:
        found = Counter(span.kind for field in fields for span in mask(field).spans)
        already = Counter(name.lower() for field in fields for name in _PLACEHOLDER.findall(field))
        fresh = found - already
        self._letters.update(fresh.keys())
        self._places.update(fresh)
        self._already.update(already)

    def by_kind(self) -> dict[str, PersonalData]:
        return {
            kind: PersonalData(self._letters[kind], self._places[kind], self._already[kind])
            for kind, _ in (self._places + self._already).most_common()
        }


def _identical(hashes: Sequence[int]) -> NDArray[np.int64]:
    """Group number of each letter, shape (N,); letters without any letter or digit (0) stand alone."""
    numbers: dict[int, int] = {}
    return np.array(
        [
            -1 - index if value == 0 else numbers.setdefault(value, len(numbers))
            for index, value in enumerate(hashes)
        ],
        dtype=np.int64,
    )


def _copies(groups: NDArray[np.int64]) -> Copies:
    sizes = np.unique(groups, return_counts=True)[1]
    several = sizes[sizes > 1]
    letters = int(several.sum())
    return Copies(
        groups=several.size,
        letters=letters,
        spare=letters - several.size,
        largest=int(several.max(initial=0)),
    )


def _conflicts(
    groups: NDArray[np.int64], departments: Sequence[str | None], lines: Sequence[int], texts: Sequence[str]
) -> Conflicts:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups.tolist()):
        if departments[index] is not None:
            members[group].append(index)
    several = [indices for indices in members.values() if len(indices) > 1]
    conflicting = [indices for indices in several if len({departments[index] for index in indices}) > 1]
    conflicting.sort(key=len, reverse=True)
    return Conflicts(
        groups=len(several),
        conflicting=len(conflicting),
        share=len(conflicting) / len(several) if several else None,
        examples=tuple(
            Conflict(
                lines=tuple(lines[index] for index in indices),
                departments=dict(Counter(str(departments[index]) for index in indices).most_common()),
                text=_beginning(texts[indices[0]]),
            )
            for indices in conflicting[:_EXAMPLES]
        ),
    )


def _beginning(text: str) -> str:
    masked = " ".join(mask(text).text.split())
    return masked if len(masked) <= _EXAMPLE_CHARACTERS else masked[:_EXAMPLE_CHARACTERS] + "…"


def _quantiles(values: Sequence[int]) -> dict[str, int]:
    if not values:
        return {}
    found = np.quantile(values, list(_QUANTILES.values()), method="inverted_cdf")
    return {name: int(value) for name, value in zip(_QUANTILES, found, strict=True)}


def _save(report: DataReport, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        json_text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n"
        (out / "data-report.json").write_text(json_text, encoding="utf-8")
        (out / "data-report.html").write_text(html_report(report), encoding="utf-8")
    except OSError as error:
        raise RecordsError(f"{out}: the report cannot be saved: {error.strerror or error}") from error
