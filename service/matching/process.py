"""The helper process itself: ``python -m service.matching.process``, with the settings in its environment."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from contextlib import ExitStack
from typing import Final

import structlog

from model.duplicates.score import PairScorer
from service.logs import configure_logging
from service.matching.address import address
from service.matching.matcher import Matcher
from service.settings import Settings
from service.shelf import Shelf
from service.storage import Database, StorageUnavailable, open_database

_POLL_SECONDS: Final = 0.25
"""Tickets that other machines store are found so often."""
_TOPICS_SECONDS: Final = 30.0
_WAIT_AGAIN_SECONDS: Final = 1.0
_MOST_BYTES: Final = 4096

_log = structlog.get_logger("service.matching")


class Told:
    """The sockets of those who wait for a ticket, and the pipe whose end means that our starter has ended."""

    def __init__(self, listener: socket.socket) -> None:
        self.over = False
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._asked: dict[int, set[socket.socket]] = {}
        self._unfinished: dict[socket.socket, bytes] = {}

    def wait(self, seconds: float) -> None:
        """Return when someone asks, when the starter has ended, or after so many seconds."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._listener:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._selector.register(connection, selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                self._hear(key.fileobj)
            elif not os.read(key.fd, _MOST_BYTES):
                self.over = True

    def tell(self, through: int) -> None:
        """Tell all who asked for tickets up to this number that they were compared."""
        for number in [each for each in self._asked if each <= through]:
            for connection in self._asked.pop(number):
                try:
                    connection.sendall(b"%d\n" % number)
                except OSError:
                    self._forget(connection)

    def _hear(self, connection: socket.socket) -> None:
        try:
            content = connection.recv(_MOST_BYTES)
        except OSError:
            content = b""
        if not content:
            self._forget(connection)
            return
        *lines, rest = (self._unfinished.pop(connection, b"") + content).split(b"\n")
        if rest:
            self._unfinished[connection] = rest[:_MOST_BYTES]
        for line in lines:
            if line.isdigit():
                self._asked.setdefault(int(line), set()).add(connection)

    def _forget(self, connection: socket.socket) -> None:
        try:
            self._selector.unregister(connection)
        except KeyError:
            return
        connection.close()
        self._unfinished.pop(connection, None)
        for waiting in self._asked.values():
            waiting.discard(connection)


def run(settings: Settings) -> None:
    """Compare until the process that started this one has ended."""
    path = address(settings.data_dir)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        told = Told(listener)
        while not told.over:
            try:
                with ExitStack() as held:
                    database = open_database(settings, durable=False)
                    held.callback(database.close)
                    if not held.enter_context(database.owning()):
                        told.wait(_WAIT_AGAIN_SECONDS)
                        continue
                    _work(settings, database, told)
            except StorageUnavailable as error:
                _log.error("storage unavailable", reason=str(error))
                told.wait(_WAIT_AGAIN_SECONDS)


def _work(settings: Settings, database: Database, told: Told) -> None:
    matcher = Matcher(
        database,
        settings.data_dir / "duplicates",
        scorer=PairScorer.of_bundle(Shelf(settings).wanted().folder),
        window_days=settings.duplicates_window_days,
    )
    _log.info("duplicates are looked for")
    changed, refreshed = True, 0.0
    try:
        while not told.over:
            numbers = matcher.step()
            if numbers:
                told.tell(numbers[-1])
                changed = True
                told.wait(0)
                continue
            told.tell(matcher.through)
            if changed and time.monotonic() - refreshed > _TOPICS_SECONDS:
                matcher.refresh_topics()
                changed, refreshed = False, time.monotonic()
            if matcher.repair():
                changed = True
                told.wait(0)
                continue
            told.wait(_POLL_SECONDS)
    finally:
        matcher.close()


if __name__ == "__main__":
    given = Settings.read()
    configure_logging(level=given.log_level, form=given.log_format)
    run(given)
