"""Waiting, for a short time, for what is found of a ticket's duplicates."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from sqlalchemy import Row

from service.matching.address import address
from service.settings import Settings
from service.storage import Storage, StorageUnavailable
from service.storage.tickets import verdicts

_LOOK_SECONDS: Final = 0.05
_CONNECT_AGAIN_SECONDS: Final = 1.0


class Waiting:
    """Asks the helper process of this machine to tell when a ticket was compared; else looks into the database.

    Used on the event loop.
    """

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._waiting: dict[int, asyncio.Future[Row[Any] | None]] = {}
        self._due: set[int] = set()
        self._told = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen."""
        if self._settings.duplicates:
            self._tasks = [
                asyncio.create_task(self._listen(), name="matching-listen"),
                asyncio.create_task(self._look(), name="matching-look"),
            ]

    async def stop(self) -> None:
        """Give up on what is still waited for."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def verdict(self, number: int) -> Row[Any] | None:
        """The row of `service.storage.tables.VERDICTS`; None when it did not come within the settings' time."""
        future: asyncio.Future[Row[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._ask(number)
        try:
            async with asyncio.timeout(self._settings.duplicates_wait_ms / 1000):
                return await future
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(number, None)
            self._due.discard(number)

    def _ask(self, number: int) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(b"%d\n" % number)
        else:
            self._due.add(number)
            self._told.set()

    async def _listen(self) -> None:
        path = str(address(self._settings.data_dir))
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(path)
                while line := await reader.readline():
                    if line.strip().isdigit() and int(line) in self._waiting:
                        self._due.add(int(line))
                        self._told.set()
            except (OSError, ValueError):
                # The helper is not there (yet, or any more); the database is looked into meanwhile.
                pass
            finally:
                if self._writer is not None:
                    self._writer.close()
                self._writer = None
            self._due.update(self._waiting)
            self._told.set()
            await asyncio.sleep(_CONNECT_AGAIN_SECONDS)

    async def _look(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            numbers = sorted(self._due)
            if not numbers:
                continue
            try:
                found = await self._storage.read(partial(verdicts, numbers=numbers))
            except StorageUnavailable:
                found = {}
            for number, row in found.items():
                self._due.discard(number)
                future = self._waiting.get(number)
                if future is not None and not future.done():
                    future.set_result(row)
            if self._due and not self._told.is_set():
                await asyncio.sleep(_LOOK_SECONDS)
                self._told.set()
