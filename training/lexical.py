"""Fits the lexical model: a linear support vector machine on hashed n-grams, pruned and stored as int8.

The machine is scikit-learn's LinearSVC (liblinear; Fan et al. 2008). Features that matter to no
department are dropped after a first fit and the rest are fitted again, because the unit length of a
document changes with its vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError, MissingExtra
from model.lexical import LexicalModel, Vocabulary
from model.ngrams import Document, Occurrences, occurrences


@dataclass(frozen=True, slots=True)
class LexicalSettings:
    """``regularisation`` is liblinear's C; ``largest`` bounds the number of features kept.

    ``longest`` bounds the runs of characters; a family whose weight is 0 is not read at all.
    """

    regularisation: float = 1.0
    fewest_documents: int = 2
    largest: int = 160_000
    characters_weight: float = 1.0
    words_weight: float = 0.7
    title_weight: float = 0.7
    longest: int = 4


def fit_lexical(
    documents: Sequence[Document],
    labels: Sequence[str],
    *,
    codes: Sequence[str],
    weights: NDArray[np.float64] | None = None,
    settings: LexicalSettings | None = None,
    progress: Callable[[str], None] | None = None,
) -> LexicalModel:
    """Fit on ``documents`` (N) with one label each; ``codes`` are the K columns of the result.

    ``weights`` (N,) says how much each letter counts (default 1). A code without a letter gets a
    constant low score, so that it never wins by the lexical model alone.

    Raises:
        FenboError: fewer than two departments have letters, or a label is not among the codes.
    """
    settings = settings or LexicalSettings()
    say = progress or (lambda _: None)
    column = {code: index for index, code in enumerate(codes)}
    unknown = sorted(set(labels) - column.keys())
    if unknown:
        raise FenboError(f"department: {unknown[0]!r} is not in the taxonomy; allowed: {', '.join(codes)}")
    target = np.array([column[label] for label in labels])
    if len(np.unique(target)) < 2:
        raise FenboError(
            "department: at least two different departments are needed to train; the file has fewer"
        )

    say("lexical: reading features")
    found = _wanted(_all_occurrences(documents), settings)
    vocabulary = _vocabulary(found, len(documents), settings)
    say(f"lexical: first fit, {len(vocabulary.keys):,} features")
    machine = _fit(vocabulary, found, target, weights, settings)
    if len(vocabulary.keys) > settings.largest:
        importance = np.abs(machine.coef_).max(axis=0)
        keep = np.sort(np.argpartition(-importance, settings.largest)[: settings.largest])
        vocabulary = Vocabulary(vocabulary.keys[keep], vocabulary.idf[keep], vocabulary.family_weight)
        say(f"lexical: second fit, {len(vocabulary.keys):,} features")
        machine = _fit(vocabulary, found, target, weights, settings)
    return _quantised(machine, vocabulary, tuple(codes))


def _all_occurrences(documents: Sequence[Document], step: int = 512) -> Occurrences:
    """Occurrences of all documents, read in slices so that memory stays bounded."""
    parts = [occurrences(documents[low : low + step]) for low in range(0, len(documents), step)]
    return Occurrences(
        document=np.concatenate([part.document + index * step for index, part in enumerate(parts)]),
        key=np.concatenate([part.key for part in parts]),
        family=np.concatenate([part.family for part in parts]),
        start=np.concatenate([part.start for part in parts]),
        end=np.concatenate([part.end for part in parts]),
    )


def _wanted(found: Occurrences, settings: LexicalSettings) -> Occurrences:
    weights = np.array([settings.characters_weight, settings.words_weight, settings.title_weight])
    too_long = (found.family == 0) & (found.end - found.start > settings.longest)
    keep = (weights[found.family] > 0) & ~too_long
    if keep.all():
        return found
    return Occurrences(
        found.document[keep], found.key[keep], found.family[keep], found.start[keep], found.end[keep]
    )


def _vocabulary(found: Occurrences, count: int, settings: LexicalSettings) -> Vocabulary:
    keys, index = np.unique(found.key, return_inverse=True)
    cells = np.unique(index.astype(np.int64) * count + found.document)
    frequency = np.bincount(cells // count, minlength=len(keys))
    keep = frequency >= settings.fewest_documents
    if not keep.any():
        raise FenboError("content: no two letters share a word; too few letters to train on")
    idf = np.log((1 + count) / (1 + frequency[keep])) + 1
    return Vocabulary(
        keys=keys[keep],
        # Half precision is what the bundle stores: fit on what will be served.
        idf=idf.astype(np.float16).astype(np.float32),
        family_weight=np.array(
            [settings.characters_weight, settings.words_weight, settings.title_weight], dtype=np.float32
        ),
    )


def _fit(
    vocabulary: Vocabulary,
    found: Occurrences,
    target: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    settings: LexicalSettings,
) -> Any:
    try:
        from scipy.sparse import csr_matrix
        from sklearn.svm import LinearSVC
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    terms = vocabulary.terms(found, len(target))
    matrix = csr_matrix(
        (terms.value.astype(np.float64), (terms.document, terms.term)),
        shape=(len(target), len(vocabulary.keys)),
    )
    machine = LinearSVC(C=settings.regularisation, random_state=0)
    machine.fit(matrix, target, sample_weight=weights)
    return machine


def _quantised(machine: Any, vocabulary: Vocabulary, codes: tuple[str, ...]) -> LexicalModel:
    coefficients, intercept = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:  # scikit-learn keeps one column for two classes
        coefficients = np.concatenate([-coefficients, coefficients])
        intercept = np.concatenate([-intercept, intercept])
    scale = np.full(len(codes), 1e-6)
    weights = np.zeros((len(vocabulary.keys), len(codes)), dtype=np.int8)
    bias = np.full(len(codes), -1.5)
    for row, place in enumerate(machine.classes_):
        scale[place] = max(np.abs(coefficients[row]).max() / 127, 1e-9)
        weights[:, place] = np.rint(coefficients[row] / scale[place]).astype(np.int8)
        bias[place] = intercept[row]
    return LexicalModel(codes, vocabulary, weights, scale.astype(np.float32), bias.astype(np.float32))
