"""Works on jobs, one at a time in each process, chunk by chunk, behind everyone who waits for an answer."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from model.prediction import Prediction
from model.scoring import FIELDS, row_of
from model.ticket import Ticket
from service.batching import Closed
from service.jobs import letters
from service.logs import described
from service.metrics import Metrics
from service.runtime import NotReady, Runtime
from service.settings import Settings
from service.storage import Storage, StorageUnavailable
from service.storage import jobs as rows
from service.storage.jobs import Answered, Ended, Held, Hold, JobLost, NewChunk

UNANSWERED: Final[dict[str, object]] = {**dict.fromkeys(FIELDS, None), "decision": "review"}
"""What stands for a row that could not be read, or that the model failed on: a person sees to it."""
_STALE_UPLOAD: Final = timedelta(hours=1)

_log = structlog.get_logger("service.jobs")


class Runner:
    """One process's worker on jobs. Used on the event loop."""

    def __init__(self, settings: Settings, storage: Storage, runtime: Runtime, metrics: Metrics) -> None:
        self._settings = settings
        self._storage = storage
        self._runtime = runtime
        self._metrics = metrics
        self._holder = f"{os.uname().nodename[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for jobs."""
        self._task = asyncio.create_task(self._run(), name="jobs")

    async def stop(self) -> None:
        """Leave the chunk that is being worked on; whoever takes the job next does it again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                if self._runtime.state == "ready":
                    while await self._one():
                        pass
                    await self._storage.write(rows.forget_unfinished, datetime.now(UTC) - _STALE_UPLOAD)
            except (StorageUnavailable, NotReady, Closed):
                # The job is still there, and is taken up again when both are back.
                pass
            except Exception as error:
                _log.error("jobs failed", raised=described(error))
            await asyncio.sleep(self._settings.job_poll_seconds)

    async def _one(self) -> bool:
        """Work on the oldest job that nobody holds; whether there was one."""
        now = datetime.now(UTC)
        if not await self._storage.read(partial(rows.has_work, now=now)):
            return False
        held = await self._storage.write(rows.hold, Hold(self._holder, now, self._until()))
        if held is None:
            return False
        _log.info("job taken", job=held.job)
        try:
            await self._through(held)
        except JobLost:
            _log.info("job lost", job=held.job)
        return True

    async def _through(self, held: Held) -> None:
        failure: str | None = None
        try:
            while held.chunk is not None:
                answered = await self._answered(held.chunk)
                held = await self._storage.write(rows.answer, answered)
                self._metrics.job_letters(answered.size)
        except (StorageUnavailable, NotReady, Closed, JobLost):
            raise
        except Exception as error:
            _log.error("job failed", job=held.job, raised=described(error))
            failure = "处理时出错，原因已记入日志"
        await self._storage.write(rows.finish, Ended(held.job, self._holder, failure))
        _log.info("job finished", job=held.job, failed=failure is not None)

    async def _answered(self, chunk: NewChunk) -> Answered:
        tickets = [letters.read(line) for line in chunk.letters.split("\n")]
        predictions = await asyncio.gather(*(self._predicted(ticket) for ticket in tickets))
        answers = [UNANSWERED if each is None else row_of(each) for each in predictions]
        lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in _named(answers, tickets))
        answering = self._runtime.answering
        return Answered(
            job=chunk.job,
            number=chunk.number,
            size=chunk.size,
            answers=lines,
            bundle=answering.name if answering else "",
            holder=self._holder,
            until=self._until(),
        )

    async def _predicted(self, ticket: Ticket | None) -> Prediction | None:
        if ticket is None:
            return None
        try:
            predicted = await self._runtime.submit_quietly(ticket)
        except (NotReady, Closed):
            raise
        except Exception as error:
            _log.error("a letter of a job failed", raised=described(error))
            return None
        return predicted

    def _until(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.job_hold_seconds)


def _named(answers: Sequence[dict[str, object]], tickets: Sequence[Ticket | None]) -> list[dict[str, object]]:
    """The answers under their tickets' ids, which a row without an answer would lack."""
    return [
        answer if ticket is None else {**answer, "ticket_id": ticket.ticket_id}
        for answer, ticket in zip(answers, tickets, strict=True)
    ]
