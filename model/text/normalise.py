"""The one form of a text that patterns and models read, with the way back to what the citizen wrote."""

from __future__ import annotations

import re

from model.text.characters import ZERO_WIDTH_JOINER
from model.text.drafts import Draft, PlainDraft, TracedDraft
from model.text.mapped import MappedText
from model.text.markup import strip_markup

# Escaped markup within escaped markup: real letters have two layers at most.
_MARKUP_LAYERS = 4
_BRACKETS = re.compile("[<&]")

_EMOJI = "\u2190-\u2bff\u3030\u303d\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(rf"(?<![{_EMOJI}]){ZERO_WIDTH_JOINER}|{ZERO_WIDTH_JOINER}(?![{_EMOJI}])")
_SENTENCE_MARKS = r"！？，。；;：:、…~\-_=*+.|^·"
# Digits carry meaning in their number: 1000000 stays, and so does a number that is spelt in Chinese numerals.
_NUMERALS = "0-9零〇一二三四五六七八九十百千万亿幺壹贰叁肆伍陆柒捌玖拾"
_REPEATED = re.compile(
    rf"\A ++| ++\Z|(?P<space> {{2,}})|(?P<mark>[{_SENTENCE_MARKS}])(?P=mark)+"
    rf"|(?P<other>[^ {_NUMERALS}])(?P=other){{3,}}"
)
PLACEHOLDER_NAMES = (
    "PHONE", "TEL", "ID", "CARD", "PLATE", "PASSPORT", "EMAIL", "WECHAT", "QQ", "ROOM", "NAME", "NUM",
)  # fmt: skip
"""What stands between the brackets where personal data was taken out."""
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(PLACEHOLDER_NAMES).lower()})\]")


def _nothing(_: re.Match[str]) -> str:
    return ""


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


def _shortened(match: re.Match[str]) -> str:
    if match["other"]:
        return match["other"] * 3
    if match["mark"]:
        return match["mark"]
    return " " if match["space"] else ""


def _shorten(draft: Draft) -> None:
    if ZERO_WIDTH_JOINER in draft.text:
        draft.sub(_STRAY_JOINER, _nothing)
    draft.sub(_REPEATED, _shortened)


def _finish(draft: Draft) -> None:
    if "[" in draft.text:
        draft.sub(_PLACEHOLDER, _upper)


def _normalise(draft: Draft) -> None:
    draft.unify()
    for _ in range(_MARKUP_LAYERS):
        before = draft.text
        if _BRACKETS.search(before):
            strip_markup(draft)
        _shorten(draft)
        if draft.text == before or not _BRACKETS.search(draft.text):
            break
    else:
        # Nested deeper than any letter: without its brackets it is text, and stays the same when read again.
        draft.sub(_BRACKETS, _nothing)
        _shorten(draft)
    _finish(draft)


def normalise(text: str) -> MappedText:
    """The normal form of ``text`` and the offsets in ``text`` of each of its characters.

    Half width except for ，。！？, simplified Chinese, lower case, compatibility characters written out
    (㎡ → m2, ① → (1)), HTML taken out, control and zero-width characters gone, white space one blank, a mark
    once (！！！ → ！), any other character at most three times in a row except digits. Emoji and the
    placeholders of personal data (``[PHONE]``) stay. Time is linear in the length; any string is allowed.
    """
    draft = TracedDraft(text)
    _normalise(draft)
    return draft.mapped()


def normalised(text: str) -> str:
    """The same as ``normalise(text).text`` without the offsets, and faster. Twice gives the same as once."""
    draft = PlainDraft(text)
    _normalise(draft)
    return draft.text


def with_markup(text: str) -> MappedText:
    """As ``normalise``, but tags and entities stay: for looking at what stands inside the tags."""
    draft = TracedDraft(text)
    draft.unify()
    _shorten(draft)
    _finish(draft)
    return draft.mapped()
