"""From what stands in a cell to what a record holds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType

from model.calendar import SHANGHAI

MAX_TEXT_BYTES = 1_000_000
"""Title and content together, as UTF-8; a longer letter is reported, not read."""

URGENCIES: Mapping[str, str] = MappingProxyType(
    {
        **{code: code for code in ("emergency", "urgent", "normal", "low")},
        **{"4": "emergency", "3": "urgent", "2": "normal", "1": "low"},
        **{"特急": "emergency", "加急": "urgent", "一般": "normal", "不急": "low"},
    }
)
KINDS: Mapping[str, str] = MappingProxyType(
    {
        **{code: code for code in "CHTJSO"},
        **{"咨询": "C", "求助": "H", "投诉": "T", "举报": "J", "建议": "S", "其他": "O", "其它": "O"},
    }
)

NOTHING = frozenset({"nan", "none", "null", "n/a", "#n/a", "nat", "<na>"})
"""What spreadsheets and data frames write where there is no label, in lower case."""

_DATE = re.compile(
    r"""
    (?P<year>[12]\d{3}) (?:
        (?P<mark>[-/.]) (?P<month>\d{1,2}) (?P=mark) (?P<day>\d{1,2})
      | \s?年\s?(?P<month_zh>\d{1,2})\s?月\s?(?P<day_zh>\d{1,2})\s?[日号]
      | (?P<month_run>\d{2}) (?P<day_run>\d{2})
    )
    (?:
        (?: \s* [Tt] \s* | \s+ | (?<=[日号]) )
        (?P<half>上午|下午)? \s?
        (?P<hour>\d{1,2})
        (?: [:：时点] (?P<minute>\d{1,2}) (?: [:：分] (?: (?P<second>\d{1,2}) 秒?)? )? | [时点] )
        (?: [.,] (?P<fraction>\d{1,9}) )?
      | (?P<time_run>(?<=\d{8})\d{6})
    )?
    \s* (?P<zone> [Zz] | [+-]\d{2}:?\d{2} )?
    """,
    re.VERBOSE,
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableValueError(Exception):
    """Why a cell cannot be read; its text becomes the problem's reason."""


def text_value(column: str, value: object) -> str:
    """The cell as text; '' when it is empty. Numbers are written without a needless ``.0``.

    Raises
    ------
    UnreadableValueError
        Broken characters, NUL, or something that is not text (a list, an object, true or false, bytes).
    """
    if value is None:
        return ""
    if isinstance(value, str):
        if "\0" in value:
            raise UnreadableValueError(f"{column} holds a NUL byte")
        if _LONE_SURROGATE.search(value):
            raise UnreadableValueError(f"{column} holds bytes that are no character in the file's encoding")
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    raise UnreadableValueError(f"{column} is a {type(value).__name__}; text is expected")


def optional_value(column: str, value: object) -> str | None:
    """The cell as text without outer blanks; None when nothing is left."""
    return text_value(column, value).strip() or None


def label_value(column: str, value: object) -> str | None:
    """As `optional_value`; None also for what spreadsheets and data frames write where there is no label."""
    text = optional_value(column, value)
    return None if text is None or text.strip().lower() in NOTHING else text


def urgency_value(value: object) -> str | None:
    """``emergency|urgent|normal|low`` from a code, a number 4–1 (4.0 too: pandas) or a Chinese name."""
    text = label_value("urgency", value)
    if text is None:
        return None
    code = URGENCIES.get(text.lower().removesuffix(".0"))
    if code is None:
        raise UnreadableValueError(
            f"urgency {_shown(text)}; allowed: emergency, urgent, normal, low, 4–1, 特急, 加急, 一般, 不急"
        )
    return code


def kind_value(value: object) -> str | None:
    """``C|H|T|J|S|O`` from the letter or the Chinese name."""
    text = label_value("kind", value)
    if text is None:
        return None
    code = KINDS.get(text.upper())
    if code is None:
        raise UnreadableValueError(
            f"kind {_shown(text)}; allowed: C, H, T, J, S, O, 咨询, 求助, 投诉, 举报, 建议, 其他"
        )
    return code


def time_value(value: object) -> datetime | None:
    """A point in time that carries its zone; one written without a zone is Asia/Shanghai's.

    Read are RFC 3339, ``2016-06-24``, ``2017/5/31 09:59:23``, ``2017.5.31``, ``20170531``,
    ``20170531095923``, ``2017年5月31日 9时59分``, with 上午 or 下午, and dates of Excel, Parquet and saved
    datasets. Seconds since 1970 are not: they cannot be told from a mistyped number.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=SHANGHAI)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=SHANGHAI)
    text = optional_value("created_at", value)
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise UnreadableValueError(f"created_at {_shown(text)} is no date; write e.g. 2017-05-31 09:59:23")
    try:
        return _time(match)
    except ValueError as error:
        raise UnreadableValueError(f"created_at {_shown(text)} is no date: {error}") from None


def _time(match: re.Match[str]) -> datetime:
    part = match.groupdict()
    run = part["time_run"] or ""
    hour = int(run[0:2] or part["hour"] or 0)
    if part["half"] == "下午" and hour < 12:
        hour += 12
    elif part["half"] == "上午" and hour == 12:
        hour = 0
    return datetime(
        int(part["year"]),
        int(part["month"] or part["month_zh"] or part["month_run"]),
        int(part["day"] or part["day_zh"] or part["day_run"]),
        hour,
        int(run[2:4] or part["minute"] or 0),
        int(run[4:6] or part["second"] or 0),
        int((part["fraction"] or "0")[:6].ljust(6, "0")),
        tzinfo=_zone(part["zone"]),
    )


def _zone(text: str | None) -> timezone:
    if text is None:
        return SHANGHAI
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    if int(digits[2:]) > 59:
        raise ValueError("the zone's minutes must be in 0..59")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def _shown(text: str) -> str:
    """The value as a reason may quote it: short, and masked, because a shifted column can hold anything."""
    from model.text.mask import mask  # loads dictionaries: only a file with a bad value pays for them

    masked = mask(text[:200]).text
    return repr(masked if len(masked) <= 24 else masked[:24] + "…")
