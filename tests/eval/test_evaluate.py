"""An evaluation says what it measured, with how much certainty, and refuses what it cannot measure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest

from eval import evaluation
from eval.evaluate import NothingToMeasure, Subject, evaluate
from model.errors import FenboError
from tests.eval import synthetic

SCHEMA = json.loads(evaluation.SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tickets() -> list[Any]:
    return synthetic.city(1200)


@pytest.fixture(scope="module")
def metrics(tickets: list[Any]) -> dict[str, Any]:
    return synthetic.measured(tickets).metrics


def measures(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every measure in the metrics, with the path to it."""
    if isinstance(node, dict):
        if {"value", "low", "high", "n"} <= set(node):
            yield path, node
        for name, child in node.items():
            yield from measures(child, f"{path}.{name}")
    elif isinstance(node, list):
        for place, child in enumerate(node):
            yield from measures(child, f"{path}[{place}]")


def check_schema(metrics: dict[str, Any]) -> None:
    errors = [
        f"{error.instance_path}: {error.message}"
        for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(metrics)
    ]
    assert not errors, errors[:5]


def test_metrics_follow_the_schema(metrics: dict[str, Any]) -> None:
    check_schema(metrics)
    json.dumps(metrics, allow_nan=False)


def test_every_measure_lies_within_its_interval(metrics: dict[str, Any]) -> None:
    told = list(measures(metrics))
    assert len(told) > 100
    for path, one in told:
        if one["value"] is None:
            assert one["n"] == 0 or one["low"] is None, path
        else:
            assert one["n"] > 0, path
            assert one["low"] <= one["value"] <= one["high"], (path, one)


def test_numbers_are_those_of_the_tickets(metrics: dict[str, Any], tickets: list[Any]) -> None:
    predicted = [synthetic.CODES[int(t.probabilities.argmax())] for t in tickets]
    right = np.array([p == t.true_department for p, t in zip(predicted, tickets, strict=True)])
    auto = np.array([t.action == "auto" for t in tickets])
    overall = metrics["overall"]
    assert overall["accuracy"]["value"] == pytest.approx(right.mean(), abs=1e-6)
    assert overall["decisions"]["auto"]["share"]["value"] == pytest.approx(auto.mean(), abs=1e-6)
    assert overall["decisions"]["auto"]["accuracy"]["value"] == pytest.approx(right[auto].mean(), abs=1e-6)
    assert overall["accuracy"]["value"] <= overall["top3"]["value"] <= overall["top5"]["value"] <= 1
    assert sum(entry["support"] for entry in metrics["per_class"]["department"]) == 1200
    assert sum(cell[2] for cell in overall["confusion"]["cells"]) == 1200
    wrong = sum(n for i, j, n in overall["confusion"]["cells"] if i != j)
    assert wrong == (~right).sum()
    district = metrics["slices"]["district"]
    assert sum(entry["n"] for entry in district) == 1200
    mean = sum(entry["n"] * entry["accuracy"]["value"] for entry in district) / 1200
    assert mean == pytest.approx(right.mean(), abs=1e-5)


def test_answers_calibrated_by_construction_look_calibrated(metrics: dict[str, Any]) -> None:
    calibration = metrics["overall"]["calibration"]
    assert calibration["error"]["value"] < 0.04
    assert calibration["error"]["low"] == 0.0
    assert 0 < calibration["error_if_perfect"] < calibration["error_if_perfect_high"] < 0.05


def test_the_sweep_is_a_ceiling_of_what_thresholds_do(metrics: dict[str, Any]) -> None:
    sweep = metrics["overall"]["sweep"]
    assert sweep["accuracy"] >= 0.95
    curve = metrics["overall"]["risk_coverage"]
    assert curve[-1]["share"] == 1.0
    assert curve[-1]["accuracy"] == pytest.approx(metrics["overall"]["accuracy"]["value"], abs=1e-6)


def test_near_copies_widen_the_interval(tickets: list[Any]) -> None:
    """Ten copies of each of 60 letters are 60 letters' worth of evidence, not 600."""
    few = tickets[:60]
    copied = [replace(t, ticket_id=f"{t.ticket_id}-{n}", group=t.ticket_id) for t in few for n in range(10)]
    alone = [replace(t, group="") for t in copied]

    def width(rows: list[Any]) -> float:
        one = synthetic.measured(rows).metrics["overall"]["accuracy"]
        return float(one["high"] - one["low"])

    assert width(copied) > 2.5 * width(alone)


