"""The opinion about a letter comes from encoders that never saw it or a copy of it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

import torch
from transformers import BertConfig, BertModel

from model.ngrams import Document
from training.corpus import Corpus
from training.encoder.crossed import crossed_opinion
from training.encoder.fit import Tokens
from training.encoder_settings import FitSettings

WORDS = (
    ("公交车总是不来", "地铁站太挤", "公交线路要延长", "站台没有雨棚"),
    ("孩子上学学位不够", "学校食堂饭菜差", "幼儿园收费太高", "老师补课收钱"),
)
TEXTS = [f"{word}，第{number}次反映" for number in range(30) for words in WORDS for word in words]
TRUTH = np.array([place for _ in range(30) for place, words in enumerate(WORDS) for _ in words])
WRONG = np.arange(0, len(TEXTS), 41)


def _corpus() -> Corpus:
    labels = TRUTH.copy()
    labels[WRONG] = 1 - labels[WRONG]
    allowed = np.eye(3, dtype=np.bool_)[labels]
    allowed[-1] = False
    return Corpus(
        documents=tuple(Document("", text) for text in TEXTS),
        allowed={"department": allowed},
        weights={"department": np.ones(len(TEXTS), dtype=np.float32)},
        source=("main",) * len(TEXTS),
    )


def _tokens() -> Tokens:
    known = {character: number for number, character in enumerate(sorted(set("".join(TEXTS))), start=5)}
    letters = [[1, *(known[character] for character in text), 2] for text in TEXTS]
    return Tokens(letters, letters, [[5]], prefix=1, padding=0, masking=4)


def _backbone() -> BertModel:
    torch.manual_seed(3)
    shape = BertConfig(
        vocab_size=200, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    return BertModel(shape, add_pooling_layer=False)


def _opinion(work: Path, said: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    later_is_better = count(0.0)
    return crossed_opinion(
        _corpus(),
        _tokens(),
        _backbone,
        settings=FitSettings(epochs=6, learning_rate=5e-3, head_learning_rate=1e-2),
        folds=3,
        origin="tiny",
        validate=lambda _: next(later_is_better),
        work=work,
        device="cpu",
        say=said.append,
    )


def test_a_wrong_label_is_told_by_the_others_and_nothing_is_done_twice(tmp_path: Path) -> None:
    said: list[str] = []
    found = _opinion(tmp_path, said)
    assert found.shape == (len(TEXTS), 3)
    assert not found[-1].any(), "a letter without a department is asked about by nobody"
    assert found[:-1].sum(axis=1) == pytest.approx(1, abs=1e-4)
    wrong = WRONG[len(TEXTS) - 1 > WRONG]
    assert (found[wrong].argmax(axis=1) == TRUTH[wrong]).mean() >= 0.8
    assert len(said) == 3
    np.testing.assert_array_equal(_opinion(tmp_path, said), found)
    assert len(said) == 3, "the folds' answers were kept"
