"""An evaluation as one self-contained page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.compare import Comparison
from eval.departments import UNKNOWN
from eval.report import figures, wording
from eval.report.render import render
from eval.report.timeline import timeline
from eval.slices import PERIODS
from eval.verdict import MEASURE_NAMES


def report_page(metrics: Mapping[str, Any]) -> str:
    """HTML of an evaluation's ``metrics`` (``schema.json``), a few hundred kB, without any reference outside
    itself.

    Raises MissingExtra without matplotlib and jinja2.
    """
    overall, names = metrics["overall"], metrics["about"]["names"]
    target = metrics["about"]["target"]
    drawn: dict[str, str] = {}
    values: dict[str, Any] = {}
    if overall["departments_n"]:
        drawn["risk"] = figures.risk_coverage(overall, target)
        drawn["reliability"] = figures.reliability(overall["calibration"])
        drawn["confusion"] = figures.confusion(
            overall["confusion"], {UNKNOWN: "不在目录"}, name="departments", by_support=True
        )
        drawn["over_time"] = timeline(metrics["slices"], name="time")
        values["goal"] = wording.goal_met(overall["decisions"]["auto"]["accuracy"], target)
        values["sure"] = wording.calibrated(overall["calibration"])
    if overall["rolling"] and len(overall["rolling"]["by_age"]) > 1:
        ages = overall["rolling"]["by_age"]
        drawn["decay"] = figures.over_time(
            [str(one["age"]) for one in ages],
            [one["accuracy"] for one in ages],
            name="decay",
            label="分派准确率（%）",
        )
    for part in ("urgency", "kind"):
        if overall[part]:
            drawn[part] = figures.confusion(overall[part]["confusion"], names, name=part)
    return render("page.html", metrics=metrics, figures=drawn, periods=PERIODS, unknown=UNKNOWN, **values)


def comparison_page(comparison: Comparison, *, data: str = "") -> str:
    """HTML of a comparison with its masked examples, for local use. Raises MissingExtra without jinja2."""
    return render("comparison.html", it=comparison, data=data, measure_names=MEASURE_NAMES)
