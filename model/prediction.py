"""What fenbo answers about a ticket. These shapes are the API's response and the library's result alike.

Probabilities are in [0, 1]. Offsets count characters of the masked text, end exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["auto", "suggest", "review"]
UrgencyCode = Literal["emergency", "urgent", "normal", "low"]
KindCode = Literal["C", "H", "T", "J", "S", "O"]
Field = Literal["title", "content"]

URGENCY_CODES: tuple[UrgencyCode, ...] = ("low", "normal", "urgent", "emergency")
"""Ordered from the lowest (level 1) to the highest (level 4)."""

KIND_CODES: tuple[KindCode, ...] = ("C", "H", "T", "J", "S", "O")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A department and the probability that it is the right one."""

    code: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class DepartmentPrediction:
    """The likeliest department, and the best five with their probabilities."""

    code: str
    name: str
    probability: float
    top: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the decision is what it is: a stable code for machines, a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """``auto``: dispatch without a person; ``suggest``: a person confirms; ``review``: a person decides."""

    action: Action
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the masked text and how much it spoke for the named department (positive) or against (negative)."""

    field: Field
    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that set an urgency level or a flag, with the words it fired on."""

    rule: str
    level: UrgencyCode | None
    field: Field
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class UrgencyPrediction:
    """The higher of model and rules. ``probability`` is the model's for the final level; ``flags`` stand apart."""

    code: UrgencyCode
    name: str
    probability: float
    model_code: UrgencyCode
    probabilities: dict[str, float]
    raised_by: tuple[RuleHit, ...]
    flags: tuple[RuleHit, ...]
    respond_by: str | None
    """First response due, RFC 3339 in UTC; None when the ticket has no time of creation."""


@dataclass(frozen=True, slots=True)
class KindPrediction:
    """What the citizen wants: one of six kinds."""

    code: KindCode
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The spans that made the department win."""

    department: str
    method: Literal["lexical", "occlusion"]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Masked:
    """The ticket's text as it may be stored and shown: personal data replaced by placeholders."""

    title: str
    content: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What answered: names and versions for the record."""

    bundle: str
    taxonomy: str
    taxonomy_version: str
    code: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """All that fenbo says about one ticket."""

    ticket_id: str
    department: DepartmentPrediction
    second_department: Candidate | None
    """The other request's department when the ticket holds two; None otherwise."""
    decision: Decision
    urgency: UrgencyPrediction
    kind: KindPrediction
    evidence: Evidence
    masked: Masked
    versions: Versions
    milliseconds: float
