"""Routing accuracy over time, by the finest periods that hold tickets enough to say something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.report import figures
from eval.slices import PERIODS

FEWEST_PERIODS = 3
ENOUGH_TICKETS = 30


def timeline(slices: Mapping[str, Sequence[Mapping[str, Any]]], *, name: str) -> str:
    """A chart over months, quarters or years, or nothing where there are fewer than three of them.

    ``slices`` are those of ``metrics.json``. The finest period is taken whose average has 30 tickets.
    """
    shown: Sequence[Mapping[str, Any]] = ()
    for period in PERIODS:
        entries = slices.get(period, ())
        if len(entries) >= FEWEST_PERIODS:
            shown = entries
            if sum(entry["n"] for entry in entries) >= ENOUGH_TICKETS * len(entries):
                break
    if not shown:
        return ""
    return figures.over_time(
        [entry["value"] for entry in shown],
        [entry["accuracy"] for entry in shown],
        name=name,
        label="分派准确率（%）",
    )
