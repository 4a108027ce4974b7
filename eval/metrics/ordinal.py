"""Ordered levels, and alarms that must not be missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import Floats, MetricError, both_classes, codes, finite, same_rows, truths


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike, *, levels: int) -> float:
    """Agreement beyond chance, at most 1, with disagreements weighted by their squared distance (Cohen 1968).

    ``truth`` and ``predicted`` (N,) are levels 0..levels-1. Both all of one same level: not defined,
    MetricError.
    """
    told, guessed = codes("truth", truth, levels), codes("predicted", predicted, levels)
    same_rows(truth=told, predicted=guessed)
    counts = np.bincount(told * levels + guessed, minlength=levels * levels)
    value = kappa_of(counts[None, :].astype(np.float64), levels)[0]
    if np.isnan(value):
        raise MetricError(
            f"truth: all {told.size} rows are of one level, as predicted; kappa needs two levels"
        )
    return float(value)


def kappa_of(counts: Floats, levels: int) -> Floats:
    """Quadratic kappa of flattened confusion counts, shape (B, levels²) → (B,); NaN where not defined."""
    table = counts.reshape(-1, levels, levels)
    step = np.arange(levels)
    weight = (step[:, None] - step[None, :]) ** 2
    total = table.sum(axis=(1, 2))
    by_chance = (
        table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :] / np.maximum(total, 1)[:, None, None]
    )
    seen, expected = (table * weight).sum(axis=(1, 2)), (by_chance * weight).sum(axis=(1, 2))
    missing = np.full(seen.shape, np.nan)
    disagreement: Floats = np.divide(seen, expected, out=missing, where=expected > 0)
    return 1.0 - disagreement


@dataclass(frozen=True, slots=True)
class Alarm:
    """How an alarm does: rates in [0, 1], false alarms also per 1,000 rows of any truth."""

    recall: float
    """Share of the positive rows that were flagged; NaN without any."""
    false_alarm_rate: float
    """Share of the negative rows that were flagged; NaN without any."""
    false_alarms_per_1000: float
    positives: int
    negatives: int
    found: int
    false_alarms: int
    threshold: float = float("nan")


def alarm(flagged: ArrayLike, positive: ArrayLike) -> Alarm:
    """Recall and false alarms of a yes/no alarm: ``flagged`` (N,), ``positive`` (N,)."""
    raised, true = truths("flagged", flagged), truths("positive", positive)
    same_rows(flagged=raised, positive=true)
    positives, found, false = int(true.sum()), int((raised & true).sum()), int((raised & ~true).sum())
    negatives = true.size - positives
    return Alarm(
        recall=found / positives if positives else float("nan"),
        false_alarm_rate=false / negatives if negatives else float("nan"),
        false_alarms_per_1000=1000.0 * false / true.size,
        positives=positives,
        negatives=negatives,
        found=found,
        false_alarms=false,
    )


def recall_at_false_alarms(score: ArrayLike, positive: ArrayLike, most: float) -> Alarm:
    """The best recall whose false alarms are at most the share ``most`` of the negative rows.

    The threshold is swept on the rows themselves; ``score`` (N,) is higher for likelier positives.
    """
    if not 0.0 <= most <= 1.0:
        raise MetricError(f"most: {most}, expected 0 to 1")
    scores, true = finite("score", score), truths("positive", positive)
    same_rows(score=scores, positive=true)
    both_classes("positive", true)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    false = np.cumsum(~true[order])[last]
    allowed = np.flatnonzero(false <= most * int((~true).sum()))
    if allowed.size == 0:
        return alarm(np.zeros(true.size, dtype=bool), true)
    threshold = float(scores[order][last[allowed[-1]]])
    best = alarm(scores >= threshold, true)
    return Alarm(
        recall=best.recall,
        false_alarm_rate=best.false_alarm_rate,
        false_alarms_per_1000=best.false_alarms_per_1000,
        positives=best.positives,
        negatives=best.negatives,
        found=best.found,
        false_alarms=best.false_alarms,
        threshold=threshold,
    )
