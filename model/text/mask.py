"""Personal data out of a text: what is stored and shown holds placeholders in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from model.text.mapped import MappedText
from model.text.markup import TAG
from model.text.normalise import PLACEHOLDER_NAMES, normalise, normalised, with_markup
from model.text.personal.accounts import find_emails, find_qqs, find_wechats
from model.text.personal.cards import find_cards
from model.text.personal.finding import Finding
from model.text.personal.identity import find_ids, find_passports
from model.text.personal.names import find_names
from model.text.personal.phones import find_hotlines, find_landlines, find_mobiles
from model.text.personal.plates import find_plates
from model.text.personal.rooms import find_rooms

Finder = Callable[[str], Iterator[Finding]]

_PLACEHOLDER = re.compile(rf"\[(?P<name>{'|'.join(PLACEHOLDER_NAMES)})\]")
_HAN_DIGIT = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_HAN_DIGITS = str.maketrans(_HAN_DIGIT, "001234567891123456789")
_SPELT_NUMBER = re.compile(rf"[{_HAN_DIGIT}][{_HAN_DIGIT}0-9 \-]{{6,}}")
_NUMBER = re.compile(r"[0-9](?:[ .\-()]{0,3}[0-9])*+")
_MAY_HOLD = re.compile(
    rf"[0-9@]|[{_HAN_DIGIT}十]{{3}}|[一二三四五六七八九十](?:单元|楼|层)"
    r"|姓名|人 ?[:(]|户主|患者|法人代表|法定代表|本人|我叫|我的名|我名叫|我是"
    r"|微信|薇信|威信|v信|wechat|weixin|wx|vx|加 ?v"
)
_SPELT_FINDERS: tuple[Finder, ...] = (find_ids, find_mobiles, find_landlines)
_ID_LENGTH = 14
_MOBILE_LENGTH = 11
_LOCAL_NUMBER_LENGTH = 7
# A mask may bring a label next to another number; two rounds settle every letter seen.
_MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class MaskedSpan:
    """A placeholder at ``[start, end)`` of the masked text; ``kind`` is its name in lower case."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without personal data, and where its placeholders stand, in order."""

    text: str
    spans: tuple[MaskedSpan, ...]


def _finders(text: str) -> Iterator[tuple[Finder, str]]:
    """Each finder that may find something, with the text it is to read (same length as ``text``).

    Earlier finders win: an address with a number in it is one address.
    """
    longest = max((number.end() - number.start() for number in _NUMBER.finditer(text)), default=0)
    yield find_emails, text
    if longest >= _ID_LENGTH:
        # By their check digits; written apart, the end of one may look like a hotline.
        yield find_ids, text
        yield find_cards, text
    if longest >= _LOCAL_NUMBER_LENGTH:
        yield find_hotlines, text
    yield find_wechats, text
    if longest >= _MOBILE_LENGTH:
        yield find_mobiles, text
    if longest >= _LOCAL_NUMBER_LENGTH:
        yield find_landlines, text
        yield find_passports, text
    if _SPELT_NUMBER.search(text):
        spelt_out = text.translate(_HAN_DIGITS)
        yield from ((finder, spelt_out) for finder in _SPELT_FINDERS)
    yield find_plates, text
    yield find_qqs, text
    yield find_rooms, text
    yield find_names, text


def _found(text: str) -> list[Finding]:
    """Personal data in a normal form: no two overlap, in order."""
    if not _MAY_HOLD.search(text):
        return []
    taken = bytearray(len(text))
    for placeholder in _PLACEHOLDER.finditer(text):
        taken[placeholder.start() : placeholder.end()] = b"\1" * len(placeholder[0])
    findings: list[Finding] = []
    for finder, reading in _finders(text):
        for finding in finder(reading):
            if taken.find(1, finding.start, finding.end) >= 0:
                continue
            taken[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
            if finding.kind != "hotline":
                findings.append(finding)
    findings.sort(key=lambda finding: finding.start)
    return findings


def _in_source(mapped: MappedText, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield Finding(finding.kind, *mapped.to_source(finding.start, finding.end))


def _inside_tags(mapped: MappedText) -> Iterator[Finding]:
    """Personal data that normalising drops with its tag (``<a href="tel:…">``) but that would be stored."""
    for tag in TAG.finditer(mapped.text):
        for finding in _found(tag[0]):
            yield Finding(finding.kind, tag.start() + finding.start, tag.start() + finding.end)


def _findings(text: str) -> list[Finding]:
    """Personal data of a text as it was written, at offsets of that text."""
    plain = normalised(text)
    findings: list[Finding] = []
    found = _found(plain)
    if found:
        findings += _in_source(normalise(text), found)
    if "<" in text or "＜" in text:
        marked = with_markup(text)
        findings += _in_source(marked, _inside_tags(marked))
        findings.sort(key=lambda finding: finding.start)
    return findings


def _replaced(text: str, findings: list[Finding]) -> str:
    pieces: list[str] = []
    done = 0
    for finding in findings:
        if finding.start < done:
            continue
        pieces += text[done : finding.start], f"[{finding.kind.upper()}]"
        done = finding.end
    pieces.append(text[done:])
    return "".join(pieces)


def mask(text: str) -> Masked:
    """``text`` with personal data replaced by placeholders; every other character stays as it was written.

    Found are mobile and landline numbers ``[PHONE] [TEL]``, identity cards ``[ID]``, bank cards ``[CARD]``,
    plates ``[PLATE]``, passports and travel permits ``[PASSPORT]``, ``[EMAIL]``, ``[WECHAT]``, ``[QQ]``,
    unit, floor and room ``[ROOM]`` and names after a label ``[NAME]``: in full width or half, with blanks,
    in Chinese numerals, in HTML. Placeholders that the text already holds are reported too, so that masking
    again changes nothing. Hotlines stay.
    """
    for _ in range(_MOST_ROUNDS):
        findings = _findings(text)
        if not findings:
            break
        text = _replaced(text, findings)
    spans = (
        MaskedSpan(match["name"].lower(), match.start(), match.end()) for match in _PLACEHOLDER.finditer(text)
    )
    return Masked(text, tuple(spans))
