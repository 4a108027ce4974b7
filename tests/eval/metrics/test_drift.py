"""Drift is told when the world moved, and seldom when it did not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.metrics.checks import MetricError
from eval.metrics.drift import drift, jensen_shannon, stability_index
from eval.metrics.reference import FILE, NAMES, Answered, Reference, drifts
from model.errors import FenboError

CODES = [f"D{n}" for n in range(50)]
SHARES = 1 / np.arange(1, 51)
SHARES = SHARES / SHARES.sum()
OLD = ("路灯", "垃圾", "占道", "噪音", "停水", "漏水", "公交", "学校", "工资", "社保")
NEW = ("疫苗", "封控", "核酸", "隔离", "口罩", "健康码", "通行证", "居家", "团购", "方舱")


def letters(count: int, seed: int, *, words: tuple[str, ...] = OLD, length: int = 12) -> list[Answered]:
    random = np.random.default_rng(seed)
    return [
        Answered(
            text="，".join(
                f"{random.choice(words)}{random.integers(99)}" for _ in range(random.poisson(length) + 1)
            ),
            department=str(random.choice(CODES, p=SHARES)),
            probability=float(random.beta(6, 1)),
            urgency="normal" if random.random() < 0.9 else "urgent",
            kind="H" if random.random() < 0.5 else "C",
            action="auto" if random.random() < 0.8 else "suggest",
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.of([letter.text for letter in letters(3000, 1)], letters(1500, 2))


def test_same_counts_do_not_differ_and_disjoint_ones_differ_wholly() -> None:
    assert stability_index([10, 20], [100, 200]) == pytest.approx(0.0, abs=0.01)
    assert jensen_shannon([1, 2], [10, 20]) == pytest.approx(0.0, abs=1e-12)
    assert jensen_shannon([5, 0], [0, 7]) == pytest.approx(1.0)


def test_the_index_is_its_definition() -> None:
    e, a = np.array([100, 300, 600]) + 0.5, np.array([300, 300, 400]) + 0.5
    e, a = e / e.sum(), a / a.sum()
    assert stability_index([100, 300, 600], [300, 300, 400]) == pytest.approx(((a - e) * np.log(a / e)).sum())


@pytest.mark.parametrize("size", [60, 200, 2000])
def test_equals_are_seldom_called_different_however_few_the_letters(size: int) -> None:
    random = np.random.default_rng(0)
    told = [
        drift("department", random.multinomial(1500, SHARES), random.multinomial(size, SHARES))
        for _ in range(300)
    ]
    assert sum(one.verdict in ("watch", "drifted") for one in told) <= 9


def test_a_department_that_doubles_is_told() -> None:
    random = np.random.default_rng(0)
    moved = SHARES.copy()
    moved[0], moved[1:] = 0.7, moved[1:] * 0.3 / moved[1:].sum()
    told = drift("department", random.multinomial(1500, SHARES), random.multinomial(400, moved))
    assert told.verdict == "drifted"
    assert told.psi > told.noise


def test_fresh_letters_of_the_same_world_are_steady(reference: Reference) -> None:
    told = drifts(reference, letters(400, 7))
    assert [one.name for one in told] == list(NAMES)
    assert {one.verdict for one in told} == {"steady"}


def test_new_words_longer_letters_and_less_confidence_are_each_told(reference: Reference) -> None:
    def verdicts(moved: list[Answered]) -> set[str]:
        return {one.name for one in drifts(reference, moved) if one.verdict == "drifted"}

    assert verdicts(letters(400, 8, words=NEW)) == {"words"}
    assert "length" in verdicts(letters(400, 9, length=40))
    unsure = [Answered(t.text, t.department, t.probability / 2, t.urgency, t.kind, t.action)
              for t in letters(400, 10)]  # fmt: skip
    assert verdicts(unsure) == {"confidence"}


def test_few_letters_say_nothing(reference: Reference) -> None:
    assert {one.verdict for one in drifts(reference, letters(20, 3, words=NEW))} == {"few"}
    assert drifts(reference, []) == ()


def test_it_is_kept_small_and_without_words(reference: Reference, tmp_path: Path) -> None:
    reference.save(tmp_path / FILE)
    assert Reference.load(tmp_path / FILE) == reference
    assert (tmp_path / FILE).stat().st_size < 40_000
    assert "路灯" not in (tmp_path / FILE).read_text(encoding="utf-8")


def test_texts_of_one_character_or_none_are_read(reference: Reference) -> None:
    odd = [Answered(text, "D1", 1.0, "normal", "H", "auto") for text in ("", "灯", "\ud800灯")] * 20
    assert len(drifts(reference, odd)) == len(NAMES)


@pytest.mark.parametrize("damage", ["missing", "cut", "format", "shape", "field"])
def test_a_damaged_file_is_refused_by_name(reference: Reference, tmp_path: Path, damage: str) -> None:
    file = tmp_path / FILE
    if damage != "missing":
        reference.save(file)
        table = json.loads(file.read_text(encoding="utf-8"))
        changed = {"format": {"format": 9}, "shape": {"pairs": [1]}, "field": {"other": 1}}.get(damage, {})
        text = json.dumps(table | changed)
        file.write_text(text[:-20] if damage == "cut" else text, encoding="utf-8")
    with pytest.raises(FenboError, match=r"reference\.json"):
        Reference.load(file)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(MetricError, match="3 bins against 2"):
        drift("kind", [1, 2], [1, 2, 3])
    with pytest.raises(MetricError, match="not below 0"):
        stability_index([1, 2], [-1, 2])
    with pytest.raises(FenboError, match="0 letters"):
        Reference.of(["文字"], [])
