"""Letters as words: near for the same matter, however it is told, and never wrong about odd text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.duplicates.words import MOST_WORDS, WordTable
from model.errors import FenboError

from .city import BUS, NOISE, WORDS


def test_letters_of_one_matter_lie_near_and_others_far() -> None:
    a, b, c, other = WORDS.embed([*NOISE, BUS])
    assert min(a @ b, a @ c, b @ c) > 0.5
    assert max(a @ other, b @ other, c @ other) < 0.3
    for vector in (a, b, c, other):
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_other_words_for_the_same_are_near() -> None:
    one, same, other = WORDS.embed(["楼下饭店油烟太大", "餐馆排放的油烟呛人", "公交车半天不来"])
    assert one @ same > one @ other + 0.3


@pytest.mark.parametrize("text", ["", "。。。", "[PHONE]", "\ud800", "\x00"])
def test_a_text_without_words_has_no_direction(text: str) -> None:
    vector = WORDS.embed([text])[0]
    assert vector.shape == (WORDS.dimensions,)
    assert not vector.any()


def test_a_letter_keeps_its_rarest_words_and_its_head_first() -> None:
    words, head = WORDS.telling("望江雅苑搅拌站噪音。" + NOISE[1] * 3 + BUS * 3)
    assert len(words) == len(set(words.tolist())) <= MOST_WORDS
    told = [WORDS.words[number] for number in words[:head]]
    assert "噪音" in told
    assert "公交车" not in told
    assert "公交车" in [WORDS.words[number] for number in words[head:]]


def test_the_longest_word_is_taken() -> None:
    cut = [WORDS.words[number] for number in WORDS.cut("公交车")]
    assert cut == ["公交车"]


def test_saved_and_loaded_it_is_the_same_table(tmp_path: Path) -> None:
    WORDS.save(tmp_path / "words.npz")
    again = WordTable.load(tmp_path / "words.npz")
    assert again.fingerprint == WORDS.fingerprint
    np.testing.assert_allclose(again.embed([NOISE[0]]), WORDS.embed([NOISE[0]]), atol=1e-6)
    assert replace(WORDS, mean=WORDS.mean * 2).fingerprint != WORDS.fingerprint


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    with pytest.raises(FenboError, match="cannot read word table"):
        WordTable.load(path)
    path.write_bytes(b"not a table")
    with pytest.raises(FenboError, match="cannot read word table"):
        WordTable.load(path)
    with pytest.raises(FenboError, match="word table has"):
        WordTable(("甲",), np.zeros((2, 3), dtype=np.int8), np.zeros(1, np.float32), np.zeros(3, np.float32))
