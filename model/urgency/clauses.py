"""Cutting a letter into clauses and sentences, which is how far a word's meaning reaches."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_HAN = r"[\u4e00-\u9fff]"
_MARK = re.compile(
    r"(?P<sentence>[。！？\n]|(?<![0-9a-z])\.|\.(?![0-9a-z]))|[，;:~…]" + rf"|(?<={_HAN}) (?={_HAN})"
)
_UNMARKED = 26
"""Letters typed or spoken without marks: a clause ends after so many characters at the latest."""


@dataclass(frozen=True, slots=True)
class Clauses:
    """Where clauses begin and which sentence each belongs to. Clauses and sentences count from 0."""

    starts: tuple[int, ...]
    sentences: tuple[int, ...]

    def clause(self, offset: int) -> int:
        """The clause that the character at ``offset`` belongs to."""
        return bisect_right(self.starts, offset) - 1

    def end(self, clause: int) -> int:
        """Offset at which ``clause`` ends (the next begins); a large number for the last."""
        following = clause + 1
        return self.starts[following] if following < len(self.starts) else 1 << 60

    def sentence(self, offset: int) -> int:
        """The sentence that the character at ``offset`` belongs to."""
        return self.sentences[self.clause(offset)]


def cut(text: str) -> Clauses:
    """Cut a text in its normal form (``model.text.normalise``). Empty clauses are not counted."""
    starts, sentences = [0], [0]
    sentence = 0
    for match in _MARK.finditer(text):
        if match["sentence"]:
            sentence += 1
        _add(starts, sentences, match.end(), sentence, empty=not text[starts[-1] : match.start()].strip())
    _split_last(starts, sentences, len(text))
    return Clauses(tuple(starts), tuple(sentences))


def _add(starts: list[int], sentences: list[int], start: int, sentence: int, *, empty: bool) -> None:
    if empty:
        starts[-1], sentences[-1] = start, sentence
        return
    _split_last(starts, sentences, start)
    starts.append(start)
    sentences.append(sentence)


def _split_last(starts: list[int], sentences: list[int], end: int) -> None:
    while end - starts[-1] > 2 * _UNMARKED:
        starts.append(starts[-1] + _UNMARKED)
        sentences.append(sentences[-1])
