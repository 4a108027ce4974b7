"""Copies and near-copies are found, letters that were written apart are not."""

from __future__ import annotations

import random

import numpy as np
import pytest

from model import fingerprints
from model.errors import FenboError

PLACES = ["桃源村东区", "滨河小学门口", "新秀路与罗沙路口", "长岭社区公园", "沙头角菜市场", "坪洲地铁站B口"]
TROUBLES = [
    "晚上十一点以后还有人放音响，老人孩子都睡不着，物业说管不了",
    "路灯坏了半个多月，下雨天黑得看不见台阶，昨天有人摔了一跤",
    "井盖松动，车一压就响，担心哪天整个掉下去",
    "垃圾桶好几天没有清，苍蝇很多，味道飘到二楼",
    "公交车等了四十分钟才来一班，站牌上写的是十分钟一班",
    "楼上装修把承重墙砸了一个洞，裂缝一直通到我家客厅",
    "菜摊短斤少两，买三斤回家一称只有两斤四两",
    "幼儿园学费涨了八百，没有提前通知也没有公示",
]
WISHES = [
    "请问应该找哪个部门处理？",
    "希望尽快派人来看看。",
    "能不能给个明确的答复，多久可以解决？",
    "我已经打过两次电话了，一直没有下文。",
]


def letters(count: int) -> list[str]:
    draw = random.Random(5)
    made = []
    for number in range(count):
        first, second = draw.sample(TROUBLES, 2)
        place, wish = draw.choice(PLACES), draw.choice(WISHES)
        day = f"{draw.randint(1, 12)}月{draw.randint(1, 28)}日"
        made.append(f"我住在{place}附近，门牌{number}号。{day}起，{first}。另外{second}。{wish}")
    return made


def edited(text: str, share: float, draw: random.Random) -> str:
    """``text`` with this share of its characters replaced, dropped or added, at random places."""
    characters = list(text)
    for _ in range(int(len(text) * share)):
        place = draw.randrange(len(characters))
        change = draw.choice(["replace", "drop", "add"])
        if change == "drop":
            del characters[place]
        elif change == "add":
            characters.insert(place, draw.choice("的了是在我有和人这中"))
        else:
            characters[place] = draw.choice("天地玄黄宇宙洪荒日月")
    return "".join(characters)


def test_every_exact_copy_is_found_whatever_its_punctuation_and_width() -> None:
    known = letters(200)
    copies = [text.replace("，", " , ").replace("号", "号\n") for text in known]
    assert [fingerprints.exact_hash(text) for text in copies] == [
        fingerprints.exact_hash(text) for text in known
    ]
    pairs = fingerprints.near_copies(fingerprints.fingerprints(copies), fingerprints.fingerprints(known))
    assert {(i, i) for i in range(200)} <= {(query, row) for query, row, _ in pairs}


def test_near_copies_with_a_tenth_of_the_characters_edited_are_found() -> None:
    known = letters(400)
    draw = random.Random(1)
    copies = fingerprints.fingerprints(edited(text, 0.10, draw) for text in known)
    pairs = fingerprints.near_copies(copies, fingerprints.fingerprints(known))
    found = {query for query, row, _ in pairs if query == row}
    assert len(found) >= 0.95 * len(known)


def test_different_letters_are_not_copies() -> None:
    apart = [
        f"{place}{trouble}{wish}" for place, trouble, wish in zip(PLACES, TROUBLES, WISHES * 2, strict=False)
    ]
    table = fingerprints.fingerprints(apart)
    assert [pair[:2] for pair in fingerprints.near_copies(table, table)] == [
        (i, i) for i in range(len(apart))
    ]


def test_similarity_is_estimated_within_its_standard_error() -> None:
    first = "".join(chr(0x4E00 + n) for n in range(600))
    second = first[200:] + "".join(chr(0x6E00 + n) for n in range(200))
    ours, theirs = ({text[i : i + 4] for i in range(len(text) - 3)} for text in (first, second))
    truth = len(ours & theirs) / len(ours | theirs)
    table = fingerprints.fingerprints([first, second])
    (estimate,) = [s for i, j, s in fingerprints.near_copies(table[:1], table[1:], threshold=0.01)]
    assert abs(estimate - truth) < 3 * (truth * (1 - truth) / fingerprints.SIZE) ** 0.5


def test_the_fast_search_finds_exactly_what_comparing_all_pairs_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = fingerprints.fingerprints(letters(60))
    monkeypatch.setattr(fingerprints, "_PAIRS_AT_ONCE", 7 * 40)
    fast = fingerprints.near_copies(table, table[:40], threshold=0.2)
    share = (table[:, None, :] == table[None, :40, :]).mean(axis=2)
    slow = [(i, j, float(share[i, j])) for i, j in zip(*np.nonzero(share >= 0.2), strict=True)]
    assert sorted(fast) == sorted(slow)


def test_sixteen_bits_find_the_same_copies() -> None:
    known = fingerprints.fingerprints(letters(100))
    whole = fingerprints.near_copies(known, known, threshold=0.5)
    cut = fingerprints.near_copies(known, known.astype(np.uint16), threshold=0.5)
    assert [pair[:2] for pair in cut] == [pair[:2] for pair in whole]


def test_texts_without_words_resemble_nothing_and_short_ones_only_themselves() -> None:
    assert fingerprints.exact_hash("？！ \n") == 0
    table = fingerprints.fingerprints(["", "？！", "路灯", "路灯", "井盖"])
    assert [pair[:2] for pair in fingerprints.near_copies(table, table)] == [
        (2, 2),
        (2, 3),
        (3, 2),
        (3, 3),
        (4, 4),
    ]


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    """Bundles carry fingerprints: other numbers would blind the leak check of every older bundle."""
    print_of_letter = fingerprints.fingerprint("小区门口的路灯坏了")
    assert print_of_letter.dtype == np.uint32
    assert print_of_letter[:3].tolist() == [1034433038, 145115332, 1952220]
    assert fingerprints.exact_hash("小区门口的路灯坏了") == 10032479323728784323


def test_long_text_is_read_whole_in_bounded_memory() -> None:
    long = "".join(chr(0x4E00 + n % 17_000) for n in range(300_000))
    assert (fingerprints.fingerprint(long) != fingerprints.fingerprint(long[: len(long) // 100])).any()


@pytest.mark.parametrize(
    ("shape", "threshold", "words"),
    [((3, 64), 0.5, "expected (rows, 128)"), ((3, 128), 0.0, "threshold: 0.0")],
)
def test_wrong_input_is_refused(shape: tuple[int, int], threshold: float, words: str) -> None:
    table = np.zeros(shape, dtype=np.uint32)
    with pytest.raises(FenboError) as problem:
        fingerprints.near_copies(table, table, threshold=threshold)
    assert words in str(problem.value)
