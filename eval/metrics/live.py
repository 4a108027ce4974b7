"""Routing accuracy from what became of tickets, without fooling oneself.

Outcomes come late, many never come, and those that do are of tickets that a person looked at: the hard ones.
So the share that is right among known outcomes is not the accuracy. A random audit sample, drawn before
anything is known of a ticket, is looked at whatever was predicted, and estimates it without bias.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from eval.metrics.checks import Bools, Floats, MetricError
from eval.metrics.intervals import wilson
from eval.metrics.measure import Measure, not_measured

RETURNED = "(returned)"
"""Stands for the final department of a ticket that the predicted one sent back and nobody has yet."""

FEWEST_IN_STRATUM = 10
ANSWERED_ENOUGH = 0.9
"""Share of audited tickets that must have their outcome for the audit to be taken as unbiased."""

_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class LiveTicket:
    """One answered ticket and what is known of it by now."""

    predicted: str
    probability: float
    action: str
    """auto, suggest or review: what was decided when it was predicted."""
    created_at: datetime
    final: str | None = None
    """The department that handled it in the end, or RETURNED; None while that is not known."""
    outcome_at: datetime | None = None
    """When ``final`` became known."""
    reviewed: bool = False
    """Whether a person looked at it for any other reason than the audit."""
    audit_sample: bool = False
    audit_rate: float = 0.0
    """Chance, in (0, 1], with which a ticket of its kind was drawn into the audit; 0 where none was drawn."""

    @property
    def right(self) -> bool:
        """Whether the predicted department handled it; False while that is not known."""
        return self.final == self.predicted


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """What outcomes say of N tickets, shares in [0, 1] with 95 % intervals."""

    tickets: int
    with_outcome: int
    reviewed_share: float
    """Share of the known outcomes that are of tickets which a person reviewed."""
    biased: Measure
    """Right among the known outcomes: of hard tickets above all."""
    least: float
    most: float
    """Accuracy of all tickets if every missing outcome were a misroute, or none."""
    audit: Measure
    """Accuracy of all tickets by the audit sample: unbiased while ``audit_complete``."""
    audit_auto: Measure
    """The same of the tickets that went out without a person."""
    audit_drawn: int
    audit_complete: bool
    """Whether nearly all audited tickets have their outcome; what is missing may be the hard ones."""


@dataclass(frozen=True, slots=True)
class Delay:
    """How long outcomes take, among tickets that get one or still may (Kaplan & Meier 1958)."""

    days: tuple[float, ...]
    known: tuple[float, ...]
    """Share of tickets, in [0, 1], whose outcome is known after each of ``days``."""
    median: float | None
    """Days after which half of all tickets have an outcome; None where it was not reached."""


def drawn_for_audit(ticket_id: str, rate: float, *, salt: str) -> bool:
    """Whether a ticket belongs to the audit sample, by a hash: with chance ``rate``, the same whenever asked.

    It depends on nothing that the model says. ``salt`` is a secret of the city, so that nobody can choose
    ids that escape. Raises MetricError for a rate outside [0, 1].
    """
    if not 0.0 <= rate <= 1.0:
        raise MetricError(f"audit rate: {rate}; allowed: 0 (no audit) to 1 (every ticket)")
    digest = hashlib.blake2b(ticket_id.encode(), key=salt.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * 2**64


def live_accuracy(tickets: Sequence[LiveTicket], *, level: float = 0.95) -> LiveAccuracy:
    """Routing accuracy of tickets, from what became of them. Raises MetricError for no tickets."""
    if not tickets:
        raise MetricError("tickets: 0 rows; at least one answered ticket is needed")
    known = [ticket for ticket in tickets if ticket.final is not None]
    right = sum(ticket.right for ticket in known)
    drawn = [ticket for ticket in tickets if ticket.audit_sample]
    answered = sum(ticket.final is not None for ticket in drawn)
    auto = [ticket for ticket in tickets if ticket.action == "auto"]
    return LiveAccuracy(
        tickets=len(tickets),
        with_outcome=len(known),
        reviewed_share=sum(ticket.reviewed for ticket in known) / len(known) if known else 0.0,
        biased=_share(right, len(known), level),
        least=right / len(tickets),
        most=(right + len(tickets) - len(known)) / len(tickets),
        audit=audit_accuracy(tickets, level=level),
        audit_auto=audit_accuracy(auto, level=level) if auto else not_measured(),
        audit_drawn=len(drawn),
        audit_complete=bool(drawn) and answered >= ANSWERED_ENOUGH * len(drawn),
    )


def audit_accuracy(tickets: Sequence[LiveTicket], *, level: float = 0.95) -> Measure:
    """Accuracy of all N tickets by those of the audit sample that have their outcome.

    Each audited ticket stands for 1 / rate tickets (Hájek 1971), within decisions where each has ten audited
    ones (post-stratification; Cochran 1977, 5A.9); the interval is Wilson's at the number of rows of equal
    variance. Raises MetricError for an audited ticket without a rate in (0, 1].
    """
    audited = [ticket for ticket in tickets if ticket.audit_sample and ticket.final is not None]
    if not audited:
        return not_measured()
    for ticket in audited:
        if not 0.0 < ticket.audit_rate <= 1.0:
            raise MetricError(
                f"audit_rate: {ticket.audit_rate} of an audited ticket; allowed: above 0 and up to 1"
            )
    right = np.array([ticket.right for ticket in audited])
    weight = np.array([1.0 / ticket.audit_rate for ticket in audited])
    value = middle = variance = 0.0
    for share, rows in _strata(tickets, audited):
        w, good = weight[rows], right[rows]
        rows_worth = float(w.sum() ** 2 / (w**2).sum())
        mean = float((w * good).sum() / w.sum())
        # Two more, one right: three of three audited is no proof that all are (Agresti & Coull 1998).
        softened = (mean * rows_worth + 1.0) / (rows_worth + 2.0)
        value += share * mean
        middle += share * softened
        variance += share**2 * softened * (1.0 - softened) / rows_worth
    effective = middle * (1.0 - middle) / variance
    low, high = wilson(value * effective, effective, level=level)
    return Measure(value, low, high, len(audited))


def outcome_delay(
    tickets: Sequence[LiveTicket], *, now: datetime, days: Sequence[float] = (1, 3, 7, 15, 30, 60)
) -> Delay:
    """How soon outcomes come, counting tickets without one as still waiting.

    Young tickets have had no time: taking known delays alone would make outcomes look fast (censoring;
    Kaplan & Meier 1958). Raises MetricError for no tickets.
    """
    if not tickets:
        raise MetricError("tickets: 0 rows; at least one answered ticket is needed")
    waited = np.array([_days(ticket.created_at, ticket.outcome_at or now) for ticket in tickets])
    came = np.array([ticket.outcome_at is not None for ticket in tickets])
    order = np.argsort(waited, kind="stable")
    times, known = _kaplan_meier(waited[order], came[order])
    at = [
        float(known[place - 1]) if (place := int(np.searchsorted(times, day, side="right"))) else 0.0
        for day in days
    ]
    half = np.flatnonzero(known >= 0.5)
    return Delay(tuple(float(day) for day in days), tuple(at), float(times[half[0]]) if half.size else None)


def _kaplan_meier(waited: Floats, came: Bools) -> tuple[Floats, Floats]:
    """Times of outcomes, ascending, and the share of tickets with an outcome by each."""
    times, first = np.unique(waited, return_index=True)
    at_risk = waited.size - first
    events = np.add.reduceat(came.astype(np.float64), first)
    return times, (1.0 - np.cumprod(1.0 - events / at_risk)).astype(np.float64)


def _strata(tickets: Sequence[LiveTicket], audited: Sequence[LiveTicket]) -> list[tuple[float, Bools]]:
    """Share of all tickets and rows of the audited ones, by decision; one for all where audited ones are few."""
    actions = np.array([ticket.action for ticket in tickets])
    of = np.array([ticket.action for ticket in audited])
    names, counts = np.unique(actions, return_counts=True)
    strata = [(float(n / actions.size), of == name) for name, n in zip(names, counts, strict=True)]
    if min(int(rows.sum()) for _, rows in strata) < FEWEST_IN_STRATUM:
        return [(1.0, np.ones(of.size, dtype=np.bool_))]
    return strata


def _share(right: int, rows: int, level: float) -> Measure:
    return Measure(right / rows, *wilson(right, rows, level=level), rows) if rows else not_measured()


def _days(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() / _SECONDS_A_DAY)
