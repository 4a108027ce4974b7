"""Input that would make a metric lie is refused in words that say what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eval.metrics import bootstrap, calibration, classification, intervals, ordinal, pairs, selective
from eval.metrics.checks import MetricError

UNEVEN = np.array([[0.5, 0.2], [0.5, 0.5]])
REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("no rows", lambda: classification.accuracy([], [], classes=3), "truth: 0 rows"),
    ("lengths", lambda: classification.accuracy([0, 1], [0], classes=3), "truth 2, predicted 1"),
    ("class too high", lambda: classification.accuracy([0, 3], [0, 1], classes=3), "0 to 3, expected 0 to 2"),
    ("class below", lambda: classification.confusion([-1], [0], classes=3), "-1 to -1, expected 0 to 2"),
    ("floats", lambda: classification.accuracy([0.5], [0], classes=3), "whole class numbers"),
    ("matrix", lambda: classification.accuracy([[0]], [0], classes=3), "shape (1, 1)"),
    ("k", lambda: classification.top_k_accuracy([0], [[1.0, 0.0]], 0), "k: 0, expected 1 or more"),
    ("row sums", lambda: classification.ranks([0, 1], UNEVEN), "row 0 sums to 0.7000"),
    ("one dimension", lambda: classification.ranks([0], np.array([1.0])), "expected (rows, classes)"),
    ("support", lambda: classification.macro_f1(table_of_three(), min_support=9), "no class has 9"),
    ("NaN", lambda: calibration.expected_calibration_error([0.5, np.nan], [1, 0]), "1 of 2 values are NaN"),
    ("above 1", lambda: calibration.expected_calibration_error([1.5], [1]), "expected 0 to 1"),
    ("not 0/1", lambda: calibration.expected_calibration_error([0.5], [2]), "true/false or 0/1"),
    ("bins", lambda: calibration.reliability([0.5], [1], bins=0), "bins: 0"),
    ("text", lambda: calibration.reliability(["high"], [1]), "expected numbers"),
    ("target", lambda: selective.largest_share_at([0.5], [1], 1.5), "target: 1.5"),
    ("one level", lambda: ordinal.quadratic_kappa([2, 2], [2, 2], levels=4), "kappa needs two levels"),
    ("no negatives", lambda: ordinal.recall_at_false_alarms([0.1], [1], 0.05), "all 1 rows are positive"),
    ("no positives", lambda: pairs.average_precision([0.1, 0.2], [0, 0]), "all 2 rows are negative"),
    ("no related", lambda: pairs.over_merge_rate([0.1], [2], 0.5), "no pair is RELATED"),
    ("more than rows", lambda: intervals.wilson(3, 2), "right: 3, expected 0 to 2"),
    ("level", lambda: intervals.clopper_pearson(1, 2, level=1.0), "level: 1.0"),
    ("no draws", lambda: bootstrap.by_group([1, 2], draws=5), "draws: 5"),
]


def table_of_three() -> classification.ClassTable:
    return classification.class_table(np.diag([3, 2, 1]))


@pytest.mark.parametrize(("call", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_in_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises(MetricError) as problem:
        call()
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)
