"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import (
    Bools,
    Floats,
    Ints,
    MetricError,
    codes,
    distributions,
    fractions,
    same_rows,
    truths,
)

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rows by confidence in equal-width bins, each of shape (bins,); means are NaN where a bin is empty."""

    edges: Floats
    """Shape (bins + 1,), from 0 to 1; a bin holds what is above its lower and up to its upper edge."""
    count: Ints
    confidence: Floats
    accuracy: Floats


def bin_numbers(confidence: Floats, bins: int = BINS) -> Ints:
    """Bin of each confidence, 0..bins-1: bin m holds (m / bins, (m + 1) / bins]; 0 goes to the first."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.maximum(np.searchsorted(edges, confidence, side="left") - 1, 0)


def reliability(confidence: ArrayLike, correct: ArrayLike, *, bins: int = BINS) -> Reliability:
    """Mean confidence and share right per bin.

    ``confidence`` (N,) in [0, 1], ``correct`` (N,) true or false.
    """
    sure, right = _both(confidence, correct, bins)
    place = bin_numbers(sure, bins)
    count = np.bincount(place, minlength=bins)
    empty = np.full(bins, np.nan)
    return Reliability(
        edges=np.linspace(0.0, 1.0, bins + 1),
        count=count,
        confidence=np.divide(
            np.bincount(place, weights=sure, minlength=bins), count, out=empty.copy(), where=count > 0
        ),
        accuracy=np.divide(
            np.bincount(place, weights=right, minlength=bins), count, out=empty.copy(), where=count > 0
        ),
    )


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, *, bins: int = BINS) -> float:
    """Mean distance, in [0, 1], between confidence and share right over equal-width bins, weighted by their
    rows.

    Naeini, Cooper & Hauskrecht, AAAI 2015; Guo et al., ICML 2017, equation 3.
    """
    sure, right = _both(confidence, correct, bins)
    gap = np.bincount(bin_numbers(sure, bins), weights=sure - right, minlength=bins)
    return float(np.abs(gap).sum() / sure.size)


@dataclass(frozen=True, slots=True)
class PerfectError:
    """The calibration error that sampling noise alone makes: its mean, and what it stays below at the
    level.
    """

    mean: float
    high: float


def calibration_error_if_perfect(
    confidence: ArrayLike, *, bins: int = BINS, draws: int = 400, level: float = 0.95, seed: int = 0
) -> PerfectError:
    """What a perfectly calibrated model would show on rows of these confidences (N,): the floor of the
    measure.
    """
    sure = fractions("confidence", confidence)
    random = np.random.default_rng(seed)
    errors = [
        expected_calibration_error(sure, random.random(sure.size) < sure, bins=bins) for _ in range(draws)
    ]
    return PerfectError(float(np.mean(errors)), float(np.quantile(errors, level)))


def brier(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance, in [0, 2], of ``probabilities`` (N, K) from the true class (Brier 1950, over
    all classes).
    """
    told, likely = _classes(truth, probabilities)
    own = likely[np.arange(told.size), told]
    return float(((likely**2).sum(axis=1) - 2.0 * own + 1.0).mean())


def negative_log_likelihood(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of -ln of the true class's probability, >= 0, with probabilities of 0 taken as the smallest float
    step.
    """
    told, likely = _classes(truth, probabilities)
    own = likely[np.arange(told.size), told] / likely.sum(axis=1)
    return float(-np.log(np.clip(own, np.finfo(np.float64).eps, 1.0)).mean())


def _both(confidence: ArrayLike, correct: ArrayLike, bins: int) -> tuple[Floats, Bools]:
    if bins < 1:
        raise MetricError(f"bins: {bins}, expected 1 or more")
    sure, right = fractions("confidence", confidence), truths("correct", correct)
    same_rows(confidence=sure, correct=right)
    return sure, right


def _classes(truth: ArrayLike, probabilities: ArrayLike) -> tuple[Ints, Floats]:
    likely = distributions("probabilities", probabilities)
    told = codes("truth", truth, likely.shape[1])
    same_rows(truth=told, probabilities=likely)
    return told, likely
