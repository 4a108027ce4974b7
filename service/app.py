"""The application: what stands around a request, what answers it, and what lives as long as the process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware

from model.errors import FenboError
from service import contract, validation
from service.follower import Follower
from service.intake import Intake
from service.jobs.reception import Reception
from service.jobs.runner import Runner
from service.logs import configure_logging
from service.matching.owner import Owner
from service.matching.waiting import Waiting
from service.metrics import Metrics
from service.middleware.error_fence import ErrorFence
from service.middleware.request_ids import RequestIds
from service.middleware.request_log import RequestLog
from service.middleware.security_headers import SecurityHeaders
from service.middleware.tracing import Tracing, exporting_to
from service.predictor import Predictor
from service.routes import (
    batch,
    bundles,
    clusters,
    corrections,
    health,
    jobs,
    keys,
    metrics,
    open311,
    page,
    predict,
    taxonomy,
    tickets,
    webhooks,
)
from service.runtime import Runtime
from service.security import guard
from service.security.gate import Gate, KnownKey
from service.security.keyring import Keyring
from service.settings import Settings
from service.shadow import Shadow
from service.storage import Storage
from service.storage.keys import find_key
from service.taxonomy_keeper import TaxonomyKeeper
from service.version import VERSION
from service.watch import Watch
from service.webhooks.dispatcher import Dispatcher

# uvicorn's STARTUP_FAILURE.
_CANNOT_START: Final = 3


def create_app(
    settings: Settings,
    router: Predictor | None = None,
    *,
    when_failed: Callable[[FenboError], None] | None = None,
) -> FastAPI:
    """The service as an ASGI application.

    The model is loaded after the start (``/health/ready`` tells when it is there); a ``router`` that is given
    is used in its stead. ``when_failed`` is called on the event loop when the model cannot be loaded.
    """
    counts = Metrics()
    storage = Storage(settings)
    runtime = Runtime(settings, counts, predictor=router, when_failed=when_failed)
    shadow = Shadow(counts, limit=settings.shadow_queue, is_busy=runtime.is_busy)
    follower = Follower(settings, runtime, shadow, counts)

    dispatcher = Dispatcher(settings, storage, counts)
    watch = Watch(settings, storage, counts)
    reception = Reception(storage, most_bytes=settings.job_max_bytes)
    runner = Runner(settings, storage, runtime, counts)

    async def find(key_id: str) -> KnownKey | None:
        return await storage.read(partial(find_key, key_id=key_id))

    gate = Gate(settings, find)

    waiting = Waiting(settings, storage)
    owner = Owner(settings)
    keeper = TaxonomyKeeper(storage, runtime)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Written now, the first invalid request need not wait for it.
        app.openapi()
        try:
            await asyncio.to_thread(storage.start)
        except FenboError as error:
            runtime.fail(error)
        else:
            await keeper.start()
            runtime.start()
        waiting.start()
        owner.start()
        shadow.start()
        follower.start()
        dispatcher.start()
        watch.start()
        runner.start()
        try:
            yield
        finally:
            await runner.stop()
            await watch.stop()
            await dispatcher.stop()
            reception.stop()
            await keeper.stop()
            await follower.stop()
            await shadow.stop()
            await runtime.stop()
            await waiting.stop()
            await owner.stop()
            await asyncio.to_thread(storage.stop)

    tracing: list[Middleware] = []
    if settings.otel_endpoint is not None:
        tracing = [Middleware(Tracing, provider=exporting_to(settings.otel_endpoint))]
    app = FastAPI(
        title="分拨 fenbo",
        version=VERSION,
        description=contract.DESCRIPTION,
        openapi_tags=contract.TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=[
            *tracing,
            Middleware(RequestIds),
            Middleware(RequestLog, metrics=counts),
            Middleware(SecurityHeaders),
            Middleware(ErrorFence),
        ],
    )
    app.state.settings = settings
    app.state.metrics = counts
    app.state.storage = storage
    app.state.intake = Intake(settings, storage, waiting, counts)
    app.state.taxonomy_keeper = keeper
    app.state.runtime = runtime
    app.state.shadow = shadow
    app.state.follower = follower
    app.state.gate = gate
    app.state.reception = reception
    app.state.keyring = Keyring(storage)
    for each in (
        predict,
        tickets,
        batch,
        open311,
        corrections,
        clusters,
        taxonomy,
        bundles,
        jobs,
        webhooks,
        keys,
        health,
        metrics,
        page,
    ):
        # Not include_router: that matches a request against every route several times over.
        app.router.routes.extend(copy(route) for route in each.router.routes)
    guard.install(app, gate)
    contract.install(app)
    validation.install(app)
    return app


def app_from_environment() -> FastAPI:
    """The service by its ``FENBO_…`` variables, with its logs: what each worker process runs.

    A process whose model cannot be loaded ends with a status at which uvicorn gives up for good.
    """
    settings = Settings.read()
    configure_logging(level=settings.log_level, form=settings.log_format)

    def give_up(_: FenboError) -> None:
        # Nothing has been accepted yet, so there is nothing to end in order; the log has said why.
        os._exit(_CANNOT_START)

    return create_app(settings, when_failed=give_up)
