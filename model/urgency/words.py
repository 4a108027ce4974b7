"""How a rule's words are written, and how all the words of a rule book are found in one text at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from model.errors import FenboError

GAP = "…"
JOINED = "+"
OR = "|"
NUMBER = "#"
_NUMBER = "[0-9〇零一二三四五六七八九十百千万两几数多半]+"
_CLAUSE_MARKS = r"，。！？；;:~\n"
_GAP = rf"[^{_CLAUSE_MARKS}]{{0,6}}?"
_PARTS = re.compile(f"([{GAP}{JOINED}])")


class InvalidWord(FenboError):
    """A word of a rule that cannot be read. Its text says which and why."""


class Found(NamedTuple):
    """Where a word stands in the text; ``end`` exclusive."""

    start: int
    end: int


class Word:
    """One way to say a thing, as the rule book writes it.

    ``起火|着火`` is one or the other; ``叫|喊…不醒|不应`` lets up to six characters of the same clause stand
    between; ``撞+上|到`` lets none; ``#`` is a number in digits or Chinese (3, 三十, 几). ``|`` binds first.
    Raises `InvalidWord` when a part is empty, when all is numbers, or when ``|`` stands without ``…`` or
    ``+``: there two words say the same, and a forgotten ``+`` would go unseen.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = _PARTS.split(text)
        self._parts = [part.split(OR) for part in pieces[::2]]
        self._joints = pieces[1::2]
        if any(not choice for part in self._parts for choice in part):
            raise InvalidWord(
                f"word {text!r}: nothing stands before or after one of its marks; remove the mark"
            )
        if not self._joints and len(self._parts[0]) > 1:
            raise InvalidWord(f"word {text!r}: {OR} needs {GAP} or {JOINED} beside it; else write two words")
        self.keys = self._rarest_keys()
        self._plain = not self._joints and NUMBER not in text

    def _rarest_keys(self) -> tuple[str, ...]:
        """Pieces of one or two characters, at least one of which is in any text that holds the word."""
        options = []
        for part in self._parts:
            solid = [max(choice.split(NUMBER), key=len) for choice in part]
            if all(solid):
                options.append(tuple(dict.fromkeys(piece[:2] for piece in solid)))
        if not options:
            raise InvalidWord(f"word {self.text!r}: only numbers; add a word that is always there")
        return max(options, key=lambda keys: (min(map(len, keys)), -len(keys)))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression of the word; made when first needed, for few texts need many."""
        source = self._choices(self._parts[0])
        for joint, part in zip(self._joints, self._parts[1:], strict=True):
            source += (_GAP if joint == GAP else "") + self._choices(part)
        return re.compile(source)

    def places(self, text: str) -> list[Found]:
        """Where the word stands in ``text``, in order and without overlap."""
        if not self._plain:
            return [Found(*match.span()) for match in self.pattern.finditer(text)]
        found, length, start = [], len(self.text), text.find(self.text)
        while start >= 0:
            found.append(Found(start, start + length))
            start = text.find(self.text, start + length)
        return found

    @staticmethod
    def _choices(part: Sequence[str]) -> str:
        longest_first = sorted(part, key=len, reverse=True)
        choices = (_NUMBER.join(map(re.escape, choice.split(NUMBER))) for choice in longest_first)
        return f"(?:{'|'.join(choices)})"


class WordIndex:
    """Finds the words of many named lists in a text, trying only those whose rarest piece is there at all."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        """``lists``: name → its words. Raises `InvalidWord`."""
        owners: dict[str, list[str]] = {}
        for name, texts in lists.items():
            for text in texts:
                names = owners.setdefault(text, [])
                if name not in names:
                    names.append(name)
        self._words = tuple((Word(text), tuple(names)) for text, names in owners.items())
        self._by_key: dict[str, list[int]] = {}
        for number, (word, _) in enumerate(self._words):
            for key in word.keys:
                self._by_key.setdefault(key, []).append(number)

    def find(self, text: str) -> dict[str, list[Found]]:
        """List name → where its words stand in ``text``, word by word; lists without a word are left out."""
        grams = set(text)
        grams.update(map(str.__add__, text, text[1:]))
        candidates = {number for key in self._by_key.keys() & grams for number in self._by_key[key]}
        found: dict[str, list[Found]] = {}
        for number in candidates:
            word, names = self._words[number]
            if places := word.places(text):
                for name in names:
                    found.setdefault(name, []).extend(places)
        return found
