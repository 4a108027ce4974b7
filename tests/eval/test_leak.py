"""Copies of training letters are found, left out or refused; letters that were written apart are kept."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from eval.groups import near_copy_groups
from eval.leak import LeakError, find_copies, refuse_many
from model.errors import FenboError
from model.fingerprints import KnownTexts, Labels, fingerprints
from tests.model.test_fingerprints import edited, letters


@pytest.fixture(scope="module")
def trained_on() -> list[str]:
    return letters(600)


@pytest.fixture(scope="module")
def known(trained_on: list[str], tmp_path_factory: pytest.TempPathFactory) -> KnownTexts:
    """As the bundle gives it back."""
    file = tmp_path_factory.mktemp("bundle") / "fingerprints.npz"
    KnownTexts.of(trained_on).save(file)
    return KnownTexts.load(file)


def fresh(count: int) -> list[str]:
    """Letters on other matters, from other words than the training letters."""
    draw = random.Random(2)
    subjects = ["社保卡", "居住证", "公积金", "准生证", "护照", "营业执照", "驾驶证", "学位房"]
    verbs = ["怎么补办", "需要哪些材料", "在哪里预约", "多久能办好", "可以网上申请吗", "费用是多少"]
    return [
        f"您好，想咨询{draw.choice(subjects)}{draw.choice(verbs)}？我的情况是{draw.randint(100, 999)}，"
        f"上次问了{draw.choice(subjects)}{draw.choice(verbs)}，没有说清楚。谢谢！"
        for _ in range(count)
    ]


def test_exact_copies_are_all_found_and_told_from_near_ones(trained_on: list[str], known: KnownTexts) -> None:
    draw = random.Random(3)
    data = fresh(100)
    data[10] = trained_on[5].replace("，", ",  ")
    data[20] = trained_on[6]
    data[30] = edited(trained_on[7], 0.1, draw)
    leak = find_copies(data, known)
    assert leak.exact == (10, 20)
    assert leak.near == (30,)
    assert leak.copies == {10, 20, 30}
    assert leak.share == 0.03


def test_at_least_95_percent_of_near_copies_are_found(trained_on: list[str], known: KnownTexts) -> None:
    draw = random.Random(4)
    leak = find_copies([edited(text, 0.1, draw) for text in trained_on], known)
    assert len(leak.copies) >= 0.95 * len(trained_on)


def test_letters_on_other_matters_are_kept(known: KnownTexts) -> None:
    assert find_copies(fresh(500), known).copies == frozenset()


def test_above_one_percent_is_refused_with_the_lines(trained_on: list[str], known: KnownTexts) -> None:
    data = [*fresh(98), trained_on[0], trained_on[1]]
    lines = list(range(2, 102))
    leak = find_copies(data, known)
    with pytest.raises(LeakError, match=r"2 of 100 letters \(2\.0 %\).*lines 100, 101") as problem:
        refuse_many(leak, lines)
    assert "--allow-leak" in str(problem.value)
    told = leak.as_json(lines, allowed=True)
    assert (told["left_out"], told["lines"]) == (0, [100, 101])


def test_up_to_one_percent_is_listed_and_left_out(trained_on: list[str], known: KnownTexts) -> None:
    data = [*fresh(99), trained_on[0]]
    leak = find_copies(data, known)
    refuse_many(leak, list(range(100)))
    told = leak.as_json(list(range(2, 102)), allowed=False)
    assert (told["exact"], told["near"], told["left_out"], told["lines"]) == (1, 0, 1, [101])


def test_a_bundle_that_knows_nothing_leaks_nothing() -> None:
    assert find_copies(fresh(3), KnownTexts.of([])).copies == frozenset()
    assert find_copies([], KnownTexts.of(fresh(3))).share == 0.0


def test_fingerprints_take_265_bytes_a_letter(known: KnownTexts) -> None:
    assert known.exact.nbytes + known.near.nbytes + known.labels.nbytes == 265 * known.exact.size
    assert known.exact.size == 600


def test_a_letter_leaks_only_by_labels_that_were_learned_from(trained_on: list[str]) -> None:
    """An urgency data set of letters that taught departments is no leak; but its text was seen, and that is
    told.
    """
    known = KnownTexts.of(
        trained_on, labels=[Labels.DEPARTMENT] * 300 + [Labels.DEPARTMENT | Labels.KIND] * 300
    )
    data = [trained_on[0], trained_on[400], *fresh(5)]
    by_urgency = find_copies(data, known, labels=[Labels.URGENCY] * 7)
    assert by_urgency.copies == frozenset()
    assert by_urgency.text_only == (0, 1)
    by_kind = find_copies(data, known, labels=[Labels.URGENCY | Labels.KIND] * 7)
    assert (by_kind.exact, by_kind.text_only) == ((1,), (0,))
    assert by_kind.as_json(list(range(7)), allowed=False)["text_only"] == 1


def test_labels_of_a_letter_that_was_learned_from_twice_add_up(trained_on: list[str], tmp_path: Path) -> None:
    known = KnownTexts.of([trained_on[0]] * 2, labels=[Labels.DEPARTMENT, Labels.URGENCY])
    known.save(tmp_path / "fingerprints.npz")
    again = KnownTexts.load(tmp_path / "fingerprints.npz")
    assert again.labels.tolist() == [Labels.DEPARTMENT | Labels.URGENCY]


def test_tables_without_labels_count_as_learned_from_with_all(trained_on: list[str], tmp_path: Path) -> None:
    known = KnownTexts.of(trained_on[:3])
    np.savez(tmp_path / "fingerprints.npz", exact=known.exact, signatures=known.near)
    again = KnownTexts.load(tmp_path / "fingerprints.npz")
    assert find_copies(trained_on[:1], again, labels=[Labels.URGENCY]).exact == (0,)


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "shape"])
def test_damaged_fingerprints_are_refused_by_file(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "fingerprints.npz"
    if damage == "text":
        file.write_text("not a table")
    elif damage == "cut":
        KnownTexts.of(fresh(20)).save(file)
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "shape":
        np.savez(file, exact=np.zeros(3, dtype=np.uint64), signatures=np.zeros((2, 128), dtype=np.uint16))
    with pytest.raises(FenboError, match=r"fingerprints\.npz"):
        KnownTexts.load(file)


def test_near_copies_share_a_group_whatever_their_order() -> None:
    draw = random.Random(6)
    originals = letters(40)
    copies = [edited(text, 0.03, draw) for text in originals]
    texts = [*originals, *copies, *fresh(40)]
    order = draw.sample(range(len(texts)), len(texts))
    shuffled = near_copy_groups(fingerprints(texts[place] for place in order))
    group = {place: shuffled[row] for row, place in enumerate(order)}
    together = sum(group[n] == group[40 + n] for n in range(40))
    assert together == 40
    assert group[0] != group[90]


def test_a_million_copies_are_one_group_and_empty_letters_none() -> None:
    same = fingerprints(["小区门口的路灯坏了半个多月"] * 3)
    table = np.concatenate([np.repeat(same[:1], 200_000, axis=0), fingerprints(["", "？！", "另外一件事情"])])
    groups = near_copy_groups(table)
    assert (groups[:200_000] == groups[0]).all()
    assert len(set(groups[200_000:])) == 3
