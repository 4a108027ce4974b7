"""Fits one head on vectors of a frozen encoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.encoder import Head
from model.errors import MissingExtra

F32 = NDArray[np.float32]


def fit_head(
    pooled: F32,
    truth: NDArray[np.int64],
    *,
    classes: int,
    weights: NDArray[np.float64] | None = None,
    strength: float = 1.0,
) -> Head:
    """Multinomial logistic regression from vectors (N, width) to ``classes``; ``strength`` is scikit-learn's C.

    Columns are scaled to unit deviation for the fit and the scale is folded back into the weights. A class
    without letters gets a bias so low that it never wins.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    mean, spread = pooled.mean(axis=0), pooled.std(axis=0).clip(1e-6)
    machine = LogisticRegression(C=strength, max_iter=500)
    machine.fit((pooled - mean) / spread, truth, sample_weight=weights)
    weight = np.zeros((classes, pooled.shape[1]), dtype=np.float32)
    bias = np.full(classes, -20.0, dtype=np.float32)
    rows, offsets = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    for row, place in enumerate(machine.classes_):
        weight[place] = rows[row] / spread
        bias[place] = offsets[row] - float(weight[place] @ mean)
    return Head(weight, bias)
