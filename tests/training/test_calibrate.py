"""Thresholds hold what they promise on letters that they were not fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from model.calibration import softmax
from training.calibrate import crossed_probabilities, fit_blend, fit_cascade, fit_decision


def _letters(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of four departments, and truths drawn from them."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(count, 4)).astype(np.float32) * 4
    probabilities = softmax(scores)
    truth = np.array([generator.choice(4, p=row / row.sum()) for row in probabilities.astype(np.float64)])
    return probabilities, truth


def test_auto_holds_its_target_with_the_stated_confidence() -> None:
    below = 0
    for seed in range(40):
        thresholds = fit_decision(*_letters(seed, 800), "ABCD", target=0.95, confidence=0.9)
        probabilities, truth = _letters(1000 + seed, 20_000)
        auto = probabilities.max(axis=1) >= thresholds.auto
        below += bool(auto.any() and (probabilities.argmax(axis=1) == truth)[auto].mean() < 0.95)
    assert below <= 8  # 10 % of 40 is 4; 8 or more would happen in 5 % of such trials


def test_without_letters_enough_nothing_goes_alone() -> None:
    probabilities, truth = _letters(1, 60)
    assert fit_decision(probabilities, truth, "ABCD").auto > 1


def test_a_weak_department_gets_a_stricter_bar() -> None:
    probabilities, truth = _letters(3, 4000)
    wrong = (probabilities.argmax(axis=1) == 2) & (np.random.default_rng(0).random(4000) < 0.15)
    truth = np.where(wrong, 3, truth)
    thresholds = fit_decision(probabilities, truth, "ABCD", target=0.9)
    assert set(thresholds.departments) == {"C"}
    assert thresholds.departments["C"] > thresholds.auto


def test_the_blend_finds_the_temperature() -> None:
    probabilities, truth = _letters(5, 4000)
    logits = np.log(probabilities)
    blend = fit_blend(logits / 7, None, truth)
    assert blend.lexical_alone == pytest.approx(7, rel=0.1)
    both = fit_blend(np.zeros_like(logits), logits / 3, truth)
    assert both.encoder == pytest.approx(3, rel=0.1)


def test_a_department_named_too_seldom_is_given_a_bias() -> None:
    probabilities, truth = _letters(11, 4000)
    logits = np.log(probabilities)
    held_down = logits - np.array([0, 0, 1.5, 0], dtype=np.float32)
    blend = fit_blend(np.zeros_like(logits), held_down, truth)
    others = [blend.bias[column] for column in (0, 1, 3)]
    assert blend.bias[2] - float(np.mean(others)) == pytest.approx(1.5, abs=0.2)
    again = blend.probabilities(np.zeros_like(logits), held_down)
    assert again.mean(axis=0) == pytest.approx(probabilities.mean(axis=0), abs=0.02)


def test_a_department_without_letters_is_not_held_down() -> None:
    probabilities, truth = _letters(12, 1000)
    seen = truth != 1
    logits = np.log(probabilities)[seen]
    blend = fit_blend(np.zeros_like(logits), logits, truth[seen])
    assert blend.bias[1] == 0.0
    assert min(blend.bias[0], blend.bias[2], blend.bias[3]) > 0.1  # the others make up for it


def test_crossed_probabilities_are_no_better_than_those_of_new_letters() -> None:
    """With many departments and few letters a blend fits its own letters better than it knows others."""
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(4000, 30)).astype(np.float32) * 3
    chances = softmax(logits)
    truth = np.array([generator.choice(30, p=row / row.sum()) for row in chances.astype(np.float64)])
    few, nothing = slice(0, 300), np.zeros_like(logits)

    def loss(probabilities: np.ndarray, which: slice) -> float:
        rows = np.arange(len(truth[which]))
        return float(-np.log(probabilities[rows, truth[which]]).mean())

    own = loss(fit_blend(nothing[few], logits[few], truth[few]).probabilities(nothing[few], logits[few]), few)
    crossed = loss(crossed_probabilities(nothing[few], logits[few], truth[few], folds=5, seed=0), few)
    assert own < crossed
    assert crossed_probabilities(nothing[few], None, truth[few], folds=5, seed=0).shape == (300, 30)


def test_the_cascade_spares_the_encoder_only_where_it_would_say_the_same() -> None:
    alone, _ = _letters(7, 4000)
    together = alone.copy()
    unsure = alone.max(axis=1) < 0.985
    together[unsure] = np.roll(together[unsure], 1, axis=1)
    bar = fit_cascade(alone, together).department
    assert 0.985 <= bar < 1
    assert (alone.argmax(axis=1) == together.argmax(axis=1))[alone.max(axis=1) >= bar].mean() >= 0.998


def test_models_that_disagree_when_sure_have_no_cascade() -> None:
    alone, _ = _letters(8, 2000)
    assert fit_cascade(alone, np.roll(alone, 1, axis=1)).department > 1
