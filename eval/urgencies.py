"""The urgency's part of an evaluation: ordered levels, and emergencies that must not be missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.metrics import measure, ordinal
from eval.metrics.bootstrap import Resampling, by_group
from eval.metrics.checks import Bools, Floats, Ints
from eval.metrics.measure import not_measured, number
from eval.tickets import ScoredTicket, group_names
from model.errors import FenboError
from model.prediction import URGENCY_CODES

LEVELS = len(URGENCY_CODES)
EMERGENCY, URGENT = URGENCY_CODES.index("emergency"), URGENCY_CODES.index("urgent")
FALSE_ALARMS = {"emergency": 0.05, "urgent": 0.15}
"""The share of other tickets that may be raised in vain when a recall is read off the swept threshold."""


def urgency_summary(tickets: Sequence[ScoredTicket], *, draws: int) -> dict[str, Any]:
    """The urgency's measures over tickets that each have a true urgency, as in ``schema.json``."""
    number_of = {code: place for place, code in enumerate(URGENCY_CODES)}
    truth = np.array([number_of[ticket.true_urgency] for ticket in tickets if ticket.true_urgency])
    predicted = np.array([number_of[ticket.urgency] for ticket in tickets])
    likely = _probabilities(tickets)
    sampling = by_group(group_names(tickets), draws=draws)
    return {
        "n": truth.size,
        "accuracy": measure.share(truth == predicted, sampling).as_json(),
        "quadratic_kappa": measure.quadratic_kappa(truth, predicted, sampling, levels=LEVELS).as_json(),
        "emergency": _alarm(truth, predicted, likely, sampling, EMERGENCY, FALSE_ALARMS["emergency"]),
        "urgent_or_above": _alarm(truth, predicted, likely, sampling, URGENT, FALSE_ALARMS["urgent"]),
        "confusion": {
            "codes": list(URGENCY_CODES),
            "cells": _cells(truth, predicted),
        },
    }


def _alarm(
    truth: Ints, predicted: Ints, likely: Floats, sampling: Resampling, level: int, most: float
) -> dict[str, Any]:
    """How the levels from ``level`` up are found: by the final level, and by a threshold swept on these
    rows.
    """
    positive, flagged = truth >= level, predicted >= level
    told = ordinal.alarm(flagged, positive)
    # What a rule raised comes before every probability: the higher of rule and model wins.
    score = likely[:, level:].sum(axis=1) + flagged
    return {
        "recall": _share(flagged, positive, sampling),
        "false_alarm_rate": _share(flagged, ~positive, sampling),
        "false_alarms_per_1000": number(told.false_alarms_per_1000),
        "swept": _swept(score, positive, sampling, most),
    }


def _swept(score: Floats, positive: Bools, sampling: Resampling, most: float) -> dict[str, Any]:
    if positive.all() or not positive.any():
        return {"most_false_alarms": most, "recall": not_measured().as_json(), "threshold": None}
    best = ordinal.recall_at_false_alarms(score, positive, most)
    # NaN where no threshold stays within the bound, which then finds nothing.
    flagged = score >= best.threshold
    return {
        "most_false_alarms": most,
        "recall": _share(flagged, positive, sampling),
        "threshold": number(best.threshold),
    }


def _share(flagged: Bools, where: Bools, sampling: Resampling) -> dict[str, float | int | None]:
    told = measure.share(flagged[where], sampling.of(where)) if where.any() else not_measured()
    return told.as_json()


def _probabilities(tickets: Sequence[ScoredTicket]) -> Floats:
    for ticket in tickets:
        if ticket.urgency_probabilities.shape != (LEVELS,):
            raise FenboError(
                f"ticket {ticket.ticket_id!r}: urgency probabilities of shape "
                f"{ticket.urgency_probabilities.shape}, expected ({LEVELS},), from low to emergency"
            )
    return np.stack([ticket.urgency_probabilities for ticket in tickets]).astype(np.float64)


def _cells(truth: Ints, predicted: Ints) -> list[list[int]]:
    counts = np.bincount(truth * LEVELS + predicted, minlength=LEVELS**2)
    return [[*divmod(int(flat), LEVELS), int(counts[flat])] for flat in np.flatnonzero(counts)]
