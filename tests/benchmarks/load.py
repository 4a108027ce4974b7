"""Asking a server: several callers one after another each, or an open stream that does not wait for answers."""

from __future__ import annotations

import asyncio
import csv
import functools
import http.client
import itertools
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import TEST_DATA

Body = Callable[[int], bytes]


@dataclass
class Load:
    """What came of a load. ``seconds`` are those of accepted requests; ``statuses`` counts 0 for broken connections."""

    wall: float = 0.0
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return len(self.seconds) / self.wall if self.wall else 0.0

    def milliseconds(self, share: float) -> float:
        """The latency below which this share of accepted requests stays."""
        ordered = sorted(self.seconds)
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


def source() -> Path:
    """Real letters that no model learned from where there are any, else those written for the tests."""
    real = (
        Path(os.environ.get("FENBO_DATA") or TEST_DATA.parents[2] / "shared" / "data")
        / "shenzhen"
        / "test.csv"
    )
    return real if real.is_file() else TEST_DATA / "letters.csv"


@functools.cache
def letters() -> list[dict[str, str]]:
    """The letters of `source` as they are posted, in a fixed random order."""
    with source().open(encoding="utf-8-sig", newline="") as file:
        rows = [
            {"title": row.get("title") or "", "content": row["content"]}
            for row in csv.DictReader(file)
            if row.get("content", "").strip()
        ]
    random.Random(7).shuffle(rows)
    return rows


def predicted() -> Body:
    """Bodies for predict, in a circle."""
    bodies = [json.dumps(each, ensure_ascii=False).encode() for each in letters()]
    return lambda number: bodies[number % len(bodies)]


def stored(prefix: str) -> Body:
    """Bodies for storing, each under an id of its own."""
    found = letters()
    return lambda number: json.dumps(
        {"ticket_id": f"{prefix}-{number}", **found[number % len(found)]}, ensure_ascii=False
    ).encode()


def closed_loop(port: int, path: str, body: Body, *, callers: int, seconds: float) -> Load:
    """Each caller asks again as soon as it was answered."""
    load, lock = Load(), threading.Lock()
    numbers = itertools.count()
    end = time.perf_counter() + seconds

    def call() -> None:
        mine = Load()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < end:
            with lock:
                number = next(numbers)
            started = time.perf_counter()
            try:
                connection.request("POST", path, body(number), {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
                status = response.status
            except OSError:
                status = 0
                connection.close()
            mine.statuses[status] += 1
            if status == http.HTTPStatus.TOO_MANY_REQUESTS:
                # Asking again at once would take the processor from the server.
                time.sleep(0.1)
            if 200 <= status < 300:
                mine.seconds.append(time.perf_counter() - started)
        connection.close()
        with lock:
            load.seconds += mine.seconds
            load.statuses += mine.statuses

    started = time.perf_counter()
    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.wall = time.perf_counter() - started
    return load


def open_loop(port: int, path: str, body: Body, *, per_second: float, seconds: float) -> Load:
    """Requests come at random moments at a steady rate, whether or not the ones before were answered."""
    return asyncio.run(_open_loop(port, path, body, per_second, seconds))


async def _open_loop(port: int, path: str, body: Body, per_second: float, seconds: float) -> Load:
    load = Load()
    chance = random.Random(11)
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(number: int) -> None:
        started = time.perf_counter()
        try:
            reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
            content = body(number)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            writer.write(head.encode() + content)
            status = int((await reader.readline()).split()[1])
            length = 0
            while line := (await reader.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            free.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError, IndexError):
            status = 0
        load.statuses[status] += 1
        if 200 <= status < 300:
            load.seconds.append(time.perf_counter() - started)

    tasks = []
    began = time.perf_counter()
    for number, moment in enumerate(_moments(chance, per_second, seconds)):
        await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(number)))
    await asyncio.gather(*tasks)
    load.wall = time.perf_counter() - began
    for _, writer in free:
        writer.close()
    return load


def _moments(chance: random.Random, per_second: float, seconds: float) -> Iterator[float]:
    moment = 0.0
    while (moment := moment + chance.expovariate(per_second)) < seconds:
        yield moment
