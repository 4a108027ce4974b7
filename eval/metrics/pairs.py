"""Pairs of tickets: the same matter or not. And clusters made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import MetricError, both_classes, codes, column, finite, same_rows, truths

DIFFERENT, RELATED, SAME = 0, 1, 2


def average_precision(score: ArrayLike, positive: ArrayLike) -> float:
    """Mean precision at each rise of recall, in (0, 1]: sum of (R_n - R_n-1) P_n over thresholds, no
    interpolation.

    ``score`` (N,) is higher for likelier positives, ``positive`` (N,) true or false. Manning et al. 2008,
    8.4.
    """
    scores, true = finite("score", score), truths("positive", positive)
    same_rows(score=scores, positive=true)
    both_classes("positive", true)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    found = np.cumsum(true[order])[last]
    gained = np.diff(np.r_[0, found]) / found[-1]
    return float((gained * found / (last + 1)).sum())


def f1_at(score: ArrayLike, positive: ArrayLike, threshold: float) -> float:
    """F1, in [0, 1], when scores at or above ``threshold`` are called positive; 0 where nothing is found."""
    scores, true = finite("score", score), truths("positive", positive)
    same_rows(score=scores, positive=true)
    both_classes("positive", true)
    called = scores >= threshold
    return float(2 * (called & true).sum() / (called.sum() + true.sum()))


def over_merge_rate(score: ArrayLike, label: ArrayLike, threshold: float) -> float:
    """Share of RELATED pairs, in [0, 1], that score at or above ``threshold`` and so would be wrongly merged.

    ``label`` (N,) is DIFFERENT, RELATED or SAME: related is the hard case, another estate's same complaint.
    """
    scores, labels = finite("score", score), codes("label", label, 3)
    same_rows(score=scores, label=labels)
    related = labels == RELATED
    if not related.any():
        raise MetricError("label: no pair is RELATED (1); over-merging cannot be measured")
    return float((scores[related] >= threshold).mean())


def b_cubed(truth: ArrayLike, predicted: ArrayLike) -> tuple[float, float, float]:
    """Precision, recall and F1 of a clustering, each in (0, 1], averaged over tickets (Bagga & Baldwin 1998).

    ``truth`` (N,) and ``predicted`` (N,) are cluster names or numbers; a ticket alone has a name of its own.
    """
    told, made = column("truth", truth), column("predicted", predicted)
    same_rows(truth=told, predicted=made)
    true_number = np.unique(told, return_inverse=True)[1]
    made_number = np.unique(made, return_inverse=True)[1]
    joint = np.unique(true_number * (made_number.max() + 1) + made_number, return_inverse=True)[1]
    together = np.bincount(joint)[joint]
    precision = float((together / np.bincount(made_number)[made_number]).mean())
    recall = float((together / np.bincount(true_number)[true_number]).mean())
    return precision, recall, 2 * precision * recall / (precision + recall)
