"""``--columns`` as people type it."""

from __future__ import annotations

import pytest

from model.records import COLUMNS, RecordsError, parse_columns


def test_pairs_are_read_with_blanks_and_chinese_names() -> None:
    assert parse_columns("department=department_code, created_at = 受理 时间 ,content=a=b") == {
        "department": "department_code",
        "created_at": "受理 时间",
        "content": "a=b",
    }


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_nothing_maps_nothing(text: str | None) -> None:
    assert parse_columns(text) == {}


@pytest.mark.parametrize("text", ["department", "department=", "=code", "content=a,department"])
def test_half_a_pair_is_refused(text: str) -> None:
    with pytest.raises(RecordsError, match="is not COLUMN=NAME"):
        parse_columns(text)


def test_an_unknown_column_is_refused_with_all_that_are_allowed() -> None:
    with pytest.raises(RecordsError, match="'dept'") as caught:
        parse_columns("dept=code")
    assert all(column in str(caught.value) for column in COLUMNS)


def test_a_column_given_twice_is_refused() -> None:
    with pytest.raises(RecordsError, match="'content' is given twice"):
        parse_columns("content=a,content=b")
