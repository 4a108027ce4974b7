"""Records from any of the formats, by the data contract."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from model.records.columns import ignored_notice, require_known, resolve
from model.records.formats import open_table
from model.records.record import EMPTY_LETTER, Problem, Record, RecordsError, UnreadableRowError
from model.records.table import Row, Table
from model.records.values import (
    MAX_TEXT_BYTES,
    UnreadableValueError,
    kind_value,
    label_value,
    optional_value,
    text_value,
    time_value,
    urgency_value,
)
from model.ticket import Location, Ticket

_log = logging.getLogger(__name__)


def read_records(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    on_problem: Callable[[Problem], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Iterator[Record]:
    """Stream the records of a file, in order; memory does not grow with the file.

    The file is checked when this is called: format, encoding, columns. Its rows are read as they are asked
    for.

    Parameters
    ----------
    path
        CSV (UTF-8 with or without BOM, or GB18030), JSONL, Parquet, xlsx, or the folder of a saved
        ``datasets.Dataset``.
    columns
        {column of the contract: name in the file}, see :func:`parse_columns`. A mapped column is read from
        the mapped name alone.
    strict
        Raise on the first row that cannot be read.
    on_problem
        Called for every row that cannot be read, before the next record is given. Without it they are logged
        as warnings: a row is never dropped in silence.
    on_notice
        Called at once with what the user should know, such as the one line that names the ignored columns.

    Raises
    ------
    RecordsError
        The file cannot be read, has no rows, lacks ``content`` or a mapped name, or ``columns`` names an
        unknown column.
    UnreadableRowError
        With ``strict``, the first row that cannot be read.
    MissingExtra
        Parquet, xlsx or a saved dataset without ``fenbo[train]``.
    """
    mapping = dict(columns or {})
    require_known(mapping)
    table = open_table(path)
    present = table.columns({*mapping.values(), mapping.get("content", "content")})
    sources = resolve(path, present, mapping)
    notice = ignored_notice(path, present, sources)
    for line in (*table.notices, *([notice] if notice else [])):
        (on_notice or _log.info)(line)
    return _records(table, sources, strict=strict, on_problem=on_problem or _warn(path))


def count_records(path: Path) -> int | None:
    """About how many records a file holds, for a progress bar; None for xlsx, which cannot tell cheaply.

    Exact for Parquet, saved datasets and well-formed CSV; for JSONL blank lines count too. Unreadable rows
    are counted.

    Raises
    ------
    RecordsError, MissingExtra
        As :func:`read_records`.
    """
    return open_table(path).count()


def _warn(path: Path) -> Callable[[Problem], None]:
    def warn(problem: Problem) -> None:
        _log.warning("%s, line %d: %s", path, problem.line, problem.reason)

    return warn


def _records(
    table: Table, sources: Mapping[str, str], *, strict: bool, on_problem: Callable[[Problem], None]
) -> Iterator[Record]:
    empty = True
    for row in table.rows(set(sources.values())):
        empty = False
        record = row if isinstance(row, Problem) else _record(row, sources)
        if isinstance(record, Record):
            yield record
        elif strict:
            raise UnreadableRowError(table.path, record)
        else:
            on_problem(record)
    if empty:
        raise RecordsError(f"{table.path}: the file names its columns but has no rows")


def _record(row: Row, sources: Mapping[str, str]) -> Record | Problem:
    cells = {column: row.cells.get(name) for column, name in sources.items()}
    try:
        title = text_value("title", cells["title"])
        content = text_value("content", cells["content"])
        _require_letter(title, content)
        return Record(
            line=row.line,
            ticket=Ticket(
                content=content,
                ticket_id=optional_value("ticket_id", cells["ticket_id"]) or "",
                title=title,
                channel=optional_value("channel", cells["channel"]) or "",
                created_at=time_value(cells["created_at"]),
                location=Location(
                    address=optional_value("address", cells["address"]) or "",
                    district=optional_value("district", cells["district"]) or "",
                ),
            ),
            department=label_value("department", cells["department"]),
            urgency=urgency_value(cells["urgency"]),
            kind=kind_value(cells["kind"]),
            cluster=label_value("cluster", cells["cluster"]),
        )
    except UnreadableValueError as error:
        return Problem(row.line, str(error))


def _require_letter(title: str, content: str) -> None:
    if not (content.strip() or title.strip()):
        raise UnreadableValueError(EMPTY_LETTER)
    size = len(title) + len(content)
    if size * 4 > MAX_TEXT_BYTES:
        size = len(title.encode()) + len(content.encode())
        if size > MAX_TEXT_BYTES:
            raise UnreadableValueError(
                f"title and content have {size:,} bytes; at most {MAX_TEXT_BYTES:,} are read"
            )
