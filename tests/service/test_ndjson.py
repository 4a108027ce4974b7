"""Lines in, lines out: in order, a few at a time, while both directions flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.ndjson import BodyStalled, Line, LineTooLong, in_order, lines_of


async def given(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(*chunks: bytes, most_bytes: int = 100) -> list[Line]:
    return [line async for line in lines_of(given(*chunks), most_bytes=most_bytes, idle_seconds=5)]


def word(number: int, error: Exception) -> bytes:
    return f"{number} {type(error).__name__}".encode()


@pytest.mark.parametrize(
    "chunks",
    [
        (b"a\n\nb\r\nc",),
        (b"a\n", b"\nb\r", b"\nc", b""),
        tuple(bytes([each]) for each in b"a\n\nb\r\nc\n"),
    ],
)
def test_lines_are_the_same_however_they_arrive(chunks: tuple[bytes, ...]) -> None:
    assert asyncio.run(read(*chunks)) == [Line(1, b"a"), Line(3, b"b"), Line(4, b"c")]


def test_nothing_is_no_line() -> None:
    assert asyncio.run(read()) == []
    assert asyncio.run(read(b"\n \n")) == []


@pytest.mark.parametrize("chunks", [(b"x" * 101,), (b"x" * 101 + b"\n",), (b"x" * 60, b"x" * 60)])
def test_line_over_the_limit_ends_the_reading(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(LineTooLong):
        asyncio.run(read(*chunks))
    assert asyncio.run(read(b"x" * 100 + b"\n")) == [Line(1, b"x" * 100)]


def test_body_that_stalls_ends_the_reading() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"a\n"
        await asyncio.sleep(60)

    async def play() -> list[bytes]:
        lines = lines_of(stalled(), most_bytes=100, idle_seconds=0.05)
        return [each async for each in in_order(lines, echo, at_once=4, last_word=word)]

    assert asyncio.run(play()) == [b"a", b"2 BodyStalled"]
    assert BodyStalled is not LineTooLong


async def echo(line: Line) -> bytes:
    return line.content


def test_answers_keep_the_order_and_the_bound() -> None:
    most = 0
    running = 0

    async def work(line: Line) -> bytes:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (7 - line.number % 7))
        running -= 1
        return line.content

    async def play() -> list[bytes]:
        lines = lines_of(given(b"".join(b"%d\n" % n for n in range(100))), most_bytes=100, idle_seconds=5)
        return [each async for each in in_order(lines, work, at_once=8, last_word=word)]

    assert asyncio.run(play()) == [b"%d" % n for n in range(100)]
    # One more may be under way than waits to be sent, and one is being sent.
    assert 4 <= most <= 10


def test_answer_comes_before_the_next_line_is_sent() -> None:
    async def play() -> list[bytes]:
        asked: asyncio.Queue[bytes] = asyncio.Queue()

        async def chunks() -> AsyncIterator[bytes]:
            while chunk := await asked.get():
                yield chunk

        answers = in_order(
            lines_of(chunks(), most_bytes=100, idle_seconds=5), echo, at_once=4, last_word=word
        )
        heard = []
        for name in (b"a", b"b", b"c"):
            await asked.put(name + b"\n")
            heard.append(await asyncio.wait_for(anext(answers), 5))
        await asked.put(b"")
        heard += [each async for each in answers]
        return heard

    assert asyncio.run(play()) == [b"a", b"b", b"c"]


def test_work_is_cancelled_when_nobody_listens() -> None:
    cancelled = 0

    async def work(_: Line) -> bytes:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        return b""

    async def play() -> None:
        answers = in_order(
            lines_of(given(b"a\nb\n"), most_bytes=100, idle_seconds=5), work, at_once=4, last_word=word
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(answers), 0.05)
        await asyncio.sleep(0.01)

    asyncio.run(play())
    assert cancelled == 2
