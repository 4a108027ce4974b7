"""Every evaluation is kept: one row each, in an SQLite file, so that routing accuracy can be followed over
versions.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.evaluation import METRICS, Evaluation, load
from model.errors import FenboError

VERSION = 1
_WAIT_SECONDS = 10.0
_COLUMNS = (
    "evaluated_at, bundle, data, data_sha256, n, accuracy, accuracy_low, accuracy_high, auto_share, "
    "auto_accuracy, folder"
)
_TABLE = """
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    evaluated_at TEXT NOT NULL,
    bundle TEXT NOT NULL,
    data TEXT NOT NULL,
    data_sha256 TEXT NOT NULL,
    n INTEGER NOT NULL,
    accuracy REAL,
    accuracy_low REAL,
    accuracy_high REAL,
    auto_share REAL,
    auto_accuracy REAL,
    folder TEXT NOT NULL,
    metrics TEXT NOT NULL
) STRICT;
CREATE INDEX evaluations_by_data ON evaluations (data_sha256, id);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One evaluation as it is listed; shares are in [0, 1], None where departments were not measured."""

    number: int
    evaluated_at: str
    bundle: str
    data: str
    data_sha256: str
    n: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    auto_share: float | None
    auto_accuracy: float | None
    folder: str
    """Where its files were written; they may have been removed since."""


class History:
    """Evaluations in an SQLite file, which is made when the first one is added."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, evaluation: Evaluation, *, folder: Path) -> int:
        """Keep an evaluation's metrics and where its files lie; answers its number."""
        about, overall = evaluation.metrics["about"], evaluation.metrics["overall"]
        accuracy = overall.get("accuracy") or {}
        auto = overall.get("decisions", {}).get("auto", {})
        row = (
            about["evaluated_at"],
            about["bundle"],
            about["data"],
            about["data_sha256"],
            overall["n"],
            accuracy.get("value"),
            accuracy.get("low"),
            accuracy.get("high"),
            auto.get("share", {}).get("value"),
            auto.get("accuracy", {}).get("value"),
            str(folder.resolve()),
            json.dumps(evaluation.metrics, ensure_ascii=False, allow_nan=False),
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database, database:
            added = database.execute(
                f"INSERT INTO evaluations ({_COLUMNS}, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return int(added.lastrowid or 0)

    def entries(self) -> list[Entry]:
        """All evaluations, the oldest first. Raises FenboError where the file is missing or is no history."""
        self._must_exist()
        with self._open() as database:
            rows = database.execute(f"SELECT id, {_COLUMNS} FROM evaluations ORDER BY id")
            return [Entry(*row) for row in rows]

    def evaluation(self, number: int) -> Evaluation:
        """One evaluation, with its outcomes if its folder still holds them.

        Raises FenboError for no such number.
        """
        self._must_exist()
        with self._open() as database:
            row = database.execute(
                "SELECT folder, metrics FROM evaluations WHERE id = ?", (number,)
            ).fetchone()
        if row is None:
            raise FenboError(f"history: no evaluation {number} in {self._file}; `fenbo history` lists them")
        metrics: Mapping[str, Any] = json.loads(row[1])
        folder = Path(row[0])
        if (folder / METRICS).is_file():
            kept = load(folder)
            # A folder may have been written over by a later evaluation.
            if kept.metrics == metrics:
                return kept
        return Evaluation(dict(metrics))

    def newest_pair(self) -> tuple[Evaluation, Evaluation | None]:
        """The newest evaluation, and the one before it of another bundle on the same data, None without one.

        Raises FenboError where nothing was kept.
        """
        entries = self.entries()
        if not entries:
            raise FenboError(f"history: {self._file} holds no evaluation; `fenbo eval` adds one")
        newest = self.evaluation(entries[-1].number)
        for entry in reversed(entries[:-1]):
            if entry.data_sha256 == entries[-1].data_sha256:
                earlier = self.evaluation(entry.number)
                if _bundle_of(earlier) != _bundle_of(newest):
                    return newest, earlier
        return newest, None

    def _must_exist(self) -> None:
        if not self._file.is_file():
            raise FenboError(
                f"history: no file {self._file}; `fenbo eval` makes it, or name another with --history"
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=_WAIT_SECONDS)) as database:
                version = int(database.execute("PRAGMA user_version").fetchone()[0])
                if version == 0:
                    database.executescript(
                        f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {VERSION}; COMMIT;"
                    )
                elif version != VERSION:
                    raise FenboError(
                        f"history: {self._file} has format {version}, this fenbo reads {VERSION}; "
                        "name another file with --history"
                    )
                yield database
        except sqlite3.Error as error:
            raise FenboError(
                f"history: {self._file} cannot be used ({error}); name another file with --history"
            ) from error


def _bundle_of(evaluation: Evaluation) -> tuple[str, str]:
    about = evaluation.metrics["about"]
    return about["bundle"], about["bundle_created"]
