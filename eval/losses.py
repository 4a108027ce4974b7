"""How much a candidate lost against its baseline, as a whole or part by part, and whether chance would do as
much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from eval.evaluation import Evaluation
from eval.measures import MEASURES, Reading, reading
from eval.metrics.bootstrap import by_group, drawn_from_sums
from eval.metrics.paired import chance_of_loss, holm
from eval.policy import Parts
from eval.slices import DIMENSION_NAMES, DIMENSIONS
from eval.tickets import Outcome, group_names

Pairs = Sequence[tuple[Outcome, Outcome]]


@dataclass(frozen=True, slots=True)
class Loss:
    """``size`` is how much worse the candidate is, in the measure's unit; below 0 where it is better."""

    name: str
    before: Reading
    now: Reading
    size: float
    p: float
    """How often a candidate as good as the baseline would seem to lose as much; Holm's, among parts."""


def same_data(candidate: Evaluation, baseline: Evaluation) -> bool:
    """Whether both were evaluated on the same file."""
    ours, theirs = (one.metrics["about"]["data_sha256"] for one in (candidate, baseline))
    return bool(ours == theirs)


def loss_of(measure: str, candidate: Evaluation, baseline: Evaluation, before: Reading, now: Reading) -> Loss:
    """The loss in one measure: ticket by ticket for routing accuracy where both were kept, else by
    intervals.
    """
    named = MEASURES[measure]
    size = before.value - now.value if named.more_is_better else now.value - before.value
    pairs = _pairs(candidate, baseline) if measure == "accuracy" else []
    p = _paired_chance(pairs) if pairs else _chance(size, before.variance + now.variance)
    return Loss(named.words, before, now, size, p)


def part_readings(part: Parts, min_tickets: int, metrics: Mapping[str, Any]) -> Iterator[tuple[str, Reading]]:
    """Name and accuracy of each department (its recall) or slice with at least ``min_tickets``."""
    if part == "department":
        entries = [(entry["name"], entry["recall"]) for entry in metrics["per_class"]["department"]]
    else:
        entries = [
            (f"{DIMENSION_NAMES[dimension]} {entry['value']}", entry["accuracy"])
            for dimension in DIMENSIONS
            for entry in metrics["slices"].get(dimension, [])
        ]
    for name, node in entries:
        told = reading(node)
        if told is not None and told.n >= min_tickets:
            yield name, told


def part_losses(
    part: Parts, candidate: Evaluation, baseline: Evaluation, parts: Mapping[str, Reading]
) -> list[Loss]:
    """The loss of each of ``parts``, the candidate's readings; those that the baseline lacks are left out."""
    old = dict(part_readings(part, 1, baseline.metrics))
    changes = _changes(candidate, baseline) if part == "department" else {}
    losses = []
    for name, now in parts.items():
        if name in old:
            before = old[name]
            size = before.value - now.value
            unpaired = _chance(size, before.variance + now.variance)
            p = chance_of_loss(*changes[name]) if name in changes else unpaired
            losses.append(Loss(name, before, now, size, p))
    chances = holm([loss.p for loss in losses])
    return [replace(loss, p=p) for loss, p in zip(losses, chances, strict=True)]


def _changes(candidate: Evaluation, baseline: Evaluation) -> dict[str, tuple[int, int]]:
    """Tickets newly right and newly wrong, by department name; empty where tickets were not kept."""
    names = candidate.metrics["about"]["names"]
    changes: dict[str, tuple[int, int]] = {}
    for old, new in _pairs(candidate, baseline):
        name = names.get(new.true_department, new.true_department)
        gained, lost = changes.get(name, (0, 0))
        changes[name] = (gained + (new.right and not old.right), lost + (old.right and not new.right))
    return changes


def _pairs(candidate: Evaluation, baseline: Evaluation) -> Pairs:
    """(baseline's, candidate's) outcome of each labelled ticket; none unless the tickets are the same in
    order.
    """
    old, new = baseline.outcomes, candidate.outcomes
    if [outcome.ticket_id for outcome in old] != [outcome.ticket_id for outcome in new]:
        return []
    return [pair for pair in zip(old, new, strict=True) if pair[0].true_department is not None]


def _paired_chance(pairs: Pairs) -> float:
    """One-sided p-value of the loss in routing accuracy, near-copies taken together."""
    change = np.array([float(new.right) - float(old.right) for old, new in pairs])
    if not change.any():
        return 1.0
    sampling = by_group(group_names([new for _, new in pairs]))
    parts = np.column_stack([change, np.ones(change.size)])
    drawn = drawn_from_sums(parts, lambda sums: sums[:, 0] / sums[:, 1], sampling)
    return _chance(-float(change.mean()), float(drawn.var(ddof=1)))


def _chance(size: float, variance: float) -> float:
    """How often equals would differ by ``size`` or more, the difference taken as normal."""
    if variance == 0.0:
        return 0.0 if size > 0 else 1.0
    return NormalDist().cdf(-size / variance**0.5)
