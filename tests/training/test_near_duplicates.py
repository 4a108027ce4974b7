"""Near-copies end up in one group, others do not, and copies by the million cost little."""

from __future__ import annotations

import csv
import random
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import FenboError
from model.ticket import Ticket
from training.near_duplicates import (
    THRESHOLD,
    fingerprint,
    letter_text,
    matches,
    near_duplicate_groups,
)

LETTER = (
    "尊敬的领导：我们小区东门外的烧烤店每天营业到凌晨两点，油烟从排风口直接吹进住户的阳台，"
    "家里老人小孩整夜咳嗽。我们找过物业，也打过电话，都说不归自己管。请派人到现场看一看，"
    "要求店家加装净化设备，并且按规定时间打烊，还大家一个安静的夜晚。"
)
OTHER = (
    "我想咨询一下灵活就业人员怎样缴纳养老保险，户口不在本市可以在这里参保吗？每个月的缴费基数有几档，"
    "中间断缴几个月会不会影响以后退休？如果将来回老家，已经交的部分能不能转走，需要带什么材料？"
)


def edited(text: str, share: float, seed: int) -> str:
    """The text with a share of its characters replaced."""
    draw = random.Random(seed)
    places = draw.sample(range(len(text)), round(len(text) * share))
    characters = list(text)
    for place in places:
        characters[place] = draw.choice("甲乙丙丁戊己庚辛壬癸")
    return "".join(characters)


def jaccard(one: str, other: str) -> float:
    left, right = ({text[i : i + 4] for i in range(len(text) - 3)} for text in (one, other))
    return len(left & right) / len(left | right)


def brute_force(texts: list[str]) -> list[int]:
    """Connected components by comparing all with all; texts hold letters only, so nothing is normalised."""
    groups = list(range(len(texts)))
    for one in range(len(texts)):
        for other in range(one):
            if jaccard(texts[one], texts[other]) >= THRESHOLD:
                groups = [groups[other] if group == groups[one] else group for group in groups]
    return groups


def partition(groups: list[int]) -> set[frozenset[int]]:
    return {
        frozenset(index for index, group in enumerate(groups) if group == wanted) for wanted in set(groups)
    }


def test_copies_and_light_edits_are_one_group() -> None:
    texts = [LETTER, OTHER, LETTER, LETTER.replace("凌晨两点", "凌晨三点"), OTHER + "谢谢！", "路灯坏了"]
    assert near_duplicate_groups(texts).tolist() == [0, 1, 0, 0, 1, 2]


def test_what_normalising_removes_does_not_part_copies() -> None:
    odd = LETTER.replace("，", ", ").replace("。", "！！！！").replace("我们", "我們")
    assert near_duplicate_groups([LETTER, f"  {odd}\n\n"]).tolist() == [0, 0]


def test_the_same_complaint_in_other_words_is_another_letter() -> None:
    other_words = "楼下烤串的摊子半夜还在吵，油烟特别大，窗户都不敢开，能不能有人来管管他们几点收摊。"
    assert near_duplicate_groups([LETTER, other_words]).tolist() == [0, 1]


def test_short_and_blank_texts() -> None:
    texts = ["", "停水", "！！！", "停水", "停电", " "]
    assert near_duplicate_groups(texts).tolist() == [0, 1, 0, 1, 2, 0]


def test_nothing_at_all() -> None:
    assert near_duplicate_groups([]).shape == (0,)


def test_a_chain_is_one_group() -> None:
    chain = [LETTER]
    for step in range(4):
        chain.append(chain[-1][16:] + OTHER[16 * step : 16 * (step + 1)])
    assert all(jaccard(one, other) >= THRESHOLD for one, other in pairwise(chain))
    assert jaccard(chain[0], chain[-1]) < THRESHOLD
    assert near_duplicate_groups(chain).tolist() == [0] * 5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_groups_are_those_of_comparing_all_with_all(seed: int) -> None:
    draw = random.Random(seed)
    words = [LETTER[i : i + 12] for i in range(0, len(LETTER) - 12, 12)]
    words = ["".join(filter(str.isalnum, word)) for word in words]
    texts = ["".join(draw.sample(words, 7)) for _ in range(4)]
    texts += [edited(draw.choice(texts), draw.choice([0.0, 0.02, 0.05, 0.08]), seed + i) for i in range(12)]
    assert partition(near_duplicate_groups(texts).tolist()) == partition(brute_force(texts))


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01])
def test_a_threshold_outside_its_range(threshold: float) -> None:
    with pytest.raises(FenboError, match="threshold"):
        near_duplicate_groups([LETTER], threshold=threshold)


def test_a_lower_threshold_joins_more() -> None:
    texts = [LETTER, edited(LETTER, 0.1, seed=1)]
    assert 0.3 < jaccard(*texts) < 0.7
    assert near_duplicate_groups(texts).tolist() == [0, 1]
    assert near_duplicate_groups(texts, threshold=0.3).tolist() == [0, 0]


def test_title_and_content_are_compared_together() -> None:
    assert letter_text(Ticket(title="标题", content="正文")) == "标题\n正文"


def test_fingerprints_find_a_leak() -> None:
    known = np.stack([fingerprint(text) for text in (OTHER, LETTER)])
    asked = np.stack(
        [fingerprint(text) for text in (LETTER.replace("两点", "三点"), "公园的长椅坏了，请修一修。")]
    )
    assert known.dtype == np.uint32
    (pair,) = matches(asked, known, threshold=0.6)
    assert pair[:2] == (0, 1)


def seconds(texts: list[str]) -> float:
    start = time.process_time()
    near_duplicate_groups(texts)
    return time.process_time() - start


def shuffled(count: int) -> list[str]:
    """Different letters that have only a beginning in common, as those written on a form do."""
    words = [OTHER[i : i + 2] for i in range(len(OTHER) - 2)]
    draw = random.Random(3)
    return [LETTER[:60] + "".join(draw.choices(words, k=40)) for _ in range(count)]


@pytest.mark.slow
def test_a_million_copies_cost_less_than_a_few_thousand_letters() -> None:
    copies = [LETTER, OTHER] * 500_000
    assert np.bincount(near_duplicate_groups(copies)).tolist() == [500_000, 500_000]
    assert seconds(copies) < seconds(shuffled(5_000))


@pytest.mark.slow
def test_a_campaign_of_many_different_near_copies_grows_in_line_with_its_size() -> None:
    campaign = [f"{LETTER}签名：{number}号居民" for number in range(16_000)]
    assert np.bincount(near_duplicate_groups([*campaign, OTHER])).tolist() == [16_000, 1]
    assert seconds(campaign) < 8 * seconds(campaign[:4_000])


@pytest.mark.slow
def test_letters_on_one_form_stay_apart_and_bounded() -> None:
    letters = shuffled(8_000)
    assert near_duplicate_groups(letters).max() + 1 > 7_900
    assert seconds(letters) < 10 * seconds(letters[:2_000])


@pytest.mark.slow
def test_agreement_with_the_groups_of_the_real_letters(real_data: Path) -> None:
    with (real_data / "shenzhen" / "train.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = near_duplicate_groups([f"{row['title']}\n{row['content']}" for row in rows])

    def pairs(labels: list[object]) -> set[tuple[int, int]]:
        members: dict[object, list[int]] = {}
        for index, label in enumerate(labels):
            members.setdefault(label, []).append(index)
        return {(a, b) for group in members.values() for a in group for b in group if a < b}

    mine, theirs = pairs(groups.tolist()), pairs([row["group"] for row in rows])
    assert len(mine & theirs) / len(mine) > 0.9
    assert len(mine & theirs) / len(theirs) > 0.9
