"""A week of the service in numbers: how right it was, as far as that can be known, and whether the world moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from eval.metrics.drift import Drift
from eval.metrics.live import Delay, LiveAccuracy, live_accuracy, outcome_delay
from eval.metrics.measure import number
from eval.metrics.reference import Answered, Reference, drifts
from model.calendar import SHANGHAI
from model.errors import FenboError
from model.text.prepared import prepare
from model.ticket import Ticket
from service.storage.live import Answer

WEEKS_BEFORE: Final = 7
"""Weeks told beside the one that is reported."""

_MOST_READ: Final = 5000
"""Letters whose text is read for drift, spread evenly over the week."""


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week by Shanghai's clock, such as 2026-W14."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Week:
        """The week that ``text`` names. Raises `FenboError`."""
        year, _, week = text.partition("-W")
        try:
            made = cls(int(year), int(week))
            made.start.date()
        except ValueError as error:
            raise FenboError(
                f"--week: {text!r} is no week; allowed: a year and a week, such as 2026-W14"
            ) from error
        return made

    @classmethod
    def of(cls, moment: datetime) -> Week:
        """The week that a moment lies in."""
        return cls(*moment.astimezone(SHANGHAI).isocalendar()[:2])

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime.fromisocalendar(self.year, self.number, 1).replace(tzinfo=SHANGHAI)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.start + timedelta(days=7)

    def before(self, weeks: int) -> Week:
        """The week so many weeks earlier."""
        return Week.of(self.start - timedelta(days=7 * weeks))

    def __str__(self) -> str:
        """As it is parsed."""
        return f"{self.year}-W{self.number:02}"


@dataclass(frozen=True, slots=True)
class Told:
    """The report of a week. ``live`` is None for a week without tickets."""

    week: Week
    now: datetime
    bundles: tuple[tuple[str, int], ...]
    """Bundles that answered, and how many tickets each."""
    auto_share: float | None
    live: LiveAccuracy | None
    delay: Delay | None
    drift_of: str
    """The bundle whose reference drift was measured against; empty where it carries none."""
    drift: tuple[Drift, ...]
    earlier: tuple[tuple[Week, LiveAccuracy], ...]
    """Weeks before, newest first: their outcomes have had more time to come."""

    def as_json(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return {
            "format": "fenbo-week/1",
            "week": str(self.week),
            "now": self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "bundles": dict(self.bundles),
            "auto_share": self.auto_share,
            "accuracy": None if self.live is None else live_json(self.live),
            "delay": None if self.delay is None else asdict(self.delay),
            "drift": {"reference": self.drift_of, "of": [asdict(one) for one in self.drift]},
            "earlier": [{"week": str(week), "accuracy": live_json(live)} for week, live in self.earlier],
        }


def live_json(live: LiveAccuracy) -> dict[str, Any]:
    """`LiveAccuracy` with null for what is not known."""
    return {
        "tickets": live.tickets,
        "with_outcome": live.with_outcome,
        "reviewed_share": number(live.reviewed_share),
        "of_known_outcomes_biased": live.biased.as_json(),
        "bounds": [number(live.least), number(live.most)],
        "audit": live.audit.as_json(),
        "audit_auto": live.audit_auto.as_json(),
        "audit_drawn": live.audit_drawn,
        "audit_complete": live.audit_complete,
    }


def tell(
    week: Week,
    read: Callable[[datetime, datetime], Sequence[Answer]],
    *,
    now: datetime,
    references: Callable[[str], Reference | None],
) -> Told:
    """The report of a week. ``read`` gives the answers between two moments, ``references`` a bundle's reference."""
    rows = read(week.start, week.end)
    tickets = [row.ticket for row in rows]
    names = [row.bundle for row in rows]
    bundles = tuple(sorted({name: names.count(name) for name in names}.items(), key=lambda pair: -pair[1]))
    reference = references(bundles[0][0]) if bundles else None
    earlier = []
    for back in range(1, WEEKS_BEFORE + 1):
        past = week.before(back)
        if found := read(past.start, past.end):
            earlier.append((past, live_accuracy([row.ticket for row in found])))
    return Told(
        week=week,
        now=now,
        bundles=bundles,
        auto_share=sum(ticket.action == "auto" for ticket in tickets) / len(tickets) if tickets else None,
        live=live_accuracy(tickets) if tickets else None,
        delay=outcome_delay(tickets, now=now) if tickets else None,
        drift_of=bundles[0][0] if reference is not None else "",
        drift=() if reference is None else drift_of(rows, bundles[0][0], reference),
        earlier=tuple(earlier),
    )


def drift_of(rows: Sequence[Answer], bundle: str, reference: Reference) -> tuple[Drift, ...]:
    """How far the letters that a bundle answered, and its answers, moved from its reference."""
    own = [row for row in rows if row.bundle == bundle and (row.title or row.content)]
    step = max(1, -(-len(own) // _MOST_READ))
    return drifts(
        reference,
        [
            Answered(
                text=prepare(Ticket(row.content, title=row.title)).document.text,
                department=row.ticket.predicted,
                probability=row.ticket.probability,
                urgency=row.urgency,
                kind=row.kind,
                action=row.ticket.action,
            )
            for row in own[::step]
        ],
    )
