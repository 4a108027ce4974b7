"""An evaluation as one self-contained page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.compare import Comparison
from eval.departments import UNKNOWN
from eval.history import Entry, History
from eval.report import figures, wording
from eval.slices import DIMENSION_NAMES
from eval.verdict import MEASURE_NAMES
from model.errors import MissingExtra

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
FEWEST_MONTHS = 3


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
        months = metrics["slices"].get("month", [])
        if len(months) >= FEWEST_MONTHS:
            drawn["months"] = _months(months, name="months")
        values["goal"] = wording.goal_met(overall["decisions"]["auto"]["accuracy"], target)
        values["sure"] = wording.calibrated(overall["calibration"])
    for part in ("urgency", "kind"):
        if overall[part]:
            drawn[part] = figures.confusion(overall[part]["confusion"], names, name=part)
    return render("page.html", metrics=metrics, figures=drawn, unknown=UNKNOWN, **values)


def comparison_page(comparison: Comparison, *, data: str = "") -> str:
    """HTML of a comparison with its masked examples, for local use. Raises MissingExtra without jinja2."""
    return render("comparison.html", it=comparison, data=data, measure_names=MEASURE_NAMES)


def history_page(history: History) -> str:
    """HTML of all evaluations, by data: accuracy over versions, and over months of tickets for the newest
    version.

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
    versions = months = ""
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
        newest = history.evaluation(routed[-1].number).metrics["slices"].get("month", [])
        if len(newest) >= FEWEST_MONTHS:
            months = _months(newest, name=f"months-{sha[:12]}")
    return {
        "data": entries[-1].data,
        "sha": sha[:12],
        "entries": entries,
        "versions": versions,
        "months": months,
    }


def _months(entries: list[dict[str, Any]], *, name: str) -> str:
    return figures.over_time(
        [month["value"] for month in entries],
        [month["accuracy"] for month in entries],
        name=name,
        label="分派准确率（%）",
    )


def render(template: str, **values: Any) -> str:
    """One of this folder's templates with the report's style and words, every value escaped."""
    text: str = (
        _environment()
        .get_template(template)
        .render(
            css=(_FOLDER / "page.css").read_text(encoding="utf-8"),
            action_names=wording.ACTION_NAMES,
            dimension_names=DIMENSION_NAMES,
            **values,
        )
    )
    return text


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("jinja2", "train") from error
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for words in (wording.percent, wording.interval, wording.plain, wording.plain_interval):
        environment.filters[words.__name__] = words
    environment.tests["weaker"] = wording.weaker
    return environment
