"""What models that never saw a letter say of it: soft labels against wrong ones.

About one letter in ten carries the label of a department that another would have answered as well. A model
taught by such labels alone learns them by heart; taught also by the opinion of others, it learns what is usual
(out-of-fold predictions as in confident learning, Northcutt et al. 2021; used as in Hinton et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model.lexical import LexicalModel
from training.calibrate import fit_blend
from training.corpus import Corpus
from training.heads import fit_head
from training.lexical import LexicalSettings, fit_lexical
from training.near_duplicates import near_duplicate_groups
from training.splits import group_folds

F32 = NDArray[np.float32]

_STRENGTH = 0.01
"""Regularisation of the head on the untouched encoder's vectors, which are few for their width."""


def second_opinion(
    corpus: Corpus,
    vectors: F32,
    *,
    lexical: LexicalSettings,
    folds: int,
    seed: int,
    say: Callable[[str], None],
) -> F32:
    """Department probabilities (N, K) of each letter by models trained without it and its near-copies.

    Two models are asked and blended: the lexical one, and a linear head on ``vectors`` (N, width) of an encoder
    that was never fine-tuned. Rows of letters without a department are zero.
    """
    rows = corpus.labelled("department")
    labelled = corpus.select(rows)
    truth = labelled.labels("department")
    weights = labelled.weights["department"].astype(np.float64)
    classes = corpus.allowed["department"].shape[1]
    codes = tuple(str(column) for column in range(classes))
    groups = near_duplicate_groups([document.text for document in labelled.documents])
    words = np.zeros((len(rows), classes), dtype=np.float32)
    meaning = np.zeros((len(rows), classes), dtype=np.float32)
    parts = group_folds(groups, folds, seed, labels=[codes[column] for column in truth])
    for number, (learned, asked) in enumerate(parts, start=1):
        say(f"second opinion: fold {number} of {folds}")
        model: LexicalModel = fit_lexical(
            [labelled.documents[row] for row in learned],
            [codes[truth[row]] for row in learned],
            codes=codes,
            weights=weights[learned],
            settings=lexical,
        )
        words[asked] = model.scores([labelled.documents[row] for row in asked])
        head = fit_head(
            vectors[rows[learned]],
            truth[learned],
            classes=classes,
            weights=weights[learned],
            strength=_STRENGTH,
        )
        meaning[asked] = head(vectors[rows[asked]])
    # The blend is for Shenzhen's own letters: those of full weight.
    own = weights >= weights.max()
    blend = fit_blend(words[own], meaning[own], truth[own])
    result = np.zeros((len(corpus), classes), dtype=np.float32)
    result[rows] = blend.probabilities(words, meaning)
    return result
