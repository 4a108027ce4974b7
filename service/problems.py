"""Every error of the API as RFC 9457 problem details, without a word of what the citizen wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import HTTPException
from starlette.responses import Response

from model.text.mask import mask

MEDIA_TYPE: Final = "application/problem+json"

_SHOWN_CHARACTERS = 60
_MOST_ERRORS = 20


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem. ``name`` ends its ``type`` URN and never changes; ``title`` is for people."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """URI that names the kind (RFC 9457, 3.1.1)."""
        return f"urn:fenbo:problem:{self.name}"


MALFORMED_JSON = ProblemKind("malformed-json", 400, "请求体不是合法的 JSON")
UNAUTHENTICATED = ProblemKind("unauthenticated", 401, "没有带上有效的密钥")
FORBIDDEN = ProblemKind("forbidden", 403, "这个密钥不能做这件事")
BODY_TIMEOUT = ProblemKind("body-timeout", 408, "请求体没有在限定时间内到齐")
NOT_FOUND = ProblemKind("not-found", 404, "没有这个地址")
BUNDLE_NOT_FOUND = ProblemKind("bundle-not-found", 404, "没有这个模型包")
KEY_NOT_FOUND = ProblemKind("key-not-found", 404, "没有这个密钥")
WEBHOOK_NOT_FOUND = ProblemKind("webhook-not-found", 404, "没有这个回调")
TICKET_NOT_FOUND = ProblemKind("ticket-not-found", 404, "没有这件工单")
CLUSTER_NOT_FOUND = ProblemKind("cluster-not-found", 404, "没有这个同一事项")
JOB_NOT_FOUND = ProblemKind("job-not-found", 404, "没有这个任务")
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "这个地址不支持这种请求方法")
BUNDLE_REFUSED = ProblemKind("bundle-refused", 409, "模型包没有更换，原来的照常答复")
JOB_NOT_DONE = ProblemKind("job-not-done", 409, "任务还没有结果")
LAST_ADMIN_KEY = ProblemKind("last-admin-key", 409, "最后一个管理员密钥不能吊销")
TICKET_CONFLICT = ProblemKind("ticket-conflict", 409, "这个工单编号已存过不同的内容")
SAME_REVIEWER = ProblemKind("same-reviewer", 409, "第二意见要由另一个人给出")
TAXONOMY_REFUSED = ProblemKind("taxonomy-refused", 409, "目录没有更改")
TEXT_PURGED = ProblemKind("text-purged", 410, "这件工单的内容已过保存期")
TOO_LARGE = ProblemKind("too-large", 413, "请求体太大")
UNSUPPORTED_MEDIA_TYPE = ProblemKind("unsupported-media-type", 415, "请求体的类型不受支持")
INVALID_REQUEST = ProblemKind("invalid-request", 422, "请求里有不合要求的内容")
RATE_LIMITED = ProblemKind("rate-limited", 429, "这个密钥请求得太快")
FILE_REFUSED = ProblemKind("file-refused", 422, "文件读不了")
QUEUE_FULL = ProblemKind("queue-full", 429, "排队已满，请稍后再试")
INTERNAL = ProblemKind("internal", 500, "服务内部出错")
NOT_READY = ProblemKind("not-ready", 503, "服务尚未就绪")
STORAGE_UNAVAILABLE = ProblemKind("storage-unavailable", 503, "存储暂时不可用")
DEADLINE_EXCEEDED = ProblemKind("deadline-exceeded", 429, "赶不上调用方给的时限")
TIMED_OUT = ProblemKind("timed-out", 504, "未能在服务的时限内答复")
CLIENT_GONE = ProblemKind("client-gone", 499, "调用方已断开")
"""Never seen by anyone; the status is the one that proxies log for it."""

KINDS: Final = (
    MALFORMED_JSON,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    BUNDLE_NOT_FOUND,
    KEY_NOT_FOUND,
    WEBHOOK_NOT_FOUND,
    JOB_NOT_FOUND,
    TICKET_NOT_FOUND,
    CLUSTER_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BODY_TIMEOUT,
    BUNDLE_REFUSED,
    LAST_ADMIN_KEY,
    JOB_NOT_DONE,
    TICKET_CONFLICT,
    SAME_REVIEWER,
    TAXONOMY_REFUSED,
    TEXT_PURGED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_REQUEST,
    FILE_REFUSED,
    QUEUE_FULL,
    RATE_LIMITED,
    DEADLINE_EXCEEDED,
    INTERNAL,
    NOT_READY,
    STORAGE_UNAVAILABLE,
    TIMED_OUT,
)
# Where several kinds share a status, the first is the plain one.
_BY_STATUS: Final = {kind.status: kind for kind in reversed(KINDS)}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    ``field`` is its path (``location.longitude``); ``code`` is stable and for machines; ``value`` is what was
    sent, masked and shortened, without a citizen's words; ``allowed`` is what may be sent.
    """

    field: str
    code: str
    message: str
    value: str | None = None
    allowed: str | None = None


class Problem(HTTPException):
    """An answer that is an error. ``detail`` and ``errors`` are shown to the caller as they are."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.status, detail=detail, headers=dict(headers) if headers else None)
        self.kind = kind
        self.errors = tuple(errors)


def kind_of(status: int) -> ProblemKind:
    """The kind that a bare HTTP status stands for; an unlisted status gets its standard phrase as a title."""
    return _BY_STATUS.get(status) or ProblemKind(f"http-{status}", status, HTTPStatus(status).phrase)


def problem_response(
    kind: ProblemKind,
    detail: str,
    *,
    request_id: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response. At most 20 of ``errors`` are listed."""
    body = problem_body(kind, detail, request_id=request_id, errors=errors)
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, kind.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def problem_body(
    kind: ProblemKind, detail: str, *, request_id: str, errors: Sequence[FieldError] = ()
) -> dict[str, Any]:
    """A problem as JSON (RFC 9457, 3.1). At most 20 of ``errors`` are listed."""
    body: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = [_form(error) for error in errors[:_MOST_ERRORS]]
    return body


def invalid_field(error: FieldError) -> Problem:
    """422 about one field."""
    return Problem(INVALID_REQUEST, f"1 处不合要求：{error.field} {error.message}", errors=[error])


def not_ready(detail: str, *, retry_after: float = 1.0) -> Problem:
    """503, to be tried again after so many seconds."""
    return Problem(NOT_READY, detail, headers={"Retry-After": retry_after_header(retry_after)})


def retry_after_header(seconds: float) -> str:
    """``Retry-After`` in whole seconds, at least 1 (RFC 9110, 10.2.3)."""
    return str(max(1, math.ceil(seconds)))


def shown(value: object) -> str:
    """A value as an error may show it: personal data masked, shortened, the inside of containers left out."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[…]"
    # Cut first: masking reads every character, and a value may be a megabyte long. The cut falls far behind
    # what is shown, so that no half of a number escapes the mask at its edge.
    masked = mask(str(value)[: 16 * _SHOWN_CHARACTERS]).text
    printable = "".join(character if character.isprintable() else "�" for character in masked)
    return printable if len(printable) <= _SHOWN_CHARACTERS else printable[:_SHOWN_CHARACTERS] + "…"


def _form(error: FieldError) -> dict[str, str]:
    fields = {"field": error.field, "code": error.code, "message": error.message}
    if error.value is not None:
        fields["value"] = error.value
    if error.allowed is not None:
        fields["allowed"] = error.allowed
    return fields
