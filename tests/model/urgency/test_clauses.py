from __future__ import annotations

from itertools import pairwise

import pytest

from model.urgency.clauses import cut


def clauses(text: str) -> list[str]:
    starts = (*cut(text).starts, len(text))
    return [text[start:end] for start, end in pairwise(starts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("着火了，快来。人还在里面", ["着火了，", "快来。", "人还在里面"]),
        ("高空落玻璃 一块接一块", ["高空落玻璃 ", "一块接一块"]),
        ("涨了1.5米. 还在涨", ["涨了1.5米.", " 还在涨"]),
        ("在b 栋", ["在b 栋"]),
        ("", [""]),
    ],
)
def test_clauses_end_at_marks_and_at_blanks_between_characters(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected


def test_a_letter_without_marks_is_cut_into_stretches() -> None:
    pieces = clauses("车" * 200)
    assert "".join(pieces) == "车" * 200
    assert max(map(len, pieces)) <= 60


def test_every_character_has_its_clause_and_sentence() -> None:
    text = "去年漏过气，修好了。今天又漏，快来！"
    cutting = cut(text)
    assert [cutting.sentence(text.index(word)) for word in ("去年", "修好", "今天", "快来")] == [0, 0, 1, 1]
    assert [cutting.clause(text.index(word)) for word in ("去年", "修好", "今天", "快来")] == [0, 1, 2, 3]
