"""HTML that came along when a letter was pasted: tags, comments and entities are taken out, ``3<5`` stays."""

from __future__ import annotations

import re
from html.entities import name2codepoint

from model.text.characters import FORMS
from model.text.drafts import Draft

_INLINE_NAMES = "abbr|a|big|b|code|del|em|font|ins|i|label|mark|q|small|span|strike|strong|sub|sup|s|tt|u|var"
_OTHER_NAMES = (
    "address|area|article|aside|audio|basefont|base|blockquote|body|br|button|caption|center|cite|colgroup|col|dd|"
    "dfn|dir|div|dl|dt|embed|fieldset|footer|form|frameset|frame|h[1-6]|header|head|hr|html|iframe|img|input|kbd|"
    "legend|link|li|main|map|meta|nav|noscript|object|ol|optgroup|option|param|pre|p|samp|script|section|select|"
    "source|style|svg|table|tbody|td|textarea|tfoot|thead|th|time|title|tr|ul|video|wbr|xml"
)
_WORD_PROCESSOR_NAMES = r"[a-z][a-z0-9]*+:[a-z][a-z0-9]*+"
# An attribute must have its "=": "a <b and c> d" is a comparison. No part runs over "<", so that a mark
# which is never closed costs no more than its own length.
_ATTRIBUTES = (
    r"""(?:\s++[a-z_:@][\w:.\-]*+\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>]*+)"""
    r"""|\s++(?:nowrap|noshade|disabled))*+"""
)


def _tag(names: str) -> str:
    return rf"</?(?:{names})(?![a-z0-9:]){_ATTRIBUTES}\s*+/?>"


_INLINE = _tag(f"{_INLINE_NAMES}|{_WORD_PROCESSOR_NAMES}")
_ANY = _tag(f"{_INLINE_NAMES}|{_OTHER_NAMES}|{_WORD_PROCESSOR_NAMES}")
_COMMENT = re.compile(
    r"<[!！]--[^<]*?--[!！]?>|<[!！](?:--)?\[[^<>]*+>|<[!！]doctype[^<>]*+>|<[?？]xml[^<>]*+>"
)
_STYLE = re.compile(rf"<(style|script)(?![a-z0-9:]){_ATTRIBUTES}\s*+>[^<]*+</\1\s*+>")
# Bold or a link within a Chinese sentence divides nothing; any other mark stands for a break.
_TAGS = re.compile(rf"(?P<seamless>(?<=[^\x00-\x7f])(?:{_INLINE})+(?=[^\x00-\x7f]))|(?:{_ANY})+")
_ENTITY = re.compile(
    r"&(?:#(?P<decimal>[0-9]{1,7})|#x(?P<hexadecimal>[0-9a-f]{1,6})|(?P<name>[a-z][a-z0-9]{1,30}));"
    r"|&(?P<open>nbsp|lt|gt|amp|quot)(?![a-z0-9=;])"
)
_ENTITIES = {name.lower(): FORMS[code] for name, code in reversed(name2codepoint.items())}


def _decoded(match: re.Match[str]) -> str:
    decimal, hexadecimal = match["decimal"], match["hexadecimal"]
    if decimal or hexadecimal:
        code = int(decimal) if decimal else int(hexadecimal, 16)
        return FORMS[code] if code <= 0x10FFFF else " "
    name: str = match["name"] or match["open"]
    return _ENTITIES.get(name, match[0])


def _space(_: re.Match[str]) -> str:
    return " "


def _seam(match: re.Match[str]) -> str:
    return "" if match["seamless"] is not None else " "


def strip_markup(draft: Draft) -> None:
    """Take out one layer of markup: entities become their character, tags a space or nothing.

    The draft's characters must be unified before (lower case, half width). Text that was escaped twice
    needs a second call.
    """
    if "&" in draft.text:
        draft.sub(_ENTITY, _decoded)
    if "<" in draft.text:
        draft.sub(_COMMENT, _space)
        draft.sub(_STYLE, _space)
        draft.sub(_TAGS, _seam)


TAG = re.compile(rf"(?:{_ANY})|{_COMMENT.pattern}")
"""One mark, for those who look inside the marks."""
