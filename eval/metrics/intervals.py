"""How far a measured share may be from the truth: exact and score intervals of a binomial share."""

from __future__ import annotations

import math
from statistics import NormalDist

from eval.metrics.checks import MetricError


def wilson(right: float, rows: float, *, level: float = 0.95) -> tuple[float, float]:
    """Score interval of the share ``right`` / ``rows``, in [0, 1] (Wilson 1927).

    Rows must be independent; a number of rows that is not whole is an effective one, of rows that are not.
    """
    _check(right, rows, level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = right / rows
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    low = 0.0 if right == 0 else max(0.0, centre - half)
    high = 1.0 if right == rows else min(1.0, centre + half)
    return low, high


def clopper_pearson(right: int, rows: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the share ``right`` / ``rows``, in [0, 1] (Clopper & Pearson 1934): covers at least
    ``level``.
    """
    _check(right, rows, level)
    tail = (1 - level) / 2
    low = 0.0 if right == 0 else _beta_quantile(tail, right, rows - right + 1)
    high = 1.0 if right == rows else _beta_quantile(1 - tail, right + 1, rows - right)
    return low, high


def binomial_tail(most: int, rows: int, share: float) -> float:
    """Probability of at most ``most`` successes in ``rows`` draws of chance ``share`` (DLMF 8.17.5)."""
    if most < 0:
        return 0.0
    if most >= rows:
        return 1.0
    return regularised_beta(1.0 - share, rows - most, most + 1)


def regularised_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for x in [0, 1] and a, b > 0 (DLMF 8.17.22)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - regularised_beta(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a / _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """The fraction 1 + d1/(1 + d2/(1 + …)) of DLMF 8.17.22, by the modified Lentz method (Thompson & Barnett
    1986).
    """
    tiny = 1e-300
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        half = step // 2
        if step % 2 == 0:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        lower = 1.0 / ((1.0 + term * lower) or tiny)
        upper = (1.0 + term / upper) or tiny
        value *= upper * lower
        if abs(upper * lower - 1.0) < 1e-16:
            return value
    raise MetricError(f"the beta function of {a:g} and {b:g} at {x:g} did not settle")


def _beta_quantile(probability: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if regularised_beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle


def _check(right: float, rows: float, level: float) -> None:
    if rows <= 0:
        raise MetricError(f"rows: {rows}, expected more than 0")
    if not 0 <= right <= rows:
        raise MetricError(f"right: {right}, expected 0 to {rows}")
    if not 0.0 < level < 1.0:
        raise MetricError(f"level: {level}, expected between 0 and 1")
