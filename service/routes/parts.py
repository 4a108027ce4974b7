"""What handlers are given: typed access to what the app holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from service.follower import Follower
from service.intake import Intake
from service.jobs.reception import Reception
from service.metrics import Metrics
from service.runtime import Runtime
from service.security.gate import Gate
from service.security.guard import principal_of
from service.security.keyring import Keyring
from service.security.principal import Principal
from service.settings import Settings
from service.shadow import Shadow
from service.storage import Storage
from service.taxonomy_keeper import TaxonomyKeeper


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


async def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


async def _keyring(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.intake
    return intake


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _taxonomy_keeper(request: Request) -> TaxonomyKeeper:
    keeper: TaxonomyKeeper = request.app.state.taxonomy_keeper
    return keeper


async def _reception(request: Request) -> Reception:
    reception: Reception = request.app.state.reception
    return reception


async def _principal(request: Request) -> Principal:
    return principal_of(request.scope)


TheRuntime = Annotated[Runtime, Depends(_runtime)]
TheMetrics = Annotated[Metrics, Depends(_metrics)]
TheFollower = Annotated[Follower, Depends(_follower)]
TheGate = Annotated[Gate, Depends(_gate)]
TheKeyring = Annotated[Keyring, Depends(_keyring)]
TheReception = Annotated[Reception, Depends(_reception)]
TheShadow = Annotated[Shadow, Depends(_shadow)]
TheStorage = Annotated[Storage, Depends(_storage)]
TheIntake = Annotated[Intake, Depends(_intake)]
TheSettings = Annotated[Settings, Depends(_settings)]
TheTaxonomyKeeper = Annotated[TaxonomyKeeper, Depends(_taxonomy_keeper)]
ThePrincipal = Annotated[Principal, Depends(_principal)]
