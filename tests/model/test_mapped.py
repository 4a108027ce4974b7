"""The way back from a made text to the offsets of its source."""

from __future__ import annotations

import pytest

from model.text.mapped import MappedText, SpanOutside

# "ab" and "d" of "ab--d", where the two dashes were dropped.
SHORTENED = MappedText("abd", (0, 1, 4), (1, 2, 5))


def test_a_span_maps_to_the_source_and_keeps_what_was_dropped_inside() -> None:
    assert SHORTENED.to_source(0, 2) == (0, 2)
    assert SHORTENED.to_source(1, 3) == (1, 5)


def test_what_was_dropped_before_a_span_is_not_part_of_it() -> None:
    assert SHORTENED.to_source(2, 3) == (4, 5)


@pytest.mark.parametrize(("at", "source"), [(0, 0), (2, 4), (3, 5)])
def test_an_empty_span_stays_empty(at: int, source: int) -> None:
    assert SHORTENED.to_source(at, at) == (source, source)


def test_an_empty_text_has_one_empty_span() -> None:
    assert MappedText("", (), ()).to_source(0, 0) == (0, 0)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, 4)])
def test_a_span_outside_the_text_is_an_error_that_names_the_allowed_range(start: int, end: int) -> None:
    with pytest.raises(SpanOutside, match=rf"\[{start}, {end}\).*end <= 3"):
        SHORTENED.to_source(start, end)
