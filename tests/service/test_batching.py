"""The queue before the model: order, limits, deadlines, callers that leave, failures, the end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from service.batching import Batcher, BatchLimits, Closed, DeadlineExceeded, QueueFull

Doubler = Batcher[int, int]


class Work:
    """Doubles numbers; remembers its batches; can be held, slowed and made to fail on a number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fails_on: int | None = None
        self.seconds = 0.0
        self.threads: set[str] = set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(10)
        time.sleep(self.seconds)
        if self.fails_on in items:
            raise ValueError("no")
        return [2 * item for item in items]


def run(scenario: Callable[[Doubler, Work], Awaitable[None]], limits: BatchLimits | None = None) -> Work:
    """Play a scenario on a fresh batcher."""
    work = Work()

    async def play() -> None:
        batcher: Doubler = Batcher(work, limits=limits or BatchLimits(wait_seconds=60))
        batcher.start()
        try:
            await scenario(batcher, work)
        finally:
            work.gate.set()
            await batcher.stop(timeout_seconds=10)

    asyncio.run(play())
    return work


async def hold_one(batcher: Doubler, work: Work) -> asyncio.Future[int]:
    """Occupy the only thread until the gate opens."""
    work.gate.clear()
    held = batcher.submit(1000, length=10)
    while not work.batches:
        await asyncio.sleep(0.001)
    return held


def test_each_gets_its_own_result_whatever_the_batches() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        held = await hold_one(batcher, work)
        futures = [batcher.submit(number, length=(number * 37) % 90) for number in range(50)]
        work.gate.set()
        assert await asyncio.gather(*futures) == [2 * number for number in range(50)]
        assert await held == 2000

    work = run(scenario)
    assert sorted(number for items in work.batches for number in items) == [*range(50), 1000]
    assert max(len(items) for items in work.batches) == 8
    assert all(name.startswith("inference") for name in work.threads)


def test_a_batch_holds_lengths_that_are_near() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        lengths = {1: 10, 2: 500, 3: 900, 4: 12, 5: 11}
        futures = [batcher.submit(number, length=length) for number, length in lengths.items()]
        work.gate.set()
        await asyncio.gather(*futures)

    work = run(scenario, BatchLimits(wait_seconds=60, batch_requests=3))
    assert work.batches[1:] == [[1, 5, 4], [2, 3]]


def test_padding_bounds_a_batch() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        futures = [batcher.submit(number, length=400) for number in range(6)]
        work.gate.set()
        await asyncio.gather(*futures)

    work = run(scenario, BatchLimits(wait_seconds=60, batch_characters=1000))
    assert [len(items) for items in work.batches[1:]] == [2, 2, 2]


def test_the_oldest_is_never_passed_over() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        odd = batcher.submit(7, length=5000)
        short = [batcher.submit(number, length=10) for number in range(20)]
        work.gate.set()
        await asyncio.gather(odd, *short)

    assert run(scenario).batches[1][0] == 7


def test_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await batcher.submit(1, length=10)
        work.batches.clear()
        await hold_one(batcher, work)
        accepted = [batcher.submit(number, length=10) for number in range(4)]
        with pytest.raises(QueueFull) as full:
            batcher.submit(9, length=10)
        assert full.value.retry_after >= 0
        work.gate.set()
        assert await asyncio.gather(*accepted) == [0, 2, 4, 6]
        assert await batcher.submit(9, length=10) == 18

    run(scenario, BatchLimits(wait_seconds=60, requests=4))


def test_wait_that_would_be_too_long_is_refused_before_the_queue_is_full() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        work.seconds = 0.05
        await batcher.submit(1, length=10)
        accepted: list[asyncio.Future[int]] = []

        def submit_many() -> None:
            accepted.extend(batcher.submit(number, length=10) for number in range(100))

        with pytest.raises(QueueFull) as full:
            submit_many()
        # Each takes 50 ms and more alone, and a little over 200 ms may wait.
        assert 1 <= len(accepted) <= 6
        assert full.value.retry_after > 0.2
        await asyncio.gather(*accepted)

    run(scenario, BatchLimits(batch_requests=1, wait_seconds=0.2, requests=1000))


def test_slow_work_still_takes_one_request_at_a_time() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        work.seconds = 0.05
        for number in range(3):
            assert await batcher.submit(number, length=10) == 2 * number

    run(scenario, BatchLimits(wait_seconds=0.001))


def test_deadline_ends_the_wait_and_the_item_is_not_worked_on() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        held = await hold_one(batcher, work)
        late = batcher.submit(5, length=10, timeout_seconds=0.02)
        with pytest.raises(DeadlineExceeded):
            await late
        work.gate.set()
        assert await held == 2000

    work = run(scenario)
    assert all(5 not in items for items in work.batches)


