"""A small honest model in place of a bundle, so that commands are tested in a moment: it looks for words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from model.ngrams import Document
from model.prediction import (
    URGENCY_CODES,
    Candidate,
    Decision,
    DepartmentPrediction,
    Evidence,
    KindPrediction,
    Masked,
    Prediction,
    Reason,
    UrgencyPrediction,
    Versions,
)
from model.taxonomy import Taxonomy
from model.text.prepared import prepare
from model.ticket import Ticket

WORDS = {
    "CGJ": ("路灯", "垃圾", "占道"),
    "JTJ": ("公交", "出租", "地铁"),
    "SWJ": ("停水", "水管", "内涝"),
    "JYJ": ("学校", "老师", "入学"),
    "RSJ": ("工资", "劳动", "加班"),
}
AUTO = 0.8


class StandIn:
    """Counts words per department; what it is sure of goes out by itself."""

    def __init__(
        self, folder: Path, *, name: str = "stand-in", forgets: frozenset[str] = frozenset()
    ) -> None:
        self.name = name
        self.folder = folder
        self.taxonomy = Taxonomy.shipped("shenzhen")
        self.codes = tuple(WORDS)
        self.manifest = SimpleNamespace(
            created="2026-03-01T00:00:00Z", facts={"department_counts": {"CGJ": 600, "JTJ": 120, "SWJ": 5}}
        )
        self.versions = Versions(name, "shenzhen", self.taxonomy.version, "0.1.0")
        self._forgets = forgets

    def _scores(self, documents: Sequence[Document]) -> np.ndarray:
        table = np.zeros((len(documents), len(WORDS)))
        for row, document in enumerate(documents):
            for column, (code, words) in enumerate(WORDS.items()):
                if code not in self._forgets:
                    table[row, column] = sum(document.text.count(word) for word in words)
        return table

    def probabilities(self, tickets: Sequence[Ticket]) -> tuple[tuple[str, ...], np.ndarray]:
        logits = 3.0 * self._scores([prepare(ticket).document for ticket in tickets])
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return self.codes, (likely / likely.sum(axis=1, keepdims=True)).astype(np.float32)

    def answers(
        self,
        tickets: Sequence[Ticket],
        *,
        explain: str = "lexical",  # noqa: ARG002
    ) -> tuple[list[Prediction], np.ndarray]:
        _, table = self.probabilities(tickets)
        return [self._prediction(ticket, row) for ticket, row in zip(tickets, table, strict=True)], table

    def predict(self, tickets: Sequence[Ticket], *, explain: str = "lexical") -> list[Prediction]:
        return self.answers(tickets, explain=explain)[0]

    def _prediction(self, ticket: Ticket, likely: np.ndarray) -> Prediction:
        order = np.argsort(-likely, kind="stable")
        top = tuple(
            Candidate(self.codes[i], self.taxonomy.department(self.codes[i]).name, round(float(likely[i]), 4))
            for i in order
        )
        masked: Masked = prepare(ticket).masked
        level = "emergency" if "着火" in ticket.content else "normal"
        levels = {code: 0.9 if code == level else 0.1 / 3 for code in URGENCY_CODES}
        return Prediction(
            ticket_id=ticket.ticket_id,
            department=DepartmentPrediction(top[0].code, top[0].name, top[0].probability, top),
            second_department=None,
            decision=Decision(
                "auto" if top[0].probability >= AUTO and level == "normal" else "suggest",
                (Reason("sure", "把握够"),),
            ),
            urgency=UrgencyPrediction(level, "", 0.9, level, levels, (), (), None),
            kind=KindPrediction("C" if "？" in ticket.content else "H", "", 0.8),
            evidence=Evidence(top[0].code, "lexical", ()),
            masked=masked,
            versions=self.versions,
            milliseconds=1.0,
        )
