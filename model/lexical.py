"""The lexical model: weighted n-grams and words, one linear score per department.

Term weights are sub-linear tf-idf, scaled to unit length per family (characters, words, title), as in
Salton and Buckley 1988. Weights are stored as int8 with one scale a department.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.ngrams import FAMILIES, Document, Occurrences, occurrences

F32 = NDArray[np.float32]
_ARRAYS = ("keys", "idf", "weights", "scale", "bias", "family_weight")


@dataclass(frozen=True, slots=True)
class Terms:
    """Vocabulary terms of a batch. Arrays of shape (M,), sorted by document and term, each pair once.

    ``place`` is the term of each of the batch's occurrences, -1 where the vocabulary does not know it.
    """

    document: NDArray[np.int64]
    term: NDArray[np.int64]
    value: F32
    place: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known features: sorted 64-bit keys (V,), their idf (V,) and each family's weight (3,)."""

    keys: NDArray[np.uint64]
    idf: F32
    family_weight: F32

    def look_up(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Index of each key in the vocabulary, -1 where unknown. Shape as given."""
        if len(self.keys) == 0:
            return np.full(len(keys), -1, dtype=np.int64)
        index = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[index] == keys, index, -1)

    def terms(self, found: Occurrences, count: int) -> Terms:
        """Weighted terms of ``count`` documents."""
        index = self.look_up(found.key)
        known = index >= 0
        size = max(1, len(self.keys))
        cell, first, times = np.unique(
            found.document[known] * size + index[known], return_index=True, return_counts=True
        )
        family = found.family[known][first].astype(np.int64)
        document, term = cell // size, cell % size
        value = (1 + np.log(times)) * self.idf[term]
        group = document * len(FAMILIES) + family
        length = np.sqrt(np.bincount(group, value**2, minlength=count * len(FAMILIES)))
        value = value / length[group] * self.family_weight[family]
        return Terms(document=document, term=term, value=value.astype(np.float32), place=index)


@dataclass(frozen=True, slots=True)
class LexicalModel:
    """One linear score per department over a hashed vocabulary.

    ``weights`` is int8 (V, K); the true weight is ``weights * scale``; ``scale`` and ``bias`` are (K,).
    ``codes`` names the K columns.
    """

    codes: tuple[str, ...]
    vocabulary: Vocabulary
    weights: NDArray[np.int8]
    scale: F32
    bias: F32

    def scores(self, documents: Sequence[Document]) -> F32:
        """Raw scores (N, K): the larger, the likelier. Calibration turns them into probabilities."""
        return self.scores_of(occurrences(documents), len(documents))

    def scores_of(self, found: Occurrences, count: int) -> F32:
        """As :meth:`scores`, for occurrences that are already at hand."""
        return self.scores_of_terms(self.vocabulary.terms(found, count), count)

    def scores_of_terms(self, terms: Terms, count: int) -> F32:
        """As :meth:`scores`, for terms that are already at hand."""
        result = np.tile(self.bias, (count, 1))
        for document in range(count):
            low, high = np.searchsorted(terms.document, (document, document + 1))
            if low < high:
                rows = self.weights[terms.term[low:high]].astype(np.float32)
                result[document] += (terms.value[low:high] @ rows) * self.scale
        return result

    def character_weights(self, row: int, length: int, column: int, found: Occurrences, terms: Terms) -> F32:
        """How much each character of the document ``row``, ``length`` long, spoke for one department against the
        average, (length,).

        A term's contribution is shared by its occurrences, and within each by its characters. ``found`` and ``terms``
        are those of the batch.
        """
        known = np.flatnonzero((found.document == row) & (terms.place >= 0))
        low, high = np.searchsorted(terms.document, (row, row + 1))
        term = terms.term[low:high]
        rows = self.weights[term].astype(np.float32) * self.scale
        gain = terms.value[low:high] * (rows[:, column] - rows.mean(axis=1))
        place = np.searchsorted(term, terms.place[known])
        times = np.bincount(place, minlength=len(term))
        start, end = found.start[known], found.end[known]
        share = gain[place] / times[place] / (end - start)
        change = np.zeros(length + 1)
        np.add.at(change, start, share)
        np.add.at(change, end, -share)
        return np.cumsum(change[:-1]).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write as a compressed npz of plain arrays."""
        np.savez_compressed(
            path,
            allow_pickle=False,
            codes=np.array(self.codes),
            keys=self.vocabulary.keys,
            idf=self.vocabulary.idf.astype(np.float16),
            family_weight=self.vocabulary.family_weight,
            weights=self.weights,
            scale=self.scale,
            bias=self.bias,
        )

    @classmethod
    def load(cls, path: Path) -> LexicalModel:
        """Read what :meth:`save` wrote.

        Raises:
            FenboError: an array is missing or the shapes do not agree.
        """
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in ("codes", *_ARRAYS) if name not in arrays]
            if missing:
                raise FenboError(
                    f"{path.name}: arrays {', '.join(missing)} are missing; export the bundle again"
                )
            model = cls(
                codes=tuple(str(code) for code in arrays["codes"]),
                vocabulary=Vocabulary(
                    keys=arrays["keys"],
                    idf=arrays["idf"].astype(np.float32),
                    family_weight=arrays["family_weight"],
                ),
                weights=arrays["weights"],
                scale=arrays["scale"],
                bias=arrays["bias"],
            )
        expected = (len(model.vocabulary.keys), len(model.codes))
        if model.weights.shape != expected or model.bias.shape != (expected[1],):
            raise FenboError(
                f"{path.name}: weights have shape {model.weights.shape}, expected {expected}; export the bundle again"
            )
        return model


@dataclass(frozen=True, slots=True)
class LexicalModels:
    """A bundle's three: for the department, and smaller ones for urgency and kind."""

    department: LexicalModel
    urgency: LexicalModel
    kind: LexicalModel

    @staticmethod
    def file(head: str) -> str:
        """Where a bundle keeps the model of a head."""
        return "lexical.npz" if head == "department" else f"lexical_{head}.npz"

    @classmethod
    def load(cls, folder: Path) -> LexicalModels:
        """Read all three from a bundle's folder."""
        return cls(
            *(LexicalModel.load(folder / cls.file(head)) for head in ("department", "urgency", "kind"))
        )
