"""Parts of the tickets in which a bundle may do worse than its average."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from eval.departments import RoutedTickets, decision_summary
from eval.metrics import measure
from eval.tickets import ScoredTicket
from model.calendar import SHANGHAI

DIMENSION_NAMES = {
    "district": "区",
    "channel": "渠道",
    "kind": "诉求类型",
    "length": "篇幅",
    "month": "月",
    "quarter": "季度",
    "year": "年",
    "department_size": "单位的训练工单数",
}
DIMENSIONS = tuple(DIMENSION_NAMES)
PERIODS = ("month", "quarter", "year")
LENGTH_BANDS = ((30, "≤ 30 字"), (100, "31–100 字"), (300, "101–300 字"), (1000, "301–1000 字"))
LONGEST = "> 1000 字"
SIZE_BANDS = ((0, "没有"), (9, "1–9 条"), (29, "10–29 条"), (99, "30–99 条"), (499, "100–499 条"))
LARGEST = "≥ 500 条"
MOST_VALUES = 30
OTHERS = "其余"


def length_band(characters: int) -> str:
    """Band of a text's length, counted in characters of title and content together."""
    return next((name for most, name in LENGTH_BANDS if characters <= most), LONGEST)


def size_band(letters: int) -> str:
    """Band of how many training letters a department has."""
    return next((name for most, name in SIZE_BANDS if letters <= most), LARGEST)


def periods_of(moment: datetime) -> dict[str, str]:
    """Month, quarter and year in which a ticket was sent, by Shanghai's clock: 2016-04, 2016 Q2, 2016."""
    local = moment.astimezone(SHANGHAI)
    quarter = f"{local.year} Q{(local.month + 2) // 3}"
    return {"month": local.strftime("%Y-%m"), "quarter": quarter, "year": str(local.year)}


def slice_tables(tickets: Sequence[ScoredTicket], rows: RoutedTickets) -> dict[str, list[dict[str, Any]]]:
    """Per dimension, one entry per value with rows, accuracy and what ``auto`` does there.

    ``rows`` are the same tickets as arrays. Bands and periods stand in their own order, other values by rows;
    of those beyond the ``MOST_VALUES`` most frequent, all are told together.
    """
    names = [*DIMENSIONS, *sorted({name for ticket in tickets for name in ticket.slices} - set(DIMENSIONS))]
    tables = {name: _table(name, tickets, rows) for name in names}
    return {name: table for name, table in tables.items() if table}


def _table(name: str, tickets: Sequence[ScoredTicket], rows: RoutedTickets) -> list[dict[str, Any]]:
    values = [ticket.slices.get(name) or "" for ticket in tickets]
    counted = Counter(value for value in values if value)
    ordered = _ordered(name, counted)
    shown = set(ordered)
    column = np.array([value if value in shown or not value else OTHERS for value in values])
    if len(counted) > len(ordered):
        ordered.append(OTHERS)
    return [_entry(value, column == value, rows) for value in ordered]


def _ordered(name: str, counted: Counter[str]) -> list[str]:
    bands = {"length": [*(band for _, band in LENGTH_BANDS), LONGEST]}
    bands["department_size"] = [*(band for _, band in SIZE_BANDS), LARGEST]
    if name in bands:
        return [band for band in bands[name] if counted[band]]
    if name in PERIODS:
        return sorted(counted)
    return [value for value, _ in counted.most_common(MOST_VALUES)]


def _entry(value: str, where: np.ndarray[Any, np.dtype[np.bool_]], rows: RoutedTickets) -> dict[str, Any]:
    sampling = rows.resampling.of(where)
    return {
        "value": value,
        "n": int(where.sum()),
        "accuracy": measure.share(rows.correct[where], sampling).as_json(),
        "auto": decision_summary(rows, "auto", where),
        "confidence": measure.mean(rows.confidence[where], sampling).as_json(),
    }
