"""The live candidate index: nearest vectors within a window of weeks and an area.

Up to EXACT rows every vector is compared. Above, tickets are first compared by a sketch of 127 bits, see
:mod:`axes`; the best of those are then compared by their vectors, kept as int8. Approximate, yet with recall above
0.98; and unlike a graph it takes a ticket in constant time, forgets a week by dropping its arrays, and is read
from front to back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import simsimd
from numpy.typing import NDArray

from model.errors import FenboError

from .axes import BITS, WORDS, Axes
from .shard import Shard

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

EXACT = 5_000
"""A search among so few rows compares every vector."""
AXES_AT = 5_000
"""From this many rows on, the principal axes are worth fitting; the index wants them then."""
EVERYWHERE = 200_000
"""Up to this many rows a search crosses areas; above, it keeps to its own and to unplaced tickets."""
_SCALE = np.float32(127.0)
"""int8 steps a unit where vectors are kept as they are: the largest component of a unit vector still fits."""
_STRETCH = np.float32(4.0)
"""On axes turned at random no component stands out: those of a unit vector in K dimensions spread by 1/√K, and all
but a few in 100,000 stay within four times that, so that int8 steps can be finer. Of 256, cosines are right to
0.001, which among a million tickets parts the twentieth nearest from the thirtieth."""
_SHORTLIST = 2_000
_LONGEST_SHORTLIST = 20_000
_SHORTLIST_SHARE = 0.015
_BLOCK = 16
_CHUNK = 1 << 16

Key = tuple[str, int]
"""(area, week); area is empty for tickets without a known place."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest tickets, nearest first: numbers (K,) and approximate cosines (K,)."""

    numbers: I64
    similarity: F32


