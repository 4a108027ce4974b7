"""Working days and deadlines of first response.

Days are those of Shanghai (UTC+8, no summer time since 1991); times are given back in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from pathlib import Path

from model.errors import FenboError
from model.taxonomies.entries import RESPONSE_UNITS, Response
from model.taxonomies.source import Entry, InvalidEntry, read_yaml

# A fixed offset, so that no time zone database is needed where fenbo runs.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_SHIPPED = Path(__file__).parent / "taxonomies"
_SHIPPED_NAMES = ("cn",)
_ONE_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked: Monday to Friday, less ``holidays``, plus the ``makeup`` weekends (调休).

    ``years`` are those whose holidays are known; in any other year only weekends are free. ``day_ends`` is
    when a working day ends in Shanghai.
    """

    name: str
    version: str
    years: frozenset[int]
    holidays: frozenset[date]
    makeup: frozenset[date]
    day_ends: time = time(18, 0)

    @classmethod
    def load(cls, path: str | Path) -> WorkCalendar:
        """Read a calendar file. Raises `InvalidEntry` naming file, line, field, value and what is allowed."""
        root = read_yaml(Path(path)).fields(required=("name", "version", "day_ends", "years"))
        years: set[int] = set()
        holidays: set[date] = set()
        makeup: set[date] = set()
        for entry in root["years"].entries():
            fields = entry.fields(required=("year", "holidays", "makeup"))
            year = fields["year"].whole()
            if year in years:
                raise fields["year"].invalid(f"{year} is written twice; keep one")
            years.add(year)
            holidays |= _read_holidays(fields["holidays"].entries(), year)
            makeup |= _read_makeup(fields["makeup"].entries(), year, holidays)
        return cls(
            name=root["name"].text(),
            version=root["version"].text(),
            years=frozenset(years),
            holidays=frozenset(holidays),
            makeup=frozenset(makeup),
            day_ends=_read_time(root["day_ends"]),
        )

    @classmethod
    def shipped(cls, name: str = "cn") -> WorkCalendar:
        """A calendar that comes with fenbo. Raises `FenboError` for a name that does not."""
        if name not in _SHIPPED_NAMES:
            allowed = ", ".join(_SHIPPED_NAMES)
            raise FenboError(f"calendar {name!r} is not shipped; shipped: {allowed}, or give a file's path")
        return _load_shipped(name)

    def covers(self, day: date) -> bool:
        """Whether the holidays of that day's year are known."""
        return _shanghai_day(day).year in self.years

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on that day of Shanghai's calendar. A ``datetime`` carries its time zone."""
        day = _shanghai_day(day)
        if day in self.makeup:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays

    def add_working_days(self, start: datetime, n: int) -> datetime:
        """End of the nth working day after the day of ``start`` (which itself does not count), in UTC.

        ``n`` is at least 1; ``start`` carries its time zone. Raises `FenboError` otherwise.
        """
        if n < 1:
            raise FenboError(f"n is {n}; it must be at least 1 working day")
        day = _shanghai_day(start)
        passed = 0
        while passed < n:
            day += _ONE_DAY
            if self.is_working_day(day):
                passed += 1
        return datetime.combine(day, self.day_ends, tzinfo=SHANGHAI).astimezone(UTC)

    def respond_by(self, response: Response, created_at: datetime) -> datetime:
        """When the first response to a ticket made at ``created_at`` is due, in UTC.

        Hours run day and night; working days end at ``day_ends``. Later tickets are never due earlier.
        Raises `FenboError` when ``created_at`` has no time zone or the unit of ``response`` is not known.
        """
        if response.unit == "hours":
            return _zoned(created_at).astimezone(UTC) + timedelta(hours=response.amount)
        if response.unit == "working_days":
            return self.add_working_days(created_at, response.amount)
        raise FenboError(
            f"response unit {response.unit!r} is not known; allowed: {', '.join(RESPONSE_UNITS)}"
        )


@lru_cache(maxsize=len(_SHIPPED_NAMES))
def _load_shipped(name: str) -> WorkCalendar:
    return WorkCalendar.load(_SHIPPED / f"calendar_{name}.yaml")


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise FenboError(f"time {moment.isoformat()} has no time zone; give one, such as +08:00")
    return moment


def _shanghai_day(day: date) -> date:
    # A datetime passes for a date but equals none of a calendar's: unconverted it would miss every holiday.
    return _zoned(day).astimezone(SHANGHAI).date() if isinstance(day, datetime) else day


def _read_holidays(entries: Sequence[Entry], year: int) -> set[date]:
    days: set[date] = set()
    for entry in entries:
        fields = entry.fields(required=("name", "first", "last"))
        fields["name"].text()
        first, last = _day_of_year(fields["first"], year), _day_of_year(fields["last"], year)
        if last < first:
            raise fields["last"].invalid(f"{last} lies before first {first}; swap or correct them")
        span = {first + timedelta(days=i) for i in range((last - first).days + 1)}
        if span & days:
            raise fields["first"].invalid(f"{min(span & days)} is already in another holiday; keep one")
        days |= span
    return days


def _read_makeup(entries: Sequence[Entry], year: int, holidays: set[date]) -> set[date]:
    days: set[date] = set()
    for entry in entries:
        day = _day_of_year(entry, year)
        if day.weekday() < _SATURDAY:
            raise entry.invalid(
                f"{day} is a {day:%A}; only a Saturday or Sunday can be a make-up working day"
            )
        if day in holidays:
            raise entry.invalid(f"{day} is also a holiday; it can be one of the two")
        days.add(day)
    return days


def _day_of_year(entry: Entry, year: int) -> date:
    day = entry.day()
    # New Year's notice may give the last days of December, too.
    if day.year != year and (day.year, day.month) != (year - 1, 12):
        raise entry.invalid(f"{day} is not in {year} or December {year - 1}; put it under its own year")
    return day


def _read_time(entry: Entry) -> time:
    value = entry.text()
    try:
        parsed = time.fromisoformat(value)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None:
        raise entry.invalid(f"{value!r} must be a time of day written HH:MM")
    return parsed


__all__ = ["SHANGHAI", "InvalidEntry", "WorkCalendar"]
