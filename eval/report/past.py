"""The page of all evaluations that were kept."""

from __future__ import annotations

from typing import Any

from eval.history import Entry, History
from eval.report import figures
from eval.report.render import render
from eval.report.timeline import timeline


def history_page(history: History) -> str:
    """HTML of all evaluations, by data: accuracy over versions, and over time for the newest version.

    Raises MissingExtra without matplotlib and jinja2, FenboError where the history cannot be read.
    """
    entries = history.entries()
    by_data: dict[str, list[Entry]] = {}
    for entry in entries:
        by_data.setdefault(entry.data_sha256, []).append(entry)
    sets = [_data_set(history, sha, of_data) for sha, of_data in by_data.items()]
    return render("history.html", entries=entries, sets=sets)


def _data_set(history: History, sha: str, entries: list[Entry]) -> dict[str, Any]:
    routed = [entry for entry in entries if entry.accuracy is not None]
    versions = over_time = ""
    if len(routed) > 1:
        versions = figures.over_time(
            [entry.bundle for entry in routed],
            [
                {"value": entry.accuracy, "low": entry.accuracy_low, "high": entry.accuracy_high}
                for entry in routed
            ],
            name=f"versions-{sha[:12]}",
            label="分派准确率（%）",
        )
    if routed:
        newest = history.evaluation(routed[-1].number).metrics["slices"]
        over_time = timeline(newest, name=f"time-{sha[:12]}")
    return {
        "data": entries[-1].data,
        "sha": sha[:12],
        "entries": entries,
        "versions": versions,
        "over_time": over_time,
    }
