"""Ours and scikit-learn's are two writings of the same definitions: they agree to 1e-9 on any input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import calibration, classification, intervals, ordinal, paired, pairs

sklearn = pytest.importorskip("sklearn.metrics")

NEAR = 1e-9


@st.composite
def labelled(draw: st.DrawFn, least: int = 2) -> tuple[np.ndarray, np.ndarray, int]:
    classes = draw(st.integers(least, 12))
    rows = draw(st.integers(1, 80))
    column = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    return np.array(draw(column)), np.array(draw(column)), classes


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(2, 80))
    # Few distinct values, so that equal scores are common.
    score = draw(st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=rows, max_size=rows))
    positive = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    positive[0], positive[1] = True, False
    return np.array(score), np.array(positive)


def likely(seed: int, rows: int, classes: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), size=rows)


@given(labelled())
def test_accuracy_confusion_and_f1(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    truth, predicted, classes = case
    counts = classification.confusion(truth, predicted, classes=classes)
    table = classification.class_table(counts)
    everything = list(range(classes))

    assert classification.accuracy(truth, predicted, classes=classes) == pytest.approx(
        sklearn.accuracy_score(truth, predicted), abs=NEAR
    )
    assert (counts == sklearn.confusion_matrix(truth, predicted, labels=everything)).all()
    theirs = sklearn.precision_recall_fscore_support(truth, predicted, labels=everything, zero_division=0)
    for ours, other in zip((table.precision, table.recall, table.f1, table.support), theirs, strict=True):
        np.testing.assert_allclose(ours, other, atol=NEAR)
    assert classification.macro_f1(table) == pytest.approx(
        sklearn.f1_score(truth, predicted, average="macro", zero_division=0), abs=NEAR
    )
    assert classification.weighted_f1(table) == pytest.approx(
        sklearn.f1_score(truth, predicted, average="weighted", zero_division=0), abs=NEAR
    )
    most = int(table.support.max())
    enough = [code for code in everything if table.support[code] >= most]
    assert classification.macro_f1(table, min_support=most) == pytest.approx(
        sklearn.f1_score(truth, predicted, average="macro", labels=enough, zero_division=0), abs=NEAR
    )


@given(labelled(least=3), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_top_k_and_losses(case: tuple[np.ndarray, np.ndarray, int], seed: int, k: int) -> None:
    truth, _, classes = case
    probabilities = likely(seed, truth.size, classes)
    everything = list(range(classes))

    # scikit-learn warns and answers 1 when k reaches the number of classes.
    if k < classes:
        assert classification.top_k_accuracy(truth, probabilities, k) == pytest.approx(
            sklearn.top_k_accuracy_score(truth, probabilities, k=k, labels=everything), abs=NEAR
        )
    assert calibration.negative_log_likelihood(truth, probabilities) == pytest.approx(
        sklearn.log_loss(truth, probabilities, labels=everything), abs=NEAR
    )
    hot = np.eye(classes)[truth]
    assert calibration.brier(truth, probabilities) == pytest.approx(
        classes * sklearn.mean_squared_error(hot, probabilities), abs=NEAR
    )


@given(labelled())
def test_quadratic_kappa(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    truth, predicted, levels = case
    if set(truth) | set(predicted) == {truth[0]}:
        return
    theirs = sklearn.cohen_kappa_score(truth, predicted, weights="quadratic", labels=list(range(levels)))
    assert ordinal.quadratic_kappa(truth, predicted, levels=levels) == pytest.approx(theirs, abs=NEAR)


@given(scored(), st.integers(0, 20))
def test_pair_scores(case: tuple[np.ndarray, np.ndarray], step: int) -> None:
    score, positive = case
    assert pairs.average_precision(score, positive) == pytest.approx(
        sklearn.average_precision_score(positive, score), abs=NEAR
    )
    threshold = step / 20
    assert pairs.f1_at(score, positive, threshold) == pytest.approx(
        sklearn.f1_score(positive, score >= threshold, zero_division=0), abs=NEAR
    )


@given(scored(), st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_recall_at_false_alarms_is_the_roc_curve(case: tuple[np.ndarray, np.ndarray], most: float) -> None:
    score, positive = case
    false_rate, recall, _ = sklearn.roc_curve(positive, score, drop_intermediate=False)
    allowed = recall[false_rate <= most + 1e-12].max()
    assert ordinal.recall_at_false_alarms(score, positive, most).recall == pytest.approx(allowed, abs=NEAR)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_b_cubed_is_the_average_over_tickets(rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, made = random.integers(0, 8, rows), random.integers(0, 8, rows)
    precision = [np.mean(truth[made == made[i]] == truth[i]) for i in range(rows)]
    recall = [np.mean(made[truth == truth[i]] == made[i]) for i in range(rows)]
    p, r, f1 = pairs.b_cubed(truth, made)
    assert p == pytest.approx(np.mean(precision), abs=NEAR)
    assert r == pytest.approx(np.mean(recall), abs=NEAR)
    assert f1 == pytest.approx(2 * p * r / (p + r), abs=NEAR)


@settings(deadline=None)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_binomial_intervals(case: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    right, rows = case
    exact = stats.binomtest(right, rows)
    for ours, method in ((intervals.clopper_pearson, "exact"), (intervals.wilson, "wilson")):
        theirs = exact.proportion_ci(0.95, method=method)
        assert ours(right, rows) == pytest.approx((theirs.low, theirs.high), abs=NEAR)
    assert intervals.binomial_tail(right, rows, 0.3) == pytest.approx(
        stats.binom.cdf(right, rows, 0.3), abs=NEAR
    )


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert paired.mcnemar(gained, lost) == pytest.approx(expected, abs=NEAR)
    one_sided = stats.binom.cdf(gained, gained + lost, 0.5) if gained + lost else 1.0
    assert paired.chance_of_loss(gained, lost) == pytest.approx(one_sided, abs=NEAR)


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_calibration_error_by_hand(rows: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    confidence, correct = random.random(rows), random.random(rows) < 0.5
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    assert calibration.expected_calibration_error(confidence, correct, bins=bins) == pytest.approx(
        total, abs=NEAR
    )
    table = calibration.reliability(confidence, correct, bins=bins)
    assert table.count.sum() == rows
    gaps = np.abs(table.confidence - table.accuracy) * table.count / rows
    assert math.isclose(np.nansum(gaps), total, abs_tol=NEAR)
