"""Wrong labels that were planted are estimated, by copies and by confidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eval.departments import routed
from eval.noise import label_noise, noise_from_confidence, noise_from_copies
from tests.eval import synthetic


def planted(share: float, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """True classes, labels of which this share is wrong, and groups of two letters each."""
    random = np.random.default_rng(seed)
    truth = np.repeat(random.integers(0, 20, 1500), 2)
    wrong = random.random(truth.size) < share
    labels = np.where(wrong, (truth + random.integers(1, 20, truth.size)) % 20, truth)
    return truth, labels, [f"g{row // 2}" for row in range(truth.size)]


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_copies_with_two_labels_show_how_many_are_wrong(share: float) -> None:
    _, labels, groups = planted(share)
    pairs, disagreeing, wrong = noise_from_copies(labels, groups, draws=300)
    assert pairs == 1500
    assert disagreeing == pytest.approx(2 * share * pairs, rel=0.3)
    assert wrong.low <= share <= wrong.high
    assert wrong.value == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_confident_learning_shows_about_as_many(share: float) -> None:
    truth, labels, _ = planted(share, seed=1)
    random = np.random.default_rng(2)
    logits = random.normal(0, 1, (truth.size, 20))
    logits[np.arange(truth.size), truth] += 7
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert noise_from_confidence(labels, probabilities) == pytest.approx(share, abs=0.02)


def joint_by_hand(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The joint of given and true labels, letter by letter (Northcutt, Jiang & Chuang 2021, equations 1 to 3)."""
    classes = probabilities.shape[1]
    bar = [
        np.mean([p[k] for p, label in zip(probabilities, labels, strict=True) if label == k])
        for k in range(classes)
    ]
    counted = np.zeros((classes, classes))
    for label, row in zip(labels, probabilities, strict=True):
        reached = [k for k in range(classes) if row[k] >= bar[k]]
        if reached:
            counted[label, max(reached, key=lambda k: row[k])] += 1
    for label in range(classes):
        counted[label] *= np.sum(labels == label) / counted[label].sum()
    return counted / counted.sum()


@pytest.mark.parametrize("seed", range(5))
def test_confident_learning_is_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(6, 0.4), 400)
    labels = np.array([random.choice(6, p=row) for row in probabilities])
    expected = 1.0 - np.trace(joint_by_hand(labels, probabilities))
    assert noise_from_confidence(labels, probabilities) == pytest.approx(expected, abs=1e-9)


def test_a_campaign_of_hundreds_does_not_drown_the_rest() -> None:
    labels = np.r_[np.zeros(500, dtype=np.intp), np.arange(40) % 2]
    groups = ["campaign"] * 500 + [f"g{n // 2}" for n in range(40)]
    pairs, disagreeing, _ = noise_from_copies(labels, groups, draws=100)
    assert pairs == 190 + 20
    assert disagreeing == 20


def test_no_copies_is_said_and_confidence_speaks() -> None:
    city = synthetic.city(300)
    rows = routed(city, synthetic.CODES, draws=100)
    told = label_noise(rows, ["" for _ in city])
    assert told["pairs"] == 0
    assert told["from_copies"]["value"] is None
    assert told["ceiling"] == pytest.approx(1 - told["from_confidence"])


def test_a_ceiling_below_what_was_reached_is_not_told() -> None:
    """Of a model whose probabilities mean nothing, confident learning takes all errors for wrong labels."""
    city = synthetic.city(300)
    rows = routed(city, synthetic.CODES, draws=100)
    random = np.random.default_rng(0)
    vague = replace(
        rows, probabilities=random.dirichlet(np.ones(rows.probabilities.shape[1]), rows.truth.size)
    )
    told = label_noise(vague, ["" for _ in city])
    assert 1 - told["from_confidence"] < rows.correct.mean()
    assert told["ceiling"] is None
