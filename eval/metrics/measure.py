"""A measured value with its interval and the number of rows behind it: no number is told without them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics import bootstrap, pairs
from eval.metrics.bootstrap import Resampling
from eval.metrics.calibration import (
    BINS,
    bin_numbers,
    calibration_error_if_perfect,
    expected_calibration_error,
)
from eval.metrics.checks import Floats, MetricError, codes, finite, fractions, same_rows, truths
from eval.metrics.ordinal import kappa_of
from eval.metrics.selective import largest_share_at


@dataclass(frozen=True, slots=True)
class Measure:
    """A value, the limits between which the truth is expected at the resampling's level, and the rows
    counted.
    """

    value: float
    low: float
    high: float
    n: int

    def as_json(self) -> dict[str, float | int | None]:
        """The four numbers, with null for what is not defined."""
        return {
            "value": number(self.value),
            "low": number(self.low),
            "high": number(self.high),
            "n": self.n,
        }


def not_measured() -> Measure:
    """What stands where no row could be counted."""
    return Measure(math.nan, math.nan, math.nan, 0)


def number(value: float) -> float | None:
    """``value`` rounded to six places, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else round(float(value), 6)


def share(right: ArrayLike, resampling: Resampling) -> Measure:
    """Share of rows that are right, in [0, 1]; ``right`` (N,) true or false."""
    good = truths("right", right)
    low, high = bootstrap.share_limits(good, resampling)
    return Measure(float(good.mean()), low, high, good.size)


def mean(values: ArrayLike, resampling: Resampling) -> Measure:
    """Mean of ``values`` (N,), any finite numbers."""
    numbers = finite("values", values)
    parts = np.column_stack([numbers, np.ones(numbers.size)])
    drawn = bootstrap.drawn_from_sums(parts, lambda sums: sums[:, 0] / sums[:, 1], resampling)
    value = float(numbers.mean())
    return Measure(value, *bootstrap.normal_limits(value, drawn, resampling), numbers.size)


def macro_f1(
    truth: ArrayLike, predicted: ArrayLike, resampling: Resampling, *, classes: int, min_support: int = 0
) -> Measure:
    """Mean F1 of the classes with at least ``min_support`` true rows; see ``classification.macro_f1``."""
    return _f1(truth, predicted, resampling, classes=classes, min_support=min_support, weighted=False)


def weighted_f1(truth: ArrayLike, predicted: ArrayLike, resampling: Resampling, *, classes: int) -> Measure:
    """Mean F1 of the classes, weighted by their true rows."""
    return _f1(truth, predicted, resampling, classes=classes, min_support=0, weighted=True)


def calibration_error(
    confidence: ArrayLike, correct: ArrayLike, resampling: Resampling, *, bins: int = BINS
) -> Measure:
    """Expected calibration error, in [0, 1].

    The lower limit is 0 where a perfect model could show as much.
    """
    sure, right = fractions("confidence", confidence), truths("correct", correct)
    same_rows(confidence=sure, correct=right)
    parts = np.zeros((sure.size, bins + 1))
    parts[np.arange(sure.size), bin_numbers(sure, bins)] = sure - right
    parts[:, bins] = 1.0

    def error(sums: Floats) -> Floats:
        gaps: Floats = np.abs(sums[:, :bins]).sum(axis=1) / sums[:, bins]
        return gaps

    value = expected_calibration_error(sure, right, bins=bins)
    drawn = bootstrap.drawn_from_sums(parts, error, resampling)
    low, high = bootstrap.raised_limits(value, drawn, resampling)
    perfect = calibration_error_if_perfect(sure, bins=bins, level=resampling.level)
    return Measure(value, 0.0 if value <= perfect.high else max(0.0, low), min(1.0, high), sure.size)


def quadratic_kappa(
    truth: ArrayLike, predicted: ArrayLike, resampling: Resampling, *, levels: int
) -> Measure:
    """Quadratic kappa, at most 1; NaN where truth and prediction are all of one level."""
    told, guessed = codes("truth", truth, levels), codes("predicted", predicted, levels)
    same_rows(truth=told, predicted=guessed)
    parts = np.zeros((told.size, levels * levels))
    parts[np.arange(told.size), told * levels + guessed] = 1.0
    value = float(kappa_of(parts.sum(axis=0, keepdims=True), levels)[0])
    drawn = bootstrap.drawn_from_sums(parts, lambda sums: kappa_of(sums, levels), resampling)
    low, high = bootstrap.normal_limits(value, drawn, resampling)
    return Measure(value, low, min(1.0, high), told.size)


