"""Each request has an id: the caller's, or a new one. It is in the answer and in every log line."""

from __future__ import annotations

import re
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}")


class RequestIds:
    """Takes ``X-Request-ID`` of 1–128 letters, digits and ``._:-`` over; anything else is replaced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _accepted(Headers(scope=scope).get(HEADER)) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def request_id_of(scope: Scope) -> str:
    """The id that `RequestIds` gave; empty where it does not stand around the request."""
    return str(scope.get("state", {}).get("request_id", ""))


def _accepted(given: str | None) -> str | None:
    return given if given is not None and _ACCEPTED.fullmatch(given) else None
