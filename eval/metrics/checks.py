"""Refuses input that would make a metric lie: wrong shapes, NaN, no rows, classes out of range."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.errors import FenboError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


class MetricError(FenboError):
    """A metric cannot be computed from what was given."""


def column(name: str, values: ArrayLike) -> NDArray[np.generic]:
    """``values`` as one dimension with at least one row."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise MetricError(f"{name}: shape {array.shape}, expected one dimension (rows,)")
    if array.shape[0] == 0:
        raise MetricError(f"{name}: 0 rows; at least one labelled row is needed")
    return array


def finite(name: str, values: ArrayLike) -> Floats:
    """``values`` as finite floats, shape (N,), N >= 1."""
    array = column(name, values)
    if array.dtype.kind not in "fiub":
        raise MetricError(f"{name}: values of type {array.dtype}, expected numbers")
    floats = array.astype(np.float64)
    bad = int((~np.isfinite(floats)).sum())
    if bad:
        raise MetricError(f"{name}: {bad} of {floats.size} values are NaN or infinite; leave those rows out")
    return floats


def fractions(name: str, values: ArrayLike) -> Floats:
    """``values`` as floats in [0, 1], shape (N,)."""
    floats = finite(name, values)
    if floats.min() < 0.0 or floats.max() > 1.0:
        raise MetricError(f"{name}: values from {floats.min():g} to {floats.max():g}, expected 0 to 1")
    return floats


def truths(name: str, values: ArrayLike) -> Bools:
    """``values`` as booleans, shape (N,); 0 and 1 are read too."""
    array = column(name, values)
    if array.dtype.kind == "b":
        return array.astype(np.bool_)
    if array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all():
        raise MetricError(f"{name}: expected only true/false or 0/1")
    return array.astype(np.bool_)


def codes(name: str, values: ArrayLike, classes: int) -> Ints:
    """``values`` as class numbers in 0..classes-1, shape (N,)."""
    array = column(name, values)
    if array.dtype.kind not in "iu":
        raise MetricError(f"{name}: values of type {array.dtype}, expected whole class numbers")
    if array.min() < 0 or array.max() >= classes:
        raise MetricError(
            f"{name}: class numbers from {array.min()} to {array.max()}, expected 0 to {classes - 1}"
        )
    return array.astype(np.intp)


def distributions(name: str, values: ArrayLike) -> Floats:
    """``values`` as probabilities of K >= 1 classes, shape (N, K), each row summing to 1 within 0.001."""
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise MetricError(f"{name}: shape {array.shape}, expected (rows, classes)")
    flat = fractions(name, array.reshape(-1)).reshape(array.shape)
    sums = flat.sum(axis=1)
    worst = int(np.abs(sums - 1.0).argmax())
    if abs(sums[worst] - 1.0) > 1e-3:
        raise MetricError(f"{name}: row {worst} sums to {sums[worst]:.4f}, expected 1")
    return flat


def same_rows(**columns: NDArray[np.generic]) -> None:
    """Refuse columns of different lengths."""
    lengths = {name: values.shape[0] for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise MetricError(f"rows differ: {told}; every column needs one value a row")


def both_classes(name: str, positive: Bools) -> None:
    """Refuse a column of one class, where the metric would not be defined."""
    count = int(positive.sum())
    if count == 0 or count == positive.size:
        which = "positive" if count else "negative"
        raise MetricError(f"{name}: all {positive.size} rows are {which}; rows of both classes are needed")
