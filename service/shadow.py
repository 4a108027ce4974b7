"""A second bundle that reads the same letters after they were answered, and changes no answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog

from model.prediction import Prediction
from model.ticket import Ticket
from service.logs import described
from service.metrics import Metrics
from service.predictor import Predictor
from service.priority import step_back
from service.shelf import Placed

_LOOK_AGAIN_SECONDS: Final = 0.01

Keep = Callable[[Prediction], Awaitable[None]]
"""Stores what the shadow said of one letter."""

_log = structlog.get_logger("service.shadow")


@dataclass(frozen=True, slots=True)
class _Answered:
    ticket: Ticket
    answer: Prediction
    keep: Keep | None


class Shadow:
    """Reads answered letters one at a time, only while no other letter is waiting or being worked on.

    At most ``limit`` letters wait; the oldest is dropped, and counted, for a new one. Used on the event loop.
    """

    def __init__(self, metrics: Metrics, *, limit: int, is_busy: Callable[[], bool]) -> None:
        self.placed: Placed | None = None
        self._predictor: Predictor | None = None
        self._metrics = metrics
        self._limit = limit
        self._is_busy = is_busy
        self._waiting: deque[_Answered] = deque()
        self._arrived = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shadow", initializer=step_back)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read(), name="shadow")

    async def stop(self) -> None:
        """Leave what is still unread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._pool.shutdown(wait=False, cancel_futures=True)

    def use(self, placed: Placed | None, predictor: Predictor | None) -> None:
        """Read with another bundle from the next letter on; None for no more."""
        self.placed, self._predictor = placed, predictor
        if predictor is None:
            self._waiting.clear()

    def consider(self, ticket: Ticket, answer: Prediction, *, keep: Keep | None = None) -> None:
        """Read this letter when there is time. ``keep`` is given what was made of it."""
        if self._predictor is None:
            return
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self._metrics.shadow_dropped()
        self._waiting.append(_Answered(ticket, answer, keep))
        self._arrived.set()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            while self._is_busy():
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            predictor = self._predictor
            if predictor is None or not self._waiting:
                continue
            answered = self._waiting.popleft()
            try:
                (said,) = await loop.run_in_executor(self._pool, predictor.predict, [answered.ticket])
                self._metrics.shadow_compared(differences(answered.answer, said))
                if answered.keep is not None:
                    await answered.keep(said)
            except Exception as error:
                # A trial may fail in any way; those who wait for answers must not notice.
                self._metrics.shadow_failed()
                name = self.placed.name if self.placed else None
                _log.error("the shadow bundle failed", bundle=name, raised=described(error))


def differences(answer: Prediction, other: Prediction) -> tuple[str, ...]:
    """In what two predictions of one letter differ: department, decision, urgency, kind."""
    pairs = {
        "department": (answer.department.code, other.department.code),
        "decision": (answer.decision.action, other.decision.action),
        "urgency": (answer.urgency.code, other.urgency.code),
        "kind": (answer.kind.code, other.kind.code),
    }
    return tuple(name for name, (one, another) in pairs.items() if one != another)
