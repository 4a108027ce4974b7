"""Group commit: what is to be written at the same time is written in one transaction, by one thread.

While one transaction reaches the disk the next gathers; nobody waits for company otherwise. Nothing here knows
of tables.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from model.errors import FenboError
from service.storage.database import Database, StorageUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

Write = Callable[[Connection, Sequence[Item]], Sequence[Result | FenboError]]
"""Writes items and gives one result each; an item that is refused gets its error as the result."""

_MOST_TOGETHER: Final = 256
_MOST_WAITING: Final = 4096


@dataclass(eq=False, slots=True)
class _Waiting:
    write: Write[Any, Any]
    item: Any
    future: Future[Any]


class Writer:
    """The thread that writes. Start and stop it once; ``submit`` may be called from any thread."""

    def __init__(self, database: Callable[[], Database]) -> None:
        """``database`` gives the database to write to; what it raises is the answer to all that wait."""
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, *, timeout_seconds: float) -> None:
        """Take nothing new, write what waits, within the time given."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def submit(self, write: Write[Item, Result], item: Item) -> Future[Result]:
        """Queue one item. The future's result comes once it is on the disk.

        The future raises the item's own refusal, `StorageUnavailable`, or what ``write`` raised for it alone.
        Raises `StorageUnavailable` when too much waits already.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._closed:
                raise StorageUnavailable("the service is stopping")
            if len(self._waiting) >= _MOST_WAITING:
                raise StorageUnavailable(f"{len(self._waiting)} writes are waiting")
            self._waiting.append(_Waiting(write, item, future))
            self._changed.notify()
        return future

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_TOGETHER))]
            live = [each for each in batch if each.future.set_running_or_notify_cancel()]
            if live:
                self._write(live)

    def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            results = self._written(batch)
        except StorageUnavailable as error:
            for each in batch:
                each.future.set_exception(error)
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
            else:
                for each in batch:
                    self._write([each])
        else:
            for each, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    each.future.set_exception(result)
                else:
                    each.future.set_result(result)

    def _written(self, batch: Sequence[_Waiting]) -> list[Any]:
        results: list[Any] = []
        with self._database().writing() as connection:
            for run in _runs(batch):
                given = list(run[0].write(connection, [each.item for each in run]))
                if len(given) != len(run):
                    raise RuntimeError(f"{run[0].write!r} gave {len(given)} results for {len(run)} items")
                results += given
        return results


def _runs(batch: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """Neighbours that are written by the same function, together; their order stays."""
    runs: list[list[_Waiting]] = []
    for each in batch:
        if runs and runs[-1][0].write == each.write:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
