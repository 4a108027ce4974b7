"""Nothing that goes wrong inside shows outside: an unforeseen error is a 500 problem."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.logs import described
from service.middleware.request_ids import request_id_of
from service.problems import INTERNAL, problem_response

_log = structlog.get_logger("service.errors")


class ErrorFence:
    """Answers 500 for what the app raised and logs where it was raised, without its message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting_start)
        except Exception as error:
            _log.error("unexpected error", raised=described(error))
            if started:
                # Half an answer is out; only a broken connection tells the caller that it is not whole.
                raise
            response = problem_response(
                INTERNAL,
                "这次请求没有办成，原因已记入日志；报障时请附上 request_id",
                request_id=request_id_of(scope),
            )
            await response(scope, receive, send)
