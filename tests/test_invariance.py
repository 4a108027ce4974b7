"""What must not change an answer does not, and what must raise it does."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from model.prediction import URGENCY_CODES
from model.router import Router
from model.ticket import Ticket


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.starter()


@pytest.fixture(scope="module")
def clear(test_data: Path) -> list[Ticket]:
    with (test_data / "letters.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["clear"] == "1"]
    return [Ticket(row["content"], title=row["title"]) for row in rows]


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _traditional(text: str) -> str:
    import opencc

    return str(opencc.OpenCC("s2t").convert(text))


CHANGES: dict[str, tuple[Callable[[str], str], float]] = {
    "full-width": (_wide, 0.0),
    "traditional": (_traditional, 0.03),
    "polite": (lambda text: f"尊敬的领导您好！{text}麻烦尽快处理，谢谢！", 0.18),
    "spaces": (lambda text: f"  {text}\n\n", 0.0),
    "shouting": (lambda text: text.replace("。", "！！！！"), 0.06),
    "zero-width": (lambda text: "\u200b".join(text), 0.0),
}
"""Each change with the share of letters whose department may change under it."""


@pytest.mark.parametrize("name", CHANGES)
def test_form_does_not_change_the_department(router: Router, clear: list[Ticket], name: str) -> None:
    change, allowed = CHANGES[name]
    before = router.predict(clear, explain="none")
    after = router.predict([Ticket(change(t.content), title=t.title) for t in clear], explain="none")
    moved = [b.department.code != a.department.code for b, a in zip(before, after, strict=True)]
    assert sum(moved) / len(moved) <= allowed


DANGERS = (
    "现在楼道里着火了，有人被困在里面出不来",
    "刚刚有人触电倒地，已经没有反应了",
    "现在屋里煤气味很大，人头晕站不住，快来",
)


@pytest.mark.parametrize("danger", DANGERS)
def test_an_added_danger_never_lowers_urgency(router: Router, clear: list[Ticket], danger: str) -> None:
    before = router.predict(clear, explain="none")
    after = router.predict([Ticket(f"{t.content}。{danger}", title=t.title) for t in clear], explain="none")
    levels = [
        (URGENCY_CODES.index(b.urgency.code), URGENCY_CODES.index(a.urgency.code))
        for b, a in zip(before, after, strict=True)
    ]
    assert all(low <= high for low, high in levels)
    assert sum(high == 3 for _, high in levels) / len(levels) >= 0.9
