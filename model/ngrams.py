"""Hashed n-grams: which character runs and words stand where in a text.

Every run of characters has a 64-bit key, a polynomial hash taken from prefix sums, so that all
n-grams and all words of a whole batch are keyed without a Python loop over them. The vocabulary of
a model is then a sorted array of keys: no strings, no pickle, no dictionary to load.

At 64 bits, two of a million distinct n-grams collide with a probability of about 3e-8 (birthday bound).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplication is invertible modulo 2**64
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)

FAMILIES: tuple[str, ...] = ("characters", "words", "title")
"""Kinds of feature, in the order of their numbers."""

CHARACTER_ORDERS = (1, 2, 3, 4)
TITLE_ORDERS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Document:
    """Normalised text of one ticket. ``title`` may be empty."""

    title: str
    content: str

    @property
    def text(self) -> str:
        """Title and content as one text, the way every model reads them."""
        return f"{self.title}。{self.content}" if self.title else self.content

    @property
    def content_start(self) -> int:
        """Where the content begins in :attr:`text`."""
        return len(self.title) + 1 if self.title else 0


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where each feature stands. All arrays have shape (M,), one entry an occurrence.

    ``key`` identifies the feature over all families; ``start`` and ``end`` are offsets in the
    document's :attr:`Document.text`.
    """

    document: I64
    key: U64
    family: NDArray[np.uint8]
    start: I64
    end: I64


def _mix(values: U64) -> U64:
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014): spreads every input bit over the output."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_A
    values = (values ^ (values >> np.uint64(27))) * _MIX_B
    return values ^ (values >> np.uint64(31))


@functools.cache
def _powers(length: int) -> U64:
    powers = np.ones(length + 1, dtype=np.uint64)
    np.multiply.accumulate(np.full(length, _BASE), out=powers[1:])
    return powers


def _prefix(codepoints: U64) -> U64:
    """Prefix hashes H with H[0] = 0 and H[i + 1] = H[i] * BASE + c[i] modulo 2**64; shape (L + 1,).

    Computed as BASE**i times the sum of c[j] * BASE**-(j + 1), which is one cumulative sum.
    """
    length = len(codepoints)
    powers = _powers(_round_up(length))
    inverse = _inverse_powers(_round_up(length))
    sums = np.zeros(length + 1, dtype=np.uint64)
    np.cumsum(codepoints * inverse[1 : length + 1], out=sums[1:])
    prefix: U64 = sums * powers[: length + 1]
    return prefix


def _round_up(length: int) -> int:
    """Next power of two, so that the cached tables are few."""
    return 1 << max(8, length.bit_length())


@functools.cache
def _inverse_powers(length: int) -> U64:
    inverse_base = np.uint64(pow(int(_BASE), -1, 1 << 64))
    powers = np.ones(length + 1, dtype=np.uint64)
    np.multiply.accumulate(np.full(length, inverse_base), out=powers[1:])
    return powers


def _keys(prefix: U64, start: I64, end: I64, salt: int) -> U64:
    powers = _powers(_round_up(len(prefix)))
    raw = prefix[end] - prefix[start] * powers[end - start]
    return _mix(raw ^ np.uint64(salt * int(_MIX_A) % (1 << 64)))


def _codepoints(text: str) -> U64:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    ) + np.uint64(1)


@functools.cache
def word_cutter() -> Callable[[str], list[str]]:
    """jieba's segmentation with its dictionary loaded (0.7 s the first time, then cached)."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    cut: Callable[[str], list[str]] = jieba.lcut
    return cut


@functools.lru_cache(
    maxsize=512
)  # scores, evidence and the search for a second request read one letter in turn
def word_bounds(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Starts and ends of the words of a text, spaces left out."""
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for word in word_cutter()(text):
        following = position + len(word)
        if not word.isspace():
            starts.append(position)
            ends.append(following)
        position = following
    return tuple(starts), tuple(ends)


def occurrences(documents: Sequence[Document]) -> Occurrences:
    """All features of a batch of documents: character 1–4-grams, words and word pairs, title 1–3-grams.

    Returns arrays over all occurrences, grouped by family and order, not sorted by document.
    """
    texts = [document.text for document in documents]
    joined = _codepoints("".join(texts))
    prefix = _prefix(joined)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    title_end = offsets[:-1] + np.array([len(document.title) for document in documents], dtype=np.int64)

    parts: list[tuple[I64, U64, int, I64, I64]] = []
    position = np.arange(len(joined), dtype=np.int64)
    for order in CHARACTER_ORDERS:
        start = position[: max(0, len(joined) - order + 1)]
        start = start[owner[start] == owner[start + order - 1]]
        parts.append((owner[start], _keys(prefix, start, start + order, order), 0, start, start + order))

    word_start: list[int] = []
    word_end: list[int] = []
    for text, offset in zip(texts, offsets[:-1].tolist(), strict=True):
        starts, ends = word_bounds(text)
        word_start.extend(offset + start for start in starts)
        word_end.extend(offset + end for end in ends)
    first, last = np.array(word_start, dtype=np.int64), np.array(word_end, dtype=np.int64)
    word_keys = _keys(prefix, first, last, 11)
    if len(first):
        parts.append((owner[first], word_keys, 1, first, last))
        same = owner[first[:-1]] == owner[first[1:]]
        pair_keys = _mix(word_keys[:-1] * _MIX_B + word_keys[1:])[same]
        parts.append((owner[first[:-1]][same], pair_keys, 1, first[:-1][same], last[1:][same]))

    in_title = position[position < title_end[owner]] if len(joined) else position
    for order in TITLE_ORDERS:
        start = in_title[in_title + order <= title_end[owner[in_title]]]
        parts.append((owner[start], _keys(prefix, start, start + order, 20 + order), 2, start, start + order))

    document = np.concatenate([part[0] for part in parts])
    return Occurrences(
        document=document,
        key=np.concatenate([part[1] for part in parts]),
        family=np.concatenate([np.full(len(part[0]), part[2], dtype=np.uint8) for part in parts]),
        start=np.concatenate([part[3] for part in parts]) - offsets[document],
        end=np.concatenate([part[4] for part in parts]) - offsets[document],
    )
