"""The gate stops each of a dozen planted regressions and lets a dozen harmless changes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.evaluation import Evaluation
from eval.gate import gate
from eval.policy import Policy, load_policy
from eval.tickets import ScoredTicket
from model.errors import FenboError
from tests.eval import synthetic
from tests.eval.synthetic import CODES, NAMES, decided, each, measured, moved, sharpened

Tickets = list[ScoredTicket]
POLICY = load_policy()
LATENCY = np.random.default_rng(1).gamma(9, 0.5, 300)


@pytest.fixture(scope="module")
def city() -> Tickets:
    return synthetic.city(2000, seed=4)


@pytest.fixture(scope="module")
def baseline(city: Tickets) -> Evaluation:
    return measured(city, bundle="serving")


def department_broken(city: Tickets) -> Tickets:
    return [
        moved(t, CODES[4], CODES[0]) if t.true_department == CODES[4] and n % 3 == 0 else t
        for n, t in enumerate(city)
    ]


def two_swapped(city: Tickets) -> Tickets:
    return each(city, lambda t: moved(t, CODES[5], CODES[6]))


def all_a_little_worse(city: Tickets) -> Tickets:
    random = np.random.default_rng(0)
    return [
        moved(t, CODES[int(t.probabilities.argmax())], CODES[int(random.integers(24))])
        if random.random() < 0.03
        else t
        for t in city
    ]


def one_channel_broken(city: Tickets) -> Tickets:
    random = np.random.default_rng(0)
    return [
        moved(t, CODES[int(t.probabilities.argmax())], CODES[int(random.integers(24))])
        if t.slices["channel"] == "市长信箱" and random.random() < 0.12
        else t
        for t in city
    ]


def top_three_lost(city: Tickets) -> Tickets:
    """The likeliest stays, the others are forgotten."""
    random = np.random.default_rng(0)
    made = []
    for ticket in city:
        rest = ticket.probabilities.copy()
        best = int(rest.argmax())
        confidence = rest[best]
        rest[best] = 0
        rest = random.permutation(rest)
        rest[best] = 0
        rest *= (1 - confidence) / rest.sum()
        rest[best] = confidence
        made.append(replace(ticket, probabilities=rest))
    return made


def quiet(ticket: ScoredTicket) -> ScoredTicket:
    return decided(replace(ticket, urgency="urgent")) if ticket.urgency == "emergency" else ticket


def alarmed(ticket: ScoredTicket) -> ScoredTicket:
    return decided(replace(ticket, urgency="emergency")) if ticket.urgency == "urgent" else ticket


Spoil = Callable[[Tickets], Tickets]
REGRESSIONS: dict[str, tuple[Spoil, str]] = {
    "one department broken": (department_broken, NAMES[CODES[4]]),
    "two departments swapped": (two_swapped, NAMES[CODES[5]]),
    "every department a little worse": (all_a_little_worse, "分派准确率"),
    "one channel broken": (one_channel_broken, "市长信箱"),
    "far too sure of itself": (lambda c: each(c, lambda t: sharpened(t, 4.0)), "校准误差"),
    "far too timid": (lambda c: each(c, lambda t: sharpened(t, 0.5)), "校准误差"),
    "emergencies missed": (lambda c: each(c, quiet), "特急找到的比例"),
    "false alarms": (lambda c: each(c, alarmed), "特急误报率"),
    "thresholds too low": (
        lambda c: each(c, lambda t: decided(t, auto=0.3, suggest=0.1)),
        "自动分拨的准确率",
    ),
    "thresholds too high": (lambda c: each(c, lambda t: decided(t, auto=0.995)), "自动分拨占比"),
    "kinds collapsed": (lambda c: each(c, lambda t: replace(t, kind="C")), "诉求类型准确率"),
    "candidates lost": (top_three_lost, "前三命中"),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regression_is_stopped_for_its_reason(name: str, city: Tickets, baseline: Evaluation) -> None:
    spoil, reason = REGRESSIONS[name]
    judgement = gate(measured(spoil(city)), POLICY, baseline=baseline)
    failed = [finding.reason for finding in judgement.findings if finding.status == "fail"]
    assert not judgement.passed
    assert any(reason in told for told in failed), failed


def test_latency_tripled_is_stopped(city: Tickets, baseline: Evaluation) -> None:
    slow = measured(city, latency_ms=(3 * LATENCY).tolist())
    judgement = gate(slow, POLICY, baseline=baseline)
    assert [f.status for f in judgement.findings if "单条耗时" in f.reason] == ["fail", "fail"]


def test_copies_of_training_letters_that_were_counted_are_stopped(
    city: Tickets, baseline: Evaluation
) -> None:
    leaky = measured(city)
    leaky.metrics["overall"]["leak"] = {
        "rows": 2000,
        "exact": 40,
        "near": 9,
        "text_only": 0,
        "share": 0.0245,
        "allowed": True,
        "left_out": 0,
        "lines": [],
    }
    judgement = gate(leaky, POLICY, baseline=baseline)
    assert any("49 条训练数据的副本" in f.reason for f in judgement.findings if f.status == "fail")
    assert gate(leaky, replace(POLICY, allow_leak=True), baseline=baseline).passed


def retrained(city: Tickets, seed: int) -> Tickets:
    random = np.random.default_rng(seed)
    made = []
    for t in city:
        noisy = t.probabilities * np.exp(random.normal(0, 0.15, t.probabilities.size))
        made.append(decided(replace(t, probabilities=noisy / noisy.sum())))
    return made


def quantised(city: Tickets) -> Tickets:
    rounded = [np.round(t.probabilities * 127) / 127 + 1e-6 for t in city]
    return [decided(replace(t, probabilities=p / p.sum())) for t, p in zip(city, rounded, strict=True)]


def small_department_loses_two(city: Tickets) -> Tickets:
    """Two tickets of a department with thirty to fifty: seven points, and no proof of anything."""
    counts = {code: sum(t.true_department == code for t in city) for code in CODES}
    code = next(code for code, count in counts.items() if 30 <= count <= 50)
    left = 2
    made = []
    for t in city:
        if left and t.true_department == code == CODES[int(t.probabilities.argmax())]:
            t = moved(t, code, CODES[0])
            left -= 1
        made.append(t)
    return made


def repaired(city: Tickets) -> Tickets:
    random = np.random.default_rng(0)
    return [
        moved(t, CODES[int(t.probabilities.argmax())], str(t.true_department)) if random.random() < 0.3 else t
        for t in city
    ]


HARMLESS: dict[str, Spoil] = {
    "nothing": lambda c: c,
    "retrained, seed 1": lambda c: retrained(c, 1),
    "retrained, seed 2": lambda c: retrained(c, 2),
    "retrained, seed 3": lambda c: retrained(c, 3),
    "quantised": quantised,
    "two tickets of a small department": small_department_loses_two,
    "better": repaired,
    "a little surer": lambda c: each(c, lambda t: sharpened(t, 1.03)),
    "a little more timid": lambda c: each(c, lambda t: sharpened(t, 0.97)),
    "threshold a little higher": lambda c: each(c, lambda t: decided(t, auto=0.88)),
    "one more false alarm in a thousand": lambda c: [
        alarmed(t) if n % 100 == 0 else t for n, t in enumerate(c)
    ],
    "kinds a little better": lambda c: [
        replace(t, kind=t.true_kind) if n % 9 == 0 and t.true_kind else t for n, t in enumerate(c)
    ],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_change_passes(name: str, city: Tickets, baseline: Evaluation) -> None:
    judgement = gate(measured(HARMLESS[name](city)), POLICY, baseline=baseline)
    assert judgement.passed, [f.reason for f in judgement.findings if f.status == "fail"]


@pytest.mark.parametrize("factor", [0.5, 1.2])
def test_a_little_latency_passes(factor: float, city: Tickets, baseline: Evaluation) -> None:
    assert gate(measured(city, latency_ms=(factor * LATENCY).tolist()), POLICY, baseline=baseline).passed


def test_a_loss_that_may_be_chance_is_told_as_a_warning(city: Tickets, baseline: Evaluation) -> None:
    judgement = gate(measured(small_department_loses_two(city)), POLICY, baseline=baseline)
    warnings = [f.reason for f in judgement.findings if f.status == "warn"]
    assert len(warnings) == 1
    assert "可能只是偶然" in warnings[0]


def test_a_city_may_judge_to_the_letter(city: Tickets, baseline: Evaluation) -> None:
    rules = tuple(replace(r, judge="value") if r.of_each == "department" else r for r in POLICY.rules)
    candidate = measured(small_department_loses_two(city))
    assert not gate(candidate, Policy(rules), baseline=baseline).passed


def test_departments_are_judged_without_the_tickets_too(city: Tickets, baseline: Evaluation) -> None:
    """From the history only metrics may be left."""
    bare = Evaluation(baseline.metrics)
    assert not gate(measured(two_swapped(city)), POLICY, baseline=bare).passed
    assert gate(measured(retrained(city, 1)), POLICY, baseline=bare).passed


def test_without_a_baseline_only_bounds_are_judged_and_it_says_so(city: Tickets) -> None:
    judgement = gate(measured(city), POLICY)
    assert judgement.passed
    assert judgement.findings[0].status == "skip"
    assert "没有旧版" in judgement.findings[0].reason
    assert not gate(measured(city), replace(POLICY, baseline_required=True)).passed


def test_another_data_set_is_no_baseline(city: Tickets) -> None:
    other = measured(city, data_sha256="d2")
    judgement = gate(measured(city), POLICY, baseline=other)
    assert not judgement.passed
    assert any("不是在同一份数据上" in finding.reason for finding in judgement.findings)


def test_what_was_not_measured_fails_unless_the_policy_skips_it(city: Tickets) -> None:
    bare = measured([replace(t, true_urgency=None) for t in city])
    assert gate(bare, POLICY, baseline=bare).passed
    strict = Policy(tuple(replace(rule, when_missing="fail") for rule in POLICY.rules))
    judgement = gate(bare, strict, baseline=bare)
    assert any("特急找到的比例：没有测" in f.reason for f in judgement.findings if f.status == "fail")


def test_reasons_name_the_measure_its_change_and_the_bound(city: Tickets, baseline: Evaluation) -> None:
    judgement = gate(measured(two_swapped(city)), POLICY, baseline=baseline)
    told = next(f.reason for f in judgement.findings if NAMES[CODES[5]] in f.reason)
    assert " → " in told
    assert "最多损失 3 个百分点" in told


WRONG: list[tuple[str, Any, str]] = [
    ("version", "version: 2\nrules: [{measure: accuracy, at_least: 1}]", "version 2, expected 1"),
    ("no rules", "version: 1\nrules: []", "at least one rule"),
    ("list", "- 1", "is not a mapping"),
    ("yaml", "version: [", "cannot be read as YAML"),
    ("extra key", "version: 1\nrule: []", "unknown rule; allowed: allow_leak"),
    (
        "measure",
        "version: 1\nrules: [{measure: acuracy, at_least: 1}]",
        "measure 'acuracy', expected one of accuracy",
    ),
    (
        "two bounds",
        "version: 1\nrules: [{measure: accuracy, at_least: 1, at_most: 1}]",
        "rule 1: has 2 bounds",
    ),
    ("no bound", "version: 1\nrules: [{measure: accuracy}]", "has 0 bounds"),
    ("text bound", "version: 1\nrules: [{measure: accuracy, at_least: high}]", "at_least 'high'"),
    (
        "judge",
        "version: 1\nrules: [{measure: accuracy, at_least: 1, judge: no}]",
        "judge False, expected one of",
    ),
    ("tickets", "version: 1\nrules: [{measure: accuracy, at_least: 1, min_tickets: 0}]", "min_tickets 0"),
    ("typo", "version: 1\nrules: [{measure: accuracy, atleast: 1}]", "unknown atleast"),
    (
        "parts",
        "version: 1\nrules: [{measure: top3, of_each: slice, at_least: 1}]",
        "of_each goes with measure accuracy",
    ),
    (
        "flag",
        "version: 1\nallow_leak: maybe\nrules: [{measure: accuracy, at_least: 1}]",
        "expected true or false",
    ),
]


@pytest.mark.parametrize(("text", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_policy_is_refused_by_rule_and_field(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FenboError) as problem:
        load_policy(file)
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_missing_policy_names_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(FenboError, match=r"default\.yaml"):
        load_policy(tmp_path / "none.yaml")
