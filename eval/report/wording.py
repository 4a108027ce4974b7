"""Numbers and verdicts in the words of the people who read the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Told = Mapping[str, Any]
NOTHING = "—"

ACTION_NAMES = {"auto": "自动分拨", "suggest": "建议，由人确认", "review": "由人判断"}


def percent(value: float | None, digits: int = 1) -> str:
    """A share as per cent, such as ``93.4 %``; a dash for None."""
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def interval(measure: Told, digits: int = 1) -> str:
    """The limits of a share as per cent, such as ``92.2–94.4``; empty where there are none."""
    if measure["low"] is None or measure["value"] is None:
        return ""
    return f"{100 * measure['low']:.{digits}f}–{100 * measure['high']:.{digits}f}"


def with_interval(measure: Told, digits: int = 1) -> str:
    """A share with its limits, such as ``93.4 %（92.2–94.4）``."""
    limits = interval(measure, digits)
    return percent(measure["value"], digits) + (f"（{limits}）" if limits else "")


def plain(value: float | None, digits: int = 3) -> str:
    """A number; a dash for None."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def plain_interval(measure: Told, digits: int = 3) -> str:
    """The limits of a number; empty where there are none."""
    if measure["low"] is None or measure["value"] is None:
        return ""
    return f"{measure['low']:.{digits}f}–{measure['high']:.{digits}f}"


def goal_met(accuracy: Told, target: float) -> tuple[str, str]:
    """Whether ``auto`` holds its target: a class for the page (good, fair, poor) and a sentence."""
    if accuracy["value"] is None:
        return "fair", "没有工单自动分拨"
    if accuracy["low"] >= target:
        return "good", f"有把握达到 {percent(target, 0)} 的目标"
    if accuracy["value"] >= target:
        return "good", f"达到 {percent(target, 0)} 的目标，但工单还不够多，不能完全肯定"
    if accuracy["high"] >= target:
        return "fair", f"略低于 {percent(target, 0)} 的目标，差距在误差以内"
    return "poor", f"没有达到 {percent(target, 0)} 的目标"


def calibrated(calibration: Told) -> tuple[str, str]:
    """Whether probabilities mean what they say: a class for the page and a sentence."""
    error, floor = calibration["error"]["value"], calibration["error_if_perfect_high"]
    if error <= floor:
        return "good", "与说得完全准的模型分不出来"
    if error <= 0.03:
        return "good", "把握说得准"
    if error <= 0.06:
        return "fair", "把握有偏差，看下图偏在哪里"
    return "poor", "把握说得不准，阈值要重新拟合"


def weaker(measure: Told, overall: Told) -> bool:
    """Whether a part is worse than the whole beyond chance: its interval lies wholly below the whole's
    value.
    """
    return measure["high"] is not None and bool(measure["high"] < overall["value"])
