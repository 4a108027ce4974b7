"""How many labels are wrong, and so how right even a perfect model could look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from eval.departments import RoutedTickets
from eval.metrics.bootstrap import Resampling, by_group, drawn_from_sums, normal_limits
from eval.metrics.checks import Floats, Ints
from eval.metrics.measure import Measure, not_measured, number

ENOUGH_PAIRS = 30
MOST_OF_A_GROUP = 20
"""Letters of one group that are paired; a campaign of hundreds must not drown the rest."""


def label_noise(rows: RoutedTickets, groups: Sequence[str]) -> dict[str, Any]:
    """Label noise as in ``schema.json``; ``groups`` (N,) name each ticket's near-copies, empty for a letter
    alone.

    From copies where there are enough pairs, else by confident learning, comes the ceiling: the accuracy
    that a model which is always right would show against labels of which that share is wrong; null where the
    bundle itself reached more.
    """
    pairs, disagreeing, wrong = noise_from_copies(rows.truth, groups, draws=rows.resampling.draws)
    confident = noise_from_confidence(rows.truth, rows.probabilities)
    believed = wrong.value if pairs >= ENOUGH_PAIRS else confident
    # Confident learning takes a weak model's errors for wrong labels; a ceiling below what was reached is none.
    ceiling = 1.0 - believed if 1.0 - believed >= rows.correct.mean() else math.nan
    return {
        "pairs": pairs,
        "disagreeing": disagreeing,
        "from_copies": wrong.as_json(),
        "from_confidence": number(confident),
        "ceiling": number(ceiling),
    }


def noise_from_copies(truth: Ints, groups: Sequence[str], *, draws: int) -> tuple[int, int, Measure]:
    """Pairs of near-copies, those with two labels, and the share of wrong labels, in [0, 0.5], that this
    shows.

    Were each label wrong with chance e, independently and seldom the same way, two copies would agree with
    chance (1 - e)²; solved for e.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        if group:
            members.setdefault(group, []).append(row)
    pairs = [
        (place, truth[one] != truth[other])
        for place, rows in enumerate(members.values())
        for one, other in combinations(rows[:MOST_OF_A_GROUP], 2)
    ]
    if not pairs:
        return 0, 0, not_measured()
    differ = np.array([differs for _, differs in pairs], dtype=np.float64)
    sampling: Resampling = by_group([place for place, _ in pairs], draws=draws)
    parts = np.column_stack([differ, np.ones(differ.size)])
    value = float(_wrong(parts.sum(axis=0, keepdims=True))[0])
    low, high = normal_limits(value, drawn_from_sums(parts, _wrong, sampling), sampling)
    told = Measure(value, max(0.0, low), min(1.0, high), differ.size)
    return differ.size, int(differ.sum()), told


def noise_from_confidence(truth: Ints, probabilities: Floats) -> float:
    """Share of labels, in [0, 1], that confident learning holds for wrong (Northcutt, Jiang & Chuang, JAIR
    2021).

    ``truth`` (N,), ``probabilities`` (N, K) of a model that was not trained on these rows. A letter speaks
    for a
    class whose probability reaches that class's own average; the counts are calibrated to each label's rows.
    """
    classes = probabilities.shape[1]
    support = np.bincount(truth, minlength=classes)
    own = np.bincount(truth, weights=probabilities[np.arange(truth.size), truth], minlength=classes)
    average = np.divide(own, support, out=np.full(classes, np.inf), where=support > 0)
    confident = np.where(probabilities >= average, probabilities, -1.0)
    guess = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    joint = np.zeros((classes, classes))
    np.add.at(joint, (truth[counted], guess[counted]), 1.0)
    sums = joint.sum(axis=1)
    kept = np.divide(np.diagonal(joint), sums, out=np.ones(classes), where=sums > 0)
    return float(((1.0 - kept) * support).sum() / truth.size)


def _wrong(sums: Floats) -> Floats:
    wrong: Floats = 1.0 - np.sqrt(1.0 - sums[:, 0] / sums[:, 1])
    return wrong
