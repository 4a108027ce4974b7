"""Anonymised places: letters that were published with codes (A市, A7县, K3区) instead of names.

Different codes are different places; the letter is the city that a numbered district or county belongs to.
"""

from __future__ import annotations

import re

from .place import PlaceName

_CODE = re.compile(r"(?<![A-Za-z0-9])([A-Za-z])([0-9]{1,2})?(市|区|县|镇|街道)(?!置区)")


def find_codes(text: str) -> tuple[PlaceName, ...]:
    """Coded places in ``text``: a city has no number, a district, county or street has one."""
    found = []
    for match in _CODE.finditer(text):
        letter, number, kind = match.group(1).upper(), match.group(2), match.group(3)
        city = f"{letter}市"
        if kind == "市" and not number:
            found.append(PlaceName("city", city, match.group(), match.start(), match.end(), 1.0, city, ""))
        elif number and kind in ("镇", "街道"):
            found.append(
                PlaceName(
                    "street", f"{letter}{number}{kind}", match.group(), match.start(), match.end(), 1.0, city
                )
            )
        elif number:
            code = f"{letter}{number}{kind}"
            found.append(
                PlaceName("district", code, match.group(), match.start(), match.end(), 1.0, city, code)
            )
    return tuple(found)
