"""What a taxonomy is made of: departments, urgency levels with their first response, kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from model.prediction import KindCode, UrgencyCode

ResponseUnit = Literal["hours", "working_days"]
RESPONSE_UNITS: tuple[ResponseUnit, ...] = ("hours", "working_days")


@dataclass(frozen=True, slots=True)
class FormerName:
    """A name that a department, or one that it took over, bore. ``valid_to`` is the last day of that name."""

    name: str
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Department:
    """One handling unit.

    ``valid_from`` and ``valid_to`` are its first and last day in force, both counted; None means open. After
    ``valid_to`` its tickets go to ``successor`` (a code), which may be retired in turn. ``matters`` are what
    it typically handles, in words a citizen would use.
    """

    code: str
    name: str
    level: str = ""
    matters: tuple[str, ...] = ()
    former_names: tuple[FormerName, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str | None = None

    def is_live(self, on: date) -> bool:
        """Whether the department is in force on a day of Shenzhen's calendar."""
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_to is None or on <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Response:
    """When a person must first answer: after ``amount`` running hours, or at the end of the nth working day.

    ``hand_over_now`` asks for the ticket to be handed to a person at once, whatever the time of day.
    """

    unit: ResponseUnit
    amount: int
    hand_over_now: bool = False


@dataclass(frozen=True, slots=True)
class UrgencyLevel:
    """One of the four levels; ``number`` runs from 1 (low) to 4 (emergency)."""

    code: UrgencyCode
    number: int
    name: str
    meaning: str
    response: Response


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the six things a citizen may want."""

    code: KindCode
    name: str
    meaning: str
