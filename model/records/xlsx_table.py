"""Excel workbooks (.xlsx): the first sheet, streamed."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from model.errors import MissingExtra
from model.records.record import Problem, RecordsError
from model.records.table import Row, first_line, header_names

_DAMAGED = (
    BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, OSError, EOFError, RuntimeError,
)  # fmt: skip
"""What openpyxl lets through, first or in the middle, when a workbook is not what it should be."""


class XlsxTable:
    """The first sheet of a workbook; its first row that is not blank names the columns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._sheet() as (sheet, others):
            self.notices = (
                (f"{path}: only the first sheet {sheet.title!r} is read, not {', '.join(others)}",)
                if others
                else ()
            )
            header = next(_filled_rows(sheet), None)
            if header is None:
                raise RecordsError(f"{path}: the sheet {sheet.title!r} is empty")
            self._header = header_names(path, ["" if cell is None else str(cell) for cell in header[1]])

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 - the header says it all
        """The header's names."""
        return self._header

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Rows in order with the sheet's row numbers; blank rows are passed over."""
        places = [(name, place) for place, name in enumerate(self._header) if name in names]
        width = len(self._header)
        with self._sheet() as (sheet, _):
            filled = _filled_rows(sheet)
            next(filled)
            for line, cells in filled:
                if any(cell is not None for cell in cells[width:]):
                    yield Problem(line, f"a cell outside the {width} columns of the header")
                else:
                    yield Row(line, {name: cells[place] for name, place in places if place < len(cells)})

    def count(self) -> None:
        """Unknown: a workbook says it only once it is read."""

    @contextmanager
    def _sheet(self) -> Iterator[tuple[Any, list[str]]]:
        try:
            openpyxl = import_module("openpyxl")
        except ModuleNotFoundError as error:
            raise MissingExtra("openpyxl", "train") from error
        try:
            # An open file, because openpyxl refuses a path by its ending.
            with self.path.open("rb") as file, closing(_workbook(openpyxl, file)) as book:
                if not book.worksheets:
                    raise RecordsError(f"{self.path}: the workbook has no sheet with cells")
                sheet = book.worksheets[0]
                # Some programs write a wrong size into the file, and openpyxl would believe it.
                sheet.reset_dimensions()
                yield sheet, [repr(other.title) for other in book.worksheets[1:]]
        except _DAMAGED as error:
            raise RecordsError(
                f"{self.path}: not a whole Excel workbook (.xlsx): {first_line(error)}"
            ) from error


def _workbook(openpyxl: Any, file: BinaryIO) -> Any:
    return openpyxl.load_workbook(file, read_only=True, data_only=True)


def _filled_rows(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(cell is not None for cell in cells):
            yield line, cells