def test_a_department_that_the_bundle_does_not_know_counts_as_missed(tickets: list[Any]) -> None:
    strange = [replace(t, true_department="火星办") if row % 10 == 0 else t for row, t in enumerate(tickets)]
    result = synthetic.measured(strange).metrics
    check_schema(result)
    assert result["overall"]["unknown_labels"] == {"n": 120, "labels": {"火星办": 120}}
    assert result["overall"]["top5"]["value"] < 0.9
    assert "(unknown)" in result["overall"]["confusion"]["codes"]
    entry = next(e for e in result["per_class"]["department"] if e["code"] == "(unknown)")
    assert entry["recall"]["value"] == 0.0


def test_labels_of_another_taxonomy_are_refused_by_name(tickets: list[Any]) -> None:
    foreign = [replace(t, true_department=f"省厅{n % 7}") for n, t in enumerate(tickets)]
    with pytest.raises(NothingToMeasure, match="another taxonomy") as problem:
        synthetic.measured(foreign)
    assert "省厅0" in str(problem.value)


def test_no_tickets_and_no_labels_are_refused() -> None:
    with pytest.raises(NothingToMeasure, match="0 rows"):
        synthetic.measured([])
    bare = [replace(t, true_department=None, true_urgency=None, true_kind=None) for t in synthetic.city(5)]
    with pytest.raises(NothingToMeasure, match="--columns department="):
        synthetic.measured(bare)


def test_one_row_and_one_class_are_measured_with_a_warning() -> None:
    one = synthetic.measured(synthetic.city(1)).metrics
    check_schema(one)
    assert any("1 条工单" in note for note in one["about"]["notes"])
    same = [replace(t, true_department=synthetic.CODES[0]) for t in synthetic.city(150)]
    result = synthetic.measured(same).metrics
    check_schema(result)
    assert any("只有一个单位" in note for note in result["about"]["notes"])


def test_urgency_alone_can_be_measured(tickets: list[Any]) -> None:
    result = synthetic.measured([replace(t, true_department=None) for t in tickets]).metrics
    check_schema(result)
    assert "accuracy" not in result["overall"]
    assert result["slices"] == {}
    assert result["overall"]["urgency"]["n"] == 1200


def test_no_emergency_in_the_data_is_said_and_not_guessed(tickets: list[Any]) -> None:
    calm = [replace(t, true_urgency="normal", urgency="normal") for t in tickets]
    urgency = synthetic.measured(calm).metrics["overall"]["urgency"]
    assert urgency["quadratic_kappa"]["value"] is None
    assert urgency["emergency"]["recall"] == {"value": None, "low": None, "high": None, "n": 0}
    assert urgency["emergency"]["swept"]["recall"]["n"] == 0


def test_a_rule_that_raises_an_emergency_counts_in_the_sweep(tickets: list[Any]) -> None:
    """The higher of rule and model wins, so the model alone is not what a city would see."""
    low = np.array([0.97, 0.01, 0.01, 0.01])
    raised = [
        replace(t, urgency="emergency", urgency_probabilities=low)
        if t.true_urgency == "emergency"
        else replace(t, urgency="normal")
        for t in tickets
    ]
    emergency = synthetic.measured(raised).metrics["overall"]["urgency"]["emergency"]
    assert emergency["recall"]["value"] == 1.0
    assert emergency["swept"]["recall"]["value"] == 1.0
    assert emergency["false_alarms_per_1000"] == 0


def test_probabilities_of_another_length_are_refused(tickets: list[Any]) -> None:
    with pytest.raises(FenboError, match="one for each department"):
        evaluate(tickets, synthetic.CODES[:-1], subject=Subject(bundle="b"))


def test_saved_and_read_back_the_same(tickets: list[Any], tmp_path: Path) -> None:
    result = synthetic.measured(tickets[:50])
    result.save(tmp_path / "a")
    again = evaluation.load(tmp_path / "a")
    assert again == result
    assert evaluation.load(tmp_path / "a" / "metrics.json") == result


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no metrics.json"), ("{", "cannot be read as JSON"), ("{}", "not an evaluation of format")],
)
def test_what_is_no_evaluation_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(FenboError, match=words):
        evaluation.load(tmp_path)
