"""Starting a server as a process of its own, and looking at it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

_START_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at ``port``; it was ready ``seconds`` after its start."""

    port: int
    process: subprocess.Popen[bytes]
    seconds: float

    def megabytes(self) -> dict[str, float]:
        """Resident memory of each of its processes with a model in it, by process id."""
        found = {}
        for pid in [self.process.pid, *children(self.process.pid)]:
            status = Path(f"/proc/{pid}/status").read_text()
            kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            found[str(pid)] = round(kilobytes / 1024, 1)
        return found


@contextmanager
def server(*command: str, **variables: str) -> Iterator[Server]:
    """A server, ready. ``{port}`` in the command is a free port; it is stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    arguments = [each.format(port=port) for each in command]
    environment = (
        os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | variables
    )
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - started > _START_SECONDS:
                raise RuntimeError(f"{arguments} did not start")
            time.sleep(0.02)
        yield Server(port, process, time.perf_counter() - started)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # Some servers leave their workers behind; the group is this server's own.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def fenbo(*arguments: str, **variables: str) -> AbstractContextManager[Server]:
    """``fenbo serve --dev`` as a server."""
    code = "from service.command import main; main()"
    quiet = {"FENBO_LOG_LEVEL": "error"}
    return server("-c", code, "serve", "--dev", "--port", "{port}", *arguments, **quiet | variables)


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
