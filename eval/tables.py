"""Per-class tables of the small label sets: urgency levels and kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eval.metrics import classification, measure
from eval.metrics.bootstrap import by_group
from eval.metrics.measure import not_measured, number
from eval.tickets import ScoredTicket, group_names


def class_entries(
    truth: Sequence[str],
    predicted: Sequence[str],
    tickets: Sequence[ScoredTicket],
    *,
    codes: Sequence[str],
    names: Mapping[str, str],
    draws: int,
) -> list[dict[str, Any]]:
    """One entry per code of ``codes``, in order: support, recall, precision and F1 over N rows."""
    number_of = {code: place for place, code in enumerate(codes)}
    told = np.array([number_of[code] for code in truth])
    made = np.array([number_of[code] for code in predicted])
    sampling = by_group(group_names(tickets), draws=draws)
    table = classification.class_table(classification.confusion(told, made, classes=len(codes)))
    entries = []
    for k, code in enumerate(codes):
        true, called = told == k, made == k
        recall = measure.share(called[true], sampling.of(true)) if true.any() else not_measured()
        precision = measure.share(true[called], sampling.of(called)) if called.any() else not_measured()
        entries.append(
            {
                "code": code,
                "name": names.get(code, code),
                "support": int(table.support[k]),
                "predicted": int(table.predicted[k]),
                "recall": recall.as_json(),
                "precision": precision.as_json(),
                "f1": number(table.f1[k]),
            }
        )
    return entries
