"""``/metrics`` tells how right the service has been: the unbiased estimate apart from the biased one."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval.metrics.reference import FILE, Answered, Reference
from service.metrics import Metrics
from service.settings import Settings
from service.storage.corrections import NewReview, add_reviews
from service.storage.store import Storage
from service.storage.tickets import store
from service.watch import Watch
from tests.service.test_week import predicted, ticket


def gauges(metrics: Metrics) -> dict[str, float]:
    text = metrics.exposition("text/plain")[0].decode()
    return {
        name: float(value) for name, value in re.findall(r"^(fenbo_[a-z_]+(?:{[^}]*})?) (\S+)$", text, re.M)
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    bundle = tmp_path / "city"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}", encoding="utf-8")
    world = [Answered(f"路口的路灯不亮，{n}号", "JTJ", 0.9, "normal", "H", "auto") for n in range(300)]
    Reference.of([one.text for one in world], world).save(bundle / FILE)
    return Settings(
        data_dir=tmp_path / "data",
        secret_key="the same in every run of the tests",
        audit_rate=0.3,
        bundle=bundle,
    )


def measured(settings: Settings, *, tickets: int) -> dict[str, float]:
    now = datetime.now(UTC)
    metrics = Metrics()
    storage = Storage(settings)
    storage.start()
    try:
        names = [f"t{n}" for n in range(tickets)]
        if names:
            with storage.database().writing() as connection:
                store(connection, [ticket(name, predicted(), at=now) for name in names])
                add_reviews(connection, [NewReview(name, "accept", "甲", "key") for name in names[::4]])
        # A moment later, so that what was just stored lies before it.
        asyncio.run(Watch(settings, storage, metrics).refresh(now=datetime.now(UTC)))
    finally:
        storage.stop()
    return gauges(metrics)


def test_accuracy_and_drift_are_gauges(settings: Settings) -> None:
    told = measured(settings, tickets=200)
    assert told['fenbo_live_tickets{which="all"}'] == 200
    assert told['fenbo_live_tickets{which="with_outcome"}'] == 50
    assert told['fenbo_live_accuracy{bound="value",estimate="known_outcomes_biased"}'] == 1.0
    assert told['fenbo_live_accuracy{bound="low",estimate="bounds"}'] == 0.25
    assert told['fenbo_live_accuracy{bound="low",estimate="audit"}'] < 1.0
    assert told["fenbo_live_audit_complete"] == 0
    assert told['fenbo_drift_level{of="department"}'] == 2
    assert told['fenbo_drift_level{of="kind"}'] == 0
    assert told['fenbo_drift{measure="psi",of="department"}'] > 0.25


def test_nothing_is_told_of_no_tickets(settings: Settings) -> None:
    told = measured(settings, tickets=0)
    assert not any(name.startswith(("fenbo_live_accuracy", "fenbo_drift{")) for name in told)
