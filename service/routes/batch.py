"""``POST /v1/tickets:batch``: many tickets as NDJSON, answered line by line while they are still being sent."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from service.contract import problems
from service.examples import DARK_STREET, GAS_SMELL
from service.many import Many
from service.middleware.request_ids import request_id_of
from service.ndjson import MEDIA_TYPE, NdjsonAnswer, in_order, lines_of
from service.problems import INTERNAL, NOT_READY, UNSUPPORTED_MEDIA_TYPE, FieldError, Problem, not_ready
from service.routes.parts import (
    TheIntake,
    TheMetrics,
    ThePrincipal,
    TheRuntime,
    TheSettings,
    TheShadow,
)
from service.validation import field_errors

router = APIRouter()

_AT_ONCE: Final = 64
_TYPES: Final = frozenset({MEDIA_TYPE, "application/jsonl", "application/ndjson"})
_EXAMPLE: Final = "".join(
    json.dumps({"ticket_id": name} | each.ticket, ensure_ascii=False) + "\n"
    for name, each in (("LH1", DARK_STREET), ("LH2", GAS_SMELL))
)
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "string",
                    "description": "一行一件，每行是一个 JSON 对象，同 POST /v1/tickets",
                },
                "example": _EXAMPLE,
            }
        },
    }
}


@router.post(
    "/v1/tickets:batch",
    operation_id="store_tickets",
    tags=["工单"],
    summary="预测并存储许多件（NDJSON）",
    response_class=Response,
    responses={
        200: {
            "description": "一行一个答复，顺序与所传的相同",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(UNSUPPORTED_MEDIA_TYPE, INTERNAL, NOT_READY),
    },
    openapi_extra=_BODY,
)
async def store_tickets(
    request: Request,
    runtime: TheRuntime,
    intake: TheIntake,
    shadow: TheShadow,
    metrics: TheMetrics,
    settings: TheSettings,
    principal: ThePrincipal,
) -> Response:
    """边收边答，行数不限；存下的与 `POST /v1/tickets` 相同。请一面发一面读：发了不读，半分钟后断开。

    办成的一行答 `{"line": 1, "status": 201, "answer": {…}}`，办不成的答 `{"line": 2, "status": 422, "problem": {…}}`，
    其余照常。行号从 1 起，空行不答。排队已满时服务放慢读取，不答 429。
    """
    _check_type(request)
    if runtime.state != "ready":
        raise not_ready(runtime.told)
    contract = request.app.openapi()
    operation = contract["paths"]["/v1/tickets"]["post"]

    def tell(error: ValidationError) -> list[FieldError]:
        return field_errors(error.errors(include_url=False), contract, operation)

    many = Many(
        runtime=runtime,
        intake=intake,
        shadow=shadow,
        metrics=metrics,
        actor=principal.name,
        request_id=request_id_of(request.scope),
        tell=tell,
    )
    lines = lines_of(
        request.stream(), most_bytes=settings.max_body_bytes, idle_seconds=settings.stream_idle_seconds
    )
    answers = in_order(lines, many.answer, at_once=_AT_ONCE, last_word=many.last_word)
    return NdjsonAnswer(answers, send_seconds=settings.stream_idle_seconds)


def _check_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TYPES or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type 须为 {MEDIA_TYPE}（UTF-8，不压缩）；用 curl 时加上 -H 'Content-Type: {MEDIA_TYPE}'",
            headers={"Accept": MEDIA_TYPE},
        )
