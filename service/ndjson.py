"""NDJSON in both directions at once: lines are read, worked on a few at a time, and answered in their order.

Nothing here knows what a line means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE: Final = "application/x-ndjson"


class LineTooLong(Exception):
    """A line is longer than the limit, and where it ends is unknown: nothing after it can be read."""


class BodyStalled(Exception):
    """Nothing arrived for too long."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank; ``number`` counts from 1, blank lines too."""

    number: int
    content: bytes


async def lines_of(
    chunks: AsyncIterator[bytes], *, most_bytes: int, idle_seconds: float
) -> AsyncIterator[Line]:
    """The lines of a body as they arrive. Raises `LineTooLong`, `BodyStalled`."""
    buffer = bytearray()
    number = 0
    # Where the search for a line's end goes on, so that a long line is not searched again with every chunk.
    searched = 0
    iterator = chunks.__aiter__()
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise BodyStalled from None
        buffer += chunk
        while (end := buffer.find(b"\n", searched)) >= 0:
            number += 1
            content = bytes(buffer[:end]).strip()
            del buffer[: end + 1]
            searched = 0
            if len(content) > most_bytes:
                raise LineTooLong
            if content:
                yield Line(number, content)
        searched = len(buffer)
        if searched > most_bytes:
            raise LineTooLong
    if rest := bytes(buffer).strip():
        yield Line(number + 1, rest)


async def in_order(
    lines: AsyncIterator[Line],
    work: Callable[[Line], Awaitable[bytes]],
    *,
    at_once: int,
    last_word: Callable[[int, Exception], bytes],
) -> AsyncIterator[bytes]:
    """What ``work`` makes of each line, in the order of the lines, ``at_once`` of them under way at most.

    When reading fails, ``last_word`` makes an answer of the number of the line that could not be read and the
    error, after all others.
    """
    under_way: asyncio.Queue[asyncio.Task[bytes] | bytes | None] = asyncio.Queue(at_once)
    tasks: set[asyncio.Task[bytes]] = set()

    async def read() -> None:
        number = 0
        try:
            async for line in lines:
                number = line.number
                task = asyncio.create_task(_done(work, line))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                await under_way.put(task)
        except (LineTooLong, BodyStalled) as error:
            await under_way.put(last_word(number + 1, error))
        except ClientDisconnect:
            pass
        await under_way.put(None)

    reader = asyncio.create_task(read(), name="ndjson-reader")
    try:
        while (item := await under_way.get()) is not None:
            yield item if isinstance(item, bytes) else await item
        await reader
    finally:
        reader.cancel()
        for task in list(tasks):
            task.cancel()


async def _done(work: Callable[[Line], Awaitable[bytes]], line: Line) -> bytes:
    return await work(line)


class NdjsonAnswer(Response):
    """Sends lines as they come. A caller who takes nothing for ``send_seconds`` is cut off."""

    media_type = MEDIA_TYPE

    def __init__(self, answers: AsyncIterator[bytes], *, send_seconds: float) -> None:
        self.status_code = 200
        self.background = None
        self._answers = answers
        self._send_seconds = send_seconds
        # A proxy that gathers the answer before it passes it on would undo the streaming.
        self.init_headers({"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._answers) as answers:  # type: ignore[type-var]
            async for answer in answers:
                async with asyncio.timeout(self._send_seconds):
                    await send({"type": "http.response.body", "body": answer + b"\n", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
