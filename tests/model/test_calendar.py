from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from model.calendar import SHANGHAI, WorkCalendar
from model.errors import FenboError
from model.taxonomies.source import InvalidEntry
from model.taxonomy import Response, Taxonomy

CHINA = WorkCalendar.shipped("cn")
RESPONSES: dict[str, Response] = {level.code: level.response for level in Taxonomy.shipped().urgency_levels}
MOMENTS = st.datetimes(datetime(2023, 6, 1), datetime(2027, 12, 31), timezones=st.just(SHANGHAI))


def at(text: str) -> datetime:
    """A time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


class TestWorkingDays:
    @pytest.mark.parametrize(
        ("first", "last"),
        [
            ("2024-02-10", "2024-02-17"),
            ("2024-10-01", "2024-10-07"),
            ("2025-01-28", "2025-02-04"),
            ("2025-05-31", "2025-06-02"),
            ("2025-10-01", "2025-10-08"),
            ("2026-01-01", "2026-01-03"),
            ("2026-02-15", "2026-02-23"),
            ("2026-09-25", "2026-09-27"),
            ("2026-10-01", "2026-10-07"),
        ],
    )
    def test_holidays_are_free_from_first_to_last_day(self, first: str, last: str) -> None:
        day, end = date.fromisoformat(first), date.fromisoformat(last)
        while day <= end:
            assert not CHINA.is_working_day(day), day
            day += timedelta(days=1)

    @pytest.mark.parametrize(
        "day",
        ["2024-02-04", "2024-10-12", "2025-01-26", "2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14"],
    )
    def test_make_up_weekends_are_worked(self, day: str) -> None:
        assert date.fromisoformat(day).weekday() >= 5
        assert CHINA.is_working_day(date.fromisoformat(day))

    def test_new_years_eve_of_2024_was_worked_officially(self) -> None:
        assert CHINA.is_working_day(date(2024, 2, 9))

    # Days given by each year's notice: 366 or 365 days less weekends and holidays, plus make-up days.
    @pytest.mark.parametrize(("year", "worked"), [(2024, 251), (2025, 248), (2026, 248)])
    def test_working_days_of_the_year(self, year: int, worked: int) -> None:
        days = (date(year, 1, 1) + timedelta(days=i) for i in range(366))
        assert sum(CHINA.is_working_day(day) for day in days if day.year == year) == worked

    def test_ordinary_weeks_have_five_days(self) -> None:
        week = [CHINA.is_working_day(date(2025, 3, 10) + timedelta(days=i)) for i in range(7)]
        assert week == [True] * 5 + [False] * 2

    def test_outside_its_years_only_weekends_are_free_and_it_says_so(self) -> None:
        assert [CHINA.covers(date(year, 7, 1)) for year in range(2023, 2028)] == [
            False,
            True,
            True,
            True,
            False,
        ]
        assert CHINA.is_working_day(date(2028, 10, 2))
        assert not CHINA.is_working_day(date(2028, 10, 1))

    def test_a_moment_counts_as_its_day_in_shanghai(self) -> None:
        assert not CHINA.is_working_day(datetime(2025, 9, 30, 17, tzinfo=UTC))
        assert CHINA.is_working_day(datetime(2025, 9, 30, 15, tzinfo=UTC))
        assert CHINA.covers(datetime(2023, 12, 31, 20, tzinfo=UTC))


class TestDeadlines:
    @pytest.mark.parametrize(
        ("created", "days", "due"),
        [
            ("2025-03-10 09:00", 5, "2025-03-17 18:00"),
            ("2025-03-10 23:59", 5, "2025-03-17 18:00"),
            ("2025-03-15 12:00", 5, "2025-03-21 18:00"),  # a Saturday
            ("2025-09-30 10:00", 5, "2025-10-14 18:00"),  # National Day; the 11th is worked
            ("2025-09-26 10:00", 3, "2025-09-30 18:00"),  # the 28th, a Sunday, is worked
            ("2026-09-30 10:00", 5, "2026-10-13 18:00"),  # National Day; the 10th is worked
            ("2026-10-03 10:00", 3, "2026-10-10 18:00"),
            ("2025-01-27 10:00", 5, "2025-02-10 18:00"),  # Spring Festival; Saturday the 8th is worked
            ("2026-02-13 10:00", 5, "2026-02-27 18:00"),  # Spring Festival; the 14th is worked
            ("2025-12-30 10:00", 3, "2026-01-05 18:00"),  # year end; Sunday the 4th is worked
            ("2024-12-31 10:00", 1, "2025-01-02 18:00"),
            ("2026-12-30 10:00", 3, "2027-01-04 18:00"),  # 2027 is not known: weekends only
        ],
    )
    def test_working_days_end_at_six_in_the_evening(self, created: str, days: int, due: str) -> None:
        answer = CHINA.respond_by(Response("working_days", days), at(created))
        assert answer == at(due)
        assert answer.tzinfo is UTC

    def test_hours_run_through_nights_and_holidays(self) -> None:
        assert CHINA.respond_by(RESPONSES["emergency"], at("2025-10-01 23:30")) == at("2025-10-02 01:30")
        assert CHINA.respond_by(RESPONSES["urgent"], at("2026-02-16 08:00")) == at("2026-02-17 08:00")

    def test_shenzhens_levels(self) -> None:
        due = {
            code: CHINA.respond_by(response, at("2025-03-10 09:00")) for code, response in RESPONSES.items()
        }
        assert due == {
            "emergency": at("2025-03-10 11:00"),
            "urgent": at("2025-03-11 09:00"),
            "low": at("2025-03-13 18:00"),
            "normal": at("2025-03-17 18:00"),
        }

    def test_the_day_is_shanghais_whatever_the_zone(self) -> None:
        late = datetime(2025, 3, 10, 17, 0, tzinfo=UTC)  # 01:00 on the 11th in Shanghai
        assert CHINA.add_working_days(late, 1) == at("2025-03-12 18:00")

    @given(first=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=40)))
    @settings(deadline=None)
    @pytest.mark.parametrize("code", ["emergency", "urgent", "normal", "low"])
    def test_a_later_ticket_is_never_due_earlier(self, code: str, first: datetime, later: timedelta) -> None:
        assert CHINA.respond_by(RESPONSES[code], first) <= CHINA.respond_by(RESPONSES[code], first + later)

    @given(created=MOMENTS, days=st.integers(1, 30))
    @settings(deadline=None)
    def test_a_deadline_lies_n_working_days_ahead_on_a_working_day(
        self, created: datetime, days: int
    ) -> None:
        due = CHINA.add_working_days(created, days).astimezone(SHANGHAI)
        between = (due.date() - created.date()).days
        worked = [CHINA.is_working_day(created.date() + timedelta(days=i)) for i in range(1, between + 1)]
        assert sum(worked) == days
        assert worked[-1]
        assert (due.hour, due.minute) == (18, 0)

    def test_a_time_without_a_zone_is_refused(self) -> None:
        for response in RESPONSES.values():
            with pytest.raises(FenboError, match="2025-03-10T09:00:00 has no time zone"):
                CHINA.respond_by(response, datetime(2025, 3, 10, 9))

    def test_no_working_days_are_refused(self) -> None:
        with pytest.raises(FenboError, match="n is 0; it must be at least 1"):
            CHINA.add_working_days(at("2025-03-10 09:00"), 0)


PLAIN: dict[str, Any] = {
    "name": "hill",
    "version": "1",
    "day_ends": "17:30",
    "years": [
        {
            "year": 2031,
            "holidays": [{"name": "岁首", "first": date(2030, 12, 31), "last": date(2031, 1, 2)}],
            "makeup": [date(2031, 1, 4)],
        }
    ],
}


def written(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The small calendar as a file, after one change."""
    form: dict[str, Any] = yaml.safe_load(yaml.safe_dump(PLAIN, allow_unicode=True))
    change(form)
    path = folder / "hill.yaml"
    path.write_text(yaml.safe_dump(form, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def year(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda form: form["years"][0].update(fields)


def holiday(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda form: form["years"][0]["holidays"][0].update(fields)


class TestFiles:
    def test_a_citys_own_calendar_counts(self, tmp_path: Path) -> None:
        calendar = WorkCalendar.load(written(tmp_path, lambda form: form))
        assert not calendar.is_working_day(date(2030, 12, 31))
        assert calendar.is_working_day(date(2031, 1, 4))
        assert calendar.add_working_days(at("2030-12-30 09:00"), 2) == at("2031-01-04 17:30")

    @pytest.mark.parametrize(
        ("change", "field", "says"),
        [
            (holiday(last=date(2030, 12, 30)), "years[0].holidays[0].last", "lies before first 2030-12-31"),
            (holiday(first=date(2029, 12, 31)), "years[0].holidays[0].first", "not in 2031 or December 2030"),
            (holiday(first="soon"), "years[0].holidays[0].first", "'soon' must be a date"),
            (year(makeup=[date(2031, 1, 6)]), "years[0].makeup[0]", "2031-01-06 is a Monday"),
            (year(year="x"), "years[0].year", "'x' must be a whole number"),
            (year(notice="?"), "years[0].notice", "unknown field; allowed: year, holidays, makeup"),
            (
                lambda form: form["years"][0]["holidays"].append(
                    {"name": "又", "first": date(2031, 1, 2), "last": date(2031, 1, 3)}
                ),
                "years[0].holidays[1].first",
                "2031-01-02 is already in another holiday",
            ),
            (
                lambda form: form["years"][0].update(
                    holidays=[{"name": "周末", "first": date(2031, 1, 4), "last": date(2031, 1, 5)}]
                ),
                "years[0].makeup[0]",
                "2031-01-04 is also a holiday",
            ),
            (lambda form: form["years"].append(form["years"][0]), "years[1].year", "2031 is written twice"),
            (lambda form: form.update(day_ends="dusk"), "day_ends", "'dusk' must be a time of day"),
            (lambda form: form.update(day_ends=1080), "day_ends", "put it in quotes"),
            (lambda form: form.pop("years"), "", "'years' is missing"),
        ],
    )
    def test_a_calendar_that_cannot_stand_is_refused_with_field_and_reason(
        self, tmp_path: Path, change: Callable[[dict[str, Any]], object], field: str, says: str
    ) -> None:
        path = written(tmp_path, change)
        with pytest.raises(InvalidEntry) as caught:
            WorkCalendar.load(path)
        assert caught.value.path == field
        assert says in str(caught.value)
        assert str(caught.value).startswith(f"{path}, line ")

    def test_an_unshipped_name_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(FenboError, match="calendar 'mars' is not shipped; shipped: cn"):
            WorkCalendar.shipped("mars")
