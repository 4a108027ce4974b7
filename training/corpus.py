"""What the models learn from: letters with, for every head, the set of answers that may be right.

A full label allows one answer, a partial one several ("not a question", "some department of transport"),
and no label allows none: then the letter does not speak to that head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.ngrams import Document

Allowed = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Corpus:
    """``documents`` (N) and, per head name, allowed answers (N, K) and weights (N,).

    A row of ``allowed`` that is all False has no label for that head.
    """

    documents: tuple[Document, ...]
    allowed: dict[str, Allowed]
    weights: dict[str, NDArray[np.float32]]
    source: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.documents)

    def select(self, index: Sequence[int] | NDArray[np.int64]) -> Corpus:
        """The letters at ``index``, in that order."""
        chosen = np.asarray(index, dtype=np.int64)
        return Corpus(
            documents=tuple(self.documents[i] for i in chosen),
            allowed={head: mask[chosen] for head, mask in self.allowed.items()},
            weights={head: weight[chosen] for head, weight in self.weights.items()},
            source=tuple(self.source[i] for i in chosen),
        )

    def labelled(self, head: str) -> NDArray[np.int64]:
        """Positions of the letters that have exactly one allowed answer for ``head``."""
        return np.flatnonzero(self.allowed[head].sum(axis=1) == 1)

    def labels(self, head: str) -> NDArray[np.int64]:
        """The allowed answer of each letter in :meth:`labelled`, as a column number."""
        columns: NDArray[np.int64] = self.allowed[head][self.labelled(head)].argmax(axis=1)
        return columns


def joined(parts: Sequence[Corpus]) -> Corpus:
    """All parts one after the other. They must have the same heads with the same columns."""
    heads = parts[0].allowed
    return Corpus(
        documents=tuple(document for part in parts for document in part.documents),
        allowed={head: np.concatenate([part.allowed[head] for part in parts]) for head in heads},
        weights={head: np.concatenate([part.weights[head] for part in parts]) for head in heads},
        source=tuple(source for part in parts for source in part.source),
    )


def held_back(corpus: Corpus, heads: Sequence[str], *, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """Take a share of the letters that have a full label for all of ``heads`` out of those heads' training.

    Returns the corpus with these labels blanked (the letters stay for the other heads), and the letters held
    back with their labels, for calibration. A text is drawn by its own hash: adding letters never moves
    one to the other side, and what other copies of it say of these heads is blanked too.
    """
    full = np.ones(len(corpus), dtype=np.bool_)
    for head in heads:
        full &= corpus.allowed[head].sum(axis=1) == 1
    rows = np.array(
        [row for row in np.flatnonzero(full) if _drawn(corpus.documents[row].text, share, seed)],
        dtype=np.int64,
    )
    away = {corpus.documents[row].text for row in rows}
    copies = np.array(
        [row for row, document in enumerate(corpus.documents) if document.text in away], dtype=np.int64
    )
    allowed = {head: mask.copy() for head, mask in corpus.allowed.items()}
    for head in heads:
        allowed[head][copies] = False
    return Corpus(corpus.documents, allowed, corpus.weights, corpus.source), corpus.select(rows)


def _drawn(text: str, share: float, seed: int) -> bool:
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8, key=seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") < share * 2**64