def test_deadline_that_cannot_be_met_is_refused_at_once() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        work.seconds = 0.1
        await batcher.submit(1, length=10)
        running = batcher.submit(2, length=10)
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull):
            batcher.submit(3, length=10, timeout_seconds=0.02)
        patient = batcher.submit(4, length=10, timeout_seconds=5)
        assert await running == 4
        assert await patient == 8

    run(scenario)


def test_caller_that_leaves_frees_its_place_and_costs_no_work() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        leaving = batcher.submit(5, length=10)
        staying = batcher.submit(6, length=10)
        with pytest.raises(QueueFull):
            batcher.submit(7, length=10)
        leaving.cancel()
        await asyncio.sleep(0)
        third = batcher.submit(7, length=10)
        work.gate.set()
        assert await staying == 12
        assert await third == 14

    work = run(scenario, BatchLimits(wait_seconds=60, requests=2))
    assert all(5 not in items for items in work.batches)


def test_one_bad_item_does_not_fail_its_companions() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        work.fails_on = 2
        futures = [batcher.submit(number, length=10) for number in range(4)]
        work.gate.set()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert [results[0], results[1], results[3]] == [0, 2, 6]
        assert isinstance(results[2], ValueError)

    run(scenario)


def test_missing_result_is_an_error_and_not_a_shift() -> None:
    async def play() -> None:
        batcher: Doubler = Batcher(lambda items: list(items)[:-1], limits=BatchLimits(wait_seconds=60))
        batcher.start()
        with pytest.raises(RuntimeError, match="0 results for 1 items"):
            await batcher.submit(1, length=1)
        await batcher.stop(timeout_seconds=1)

    asyncio.run(play())


def test_stop_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    async def play() -> None:
        work = Work()
        work.seconds = 0.02
        batcher: Doubler = Batcher(work, limits=BatchLimits(batch_requests=2, wait_seconds=10))
        batcher.start()
        futures = [batcher.submit(number, length=10) for number in range(9)]
        stopping = asyncio.create_task(batcher.stop(timeout_seconds=10))
        await asyncio.sleep(0)
        with pytest.raises(Closed):
            batcher.submit(99, length=10)
        await stopping
        assert [future.result() for future in futures] == [2 * number for number in range(9)]

    asyncio.run(play())


def test_stop_does_not_wait_for_work_that_hangs() -> None:
    async def play() -> None:
        work = Work()
        work.gate.clear()
        batcher: Doubler = Batcher(work, limits=BatchLimits(wait_seconds=60))
        batcher.start()
        hanging = batcher.submit(1, length=10)
        await asyncio.sleep(0.02)
        started = time.monotonic()
        await batcher.stop(timeout_seconds=0.1)
        assert time.monotonic() - started < 2
        assert not hanging.done()
        work.gate.set()

    asyncio.run(play())


def test_caller_alone_never_waits_for_companions() -> None:
    async def scenario(batcher: Doubler, _: Work) -> None:
        started = time.monotonic()
        for number in range(5):
            await batcher.submit(number, length=10)
        assert time.monotonic() - started < 1.0

    run(scenario, BatchLimits(wait_seconds=60, window_seconds=1.0))


def test_companions_seen_lately_are_waited_for() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        await hold_one(batcher, work)
        first = [batcher.submit(number, length=10) for number in range(4)]
        work.gate.set()
        await asyncio.gather(*first)
        work.batches.clear()
        second = []
        for number in range(4):
            second.append(batcher.submit(number, length=10))
            await asyncio.sleep(0.005)
        await asyncio.gather(*second)

    work = run(scenario, BatchLimits(wait_seconds=60, window_seconds=0.5))
    assert [len(items) for items in work.batches] == [4]


def test_several_threads_work_at_once() -> None:
    async def scenario(batcher: Doubler, work: Work) -> None:
        work.gate.clear()
        futures = [batcher.submit(number, length=10) for number in range(2)]
        while len(work.batches) < 2:
            await asyncio.sleep(0.001)
        work.gate.set()
        assert await asyncio.gather(*futures) == [0, 2]

    run(scenario, BatchLimits(wait_seconds=60, threads=2, batch_requests=1))


def test_one_who_leaves_at_the_very_moment_does_not_stop_the_others() -> None:
    """Cancelled between waking the dispatcher and its turn, an item was once looked at for ever."""
    answers: list[str] = []

    async def leave_and_ask() -> None:
        batcher: Batcher[str, str] = Batcher(
            lambda items: [item.upper() for item in items], limits=BatchLimits()
        )
        batcher.start()
        for _ in range(3):
            await asyncio.sleep(0)
            batcher.submit("gone", length=4).cancel()
        answers.append(await batcher.submit("here", length=4))
        await batcher.stop(timeout_seconds=1)

    thread = threading.Thread(target=lambda: asyncio.run(leave_and_ask()), daemon=True)
    thread.start()
    thread.join(20)
    assert answers == ["HERE"]
