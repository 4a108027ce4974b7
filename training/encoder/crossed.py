"""What encoders that never saw a letter say of it: soft labels against wrong ones.

About one letter in ten carries the label of a department that another would have answered as well. A model taught
by such labels alone learns them by heart; taught also by the opinion of models that were trained without the letter,
it learns what is usual (out-of-fold predictions as in confident learning, Northcutt et al. 2021; imitated as in
Hinton et al. 2015). The opinion is the encoder's own kind, not the lexical model's: a student of the lexical model
grows like it, and then blending the two gives less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.calibration import softmax
from training.corpus import Corpus
from training.encoder.fit import Tokens, answers, fit_encoder
from training.encoder.network import Network
from training.encoder_settings import FitSettings
from training.near_duplicates import near_duplicate_groups
from training.splits import group_folds

F32 = NDArray[np.float32]

HEAD = "department"


def crossed_opinion(
    corpus: Corpus,
    tokens: Tokens,
    backbone: Callable[[], object],
    *,
    settings: FitSettings,
    folds: int,
    origin: str,
    validate: Callable[[Network], float],
    work: Path,
    device: str,
    say: Callable[[str], None],
) -> F32:
    """Department probabilities (N, K) of each letter by an encoder trained without it and its near-copies.

    ``backbone`` gives a fresh untouched encoder and ``origin`` names it. Rows of letters that have not exactly one
    department are zero. Each fold's answers are kept in ``work``, so that a second call after a crash goes on.
    """
    rows = corpus.labelled(HEAD)
    letters = corpus.select(rows)
    part = Corpus(
        letters.documents, {HEAD: letters.allowed[HEAD]}, {HEAD: letters.weights[HEAD]}, letters.source
    )
    truth = part.labels(HEAD)
    classes = part.allowed[HEAD].shape[1]
    groups = near_duplicate_groups([document.text for document in part.documents])
    mark = _mark(part, settings, folds, origin)
    logits = np.zeros((len(rows), classes), dtype=np.float32)
    for number, (learned, asked) in enumerate(
        group_folds(groups, folds, settings.seed, labels=[str(column) for column in truth]), start=1
    ):
        path = work / f"opinion-{number}-{mark}.npy"
        if not path.exists():
            say(f"opinion {number} of {folds}: {len(learned):,} letters learned, {len(asked):,} asked about")
            network = Network(backbone(), {HEAD: classes})
            fit_encoder(
                network,
                part.select(learned),
                tokens.select(rows[learned]),
                soft={},
                settings=settings,
                checkpoint=work / f"opinion-{number}-{mark}.pt",
                validate=validate,
                device=device,
            )
            found = answers(network, tokens.select(rows[asked]).whole, tokens.padding, device=device)[HEAD]
            scratch = path.with_name("opinion.writing.npy")
            np.save(scratch, found, allow_pickle=False)
            scratch.replace(path)
        logits[asked] = np.load(path, allow_pickle=False)
    result = np.zeros((len(corpus), classes), dtype=np.float32)
    result[rows] = softmax(logits * np.float32(_sharpness(logits, truth)))
    return result


def _sharpness(logits: F32, truth: NDArray[np.int64]) -> float:
    """The factor on the logits (N, K) that makes the true classes likeliest (temperature scaling, Guo et al. 2017)."""
    factors = np.geomspace(0.2, 5.0, 65)
    losses = [
        -np.log(softmax(logits * np.float32(factor))[np.arange(len(truth)), truth].clip(1e-12)).mean()
        for factor in factors
    ]
    return float(factors[int(np.argmin(losses))])


def _mark(part: Corpus, settings: FitSettings, folds: int, origin: str) -> str:
    """Changes with the letters, their labels, the encoder begun with and how it is trained."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((settings, folds, origin)).encode())
    digest.update(np.packbits(part.allowed[HEAD]).tobytes())
    digest.update(part.weights[HEAD].tobytes())
    for document in part.documents:
        digest.update(document.text.encode("utf-8"))
    return digest.hexdigest()
