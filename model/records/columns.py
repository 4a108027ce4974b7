"""The columns of the data contract, and how a file's own names are mapped onto them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from model.records.record import RecordsError

COLUMNS: tuple[str, ...] = (
    "ticket_id",
    "title",
    "content",
    "channel",
    "created_at",
    "district",
    "address",
    "department",
    "urgency",
    "kind",
    "cluster",
)
"""Every column that is read; all but ``content`` may be absent."""

_EXAMPLE = "--columns content=正文,created_at=asked"


def parse_columns(text: str | None) -> dict[str, str]:
    """Read ``department=department_code,created_at=asked`` into {column of the contract: name in the file}.

    Parameters
    ----------
    text
        The value of ``--columns``; None or blank gives an empty mapping.

    Raises
    ------
    RecordsError
        A part without ``=`` or with an empty side, a column outside the contract, or one named twice.
    """
    mapping: dict[str, str] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        column, equals, name = (side.strip() for side in part.partition("="))
        if not (column and equals and name):
            raise RecordsError(f"--columns: {part.strip()!r} is not COLUMN=NAME; write e.g. {_EXAMPLE}")
        if column in mapping:
            raise RecordsError(f"--columns: {column!r} is given twice; give it once")
        mapping[column] = name
    require_known(mapping)
    return mapping


def require_known(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping with a column that the contract does not have."""
    for column in mapping:
        if column not in COLUMNS:
            raise RecordsError(
                f"--columns: {column!r} is no column that fenbo reads; allowed: {', '.join(COLUMNS)}"
            )


def resolve(path: Path, present: Sequence[str], mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Say under which name each column of the contract is looked up in this file.

    Raises
    ------
    RecordsError
        A mapped name that the file lacks, or no column for ``content``.
    """
    shown = ", ".join(name for name in present if name) or "none"
    for column, name in mapping.items():
        if name not in present:
            raise RecordsError(
                f"{path}: --columns {column}={name}: the file has no column {name!r}; it has: {shown}"
            )
    sources = {column: mapping.get(column, column) for column in COLUMNS}
    if sources["content"] not in present:
        raise RecordsError(f"{path}: no column 'content'; the file has: {shown}; map one, e.g. {_EXAMPLE}")
    return MappingProxyType(sources)


def ignored_notice(path: Path, present: Sequence[str], sources: Mapping[str, str]) -> str | None:
    """One line that names the columns nobody reads; None when there are none."""
    used = set(sources.values())
    ignored = [name for name in present if name and name not in used]
    if not ignored:
        return None
    return f"{path}: ignored columns: {', '.join(ignored)} (map one with --columns COLUMN=NAME)"
