"""A bounded queue before the model: letters that arrive together are predicted together, off the event loop.

Nothing here knows of HTTP. One `Batcher` belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from model.errors import FenboError
from service.priority import step_back

Item = TypeVar("Item")
Result = TypeVar("Result")

# A letter costs something before its first character is read; in characters, so that both can be added.
_CHARACTERS_OF_OVERHEAD = 64
# Weight of the newest batch in the moving average of seconds per character.
_NEWEST = 0.2


class QueueFull(FenboError):
    """More is waiting than can be answered in time. ``retry_after`` is in seconds."""

    def __init__(self, problem: str, *, retry_after: float) -> None:
        super().__init__(f"{problem}; try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class DeadlineExceeded(FenboError):
    """The result would come, or came, after the caller stopped waiting for it."""


class Closed(FenboError):
    """Nothing new is accepted: the batcher has not started, or is stopping."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much may wait, how much is worked on together.

    ``requests`` may wait at most, and none longer than about ``wait_seconds`` (estimated from past batches);
    a batch has at most ``batch_requests`` items whose lengths, padded to the longest, come to at most
    ``batch_characters``; ``window_seconds`` is the longest wait for companions; ``threads`` batches run
    at a time. One that ``gives_way`` works when other threads of the machine do not want to.
    """

    requests: int = 256
    wait_seconds: float = 0.12
    batch_requests: int = 8
    batch_characters: int = 16_384
    window_seconds: float = 0.002
    threads: int = 1
    gives_way: bool = False


class BatchObserver(Protocol):
    """Told what happens, on the event loop. Seconds are wall-clock."""

    def queue_changed(self, requests: int) -> None:
        """So many requests are waiting now."""

    def batch_started(self, waited: Sequence[float]) -> None:
        """A batch leaves the queue; ``waited`` holds the seconds each of its items was in it."""

    def batch_finished(self, seconds: float, *, failed: bool) -> None:
        """A batch was worked on for so long; ``failed`` when it raised."""


class SilentObserver:
    """Hears and keeps nothing."""

    def queue_changed(self, requests: int) -> None:
        """Nothing."""

    def batch_started(self, waited: Sequence[float]) -> None:
        """Nothing."""

    def batch_finished(self, seconds: float, *, failed: bool) -> None:
        """Nothing."""


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    length: int
    arrived: float
    future: asyncio.Future[Result]
    timer: asyncio.TimerHandle | None = None

    @property
    def cost(self) -> int:
        return self.length + _CHARACTERS_OF_OVERHEAD


@dataclass(eq=False, slots=True)
class _Running:
    started: float
    estimate: float


class _Pace:
    """Seconds per character, learned from the batches that were."""

    def __init__(self) -> None:
        self._rate: float | None = None

    def seconds(self, cost: int) -> float:
        return (self._rate or 0.0) * cost

    def learn(self, cost: int, seconds: float) -> None:
        rate = seconds / cost
        self._rate = rate if self._rate is None else (1 - _NEWEST) * self._rate + _NEWEST * rate


class Batcher(Generic[Item, Result]):
    """Gathers items into batches and runs ``work(items)`` on them in threads.

    Items of one batch are near in length. The one that waits longest always goes next.
    When a batch raises, each of its items is tried alone, so that only the one at fault fails.

    ``work`` returns one result per item, in order, and may be called from ``limits.threads`` threads at once.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        limits: BatchLimits,
        observer: BatchObserver | None = None,
    ) -> None:
        self._work = work
        self._limits = limits
        self._observer = observer or SilentObserver()
        self._waiting: dict[_Waiting[Item, Result], None] = {}
        self._waiting_cost = 0
        self._running: dict[_Running, asyncio.Task[None]] = {}
        self._pace = _Pace()
        self._companions = 1
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._free = asyncio.Semaphore(limits.threads)
        self._pool: ThreadPoolExecutor | None = None
        self._dispatcher: asyncio.Task[None] | None = None
        self._open = False

    def start(self) -> None:
        """Begin to accept items. Called once, on the event loop."""
        self._pool = ThreadPoolExecutor(
            self._limits.threads,
            thread_name_prefix="inference",
            initializer=step_back if self._limits.gives_way else None,
        )
        self._dispatcher = asyncio.create_task(self._dispatch(), name="batcher")
        self._open = True

    async def stop(self, *, timeout_seconds: float) -> None:
        """Refuse what is new and finish all that was accepted; give up on it after so many seconds."""
        self._open = False
        end = time.monotonic() + timeout_seconds
        results = [waiting.future for waiting in self._waiting]
        if results:
            await asyncio.wait(results, timeout=timeout_seconds)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=max(0.0, end - time.monotonic()))
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            await asyncio.wait([self._dispatcher])
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def submit(
        self, item: Item, *, length: int, timeout_seconds: float | None = None
    ) -> asyncio.Future[Result]:
        """Queue one item; the future holds its result. Cancelling it takes the item out of the queue.

        ``length`` is in characters. Raises `Closed`, and `QueueFull` when the queue is full or the wait would
        outlast ``timeout_seconds``; the future raises `DeadlineExceeded` once that time is over, or what
        ``work`` raised for this item alone.
        """
        if not self._open:
            raise Closed("the queue is closed; send the request to another worker or wait for the restart")
        wait = self.estimated_wait()
        self._refuse_when_full(wait, timeout_seconds)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        waiting = _Waiting(item, length, time.monotonic(), future)
        if timeout_seconds is not None:
            waiting.timer = loop.call_later(timeout_seconds, self._expire, waiting)
        future.add_done_callback(lambda _: self._settled(waiting))
        self._waiting[waiting] = None
        self._waiting_cost += waiting.cost
        self._observer.queue_changed(len(self._waiting))
        self._arrived.set()
        if len(self._waiting) >= self._companions:
            self._enough.set()
        return future

    def is_busy(self) -> bool:
        """Whether any item waits or is being worked on."""
        return bool(self._waiting or self._running)

    def estimated_wait(self) -> float:
        """Seconds until an item queued now would be worked on; 0 while no batch has been timed."""
        waiting = self._pace.seconds(self._waiting_cost)
        now = time.monotonic()
        running = sum(max(0.0, batch.started + batch.estimate - now) for batch in self._running)
        return (waiting + running) / self._limits.threads

    def _refuse_when_full(self, wait: float, timeout_seconds: float | None) -> None:
        if len(self._waiting) >= self._limits.requests:
            raise QueueFull(f"{len(self._waiting)} requests are waiting", retry_after=wait)
        # With nothing before it but what is being worked on, an item is taken however slow the work: else a
        # machine slower than the limit would never answer at all.
        if self._waiting and wait > self._limits.wait_seconds:
            raise QueueFull(f"the wait would be {wait:.2f} s", retry_after=wait)
        if timeout_seconds is not None and wait > timeout_seconds:
            raise QueueFull(
                f"the wait would be {wait:.2f} s and the caller gives {timeout_seconds:.2f} s",
                retry_after=wait,
            )

    def _expire(self, waiting: _Waiting[Item, Result]) -> None:
        if not waiting.future.done():
            waiting.future.set_exception(DeadlineExceeded("the result was not there in the time given"))

    def _settled(self, waiting: _Waiting[Item, Result]) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        if waiting in self._waiting:
            self._leave_queue(waiting)

    def _leave_queue(self, waiting: _Waiting[Item, Result]) -> None:
        del self._waiting[waiting]
        self._waiting_cost -= waiting.cost
        self._observer.queue_changed(len(self._waiting))

    async def _dispatch(self) -> None:
        while True:
            await self._free.acquire()
            batch: list[_Waiting[Item, Result]] = []
            while not batch:
                while not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                await self._wait_for_companions()
                batch = self._take()
            running = _Running(time.monotonic(), self._pace.seconds(sum(each.cost for each in batch)))
            task = asyncio.create_task(self._run(batch, running))
            self._running[running] = task

    async def _wait_for_companions(self) -> None:
        """Wait the window at most, and only when as many as came lately are not there yet.

        A caller who is alone therefore never waits.
        """
        if len(self._waiting) >= self._companions:
            return
        oldest = next(iter(self._waiting))
        left = self._limits.window_seconds - (time.monotonic() - oldest.arrived)
        if left <= 0:
            return
        self._enough.clear()
        try:
            async with asyncio.timeout(left):
                await self._enough.wait()
        except TimeoutError:
            return

    def _take(self) -> list[_Waiting[Item, Result]]:
        """The oldest and those nearest to it in length, out of the queue; none when all have left."""
        # Whoever left in this very turn of the loop has not been taken out yet, and would be found again for ever.
        for waiting in [waiting for waiting in self._waiting if waiting.future.done()]:
            self._leave_queue(waiting)
        live = list(self._waiting)
        if not live:
            return []
        oldest = live[0]
        alike = sorted(live[1:], key=lambda waiting: abs(waiting.length - oldest.length))
        batch, longest = [oldest], oldest.length
        for waiting in alike:
            padded = max(longest, waiting.length) * (len(batch) + 1)
            if len(batch) == self._limits.batch_requests or padded > self._limits.batch_characters:
                break
            batch.append(waiting)
            longest = max(longest, waiting.length)
        for waiting in batch:
            self._leave_queue(waiting)
        seen = min(len(batch) + len(self._waiting), self._limits.batch_requests)
        self._companions = max(seen, self._companions - 1)
        now = time.monotonic()
        self._observer.batch_started([now - waiting.arrived for waiting in batch])
        return batch

    async def _run(self, batch: list[_Waiting[Item, Result]], running: _Running) -> None:
        try:
            await self._answer(batch)
        finally:
            del self._running[running]
            self._free.release()

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        started = time.monotonic()
        try:
            results = await self._worked(batch)
        except Exception as error:
            self._observer.batch_finished(time.monotonic() - started, failed=True)
            if len(batch) > 1:
                for waiting in batch:
                    if not waiting.future.done():
                        await self._answer([waiting])
            elif not batch[0].future.done():
                batch[0].future.set_exception(error)
            return
        seconds = time.monotonic() - started
        self._observer.batch_finished(seconds, failed=False)
        self._pace.learn(sum(waiting.cost for waiting in batch), seconds)
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.future.done():
                waiting.future.set_result(result)

    async def _worked(self, batch: list[_Waiting[Item, Result]]) -> Sequence[Result]:
        loop = asyncio.get_running_loop()
        items = [waiting.item for waiting in batch]
        results = await loop.run_in_executor(self._pool, self._work, items)
        if len(results) != len(items):
            raise RuntimeError(
                f"{len(results)} results for {len(items)} items; work must return one for each"
            )
        return results
