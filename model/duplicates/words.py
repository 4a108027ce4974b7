"""Words of the language as vectors: what a letter means, without running an encoder over it.

The table is distilled from an encoder once: each word is encoded alone, centred on the mean of running text and
turned onto the principal axes (Tulkens and van Dongen 2024, "Model2Vec"). A letter is the mean of its words, each
by ``(1 + ln tf) · idf^1.5``, twice that in its title or first sentence (Arora et al. 2017 weigh by rarity likewise),
centred on the mean of letters. Such vectors find more of the annotated pairs than an encoder that was fine-tuned to
departments, at a hundredth of the time, and they do not change when a bundle is trained anew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.text.normalise import normalised

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]
U16 = NDArray[np.uint16]

READ = 2000
"""Characters of a letter that are read."""
ALIGNED_AXES = 64
"""Leading components by which single words are compared."""
MOST_WORDS = 96
"""Distinct words kept of a letter, the rarest first."""
HEAD = 60
"""Characters of the title, or of the first sentence, that are read as what the letter is about."""

_HEAD_WEIGHT = 2.0
_LONGEST_TABLE = 1 << 16
_PLACEHOLDER = re.compile(r"\[[A-Z]{2,8}\]")
_RUN = re.compile(r"[0-9a-z\u3400-\u9fff\U00020000-\U0003ffff]+")
_SENTENCE_END = re.compile(r"[。！？!?；;\n]")


@dataclass(frozen=True)
class WordTable:
    """W words with their vectors (W, D), int8, most telling component first; ``rarity`` (W,) is their idf.

    ``mean`` (D,) is the mean of letters' vectors. Thread-safe.
    """

    words: tuple[str, ...]
    codes: I8
    rarity: F32
    mean: F32

    def __post_init__(self) -> None:
        if not self.words or len(self.words) >= _LONGEST_TABLE:
            raise FenboError(
                f"word table has {len(self.words)} words; expected 1 to {_LONGEST_TABLE - 1} of them"
            )
        if self.codes.shape != (len(self.words), len(self.mean)) or self.rarity.shape != (len(self.words),):
            raise FenboError(
                f"word table has vectors {self.codes.shape}, rarities {self.rarity.shape} and a mean"
                f" {self.mean.shape} for {len(self.words)} words"
            )

    @property
    def dimensions(self) -> int:
        """Components of a letter's vector."""
        return len(self.mean)

    @cached_property
    def fingerprint(self) -> str:
        """Name of this very table: vectors of another must not be compared with its own."""
        parts = ("\n".join(self.words).encode(), self.codes.tobytes(), self.mean.tobytes())
        return hashlib.blake2b(b"\x00".join(parts), digest_size=8).hexdigest()

    @cached_property
    def aligned(self) -> F32:
        """Unit vectors (W + 1, ALIGNED_AXES) by which words are compared; the last row, of no word, is zero."""
        kept = _unit(self.codes[:, :ALIGNED_AXES].astype(np.float32))
        return np.concatenate([kept, np.zeros((1, kept.shape[1]), dtype=np.float32)])

    @cached_property
    def weights(self) -> F32:
        """Rarity (W + 1,) with a zero for no word."""
        return np.append(self.rarity, np.float32(0.0))

    @cached_property
    def _vectors(self) -> F32:
        return _unit(self.codes.astype(np.float32))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def _longest(self) -> dict[str, int]:
        """Length of the longest word by its first character."""
        longest: dict[str, int] = {}
        for word in self.words:
            longest[word[0]] = max(longest.get(word[0], 0), len(word))
        return longest

    def cut(self, text: str) -> U16:
        """Numbers of the words of normalised ``text``, in order, longest match first; unknown ones are skipped."""
        numbers, longest = self._numbers, self._longest
        found: list[int] = []
        for run in _RUN.findall(_PLACEHOLDER.sub(" ", text[:READ])):
            start, end = 0, len(run)
            while start < end:
                for length in range(min(longest.get(run[start], 1), end - start), 0, -1):
                    number = numbers.get(run[start : start + length])
                    if number is not None:
                        found.append(number)
                        break
                else:
                    length = 1
                start += length
        return np.array(found, dtype=np.uint16)

    def telling(self, text: str) -> tuple[U16, int]:
        """Distinct words of normalised ``text``, those of its head first, and how many of them are of the head.

        Of the others the rarest are kept, MOST_WORDS together.
        """
        head = self.head(text)[:MOST_WORDS]
        others = np.setdiff1d(self.cut(text), head)
        kept = np.argsort(-self.rarity[others], kind="stable")[: MOST_WORDS - len(head)]
        return np.concatenate([head, others[kept]]), len(head)

    def head(self, text: str) -> U16:
        """Distinct words of the title or first sentence of normalised ``text``, ascending."""
        return np.unique(self.cut(_SENTENCE_END.split(text, maxsplit=1)[0][:HEAD]))

    def embed(self, texts: Sequence[str]) -> F32:
        """Unit vectors (N, D), near for the same matter and about 0 for unrelated ones; zero without words."""
        return np.stack([self._embedded(normalised(text)) for text in texts]) if texts else self._none()

    def _none(self) -> F32:
        return np.zeros((0, self.dimensions), dtype=np.float32)

    def _embedded(self, text: str) -> F32:
        vector = self.uncentred(text)
        if not vector.any():
            return vector
        centred = vector - self.mean
        unit: F32 = centred / max(float(np.linalg.norm(centred)), 1e-9)
        return unit

    def uncentred(self, text: str) -> F32:
        """Unit vector (D,) of normalised ``text`` before centring; zero without words."""
        distinct, counts = np.unique(self.cut(text), return_counts=True)
        if not len(distinct):
            return np.zeros(self.dimensions, dtype=np.float32)
        weights = (1.0 + np.log(counts.astype(np.float32))) * self.rarity[distinct] ** 1.5
        weights[np.isin(distinct, self.head(text))] *= _HEAD_WEIGHT
        total: F32 = weights @ self._vectors[distinct]
        unit: F32 = total / max(float(np.linalg.norm(total)), 1e-9)
        return unit

    def save(self, path: Path) -> None:
        """Write as an npz of plain arrays."""
        text = np.frombuffer("\n".join(self.words).encode(), dtype=np.uint8)
        np.savez_compressed(
            path,
            words=text,
            codes=self.codes,
            rarity=self.rarity.astype(np.float32),
            mean=self.mean.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path) -> WordTable:
        """Read what :meth:`save` wrote.

        Raises:
            FenboError: the file is missing or is not a word table.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                words = tuple(stored["words"].tobytes().decode().split("\n"))
                return cls(words, stored["codes"], stored["rarity"], stored["mean"])
        except (OSError, KeyError, ValueError) as error:
            raise FenboError(f"cannot read word table {path}: {error}") from error


def quantised(vectors: F32) -> I8:
    """Rows of ``vectors`` (N, D) as int8, each scaled to its own largest component."""
    scale = np.abs(vectors).max(axis=1, keepdims=True).clip(1e-9)
    codes: I8 = np.rint(vectors / scale * 127.0).astype(np.int8)
    return codes


def _unit(vectors: F32) -> F32:
    unit: F32 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    return unit
