"""JSON Lines: one object a line, streamed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from model.records.encoding import detect_encoding
from model.records.record import Problem, RecordsError
from model.records.table import Row

MAX_LINE_BYTES = 8_000_000
"""Room for the longest letter with every character escaped as ``\\uXXXX``, and columns nobody reads."""

_HEAD_ROWS = 100
_CHUNK = 1 << 20


class JsonlTable:
    """A file of JSON objects, one a line; blank lines are passed over."""

    notices: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoding = detect_encoding(path).removesuffix("-sig")

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Keys of the first hundred objects, and of as many more as it takes to see all of ``wanted``."""
        seen: dict[str, None] = {}
        first_problem: Problem | None = None
        count = 0
        for _, value in self._objects():
            if isinstance(value, Problem):
                first_problem = first_problem or value
                continue
            seen.update(dict.fromkeys(value))
            count += 1
            if count >= _HEAD_ROWS and all(name in seen for name in wanted):
                break
        if count == 0 and first_problem is not None:
            raise RecordsError(
                f"{self.path}: no line can be read; line {first_problem.line}: {first_problem.reason}"
            )
        if count == 0:
            raise RecordsError(f"{self.path}: the file is empty")
        return tuple(seen)

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Rows in order; a line that is not one JSON object comes as a problem."""
        for line, value in self._objects():
            if isinstance(value, Problem):
                yield value
            else:
                yield Row(line, {name: value[name] for name in names if name in value})

    def count(self) -> int:
        """Lines of the file."""
        ends = 0
        last = b"\n"
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                ends += chunk.count(b"\n")
                last = chunk[-1:]
        return ends + (last != b"\n")

    def _objects(self) -> Iterator[tuple[int, dict[str, object] | Problem]]:
        for line, data in self._lines():
            if data is None:
                yield line, Problem(line, f"the line is longer than {MAX_LINE_BYTES:,} bytes")
            elif data.strip():
                yield line, self._object(line, data)

    def _object(self, line: int, data: bytes) -> dict[str, object] | Problem:
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError as error:
            return Problem(line, f"byte {error.start + 1} of the line is no character in the file's encoding")
        try:
            value = json.loads(text.lstrip("\ufeff") if line == 1 else text)
        except (ValueError, RecursionError) as error:
            return Problem(line, f"broken JSON: {_reason(error)}")
        if not isinstance(value, dict):
            return Problem(line, f"a JSON {_json_type(value)} where an object is expected")
        return value

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Line numbers and lines; None for a line over the limit, of which no more than the limit is held."""
        number = 0
        with self.path.open("rb") as file:
            while data := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) <= MAX_LINE_BYTES or data.endswith(b"\n"):
                    yield number, data
                    continue
                while data and not data.endswith(b"\n"):
                    data = file.readline(MAX_LINE_BYTES + 1)
                yield number, None


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
