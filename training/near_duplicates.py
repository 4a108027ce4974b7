"""Groups of letters that are near-copies of one another, so that none straddles a split.

Candidates come from MinHash with banding (Broder 1997; Leskovec, Rajaraman & Ullman, "Mining of Massive
Datasets", 3.4) over the fingerprints that bundles carry too; a candidate pair counts only when the exact
Jaccard similarity of its character 4-grams reaches the threshold. Groups are the connected components.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.fingerprints import GRAM, SIZE, Signatures, fingerprint, fingerprints, near_copies
from model.text.normalise import normalised
from model.ticket import Ticket

__all__ = ["THRESHOLD", "fingerprint", "letter_text", "matches", "near_duplicate_groups"]

THRESHOLD = 0.7
"""Jaccard similarity from which two letters are near-copies."""

_CANDIDATE_RECALL = 0.999
_SMALL_BUCKET = 64
_LEADERS = 256
_ESTIMATE_MARGIN = 0.2
"""Five standard errors of a fingerprint's estimate at the default threshold."""

_CACHED_GRAMS = 4096

matches = near_copies
"""All pairs (row of a, row of b, estimated similarity) of two sets of fingerprints that reach a threshold."""


def letter_text(ticket: Ticket) -> str:
    """The text by which letters are compared: title and content."""
    return f"{ticket.title}\n{ticket.content}"


def near_duplicate_groups(texts: Sequence[str], *, threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Group number of each text, shape (N,), counted from 0 in order of first appearance.

    Texts are compared by the letters and digits of their normalised form; those without any are one group.
    Exact copies cost one dictionary look-up each, so a text sent a million times is no harder than one sent
    once. Where more than 64 different texts fall into one bucket, each is compared with the first of its like
    (256 of those at most) in place of all others.

    Parameters
    ----------
    texts
        N texts, see :func:`letter_text`.
    threshold
        Jaccard similarity of the sets of character 4-grams, in (0, 1].

    Raises
    ------
    FenboError
        ``threshold`` outside (0, 1].
    """
    if not 0.0 < threshold <= 1.0:
        raise FenboError(f"threshold: {threshold}, expected above 0 and up to 1")
    distinct, place = _distinct_characters(texts)
    groups = _Groups(len(distinct))
    grams = _Grams(distinct)
    signatures = fingerprints(distinct)
    for bucket in _buckets(signatures, _rows_per_band(threshold)):
        pairs = (
            combinations(bucket.tolist(), 2)
            if bucket.size <= _SMALL_BUCKET
            else _pairs_with_leaders(bucket, signatures, groups, threshold)
        )
        for one, other in pairs:
            if groups.root(one) != groups.root(other) and grams.jaccard(one, other) >= threshold:
                groups.join(one, other)
    roots = np.array([groups.root(index) for index in range(len(distinct))], dtype=np.int64)
    return _numbered(roots[place])


def _distinct_characters(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts as compared, and for each of N texts which of them it is, shape (N,)."""
    index_of_text: dict[str, int] = {}
    index_of_characters: dict[str, int] = {}
    place = np.empty(len(texts), dtype=np.int64)
    for number, text in enumerate(texts):
        index = index_of_text.get(text)
        if index is None:
            characters = "".join(filter(str.isalnum, normalised(text)))
            index = index_of_characters.setdefault(characters, len(index_of_characters))
            index_of_text[text] = index
        place[number] = index
    return list(index_of_characters), place


def _rows_per_band(threshold: float) -> int:
    """The longest band that still brings a pair at the threshold together almost surely.

    With b bands of r rows the chance is 1 - (1 - J^r)^b.
    """
    rows = 1
    while rows < SIZE and 1 - (1 - threshold ** (rows + 1)) ** (SIZE // (rows + 1)) >= _CANDIDATE_RECALL:
        rows += 1
    return rows


def _buckets(signatures: Signatures, rows: int) -> Iterator[NDArray[np.int64]]:
    """Indices of texts whose fingerprints agree in all rows of a band, two or more at a time."""
    for start in range(0, SIZE - rows + 1, rows):
        keys = np.zeros(signatures.shape[0], dtype=np.uint64)
        for row in range(start, start + rows):
            keys = (keys ^ signatures[:, row]) * np.uint64(0x9E37_79B9_7F4A_7C15)
            keys ^= keys >> np.uint64(32)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        yield from (bucket for bucket in np.split(order, edges) if bucket.size > 1)


def _pairs_with_leaders(
    bucket: NDArray[np.int64], signatures: Signatures, groups: _Groups, threshold: float
) -> Iterator[tuple[int, int]]:
    """Pairs of a leader and each text that resembles it; what joined the leader is not asked again."""
    left = bucket
    for _ in range(_LEADERS):
        if left.size < 2:
            return
        leader, left = int(left[0]), left[1:]
        estimate = (signatures[left] == signatures[leader]).mean(axis=1)
        yield from ((leader, other) for other in left[estimate >= threshold - _ESTIMATE_MARGIN].tolist())
        root = groups.root(leader)
        left = np.array([other for other in left.tolist() if groups.root(other) != root], dtype=np.int64)


class _Grams:
    """Exact similarity, keeping the 4-grams of the texts asked for last."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._of = lru_cache(maxsize=_CACHED_GRAMS)(self._cut)

    def jaccard(self, one: int, other: int) -> float:
        left, right = self._of(one), self._of(other)
        shared = len(left & right)
        return shared / (len(left) + len(right) - shared)

    def _cut(self, index: int) -> frozenset[str]:
        text = self._texts[index]
        return frozenset(text[start : start + GRAM] for start in range(max(1, len(text) - GRAM + 1)))


class _Groups:
    """Disjoint sets of the numbers below ``size`` (union by lower number, path halving; Tarjan 1975)."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low


def _numbered(roots: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same groups with numbers from 0 in order of first appearance."""
    _, first, inverse = np.unique(roots, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]
