"""The kind's part of an evaluation: what the citizen wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.metrics import classification, measure
from eval.metrics.bootstrap import by_group
from eval.tickets import ScoredTicket, group_names
from model.prediction import KIND_CODES


def kind_summary(tickets: Sequence[ScoredTicket], *, draws: int) -> dict[str, Any]:
    """The kind's measures over tickets that each have a true kind, as in ``schema.json``."""
    number_of = {code: place for place, code in enumerate(KIND_CODES)}
    truth = np.array([number_of[ticket.true_kind] for ticket in tickets if ticket.true_kind])
    predicted = np.array([number_of[ticket.kind] for ticket in tickets])
    classes, sampling = len(KIND_CODES), by_group(group_names(tickets), draws=draws)
    counts = classification.confusion(truth, predicted, classes=classes)
    return {
        "n": truth.size,
        "accuracy": measure.share(truth == predicted, sampling).as_json(),
        "macro_f1": measure.macro_f1(truth, predicted, sampling, classes=classes).as_json(),
        "confusion": {
            "codes": list(KIND_CODES),
            "cells": [[int(i), int(j), int(counts[i, j])] for i, j in zip(*np.nonzero(counts), strict=True)],
        },
    }
