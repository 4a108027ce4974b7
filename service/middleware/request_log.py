"""One log line and one count for each request: route, status, time. No path, query, header or body."""

from __future__ import annotations

import time
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics
from service.problems import CLIENT_GONE

UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET_ROUTES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})

_log = structlog.get_logger("service.requests")


class RequestLog:
    """Logs and counts requests. A request whose answer never started counts as 499: the caller had left."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = CLIENT_GONE.status

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = _route(scope)
            self._metrics.request(method, route, status, seconds)
            log = _log.debug if route in _QUIET_ROUTES else _log.info
            log("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 2))


def _route(scope: Scope) -> str:
    # The template (/v1/tickets/{ticket_id}), since the path itself may name a person or grow without bound.
    return str(getattr(scope.get("route"), "path", UNMATCHED))
