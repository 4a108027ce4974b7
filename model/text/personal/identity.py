"""Identity cards, passports and travel permits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from model.text.personal.finding import Finding, digits_of, is_serial, preceded

_PROVINCES = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
# The second look-ahead lets a number start inside another one that was tried before it.
_ID_18 = re.compile(r"(?=[1-9])(?<![0-9])(?=(?P<number>[1-9](?:[ \-]?[0-9]){16}[ \-]?[0-9x](?![0-9a-z])))")
_ID_15 = re.compile(rf"(?=[1-9])(?<![0-9a-z.\-]){_PROVINCES}[0-9]{{13}}(?![0-9a-z]|-[0-9])")
_ID_SHAPE = re.compile(
    rf"{_PROVINCES}[0-9]{{4}}(?P<year>(?:18|19|20)[0-9]{{2}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})"
    r"[0-9]{3}[0-9x]"
)
_SAID_TO_BE_ID = re.compile(r"身份证(?:件)?(?:号码|号)?[:是为 ]{0,3}(?P<number>[0-9]{14,20}x?)(?![0-9a-z])")
_CALLED_ID = re.compile(r"身份证|身份号码|证件号|居民证")
_CALLED_LICENCE = re.compile(r"执照|注册号|登记号|编号|备案|许可|税务|税号|发票|代码|营业")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10x98765432"
# Cards of 15 places were last issued in 1999; lower years are the serial numbers of companies.
_OLD_IDS_FROM = 20

_PASSPORT = re.compile(r"(?=[eg])(?<![0-9a-z.\-])(?:[eg] ?[0-9]{8}|e ?[a-hj-np-z][0-9]{7})(?![0-9a-z])")
_PERMIT = re.compile(
    r"(?=[cdhlmpstw0-9])(?<![0-9a-z.\-])"
    r"(?:[cw] ?[a-hj-np-z]?[0-9]{7,8}|[hm] ?[0-9]{8,10}|[tldsp] ?[0-9]{8}|[0-9]{8})(?![0-9a-z])"
)
_CALLED_PASSPORT = re.compile(r"护照")
_CALLED_PERMIT = re.compile(r"护照|通行证|回乡证|台胞证|返乡证|签注")
_PERMIT_LOOK_BACK = 12
_ENDS_WITH_DAY = re.compile(r"[a-z]? ?(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


def checks_as_id(number: str) -> bool:
    """Whether the 18th place is the check character of the first 17: GB 11643-1999 (ISO 7064, MOD 11-2).

    ``number`` has 17 digits and a digit or ``x``.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True))
    return _CHECK[total % 11] == number[17]


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def find_ids(text: str) -> Iterator[Finding]:
    """Identity card numbers: 18 places that check or are called so, 15 places with a likely date of birth."""
    for match in _ID_18.finditer(text):
        number = digits_of(match["number"])
        shape = _ID_SHAPE.fullmatch(number)
        if shape is None:
            continue
        born = (int(shape["year"]), int(shape["month"]), int(shape["day"]))
        if preceded(text, match.start(), _CALLED_ID) or (checks_as_id(number) and _is_day(*born)):
            yield Finding("id", *match.span("number"))
    # A slip of the pen in an identity number leaves it somebody's.
    for match in _SAID_TO_BE_ID.finditer(text):
        yield Finding("id", *match.span("number"))
    for match in _ID_15.finditer(text):
        year, month, day = (int(match[0][at : at + 2]) for at in (6, 8, 10))
        if preceded(text, match.start(), _CALLED_ID) or (
            year >= _OLD_IDS_FROM
            and _is_day(1900 + year, month, day)
            and not preceded(text, match.start(), _CALLED_LICENCE)
        ):
            yield Finding("id", *match.span())


def find_passports(text: str) -> Iterator[Finding]:
    """Passports (E or G and 8 digits, E with a letter and 7); travel permits after 通行证 or its like."""
    for match in _PASSPORT.finditer(text):
        start = match.start()
        if preceded(text, start, _CALLED_PASSPORT) or (
            " " not in match[0] and not _ENDS_WITH_DAY.fullmatch(match[0]) and not is_serial(text, start)
        ):
            yield Finding("passport", *match.span())
    for match in _PERMIT.finditer(text):
        if preceded(text, match.start(), _CALLED_PERMIT, _PERMIT_LOOK_BACK) and not _ENDS_WITH_DAY.fullmatch(
            match[0]
        ):
            yield Finding("passport", *match.span())
