"""Intervals cover the truth at their rate when letters come in groups that succeed and fail together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eval.metrics import bootstrap, measure
from eval.metrics.calibration import bin_numbers


def grouped(random: np.random.Generator, rows: int) -> np.ndarray:
    """Groups of letters: most alone, one in seven with two to eight near-copies."""
    sizes = np.where(random.random(rows) < 0.85, 1, random.integers(2, 9, rows))
    return np.repeat(np.arange(rows), sizes)[:rows]


def covered(trials: int, once: Callable[[np.random.Generator], tuple[float, measure.Measure]]) -> float:
    random = np.random.default_rng(11)
    found = [once(random) for _ in range(trials)]
    return float(np.mean([told.low <= truth <= told.high for truth, told in found]))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [300, 1500])
def test_share_covers_at_its_rate_and_ignoring_groups_does_not(rows: int) -> None:
    share = 0.88

    def draw(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        group = grouped(random, rows)
        together, alone = random.random(rows) < share, random.random(rows) < share
        return np.where(random.random(rows) < 0.8, together[group], alone), group

    def by_group(random: np.random.Generator) -> tuple[float, measure.Measure]:
        right, group = draw(random)
        return share, measure.share(right, bootstrap.by_group(group, draws=300))

    def by_letter(random: np.random.Generator) -> tuple[float, measure.Measure]:
        right, _ = draw(random)
        return share, measure.share(right, bootstrap.by_group(np.arange(rows), draws=300))

    assert 0.925 <= covered(400, by_group) <= 0.98
    assert covered(400, by_letter) < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("over_confident", [0.0, 0.03, 0.08])
def test_calibration_error_covers_at_its_rate(over_confident: float) -> None:
    rows = 1500
    many = np.random.default_rng(5).beta(6, 1, 400_000)
    gaps = np.bincount(bin_numbers(many), weights=many - np.clip(many - over_confident, 0, 1))
    truth = float(np.abs(gaps).sum() / many.size)

    def once(random: np.random.Generator) -> tuple[float, measure.Measure]:
        confidence = random.beta(6, 1, rows)
        right = random.random(rows) < np.clip(confidence - over_confident, 0, 1)
        return truth, measure.calibration_error(
            confidence, right, bootstrap.by_group(np.arange(rows), draws=200)
        )

    assert 0.92 <= covered(150, once) <= 1.0


@pytest.mark.slow
def test_macro_f1_covers_at_its_rate() -> None:
    classes, rows = 12, 1200
    prior = 1 / np.arange(1, classes + 1)
    prior /= prior.sum()
    recall = np.linspace(0.95, 0.6, classes)
    stray = np.tile(prior, (classes, 1)) * (1 - np.eye(classes))
    joint = prior[:, None] * (1 - recall)[:, None] * stray / stray.sum(axis=1, keepdims=True)
    joint += np.diag(prior * recall)
    truth = float((2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))).mean())

    def once(random: np.random.Generator) -> tuple[float, measure.Measure]:
        drawn = random.choice(classes * classes, size=rows, p=joint.ravel() / joint.sum())
        return truth, measure.macro_f1(
            drawn // classes,
            drawn % classes,
            bootstrap.by_group(np.arange(rows), draws=200),
            classes=classes,
        )

    assert 0.91 <= covered(250, once) <= 0.99


def test_all_right_is_not_told_as_certain() -> None:
    told = measure.share(np.ones(30, dtype=bool), bootstrap.by_group(np.arange(30)))
    assert told.value == 1.0
    assert 0.8 < told.low < 0.95
    assert told.high == 1.0


def test_one_row_has_an_interval_as_wide_as_ignorance() -> None:
    told = measure.share([True], bootstrap.by_group(["a"]))
    assert told.low < 0.25
    assert told.n == 1


def test_same_seed_same_limits_and_other_seed_others() -> None:
    right = np.random.default_rng(0).random(200) < 0.7
    first = measure.share(right, bootstrap.by_group(np.arange(200), seed=1))
    again = measure.share(right, bootstrap.by_group(np.arange(200), seed=1))
    other = measure.share(right, bootstrap.by_group(np.arange(200), seed=2))
    assert first == again
    assert first != other


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million letters must not need a million times a thousand weights at once."""
    resampling = bootstrap.by_group(np.arange(50), draws=200)
    whole = np.concatenate(list(resampling.weights()))
    monkeypatch.setattr(bootstrap, "_WEIGHTS_AT_ONCE", 500)
    pieces = list(resampling.weights())
    assert len(pieces) == 20
    assert np.concatenate(pieces).shape == whole.shape
    assert (np.concatenate(pieces).sum(axis=1) == 50).all()


def test_kappa_and_means_agree_with_their_plain_values() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 4, 400)
    predicted = np.where(random.random(400) < 0.8, truth, random.integers(0, 4, 400))
    resampling = bootstrap.by_group(np.arange(400), draws=300)
    kappa = measure.quadratic_kappa(truth, predicted, resampling, levels=4)
    assert kappa.low < kappa.value < kappa.high <= 1.0
    mean = measure.mean(random.random(400), resampling)
    assert mean.high - mean.low == pytest.approx(4 * np.sqrt(1 / 12 / 400), rel=0.2)
