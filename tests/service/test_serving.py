"""``fenbo serve`` as a process: one worker or several, started, asked, stopped."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.service.conftest import wait_until
from tests.service.fixture_bundles import write_bundle

SCRIPT = Path(__file__).with_name("serve_fixture.py")


@dataclass
class Served:
    """A running ``fenbo serve``."""

    process: subprocess.Popen[str]
    address: str
    printed: str
    log: Path

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def fenbo_serve(folder: Path, *arguments: str, dev: bool = True, **variables: str) -> Iterator[Served]:
    """``fenbo serve`` on a free port, once it has printed that it is ready."""
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "serve", *(["--dev"] if dev else []), "--port", "0", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        printed = ""
        while "curl" not in printed:
            line = process.stdout.readline()
            assert line, log.read_text()
            printed += line
        found = re.search(r"http://\S+?(?=/docs)", printed)
        assert found is not None
        yield Served(process, found[0], printed, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


@pytest.mark.slow
def test_what_is_printed_works_as_it_stands(tmp_path: Path) -> None:
    with fenbo_serve(tmp_path) as served:
        assert httpx.get(f"{served.address}/docs").status_code == 200
        command = next(line.strip() for line in served.printed.splitlines() if "curl" in line)
        if shutil.which("curl"):
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
            assert '"code":"RSJ"' in done.stdout
        else:
            words = shlex.split(command)
            response = httpx.post(
                words[2], content=words[-1].encode(), headers={"Content-Type": "application/json"}
            )
            assert response.json()["department"]["code"] == "RSJ"
        assert served.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_under_load_loses_nothing_that_was_accepted(tmp_path: Path, workers: str) -> None:
    with (
        fenbo_serve(
            tmp_path,
            "--workers",
            workers,
            SECONDS_A_BATCH="0.15",
            FENBO_QUEUE_WAIT_MS="60000",
            FENBO_BATCH_REQUESTS="2",
        ) as served,
        ThreadPoolExecutor(12) as callers,
        httpx.Client(base_url=served.address, timeout=30) as client,
    ):
        asked = [
            callers.submit(client.post, "/v1/predict", json={"content": f"第 {n} 封"}) for n in range(12)
        ]
        time.sleep(0.25)
        assert served.stop() == 0
        assert [each.result().status_code for each in asked] == [200] * 12
        assert [each.result().json()["masked"]["content"] for each in asked] == [
            f"第 {n} 封" for n in range(12)
        ]


@pytest.mark.slow
def test_several_workers_share_the_port_and_their_metrics(tmp_path: Path) -> None:
    with fenbo_serve(tmp_path, "--workers", "2") as served:

        def metric(name: str) -> float:
            for line in httpx.get(f"{served.address}/metrics").text.splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
            return 0.0

        wait_until(lambda: metric("fenbo_ready_workers") == 2)
        for number in range(20):
            assert (
                httpx.post(f"{served.address}/v1/predict", json={"content": f"{number}"}).status_code == 200
            )
        counted = 'fenbo_requests_total{method="POST",route="/v1/predict",status="200"}'
        assert [metric(counted) for _ in range(6)] == [20.0] * 6
        assert served.stop() == 0


@pytest.mark.slow
def test_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with fenbo_serve(tmp_path, "--workers", "2") as served:
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
        workers = [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)

        def answers() -> bool:
            try:
                return "fenbo_ready_workers 2.0" in httpx.get(f"{served.address}/metrics").text
            except httpx.TransportError:
                return False

        wait_until(lambda: not Path(f"/proc/{workers[0]}").exists(), seconds=20)
        wait_until(answers, seconds=30)
        assert httpx.post(f"{served.address}/v1/predict", json={"content": "好"}).status_code == 200
        assert served.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_bundle_that_cannot_be_loaded_ends_the_command(workers: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "serve", "--port", "0", "--bundle", "runs/none", "--workers", workers],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "runs/none is not a folder; name one made by `fenbo train`" in done.stderr
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "curl" not in done.stdout


@pytest.mark.slow
def test_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "serve", "--port", port],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in done.stderr


@pytest.mark.slow
def test_interrupt_is_status_130(tmp_path: Path) -> None:
    with fenbo_serve(tmp_path) as served:
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(20) == 130
        assert "Traceback" not in served.log.read_text()


@pytest.mark.slow
def test_every_worker_follows_a_promotion(tmp_path: Path) -> None:
    registry = tmp_path / "bundles"
    write_bundle(registry, "city-1")
    with fenbo_serve(
        tmp_path, "--workers", "3", FENBO_REGISTRY=str(registry), FENBO_REGISTRY_POLL_SECONDS="0.05"
    ) as served:
        assert httpx.post(f"{served.address}/v1/bundles/city-1:promote").status_code == 200

        def all_follow() -> bool:
            answers = [httpx.post(f"{served.address}/v1/predict", json={"content": "树"}) for _ in range(30)]
            assert {answer.status_code for answer in answers} == {200}
            return {answer.json()["versions"]["bundle"] for answer in answers} == {"city-1"}

        wait_until(all_follow, seconds=30)
        assert served.stop() == 0


@pytest.mark.slow
def test_first_key_is_printed_once_in_a_call_that_works(tmp_path: Path) -> None:
    variables = {"FENBO_DATA_DIR": str(tmp_path / "data"), "FENBO_DEV": "false"}
    with fenbo_serve(tmp_path, dev=False, **variables) as served:
        words = shlex.split(next(line for line in served.printed.splitlines() if "curl" in line))
        headers = {"Content-Type": "application/json"}
        body = words[-1].encode()
        assert httpx.post(words[2], content=body, headers=headers).status_code == 401
        name, _, value = words[words.index("-H") + 1].partition(": ")
        key = value.removeprefix("Bearer ")
        assert key.startswith("fenbo_")
        assert httpx.post(words[2], content=body, headers=headers | {name: value}).status_code == 200
        assert served.stop() == 0
        assert key not in served.log.read_text()
    with fenbo_serve(tmp_path, dev=False, **variables) as served:
        assert "$FENBO_KEY" in served.printed
        assert "fenbo_" not in served.printed
        assert served.stop() == 0
