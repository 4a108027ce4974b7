"""A small router for tests of the service: real predictions from a handful of words, at a chosen speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from model.calendar import WorkCalendar
from model.prediction import (
    Candidate,
    Decision,
    DepartmentPrediction,
    Evidence,
    Field,
    KindPrediction,
    Masked,
    Prediction,
    Reason,
    RuleHit,
    Span,
    UrgencyPrediction,
    Versions,
)
from model.taxonomy import Taxonomy
from model.text.mask import mask
from model.ticket import Ticket
from service.predictor import Explain

POISON: Final = "毒药"
"""A letter that holds this makes the whole batch fail, as a bug in a model would."""

_WORDS: Final = (
    ("打桩", "STJ"),
    ("噪声", "STJ"),
    ("施工", "STJ"),
    ("工资", "RSJ"),
    ("煤气", "RQJ"),
    ("养老保险", "SBJ"),
    ("树", "CGJ"),
    ("公园", "CGJ"),
)
_EMERGENCIES: Final = ("煤气味", "头晕")
_DIMENSIONS: Final = 64

F32 = NDArray[np.float32]


class FixtureRouter:
    """Answers each letter after ``seconds`` (0 by default) and remembers the batches it was given."""

    def __init__(self, *, seconds: float = 0.0, name: str = "fixture", department: str | None = None) -> None:
        self.seconds = seconds
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[list[Ticket]] = []
        self.explained: list[Explain] = []
        self.taxonomy = Taxonomy.shipped()
        self.versions = Versions(
            bundle=name, taxonomy=self.taxonomy.name, taxonomy_version=self.taxonomy.version, code="0"
        )
        self._department = department
        self._calendar = WorkCalendar.shipped()

    def predict(self, tickets: Sequence[Ticket], *, explain: Explain = "lexical") -> list[Prediction]:
        """One prediction per ticket, in order; waits while ``gate`` is closed."""
        self.batches.append(list(tickets))
        self.explained.append(explain)
        self.gate.wait(30)
        time.sleep(self.seconds)
        if self.broken or any(POISON in ticket.content for ticket in tickets):
            raise ValueError(f"cannot read {tickets[0].content}")
        return [self._predicted(ticket, explain) for ticket in tickets]

    def with_taxonomy(self, taxonomy: Taxonomy) -> Self:
        """Answers in this taxonomy from now on."""
        other = copy(self)
        other.taxonomy = taxonomy
        other.versions = replace(self.versions, taxonomy=taxonomy.name, taxonomy_version=taxonomy.version)
        return other

    def _predicted(self, ticket: Ticket, explain: Explain) -> Prediction:
        masked = Masked(title=mask(ticket.title).text, content=mask(ticket.content).text)
        code, spans = _evidence(masked)
        code = self.taxonomy.resolve(self._department or code)
        names = {department.code: department.name for department in self.taxonomy.departments}
        others = [each for each in ("STJ", "RSJ", "CGJ", "QZF", "ZJJ", "GAJ") if each != code][:4]
        sure = 0.9 if spans else 0.3
        shares = (sure, *((1 - sure) / 5 for _ in others))
        top = tuple(
            Candidate(each, names[each], round(share, 4))
            for each, share in zip((code, *others), shares, strict=True)
        )
        hits = _emergencies(masked.content)
        level = self.taxonomy.urgency_level("emergency" if hits else "normal")
        due = None
        if ticket.created_at is not None:
            due = self._calendar.respond_by(level.response, ticket.created_at).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Prediction(
            ticket_id=ticket.ticket_id,
            department=DepartmentPrediction(top[0].code, top[0].name, top[0].probability, top),
            second_department=None,
            decision=_decision(sure, bool(hits), top[0].name),
            urgency=UrgencyPrediction(
                code=level.code,
                name=level.name,
                probability=0.8,
                model_code="normal",
                probabilities={"low": 0.05, "normal": 0.8, "urgent": 0.1, "emergency": 0.05},
                raised_by=hits,
                flags=(),
                respond_by=due,
            ),
            kind=KindPrediction("T", "投诉", 0.88),
            evidence=Evidence(code, "occlusion" if explain == "full" else "lexical", spans),
            masked=masked,
            versions=self.versions,
            milliseconds=1.25,
        )


def _evidence(masked: Masked) -> tuple[str, tuple[Span, ...]]:
    found: list[tuple[str, Span]] = []
    fields: tuple[tuple[Field, str], ...] = (("title", masked.title), ("content", masked.content))
    for field, text in fields:
        for word, code in _WORDS:
            start = text.find(word)
            if start >= 0:
                found.append((code, Span(field, start, start + len(word), word, 0.6)))
    code = found[0][0] if found else "QZF"
    return code, tuple(span for owner, span in found if owner == code)


def _emergencies(content: str) -> tuple[RuleHit, ...]:
    hits = []
    for word in _EMERGENCIES:
        start = content.find(word)
        if start >= 0:
            hits.append(RuleHit("gas-leak", "emergency", "content", start, start + len(word), word))
    return tuple(hits)


def _decision(sure: float, emergency: bool, name: str) -> Decision:
    if emergency:
        return Decision("review", (Reason("emergency", "疑似危及生命或公共安全，须立即由人处理"),))
    if sure > 0.8:
        return Decision("auto", (Reason("confident", f"{name}的把握为 {sure:.0%}，达到自动分派线 85%"),))
    return Decision("suggest", (Reason("below_auto", f"{name}的把握为 {sure:.0%}，建议人工确认"),))
