"""How good a bundle's answers are: every number with its interval and the tickets behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eval.departments import department_summary, department_table, routed
from eval.evaluation import FORMAT, Evaluation
from eval.kinds import kind_summary
from eval.metrics.bootstrap import DRAWS
from eval.metrics.measure import number
from eval.slices import slice_tables
from eval.tables import class_entries
from eval.tickets import ScoredTicket, outcomes
from eval.urgencies import urgency_summary
from model.errors import FenboError
from model.prediction import KIND_CODES, URGENCY_CODES

MOST_UNKNOWN = 0.5
"""Share of labels outside the bundle's taxonomy from which the labels are taken to be another taxonomy's."""

FEW_TICKETS = 100


class NothingToMeasure(FenboError):
    """The tickets carry no labels that this bundle could be measured by."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a city chooses. ``target``: share of ``auto`` tickets that must be right, in (0, 1)."""

    target: float = 0.95
    min_support: int = 10
    """Departments with fewer labelled tickets do not count in the second macro-F1."""
    draws: int = DRAWS


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured beside the answers themselves; each part as in ``schema.json``, None where it was
    not.
    """

    latency_ms: Sequence[float] = ()
    """Milliseconds of single predictions."""
    baselines: Sequence[Mapping[str, Any]] = ()
    robustness: Sequence[Mapping[str, Any]] = ()
    duplicates: Mapping[str, Any] | None = None
    leak: Mapping[str, Any] | None = None
    noise: Mapping[str, Any] | None = None
    rolling: Mapping[str, Any] | None = None
    """Decay over time, where ``--rolling`` trained models to measure it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated, for the record."""

    bundle: str
    bundle_created: str = ""
    taxonomy: str = ""
    taxonomy_version: str = ""
    code: str = ""
    data: str = ""
    data_sha256: str = ""
    rows_read: int = 0
    rows_unreadable: int = 0
    evaluated_at: str = ""
    command: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    """Name by code, of departments, urgency levels and kinds."""
    notes: tuple[str, ...] = ()
    """What the reader must know beside what the measures themselves show, in Chinese."""


def evaluate(
    tickets: Sequence[ScoredTicket],
    codes: Sequence[str],
    *,
    subject: Subject,
    settings: Settings | None = None,
    measured: Measured | None = None,
) -> Evaluation:
    """Measure answers against true labels.

    ``codes`` (K,) are the departments that the bundle can predict, in the order of each ticket's
    probabilities. A part whose label no ticket carries is null. Raises NothingToMeasure where there is no
    ticket, no label, or more than half of the departments are not the bundle's.
    """
    chosen, beside = settings or Settings(), measured or Measured()
    labelled = [ticket for ticket in tickets if ticket.true_department is not None]
    urgent = [ticket for ticket in tickets if ticket.true_urgency is not None]
    kinds = [ticket for ticket in tickets if ticket.true_kind is not None]
    _check(tickets, labelled, urgent, kinds, codes)

    overall: dict[str, Any] = {"n": len(tickets), "departments_n": len(labelled)}
    per_class: dict[str, Any] = {"department": [], "urgency": [], "kind": []}
    slices: dict[str, Any] = {}
    if labelled:
        rows = routed(labelled, codes, draws=chosen.draws)
        overall |= department_summary(rows, target=chosen.target, min_support=chosen.min_support)
        per_class["department"] = department_table(rows, subject.names)
        slices = slice_tables(labelled, rows)
    overall["urgency"] = urgency_summary(urgent, draws=chosen.draws) if urgent else None
    overall["kind"] = kind_summary(kinds, draws=chosen.draws) if kinds else None
    if urgent:
        per_class["urgency"] = class_entries(
            [str(ticket.true_urgency) for ticket in urgent],
            [ticket.urgency for ticket in urgent],
            urgent,
            codes=URGENCY_CODES,
            names=subject.names,
            draws=chosen.draws,
        )
    if kinds:
        per_class["kind"] = class_entries(
            [str(ticket.true_kind) for ticket in kinds],
            [ticket.kind for ticket in kinds],
            kinds,
            codes=KIND_CODES,
            names=subject.names,
            draws=chosen.draws,
        )
    overall |= {
        "latency": _latency(beside.latency_ms),
        "baselines": [dict(baseline) for baseline in beside.baselines],
        "robustness": [dict(entry) for entry in beside.robustness],
        "duplicates": dict(beside.duplicates) if beside.duplicates else None,
        "leak": dict(beside.leak) if beside.leak else None,
        "noise": dict(beside.noise) if beside.noise else None,
        "rolling": dict(beside.rolling) if beside.rolling else None,
    }
    metrics = {
        "format": FORMAT,
        "about": _about(subject, chosen, tickets, labelled),
        "overall": overall,
        "per_class": per_class,
        "slices": slices,
    }
    return Evaluation(metrics, tuple(outcomes(tickets, codes)))


def _check(
    tickets: Sequence[ScoredTicket],
    labelled: Sequence[ScoredTicket],
    urgent: Sequence[ScoredTicket],
    kinds: Sequence[ScoredTicket],
    codes: Sequence[str],
) -> None:
    if not tickets:
        raise NothingToMeasure("data: 0 rows; at least one labelled ticket is needed")
    if not (labelled or urgent or kinds):
        raise NothingToMeasure(
            f"data: none of {len(tickets)} rows has a department, urgency or kind; name the columns of the "
            "labels, as in --columns department=department_code"
        )
    known = set(codes)
    foreign = [str(ticket.true_department) for ticket in labelled if ticket.true_department not in known]
    if len(foreign) > MOST_UNKNOWN * len(labelled):
        some = ", ".join(sorted(set(foreign))[:5])
        raise NothingToMeasure(
            f"department: {len(foreign)} of {len(labelled)} labels are not in the bundle's taxonomy "
            f"({some}, …); these seem to be labels of another taxonomy: map them, or evaluate another bundle"
        )


def _latency(milliseconds: Sequence[float]) -> dict[str, Any] | None:
    if not milliseconds:
        return None
    times = np.asarray(milliseconds, dtype=np.float64)
    middle, high, highest = np.quantile(times, [0.5, 0.95, 0.99])
    return {
        "n": times.size,
        "median_ms": number(middle),
        "p95_ms": number(high),
        "p99_ms": number(highest),
    }


def _about(
    subject: Subject,
    settings: Settings,
    tickets: Sequence[ScoredTicket],
    labelled: Sequence[ScoredTicket],
) -> dict[str, Any]:
    return {
        "bundle": subject.bundle,
        "bundle_created": subject.bundle_created,
        "taxonomy": subject.taxonomy,
        "taxonomy_version": subject.taxonomy_version,
        "code": subject.code,
        "data": subject.data,
        "data_sha256": subject.data_sha256,
        "rows_read": subject.rows_read or len(tickets),
        "rows_unreadable": subject.rows_unreadable,
        "evaluated_at": subject.evaluated_at,
        "command": subject.command,
        "names": dict(subject.names),
        "groups": len({ticket.group or f"\N{NULL}{row}" for row, ticket in enumerate(tickets)}),
        "target": settings.target,
        "draws": settings.draws,
        "level": 0.95,
        "notes": [*subject.notes, *_notes(tickets, labelled)],
    }


def _notes(tickets: Sequence[ScoredTicket], labelled: Sequence[ScoredTicket]) -> list[str]:
    notes = []
    if len(tickets) < FEW_TICKETS:
        notes.append(f"只有 {len(tickets)} 条工单，区间很宽，不足以下结论。")
    departments = {ticket.true_department for ticket in labelled}
    if len(departments) == 1:
        notes.append(f"标注里只有一个单位（{departments.pop()}），准确率只说明这一个单位。")
    if not labelled:
        notes.append("没有单位标注，只测了紧急程度或诉求类型。")
    return notes
