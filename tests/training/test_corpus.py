"""Letters held back for calibration stay the same letters whatever else is learned from."""

from __future__ import annotations

import numpy as np

from model.ngrams import Document
from training.corpus import Corpus, held_back, joined
from training.encoder_settings import FitSettings


def _corpus(names: list[str], source: str) -> Corpus:
    allowed = np.zeros((len(names), 3), dtype=np.bool_)
    allowed[np.arange(len(names)), np.arange(len(names)) % 3] = True
    return Corpus(
        documents=tuple(Document("", f"第{name}封信") for name in names),
        allowed={"kind": allowed},
        weights={"kind": np.ones(len(names), dtype=np.float32)},
        source=(source,) * len(names),
    )


def _texts(corpus: Corpus) -> set[str]:
    return {document.text for document in corpus.documents}


def test_more_letters_move_none_that_was_held_back() -> None:
    few = _corpus([str(number) for number in range(400)], "a")
    more = joined([_corpus([f"b{number}" for number in range(300)], "b"), few])
    _, held = held_back(few, ["kind"], share=0.2, seed=1)
    _, later = held_back(more, ["kind"], share=0.2, seed=1)
    assert 50 <= len(held) <= 110
    assert _texts(held) == _texts(later) & _texts(few)


def test_a_held_back_letter_has_no_label_in_training_nor_has_its_copy() -> None:
    twice = joined([_corpus([str(number) for number in range(200)], "a")] * 2)
    learned, held = held_back(twice, ["kind"], share=0.2, seed=1)
    assert len(held) == 2 * len(_texts(held))
    labelled = learned.select(learned.labelled("kind"))
    assert not _texts(labelled) & _texts(held)


def test_few_letters_are_read_more_often() -> None:
    settings = FitSettings(epochs=4, batch=32, least_steps=900)
    assert settings.epochs_for(100_000) == 4
    assert settings.epochs_for(2_000) == 15
    assert FitSettings(epochs=4).epochs_for(10) == 4
