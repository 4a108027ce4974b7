"""Fingerprints that tell near-copies of a letter without keeping the letter.

MinHash (Broder 1997): the share of equal entries in two fingerprints estimates the Jaccard similarity of the
two sets of character 4-grams, with a standard error of sqrt(J (1 - J) / 128), at most 0.044. A fingerprint
holds hashes of 128 4-grams; the text cannot be read from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag
from itertools import repeat
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.text.normalise import normalised

SIZE = 128
GRAM = 4
FILE = "fingerprints.npz"
"""Where a bundle keeps the fingerprints of the letters that it was trained on."""

NEAR = 0.35
"""Similarity from which letters count as near-copies. One character in ten edited leaves about 0.49 of a long
letter and at least 0.38 of a short one; letters on one topic that were written apart seldom reach 0.2."""

Signatures = NDArray[np.uint32]

_NOTHING = np.uint32(0xFFFF_FFFF)
_GRAMS_AT_ONCE = 4096
_PAIRS_AT_ONCE = 8_000_000

# Multiply-shift hashing (Dietzfelbinger et al. 1997). The seed is part of the bundle format: with another
# one, fingerprints kept in older bundles would resemble nothing.
_random = np.random.default_rng(20170101)
_MULTIPLIERS = _random.integers(0, 2**63, SIZE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _random.integers(0, 2**63, SIZE, dtype=np.uint64)


def fingerprint(text: str) -> Signatures:
    """Fingerprint of a text, shape (128,); of one without any letter or digit, a constant that nothing
    resembles.
    """
    characters = _characters(text)
    lowest = np.full(SIZE, _NOTHING)
    if not characters:
        return lowest
    grams = _gram_hashes(characters)
    for start in range(0, grams.size, _GRAMS_AT_ONCE):
        some = grams[start : start + _GRAMS_AT_ONCE, None]
        hashes = ((some * _MULTIPLIERS + _OFFSETS) >> np.uint64(32)).astype(np.uint32)
        np.minimum(lowest, hashes.min(axis=0), out=lowest)
    return lowest


def fingerprints(texts: Iterable[str]) -> Signatures:
    """Fingerprints of N texts, shape (N, 128), in order."""
    rows = [fingerprint(text) for text in texts]
    return np.stack(rows) if rows else np.empty((0, SIZE), dtype=np.uint32)


def exact_hash(text: str) -> int:
    """64-bit hash of a text's letters and digits after normalising: equal for copies, 0 for a text without
    any.
    """
    characters = _characters(text)
    if not characters:
        return 0
    return int.from_bytes(hashlib.blake2b(characters.encode(), digest_size=8).digest(), "little")


class Labels(IntFlag):
    """Which labels of a letter were learned from."""

    NONE = 0
    DEPARTMENT = 1
    URGENCY = 2
    KIND = 4
    ALL = 7


@dataclass(frozen=True, slots=True)
class KnownTexts:
    """Fingerprints of T texts, as a bundle carries those that it was trained on (265 bytes a text).

    ``exact`` (T,) are exact hashes, ``near`` (T, 128) fingerprints cut to their lower 16 bits: that two
    differing hashes agree by chance rises from 1 in 4 billion to 1 in 65,536, which no estimate notices.
    ``labels`` (T,) are `Labels`.
    """

    exact: NDArray[np.uint64]
    near: NDArray[np.uint16]
    labels: NDArray[np.uint8]

    @classmethod
    def of(cls, texts: Iterable[str], *, labels: Iterable[Labels] | None = None) -> KnownTexts:
        """Fingerprints of ``texts``, each kept once, with all labels that were learned from with it.

        Without ``labels``, one for each text, every label counts as learned from.
        """
        learned: dict[int, Labels] = {}
        near: dict[int, NDArray[np.uint16]] = {}
        for text, label in zip(texts, labels or repeat(Labels.ALL), strict=labels is not None):
            key = exact_hash(text)
            if key and key not in near:
                near[key] = fingerprint(text).astype(np.uint16)
            learned[key] = learned.get(key, Labels.NONE) | label
        return cls(
            exact=np.array(list(near), dtype=np.uint64),
            near=np.stack(list(near.values())) if near else np.empty((0, SIZE), dtype=np.uint16),
            labels=np.array([learned[key] for key in near], dtype=np.uint8),
        )

    def save(self, file: Path) -> None:
        """Write the tables as npz."""
        with file.open("wb") as stream:
            np.savez(stream, exact=self.exact, signatures=self.near, labels=self.labels)

    @classmethod
    def load(cls, file: Path) -> KnownTexts:
        """Read what :meth:`save` wrote. Tables without labels are read too: each may have been learned from.

        Raises FenboError where the file is missing or holds something else.
        """
        try:
            with np.load(file, allow_pickle=False) as tables:
                exact, near = tables["exact"], tables["signatures"]
                labels = tables["labels"] if "labels" in tables else np.full(exact.shape, int(Labels.ALL))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise FenboError(
                f"fingerprints: {file} cannot be read ({error}); copy the bundle again"
            ) from error
        rows = exact.shape
        if (
            exact.dtype != np.uint64
            or near.dtype != np.uint16
            or (labels.shape, near.shape) != (rows, (*rows, SIZE))
        ):
            raise FenboError(f"fingerprints: {file} holds tables of another shape; copy the bundle again")
        return cls(exact, near, labels.astype(np.uint8))


def near_copies(
    query: Signatures, known: Signatures | NDArray[np.uint16], *, threshold: float = NEAR
) -> list[tuple[int, int, float]]:
    """All pairs (query row, known row, estimated Jaccard similarity) that reach ``threshold`` in (0, 1].

    ``query`` (Q, 128) and ``known`` (T, 128); no pair is missed for speed. Fingerprints cut to 16 bits (kept
    so in bundles) are compared by their lower 16 bits. Raises FenboError for other shapes.
    """
    for name, table in (("query", query), ("known", known)):
        if table.ndim != 2 or table.shape[1] != SIZE:
            raise FenboError(f"{name}: fingerprints of shape {table.shape}, expected (rows, {SIZE})")
    if not 0.0 < threshold <= 1.0:
        raise FenboError(f"threshold: {threshold}, expected above 0 and up to 1")
    bits: type[np.uint16 | np.uint32] = np.uint16 if np.uint16 in (query.dtype, known.dtype) else np.uint32
    least = int(np.ceil(threshold * SIZE))
    has_text = ~(known == _NOTHING.astype(known.dtype)).all(axis=1)
    found: list[tuple[int, int, float]] = []
    for start, equal in _equal_entries(query.astype(bits), known.astype(bits)):
        rows, columns = np.nonzero((equal >= least) & has_text)
        found.extend(
            (start + int(row), int(column), int(equal[row, column]) / SIZE)
            for row, column in zip(rows, columns, strict=True)
        )
    return found


def _equal_entries(
    query: NDArray[np.unsignedinteger], known: NDArray[np.unsignedinteger]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Per block of query rows, its start and how many entries each of its rows shares with each known row.

    Known rows are sorted by each entry once, so that only pairs that do share it are touched.
    """
    orders = np.argsort(known, axis=0, kind="stable")
    ordered = np.take_along_axis(known, orders, axis=0)
    block = max(1, _PAIRS_AT_ONCE // max(1, known.shape[0]))
    for start in range(0, query.shape[0], block):
        some = query[start : start + block]
        equal = np.zeros((some.shape[0], known.shape[0]), dtype=np.uint8)
        for entry in range(SIZE):
            first = np.searchsorted(ordered[:, entry], some[:, entry], side="left")
            after = np.searchsorted(ordered[:, entry], some[:, entry], side="right")
            count = after - first
            rows = np.repeat(np.arange(some.shape[0]), count)
            within = np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count)
            equal[rows, orders[np.repeat(first, count) + within, entry]] += np.uint8(1)
        yield start, equal


def _characters(text: str) -> str:
    return "".join(filter(str.isalnum, normalised(text)))


def _gram_hashes(characters: str) -> NDArray[np.uint64]:
    """One well-mixed 64-bit number per 4-gram; a shorter text is one gram."""
    points = np.frombuffer(characters.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    points = np.pad(points, (0, max(0, GRAM - points.size)))
    grams = np.zeros(points.size - GRAM + 1, dtype=np.uint64)
    for place in range(GRAM):
        # 21 bits hold any code point; four of them wrap around 64 bits, which the odd factor spreads.
        grams = grams * np.uint64(0x9E37_79B9_7F4A_7C15) + points[place : place + grams.size]
    return _mixed(np.unique(grams))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return mixed ^ (mixed >> np.uint64(31))
