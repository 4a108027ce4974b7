"""Letters from files and back: CSV, JSONL, Parquet, xlsx and saved ``datasets.Dataset`` folders."""

from model.records.columns import COLUMNS, parse_columns
from model.records.formats import open_table
from model.records.reader import count_records, read_records
from model.records.record import EMPTY_LETTER, Problem, Record, RecordsError, UnreadableRowError
from model.records.table import Row, Table
from model.records.writer import write_rows

__all__ = [
    "COLUMNS",
    "EMPTY_LETTER",
    "Problem",
    "Record",
    "RecordsError",
    "Row",
    "Table",
    "UnreadableRowError",
    "count_records",
    "open_table",
    "parse_columns",
    "read_records",
    "write_rows",
]
