"""What handlers are given: typed access to what the app holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from service.follower import Follower
from service.metrics import Metrics
from service.runtime import Runtime
from service.security.guard import principal_of
from service.security.principal import Principal
from service.shadow import Shadow


# Coroutines, though they wait for nothing: FastAPI sends plain functions to a thread and back.
async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def _follower(request: Request) -> Follower:
    follower: Follower = request.app.state.follower
    return follower


async def _shadow(request: Request) -> Shadow:
    shadow: Shadow = request.app.state.shadow
    return shadow


async def _principal(request: Request) -> Principal:
    return principal_of(request.scope)


TheRuntime = Annotated[Runtime, Depends(_runtime)]
TheMetrics = Annotated[Metrics, Depends(_metrics)]
TheFollower = Annotated[Follower, Depends(_follower)]
TheShadow = Annotated[Shadow, Depends(_shadow)]
ThePrincipal = Annotated[Principal, Depends(_principal)]
