"""What every format looks like to the reader: named columns, and rows that stream."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model.records.record import Problem, RecordsError


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by the file's own column names; a name that the row lacks is absent."""

    line: int
    cells: Mapping[str, object]


class Table(Protocol):
    """A file of rows. Nothing is held open between calls."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def notices(self) -> Sequence[str]:
        """Lines that the user should see once."""

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Names the file has. A format without a header looks on until it has seen all of ``wanted``."""

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Every row in order with the cells of ``names``, or what is wrong with it."""

    def count(self) -> int | None:
        """How many rows there are, about and at little cost; None when that cannot be told."""


def header_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The header without outer blanks; a name that stands twice is refused."""
    stripped = tuple(name.strip().lstrip("\ufeff") for name in names)
    for name in stripped:
        if name and stripped.count(name) > 1:
            raise RecordsError(f"{path}: the column {name!r} stands in the header twice; rename one")
    return stripped


def first_line(error: Exception) -> str:
    """A library's message cut to one line, as every error of ours is."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
