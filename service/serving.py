"""Running the service in one process or several."""

from __future__ import annotations

import http.client
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import Final, Protocol

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from model.errors import FenboError
from service.app import create_app
from service.logs import configure_logging
from service.metrics import MULTIPROCESS_VARIABLE
from service.settings import Settings
from service.storage import StorageUnavailable

_log = structlog.get_logger("service.serving")

_BACKLOG: Final = 2048
# Longer than callers and load balancers keep an idle connection (60 s is usual): else they send on one that is
# being closed and get no answer.
_KEEP_ALIVE_SECONDS: Final = 75
_POLL_SECONDS: Final = 0.1


class CannotListen(FenboError):
    """The address cannot be had."""


class WhenReady(Protocol):
    """Told once, when predictions are answered."""

    def __call__(self, address: str, *, first_key: str | None) -> None:
        """The service's address, and the first key where it was made just now."""


def serve(settings: Settings, *, when_ready: WhenReady) -> None:
    """Serve until a signal ends it. A service that never had a key makes an administrator's first.

    Raises `CannotListen`, and `FenboError` when the model cannot be loaded.
    """
    configure_logging(level=settings.log_level, form=settings.log_format)
    first = None if settings.dev else _first_key(settings)
    with _listening(settings) as listener:
        host, port = listener.getsockname()[:2]
        address = f"http://{_reachable(host)}:{port}"
        with _telling_when_ready(address, partial(when_ready, first_key=first)):
            if settings.workers == 1:
                _serve_here(settings, listener)
            else:
                _serve_in_processes(settings, listener)


def _first_key(settings: Settings) -> str | None:
    """Text of an administrator's key, when there has never been a key; None else, or while there is no database."""
    from service.security.keyring import OfflineKeyring

    try:
        keyring = OfflineKeyring(settings)
    except StorageUnavailable as error:
        _log.error("storage unavailable", reason=str(error))
        return None
    try:
        made = keyring.make_first()
    finally:
        keyring.close()
    return None if made is None else made.text


def _serve_here(settings: Settings, listener: socket.socket) -> None:
    failures: list[FenboError] = []

    def give_up(error: FenboError) -> None:
        failures.append(error)
        server.should_exit = True

    app = create_app(settings, when_failed=give_up)
    server = uvicorn.Server(_config(settings, app))
    server.run(sockets=[listener])
    if failures:
        raise failures[0]


def _serve_in_processes(settings: Settings, listener: socket.socket) -> None:
    folder = tempfile.mkdtemp(prefix="fenbo-metrics-")
    # Workers are new processes: what they are to know goes by their environment.
    os.environ.update(settings.as_environment() | {MULTIPROCESS_VARIABLE: folder})
    listener.set_inheritable(True)
    config = _config(settings, "service.app:app_from_environment", factory=True)
    supervisor = Multiprocess(config, sockets=[listener])
    try:
        supervisor.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[MULTIPROCESS_VARIABLE]
    if any(process.exitcode == uvicorn.config.STARTUP_FAILURE for process in supervisor.processes):
        raise FenboError("no worker could start; the log above tells why")


def _config(settings: Settings, app: object, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        factory=factory,
        workers=settings.workers,
        backlog=_BACKLOG,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ws="none",
    )


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CannotListen(
            f"host {settings.host!r} is not an address of this machine ({error.strerror})"
        ) from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise CannotListen(
                f"port {settings.port} of {settings.host} cannot be had ({error.strerror}); "
                "stop what uses it or give another --port"
            ) from error
        yield listener


def _reachable(host: str) -> str:
    """An address at which this machine reaches what listens on ``host``."""
    address = ip_address(host.partition("%")[0])
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


@contextmanager
def _telling_when_ready(address: str, tell: Callable[[str], None]) -> Iterator[None]:
    ended = threading.Event()

    def wait() -> None:
        while not ended.wait(_POLL_SECONDS):
            if _is_ready(address):
                tell(address)
                return

    watcher = threading.Thread(target=wait, name="ready", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _is_ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
