"""Taking a file in: on disk without a name while it is read, so that a crash leaves nothing unmasked behind."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Final

from model.errors import FenboError
from model.records import Problem as Unreadable
from model.records import Record, read_records
from model.text.mask import mask
from service.jobs import letters
from service.priority import step_back
from service.storage import Storage
from service.storage import jobs as rows
from service.storage.jobs import JobRow, NewChunk, NewJob, Received

CHUNK: Final = 64
"""Letters that are answered together, and lost together by a crash."""
_MOST_PROBLEMS: Final = 100
# Small enough for a cursor to hold a job's name as a number.
_NAME_BYTES: Final = 7
_SHOWN_REASON: Final = 300


class FileTooLarge(FenboError):
    """More bytes than the settings allow."""


class FileRefused(FenboError):
    """A file that cannot be read as letters; the text says why, without what it holds."""


class Reception:
    """Receives files for one process. Used on the event loop."""

    def __init__(self, storage: Storage, *, most_bytes: int) -> None:
        self._storage = storage
        self._most_bytes = most_bytes
        # Masking takes the processor for long; those who wait for an answer go first.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="reception", initializer=step_back)

    def stop(self) -> None:
        """Receive no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def receive(
        self,
        body: AsyncIterator[bytes],
        *,
        suffix: str,
        columns: Mapping[str, str],
        idle_seconds: float,
        by: str,
    ) -> JobRow:
        """A job made of a file; it is all on the disk, masked, when this returns.

        ``suffix`` is .csv or .jsonl. Raises `FileTooLarge`, `FileRefused`, `StorageUnavailable`, `TimeoutError`.
        """
        with _nameless() as (file, path):
            await self._spool(body, file, idle_seconds)
            job = secrets.token_hex(_NAME_BYTES)
            await self._storage.write(rows.begin, NewJob(job, by))
            try:
                return await self._read(job, path, suffix, columns)
            except BaseException:
                await asyncio.shield(self._storage.write(rows.forget, job))
                raise

    async def _spool(self, body: AsyncIterator[bytes], file: IO[bytes], idle_seconds: float) -> None:
        size = 0
        iterator = body.__aiter__()
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    chunk = await anext(iterator)
            except StopAsyncIteration:
                break
            size += len(chunk)
            if size > self._most_bytes:
                raise FileTooLarge(f"文件最大 {self._most_bytes} 字节")
            await asyncio.to_thread(file.write, chunk)
        file.flush()

    async def _read(self, job: str, path: Path, suffix: str, columns: Mapping[str, str]) -> JobRow:
        loop = asyncio.get_running_loop()
        problems: list[Unreadable] = []
        count = 0
        chunks = _chunks(path, suffix, columns, problems)
        for number in itertools.count():
            try:
                lines = await loop.run_in_executor(self._pool, partial(next, chunks, None))
            except FenboError as error:
                raise FileRefused(_told(str(error), path)) from None
            if lines is None:
                break
            count += len(lines)
            await self._storage.write(rows.add_chunks, NewChunk(job, number, "\n".join(lines), len(lines)))
        told = tuple((each.line, _told(each.reason, path)) for each in problems[:_MOST_PROBLEMS])
        return await self._storage.write(rows.receive, Received(job, count, len(problems), told))


def _chunks(
    path: Path, suffix: str, columns: Mapping[str, str], problems: list[Unreadable]
) -> Iterator[list[str]]:
    waiting: list[Unreadable] = []

    def note(problem: Unreadable) -> None:
        waiting.append(problem)
        problems.append(problem)

    # The format is told by the ending, and this file has no name of its own.
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"file{suffix}"
        named.symlink_to(path)
        records = read_records(named, columns=columns, on_problem=note, on_notice=lambda _: None)
        lines = _lines(records, waiting)
        while piece := list(itertools.islice(lines, CHUNK)):
            yield piece


def _lines(records: Iterator[Record], waiting: list[Unreadable]) -> Iterator[str]:
    for record in records:
        yield from itertools.repeat(letters.written(None), len(waiting))
        waiting.clear()
        yield letters.written(letters.masked(record.ticket))
    yield from itertools.repeat(letters.written(None), len(waiting))


@contextmanager
def _nameless() -> Iterator[tuple[IO[bytes], Path]]:
    with tempfile.TemporaryFile() as file:
        yield file, Path(f"/proc/self/fd/{file.fileno()}")


def _told(text: str, path: Path) -> str:
    """A reader's message without our paths, and without personal data that it may quote."""
    plain = re.sub(r"\S*/file\.(?:csv|jsonl)", "文件", text.replace(str(path), "文件"))
    # Bytes that are no text come as lone surrogates, which can neither be stored nor sent.
    printable = "".join(each if each.isprintable() else "�" for each in plain)
    return mask(printable).text[:_SHOWN_REASON]
