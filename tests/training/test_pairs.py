"""Fitting the pair score, on letters written for the tests."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.duplicates.grams import Rarity
from model.errors import FenboError
from model.place import PlaceFinder
from model.ticket import Ticket
from tests.model.duplicates.city import WORDS
from training.pairs import (
    LabelledPair,
    best_threshold,
    campaign_pairs,
    fit_pairs,
    moved_pairs,
    pair_groups,
    read_pairs,
)

ESTATES = ("锦绣花园", "碧波雅苑", "云顶家园", "翠微新村", "安泰花园", "瑞景雅苑", "明珠家园", "星河花园")
PROBLEMS = ("的电梯坏了没人修", "楼下烧烤店油烟太大", "门口的路灯不亮", "夜里施工噪音扰民", "停车费乱涨价")
ENDINGS = ("，请尽快处理。", "，多次反映没有人管。", "，希望核实。")


def labelled() -> list[LabelledPair]:
    draw = random.Random(3)
    pairs = []

    def letter(estate: str, problem: str) -> Ticket:
        year = draw.choice("一二三四五六七八九") + draw.choice("春夏秋冬") + draw.choice("甲乙丙丁")
        return Ticket(content=f"{year}，{estate}{problem}{draw.choice(ENDINGS)}")

    for estate in ESTATES:
        for problem in PROBLEMS:
            other = draw.choice([name for name in ESTATES if name != estate])
            third = draw.choice([what for what in PROBLEMS if what != problem])
            pairs.append(LabelledPair(letter(estate, problem), letter(estate, problem), 2))
            pairs.append(LabelledPair(letter(estate, problem), letter(other, problem), 1))
            pairs.append(LabelledPair(letter(estate, problem), letter(other, third), 0))
    return pairs


@pytest.fixture(scope="module")
def rarity() -> Rarity:
    return Rarity.fitted(pair.a.content for pair in labelled())


def test_it_learns_that_place_and_problem_make_a_matter(rarity: Rarity) -> None:
    scorer, quality = fit_pairs(labelled(), rarity, WORDS, repeats=1)
    assert quality.average_precision > 0.9
    assert quality.over_merge <= 0.1
    assert 0.3 <= scorer.threshold <= 0.95
    assert scorer.model.about["cross_validated"]["pairs"] == len(labelled())


def test_too_few_pairs_are_refused(rarity: Rarity) -> None:
    with pytest.raises(FenboError, match="at least 10 of each"):
        fit_pairs(labelled()[:9], rarity, WORDS)


def test_pairs_that_all_share_a_letter_cannot_be_measured(rarity: Rarity) -> None:
    shared = Ticket(content="同一封信")
    pairs = [replace(pair, a=shared) for pair in labelled()]
    with pytest.raises(FenboError, match="fall into 1 groups"):
        fit_pairs(pairs, rarity, WORDS)


def test_pairs_that_share_a_letter_are_one_group() -> None:
    a, b, c, d, e = (Ticket(content=text) for text in "甲乙丙丁戊")
    groups = pair_groups([LabelledPair(a, b, 2), LabelledPair(d, e, 0), LabelledPair(c, b, 1)])
    assert groups[0] == groups[2] != groups[1]


def test_a_moved_letter_is_no_longer_the_same_matter() -> None:
    moved = moved_pairs(labelled(), PlaceFinder())
    assert moved
    for pair in moved:
        assert pair.label == 1
        name = next(name for name in ESTATES if name in pair.a.content)
        assert name not in pair.b.content


def test_a_large_campaign_does_not_drown_the_rest() -> None:
    letters = [Ticket(content=f"第{number}封") for number in range(60)]
    pairs = campaign_pairs(letters, ["大"] * 50 + ["小"] * 2 + [""] * 8, most=6)
    assert len(pairs) == 7
    assert {pair.label for pair in pairs} == {2}


def test_the_threshold_keeps_over_merging_low() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6] + [0.65] + [0.1] * 19)
    label = np.array([2, 2, 2, 2] + [1] * 20)
    assert best_threshold(score, label) == pytest.approx(0.6, abs=0.02)
    crowded = np.array([2, 2, 1, 1] + [1] * 20)
    assert best_threshold(score, crowded) > 0.7


def test_pairs_are_read_with_or_without_titles(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("text_a,text_b,title_a,label\n路灯坏了,路灯不亮,报修,2\n", encoding="utf-8")
    (pair,) = read_pairs(file)
    assert (pair.a.title, pair.b.title, pair.label) == ("报修", "", 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("text_a,label\n甲,2\n", "no column text_b"), ("text_a,text_b,label\n甲,乙,3\n", "row 2: label is '3'")],
)
def test_a_file_that_is_no_pairs_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FenboError, match=complaint):
        read_pairs(file)
