"""What FastAPI and pydantic find wrong with a request, as problems that name field, value and allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from model.text.mask import mask
from service.contract import known_fields
from service.middleware.request_ids import request_id_of
from service.problems import (
    INVALID_REQUEST,
    STORAGE_UNAVAILABLE,
    FieldError,
    Problem,
    kind_of,
    problem_response,
    retry_after_header,
    shown,
)
from service.storage import StorageUnavailable

# Any other string may be a citizen's words in the wrong place.
_SHOWN_STRINGS: Final = frozenset(
    {"created_at", "anonymous", "longitude", "latitude", "channel", "explain", "X-Timeout-Ms"}
)
_LONGEST_SHOWN: Final = 40
_LONGEST_NAME: Final = 64

_log = structlog.get_logger("service.storage")

_Told = tuple[str, str, str | None]
"""Code, message, what is allowed."""

_TELL: Final[Mapping[str, Callable[[Mapping[str, Any]], _Told]]] = {
    "missing": lambda _: ("missing", "缺少必填字段", None),
    "string_type": lambda _: ("wrong_type", "类型不对", "字符串"),
    "float_type": lambda _: ("wrong_type", "类型不对", "数"),
    "bool_type": lambda _: ("wrong_type", "类型不对", "true 或 false"),
    "int_parsing": lambda _: ("wrong_type", "类型不对", "整数"),
    "model_attributes_type": lambda _: ("wrong_type", "类型不对", "JSON 对象"),
    "model_type": lambda _: ("wrong_type", "类型不对", "JSON 对象"),
    "string_too_short": lambda _: ("empty", "不能为空", None),
    "string_too_long": lambda ctx: ("too_long", "太长", f"最多 {ctx['max_length']} 个字符"),
    "finite_number": lambda _: ("out_of_range", "不是有限的数", "有限的数"),
    "greater_than_equal": lambda ctx: ("out_of_range", "超出范围", f"不小于 {ctx['ge']:g}"),
    "less_than_equal": lambda ctx: ("out_of_range", "超出范围", f"不大于 {ctx['le']:g}"),
    "literal_error": lambda ctx: (
        "not_allowed",
        "不在允许的值里",
        ctx["expected"].replace("'", "").replace(" or ", ", "),
    ),
    "rfc_3339": lambda _: (
        "wrong_format",
        "不是带时区的 RFC 3339 时间",
        "如 2026-05-12T23:41:00+08:00 或 2026-05-12T15:41:00Z",
    ),
}


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as problem details."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(StorageUnavailable, _without_storage)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    request_id = request_id_of(request.scope)
    if isinstance(error, Problem):
        return problem_response(
            error.kind, str(error.detail), request_id=request_id, errors=error.errors, headers=error.headers
        )
    kind = kind_of(error.status_code)
    return problem_response(
        kind, _ADVICE.get(error.status_code, kind.title), request_id=request_id, headers=error.headers
    )


async def _without_storage(request: Request, error: Exception) -> Response:
    assert isinstance(error, StorageUnavailable)
    # What the database says may name hosts and files: it is for the log.
    _log.error("storage unavailable", reason=str(error))
    return problem_response(
        STORAGE_UNAVAILABLE,
        "数据库此刻不可用，这次请求没有存下来；请按 Retry-After 稍后原样再发",
        request_id=request_id_of(request.scope),
        headers={"Retry-After": retry_after_header(error.retry_after)},
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    operation = _operation(request)
    found = [_field_error(each, request.app.openapi(), operation) for each in error.errors()]
    detail = f"{len(found)} 处不合要求，第一处：{found[0].field} {found[0].message}"
    return problem_response(INVALID_REQUEST, detail, request_id=request_id_of(request.scope), errors=found)


_ADVICE: Final = {
    404: "请核对地址；全部接口见 /docs",
    405: "这个地址支持的方法见答复头 Allow",
}


def _operation(request: Request) -> Mapping[str, Any]:
    path = getattr(request.scope.get("route"), "path", "")
    operation: Mapping[str, Any] = (
        request.app.openapi()["paths"].get(path, {}).get(request.method.lower(), {})
    )
    return operation


def field_errors(
    errors: Sequence[Mapping[str, Any]], contract: Mapping[str, Any], operation: Mapping[str, Any]
) -> list[FieldError]:
    """What pydantic found wrong with a body that it was given itself, told as of ``operation``'s body."""
    return [_field_error({**each, "loc": ("body", *each["loc"])}, contract, operation) for each in errors]


def _field_error(
    error: Mapping[str, Any], contract: Mapping[str, Any], operation: Mapping[str, Any]
) -> FieldError:
    place = [str(step) for step in error["loc"]]
    name = ".".join(place[1:]) or "（请求体）"
    if error["type"] == "extra_forbidden":
        allowed = known_fields(contract, operation, place[:-1])
        return FieldError(_safe_name(name), "unknown_field", "不是已知的字段", allowed=", ".join(allowed))
    code, message, allowed_text = _told(error, place)
    return FieldError(_safe_name(name), code, message, value=_value(error, place), allowed=allowed_text)


def _told(error: Mapping[str, Any], place: Sequence[str]) -> _Told:
    if error["type"] == "string_pattern_mismatch":
        if place[-1] == "content":
            return "empty", "不能全是空白", "至少一个看得见的字符"
        return "control_characters", "含有控制字符", "不含换行和控制字符"
    tell = _TELL.get(error["type"])
    if tell is None:
        return str(error["type"]), "不合要求", None
    return tell(error.get("ctx", {}))


def _value(error: Mapping[str, Any], place: Sequence[str]) -> str | None:
    value = error["input"]
    if error["type"] == "missing":
        return None
    if isinstance(value, str) and (place[-1] not in _SHOWN_STRINGS or len(value) > _LONGEST_SHOWN):
        return f"（{len(value)} 个字符，不回显）"
    return shown(value)


def _safe_name(name: str) -> str:
    # The name of a field that we do not know is the caller's own text.
    return "".join(each if each.isprintable() else "�" for each in mask(name[:_LONGEST_NAME]).text)
