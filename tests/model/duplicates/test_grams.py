from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.duplicates.grams import BUCKETS, Rarity, plain
from model.errors import FenboError


@pytest.fixture(scope="module")
def rarity() -> Rarity:
    return Rarity.fitted(["路灯坏了请修", "路灯不亮", "噪音扰民请处理", "公交车太少请增加"] * 3)


def test_punctuation_width_case_and_placeholders_do_not_count() -> None:
    assert plain("路灯！！ 坏了 ＡＢ１２ [PHONE]") == "路灯坏了ab12"


def test_the_same_text_has_cosine_one_and_another_less(rarity: Rarity) -> None:
    a, b = rarity.grams("路灯坏了请修"), rarity.grams("噪音扰民请处理")
    assert float(a.weights @ a.weights) == pytest.approx(1.0, abs=1e-5)
    assert len(np.intersect1d(a.keys, b.keys)) < len(a.keys) / 2


def test_what_many_letters_say_weighs_less(rarity: Rarity) -> None:
    grams = rarity.grams("请")
    rare = rarity.grams("砼")
    assert rarity.idf[grams.keys].max() < rarity.idf[rare.keys].max()


@pytest.mark.parametrize("text", ["", "。！", "路", "路灯", "[PHONE]", "\ud800坏"])
def test_any_text_has_grams(rarity: Rarity, text: str) -> None:
    grams = rarity.grams(text)
    assert len(grams.keys) == len(grams.weights)
    assert np.isfinite(grams.weights).all()


def test_a_long_text_stays_bounded(rarity: Rarity) -> None:
    text = "".join(chr(0x4E00 + place * 37 % 20_000) for place in range(50_000))
    grams = rarity.grams(text)
    assert len(grams.keys) <= 256
    assert len(grams.runs) <= 128


def test_a_saved_table_gives_nearly_the_same_weights(rarity: Rarity, tmp_path: Path) -> None:
    rarity.save(tmp_path / "idf.npz")
    again = Rarity.load(tmp_path / "idf.npz")
    assert again.idf.shape == (BUCKETS,)
    np.testing.assert_allclose(again.idf, rarity.idf, atol=float(rarity.idf.max()) / 250)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "idf.npz").write_bytes(b"nothing")
    with pytest.raises(FenboError, match=r"idf\.npz"):
        Rarity.load(tmp_path / "idf.npz")
