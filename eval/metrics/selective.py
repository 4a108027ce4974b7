"""How much may go without a person, and how much of that is right: always the two together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import Floats, MetricError, finite, same_rows, truths


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What holds when all rows at or above a threshold are kept; one entry per distinct threshold,
    falling.
    """

    threshold: Floats
    share: Floats
    """Share of all rows kept, in (0, 1], rising."""
    accuracy: Floats
    """Share of the kept rows that are right, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A share of the rows and how many of those are right; ``accuracy`` is NaN where nothing is kept."""

    share: float
    accuracy: float
    rows: int
    right: int
    threshold: float = float("nan")


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """The risk–coverage curve (El-Yaniv & Wiener, JMLR 2010): risk is 1 - accuracy, coverage is share.

    ``confidence`` (N,) any finite score, ``correct`` (N,) true or false. Rows of equal score are kept
    together.
    """
    sure, right = finite("confidence", confidence), truths("correct", correct)
    same_rows(confidence=sure, correct=right)
    order = np.argsort(-sure, kind="stable")
    sorted_scores = sure[order]
    last = np.flatnonzero(np.r_[sorted_scores[1:] != sorted_scores[:-1], True])
    kept = last + 1
    return RiskCoverage(
        threshold=sorted_scores[last],
        share=kept / sure.size,
        accuracy=np.cumsum(right[order])[last] / kept,
    )


def largest_share_at(confidence: ArrayLike, correct: ArrayLike, target: float) -> Kept:
    """The largest share of rows that can be kept, best first, while at least ``target`` of them are right.

    The threshold is swept on the rows themselves, so this flatters a little: it is a ceiling, not a promise.
    A share of 0 says that no threshold reaches the target (in [0, 1]).
    """
    if not 0.0 <= target <= 1.0:
        raise MetricError(f"target: {target}, expected 0 to 1")
    curve = risk_coverage(confidence, correct)
    reached = np.flatnonzero(curve.accuracy >= target)
    if reached.size == 0:
        return Kept(share=0.0, accuracy=float("nan"), rows=0, right=0)
    best = int(reached[-1])
    rows = round(float(curve.share[best]) * np.asarray(correct).size)
    return Kept(
        share=float(curve.share[best]),
        accuracy=float(curve.accuracy[best]),
        rows=rows,
        right=round(float(curve.accuracy[best]) * rows),
        threshold=float(curve.threshold[best]),
    )


def kept(decided: ArrayLike, correct: ArrayLike) -> Kept:
    """Share and accuracy together of the rows that a decision kept: ``decided`` (N,), ``correct`` (N,)."""
    chosen, right = truths("decided", decided), truths("correct", correct)
    same_rows(decided=chosen, correct=right)
    rows, good = int(chosen.sum()), int((chosen & right).sum())
    return Kept(
        share=rows / chosen.size,
        accuracy=good / rows if rows else float("nan"),
        rows=rows,
        right=good,
    )
