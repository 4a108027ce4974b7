"""Near-copies among the letters of an evaluation: they count as one piece of evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.fingerprints import SIZE, Signatures

SIMILAR = 0.6
"""Estimated Jaccard similarity from which two letters belong to one group."""

_ROWS_PER_BAND = 4


def near_copy_groups(signatures: Signatures, *, threshold: float = SIMILAR) -> NDArray[np.intp]:
    """Group number of each fingerprint, shape (N,), from ``signatures`` (N, 128).

    Candidates share one of 32 bands of 4 entries (Leskovec, Rajaraman & Ullman, 3.4: a pair of similarity
    0.7 is met with probability 0.9998) and are linked to the band's first letter and to their neighbour in
    it, so that work grows with N alone. Groups are what hangs together; letters without text stay alone.
    """
    bytes_a_row = np.dtype((np.void, signatures.dtype.itemsize * SIZE))
    whole = np.ascontiguousarray(signatures).view(bytes_a_row)[:, 0]
    _, distinct, place = np.unique(whole, return_index=True, return_inverse=True)
    groups = _linked(signatures[distinct], threshold)[place]
    empty = np.flatnonzero((signatures == np.iinfo(signatures.dtype).max).all(axis=1))
    groups[empty] = distinct.size + np.arange(empty.size)
    return np.unique(groups, return_inverse=True)[1].astype(np.intp)


def _linked(signatures: Signatures, threshold: float) -> NDArray[np.intp]:
    """A number for each of the different fingerprints, the same for those that hang together."""
    parent = np.arange(signatures.shape[0])
    for start in range(0, SIZE, _ROWS_PER_BAND):
        first, second = _candidates(signatures[:, start : start + _ROWS_PER_BAND])
        alike = (signatures[first] == signatures[second]).mean(axis=1) >= threshold
        for one, other in zip(first[alike], second[alike], strict=True):
            _join(parent, int(one), int(other))
    return np.array([_root(parent, row) for row in range(parent.size)], dtype=np.intp)


def _candidates(band: Signatures) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of rows with the same band: each with the first of its bucket, and with the one before it."""
    order = np.lexsort(band.T[::-1])
    ordered = band[order]
    same = np.append(False, (ordered[1:] == ordered[:-1]).all(axis=1))
    begin = np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))
    place = np.flatnonzero(same)
    return np.r_[order[begin[place]], order[place - 1]], np.r_[order[place], order[place]]


def _root(parent: NDArray[np.intp], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = int(parent[row])
    return row


def _join(parent: NDArray[np.intp], one: int, other: int) -> None:
    first, second = _root(parent, one), _root(parent, other)
    parent[max(first, second)] = min(first, second)
