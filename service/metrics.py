"""What the service counts about itself, in Prometheus' terms. Labels are codes and routes, never text."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from model.prediction import Prediction

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class LaneMetrics:
    """Counts the batches of one lane, as a `service.batching.BatchObserver`."""

    queue: Gauge
    batch: Histogram
    queued: Histogram
    predicted: Histogram
    failures: Counter

    def queue_changed(self, requests: int) -> None:
        """So many letters are waiting now."""
        self.queue.set(requests)

    def batch_started(self, waited: Sequence[float]) -> None:
        """A batch leaves the queue."""
        self.batch.observe(len(waited))
        for seconds in waited:
            self.queued.observe(seconds)

    def batch_finished(self, seconds: float, *, failed: bool) -> None:
        """A batch was predicted, or failed."""
        if failed:
            self.failures.inc()
        else:
            self.predicted.observe(seconds)


class Metrics:
    """One worker's counts."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        # With several workers each writes its counts to files, and whoever is asked adds them all up.
        self._folder = os.environ.get(MULTIPROCESS_VARIABLE)
        if self._folder is None:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "fenbo_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "fenbo_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "fenbo_stage_seconds",
            "Time in each stage: queue and store per letter, predict per batch; within it tokenise and infer.",
            ("stage", "explain"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "fenbo_queue_requests",
            "Letters that wait for the model.",
            ("explain",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._batch = Histogram(
            "fenbo_batch_requests",
            "Letters predicted together.",
            ("explain",),
            buckets=_SIZES,
            registry=self._registry,
        )
        self._refused = Counter(
            "fenbo_refused", "Requests not predicted, by reason.", ("reason",), registry=self._registry
        )
        self._batch_failures = Counter(
            "fenbo_batch_failures", "Batches that the model failed on.", ("explain",), registry=self._registry
        )
        self._decisions = Counter(
            "fenbo_decisions", "Predictions by decision.", ("decision",), registry=self._registry
        )
        self._departments = Counter(
            "fenbo_departments", "Predictions by department.", ("department",), registry=self._registry
        )
        self._urgencies = Counter(
            "fenbo_urgencies", "Predictions by urgency.", ("urgency",), registry=self._registry
        )
        self._kinds = Counter("fenbo_kinds", "Predictions by kind.", ("kind",), registry=self._registry)
        self._job_letters = Counter(
            "fenbo_job_letters", "Letters of jobs that were answered.", registry=self._registry
        )
        self._webhooks = Counter(
            "fenbo_webhook_attempts",
            "Attempts to deliver a webhook: delivered, failed, dead.",
            ("result",),
            registry=self._registry,
        )
        self._bundle_swaps = Counter(
            "fenbo_bundle_swaps",
            "Changes of the bundle that answers: swapped, refused, unreadable registry.",
            ("result",),
            registry=self._registry,
        )
        self._shadow_letters = Counter(
            "fenbo_shadow_letters",
            "Answered letters for the shadow bundle: compared, dropped, failed.",
            ("result",),
            registry=self._registry,
        )
        self._shadow_changes = Counter(
            "fenbo_shadow_changes",
            "Letters of which the shadow bundle says otherwise, by what differs.",
            ("what",),
            registry=self._registry,
        )
        self._ready = Gauge(
            "fenbo_ready_workers",
            "Workers that are ready.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a request that was not predicted: queue-full, deadline-exceeded, client-gone, not-ready."""
        self._refused.labels(reason).inc()

    def stage(self, stage: str, seconds: float) -> None:
        """So long took a stage within a prediction: tokenise, infer."""
        self._stage_seconds.labels(stage, "").observe(seconds)

    def stored(self, seconds: float) -> None:
        """A ticket was on the disk after so long, the wait for others of its transaction included."""
        self._stage_seconds.labels("store", "").observe(seconds)

    def predicted(self, prediction: Prediction) -> None:
        """Count what was answered about one letter."""
        self._decisions.labels(prediction.decision.action).inc()
        self._departments.labels(prediction.department.code).inc()
        self._urgencies.labels(prediction.urgency.code).inc()
        self._kinds.labels(prediction.kind.code).inc()

    def job_letters(self, letters: int) -> None:
        """So many letters of a job were answered."""
        self._job_letters.inc(letters)

    def webhook(self, result: str) -> None:
        """A delivery was tried: delivered, failed (to be tried again), dead."""
        self._webhooks.labels(result).inc()

    def bundle_swapped(self, result: str) -> None:
        """Another bundle was to answer: swapped, refused, or the registry was unreadable."""
        self._bundle_swaps.labels(result).inc()

    def shadow_compared(self, changes: Sequence[str]) -> None:
        """The shadow bundle read a letter; ``changes`` names in what it differs from the answer."""
        self._shadow_letters.labels("compared").inc()
        for what in changes:
            self._shadow_changes.labels(what).inc()

    def shadow_dropped(self) -> None:
        """A letter was left unread by the shadow bundle, for there were too many."""
        self._shadow_letters.labels("dropped").inc()

    def shadow_failed(self) -> None:
        """The shadow bundle failed on a letter."""
        self._shadow_letters.labels("failed").inc()

    def ready(self, is_ready: bool) -> None:
        """Whether this worker answers predictions."""
        self._ready.set(1 if is_ready else 0)

    def lane(self, explain: str) -> LaneMetrics:
        """What hears of the batches of one way to explain."""
        return LaneMetrics(
            queue=self._queue.labels(explain),
            batch=self._batch.labels(explain),
            queued=self._stage_seconds.labels("queue", explain),
            predicted=self._stage_seconds.labels("predict", explain),
            failures=self._batch_failures.labels(explain),
        )

    def gauge(self, name: str, told: str, labels: tuple[str, ...]) -> Gauge:
        """A gauge that somebody else sets; of several workers, the last one's word counts."""
        return Gauge(name, told, labels, registry=self._registry, multiprocess_mode="mostrecent")

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All counts of all workers in the format that ``accept`` asks for, and its media type."""
        encode: Callable[[CollectorRegistry], bytes]
        encode, media_type = choose_encoder(accept)
        if self._folder is None:
            return encode(self._registry), media_type
        _forget_dead_workers(Path(self._folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return encode(registry), media_type


def _forget_dead_workers(folder: Path) -> None:
    # A worker that was killed cannot take its gauges back itself.
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
