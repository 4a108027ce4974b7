"""What reading gives: a record, or a problem that names the line and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.errors import FenboError
from model.ticket import Ticket

EMPTY_LETTER = "content is empty, and so is the title"
"""The reason of a problem with a row that holds no letter."""


@dataclass(frozen=True, slots=True)
class Record:
    """One readable row.

    ``line`` counts from 1: the line where the row starts in CSV (the header is line 1) and JSONL, the row
    of the sheet in xlsx (header 1), the row itself in Parquet and a saved dataset. ``department`` and
    ``cluster`` stand as written, before a taxonomy resolves them; ``urgency`` is
    ``emergency|urgent|normal|low`` and ``kind`` is ``C|H|T|J|S|O``. None means that the row does not say.
    """

    line: int
    ticket: Ticket
    department: str | None
    urgency: str | None
    kind: str | None
    cluster: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be read, and why. ``line`` counts as in :class:`Record`."""

    line: int
    reason: str


class RecordsError(FenboError):
    """A file of letters that cannot be read or written as a whole."""


class UnreadableRowError(RecordsError):
    """A row that cannot be read, in a file that had to be read strictly."""

    def __init__(self, path: Path, problem: Problem) -> None:
        super().__init__(
            f"{path}, line {problem.line}: {problem.reason}; mend the row, or read without --strict"
        )
        self.path = path
        self.problem = problem
