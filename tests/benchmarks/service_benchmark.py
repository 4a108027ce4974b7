"""How fast the service is, beside plain ways to serve the same encoder. Prints one JSON object.

Ratios are of one run in turns on one machine; with the client on the same processors they are lower bounds.

    python -m tests.benchmarks.service_benchmark --seconds 6 --rounds 3
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from model import bundle
from model.bundle import STARTER
from model.calibration import Calibration, Cascade
from model.router import Router
from model.ticket import Ticket
from tests.benchmarks.load import Load, closed_loop, letters, open_loop, predicted, source, stored
from tests.benchmarks.servers import Server, fenbo, server

CALLERS = 8
PATIENT = {"FENBO_DUPLICATES": "false", "FENBO_QUEUE_WAIT_MS": "60000"}
"""For callers who wait for each answer: on a slow machine none is refused for being the eighth in the queue."""
USUAL = {"FENBO_DUPLICATES": "false"}


def throughput(seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Requests a second of each server with eight callers, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(fenbo(FENBO_DATA_DIR=str(folder / "throughput"), **PATIENT))
        whole = stack.enter_context(
            fenbo(
                "--bundle", str(without_cascade(folder)), FENBO_DATA_DIR=str(folder / "whole-data"), **PATIENT
            )
        )
        plain = stack.enter_context(server("-m", "tests.benchmarks.pipeline_server", "{port}"))
        servers: dict[str, tuple[Server, str, Callable[[int], Any]]] = {
            "fenbo": (ours, "/v1/predict", lambda _: predicted()),
            "fenbo_stored": (ours, "/v1/tickets", lambda turn: stored(f"R{turn}")),
            "fenbo_without_cascade": (whole, "/v1/predict", lambda _: predicted()),
            "pipeline": (plain, "/v1/predict", lambda _: predicted()),
        }
        if importlib.util.find_spec("litserve"):
            lit = stack.enter_context(server("-m", "tests.benchmarks.litserve_server", "{port}"))
            servers["litserve"] = (lit, "/v1/predict", lambda _: predicted())
        found: dict[str, list[float]] = {name: [] for name in servers}
        failed: dict[str, int] = dict.fromkeys(servers, 0)
        for turn in range(rounds):
            for name, (at, path, body) in servers.items():
                load = closed_loop(at.port, path, body(turn), callers=CALLERS, seconds=seconds)
                found[name].append(load.per_second)
                failed[name] += sum(load.statuses.values()) - len(load.seconds)
    best = {name: round(statistics.median(rates), 1) for name, rates in found.items()}
    return {
        "per_second": best,
        "rounds": {name: [round(rate, 1) for rate in rates] for name, rates in found.items()},
        "not_accepted": failed,
        "over_pipeline": round(best["fenbo"] / best["pipeline"], 2),
        "over_pipeline_without_cascade": round(best["fenbo_without_cascade"] / best["pipeline"], 2),
        "over_litserve": round(best["fenbo"] / best["litserve"], 2) if best.get("litserve") else None,
        "stored_over_predict": round(best["fenbo_stored"] / best["fenbo"], 3),
    }


def without_cascade(folder: Path) -> Path:
    """The starter bundle with the encoder reading every letter."""
    manifest, place = bundle.read_manifest(STARTER), folder / "starter-whole"
    shutil.copytree(STARTER, place)
    calibration = Calibration.load(place / "calibration.json")
    dataclasses.replace(calibration, cascade=Cascade()).save(place / "calibration.json")
    bundle.write_manifest(
        place,
        name="starter-whole",
        created=manifest.created,
        code_version=manifest.code_version,
        taxonomy=manifest.taxonomy,
        taxonomy_version=manifest.taxonomy_version,
        facts=manifest.facts,
    )
    return place


def latency(seconds: float, folder: Path) -> dict[str, float]:
    """Median milliseconds of one caller, over HTTP and in this process, letter by letter in turns."""
    router = Router.starter()
    tickets = [Ticket(content=each["content"], title=each["title"]) for each in letters()]
    router.predict(tickets[:8])
    with fenbo(FENBO_DATA_DIR=str(folder / "latency"), **PATIENT) as ours:
        over, inside = [], []
        end = time.perf_counter() + 2 * seconds
        bodies = predicted()
        connection = http.client.HTTPConnection("127.0.0.1", ours.port)
        for number, ticket in enumerate(tickets * 100):
            if time.perf_counter() > end:
                break
            started = time.perf_counter()
            connection.request("POST", "/v1/predict", bodies(number), {"Content-Type": "application/json"})
            connection.getresponse().read()
            between = time.perf_counter()
            router.predict([ticket])
            over.append(between - started)
            inside.append(time.perf_counter() - between)
    added = [1000 * (one - other) for one, other in zip(over, inside, strict=True)]
    return {
        "http_median_ms": round(1000 * statistics.median(over), 2),
        "in_process_median_ms": round(1000 * statistics.median(inside), 2),
        "added_median_ms": round(statistics.median(added), 2),
        "letters": len(over),
    }


def overload(seconds: float, capacity: float, folder: Path) -> dict[str, Any]:
    """Twice as many requests as can be answered."""
    with fenbo(FENBO_DATA_DIR=str(folder / "overload"), **USUAL) as ours:
        closed_loop(ours.port, "/v1/predict", predicted(), callers=CALLERS, seconds=2)
        load = open_loop(ours.port, "/v1/predict", predicted(), per_second=2 * capacity, seconds=seconds)
        megabytes = ours.megabytes()
    return _told(load) | {
        "offered_per_second": round(2 * capacity, 1),
        "other_than_200_429": sum(
            count for status, count in load.statuses.items() if status not in (200, 429)
        ),
        "megabytes": megabytes,
        "start_to_ready_seconds": round(ours.seconds, 2),
    }


def swapping(seconds: float, folder: Path) -> dict[str, Any]:
    """Eight callers while the bundle is changed again and again."""
    registry = folder / "bundles"
    for name in ("city-1", "city-2"):
        shutil.copytree(STARTER, registry / name)
    with fenbo(FENBO_DATA_DIR=str(folder / "swap"), FENBO_REGISTRY=str(registry), **PATIENT) as ours:
        swaps: list[float] = []
        ended = threading.Event()

        def swap() -> None:
            while not ended.is_set():
                for name in ("city-1", "city-2"):
                    started = time.perf_counter()
                    request = Request(
                        f"http://127.0.0.1:{ours.port}/v1/bundles/{name}:promote", method="POST"
                    )
                    with urlopen(request, timeout=120) as response:
                        response.read()
                    swaps.append(time.perf_counter() - started)

        swapper = threading.Thread(target=swap)
        swapper.start()
        load = closed_loop(ours.port, "/v1/predict", predicted(), callers=CALLERS, seconds=2 * seconds)
        ended.set()
        swapper.join()
        megabytes = ours.megabytes()
    return _told(load) | {
        "failed": sum(load.statuses.values()) - len(load.seconds),
        "swaps": len(swaps),
        "swap_seconds": [round(each, 2) for each in swaps],
        "megabytes": megabytes,
    }


def _told(load: Load) -> dict[str, Any]:
    return {
        "accepted_per_second": round(load.per_second, 1),
        "p50_ms": load.milliseconds(0.5),
        "p99_ms": load.milliseconds(0.99),
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
    }


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload-seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed = throughput(options.seconds, options.rounds, folder)
        found = {
            "processors": len(os.sched_getaffinity(0)),
            "load_average_before": os.getloadavg(),
            "letters": {
                "file": "/".join(source().parts[-2:]),
                "characters_mean": round(statistics.mean(len(each["content"]) for each in letters()), 1),
            },
            "throughput": speed,
            "latency": latency(options.seconds, folder),
            "overload": overload(options.overload_seconds, speed["per_second"]["fenbo"], folder),
            "swap": swapping(options.seconds, folder),
        }
    json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
