"""Long letters are read whole, and the point at the end is kept when a text must be cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.encoder import fitted, windows

LETTER = st.lists(st.integers(5, 99), max_size=300).map(lambda inner: [0, *inner, 2])


@given(LETTER, st.integers(8, 64))
def test_windows_hold_every_token_once_and_in_order(tokens: list[int], longest: int) -> None:
    pieces = windows(tokens, longest)
    assert all(len(piece) <= longest for piece in pieces)
    assert all(piece[0] == 0 and piece[-1] == 2 for piece in pieces)
    assert [token for piece in pieces for token in piece[1:-1]] == tokens[1:-1]
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= len(pieces)


@given(LETTER, st.integers(8, 64))
def test_a_cut_letter_keeps_head_and_tail(tokens: list[int], longest: int) -> None:
    cut = fitted(tokens, longest)
    assert len(cut) == min(len(tokens), longest)
    assert cut[:3] == tokens[:3]
    assert cut[-2:] == tokens[-2:]
