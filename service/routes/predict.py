"""``POST /v1/predict``: an answer about one letter, without storing anything."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Body, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema
from starlette.types import Receive

from model.prediction import Prediction
from service.batching import Closed, DeadlineExceeded, QueueFull
from service.bodies import JsonRoute
from service.contract import problems
from service.examples import EXAMPLES
from service.metrics import Metrics
from service.predictor import Explain
from service.problems import (
    BODY_TIMEOUT,
    CLIENT_GONE,
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_REQUEST,
    MALFORMED_JSON,
    NOT_READY,
    QUEUE_FULL,
    TIMED_OUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    not_ready,
    retry_after_header,
)
from service.routes.parts import TheMetrics, TheRuntime, TheShadow
from service.runtime import NotReady, Runtime
from service.schemas.ticket import PostedTicket

router = APIRouter(route_class=JsonRoute, tags=["分派"])

_ANSWER: Final = TypeAdapter(Prediction)

PostedBody = Annotated[
    PostedTicket,
    Body(
        openapi_examples={
            example.key: {"summary": example.name, "value": example.ticket} for example in EXAMPLES
        }
    ),
]
TimeoutHeader = Annotated[
    int | None,
    # A header is there or not; it cannot be null.
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 600_000}),
    Header(
        alias="X-Timeout-Ms",
        ge=1,
        le=600_000,
        description="最多等多少毫秒；没有算完或预计等不及的答 429。不给时以服务的设置为准。",
    ),
]


class PredictQuery(BaseModel):
    """Parameters of a prediction."""

    model_config = ConfigDict(extra="forbid")

    explain: Explain = Field(
        default="lexical",
        description="证据怎么算：`lexical` 由词法模型给出，不另费时；`full` 逐段遮去文字重算，慢几十倍。",
    )


@router.post(
    "/v1/predict",
    operation_id="predict",
    summary="预测一件诉求，不存储",
    response_model=Prediction,
    response_description="归谁办、多急、哪一类、怎么处理，以及理由和证据",
    responses=problems(
        MALFORMED_JSON,
        BODY_TIMEOUT,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_REQUEST,
        QUEUE_FULL,
        DEADLINE_EXCEEDED,
        INTERNAL,
        NOT_READY,
        TIMED_OUT,
    ),
)
async def predict(
    request: Request,
    posted: PostedBody,
    query: Annotated[PredictQuery, Query()],
    runtime: TheRuntime,
    metrics: TheMetrics,
    shadow: TheShadow,
    timeout_ms: TimeoutHeader = None,
) -> Response:
    """给出一件诉求的承办单位、紧急程度、类型和处理方式，连同理由与证据。不存储任何内容。"""
    prediction = await predict_one(
        request.receive, runtime, metrics, posted=posted, explain=query.explain, timeout_ms=timeout_ms
    )
    metrics.predicted(prediction)
    shadow.consider(posted.ticket(), prediction)
    return Response(_ANSWER.dump_json(prediction), media_type="application/json")


async def predict_one(
    receive: Receive,
    runtime: Runtime,
    metrics: Metrics,
    *,
    posted: PostedTicket,
    explain: Explain,
    timeout_ms: int | None,
) -> Prediction:
    """The prediction. Raises the problem that keeps it from coming."""
    try:
        timeout_seconds = None if timeout_ms is None else timeout_ms / 1000
        future = runtime.submit(posted.ticket(), explain=explain, timeout_seconds=timeout_seconds)
        return await _unless_caller_leaves(receive, future)
    except QueueFull as full:
        metrics.refused(QUEUE_FULL.name)
        raise Problem(
            QUEUE_FULL,
            "前面排队的诉求来不及处理；请按 Retry-After 稍后再试",
            headers={"Retry-After": retry_after_header(full.retry_after)},
        ) from None
    except DeadlineExceeded:
        if timeout_ms is None:
            metrics.refused(TIMED_OUT.name)
            raise Problem(TIMED_OUT, f"{runtime.timeout_ms} 毫秒内没有算完") from None
        metrics.refused(DEADLINE_EXCEEDED.name)
        raise Problem(
            DEADLINE_EXCEEDED, f"{timeout_ms} 毫秒内没有算完", headers={"Retry-After": retry_after_header(0)}
        ) from None
    except (NotReady, Closed):
        metrics.refused(NOT_READY.name)
        raise not_ready(runtime.told) from None
    except CallerLeft:
        metrics.refused(CLIENT_GONE.name)
        raise Problem(CLIENT_GONE, "调用方在答复之前断开了连接") from None


class CallerLeft(Exception):
    """The connection ended before there was an answer."""


async def _unless_caller_leaves(receive: Receive, future: asyncio.Future[Prediction]) -> Prediction:
    """The future's result. Raises `CallerLeft` when the caller hangs up first, which frees its place."""
    gone = False

    async def cancel_when_gone() -> None:
        # The body has been read: the next message can only be the end of the connection.
        nonlocal gone
        await receive()
        gone = True
        future.cancel()

    watch = asyncio.create_task(cancel_when_gone())
    try:
        return await future
    except asyncio.CancelledError:
        if gone:
            raise CallerLeft from None
        raise
    finally:
        watch.cancel()
        future.cancel()
