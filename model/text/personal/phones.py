"""Mobile and landline numbers. Hotlines (110, 12345, 95588, 400…) belong to no person and stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import AMOUNT, Finding, is_serial, preceded

_COUNTRY = r"(?:\+?(?:00)?86[ \-]{0,3}|0)?"
_MOBILE = re.compile(
    rf"(?=[+0-9])(?<![0-9])(?<![0-9]\.){_COUNTRY}"
    r"1[3-9][0-9](?P<gap>[ .\-]?)[0-9]{4}(?P=gap)[0-9]{4}(?![0-9]| ?(?:元|块钱|万元|亿元))"
)
_GAP = r"[ \-()]{0,3}"
_LOOSE_MOBILE = re.compile(
    rf"(?=[+0-9])(?<![0-9])(?<![0-9][ .\-]){_COUNTRY}"
    rf"(?P<number>1{_GAP}[3-9](?:{_GAP}[0-9]){{9}})(?!{_GAP}[0-9]| ?(?:元|块钱|万元|亿元))"
)
_ONE_BEFORE = re.compile(rf"(?<![0-9])1{_GAP}\Z")
_CALLED_PHONE = re.compile(r"电话|手机|联系|号码|致电|拨打|来电|微信|tel|phone|mobile")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[ \-][0-9]{1,2}[ \-][0-9]{1,2}")
_MOST_GROUPS = 5
_ALL_SINGLE = 11

_EXTENSION = r"(?: ?(?:转|分机|ext\.?|-) ?[0-9]{1,8}+)?"
_AREA = r"(?:10|2[0-9]|[3-9][0-9]{2})"
_LANDLINE = re.compile(
    rf"(?=[+(0-9])(?:(?<![0-9.])(?:\+?(?:00)?86[ \-]{{0,2}})?\(?0{_AREA}"
    rf"|\+86[ \-]{{0,2}}\(?{_AREA}|(?<![0-9])86-{_AREA})"
    rf"\)?[ \-]{{0,3}}[2-9](?:[ \-]?[0-9]){{6,7}}(?![0-9]){_EXTENSION}(?![0-9])"
)
_HOTLINE = re.compile(
    r"(?=[48])(?<![0-9])[48]00[ \-]?(?:[0-9]{3}[ \-]?[0-9]{4}|[0-9][ \-]?[0-9]{3}[ \-]?[0-9]{3})(?![0-9])"
)
_LABELLED = re.compile(
    r"(?=[电座固传联致拨来tpf])"
    r"(?:电话|座机|固话|传真|联系方式|联系号码|致电|拨打|来电|(?<![a-z])(?:tel|phone|fax))(?![费卡亭线诈])"
    r"[^0-9，。！？;、\[(+]{0,8}(?P<numbers>(?:[0-9()+ \-]|\[[A-Z]+\]|[、/，;或和及与转])+)"
)
_LOCAL = re.compile(
    rf"(?=[2-9])(?<![0-9.\-])[2-9][0-9]{{2,3}}[ \-]?[0-9]{{4}}(?![0-9]|-[0-9]{{6}}){_EXTENSION}{AMOUNT}"
)
_THEN_LABELLED = re.compile(
    r"(?=[2-9])(?<![0-9a-z.\-])[2-9][0-9]{6,7}(?= ?(?:这个|的)?(?:电话|座机|打不通|无人接))"
)
_UNIT_LENGTH = 3
_DAY = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9])")
_NATIONAL_SERVICE = re.compile(r"95[01][0-9]{5}(?![0-9])")


def find_hotlines(text: str) -> Iterator[Finding]:
    """400 and 800 numbers: reported so that nothing inside them is taken for a landline."""
    for match in _HOTLINE.finditer(text):
        if not _ends_a_mobile(text, match.start()):
            yield Finding("hotline", *match.span())


def _ends_a_mobile(text: str, start: int) -> bool:
    """Whether what looks like a hotline is the rest of a mobile number written apart: 电话 1 4000000000."""
    one = _ONE_BEFORE.search(text, max(0, start - 4), start)
    mobile = None if one is None else _LOOSE_MOBILE.match(text, one.start())
    return mobile is not None and preceded(text, mobile.start(), _CALLED_PHONE)


def _is_mobile_in_pieces(text: str, match: re.Match[str]) -> bool:
    if preceded(text, match.start(), _CALLED_PHONE):
        return True
    groups = re.findall("[0-9]+", match["number"])
    if len(groups) > _MOST_GROUPS and len(groups) != _ALL_SINGLE:
        return False
    return not _DATE.search(match["number"])


def find_mobiles(text: str) -> Iterator[Finding]:
    """Mobile numbers: 13… to 19… of 11 digits, with or without +86, blanks, dashes and brackets anywhere."""
    for match in _MOBILE.finditer(text):
        if not is_serial(text, match.start()):
            yield Finding("phone", *match.span())
    for match in _LOOSE_MOBILE.finditer(text):
        if _is_mobile_in_pieces(text, match) and not is_serial(text, match.start()):
            yield Finding("phone", *match.span())


def find_landlines(text: str) -> Iterator[Finding]:
    """Landline numbers: with an area code anywhere, without one (7 or 8 digits) after a word such as 电话."""
    for match in _LANDLINE.finditer(text):
        if not is_serial(text, match.start()):
            yield Finding("tel", *match.span())
    for labelled in _LABELLED.finditer(text):
        for match in _LOCAL.finditer(text, labelled.start("numbers"), labelled.end("numbers") + _UNIT_LENGTH):
            if not _DAY.match(text, match.start()) and not _NATIONAL_SERVICE.match(text, match.start()):
                yield Finding("tel", *match.span())
    for match in _THEN_LABELLED.finditer(text):
        yield Finding("tel", *match.span())
