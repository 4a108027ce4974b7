"""Character n-grams of one text as weighted buckets, and how rare each bucket is.

Weights are sublinear tf times idf, ``(1 + ln tf) · ln((1 + N) / (1 + df))``, scaled to unit length
(Salton and Buckley 1988), so that the dot product of two texts is their cosine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.text.normalise import normalised

BUCKETS = 1 << 20
ORDERS = (1, 2, 3)
RUN = 4
"""Length of the runs that count as a shared wording: four characters rarely meet by chance."""
MOST_GRAMS = 256
MOST_RUNS = 128
LONGEST = 2000
"""Characters of a text that are read; what a letter says later adds little to what it is about."""

_PLACEHOLDER = re.compile(r"\[[A-Z]{2,8}\]")
_SKIPPED = re.compile(r"[^0-9a-z\u3400-\u9fff\U00020000-\U0003ffff]+")
_PRIMES = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grams:
    """Distinct buckets (G,) in [0, BUCKETS), weights (G,); ``runs`` (R,) are the rarest 4-character runs."""

    keys: U32
    weights: F32
    runs: U32


def plain(text: str) -> str:
    """The normal form of ``text`` without punctuation, white space and placeholders."""
    return _SKIPPED.sub("", _PLACEHOLDER.sub("", normalised(text[: 2 * LONGEST])))[:LONGEST]


def _hashed(text: str, order: int) -> U32:
    """Bucket of every run of ``order`` characters, in order of appearance."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    count = len(codes) - order + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint32)
    mixed = np.full(count, order * 0x165667B1, dtype=np.uint32)
    for position in range(order):
        mixed = (mixed ^ codes[position : position + count]) * np.uint32(_PRIMES[position])
        mixed ^= mixed >> np.uint32(15)
    return (mixed >> np.uint32(12)).astype(np.uint32)


class Rarity:
    """Inverse document frequency of every bucket, shape (BUCKETS,), natural logarithm."""

    def __init__(self, idf: F32) -> None:
        if idf.shape != (BUCKETS,):
            raise FenboError(f"rarity table has shape {idf.shape}; expected ({BUCKETS},)")
        self.idf = idf

    @classmethod
    def fitted(cls, texts: Iterable[str]) -> Rarity:
        """Count in how many of ``texts`` each bucket occurs."""
        counts = np.zeros(BUCKETS, dtype=np.int64)
        total = 0
        for text in texts:
            total += 1
            reduced = plain(text)
            keys = np.concatenate([_hashed(reduced, order) for order in (*ORDERS, RUN)])
            counts[np.unique(keys)] += 1
        return cls(np.log((1 + total) / (1 + counts)).astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> Rarity:
        """Read what :meth:`save` wrote.

        Raises:
            FenboError: the file is missing or is not a rarity table.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                levels, scale = stored["levels"], float(stored["scale"])
        except (OSError, KeyError, ValueError) as error:
            raise FenboError(f"cannot read rarity table {path}: {error}") from error
        return cls(levels.astype(np.float32) * np.float32(scale))

    def save(self, path: Path) -> None:
        """Write as bytes: idf in 256 steps, which moves no cosine by more than 0.003."""
        scale = float(self.idf.max()) / 255 or 1.0
        levels = np.rint(self.idf / scale).astype(np.uint8)
        np.savez_compressed(path, levels=levels, scale=np.float32(scale))

    def grams(self, text: str) -> Grams:
        """Weighted n-grams of ``text``; the weightiest MOST_GRAMS and the rarest MOST_RUNS are kept."""
        reduced = plain(text)
        keys, counts = np.unique(
            np.concatenate([_hashed(reduced, order) for order in ORDERS]), return_counts=True
        )
        weights = (1.0 + np.log(counts.astype(np.float32))) * self.idf[keys]
        keys, weights = _weightiest(keys, weights, MOST_GRAMS)
        norm = float(np.linalg.norm(weights))
        weights = weights / norm if norm > 0 else weights
        runs = np.unique(_hashed(reduced, RUN))
        runs, _ = _weightiest(runs, self.idf[runs], MOST_RUNS)
        return Grams(keys, weights.astype(np.float32), runs)


def _weightiest(keys: U32, weights: F32, most: int) -> tuple[U32, F32]:
    if len(keys) <= most:
        return keys, weights
    kept = np.sort(np.argpartition(weights, -most)[-most:])
    return keys[kept], weights[kept]
