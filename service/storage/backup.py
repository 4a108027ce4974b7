"""Backups: one SQLite file, whatever the database, made and put back while the service runs.

The secret key is not in it: with the key and the masked text together, what was masked could be guessed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, delete, func, insert, select, text, update
from sqlalchemy.engine import URL

from model.errors import FenboError
from service.storage import audit
from service.storage.all_tables import all_tables
from service.storage.database import Database
from service.storage.migrate import head, migrate, version
from service.storage.secret import CHECK
from service.storage.tables import MATCHING, META, TICKETS

_PAGE: Final = 1_000

OnRows = Callable[[int], object]


class NoBackup(FenboError):
    """A file that cannot be put back."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup holds: tickets, and the head of its audit log."""

    tickets: int
    head: audit.Head


def back_up(database: Database, target: Path, *, on_rows: OnRows | None = None) -> Kept:
    """Write all rows, as they are at one moment, into the new file ``target``, whole or not at all.

    Raises `FenboError` when ``target`` is there already, `StorageUnavailable` when rows cannot be read.
    """
    if target.exists():
        raise FenboError(f"{target} is there already; name a new file")
    if not target.absolute().parent.is_dir():
        raise FenboError(f"{target.absolute().parent} is not a folder")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    os.close(descriptor)
    part = Path(name)
    try:
        if database.file is not None:
            _copied_file(database.file, part)
        else:
            _copied_rows(database, part, on_rows)
        kept = _checked(part)
        _on_disk(part)
        part.replace(target)
        _on_disk(target.absolute().parent)
    finally:
        for each in (part, Path(f"{part}-wal"), Path(f"{part}-shm"), part.with_suffix(".migrating")):
            each.unlink(missing_ok=True)
    return kept


def restore(
    database: Database, source: Path, *, actor: str, key_check: str, on_rows: OnRows | None = None
) -> Kept:
    """Put a backup's rows in the place of all that is there, in one transaction.

    ``key_check`` tells the secret key that is in use. Raises `NoBackup` for another file, a backup of a newer
    fenbo, or one made under another key.
    """
    digest = _digest(source)
    with tempfile.TemporaryDirectory(prefix="fenbo-restore-") as folder:
        # A copy, for an older backup is brought up to date before it is read.
        copy = Path(folder) / "backup.db"
        _copied_file(source, copy)
        with _opened(copy) as backup:
            _migrated(backup, source)
            with backup.reading() as rows:
                kept = Kept(_count(rows, TICKETS), audit.head(rows))
                known = rows.execute(select(META.c.value).where(META.c.name == CHECK)).scalar()
                if known is not None and known != key_check:
                    raise NoBackup(
                        f"{source} was made under another secret key; put that key back first "
                        "(FENBO_SECRET_KEY, or the file secret.key of the data folder)"
                    )
                with database.writing() as connection, _triggers_away(connection):
                    for table in reversed(all_tables()):
                        connection.execute(delete(table))
                    for table in all_tables():
                        _copy(rows, connection, table, on_rows)
                    _forget_index(connection)
                    audit.append(
                        connection,
                        [
                            audit.Entry(
                                actor,
                                "storage.restored",
                                "storage:all",
                                {"file": digest, "head": str(kept.head), "tickets": kept.tickets},
                            )
                        ],
                    )
    return kept


def _forget_index(connection: Connection) -> None:
    """The index of duplicates knows tickets that may be gone: it is made anew from the rows."""
    known: str | None = connection.execute(select(META.c.value).where(META.c.name == MATCHING)).scalar()
    if known is not None:
        value = json.dumps(json.loads(known) | {"index": ""})
        connection.execute(update(META).where(META.c.name == MATCHING).values(value=value))


def tickets_in(database: Database) -> int:
    """How many tickets there are now."""
    with database.reading() as connection:
        return _count(connection, TICKETS)


def _copied_file(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that may be in use. Raises `NoBackup`."""
    if not source.is_file():
        raise NoBackup(f"{source} is not a file; name one made by `fenbo backup`")
    try:
        reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        writer = sqlite3.connect(target)
        try:
            # All in one step: page by page it would begin again with every ticket that is stored meanwhile.
            reader.backup(writer)
            writer.execute("PRAGMA journal_mode = DELETE")
        finally:
            writer.close()
            reader.close()
    except sqlite3.DatabaseError as error:
        raise NoBackup(f"{source} cannot be copied: {error}") from error


def _copied_rows(database: Database, target: Path, on_rows: OnRows | None) -> None:
    with _opened(target) as copy:
        migrate(copy)
        with database.reading() as rows, copy.writing() as connection:
            for table in all_tables():
                connection.execute(delete(table))
                _copy(rows, connection, table, on_rows)
    with closing(sqlite3.connect(target)) as file:
        file.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def _opened(file: Path) -> Iterator[Database]:
    database = Database(URL.create("sqlite", database=str(file)))
    try:
        yield database
    finally:
        database.close()


def _migrated(backup: Database, source: Path) -> None:
    with backup.reading() as connection:
        present = version(connection)
    if present is None:
        raise NoBackup(f"{source} is no backup of fenbo's; name one made by `fenbo backup`")
    if present > head():
        raise NoBackup(
            f"{source} is of version {present}, this fenbo knows {head()}; install the newer fenbo"
        )
    migrate(backup)


def _checked(file: Path) -> Kept:
    with _opened(file) as database, database.reading() as connection:
        result = connection.execute(text("PRAGMA quick_check")).scalar()
        if result != "ok":
            raise FenboError(f"the copy is damaged ({result}); check the disk and try again")
        return Kept(_count(connection, TICKETS), audit.head(connection))


def _copy(rows: Connection, connection: Connection, table: Table, on_rows: OnRows | None) -> None:
    stream = rows.execution_options(yield_per=_PAGE).execute(select(table))
    for page in stream.partitions():
        connection.execute(insert(table), [dict(row._mapping) for row in page])
        if on_rows is not None:
            on_rows(len(page))


@contextmanager
def _triggers_away(connection: Connection) -> Iterator[None]:
    """Without the triggers that keep rows, inside this transaction and nowhere else."""
    if connection.dialect.name == "sqlite":
        triggers = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        ).all()
        for trigger in triggers:
            connection.exec_driver_sql(f'DROP TRIGGER "{trigger.name}"')
        yield
        for trigger in triggers:
            connection.exec_driver_sql(trigger.sql)
        return
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    for table in all_tables():
        connection.execute(text(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER'))
    yield
    for table in all_tables():
        connection.execute(text(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER'))


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _digest(file: Path) -> str:
    if not file.is_file():
        raise NoBackup(f"{file} is not a file; name one made by `fenbo backup`")
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _on_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
