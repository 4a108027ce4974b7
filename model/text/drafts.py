"""A text under edit: the text alone or with the way back to its source; both take the same edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from model.text.characters import FORMS, ONE_TO_ONE
from model.text.mapped import MappedText

Replacement = Callable[[re.Match[str]], str]


class Draft(Protocol):
    """What an edit may do. ``text`` is the present state."""

    text: str

    def unify(self) -> None:
        """Give every character its one form."""

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        """As ``pattern.sub(replacement, text)``."""


class PlainDraft:
    """The text alone."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def unify(self) -> None:
        self.text = self.text.translate(FORMS)

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        self.text = pattern.sub(replacement, self.text)


class TracedDraft:
    """The text, and for each of its characters the piece of the source it stands for."""

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: Sequence[int] = range(len(text))
        self._ends: Sequence[int] = range(1, len(text) + 1)

    def unify(self) -> None:
        if ONE_TO_ONE.fullmatch(self.text):
            self.text = self.text.translate(FORMS)
            return
        forms = [FORMS[ord(character)] for character in self.text]
        self._starts = [
            start for start, form in zip(self._starts, forms, strict=True) for _ in range(len(form))
        ]
        self._ends = [end for end, form in zip(self._ends, forms, strict=True) for _ in range(len(form))]
        self.text = "".join(forms)

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            first, last = match.span()
            new = replacement(match)
            pieces += self.text[done:first], new
            starts += self._starts[done:first]
            ends += self._ends[done:first]
            done = last
            if not new:
                continue
            if len(new) <= last - first:
                # What stays keeps its own place, and the last character answers for all that went.
                starts += self._starts[first : first + len(new)]
                ends += self._ends[first : first + len(new) - 1]
                ends.append(self._ends[last - 1])
            else:
                starts += [self._starts[first]] * len(new)
                ends += [self._ends[last - 1]] * len(new)
        if done:
            self.text = "".join(pieces) + self.text[done:]
            self._starts = [*starts, *self._starts[done:]]
            self._ends = [*ends, *self._ends[done:]]

    def mapped(self) -> MappedText:
        return MappedText(self.text, tuple(self._starts), tuple(self._ends))
