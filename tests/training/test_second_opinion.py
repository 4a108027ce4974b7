"""The opinion about a letter comes from models that never saw it or a copy of it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from model.ngrams import Document
from training.corpus import Corpus
from training.lexical import LexicalSettings
from training.second_opinion import second_opinion

WORDS = (
    ("公交车总是不来", "地铁站太挤", "公交线路要延长", "站台没有雨棚"),
    ("孩子上学学位不够", "学校食堂饭菜差", "幼儿园收费太高", "老师补课收钱"),
)


def test_a_wrong_label_is_told_by_the_others() -> None:
    texts = [f"{word}，第{number}次反映" for number in range(30) for words in WORDS for word in words]
    truth = np.array([place for _ in range(30) for place, words in enumerate(WORDS) for _ in words])
    wrong = np.arange(0, len(texts), 41)
    labels = truth.copy()
    labels[wrong] = 1 - labels[wrong]
    allowed = np.eye(3, dtype=np.bool_)[labels]
    allowed[-1] = False
    corpus = Corpus(
        documents=tuple(Document("", text) for text in texts),
        allowed={"department": allowed},
        weights={"department": np.ones(len(texts), dtype=np.float32)},
        source=("main",) * len(texts),
    )
    vectors = np.random.default_rng(0).normal(size=(len(texts), 4)).astype(np.float32)
    vectors[:, 0] += 3 * truth
    said = second_opinion(corpus, vectors, lexical=LexicalSettings(), folds=4, seed=1, say=lambda _: None)
    assert said.shape == (len(texts), 3)
    assert not said[-1].any(), "a letter without a department is asked about by nobody"
    assert (said[wrong].argmax(axis=1) == truth[wrong]).all()
    assert said[:-1].sum(axis=1) == pytest.approx(1, abs=1e-4)
