"""Auto, suggest or review: what may happen to a ticket without a person, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.calibration import DecisionThresholds
from model.prediction import Action, Candidate, Decision, Reason

SHORTEST = 6
"""Characters of text (letters and digits, not marks) below which a person should look."""

AMBIGUOUS = 0.25
"""Two departments within this of each other, both likely: named as ambiguous."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else is known about the ticket, besides its probabilities."""

    emergency: bool = False
    out_of_scope: bool = False
    unfamiliar: bool = False
    too_short: bool = False
    second: Candidate | None = None


def decide(
    top: Sequence[Candidate], thresholds: DecisionThresholds, circumstances: Circumstances
) -> Decision:
    """The action with all its reasons, the weightiest first. ``top`` is sorted, the likeliest first."""
    obstacles = _obstacles(top[0], circumstances)
    if obstacles:
        return Decision("review", tuple(obstacles))
    best = top[0]
    bar = thresholds.departments.get(best.code, thresholds.auto)
    if best.probability >= bar:
        text = f"{best.name}的把握为 {best.probability:.0%}，达到自动分派线 {bar:.0%}"
        return Decision("auto", (Reason("confident", text),))
    action: Action = "suggest" if best.probability >= thresholds.suggest else "review"
    return Decision(action, _doubts(top, bar, action))


def _obstacles(best: Candidate, circumstances: Circumstances) -> list[Reason]:
    reasons: list[Reason] = []
    if circumstances.emergency:
        reasons.append(
            Reason("emergency", "疑似危及生命或公共安全，须立即由人处理，并同步 110、119、120、122")
        )
    if circumstances.out_of_scope:
        reasons.append(Reason("out_of_scope", "不像市民诉求（闲聊、广告、外语或乱码），请人判断"))
    if circumstances.unfamiliar:
        reasons.append(Reason("unfamiliar", "与训练过的诉求都不相像，请人判断"))
    if circumstances.too_short:
        reasons.append(Reason("too_little_text", "文字太少，难以判断"))
    if circumstances.second is not None:
        reasons.append(
            Reason(
                "two_requests",
                f"似有两项诉求，分属{best.name}与{circumstances.second.name}，请人确认是否拆单",
            )
        )
    return reasons


def _doubts(top: Sequence[Candidate], bar: float, action: Action) -> tuple[Reason, ...]:
    best = top[0]
    reasons: list[Reason] = []
    if len(top) > 1 and best.probability - top[1].probability < AMBIGUOUS:
        pair = f"{best.name}（{best.probability:.0%}）与{top[1].name}（{top[1].probability:.0%}）"
        reasons.append(Reason("ambiguous", f"{pair}难分"))
    name = "below_auto" if action == "suggest" else "uncertain"
    advice = "建议人工确认" if action == "suggest" else "请人判断"
    reasons.append(
        Reason(name, f"{best.name}的把握为 {best.probability:.0%}，未到自动分派线 {bar:.0%}，{advice}")
    )
    return tuple(reasons)
