"""Parquet files and saved ``datasets.Dataset`` folders, read batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from model.errors import MissingExtra
from model.records.record import Problem, RecordsError
from model.records.table import Row, first_line, header_names

_BATCH = 1024


class ParquetTable:
    """A Parquet file."""

    notices: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrow = _library("pyarrow")
        file, names = self._open()
        with file:
            self._header = header_names(path, names)
            self._count = int(file.metadata.num_rows)

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 - the schema says it all
        """The schema's names."""
        return self._header

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Rows in order, numbered from 1."""
        kept = [name for name in self._header if name in names]
        file, _ = self._open()
        with file:
            batches = file.iter_batches(batch_size=_BATCH, columns=kept)
            yield from _rows(self.path, batches, self._arrow, {})

    def count(self) -> int:
        """Rows, as the file's footer says."""
        return self._count

    def _open(self) -> tuple[Any, list[str]]:
        """The open file, and the names of its columns."""
        parquet = _library("pyarrow.parquet")
        try:
            file = parquet.ParquetFile(self.path, memory_map=True, pre_buffer=False)
            return file, file.schema_arrow.names
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise RecordsError(f"{self.path}: not a whole Parquet file: {first_line(error)}") from error


class DatasetTable:
    """A folder that ``datasets.Dataset.save_to_disk`` wrote."""

    notices: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        splits = path / "dataset_dict.json"
        if splits.is_file():
            raise RecordsError(
                f"{path}: the folder holds a DatasetDict (several datasets); name one, e.g. {path / 'train'}"
            )
        datasets = _library("datasets")
        self._arrow = _library("pyarrow")
        try:
            self._dataset = datasets.load_from_disk(str(path))
        except (self._arrow.ArrowException, OSError, ValueError, KeyError) as error:
            raise RecordsError(f"{path}: not a whole saved dataset: {first_line(error)}") from error
        self._header = header_names(path, self._dataset.column_names)

    def columns(self, wanted: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 - the features say it all
        """The features' names."""
        return self._header

    def rows(self, names: Collection[str]) -> Iterator[Row | Problem]:
        """Rows in order, numbered from 1; a ``ClassLabel`` is read as its name."""
        kept = [name for name in self._header if name in names]
        class_names = {
            name: feature.names
            for name, feature in self._dataset.features.items()
            if name in kept and hasattr(feature, "int2str")
        }
        batches = self._dataset.select_columns(kept).with_format("arrow").iter(batch_size=_BATCH)
        yield from _rows(self.path, batches, self._arrow, class_names)

    def count(self) -> int:
        """Rows of the dataset."""
        return len(self._dataset)


def _rows(
    path: Path, batches: Iterator[Any], arrow: Any, class_names: Mapping[str, Sequence[str]]
) -> Iterator[Row | Problem]:
    """Rows of Arrow batches; a class number that has no name is a problem of its row."""
    for line, cells in enumerate(_python_rows(path, batches, arrow), start=1):
        for name, known in class_names.items():
            number = cells[name]
            if number is None or number == -1:  # -1 is how datasets writes "no label"
                cells[name] = None
            elif 0 <= number < len(known):
                cells[name] = known[number]
            else:
                yield Problem(
                    line, f"{name} has the class number {number}; the dataset names {len(known)} classes"
                )
                break
        else:
            yield Row(line, cells)


def _python_rows(path: Path, batches: Iterator[Any], arrow: Any) -> Iterator[dict[str, Any]]:
    line = 0
    while True:
        try:
            batch = next(batches, None)
            rows = [] if batch is None else _microseconds(batch, arrow).to_pylist()
        except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise RecordsError(
                f"{path}: rows {line + 1} to {line + _BATCH} cannot be read: {first_line(error)}"
            ) from error
        if batch is None:
            return
        line += len(rows)
        yield from rows


def _microseconds(batch: Any, arrow: Any) -> Any:
    """Times in the resolution of Python's datetime; finer ones would need pandas."""
    for place, field in enumerate(batch.schema):
        if arrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            coarse = batch.column(place).cast(arrow.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(place, field.name, coarse)
    return batch


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(name.partition(".")[0], "train") from error
