"""Spans, where the libraries for them are installed."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from model.errors import MissingExtra
from service.app import create_app
from service.middleware.tracing import Tracing, exporting_to
from tests.service.conftest import opened, wait_until
from tests.service.fixture_router import POISON, FixtureRouter

trace = pytest.importorskip("opentelemetry.sdk.trace", reason="pip install 'fenbo[otel]'")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_each_request_is_a_span_of_the_callers_trace_without_its_words() -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    app = create_app(opened(None), FixtureRouter())
    with TestClient(Tracing(app, provider), raise_server_exceptions=False) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        kept.clear()
        headers = {"traceparent": PARENT, "X-Request-ID": "id-1"}
        client.post("/v1/predict", json={"content": f"{POISON} 13800138000"}, headers=headers)
        client.get("/nowhere/13800138000")
    failed, unknown = kept.get_finished_spans()
    assert failed.name == "POST /v1/predict"
    assert format(failed.context.trace_id, "032x") == PARENT.split("-")[1]
    assert failed.attributes["http.response.status_code"] == 500
    assert failed.attributes["fenbo.request_id"] == "id-1"
    assert failed.status.is_ok is False
    assert unknown.name == "GET unmatched"
    assert "13800138000" not in failed.to_json() + unknown.to_json()


def test_missing_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingExtra, match=r"fenbo\[otel\]"):
        exporting_to("http://127.0.0.1:4318/v1/traces")
