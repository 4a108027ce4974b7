"""What an evaluation is made from: tickets with their true labels beside what a bundle answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.prediction import Action, KindCode, UrgencyCode


@dataclass(frozen=True, slots=True)
class ScoredTicket:
    """One ticket, its true labels (None where it has none) and the answer.

    ``probabilities`` (K,) are over the departments that the bundle can predict, in the evaluation's order; a
    true department outside those counts as missed. ``urgency_probabilities`` (4,) run from low to emergency.
    """

    ticket_id: str
    probabilities: NDArray[np.floating]
    action: Action
    urgency: UrgencyCode
    urgency_probabilities: NDArray[np.floating]
    kind: KindCode
    true_department: str | None = None
    true_urgency: UrgencyCode | None = None
    true_kind: KindCode | None = None
    group: str = ""
    """Near-copies of one letter share a group; empty: the ticket stands alone."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Value by dimension, such as ``district`` or ``month``; a dimension without value is left out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one ticket without any of its text: what comparisons and the gate need."""

    ticket_id: str
    group: str
    true_department: str | None
    department: str
    probability: float
    action: Action
    true_urgency: UrgencyCode | None
    urgency: UrgencyCode
    true_kind: KindCode | None
    kind: KindCode

    @property
    def right(self) -> bool:
        """Whether the department is the true one."""
        return self.department == self.true_department


def outcomes(tickets: Sequence[ScoredTicket], codes: Sequence[str]) -> list[Outcome]:
    """What became of each ticket; ``codes`` (K,) name the probabilities' columns."""
    told = []
    for ticket in tickets:
        best = int(np.argmax(ticket.probabilities))
        told.append(
            Outcome(
                ticket_id=ticket.ticket_id,
                group=ticket.group,
                true_department=ticket.true_department,
                department=codes[best],
                probability=round(float(ticket.probabilities[best]), 6),
                action=ticket.action,
                true_urgency=ticket.true_urgency,
                urgency=ticket.urgency,
                true_kind=ticket.true_kind,
                kind=ticket.kind,
            )
        )
    return told


def group_names(tickets: Sequence[ScoredTicket | Outcome]) -> NDArray[np.str_]:
    """Group of each ticket, shape (N,); one that stands alone is a group of its own."""
    return np.array([ticket.group or f"\N{NULL}{row}" for row, ticket in enumerate(tickets)])


def probability_table(tickets: Sequence[ScoredTicket], classes: int) -> NDArray[np.float64]:
    """Probabilities of all tickets, shape (N, K).

    Raises FenboError where a ticket's are not of K departments.
    """
    for ticket in tickets:
        if ticket.probabilities.shape != (classes,):
            raise FenboError(
                f"ticket {ticket.ticket_id!r}: probabilities of shape {ticket.probabilities.shape}, "
                f"expected ({classes},), one for each department of the bundle"
            )
    return np.stack([ticket.probabilities for ticket in tickets]).astype(np.float64)
