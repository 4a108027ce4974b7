"""The database as a process of the service has it: threads for reading, one for writing, and coming back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection

from service.settings import Settings
from service.storage.database import Database, StorageUnavailable, open_database
from service.storage.secret import SecretKey, secret_key
from service.storage.writer import Item, Result, Write, Writer

Value = TypeVar("Value")

_READERS: Final = 4
_RETRY_SECONDS: Final = 0.5

_log = structlog.get_logger("service.storage")


class Storage:
    """Owned by one process. `read` and `write` are awaited on its event loop; the rest is thread-safe.

    A database that cannot be reached at the start is tried again with the first use after each half second,
    so that the service predicts meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database: Database | None = None
        self._key: SecretKey | None = None
        self._opening = threading.Lock()
        self._failure: StorageUnavailable | None = None
        self._next_try = 0.0
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="storage-read")
        self._writer = Writer(self.database)

    @property
    def key(self) -> SecretKey:
        """The key of the idempotency hashes. Raises `StorageUnavailable` while the database was never open."""
        if self._key is None:
            raise self._failure or StorageUnavailable("the database is not open yet")
        return self._key

    def start(self) -> None:
        """Open the database and begin to write.

        Raises `FenboError` when the database will never do; one that is out of reach is tried again later.
        """
        try:
            self.database()
        except StorageUnavailable as error:
            _log.error("storage unavailable", reason=str(error))
        self._writer.start()

    def stop(self) -> None:
        """Write what waits and close; takes the settings' ``shutdown_seconds`` at most."""
        self._writer.stop(timeout_seconds=self._settings.shutdown_seconds)
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self._database is not None:
            self._database.close()

    def database(self) -> Database:
        """The open database. Raises `StorageUnavailable`."""
        if self._database is not None:
            return self._database
        with self._opening:
            if self._database is not None:
                return self._database
            if self._failure is not None and time.monotonic() < self._next_try:
                raise self._failure
            try:
                database = open_database(self._settings)
                try:
                    self._key = secret_key(self._settings, database)
                except BaseException:
                    database.close()
                    raise
            except StorageUnavailable as error:
                self._failure = error
                self._next_try = time.monotonic() + _RETRY_SECONDS
                raise
            self._database = database
            return database

    async def read(self, function: Callable[[Connection], Value]) -> Value:
        """What ``function`` reads, in a thread. Raises `StorageUnavailable`, and what it raises itself."""

        def work() -> Value:
            with self.database().reading() as connection:
                return function(connection)

        return await self._in_time(asyncio.get_running_loop().run_in_executor(self._readers, work))

    async def write(self, function: Write[Item, Result], item: Item) -> Result:
        """What ``function`` made of ``item`` once that is on the disk.

        Raises `StorageUnavailable`, the item's own refusal, and what ``function`` raised for it.
        """
        return await self._in_time(asyncio.wrap_future(self._writer.submit(function, item)))

    async def probe(self) -> None:
        """Return when rows can be read now. Raises `StorageUnavailable`."""
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())

    async def _in_time(self, future: asyncio.Future[Value]) -> Value:
        try:
            async with asyncio.timeout(self._settings.storage_timeout_seconds):
                return await future
        except TimeoutError:
            raise StorageUnavailable(
                f"the database did not answer within {self._settings.storage_timeout_seconds:g} s"
            ) from None
