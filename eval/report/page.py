"""An evaluation as one self-contained page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.compare import Comparison
from eval.departments import UNKNOWN
from eval.report import figures, wording
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
            drawn["months"] = figures.over_time(
                [month["value"] for month in months],
                [month["accuracy"] for month in months],
                name="months",
                label="分派准确率（%）",
            )
        values["goal"] = wording.goal_met(overall["decisions"]["auto"]["accuracy"], target)
        values["sure"] = wording.calibrated(overall["calibration"])
    for part in ("urgency", "kind"):
        if overall[part]:
            drawn[part] = figures.confusion(overall[part]["confusion"], names, name=part)
    return render("page.html", metrics=metrics, figures=drawn, unknown=UNKNOWN, **values)


def comparison_page(comparison: Comparison, *, data: str = "") -> str:
    """HTML of a comparison with its masked examples, for local use. Raises MissingExtra without jinja2."""
    return render("comparison.html", it=comparison, data=data, measure_names=MEASURE_NAMES)


def render(template: str, **values: Any) -> str:
    """One of this folder's templates with the report's style and words, every value escaped."""
    text: str = (
        _environment()
        .get_template(template)
        .render(
            css=(_FOLDER / "page.css").read_text(encoding="utf-8"),
            action_names=wording.ACTION_NAMES,
            dimension_names=wording.DIMENSION_NAMES,
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
