"""May this bundle be promoted? Every rule of the policy is judged, and every judgement says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from eval.evaluation import Evaluation
from eval.losses import Loss, loss_of, part_losses, part_readings, same_data
from eval.measures import MEASURES, Reading, read
from eval.policy import Parts, Policy, Rule

Status = Literal["pass", "warn", "fail", "skip"]
CHANCE = 0.05
"""How rarely an equally good bundle may seem to lose as much, in any of the parts that a rule looks at."""

_ROUNDING = 1e-6
"""What the six places of metrics.json may make of nothing."""

_PART_WORDS: dict[Parts, str] = {"department": "单位", "slice": "切片"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule came to: ``warn`` tells of a loss that may be chance, ``skip`` of what could not be
    judged.
    """

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Findings in the policy's order."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the bundle may be promoted: no finding failed."""
        return all(finding.status != "fail" for finding in self.findings)


def gate(candidate: Evaluation, policy: Policy, *, baseline: Evaluation | None = None) -> Judgement:
    """Judge a candidate by a policy, against the evaluation of what serves now on the same data.

    Without a baseline, losses and growths are skipped, or refused where the policy requires one.
    """
    findings = list(_honesty(candidate, policy, baseline))
    comparable = baseline if baseline is not None and same_data(candidate, baseline) else None
    for rule in policy.rules:
        findings.extend(_judge(rule, candidate, comparable))
    return Judgement(tuple(findings))


def _honesty(candidate: Evaluation, policy: Policy, baseline: Evaluation | None) -> Iterator[Finding]:
    leak = candidate.metrics["overall"]["leak"]
    copies = leak["exact"] + leak["near"] if leak and leak["allowed"] else 0
    if copies and not policy.allow_leak:
        yield Finding("fail", f"评测里计入了 {copies} 条训练数据的副本（--allow-leak），数字不可信")
    if baseline is None:
        status: Status = "fail" if policy.baseline_required else "skip"
        yield Finding(status, "没有旧版在同一份数据上的评测，与旧版相比的规则没有判")
    elif not same_data(candidate, baseline):
        yield Finding("fail", "新旧两版不是在同一份数据上评测的，不能相比；请用同一份数据重新评测")


def _judge(rule: Rule, candidate: Evaluation, baseline: Evaluation | None) -> Iterator[Finding]:
    relative = rule.lose_at_most is not None or rule.grow_at_most is not None
    if relative and baseline is None:
        return
    if rule.of_each is not None:
        yield from _parts(rule, rule.of_each, candidate, baseline)
        return
    now = read(candidate.metrics, rule.measure)
    before = read(baseline.metrics, rule.measure) if baseline else None
    if now is None or (relative and before is None):
        yield _missing(rule, f"{MEASURES[rule.measure].words}：没有测（数据里没有这种标注，或旧版没有测）")
    elif baseline is not None and before is not None and rule.lose_at_most is not None:
        loss = loss_of(rule.measure, candidate, baseline, before, now)
        yield _lost(rule, rule.lose_at_most, loss)
    elif before is not None and rule.grow_at_most is not None:
        yield _grown(rule, rule.grow_at_most, before, now)
    else:
        yield _bounded(rule, MEASURES[rule.measure].words, now)


def _parts(rule: Rule, part: Parts, candidate: Evaluation, baseline: Evaluation | None) -> Iterator[Finding]:
    """Every department or slice with tickets enough; those that hold are told in one line."""
    parts = dict(part_readings(part, rule.min_tickets, candidate.metrics))
    if not parts:
        yield _missing(rule, f"没有一个{_PART_WORDS[part]}有 {rule.min_tickets} 条工单")
        return
    if rule.lose_at_most is not None and baseline is not None:
        losses = part_losses(part, candidate, baseline, parts)
        findings = [_lost(rule, rule.lose_at_most, loss) for loss in losses]
    else:
        findings = [_bounded(rule, name, now) for name, now in parts.items()]
    yield from (finding for finding in findings if finding.status != "pass")
    held = sum(finding.status == "pass" for finding in findings)
    if held:
        yield Finding("pass", f"{held} 个至少 {rule.min_tickets} 条工单的{_PART_WORDS[part]}守住了准确率")


def _missing(rule: Rule, reason: str) -> Finding:
    return Finding("fail" if rule.when_missing == "fail" else "skip", reason)


def _bounded(rule: Rule, words: str, now: Reading) -> Finding:
    """A value against a floor or a ceiling; a value without an interval is judged to the letter."""
    told = f"{words} {_value(rule, now.value)}"
    if rule.at_least is not None:
        told += f"，要求不低于 {_value(rule, rule.at_least)}"
        broken, sure = now.value < rule.at_least, now.high is None or now.high < rule.at_least
    else:
        most = rule.at_most or 0.0
        told += f"，要求不高于 {_value(rule, most)}"
        broken, sure = now.value > most, now.low is None or now.low > most
    if not broken:
        return Finding("pass", told)
    if rule.judge == "beyond_chance" and not sure:
        return Finding("warn", f"{told}；差距在误差以内")
    return Finding("fail", told)


def _grown(rule: Rule, most: float, before: Reading, now: Reading) -> Finding:
    change = f"{_value(rule, before.value)} → {_value(rule, now.value)}"
    told = f"{MEASURES[rule.measure].words} {change}，最多增长 {100 * most:g} %"
    return Finding("fail" if now.value > before.value * (1 + most) else "pass", told)


def _lost(rule: Rule, most: float, loss: Loss) -> Finding:
    change = f"{_value(rule, loss.before.value)} → {_value(rule, loss.now.value)}"
    unit = " 个百分点" if MEASURES[rule.measure].share else ""
    told = f"{loss.name} {change}，最多损失 {100 * most if unit else most:g}{unit}"
    if loss.size <= most + _ROUNDING:
        return Finding("pass", told)
    if rule.judge == "beyond_chance" and loss.p > CHANCE:
        return Finding("warn", f"{told}；可能只是偶然（{loss.now.n} 条工单）")
    return Finding("fail", told)


def _value(rule: Rule, value: float) -> str:
    return f"{100 * value:.1f} %" if MEASURES[rule.measure].share else f"{value:.3g}"
