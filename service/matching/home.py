"""Where the finder's rows are: in a file of the data folder, or beside the service's own rows in PostgreSQL."""

from __future__ import annotations

import shutil
from pathlib import Path

from model.duplicates.store import DuplicateStore
from service.storage import Database


class Home:
    """Finders by name. Each has a folder for its index, which can be made again from its rows."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def folder(self, name: str) -> Path:
        """Where the finder of that name keeps its index, and beside SQLite its rows."""
        return self._folder / name

    def store(self, name: str) -> DuplicateStore | None:
        """Its rows in PostgreSQL; None beside SQLite: the finder opens the file in its folder itself."""
        if self._database.is_sqlite:
            return None
        from service.matching.postgres_store import PostgresStore

        return PostgresStore(self._database.url, _schema(name))

    def clear_for(self, name: str) -> None:
        """Delete what finders keep, before one of this name begins.

        A folder of this name is of another database, or unfinished, and goes too; a schema of this name can only be
        unfinished, and is filled on.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        if not self._database.is_sqlite:
            from service.matching.postgres_store import drop_others

            drop_others(self._database.url, _schema(name))


def _schema(name: str) -> str:
    return name.replace("-", "_")
