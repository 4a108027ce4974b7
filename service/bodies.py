"""Reading a JSON body: type, size, time and form are checked before anything is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from service.problems import (
    BODY_TIMEOUT,
    MALFORMED_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from service.settings import Settings


class JsonRoute(APIRoute):
    """A route whose body is JSON of a limited size. The limits are those of ``app.state.settings``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI made, given a `JsonRequest`."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive, request._send))

        return handle_json


class JsonRequest(Request):
    """A request whose body is read within limits and parsed strictly: UTF-8, no NaN, depth 200 at most."""

    async def body(self) -> bytes:
        """The body. Raises `Problem` when it is of another type, too large or too slow."""
        if not hasattr(self, "_body"):
            if _is_empty(self):
                self._body = b""
                return self._body
            _check_type(self)
            settings: Settings = self.app.state.settings
            try:
                async with asyncio.timeout(settings.body_timeout_seconds):
                    self._body = await self._read(settings.max_body_bytes)
            except TimeoutError:
                detail = f"请求体须在 {settings.body_timeout_seconds:g} 秒内传完"
                raise Problem(BODY_TIMEOUT, detail, headers={"Connection": "close"}) from None
        return self._body

    async def json(self) -> Any:
        """The parsed body. Raises `Problem` when it is not JSON."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise Problem(MALFORMED_JSON, f"{_place(error)}；请按 RFC 8259 用 UTF-8 编码") from None

    async def _read(self, limit: int) -> bytes:
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise _too_large(limit)
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
        return b"".join(chunks)


def _is_empty(request: Request) -> bool:
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    media_type, _, parameters = given.partition(";")
    media_type = media_type.strip().lower()
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    if not is_json or charset not in ("", "utf-8", "utf8"):
        detail = (
            "Content-Type 须为 application/json（UTF-8）；用 curl 时加上 -H 'Content-Type: application/json'"
        )
        raise Problem(UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": "application/json"})
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            "不接受压缩过的请求体；请去掉 Content-Encoding",
            headers={"Accept-Encoding": "identity"},
        )


def _too_large(limit: int) -> Problem:
    # Reading on only to be polite would let one caller hold the line; the connection ends instead.
    return Problem(TOO_LARGE, f"请求体最大 {limit} 字节", headers={"Connection": "close"})


def _place(error: ValueError) -> str:
    """Where the JSON breaks off, from the parser's ``… at line 1 column 5``; its words may quote the body."""
    _, found, place = str(error).rpartition(" at line ")
    line, _, column = place.partition(" column ")
    if found and line.isdecimal() and column.isdecimal():
        return f"第 {line} 行第 {column} 列处不是合法的 JSON"
    return "不是合法的 JSON"