class VectorIndex:
    """Vectors of the live tickets by area and week. Not thread-safe: one process and one thread own it.

    ``axes``: what vectors are expressed on and sketched by; None to keep them as they are and compare every one.
    """

    def __init__(self, dimensions: int, *, axes: Axes | None = None) -> None:
        if dimensions < 1:
            raise FenboError(f"index dimensions is {dimensions}; expected at least 1")
        if axes is not None and (len(axes.turned), axes.planes.shape) != (dimensions, (dimensions, BITS)):
            raise FenboError(
                f"index axes have shapes {axes.turned.shape} and {axes.planes.shape}; expected"
                f" ({dimensions}, K) and ({dimensions}, {BITS})"
            )
        self.dimensions = dimensions
        self.axes = axes
        self._scale = _SCALE if axes is None else _SCALE * np.sqrt(np.float32(axes.kept)) / _STRETCH
        self.shards: dict[Key, Shard] = {}
        self.rows = 0

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        return sum(shard.nbytes for shard in self.shards.values())

    def add(self, number: int, vector: F32, *, area: str, week: int) -> None:
        """Add ticket ``number`` (below 2**32) with its vector (D,) of unit length."""
        self.add_many(np.array([number], dtype=np.uint32), vector[None, :], area=area, week=week)

    def add_many(self, numbers: U32, vectors: F32, *, area: str, week: int) -> None:
        """Add tickets (N,) of one area and week with their vectors (N, D)."""
        shard = self.shards.get((area, week))
        if shard is None:
            kept = self.dimensions if self.axes is None else self.axes.kept
            shard = self.shards[area, week] = Shard.empty(kept, 0 if self.axes is None else WORDS)
        codes, sketches = self._coded(vectors)
        shard.extend(codes, sketches, numbers)
        self.rows += len(numbers)

    def adopt(self, key: Key, shard: Shard) -> None:
        """Take over a shard read from a snapshot."""
        self.shards[key] = shard
        self.rows += shard.rows

    def drop_before(self, week: int) -> int:
        """Forget all weeks before ``week``; returns how many vectors went."""
        dropped = sum(self.shards.pop(key).rows for key in [key for key in self.shards if key[1] < week])
        self.rows -= dropped
        return dropped

    def trim_before(self, week: int) -> None:
        """Give back the spare capacity of weeks before ``week``."""
        for (_, its), shard in self.shards.items():
            if its < week:
                shard.trim()

    def vectors(self, key: Key) -> F32:
        """The vectors of one shard (rows, D), as far as their codes and axes hold them."""
        shard = self.shards[key]
        kept: F32 = shard.codes[: shard.rows].astype(np.float32) / self._scale
        return kept if self.axes is None else kept @ self.axes.turned.T

    def search(self, vector: F32, *, most: int, area: str = "", weeks: range | None = None) -> Neighbours:
        """The ``most`` nearest tickets to ``vector`` (D,) among those of ``weeks`` (all when None).

        With an ``area``, and once there are more than EVERYWHERE rows, only that area's tickets and those
        without a known place are searched.
        """
        shards = list(self._searched(area, weeks))
        total = sum(shard.rows for shard in shards)
        if most < 1 or not total:
            return Neighbours(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        codes, sketches = self._coded(vector[None, :])
        if self.axes is None or total <= EXACT:
            chosen = np.arange(total, dtype=np.int64)
        else:
            shortlist = min(max(_SHORTLIST, int(total * _SHORTLIST_SHARE)), _LONGEST_SHORTLIST)
            distances = np.concatenate([_distances(sketches, shard) for shard in shards])
            chosen = _nearest(distances, max(shortlist, 4 * most))
        scores = _scores(codes[0], shards, chosen)
        kept = (
            np.sort(np.argpartition(-scores, most)[:most]) if len(scores) > most else np.arange(len(scores))
        )
        order = kept[np.argsort(-scores[kept], kind="stable")]
        numbers = _numbers(shards, chosen[order])
        return Neighbours(numbers, (scores[order] / (self._scale * self._scale)).astype(np.float32))

    def _searched(self, area: str, weeks: range | None) -> Iterator[Shard]:
        everywhere = not area or self.rows <= EVERYWHERE
        for (its_area, week), shard in self.shards.items():
            if shard.rows and (weeks is None or week in weeks) and (everywhere or its_area in (area, "")):
                yield shard

    def _coded(self, vectors: F32) -> tuple[I8, U64]:
        if self.axes is None:
            return _quantised(vectors, self._scale), np.empty((0, len(vectors)), dtype=np.uint64)
        sides = np.zeros((len(vectors), WORDS * 64), dtype=bool)
        sides[:, :BITS] = vectors @ self.axes.planes > 0
        words = np.packbits(sides, axis=1).view(np.uint64)
        return _quantised(vectors @ self.axes.turned, self._scale), np.ascontiguousarray(words.T)


def _quantised(vectors: F32, scale: np.float32) -> I8:
    codes: I8 = np.clip(np.rint(vectors * scale), -127, 127).astype(np.int8)
    return codes


def _distances(sketch: U64, shard: Shard) -> U8:
    """Number of bits in which each row differs from ``sketch`` (W, 1); shape (rows,)."""
    result = np.empty(shard.rows, dtype=np.uint8)
    for start in range(0, shard.rows, _CHUNK):
        end = min(start + _CHUNK, shard.rows)
        differing = np.bitwise_count(shard.sketches[:, start:end] ^ sketch)
        np.add.reduce(differing, axis=0, dtype=np.uint8, out=result[start:end])
    return result


def _nearest(distances: U8, most: int) -> I64:
    """Ascending offsets of the ``most`` smallest distances, or more, up to 4 · ``most``.

    The most-th smallest of the block minima is no smaller than the most-th smallest distance, so all of the
    nearest are within it; one pass over the distances, where a partition would take several.
    """
    if len(distances) <= most:
        return np.arange(len(distances), dtype=np.int64)
    # Strided blocks: the minimum over the first axis is taken row by row, which is fast.
    whole = len(distances) // _BLOCK * _BLOCK
    minima = distances[:whole].reshape(_BLOCK, -1).min(axis=0) if whole // _BLOCK > most else distances
    # A stable sort of bytes is a radix sort, several times faster than a partition.
    bound = np.sort(minima, kind="stable")[most - 1]
    found = np.flatnonzero(distances <= bound).astype(np.int64)
    if len(found) > 4 * most:
        # Copies of one text tie in any number: of a tie the latest are kept.
        order = np.argsort(-distances[found].astype(np.int16), kind="stable")[-most:]
        found = np.sort(found[order])
    return found


def _scores(code: I8, shards: Sequence[Shard], chosen: I64) -> F32:
    """Dot product of ``code`` (K,) with the rows at ``chosen``, ascending offsets over ``shards``."""
    rows = np.concatenate([shard.codes[inside] for shard, inside in _parts(shards, chosen)])
    return np.asarray(simsimd.dot(code[None, :], rows), dtype=np.float32).ravel()


def _numbers(shards: Sequence[Shard], offsets: I64) -> I64:
    order = np.argsort(offsets, kind="stable")
    result = np.empty(len(offsets), dtype=np.int64)
    parts = [shard.numbers[inside] for shard, inside in _parts(shards, offsets[order])]
    result[order] = np.concatenate(parts)
    return result


def _parts(shards: Sequence[Shard], ascending: I64) -> Iterator[tuple[Shard, I64 | slice]]:
    """Each shard that some of the offsets lie in, with its own rows among them."""
    ends = np.cumsum([shard.rows for shard in shards])
    lasts = np.searchsorted(ascending, ends)
    first = 0
    for shard, end, last in zip(shards, ends.tolist(), lasts.tolist(), strict=True):
        if last - first == shard.rows:
            yield shard, slice(0, shard.rows)
        elif last > first:
            yield shard, ascending[first:last] - (end - shard.rows)
        first = last
