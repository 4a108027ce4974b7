"""Chinese writing that is right on a machine without Chinese fonts: the page carries the characters it needs.

``han.otf`` is Noto Sans CJK SC (SIL Open Font License 1.1, see ``OFL.txt``) cut to the 3,755 characters of
GB 2312's first level, those of this repository's own pages and taxonomies, and those of place names. Each page
gets the few hundred of them that it shows. A reader's own Chinese fonts come first; a character that neither
has, in a rare name, is left to the browser. In the page's list of fonts this one must stand before every font
without Chinese: Chromium draws the first text of each style before it looks further, and keeps it.
"""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from pathlib import Path

from model.errors import MissingExtra

FAMILY = "Fenbo Han"
_FIRST = 0x2E80
"""Where Chinese writing begins in Unicode; marks below it look better in the reader's own font."""

_FILE = Path(__file__).parent / "han.otf"


@lru_cache(maxsize=4)
def font_face(text: str) -> str:
    """A CSS ``@font-face`` with the Chinese characters and marks of ``text``, as WOFF within the rule.

    Raises MissingExtra without fontTools.
    """
    try:
        from fontTools.subset import Options, Subsetter
        from fontTools.ttLib import TTFont
    except ImportError as error:
        raise MissingExtra("fonttools", "train") from error
    font = TTFont(_FILE, recalcTimestamp=False)
    cutter = Subsetter(Options(layout_features=[], hinting=False, notdef_outline=True))
    cutter.populate(unicodes=sorted({ord(character) for character in text if ord(character) >= _FIRST}))
    cutter.subset(font)
    font.flavor = "woff"
    written = io.BytesIO()
    font.save(written)
    data = base64.b64encode(written.getvalue()).decode("ascii")
    return f'@font-face {{ font-family: "{FAMILY}"; src: url(data:font/woff;base64,{data}) format("woff"); }}'
