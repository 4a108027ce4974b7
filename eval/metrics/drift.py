"""Has the world moved away from what a model was trained on? Two histograms of the same bins, compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import Floats, MetricError

WATCH, DRIFTED = 0.1, 0.25
"""Population stability from which a shift is worth a look, and from which it is large (Siddiqi 2006, chapter 6)."""

NOISE_LEVEL = 0.99
FEW = 50
"""Letters below which a histogram says nothing."""

Verdict = Literal["few", "steady", "watch", "drifted"]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one quantity moved. ``psi`` >= 0, ``js`` in [0, 1], ``noise`` what chance alone stays below."""

    name: str
    letters: int
    psi: float
    js: float
    noise: float
    verdict: Verdict


def drift(name: str, expected: ArrayLike, actual: ArrayLike) -> Drift:
    """Compare counts (B,) of today with those of the reference.

    A shift counts only where it is both large and larger than chance: with 50 departments and 200 letters,
    equals differ by more than ``WATCH`` as a rule. Raises MetricError for other shapes or negative counts.
    """
    before, now = _counts("expected", expected), _counts("actual", actual)
    if before.shape != now.shape:
        raise MetricError(
            f"{name}: {now.size} bins against {before.size} of the reference; expected the same"
        )
    psi, noise = stability_index(before, now), stability_noise(before, now)
    return Drift(
        name, int(now.sum()), psi, jensen_shannon(before, now), noise, _verdict(psi, noise, before, now)
    )


def stability_index(expected: ArrayLike, actual: ArrayLike) -> float:
    """Population stability index of counts (B,) against counts (B,): sum of (a - e) ln(a / e) over shares, >= 0.

    Siddiqi 2006, chapter 6. Half a letter is added to each bin that either has, so that an empty one is not
    infinitely far.
    """
    e, a = _shares(expected, actual)
    return float(((a - e) * np.log(a / e)).sum())


def stability_noise(expected: ArrayLike, actual: ArrayLike, *, level: float = NOISE_LEVEL) -> float:
    """What the index of two samples of one population stays below, at the level.

    (1/n + 1/m) times the quantile of chi-square with B - 1 degrees of freedom (Yurdakul & Naranjo 2020), the
    quantile by Wilson & Hilferty 1931. Infinite where either sample is empty.
    """
    before, now = _counts("expected", expected), _counts("actual", actual)
    n, m = float(before.sum()), float(now.sum())
    freedom = int(((before + now) > 0).sum()) - 1
    if n == 0 or m == 0:
        return math.inf
    if freedom < 1:
        return 0.0
    spread = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - spread + NormalDist().inv_cdf(level) * math.sqrt(spread)) ** 3
    return (1.0 / n + 1.0 / m) * quantile


def jensen_shannon(expected: ArrayLike, actual: ArrayLike) -> float:
    """Jensen-Shannon divergence of two counts (B,) in bits, in [0, 1] (Lin 1991); 0 where either is empty."""
    before, now = _counts("expected", expected), _counts("actual", actual)
    if before.sum() == 0 or now.sum() == 0:
        return 0.0
    e, a = before / before.sum(), now / now.sum()
    middle = (e + a) / 2
    return float(min(1.0, max(0.0, _entropy(middle) - (_entropy(e) + _entropy(a)) / 2)))


def _verdict(psi: float, noise: float, before: Floats, now: Floats) -> Verdict:
    if min(before.sum(), now.sum()) < FEW:
        return "few"
    if psi <= noise or psi < WATCH:
        return "steady"
    return "drifted" if psi >= DRIFTED else "watch"


def _counts(name: str, values: ArrayLike) -> Floats:
    counts = np.asarray(values, dtype=np.float64)
    if counts.ndim != 1 or counts.size == 0:
        raise MetricError(f"{name}: shape {counts.shape}, expected counts of at least one bin")
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise MetricError(f"{name}: counts must be finite and not below 0")
    return counts


def _shares(expected: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats]:
    before, now = _counts("expected", expected), _counts("actual", actual)
    seen = (before + now) > 0
    if not seen.any():
        return np.ones(1), np.ones(1)
    e, a = before[seen] + 0.5, now[seen] + 0.5
    return e / e.sum(), a / a.sum()


def _entropy(shares: Floats) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())
