"""What a check of labelled letters found: plain counts, ready for JSON, terminal and HTML alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from model.records import Problem

FEW = 10
"""A department with fewer letters than this is too rare to learn or to measure."""

KEPT_PROBLEMS = 1000
"""Unreadable rows that a report names one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Letters that resemble one another. ``spare`` are those beyond the first of each group."""

    groups: int
    letters: int
    spare: int
    largest: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """One letter that was sent to several departments: where it stands, and its masked beginning."""

    lines: tuple[int, ...]
    departments: dict[str, int]
    text: str


@dataclass(frozen=True, slots=True)
class Conflicts:
    """How often copies of a letter carry different departments.

    ``groups`` letters were sent at least twice with a department, ``conflicting`` of them to different ones;
    ``share`` is conflicting / groups in [0, 1], None when there is nothing to compare.
    """

    groups: int
    conflicting: int
    share: float | None
    examples: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class UnknownLabel:
    """A department that the taxonomy does not lead anywhere, with the closest ones it has."""

    label: str
    letters: int
    closest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One kind of personal data: letters that hold any, places found in all, and placeholders such as
    ``[PHONE]`` that the file came with (counted apart: those places are masked already).
    """

    letters: int
    places: int
    masked_already: int


@dataclass(frozen=True, slots=True)
class DataReport:
    """Everything the check counted. Counts by name are ordered from the most frequent to the rarest."""

    source: str
    taxonomy: str | None
    rows: int
    readable: int
    unreadable: int
    empty: int
    problems: tuple[Problem, ...]
    reasons: dict[str, int]
    title_only: int
    exact_copies: Copies
    near_copies: Copies
    conflicts: Conflicts
    departments: dict[str, int]
    department_names: dict[str, str]
    rare_departments: tuple[str, ...]
    without_department: int
    unknown_departments: tuple[UnknownLabel, ...]
    urgencies: dict[str, int]
    kinds: dict[str, int]
    channels: dict[str, int]
    lengths: dict[str, dict[str, int]]
    personal_data: dict[str, PersonalData]
    earliest: str | None
    latest: str | None
    undated: int
    years: dict[str, int]
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; the keys are this class's fields.

        - ``rows = readable + unreadable``; ``empty`` rows are among the unreadable. ``problems`` names the
          first 1,000 as ``{line, reason}``, ``reasons`` counts them all.
        - ``exact_copies`` and ``near_copies``: ``{groups, letters, spare, largest}``; exact copies agree in
          all letters and digits after normalising, near-copies in 0.7 of their character 4-grams (Jaccard),
          exact ones among them.
        - ``conflicts``: ``{groups, conflicting, share, examples: [{lines, departments, text}]}`` over exact
          copies; texts are masked.
        - ``departments``: letters by label, by code where a taxonomy was given (``department_names`` then has
          the names); ``rare_departments`` have fewer than 10. ``unknown_departments``: ``[{label, letters,
          closest}]``.
        - ``lengths``: ``{title, content}``, characters at ``min, p5, p25, p50, p75, p95, p99, max``.
        - ``personal_data``: ``{kind: {letters, places, masked_already}}``.
        - ``earliest``, ``latest``: RFC 3339 or null; ``years`` counts letters by year in Shanghai.
        """
        return asdict(self)
