"""One database, whichever it is: its connections, its write lock, and what its failures mean.

SQLite: write-ahead log, every commit on the disk before it returns (``synchronous=FULL``), one writer by
``BEGIN IMMEDIATE``. PostgreSQL: one writer by an advisory lock that its transaction holds. So ids, the audit
log's chain and idempotency need no more than what one transaction reads.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from model.errors import FenboError, MissingExtra
from service.settings import Settings

WRITE_LOCK: Final = 0x66656E626F
"""Advisory lock of PostgreSQL that a writing transaction holds."""
_OWNER_LOCK: Final = WRITE_LOCK + 1
_LOCK_MILLISECONDS: Final = 10_000
_READERS: Final = 8
_OUR_FAULT: Final = (IntegrityError, DataError, ProgrammingError, NotSupportedError)


class StorageUnavailable(FenboError):
    """The database does not take or give rows now. Nothing was kept of what was to be written."""

    retry_after = 2.0
    """Seconds after which trying again makes sense."""


class Database:
    """Connections for reading and for writing. Safe to share between threads.

    ``file`` is the SQLite file, None for PostgreSQL.
    """

    def __init__(self, url: URL, *, durable: bool = True) -> None:
        """Connects to nothing yet. Without ``durable`` a power cut may take back what was written last.

        Raises `FenboError` for a URL of another kind of database.
        """
        backend = url.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise FenboError(f"database_url begins with {backend!r}; allowed: postgresql://…, sqlite:///FILE")
        self.is_sqlite = backend == "sqlite"
        self.file: Path | None = None
        if self.is_sqlite:
            if not url.database or url.database == ":memory:":
                raise FenboError("database_url names no file; allowed: sqlite:///FILE")
            self.file = Path(url.database).resolve()
            self.url = url.set(database=str(self.file))
            self._writer = _sqlite_engine(self.file, "BEGIN IMMEDIATE", readers=0, durable=durable)
            self._reader = _sqlite_engine(self.file, "BEGIN", readers=_READERS)
        else:
            self.url = url.set(drivername="postgresql+psycopg")
            self._writer = _postgresql_engine(self.url, readers=0, durable=durable)
            self._reader = _postgresql_engine(self.url, readers=_READERS)
        self._inode: int | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose reads all see one moment. Raises `StorageUnavailable`."""
        with self._translated():
            self._notice_another_file()
            with self._reader.connect() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock; on disk when the block ends. Raises `StorageUnavailable`."""
        with self._translated():
            self._notice_another_file()
            with self._writer.begin() as connection:
                if not self.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"))
                yield connection

    @contextmanager
    def owning(self) -> Iterator[bool]:
        """Whether this process is the one, of all on PostgreSQL, that compares tickets; it is until the block ends.

        With SQLite always: there a lock in the data folder decides.
        """
        if self.is_sqlite:
            yield True
            return
        with self._translated(), self._reader.connect() as connection:
            owned = connection.execute(text(f"SELECT pg_try_advisory_lock({_OWNER_LOCK})")).scalar()
            connection.rollback()
            try:
                yield bool(owned)
            finally:
                if owned:
                    connection.execute(text(f"SELECT pg_advisory_unlock({_OWNER_LOCK})"))

    def forget_connections(self) -> None:
        """Close those that are idle; the next use opens new ones."""
        self._writer.dispose()
        self._reader.dispose()

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.forget_connections()

    def _notice_another_file(self) -> None:
        """Never use a file that is no longer there under its name."""
        if self.file is None:
            return
        inode = self.file.stat().st_ino
        if self._inode is not None and inode != self._inode:
            self.forget_connections()
        self._inode = inode

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _OUR_FAULT:
            raise
        except DBAPIError as error:
            self.forget_connections()
            raise StorageUnavailable(f"the database fails: {_first_line(error.orig)}") from error
        except PoolTimeout as error:
            raise StorageUnavailable("all connections to the database are busy") from error
        except OSError as error:
            self.forget_connections()
            raise StorageUnavailable(f"{error.filename or 'the database'}: {error.strerror}") from error


def database_url(settings: Settings) -> URL:
    """Where the settings say that rows are. Raises `FenboError` for what is no URL, without showing it."""
    if settings.database_url is None:
        return URL.create("sqlite", database=str(settings.data_dir / "fenbo.db"))
    try:
        return make_url(settings.database_url.get_secret_value())
    except ArgumentError:
        raise FenboError(
            "FENBO_DATABASE_URL is no database URL; allowed: postgresql://USER@HOST/NAME, sqlite:///FILE"
        ) from None


def open_database(settings: Settings, *, durable: bool = True) -> Database:
    """The database of the settings, its tables brought up to date.

    Raises:
        StorageUnavailable: it cannot be reached now; trying again later may help.
        FenboError: it never will do: another format, a newer version, a missing driver.
    """
    from service.storage.migrate import migrate

    try:
        database = Database(database_url(settings), durable=durable)
    except ModuleNotFoundError as error:
        raise MissingExtra("psycopg", "postgres") from error
    try:
        if database.file is not None:
            _make_file(database.file)
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _make_file(file: Path) -> None:
    # The engines open what is there and never make it: a file that vanished is not to come back empty.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        with file.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise StorageUnavailable(f"{file} cannot be opened: {error.strerror}") from error
    if start and start != b"SQLite format 3\0":
        raise FenboError(
            f"{file} is no SQLite database; move it away or set FENBO_DATA_DIR to another folder"
        )


def _sqlite_engine(file: Path, begin: str, *, readers: int, durable: bool = True) -> Engine:
    address = f"{file.as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        # isolation_level None: the driver begins nothing of its own, `begin` below does.
        return sqlite3.connect(
            address,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_LOCK_MILLISECONDS / 1000,
        )

    engine = create_engine("sqlite://", creator=connect, **_pool(readers))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        if readers:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {_LOCK_MILLISECONDS}")
        cursor.execute("PRAGMA cache_size = -16384")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql_engine(url: URL, *, readers: int, durable: bool = True) -> Engine:
    options = f"-c lock_timeout={_LOCK_MILLISECONDS} -c statement_timeout=60000 -c timezone=UTC"
    if not durable:
        options += " -c synchronous_commit=off"
    if readers:
        options += " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    return create_engine(
        url,
        connect_args={"connect_timeout": 5, "options": options, "application_name": "fenbo"},
        pool_pre_ping=bool(readers),
        **_pool(readers),
    )


def _pool(readers: int) -> dict[str, Any]:
    return {"poolclass": QueuePool, "pool_size": readers or 1, "max_overflow": 0, "pool_timeout": 10}


def _first_line(error: BaseException | None) -> str:
    # The driver's first line names the trouble; later ones may quote rows.
    return str(error).partition("\n")[0] if error is not None else "no reason given"
