"""Measures, every few minutes, how right the service has been and whether the world moved, for ``/metrics``."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from eval.metrics.drift import Drift
from eval.metrics.live import LiveAccuracy, live_accuracy
from eval.metrics.measure import Measure, not_measured
from model.errors import FenboError
from service.live import reference_of
from service.logs import described
from service.metrics import Metrics
from service.settings import Settings
from service.storage.live import Answer, AuditSample, answers
from service.storage.store import Storage
from service.week import drift_of

ACCURACY_DAYS: Final = 28
DRIFT_DAYS: Final = 7
MOST_TICKETS: Final = 20_000
"""Tickets that are read each time; in a busy city they reach back less far."""

_EVERY_SECONDS: Final = 300.0

_log = structlog.get_logger("service.watch")


class Watch:
    """Sets the gauges. Used on the event loop; what takes long happens in threads."""

    def __init__(self, settings: Settings, storage: Storage, metrics: Metrics) -> None:
        self._settings, self._storage = settings, storage
        self._task: asyncio.Task[None] | None = None
        self._accuracy = metrics.gauge(
            "fenbo_live_accuracy",
            "Routing accuracy of the last 28 days: by the random audit, of auto tickets by it, and the biased "
            "share of known outcomes; with the limits of the 95 % interval.",
            ("estimate", "bound"),
        )
        self._tickets = metrics.gauge(
            "fenbo_live_tickets",
            "Tickets of the last 28 days: all, with an outcome, drawn for the audit, audited.",
            ("which",),
        )
        self._complete = metrics.gauge(
            "fenbo_live_audit_complete",
            "1 while nearly all tickets drawn for the audit have their outcome, else the estimate may be biased.",
            (),
        )
        self._drift = metrics.gauge(
            "fenbo_drift",
            "How far the last 7 days moved from the bundle's reference: population stability index, what chance "
            "stays below, Jensen-Shannon divergence in bits.",
            ("of", "measure"),
        )
        self._drifted = metrics.gauge(
            "fenbo_drift_level", "0 steady or too few letters, 1 watch, 2 drifted.", ("of",)
        )

    def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """Measure no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def refresh(self, *, now: datetime) -> None:
        """Measure once. Raises `FenboError` when the database or a bundle cannot be read."""
        rows = await self._storage.read(lambda connection: self._read(connection, now))
        if rows:
            self._set_accuracy(live_accuracy([row.ticket for row in rows]))
        since = now - timedelta(days=DRIFT_DAYS)
        recent = [row for row in rows if row.ticket.created_at >= since]
        for one in await asyncio.to_thread(self._moved, recent):
            self._set_drift(one)

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh(now=datetime.now(UTC))
            except FenboError as error:
                _log.warning("live accuracy not measured", reason=str(error))
            except Exception as error:
                _log.error("live accuracy not measured", raised=described(error))
            await asyncio.sleep(_EVERY_SECONDS)

    def _read(self, connection: Connection, now: datetime) -> list[Answer]:
        sample = AuditSample.of(self._settings.audit_rate, self._storage.key)
        start = now - timedelta(days=ACCURACY_DAYS)
        return answers(connection, start, now, sample, newest=MOST_TICKETS)

    def _moved(self, rows: list[Answer]) -> tuple[Drift, ...]:
        if not rows:
            return ()
        bundle = rows[-1].bundle
        reference = reference_of(self._settings, bundle)
        return () if reference is None else drift_of(rows, bundle, reference)

    def _set_accuracy(self, live: LiveAccuracy) -> None:
        estimates = {
            "audit": live.audit,
            "audit_auto": live.audit_auto,
            "known_outcomes_biased": live.biased,
            "bounds": Measure(math.nan, live.least, live.most, live.tickets)
            if live.tickets
            else not_measured(),
        }
        for name, measure in estimates.items():
            for bound in ("value", "low", "high"):
                self._accuracy.labels(name, bound).set(getattr(measure, bound))
        counts = {
            "all": live.tickets,
            "with_outcome": live.with_outcome,
            "drawn": live.audit_drawn,
            "audited": live.audit.n,
        }
        for which, count in counts.items():
            self._tickets.labels(which).set(count)
        self._complete.set(live.audit_complete)

    def _set_drift(self, one: Drift) -> None:
        for measure in ("psi", "noise", "js"):
            self._drift.labels(one.name, measure).set(getattr(one, measure))
        self._drifted.labels(one.name).set({"watch": 1, "drifted": 2}.get(one.verdict, 0))
