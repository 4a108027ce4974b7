"""One area in one week: the vectors of its tickets as int8, and a sketch of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int8]
U64 = NDArray[np.uint64]
U32 = NDArray[np.uint32]

_FIRST_CAPACITY = 64


@dataclass(slots=True)
class Shard:
    """Rows are appended and never removed: a shard is dropped whole.

    ``codes`` (capacity, K) are the quantised vectors, ``sketches`` (W, capacity) one bit an axis, ``numbers``
    (capacity,) the tickets; only the first ``rows`` count.
    """

    codes: I8
    sketches: U64
    numbers: U32
    rows: int = 0
    saved_rows: int = -1
    """Rows that the snapshot on disk holds; -1 when it holds none of this shard."""

    @classmethod
    def empty(cls, axes: int, words: int) -> Shard:
        """A shard without rows for vectors of ``axes`` components and sketches of ``words`` words."""
        return cls(
            np.empty((0, axes), dtype=np.int8),
            np.empty((words, 0), dtype=np.uint64),
            np.empty(0, dtype=np.uint32),
        )

    @property
    def nbytes(self) -> int:
        """Bytes held, spare capacity included."""
        return self.codes.nbytes + self.sketches.nbytes + self.numbers.nbytes

    def extend(self, codes: I8, sketches: U64, numbers: U32) -> None:
        """Append vectors (N, K), their sketches (W, N) and tickets (N,); amortised constant time a row."""
        rows = self.rows + len(numbers)
        if rows > len(self.numbers):
            self._resize(max(_FIRST_CAPACITY, rows, self.rows + self.rows // 4))
        self.codes[self.rows : rows] = codes
        self.sketches[:, self.rows : rows] = sketches
        self.numbers[self.rows : rows] = numbers
        self.rows = rows

    def trim(self) -> None:
        """Give back spare capacity, once the week is over."""
        if len(self.numbers) > self.rows:
            self._resize(self.rows)

    def _resize(self, capacity: int) -> None:
        codes = np.empty((capacity, self.codes.shape[1]), dtype=np.int8)
        sketches = np.empty((len(self.sketches), capacity), dtype=np.uint64)
        numbers = np.empty(capacity, dtype=np.uint32)
        codes[: self.rows] = self.codes[: self.rows]
        sketches[:, : self.rows] = self.sketches[:, : self.rows]
        numbers[: self.rows] = self.numbers[: self.rows]
        self.codes, self.sketches, self.numbers = codes, sketches, numbers
