"""What handlers are given: typed access to what the app holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from service.metrics import Metrics
from service.runtime import Runtime


# Coroutines, though they wait for nothing: FastAPI sends plain functions to a thread and back.
async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


TheRuntime = Annotated[Runtime, Depends(_runtime)]
TheMetrics = Annotated[Metrics, Depends(_metrics)]
