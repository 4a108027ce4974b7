"""Accuracy from outcomes: the biased number is told as such, and the audit's interval covers the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from eval.metrics.checks import MetricError
from eval.metrics.live import (
    LiveTicket,
    audit_accuracy,
    drawn_for_audit,
    live_accuracy,
    outcome_delay,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TRUTH = {"auto": 0.96, "suggest": 0.75, "review": 0.5}
SHARES = {"auto": 0.85, "suggest": 0.1, "review": 0.05}
ACCURACY = sum(SHARES[action] * TRUTH[action] for action in TRUTH)


def week(seed: int, *, tickets: int = 4000, rate: float = 0.05) -> list[LiveTicket]:
    """Reviewed tickets always get an outcome; auto ones when they come back, as a misroute does, or by audit."""
    random = np.random.default_rng(seed)
    actions = random.choice(list(TRUTH), size=tickets, p=list(SHARES.values()))
    made = []
    for row, action in enumerate(actions.tolist()):
        right = random.random() < TRUTH[action]
        audit = drawn_for_audit(f"{seed}-{row}", rate, salt="城市")
        returned = not right and random.random() < 0.6
        known = action != "auto" or audit or returned
        made.append(
            LiveTicket(
                predicted="CGJ",
                probability=0.9,
                action=action,
                created_at=MONDAY,
                final=("CGJ" if right else "JTJ") if known else None,
                outcome_at=MONDAY + timedelta(days=float(random.exponential(3))) if known else None,
                reviewed=action != "auto",
                audit_sample=audit,
                audit_rate=rate,
            )
        )
    return made


def test_known_outcomes_flatter_nobody_and_the_audit_covers_the_truth() -> None:
    weeks = [live_accuracy(week(seed)) for seed in range(120)]
    assert np.mean([told.biased.value for told in weeks]) < ACCURACY - 0.1
    assert np.mean([told.biased.high >= ACCURACY for told in weeks]) < 0.01
    assert np.mean([told.audit.value for told in weeks]) == pytest.approx(ACCURACY, abs=0.006)
    assert np.mean([told.audit.low <= ACCURACY <= told.audit.high for told in weeks]) >= 0.92
    assert np.mean([told.audit_auto.low <= 0.96 <= told.audit_auto.high for told in weeks]) >= 0.92
    assert all(told.least <= ACCURACY <= told.most for told in weeks)
    assert all(told.audit_complete for told in weeks)


def test_decisions_audited_at_different_rates_count_by_their_share() -> None:
    """A city may audit hard tickets more often: the estimate must not become theirs."""
    values = []
    for seed in range(60):
        random = np.random.default_rng(1000 + seed)
        tickets = []
        for ticket in week(seed, rate=1.0):
            rate = 0.05 if ticket.action == "auto" else 0.5
            tickets.append(replace(ticket, audit_rate=rate, audit_sample=bool(random.random() < rate)))
        values.append(audit_accuracy(tickets).value)
    assert np.mean(values) == pytest.approx(ACCURACY, abs=0.006)


def test_few_audited_tickets_give_a_wide_interval_and_none_give_none() -> None:
    right = LiveTicket("CGJ", 0.9, "auto", MONDAY, "CGJ", MONDAY, audit_sample=True, audit_rate=0.02)
    others = [LiveTicket("CGJ", 0.9, "auto", MONDAY)] * 50
    told = audit_accuracy([right] * 3 + others)
    assert (told.value, told.n) == (1.0, 3)
    assert told.low < 0.6
    assert audit_accuracy(others).n == 0
    alone = live_accuracy(others)
    assert (alone.with_outcome, alone.least, alone.most, alone.audit_complete) == (0, 0.0, 1.0, False)
    assert np.isnan(alone.biased.value)


def test_an_audit_that_waits_for_its_outcomes_is_not_called_unbiased() -> None:
    tickets = week(1)
    waiting = [replace(t, final=None, outcome_at=None) if t.audit_sample and row % 3 == 0 else t
               for row, t in enumerate(tickets)]  # fmt: skip
    assert live_accuracy(tickets).audit_complete
    assert not live_accuracy(waiting).audit_complete


def test_young_tickets_do_not_make_outcomes_look_fast() -> None:
    """Half of the delays are seen only in part: the known ones alone have a median of about 2 days."""
    random = np.random.default_rng(4)
    now = MONDAY + timedelta(days=14)
    tickets, known = [], []
    for age, wait in zip(random.uniform(0, 14, 6000), random.exponential(10, 6000), strict=True):
        sent = now - timedelta(days=float(age))
        came = sent + timedelta(days=float(wait)) if wait <= age else None
        tickets.append(LiveTicket("CGJ", 0.9, "auto", sent, "CGJ" if came else None, came))
        if came:
            known.append(wait)
    told = outcome_delay(tickets, now=now, days=(1, 7, 13))
    assert np.median(known) < 5
    assert told.median == pytest.approx(10 * np.log(2), rel=0.1)
    assert told.known == pytest.approx(1 - np.exp(-np.array([1, 7, 13]) / 10), abs=0.03)
    nothing = outcome_delay([LiveTicket("CGJ", 0.9, "auto", MONDAY)], now=now)
    assert nothing.median is None
    assert set(nothing.known) == {0.0}


def test_the_audit_is_drawn_at_its_rate_alike_each_time_and_by_a_secret() -> None:
    drawn = {f"t{n}" for n in range(20_000) if drawn_for_audit(f"t{n}", 0.02, salt="a")}
    assert 0.017 <= len(drawn) / 20_000 <= 0.023
    assert drawn == {f"t{n}" for n in range(20_000) if drawn_for_audit(f"t{n}", 0.02, salt="a")}
    other = {f"t{n}" for n in range(20_000) if drawn_for_audit(f"t{n}", 0.02, salt="b")}
    assert len(drawn & other) < 0.2 * len(drawn)
    assert not any(drawn_for_audit(f"t{n}", 0.0, salt="a") for n in range(100))
    assert all(drawn_for_audit(f"t{n}", 1.0, salt="a") for n in range(100))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(MetricError, match="0 rows"):
        live_accuracy([])
    with pytest.raises(MetricError, match="0 rows"):
        outcome_delay([], now=MONDAY)
    with pytest.raises(MetricError, match="audit rate: 2"):
        drawn_for_audit("t", 2.0, salt="")
    with pytest.raises(MetricError, match="audit_rate"):
        audit_accuracy([LiveTicket("CGJ", 0.9, "auto", MONDAY, "CGJ", MONDAY, audit_sample=True)])
