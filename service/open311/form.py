"""Reading the form that GeoReport v2 posts."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from service.problems import (
    BODY_TIMEOUT,
    INVALID_REQUEST,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
)
from service.settings import Settings

_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 200


async def read_form(request: Request, settings: Settings) -> dict[str, str]:
    """Names and values; of a name that comes twice the last value. Raises `Problem`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _TYPE or request.headers.get("content-encoding", "identity").lower() != "identity":
        detail = f"Content-Type 须为 {_TYPE}（UTF-8，不压缩）"
        raise Problem(UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": _TYPE})
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            body = await _read(request, settings.max_body_bytes)
    except TimeoutError:
        detail = f"请求体须在 {settings.body_timeout_seconds:g} 秒内传完"
        raise Problem(BODY_TIMEOUT, detail, headers={"Connection": "close"}) from None
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except (ValueError, UnicodeDecodeError):
        error = FieldError(
            "（请求体）", "wrong_format", "不是合法的表单", allowed="UTF-8 的 name=value&name=value"
        )
        raise Problem(INVALID_REQUEST, "1 处不合要求：请求体不是合法的表单", errors=[error]) from None
    return dict(pairs)


async def _read(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Problem(TOO_LARGE, f"请求体最大 {limit} 字节", headers={"Connection": "close"})
        chunks.append(chunk)
    return b"".join(chunks)
