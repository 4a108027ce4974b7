"""Taking many tickets in, a line each: a bad one is answered with its own problem and the rest go on."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from model.prediction import Prediction
from service.batching import Closed, DeadlineExceeded, QueueFull
from service.intake import Intake, TextPurged
from service.logs import described
from service.metrics import Metrics
from service.ndjson import BodyStalled, Line
from service.problems import (
    BODY_TIMEOUT,
    INTERNAL,
    INVALID_REQUEST,
    MALFORMED_JSON,
    NOT_READY,
    QUEUE_FULL,
    STORAGE_UNAVAILABLE,
    TEXT_PURGED,
    TICKET_CONFLICT,
    TIMED_OUT,
    TOO_LARGE,
    FieldError,
    Problem,
    ProblemKind,
    problem_body,
)
from service.runtime import NotReady, Runtime
from service.schemas.ticket import TicketToStore
from service.shadow import Shadow
from service.storage import StorageUnavailable
from service.storage.tickets import TicketConflict

_TICKET: Final = TypeAdapter(TicketToStore)
_PATIENCE_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 1.0

TellErrors = Callable[[ValidationError], list[FieldError]]

_log = structlog.get_logger("service.many")


class Many:
    """Answers lines for one request. ``tell`` makes a validation's errors fit to be shown."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        intake: Intake,
        shadow: Shadow,
        metrics: Metrics,
        actor: str,
        request_id: str,
        tell: TellErrors,
    ) -> None:
        self._runtime = runtime
        self._intake = intake
        self._shadow = shadow
        self._metrics = metrics
        self._actor = actor
        self._request_id = request_id
        self._tell = tell

    async def answer(self, line: Line) -> bytes:
        """The answer to one line: ``{"line", "status", "answer"}`` or ``{"line", "status", "problem"}``."""
        try:
            return await self._taken(line)
        except Problem as problem:
            return self.refusal(line.number, problem.kind, str(problem.detail), problem.errors)
        except TicketConflict:
            return self.refusal(
                line.number, TICKET_CONFLICT, "这个编号已存过不同的内容；内容有变请换一个编号"
            )
        except TextPurged:
            return self.refusal(line.number, TEXT_PURGED, "这个编号的内容已过保存期，当时的答复不再保留")
        except StorageUnavailable:
            return self.refusal(
                line.number, STORAGE_UNAVAILABLE, "数据库此刻不可用，这一行没有存下来；请稍后再发"
            )
        except Exception as error:
            _log.error("unexpected error", raised=described(error))
            return self.refusal(
                line.number, INTERNAL, "这一行没有办成，原因已记入日志；报障时请附上 request_id"
            )

    def last_word(self, number: int, error: Exception) -> bytes:
        """The answer to a line that could not be read to its end; nothing comes after it."""
        if isinstance(error, BodyStalled):
            return self.refusal(number, BODY_TIMEOUT, "太久没有收到数据；从这一行起没有读，请再发")
        return self.refusal(number, TOO_LARGE, "这一行太长；从这一行起没有读")

    def refusal(
        self, number: int, kind: ProblemKind, detail: str, errors: Sequence[FieldError] = ()
    ) -> bytes:
        """A problem as the answer to a line."""
        body: Mapping[str, Any] = problem_body(kind, detail, request_id=self._request_id, errors=errors)
        answer = {"line": number, "status": kind.status, "problem": body}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    async def _taken(self, line: Line) -> bytes:
        posted = self._read(line)
        predicted = await patiently(partial(self._predicted, posted))
        taken = await self._intake.take(posted, predicted, actor=self._actor)
        if taken.created:
            self._metrics.predicted(predicted)
            self._shadow.consider(
                posted.ticket(),
                predicted,
                keep=partial(self._intake.keep_shadow, posted.ticket_id),
            )
        status = 201 if taken.created else 200
        return b'{"line":%d,"status":%d,"answer":%b}' % (line.number, status, taken.answer)

    def _read(self, line: Line) -> TicketToStore:
        try:
            value = from_json(line.content, allow_inf_nan=False)
        except ValueError:
            raise Problem(MALFORMED_JSON, "这一行不是合法的 JSON；请按 RFC 8259 用 UTF-8 编码") from None
        try:
            return _TICKET.validate_python(value)
        except ValidationError as error:
            errors = self._tell(error)
            detail = f"{len(errors)} 处不合要求，第一处：{errors[0].field} {errors[0].message}"
            raise Problem(INVALID_REQUEST, detail, errors=errors) from None

    async def _predicted(self, posted: TicketToStore) -> Prediction:
        return await self._runtime.submit(posted.ticket(), explain="lexical")


async def patiently(predict: Callable[[], Awaitable[Prediction]]) -> Prediction:
    """The prediction, waiting while the queue is full: who sends a file has time, and is slowed down by it.

    Raises `Problem` after a minute, and when no model answers.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + _PATIENCE_SECONDS
    while True:
        try:
            return await predict()
        except QueueFull as full:
            if loop.time() > end:
                raise Problem(QUEUE_FULL, "前面排队的诉求来不及处理；请稍后再发这一行") from None
            # Spread, so that those who were refused together do not come back together.
            await asyncio.sleep(
                min(full.retry_after, _LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.5) + 0.01
            )
        except DeadlineExceeded:
            raise Problem(TIMED_OUT, "没有在服务的时限内算完") from None
        except (NotReady, Closed):
            raise Problem(NOT_READY, "模型此刻不能答复；请稍后再发这一行") from None