def average_precision(score: ArrayLike, positive: ArrayLike, resampling: Resampling) -> Measure:
    """Average precision, in (0, 1]; see ``pairs.average_precision``, whose value this is."""
    value = pairs.average_precision(score, positive)
    scores, true = finite("score", score), truths("positive", positive)
    order = np.argsort(-scores, kind="stable")
    true, last = true[order], np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))

    def precision(weights: Floats) -> float:
        weighted = weights[order]
        found, called = np.cumsum(weighted * true)[last], np.cumsum(weighted)[last]
        if found[-1] == 0.0:
            return math.nan
        share = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        return float((np.diff(found, prepend=0.0) * share).sum() / found[-1])

    low, high = bootstrap.normal_limits(value, bootstrap.drawn_from_rows(precision, resampling), resampling)
    return Measure(value, max(0.0, low), min(1.0, high), scores.size)


def f1_at(score: ArrayLike, positive: ArrayLike, threshold: float, resampling: Resampling) -> Measure:
    """F1, in [0, 1], of what scores at or above ``threshold``; see ``pairs.f1_at``, whose value this is."""
    value = pairs.f1_at(score, positive, threshold)
    true, called = truths("positive", positive), finite("score", score) >= threshold
    parts = np.column_stack([true & called, true, called]).astype(np.float64)

    def score_of(sums: Floats) -> Floats:
        whole = sums[:, 1] + sums[:, 2]
        f1: Floats = np.divide(2 * sums[:, 0], whole, out=np.full(whole.shape, np.nan), where=whole > 0)
        return f1

    drawn = bootstrap.drawn_from_sums(parts, score_of, resampling)
    low, high = bootstrap.normal_limits(value, drawn, resampling)
    return Measure(value, max(0.0, low), min(1.0, high), true.size)


def largest_share(
    confidence: ArrayLike, correct: ArrayLike, target: float, resampling: Resampling
) -> Measure:
    """Largest share of rows, in [0, 1], that can be kept while ``target`` of them are right.

    See ``selective.largest_share_at``, whose value this is.
    """
    sure, right = finite("confidence", confidence), truths("correct", correct)
    value = largest_share_at(sure, right, target).share
    order = np.argsort(-sure, kind="stable")
    right, ends = right[order], np.append(np.diff(sure[order]) != 0, True)

    def swept(weights: Floats) -> float:
        weighted = weights[order]
        kept = np.cumsum(weighted)
        reached = ends & (np.cumsum(weighted * right) >= target * kept) & (kept > 0)
        return float(kept[reached].max() / kept[-1]) if reached.any() else 0.0

    drawn = bootstrap.drawn_from_rows(swept, resampling)
    low, high = bootstrap.normal_limits(value, drawn, resampling)
    return Measure(value, max(0.0, low), min(1.0, high), sure.size)


def _f1(
    truth: ArrayLike,
    predicted: ArrayLike,
    resampling: Resampling,
    *,
    classes: int,
    min_support: int,
    weighted: bool,
) -> Measure:
    told, guessed = codes("truth", truth, classes), codes("predicted", predicted, classes)
    same_rows(truth=told, predicted=guessed)
    true, made = np.eye(classes)[told], np.eye(classes)[guessed]
    parts = np.hstack([true * made, true, made])
    support, called = true.sum(axis=0), made.sum(axis=0)
    counted = support >= min_support if min_support > 0 else support + called > 0
    if not counted.any():
        raise MetricError(
            f"min_support: no class has {min_support} or more labelled rows; choose a smaller one"
        )

    def score(sums: Floats) -> Floats:
        right, true_sum, made_sum = np.split(sums, 3, axis=1)
        whole = true_sum + made_sum
        f1 = np.divide(2 * right, whole, out=np.zeros_like(right), where=whole > 0)
        weight = true_sum if weighted else counted[None, :].astype(np.float64)
        value: Floats = (f1 * weight).sum(axis=1) / weight.sum(axis=1)
        return value

    value = float(score(parts.sum(axis=0, keepdims=True))[0])
    low, high = bootstrap.normal_limits(
        value, bootstrap.drawn_from_sums(parts, score, resampling), resampling
    )
    rows = int(support[counted].sum())
    return Measure(value, max(0.0, low), min(1.0, high), rows)
