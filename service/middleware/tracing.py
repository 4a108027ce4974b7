"""OpenTelemetry: one span a request, a child of the caller's. Off unless ``FENBO_OTEL_ENDPOINT`` names a collector.

No span holds what was sent: its route, its status, its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model.errors import MissingExtra
from service.middleware.request_ids import request_id_of
from service.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

_SERVER_ERROR: Final = 500


def exporting_to(endpoint: str) -> TracerProvider:
    """What sends spans to a collector's OTLP/HTTP endpoint. Raises `MissingExtra`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise MissingExtra("opentelemetry", "otel") from error
    provider = Provider(resource=Resource.create({"service.name": "fenbo", "service.version": VERSION}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider


class Tracing:
    """Puts a span around each request and takes over the caller's ``traceparent``."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._tracer: Tracer = provider.get_tracer("fenbo", VERSION)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, Status, StatusCode

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method, context=extract(headers), kind=SpanKind.SERVER, record_exception=False
        ) as span:

            async def send_noting_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= _SERVER_ERROR:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self._app(scope, receive, send_noting_status)
            finally:
                route = str(getattr(scope.get("route"), "path", "unmatched"))
                span.update_name(f"{method} {route}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route)
                span.set_attribute("fenbo.request_id", request_id_of(scope))
