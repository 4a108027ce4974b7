"""One form for each character: width, script, case and compatibility variants, looked up as they are met."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Protocol


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


ZERO_WIDTH_JOINER = "\u200d"

# Sentence marks take their Chinese form, for the encoders learned Chinese from such text; marks that numbers,
# times and addresses are built of take the half-width form, so that patterns need to know only one.
_CHOSEN = {
    **dict.fromkeys(",，﹐︐", "，"),
    **dict.fromkeys("!！﹗︕", "！"),
    **dict.fromkeys("?？﹖︖", "？"),
    **dict.fromkeys("‐‑‒–—―─━−－﹘﹣", "-"),
    **dict.fromkeys("~～〜∼˜", "~"),
    **dict.fromkeys("·•・‧∙･⋅", "·"),
    **dict.fromkeys("…⋯", "…"),
    **dict.fromkeys("⁄∕", "/"),
    ZERO_WIDTH_JOINER: ZERO_WIDTH_JOINER,
    "\u2800": " ",  # a braille cell without dots looks like a space and is typed as one
    **dict.fromkeys(
        "\u034f\u115f\u1160\u3164\uffa0\ufffc", ""
    ),  # invisible, though Unicode calls them letters
}
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\u180b-\u180f\U000e0100-\U000e01ef]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_REMEMBERED = 50_000

ONE_TO_ONE = re.compile("[\t\n\r -~\u4e00-\u9fff\uff01-\uff5e\u3000-\u3002《》【】“”‘’—…·]*")
"""Texts made of these characters alone keep their length: each gives exactly one character."""


@cache
def _converter() -> _Converter:
    import opencc  # 20 ms to import, and only texts with Chinese characters need it

    converter: _Converter = opencc.OpenCC("t2s")
    return converter


def _apart(character: str) -> str | None:
    """①, ⑳ and ❶ in brackets, ½ after a blank: bare digits would run into the number beside them."""
    if unicodedata.category(character) != "No":
        return None
    if "CIRCLED" in unicodedata.name(character, ""):
        return f"({int(unicodedata.numeric(character))})"
    if unicodedata.decomposition(character).startswith("<fraction>"):
        return " " + unicodedata.normalize("NFKC", character)
    return None


def _step(character: str) -> str:
    chosen = _CHOSEN.get(character)
    if chosen is not None:
        return chosen
    if character.isspace():
        return " "
    if unicodedata.category(character) in _DROPPED_CATEGORIES or _VARIATION_SELECTORS.match(character):
        return ""
    if _HAN.match(character):
        # Alone, without its phrase: offsets stay one to one, at the price of a rare wrong choice.
        character = _converter().convert(character)
    apart = _apart(character)
    return apart if apart is not None else unicodedata.normalize("NFKC", character).lower()


def _settled(character: str) -> str:
    step = _step(character)
    if step == character:
        return step
    return "".join(_settled(part) for part in step)


class _Forms(dict[int, str]):
    """Code point → its one form, filled as characters are met, so that nothing is built at start."""

    def __missing__(self, code: int) -> str:
        form = _settled(chr(code))
        # A text of random code points must not make the process grow.
        if len(self) < _REMEMBERED:
            self[code] = form
        return form


FORMS = _Forms()
"""For ``str.translate``: every code point's form. Translating twice changes nothing more."""
