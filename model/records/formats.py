"""Which format a file has: what its first bytes prove, then its ending, then what it looks like."""

from __future__ import annotations

from pathlib import Path

from model.records.arrow_table import DatasetTable, ParquetTable
from model.records.csv_table import CsvTable
from model.records.jsonl_table import JsonlTable
from model.records.record import RecordsError
from model.records.table import Table
from model.records.xlsx_table import XlsxTable

_READ = "CSV, JSONL, Parquet, xlsx or a saved datasets.Dataset"
_PARQUET = b"PAR1"
_ZIP = b"PK\x03\x04"
_REFUSED = {
    b"\xd0\xcf\x11\xe0": "an old or password-protected Excel workbook; save it as .xlsx without a password",
    b"\x1f\x8b": "compressed (gzip); unpack it first",
    b"%PDF": "a PDF",
}


def open_table(path: Path) -> Table:
    """The file as a table, whatever its format.

    Raises
    ------
    RecordsError
        No such file, nothing in it, or a format that is not read.
    MissingExtra
        Parquet, xlsx or a saved dataset without ``fenbo[train]``.
    """
    if path.is_dir():
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return DatasetTable(path)
        raise RecordsError(f"{path}: a folder, but no saved datasets.Dataset; give {_READ}")
    if not path.exists():
        raise RecordsError(f"{path}: no such file")
    if not path.is_file():
        raise RecordsError(f"{path}: not a regular file; it is read more than once, so save it to disk first")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise RecordsError(f"{path}: cannot be opened: {error.strerror}") from error
    return _table(path, head)


def _table(path: Path, head: bytes) -> Table:
    ending = path.suffix.lower()
    for magic, what in _REFUSED.items():
        if head.startswith(magic):
            raise RecordsError(f"{path}: the file is {what}; fenbo reads {_READ}")
    if head.startswith(_PARQUET) or ending == ".parquet":
        return ParquetTable(path)
    if head.startswith(_ZIP) or ending == ".xlsx":
        return XlsxTable(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start and len(head) < 4096:
        raise RecordsError(f"{path}: the file is empty")
    if ending in {".jsonl", ".ndjson"}:
        return JsonlTable(path)
    if ending == ".csv":
        return CsvTable(path)
    if start.startswith(b"["):
        raise RecordsError(f"{path}: a JSON array; write one object a line (JSONL) instead")
    return JsonlTable(path) if start.startswith(b"{") else CsvTable(path)
