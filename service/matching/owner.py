"""Starting and watching the helper process: whichever service process of this data folder gets the lock does it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from typing import IO, Final

import structlog

from service.settings import Settings

_LOOK_SECONDS: Final = 1.0
_MOST_REST_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0

_log = structlog.get_logger("service.matching")


class Owner:
    """Used on the event loop. The helper ends when this process does, however it ends: its input is closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def start(self) -> None:
        """Try to become the one that keeps the helper, from now on."""
        if self._settings.duplicates:
            self._task = asyncio.create_task(self._keep(), name="matching-owner")

    async def stop(self) -> None:
        """End the helper in order and let another process have it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await asyncio.to_thread(self._end)

    async def _keep(self) -> None:
        rest = _LOOK_SECONDS
        while True:
            try:
                if self._lock is None:
                    self._lock = self._locked()
                if self._lock is not None and self._process is None:
                    self._process = self._begin()
            except OSError as error:
                _log.error("duplicates cannot be looked for", reason=error.strerror, file=error.filename)
            if self._process is not None:
                status = self._process.poll()
                if status is None:
                    rest = _LOOK_SECONDS
                else:
                    _log.error("the duplicates process ended", status=status, again_in_seconds=rest)
                    self._process = None
                    await asyncio.sleep(rest)
                    rest = min(2 * rest, _MOST_REST_SECONDS)
                    continue
            await asyncio.sleep(_LOOK_SECONDS)

    def _locked(self) -> IO[bytes] | None:
        self._settings.data_dir.mkdir(parents=True, exist_ok=True)
        handle = (self._settings.data_dir / "matching.lock").open("ab")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return None
        return handle

    def _begin(self) -> subprocess.Popen[bytes]:
        assert self._lock is not None
        descriptor = self._lock.fileno()
        # The helper holds the lock as well: while one that was left behind still ends, nobody starts another.
        return subprocess.Popen(
            [sys.executable, "-m", "service.matching.process"],
            stdin=subprocess.PIPE,
            env=os.environ | self._settings.as_environment(),
            pass_fds=[descriptor],
        )

    def _end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
