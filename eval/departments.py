"""The department's part of an evaluation: routing accuracy, calibration, decisions, where wrong ones go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.metrics import calibration, classification, measure, selective
from eval.metrics.bootstrap import Resampling, by_group
from eval.metrics.checks import Bools, Floats, Ints
from eval.metrics.measure import Measure, not_measured, number
from eval.tickets import ScoredTicket, group_names, probability_table

UNKNOWN = "(unknown)"
"""Stands for every true department that the bundle cannot predict."""

ACTIONS = ("auto", "suggest", "review")
CURVE_POINTS = 200
TOP_CONFUSIONS = 30


@dataclass(frozen=True, slots=True)
class RoutedTickets:
    """Tickets with a true department, as arrays of N rows; K counts the bundle's departments and UNKNOWN if
    any.
    """

    codes: tuple[str, ...]
    truth: Ints
    predicted: Ints
    probabilities: Floats
    action: NDArray[np.str_]
    resampling: Resampling
    unknown_labels: dict[str, int]
    """True departments that the bundle cannot predict, with their rows."""

    @property
    def correct(self) -> Bools:
        """Shape (N,): whether the department is the true one."""
        same: Bools = self.truth == self.predicted
        return same

    @property
    def confidence(self) -> Floats:
        """Shape (N,): probability of the predicted department, in [0, 1]."""
        return self.probabilities[np.arange(self.truth.size), self.predicted]


def routed(tickets: Sequence[ScoredTicket], codes: Sequence[str], *, draws: int) -> RoutedTickets:
    """The tickets as arrays; each must have a true department."""
    probabilities = probability_table(tickets, len(codes))
    number_of = {code: place for place, code in enumerate(codes)}
    unknown: dict[str, int] = {}
    truth = np.empty(len(tickets), dtype=np.intp)
    for row, ticket in enumerate(tickets):
        label = ticket.true_department or ""
        truth[row] = number_of.get(label, len(codes))
        if label not in number_of:
            unknown[label] = unknown.get(label, 0) + 1
    all_codes = tuple(codes)
    if unknown:
        all_codes += (UNKNOWN,)
        probabilities = np.hstack([probabilities, np.zeros((len(tickets), 1))])
    return RoutedTickets(
        codes=all_codes,
        truth=truth,
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities,
        action=np.array([ticket.action for ticket in tickets]),
        resampling=by_group(group_names(tickets), draws=draws),
        unknown_labels=dict(sorted(unknown.items(), key=lambda item: -item[1])),
    )


def department_summary(rows: RoutedTickets, *, target: float, min_support: int) -> dict[str, Any]:
    """The department's measures over all rows, as in ``schema.json`` under ``overall``."""
    classes, sampling = len(rows.codes), rows.resampling
    counts = classification.confusion(rows.truth, rows.predicted, classes=classes)
    place = classification.ranks(rows.truth, rows.probabilities)
    enough = classification.class_table(counts).support >= min_support
    return {
        "accuracy": measure.share(rows.correct, sampling).as_json(),
        "top3": measure.share(place < 3, sampling).as_json(),
        "top5": measure.share(place < 5, sampling).as_json(),
        "macro_f1": measure.macro_f1(rows.truth, rows.predicted, sampling, classes=classes).as_json(),
        "macro_f1_supported": {
            **_supported_f1(rows, enough, min_support).as_json(),
            "min_support": min_support,
            "classes": int(enough.sum()),
        },
        "weighted_f1": measure.weighted_f1(rows.truth, rows.predicted, sampling, classes=classes).as_json(),
        "calibration": _calibration(rows),
        "sweep": _sweep(rows, target),
        "decisions": {action: decision_summary(rows, action) for action in ACTIONS},
        "risk_coverage": _curve(rows),
        "confusion": _confusion(rows, counts),
        "top_confusions": _top_confusions(rows, counts),
        "unknown_labels": {"n": sum(rows.unknown_labels.values()), "labels": rows.unknown_labels},
    }


