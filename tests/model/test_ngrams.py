"""Hashed n-grams: the same run of characters has the same key wherever it stands."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.ngrams import CHARACTER_ORDERS, Document, Occurrences, occurrences

TEXTS = st.text(alphabet="路灯不亮修abc，。 1😀𠮷", max_size=40)


def _grams(found: Occurrences, family: int, document: int, length: int) -> dict[tuple[int, int], int]:
    here = (found.family == family) & (found.document == document) & (found.end - found.start == length)
    return {
        (int(s), int(e)): int(k)
        for s, e, k in zip(found.start[here], found.end[here], found.key[here], strict=True)
    }


@given(TEXTS, TEXTS)
@settings(max_examples=150, deadline=None)
def test_equal_runs_have_equal_keys_and_different_runs_different_ones(first: str, second: str) -> None:
    found = occurrences([Document("", first), Document("", second)])
    for order in CHARACTER_ORDERS:
        keys: dict[str, int] = {}
        for document, text in enumerate((first, second)):
            grams = _grams(found, 0, document, order)
            assert len(grams) == max(0, len(text) - order + 1)
            for (start, end), key in grams.items():
                assert keys.setdefault(text[start:end], key) == key
        assert len(set(keys.values())) == len(keys)


def test_a_batch_gives_what_single_documents_give() -> None:
    documents = [
        Document("路灯", "路灯不亮了"),
        Document("", ""),
        Document("", "地铁站噪声大"),
        Document("投诉", ""),
    ]
    together = occurrences(documents)
    for number, document in enumerate(documents):
        alone = occurrences([document])
        mine = together.document == number
        for name in ("key", "family", "start", "end"):
            assert sorted(getattr(together, name)[mine].tolist()) == sorted(getattr(alone, name).tolist())


def test_title_features_stand_only_in_the_title() -> None:
    found = occurrences([Document("路灯坏了", "小区门口路灯坏了三天")])
    title = found.family == 2
    assert title.any()
    assert (found.end[title] <= 4).all()


def test_keys_do_not_change_between_versions() -> None:
    """A stored vocabulary is useless when the hash changes: this key is part of the bundle format."""
    found = occurrences([Document("", "路灯")])
    pair = found.key[(found.family == 0) & (found.end - found.start == 2)]
    assert pair.dtype == np.uint64
    assert pair.tolist() == [PAIR_KEY]


PAIR_KEY = 12402608522298630783
