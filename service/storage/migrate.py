"""Bring the tables up to date when the service starts: one process at a time, and nothing when there is nothing."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection, inspect, text

from model.errors import FenboError
from service.storage.database import WRITE_LOCK, Database

_PACKAGE: Final = "service.storage.migrations"
_STEP: Final = re.compile(r"^(\d{4})_\w+\.py$")


def head() -> str:
    """The number of the newest step, by the names of the files: Alembic itself takes long to import."""
    names = (each.name for each in files(f"{_PACKAGE}.versions").iterdir())
    return max(found[1] for name in names if (found := _STEP.match(name)))


def version(connection: Connection) -> str | None:
    """The number of the step that a database is at; None for one without our tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(database: Database) -> None:
    """Run the steps that are missing.

    Raises:
        FenboError: the database was made by a newer fenbo.
        StorageUnavailable: it cannot be reached or changed now.
    """
    with database.reading() as connection:
        present = version(connection)
    if present == head():
        return
    with _alone(database), database.writing() as connection:
        present = version(connection)
        if present is not None and present > head():
            raise FenboError(
                f"the database is at version {present} and this fenbo knows {head()}; install the newer fenbo"
            )
        if present != head():
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files(_PACKAGE)))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    # In PostgreSQL the write lock does it (WRITE_LOCK); in SQLite a new file is switched to the write-ahead log
    # by its first writer, which two at once cannot do.
    assert WRITE_LOCK
    if database.file is None:
        yield
        return
    with database.file.with_suffix(".migrating").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
