"""Measures of an evaluation by name, as the gate's policy and the history speak of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedMeasure:
    """Where a measure stands under ``overall``, whether more of it is better, and how it is told."""

    name: str
    path: Path
    more_is_better: bool
    words: str
    share: bool = True
    """Whether it is a share, told as per cent."""


MEASURES = {
    measure.name: measure
    for measure in (
        NamedMeasure("accuracy", ("accuracy",), True, "分派准确率"),
        NamedMeasure("top3", ("top3",), True, "前三命中"),
        NamedMeasure("macro_f1", ("macro_f1_supported",), True, "F1 宏平均"),
        NamedMeasure("auto_share", ("decisions", "auto", "share"), True, "自动分拨占比"),
        NamedMeasure("auto_accuracy", ("decisions", "auto", "accuracy"), True, "自动分拨的准确率"),
        NamedMeasure("calibration_error", ("calibration", "error"), False, "校准误差", share=False),
        NamedMeasure("urgency_kappa", ("urgency", "quadratic_kappa"), True, "紧急程度 kappa", share=False),
        NamedMeasure("emergency_recall", ("urgency", "emergency", "recall"), True, "特急找到的比例"),
        NamedMeasure(
            "emergency_false_alarms", ("urgency", "emergency", "false_alarm_rate"), False, "特急误报率"
        ),
        NamedMeasure("kind_accuracy", ("kind", "accuracy"), True, "诉求类型准确率"),
        NamedMeasure("pair_average_precision", ("duplicates", "average_precision"), True, "重复件平均精确率"),
        NamedMeasure("pairs_over_merged", ("duplicates", "over_merged"), False, "重复件错并率"),
        NamedMeasure(
            "latency_median_ms", ("latency", "median_ms"), False, "单条耗时中位（毫秒）", share=False
        ),
        NamedMeasure("latency_p99_ms", ("latency", "p99_ms"), False, "单条耗时 99 %（毫秒）", share=False),
    )
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What an evaluation says of one measure; the limits are None where it has none, as a latency."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def variance(self) -> float:
        """Square of the standard error that the 95 % interval shows; 0 without one."""
        if self.low is None or self.high is None:
            return 0.0
        return ((self.high - self.low) / 3.92) ** 2


def read(metrics: Mapping[str, Any], name: str) -> Reading | None:
    """The named measure, or None where it was not measured."""
    node: Any = metrics["overall"]
    for step in MEASURES[name].path:
        node = node.get(step) if isinstance(node, Mapping) else None
    return reading(node)


def reading(node: Any) -> Reading | None:
    """A measure as ``metrics.json`` holds it, or a bare number, as a reading; None for what was not
    measured.
    """
    if isinstance(node, Mapping) and node.get("value") is not None:
        return Reading(node["value"], node["low"], node["high"], node["n"])
    if isinstance(node, int | float):
        return Reading(float(node), None, None, 0)
    return None
