"""Right or wrong, and where the wrong ones go. Classes are numbers 0..K-1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import Floats, Ints, MetricError, codes, distributions, same_rows


def accuracy(truth: ArrayLike, predicted: ArrayLike, *, classes: int) -> float:
    """Share of rows, in [0, 1], whose class was predicted; ``truth`` and ``predicted`` (N,)."""
    told, guessed = _both(truth, predicted, classes)
    return float((told == guessed).mean())


def ranks(truth: ArrayLike, probabilities: ArrayLike) -> Ints:
    """Place of the true class among the K, shape (N,), from 0 for the likeliest.

    Equal probabilities stand in the order of their class numbers, as ``argmax`` takes them.
    """
    likely = distributions("probabilities", probabilities)
    classes = likely.shape[1]
    told = codes("truth", truth, classes)
    same_rows(truth=told, probabilities=likely)
    own = likely[np.arange(told.size), told][:, None]
    before = np.arange(classes)[None, :] < told[:, None]
    place: Ints = ((likely > own) | ((likely == own) & before)).sum(axis=1)
    return place


def top_k_accuracy(truth: ArrayLike, probabilities: ArrayLike, k: int) -> float:
    """Share of rows, in [0, 1], whose true class is among the ``k`` likeliest of ``probabilities`` (N, K)."""
    if k < 1:
        raise MetricError(f"k: {k}, expected 1 or more")
    return float((ranks(truth, probabilities) < k).mean())


def confusion(truth: ArrayLike, predicted: ArrayLike, *, classes: int) -> Ints:
    """Counts, shape (K, K): row is the true class, column the predicted one."""
    told, guessed = _both(truth, predicted, classes)
    flat = np.bincount(told * classes + guessed, minlength=classes * classes)
    return flat.reshape(classes, classes)


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Per class, each of shape (K,): precision, recall and F1 in [0, 1] (0 where undefined), and counts."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Ints
    predicted: Ints
    right: Ints


def class_table(counts: Ints) -> ClassTable:
    """Precision, recall and F1 of each class from a confusion matrix (K, K).

    F1 = 2 right / (support + predicted), the harmonic mean of precision and recall (van Rijsbergen 1979).
    """
    right = np.diagonal(counts).copy()
    support, predicted = counts.sum(axis=1), counts.sum(axis=0)
    return ClassTable(
        precision=_share(right, predicted),
        recall=_share(right, support),
        f1=_share(2 * right, support + predicted),
        support=support,
        predicted=predicted,
        right=right,
    )


def macro_f1(table: ClassTable, *, min_support: int = 0) -> float:
    """Mean F1, in [0, 1], over classes with at least ``min_support`` true rows.

    With 0, over classes that are true or predicted at least once, as scikit-learn does.
    """
    counted = table.support >= min_support if min_support > 0 else table.support + table.predicted > 0
    if not counted.any():
        raise MetricError(
            f"min_support: no class has {min_support} or more labelled rows; choose a smaller one"
        )
    return float(table.f1[counted].mean())


def weighted_f1(table: ClassTable) -> float:
    """Mean F1, in [0, 1], of the classes weighted by their true rows."""
    return float((table.f1 * table.support).sum() / table.support.sum())


def _both(truth: ArrayLike, predicted: ArrayLike, classes: int) -> tuple[Ints, Ints]:
    told = codes("truth", truth, classes)
    guessed = codes("predicted", predicted, classes)
    same_rows(truth=told, predicted=guessed)
    return told, guessed


def _share(part: Ints, whole: Ints) -> Floats:
    return np.divide(part, whole, out=np.zeros(part.shape, dtype=np.float64), where=whole > 0)
