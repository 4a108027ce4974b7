from __future__ import annotations

import numpy as np
import pytest

from eval.metrics import selective


def test_sweep_takes_the_largest_share_that_reaches_the_target() -> None:
    confidence = [0.9, 0.8, 0.7, 0.6, 0.5]
    correct = [1, 0, 1, 1, 0]
    best = selective.largest_share_at(confidence, correct, 0.75)
    assert (best.share, best.rows, best.right, best.threshold) == (0.8, 4, 3, 0.6)
    assert best.accuracy == 0.75


def test_sweep_of_an_unreachable_target_is_no_share_at_all() -> None:
    best = selective.largest_share_at([0.9, 0.8], [0, 1], 0.95)
    assert best.share == 0.0
    assert np.isnan(best.accuracy)


def test_equal_confidence_is_kept_or_left_together() -> None:
    """Otherwise the order of the file would decide how good a model looks."""
    confidence = [0.9, 0.9, 0.9, 0.9]
    for correct in ([1, 1, 1, 0], [0, 1, 1, 1]):
        curve = selective.risk_coverage(confidence, correct)
        assert curve.share.tolist() == [1.0]
        assert curve.accuracy.tolist() == [0.75]
        assert selective.largest_share_at(confidence, correct, 0.95).share == 0.0


def test_share_and_accuracy_of_auto_come_together() -> None:
    result = selective.kept([True, True, False, False], [True, False, True, True])
    assert (result.share, result.accuracy, result.rows, result.right) == (0.5, 0.5, 2, 1)
    assert np.isnan(selective.kept([False, False], [True, True]).accuracy)


@pytest.mark.parametrize("target", [0.6, 0.9])
def test_sweep_is_the_best_of_all_thresholds(target: float) -> None:
    random = np.random.default_rng(7)
    confidence = random.integers(0, 50, 300) / 50
    correct = random.random(300) < confidence
    shares = [
        float((confidence >= threshold).mean())
        for threshold in np.unique(confidence)
        if correct[confidence >= threshold].mean() >= target
    ]
    assert selective.largest_share_at(confidence, correct, target).share == pytest.approx(max(shares))