def department_table(rows: RoutedTickets, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry per department that is true or predicted at least once, the most frequent first."""
    counts = classification.confusion(rows.truth, rows.predicted, classes=len(rows.codes))
    table = classification.class_table(counts)
    order = np.lexsort((-table.predicted, -table.support))
    auto = rows.action == "auto"
    return [
        {
            "code": rows.codes[k],
            "name": names.get(rows.codes[k], rows.codes[k]),
            "support": int(table.support[k]),
            "predicted": int(table.predicted[k]),
            "recall": _part(rows, rows.truth == k, rows.correct).as_json(),
            "precision": _part(rows, rows.predicted == k, rows.correct).as_json(),
            "f1": number(table.f1[k]),
            "auto_share": _part(rows, rows.predicted == k, auto).as_json(),
            "auto_accuracy": _part(rows, (rows.predicted == k) & auto, rows.correct).as_json(),
        }
        for k in order
        if table.support[k] + table.predicted[k] > 0
    ]


def decision_summary(rows: RoutedTickets, action: str, where: Bools | None = None) -> dict[str, Any]:
    """Share and accuracy together of the rows with this decision, of all rows or of those ``where`` (N,) is
    true.
    """
    chosen = rows.action == action
    within = np.ones(chosen.size, dtype=np.bool_) if where is None else where
    return {
        "share": _part(rows, within, chosen).as_json(),
        "accuracy": _part(rows, within & chosen, rows.correct).as_json(),
    }


def _part(rows: RoutedTickets, where: Bools, right: Bools) -> Measure:
    return measure.share(right[where], rows.resampling.of(where)) if where.any() else not_measured()


def _supported_f1(rows: RoutedTickets, enough: Bools, min_support: int) -> Measure:
    if not enough.any():
        return not_measured()
    return measure.macro_f1(
        rows.truth, rows.predicted, rows.resampling, classes=len(rows.codes), min_support=min_support
    )


def _calibration(rows: RoutedTickets) -> dict[str, Any]:
    confidence, correct = rows.confidence, rows.correct
    perfect = calibration.calibration_error_if_perfect(confidence)
    table = calibration.reliability(confidence, correct)
    own = rows.probabilities[np.arange(rows.truth.size), rows.truth]
    squared = (rows.probabilities**2).sum(axis=1) - 2 * own + 1
    known = np.array(rows.codes)[rows.truth] != UNKNOWN
    surprise = -np.log(np.maximum(own, np.finfo(np.float64).eps))
    return {
        "error": measure.calibration_error(confidence, correct, rows.resampling).as_json(),
        "bins": calibration.BINS,
        "error_if_perfect": number(perfect.mean),
        "error_if_perfect_high": number(perfect.high),
        "brier": measure.mean(squared, rows.resampling).as_json(),
        "negative_log_likelihood": (
            measure.mean(surprise[known], rows.resampling.of(known)) if known.any() else not_measured()
        ).as_json(),
        "reliability": [
            {
                "low": number(table.edges[b]),
                "high": number(table.edges[b + 1]),
                "n": int(table.count[b]),
                "confidence": number(table.confidence[b]),
                "accuracy": number(table.accuracy[b]),
            }
            for b in range(calibration.BINS)
        ],
    }


def _sweep(rows: RoutedTickets, target: float) -> dict[str, Any]:
    best = selective.largest_share_at(rows.confidence, rows.correct, target)
    return {
        "target": target,
        "share": measure.largest_share(rows.confidence, rows.correct, target, rows.resampling).as_json(),
        "accuracy": number(best.accuracy),
        "threshold": number(best.threshold),
    }


def _curve(rows: RoutedTickets) -> list[dict[str, Any]]:
    curve = selective.risk_coverage(rows.confidence, rows.correct)
    steps = np.unique(np.linspace(0, curve.share.size - 1, CURVE_POINTS).round().astype(np.intp))
    return [
        {
            "threshold": number(curve.threshold[step]),
            "share": number(curve.share[step]),
            "accuracy": number(curve.accuracy[step]),
        }
        for step in steps
    ]


def _confusion(rows: RoutedTickets, counts: Ints) -> dict[str, Any]:
    truth, predicted = np.nonzero(counts)
    return {
        "codes": list(rows.codes),
        "cells": [[int(i), int(j), int(counts[i, j])] for i, j in zip(truth, predicted, strict=True)],
    }


def _top_confusions(rows: RoutedTickets, counts: Ints) -> list[dict[str, Any]]:
    wrong = counts - np.diag(np.diagonal(counts))
    total, support = int(wrong.sum()), counts.sum(axis=1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:TOP_CONFUSIONS]
    cells = [divmod(int(flat), len(rows.codes)) for flat in order]
    return [
        {
            "truth": rows.codes[i],
            "predicted": rows.codes[j],
            "n": int(wrong[i, j]),
            "share_of_truth": number(wrong[i, j] / support[i]),
            "share_of_errors": number(wrong[i, j] / total),
        }
        for i, j in cells
        if wrong[i, j] > 0
    ]
