"""kill -9 at random moments under load: whatever was acknowledged is there afterwards.

``FENBO_CRASHES`` sets how many moments are tried (50 for the full run); ``FENBO_CRASH_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from service.storage import audit, open_database
from tests.service.conftest import wait_until
from tests.service.storage.rows import rows

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "serve_fixture.py"
ROOT = SCRIPT.parents[2]
CRASHES = int(os.environ.get("FENBO_CRASHES", "3"))
SEED = int(os.environ.get("FENBO_CRASH_SEED", "7"))
_CALLERS = 6


@dataclass
class Acknowledged:
    """What callers were told is stored."""

    tickets: dict[str, bytes] = field(default_factory=dict)
    outcomes: set[tuple[str, int]] = field(default_factory=set)
    reviews: set[tuple[str, int]] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def _service(settings: Settings, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service in a process group of its own, ready; whoever is left of it is killed at the end."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "serve", "--dev", "--port", str(port), "--workers", "2"],
            cwd=ROOT,
            env=os.environ
            | settings.as_environment()
            | {"PYTHONPATH": str(ROOT), "FENBO_LOG_LEVEL": "warning"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _is_ready(port), seconds=120)
        yield process
    finally:
        _kill(process)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _call(address: str, name: str, told: Acknowledged, over: threading.Event) -> None:
    """Store tickets and say things of them until the service is gone; each is noted once it is acknowledged."""
    number = 0
    with httpx.Client(base_url=address, timeout=10) as client:
        while not over.is_set():
            number += 1
            ticket_id = f"{name}-{number}"
            try:
                answer = client.post(
                    "/v1/tickets", json={"ticket_id": ticket_id, "content": f"路灯不亮 {number}"}
                )
                with told.lock:
                    if answer.status_code == 201:
                        told.tickets[ticket_id] = answer.content
                    elif answer.status_code not in (429, 503):
                        told.odd.append(f"{answer.status_code} {answer.text}")
                if answer.status_code != 201:
                    continue
                said = client.post(
                    f"/v1/tickets/{ticket_id}/outcome", json={"kind": "urgency", "urgency": "low"}
                )
                judged = client.post(f"/v1/tickets/{ticket_id}/review", json={"action": "accept"})
            except httpx.TransportError:
                return
            with told.lock:
                for response, kept in ((said, told.outcomes), (judged, told.reviews)):
                    if response.status_code == 201:
                        kept.add((ticket_id, response.json()["id"]))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_nothing_acknowledged_is_lost(stored: Settings, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    told = Acknowledged()
    noted: audit.Head | None = None
    for crash in range(CRASHES):
        port = _free_port()
        over = threading.Event()
        with _service(stored, port, tmp_path / "log") as process:
            callers = [
                threading.Thread(
                    target=_call, args=(f"http://127.0.0.1:{port}", f"{crash}-{caller}", told, over)
                )
                for caller in range(_CALLERS)
            ]
            before = len(told.tickets)
            for caller in callers:
                caller.start()
            wait_until(lambda before=before: len(told.tickets) > before, seconds=60)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 1.0))
            _kill(process)
            over.set()
            for caller in callers:
                caller.join()
        noted = _is_whole(stored, told, noted)
    assert not told.odd, told.odd[:3]
    assert len(told.tickets) > CRASHES
    assert told.outcomes
    assert told.reviews
    _are_answered_the_same(stored, told, tmp_path)


def _is_whole(stored: Settings, told: Acknowledged, noted: audit.Head | None) -> audit.Head:
    """All that was acknowledged is in the rows and in the log, and the log holds; its new head."""
    kept = {row.ticket_id for row in rows(stored, "SELECT ticket_id FROM tickets")}
    assert told.tickets.keys() <= kept
    for table, acknowledged in (("outcomes", told.outcomes), ("reviews", told.reviews)):
        found = rows(stored, f"SELECT t.ticket_id, o.id FROM {table} o JOIN tickets t ON t.number = o.ticket")
        assert acknowledged <= {(row.ticket_id, row.id) for row in found}, table
    logged = [(row.action, row.subject) for row in rows(stored, "SELECT action, subject FROM audit")]
    stored_in_log = {subject for action, subject in logged if action == "ticket.stored"}
    assert {f"ticket:{ticket_id}" for ticket_id in told.tickets} <= stored_in_log
    assert len([1 for action, _ in logged if action == "outcome.urgency"]) >= len(told.outcomes)
    database = open_database(stored)
    try:
        with database.reading() as connection:
            return audit.verify(connection, expected=noted).head
    finally:
        database.close()


def _are_answered_the_same(stored: Settings, told: Acknowledged, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    port = _free_port()
    with _service(stored, port, tmp_path / "log"), httpx.Client(timeout=30) as client:
        for ticket_id in chance.sample(sorted(told.tickets), min(20, len(told.tickets))):
            number = ticket_id.rpartition("-")[2]
            again = client.post(
                f"http://127.0.0.1:{port}/v1/tickets",
                json={"ticket_id": ticket_id, "content": f"路灯不亮 {number}"},
            )
            assert again.status_code == 200
            assert again.content == told.tickets[ticket_id]
