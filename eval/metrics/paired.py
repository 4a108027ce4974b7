"""Two models on the same rows."""

from __future__ import annotations

from eval.metrics.checks import MetricError
from eval.metrics.intervals import binomial_tail


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value, in (0, 1], that two models are equally often right (McNemar 1947; binomial
    form).

    ``gained`` rows only the second model gets right, ``lost`` only the first. Rows must be independent.
    """
    _check(gained, lost)
    return min(1.0, 2.0 * binomial_tail(min(gained, lost), gained + lost, 0.5))


def chance_of_loss(gained: int, lost: int) -> float:
    """One-sided p-value, in (0, 1]: how often an equally good second model would lose at least this much by
    chance.
    """
    _check(gained, lost)
    return binomial_tail(gained, gained + lost, 0.5)


def holm(p_values: list[float]) -> list[float]:
    """p-values of several tests at once, each in [0, 1], such that one false alarm among all is as rare as
    told (Holm 1979).
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _check(gained: int, lost: int) -> None:
    if gained < 0 or lost < 0:
        raise MetricError(f"gained {gained}, lost {lost}: expected counts of 0 or more")
