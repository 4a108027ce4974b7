"""Where the finder's rows are: in a file of the data folder, or beside the service's own rows in PostgreSQL."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from model.duplicates.store import DuplicateStore
from service.storage import Database


class Home(Protocol):
    """Finders by name. Each has a folder for its index, which can be made again from its rows."""

    def folder(self, name: str) -> Path:
        """Where the finder of that name keeps its index."""
        ...

    def store(self, name: str) -> DuplicateStore | None:
        """Its rows; None when they are a file in its folder, which the finder opens itself."""
        ...

    def clear_for(self, name: str) -> None:
        """Delete what other finders keep, before one of this name begins."""
        ...


class FileHome:
    """Rows in the finder's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, name: str) -> Path:
        """Where the finder of that name keeps its rows and its index."""
        return self._folder / name

    def store(self, name: str) -> DuplicateStore | None:  # noqa: ARG002
        """None: the finder opens the file in its folder."""
        return None

    def clear_for(self, name: str) -> None:  # noqa: ARG002
        """Delete the folders of all finders: one of the same name is of another database, or unfinished."""
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgresHome:
    """Rows in a schema of the service's database; only the index is in a folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def folder(self, name: str) -> Path:
        """Where the finder of that name keeps its index."""
        return self._folder / name

    def store(self, name: str) -> DuplicateStore | None:
        """The schema of that name, made where it is not."""
        from service.matching.postgres_store import PostgresStore

        return PostgresStore(self._database.url, _schema(name))

    def clear_for(self, name: str) -> None:
        """Delete all indexes, and all schemas but that of this name: it may be half filled, which does no harm."""
        from service.matching.postgres_store import drop_others

        shutil.rmtree(self._folder, ignore_errors=True)
        drop_others(self._database.url, _schema(name))


def home_of(database: Database, folder: Path) -> Home:
    """Where finders are kept beside this database."""
    return FileHome(folder) if database.is_sqlite else PostgresHome(database, folder)


def _schema(name: str) -> str:
    return name.replace("-", "_")
