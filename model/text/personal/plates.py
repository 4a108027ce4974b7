"""Vehicle plates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import Finding

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SIGN = "[a-hj-np-z0-9]"
_NEW_ENERGY = r"(?:[a-hj-k] ?[a-hj-np-z0-9](?: ?[0-9]){4}|(?:[0-9] ?){5}[a-hj-k])"
_ORDINARY = rf"{_SIGN}(?: ?{_SIGN}){{4}}"
_SPECIAL = rf"{_SIGN}(?: ?{_SIGN}){{3}} ?[挂学警港澳]"
_PLATE = re.compile(
    rf"[{_PROVINCES}] ?[a-hj-z] ?[·./\-]? ?(?P<serial>{_NEW_ENERGY}|{_ORDINARY}|{_SPECIAL})(?![0-9a-z])"
)
_WITHOUT_PROVINCE = re.compile(
    rf"车牌号?码?[:是为 ]{{0,2}}(?P<plate>[a-hj-z][·.\-]?(?P<serial>{_NEW_ENERGY}|{_ORDINARY}))(?![0-9a-z])"
)
# No plate has three letters in its serial part: 新 before a product's name is not 新疆.
_MOST_LETTERS = 2


def _is_plate_serial(serial: str) -> bool:
    letters = sum("a" <= sign <= "z" for sign in serial)
    return letters <= _MOST_LETTERS


def find_plates(text: str) -> Iterator[Finding]:
    """Vehicle plates, five places or six for new energy (GA 36-2018); after 车牌 without the province too."""
    for match in _PLATE.finditer(text):
        if _is_plate_serial(match["serial"]):
            yield Finding("plate", *match.span())
    for match in _WITHOUT_PROVINCE.finditer(text):
        if _is_plate_serial(match["serial"]):
            yield Finding("plate", *match.span("plate"))
