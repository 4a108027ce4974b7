"""CSV, streamed, with the line where each record starts."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from model.records.encoding import detect_encoding
from model.records.record import Problem, RecordsError
from model.records.table import Row, header_names

MAX_ROW_CHARS = 4_000_000
"""All fields of a row together, those nobody reads included."""

_CHUNK = 1 << 20


class CsvTable:
    """A comma-separated file with a header; fields with commas, quotes or line breaks stand in quotes."""

    notices: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoding = detect_encoding(path)
        with self._open() as file:
            self._header = _header(path, _Records(file))

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 - the header says it all
        """The header's names."""
        return self._header

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Rows in order; a row that cannot be split or has a wrong number of fields comes as a problem."""
        places = [(name, place) for place, name in enumerate(self._header) if name in names]
        width = len(self._header)
        with self._open() as file:
            records = _Records(file)
            next(records)
            for line, fields in records:
                if isinstance(fields, str):
                    yield Problem(line, fields)
                elif len(fields) != width:
                    yield Problem(line, f"{len(fields)} fields where the header has {width}")
                else:
                    yield Row(line, {name: fields[place] for name, place in places})

    def count(self) -> int:
        """Line ends outside quotes, less the header: exact for a well-formed file."""
        ends = quotes = 0
        last = b"\n"
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                data = np.frombuffer(chunk, dtype=np.uint8)
                inside = (np.cumsum(data == ord('"')) + quotes) & 1
                ends += int(np.count_nonzero((data == ord("\n")) & (inside == 0)))
                quotes += chunk.count(b'"')
                last = chunk[-1:]
        return max(ends + (last != b"\n") - 1, 0)

    def _open(self) -> TextIO:
        # A broken character must cost its row, not the file: it becomes a surrogate and is reported there.
        return self.path.open(encoding=self._encoding, errors="surrogateescape", newline="")


class _RowTooLongError(Exception):
    """The record in hand has grown over the limit."""


class _Lines:
    """Hands lines to ``csv.reader`` and can take back all but the first line of the record in hand."""

    def __init__(self, file: TextIO) -> None:
        self.number = 0
        self._file = file
        self._again: deque[str] = deque()
        self._held: list[str] = []
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self.number += 1
        self._held.append(line)
        self._size += len(line)
        if self._size > MAX_ROW_CHARS:
            raise _RowTooLongError
        return line

    def start(self) -> None:
        """A new record begins with the next line."""
        self._held.clear()
        self._size = 0

    def take_back(self) -> None:
        """Read again from the line after the one where the record in hand began."""
        self._again.extendleft(reversed(self._held[1:]))
        self.number -= len(self._held) - 1

    def _read(self) -> str:
        line = self._file.readline(MAX_ROW_CHARS + 1)
        if not line:
            raise StopIteration
        rest = line
        while len(rest) > MAX_ROW_CHARS and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(MAX_ROW_CHARS + 1)
        return line


class _Records:
    """Records as (first line, fields), or (first line, reason) where one cannot be split.

    After a bad record reading goes on at the line behind the one where it began: a quote that is never closed
    then costs its own row and not all that follow it.
    """

    def __init__(self, file: TextIO) -> None:
        # The library's own limit (131,072 characters a field) is the whole process's: only raise it.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_CHARS + 1))
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines, strict=True)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, list[str] | str]:
        while True:
            self._lines.start()
            line = self._lines.number + 1
            try:
                fields = next(self._reader)
            except _RowTooLongError:
                self._lines.take_back()
                return (
                    line,
                    f"the row is longer than {MAX_ROW_CHARS:,} characters, or its quote is never closed",
                )
            except csv.Error as error:
                self._lines.take_back()
                return line, _reason(error)
            if fields:
                return line, fields


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a quote that opens in this row is never closed"
    if "expected after" in text:
        return 'a quote inside a quoted field is not doubled (write "" for one quote)'
    return f"the row cannot be split into fields: {text}"


def _header(path: Path, records: _Records) -> tuple[str, ...]:
    _, fields = next(records, (0, ""))
    if isinstance(fields, str):
        raise RecordsError(
            f"{path}: the header cannot be read: {fields}" if fields else f"{path}: the file is empty"
        )
    names = header_names(path, fields)
    if not any(names):
        raise RecordsError(f"{path}: the header is blank; the first line must name the columns")
    if len(names) == 1 and ("\t" in fields[0] or ";" in fields[0]):
        raise RecordsError(f"{path}: the columns are not separated by commas; save it as comma-separated CSV")
    return names
