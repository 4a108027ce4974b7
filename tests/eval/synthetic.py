"""A city made up for tests: tickets whose answers are calibrated by construction, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from eval.evaluate import Measured, Settings, Subject, evaluate
from eval.evaluation import Evaluation
from eval.tickets import ScoredTicket
from model.prediction import KIND_CODES, URGENCY_CODES
from model.taxonomy import Taxonomy

SHENZHEN = Taxonomy.shipped("shenzhen")
CODES = tuple(department.code for department in SHENZHEN.departments)
NAMES = {
    entry.code: entry.name
    for entries in (SHENZHEN.departments, SHENZHEN.urgency_levels, SHENZHEN.kinds)
    for entry in entries
}
DISTRICTS = ("福田区", "罗湖区", "南山区", "宝安区", "龙岗区", "盐田区")
CHANNELS = ("微信小程序", "市长信箱", "12345 热线")
LENGTHS = ("≤ 30 字", "31–100 字", "101–300 字", "301–1000 字", "> 1000 字")

AUTO, SUGGEST = 0.85, 0.5
"""Confidence from which a ticket goes out by itself, and from which a department is suggested."""


def city(rows: int = 1500, *, departments: int = 24, seed: int = 0) -> list[ScoredTicket]:
    """Tickets of which about nine in ten are routed right; departments are of very different sizes."""
    random = np.random.default_rng(seed)
    prior = 1.0 / np.arange(1, departments + 1) ** 0.8
    prior /= prior.sum()
    neighbours = [random.choice(departments, size=4, replace=False) for _ in range(departments)]
    tickets: list[ScoredTicket] = []
    group = ""
    for row in range(rows):
        repeated = bool(tickets) and random.random() < 0.08
        group = tickets[-1].group if repeated else f"g{row}"
        likeliest = int(random.choice(departments, p=prior))
        confidence = 0.35 + 0.65 * random.beta(6, 0.6)
        probabilities = np.full(len(CODES), 1e-4)
        probabilities[neighbours[likeliest]] += (1 - confidence) * random.dirichlet(np.ones(4))
        probabilities[likeliest] += confidence
        probabilities /= probabilities.sum()
        truth = int(random.choice(len(CODES), p=probabilities))
        tickets.append(_ticket(row, group, probabilities, truth, random))
    return tickets


def decided(ticket: ScoredTicket, *, auto: float = AUTO, suggest: float = SUGGEST) -> ScoredTicket:
    """The ticket with the decision that these thresholds make; emergencies always go to a person."""
    best = float(ticket.probabilities.max())
    if ticket.urgency == "emergency" or best < suggest:
        return replace(ticket, action="review")
    return replace(ticket, action="auto" if best >= auto else "suggest")


def measured(
    tickets: Sequence[ScoredTicket],
    *,
    bundle: str = "synthetic",
    latency_ms: Sequence[float] | None = None,
    data_sha256: str = "d1",
) -> Evaluation:
    """The evaluation of these tickets, with few draws so that tests stay quick."""
    times = np.random.default_rng(1).gamma(9, 0.5, 300).tolist() if latency_ms is None else list(latency_ms)
    return evaluate(
        tickets,
        CODES,
        subject=Subject(
            bundle=bundle,
            taxonomy=SHENZHEN.name,
            taxonomy_version=SHENZHEN.version,
            data="letters.csv",
            data_sha256=data_sha256,
            evaluated_at="2026-03-01T08:00:00Z",
            names=NAMES,
        ),
        settings=Settings(draws=100),
        measured=Measured(latency_ms=times),
    )


def moved(ticket: ScoredTicket, source: str, target: str) -> ScoredTicket:
    """The ticket with what spoke for one department speaking for another."""
    probabilities = ticket.probabilities.copy()
    i, j = CODES.index(source), CODES.index(target)
    probabilities[[i, j]] = probabilities[[j, i]]
    return decided(replace(ticket, probabilities=probabilities))


def sharpened(ticket: ScoredTicket, power: float) -> ScoredTicket:
    """The ticket answered with other confidence: above 1 too sure of itself, below 1 too timid."""
    raised = ticket.probabilities**power
    return decided(replace(ticket, probabilities=raised / raised.sum()))


def each(
    tickets: Sequence[ScoredTicket], change: Callable[[ScoredTicket], ScoredTicket]
) -> list[ScoredTicket]:
    """Every ticket changed."""
    return [change(ticket) for ticket in tickets]


def _ticket(
    row: int, group: str, probabilities: np.ndarray, truth: int, random: np.random.Generator
) -> ScoredTicket:
    level = int(random.choice(4, p=[0.3, 0.55, 0.1, 0.05]))
    levels = np.full(4, 0.02)
    guessed = level if random.random() < 0.97 else int(np.clip(level + random.choice([-1, 1]), 0, 3))
    levels[guessed] += random.uniform(0.6, 1.0)
    levels /= levels.sum()
    kind = KIND_CODES[int(random.choice(6, p=[0.4, 0.25, 0.15, 0.05, 0.1, 0.05]))]
    told = kind if random.random() < 0.88 else KIND_CODES[int(random.integers(6))]
    year, month = divmod(row * 24 // 1500, 12)
    return decided(
        ScoredTicket(
            ticket_id=f"t{row}",
            probabilities=probabilities,
            action="review",
            urgency=URGENCY_CODES[guessed],
            urgency_probabilities=levels,
            kind=told,
            true_department=CODES[truth],
            true_urgency=URGENCY_CODES[level],
            true_kind=kind,
            group=group,
            slices={
                "district": str(random.choice(DISTRICTS)),
                "channel": str(random.choice(CHANNELS)),
                "kind": NAMES[kind],
                "length": str(random.choice(LENGTHS, p=[0.1, 0.4, 0.35, 0.12, 0.03])),
                "month": f"{2015 + year}-{month + 1:02}",
                "quarter": f"{2015 + year} Q{month // 3 + 1}",
                "year": f"{2015 + year}",
                "department_size": "100–499 条" if truth < 8 else "30–99 条" if truth < 16 else "1–9 条",
            },
        )
    )
