"""Rows into CSV, JSONL or Parquet, streamed, and put in place only when whole."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from model.errors import MissingExtra
from model.records.record import RecordsError

_BATCH = 4096
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


def write_rows(
    path: Path,
    rows: Iterable[Mapping[str, object]],
    fields: Sequence[str] | Mapping[str, type],
    *,
    text_fields: Collection[str] = (),
) -> int:
    """Write rows as they come, in the format of the path's ending, and return how many there were.

    The path is replaced in one step after the last row: whatever goes wrong before, an existing file stays as
    it was and no half-written one is left.

    - CSV: plain UTF-8 without BOM, so that every reader finds the first column; ``None`` is an empty cell.
    - JSONL: UTF-8, values as JSON; ``None`` is null.
    - Parquet: a field's type is that of ``fields``, or that of its first value within the first 4,096 rows.

    Lists and objects are JSON text in CSV and Parquet; times are RFC 3339 text everywhere.

    Parameters
    ----------
    path
        Ends in ``.csv``, ``.jsonl``, ``.ndjson`` or ``.parquet``; its folder exists.
    rows
        Mappings from field to str, int, float, bool, datetime, date, list, dict or None; a missing field is
        None.
    fields
        Columns in order; a mapping also gives their types (str, int, float, bool).
    text_fields
        Fields with citizens' words. In CSV a text there that starts with ``= + - @``, a tab or a carriage
        return gets a leading ``'``, so that a spreadsheet shows it and does not run it as a formula. Other
        fields, and other formats, are written to the letter.

    Raises
    ------
    RecordsError
        Unknown ending, no such folder, a row with a field that is not in ``fields``, or a value that does not
        fit the Parquet column.
    MissingExtra
        Parquet without ``fenbo[train]``.
    """
    write = _writer_for(path, text_fields)
    names = tuple(fields)
    types = dict(fields) if isinstance(fields, Mapping) else {}
    with _replacing(path) as part:
        return write(part, _checked(path, rows, names), names, types)


_Write = Callable[[Path, Iterator[Mapping[str, object]], tuple[str, ...], dict[str, type]], int]


def _writer_for(path: Path, text_fields: Collection[str]) -> _Write:
    ending = path.suffix.lower()
    if ending == ".csv":
        return partial(_write_csv, text_fields=text_fields)
    if ending in {".jsonl", ".ndjson"}:
        return _write_jsonl
    if ending == ".parquet":
        return _write_parquet
    raise RecordsError(
        f"{path}: cannot write {ending or 'a file without ending'!r}; end it in .csv, .jsonl or .parquet"
    )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    target = path.resolve()
    if not target.parent.is_dir():
        raise RecordsError(f"{path}: the folder {target.parent} does not exist; make it first")
    if target.exists() and not target.is_file():
        raise RecordsError(f"{path}: not a regular file, so it cannot be replaced")
    part = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        raise RecordsError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _checked(
    path: Path, rows: Iterable[Mapping[str, object]], names: tuple[str, ...]
) -> Iterator[Mapping[str, object]]:
    known = set(names)
    for number, row in enumerate(rows, start=1):
        if not row.keys() <= known:
            extra = ", ".join(sorted(row.keys() - known))
            raise RecordsError(
                f"{path}: row {number} has the fields {extra}, which are not among {', '.join(names)}"
            )
        yield row


def _write_csv(
    part: Path,
    rows: Iterator[Mapping[str, object]],
    names: tuple[str, ...],
    types: dict[str, type],  # noqa: ARG001 - CSV has no types
    *,
    text_fields: Collection[str],
) -> int:
    count = 0
    with part.open("x", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        # csv.writer leaves a lone carriage return unquoted when lines end in \n; readers would split there.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(names)
        for row in rows:
            count += 1
            cells = [_csv_cell(row.get(name), free_text=name in text_fields) for name in names]
            (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)
    return count


def _csv_cell(value: object, *, free_text: bool) -> str:
    text = "" if value is None else str(_flat(value))
    return f"'{text}" if free_text and text.startswith(_FORMULA_START) else text


def _write_jsonl(
    part: Path,
    rows: Iterator[Mapping[str, object]],
    names: tuple[str, ...],
    types: dict[str, type],  # noqa: ARG001 - JSON carries its types
) -> int:
    count = 0
    with part.open("x", encoding="utf-8", newline="\n") as file:
        for row in rows:
            count += 1
            value = {name: row.get(name) for name in names}
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False, default=_time_text) + "\n")
    return count


def _write_parquet(
    part: Path, rows: Iterator[Mapping[str, object]], names: tuple[str, ...], types: dict[str, type]
) -> int:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise MissingExtra("pyarrow", "train") from error
    arrow_types = {str: arrow.string(), bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
    batch = _columns_of(rows, names)
    kinds = {name: types.get(name) or _first_type(values) for name, values in batch.items()}
    schema = arrow.schema([(name, arrow_types[kinds[name]]) for name in names])
    count = 0
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        while any(batch.values()):
            count += len(batch[names[0]])
            arrays = [_arrow_array(arrow, field, batch[field.name]) for field in schema]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            batch = _columns_of(rows, names)
    return count


def _columns_of(rows: Iterator[Mapping[str, object]], names: tuple[str, ...]) -> dict[str, list[object]]:
    batch = list(islice(rows, _BATCH))
    return {name: [_flat(row.get(name)) for row in batch] for name in names}


def _first_type(values: Sequence[object]) -> type:
    return next((type(value) for value in values if value is not None), str)


def _arrow_array(arrow: Any, field: Any, values: list[object]) -> Any:
    try:
        return arrow.array(values, type=field.type)
    except (arrow.ArrowException, TypeError) as error:
        raise RecordsError(
            f"column {field.name!r} is {field.type}, and a value does not fit: {error}"
        ) from error


def _flat(value: object) -> str | int | float | bool | None:
    """The value as one cell holds it."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_time_text)
    return _time_text(value)


def _time_text(value: object) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(
        f"a value of type {type(value).__name__} cannot be written; give text, numbers, times or lists"
    )
