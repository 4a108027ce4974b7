"""Which encoding a text file has: UTF-8 with or without BOM, or GB18030; binary files are refused."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from model.records.record import RecordsError

_CHUNK = 1 << 20
_HEAD = 1 << 16
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\x1b")
_NON_ASCII = bytes(range(128, 256))
_MOSTLY = 0.5
_NEARLY_ALL = 0.9


def detect_encoding(path: Path) -> str:
    """``utf-8-sig`` (with or without BOM) or ``gb18030``, found by decoding the whole file.

    A file that is UTF-8 throughout is UTF-8. Otherwise the share of its non-ASCII bytes that form UTF-8
    characters decides: above one half it is UTF-8 with some broken rows (GB18030 text stays far below),
    else GB18030.

    Raises
    ------
    RecordsError
        UTF-16, binary, or neither encoding.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RecordsError(f"{path}: the file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)")
    first_line = head.lstrip().split(b"\n", 1)[0]
    controls = len(head) - len(head.translate(None, _CONTROL))
    if b"\0" in first_line or controls > len(head) / 10:
        raise RecordsError(f"{path}: the file is binary, not text; give CSV, JSONL, Parquet or xlsx")
    if _decodes(path, "utf-8"):
        return "utf-8-sig"
    if _share_kept(path, "utf-8") > _MOSTLY:
        return "utf-8-sig"
    if _decodes(path, "gb18030") or _share_kept(path, "gb18030") > _NEARLY_ALL:
        return "gb18030"
    raise RecordsError(f"{path}: the file is neither UTF-8 nor GB18030 text; save it as UTF-8")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _share_kept(path: Path, encoding: str) -> float:
    """Share of the non-ASCII bytes that belong to whole characters of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("ignore")
    total = kept = 0
    for chunk in _chunks(path):
        total += _count_non_ascii(chunk)
        kept += _count_non_ascii(decoder.decode(chunk).encode(encoding))
    return kept / max(total, 1)


def _count_non_ascii(data: bytes) -> int:
    return len(data) - len(data.translate(None, _NON_ASCII))
