"""Fits blend, temperatures and thresholds on letters that trained neither model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.calibration import (
    Blend,
    Cascade,
    DecisionThresholds,
    HeadBlend,
    UrgencyThresholds,
    doubted,
    softmax,
)
from model.errors import MissingExtra

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_FEWEST = 100
"""Letters above a bar before it is tested: with fewer, one wrong letter would end the search by chance."""


_BIAS_RIDGE = 10.0
"""How strongly a department's bias is drawn to zero, in letters: a weaker ridge gains more on letters of the same years
and loses more on later ones."""

_AGREEMENT = 0.998
"""Share of letters that the lexical model answers alone on which both together must agree with it."""

_LEAST_SURE = 0.98


def fit_blend(lexical: F32, encoder: F32 | None, truth: I64) -> Blend:
    """Weights that make the true departments likeliest (least negative log likelihood). Scores are (N, K).

    The bias is of both models together; the lexical model alone gains nothing by one.
    """
    lexical_alone, doubt_alone = _minimise(
        lambda weights: _loss(doubted(lexical * np.float32(weights[0]), weights[1]), truth),
        [5.0, 0.05],
        [50.0, 0.5],
    )
    if encoder is None:
        return Blend(0.0, lexical_alone, doubt_alone, lexical_alone, doubt_alone)

    bias = _fit_bias(lexical, encoder, truth)

    def loss(weights: Sequence[float]) -> float:
        scores = encoder * np.float32(weights[0]) + lexical * np.float32(weights[1]) + bias
        return _loss(doubted(scores, weights[2]), truth)

    of_encoder, of_lexical, doubt = _minimise(loss, [0.7, 2.5, 0.05], [50.0, 50.0, 0.5])
    rounded = tuple(round(value, 4) for value in bias.tolist())
    return Blend(of_encoder, of_lexical, doubt, lexical_alone, doubt_alone, rounded)


def _fit_bias(lexical: F32, encoder: F32, truth: I64) -> F32:
    """A number (K,) for each department, drawn to zero by a ridge; zero for one that none of the letters is for.

    The last matters for departments that have no letters yet: that none came is no reason to hold them down.
    """
    try:
        from scipy.optimize import minimize
        from scipy.special import log_softmax
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    classes = lexical.shape[1]
    seen = np.bincount(truth, minlength=classes) > 0
    wanted = np.eye(classes)[truth]
    pair = np.stack([encoder, lexical]).astype(np.float64)

    def loss(numbers: F64) -> tuple[float, F64]:
        weights, bias = numbers[:2], np.where(seen, numbers[2:], 0.0)
        logs = log_softmax(np.tensordot(weights, pair, axes=1) + bias, axis=1)
        missed = (np.exp(logs) - wanted) / len(truth)
        ridge = _BIAS_RIDGE / len(truth)
        of_weights = (pair * missed).sum(axis=(1, 2))
        of_bias = np.where(seen, missed.sum(axis=0) + 2 * ridge * bias, 0.0)
        value = ridge * float(bias @ bias) - float((logs * wanted).sum()) / len(truth)
        return value, np.concatenate([of_weights, of_bias])

    start = np.concatenate([[0.7, 2.5], np.zeros(classes)])
    bounds = [(0.0, 50.0)] * 2 + [(None, None)] * classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    result: F32 = np.where(seen, found.x[2:], 0.0).astype(np.float32)
    return result


def crossed_probabilities(lexical: F32, encoder: F32 | None, truth: I64, *, folds: int, seed: int) -> F32:
    """Department probabilities (N, K), each by a blend that was fitted without that letter.

    What is set by these holds for letters to come; those of a blend on its own letters look a little too good.
    """
    order = np.random.default_rng(seed).permutation(len(truth))
    result = np.zeros_like(lexical, dtype=np.float32)
    for fold in range(folds):
        asked = order[fold::folds]
        learned = np.setdiff1d(order, asked)
        blend = fit_blend(lexical[learned], None if encoder is None else encoder[learned], truth[learned])
        result[asked] = blend.probabilities(lexical[asked], None if encoder is None else encoder[asked])
    return result


def fit_head_blend(encoder: F32, lexical: F32, truth: I64) -> HeadBlend:
    """Weights of both scores (N, K) that make the true classes likeliest."""
    of_encoder, of_lexical = _minimise(
        lambda weights: _loss(HeadBlend(weights[0], weights[1]).probabilities(lexical, encoder), truth),
        [1.0, 1.0],
        [50.0, 50.0],
    )
    (alone,) = _minimise(
        lambda weights: _loss(softmax(lexical * np.float32(weights[0])), truth), [2.0], [50.0]
    )
    return HeadBlend(of_encoder, of_lexical, alone)


def fit_cascade(alone: F32, together: F32) -> Cascade:
    """The lowest bar above which the lexical model alone says what both say together, nearly always.

    ``alone`` and ``together`` are department probabilities (N, K). The bar is never below `_LEAST_SURE`, since the
    lexical model ages faster than the encoder; without letters enough above any bar the cascade stays off.
    """
    agree = alone.argmax(axis=1) == together.argmax(axis=1)
    sure = alone.max(axis=1)
    bar = Cascade().department
    for lower in np.arange(0.995, _LEAST_SURE - 1e-9, -0.005):
        above = sure >= lower
        if above.sum() < _FEWEST:
            continue
        if agree[above].mean() < _AGREEMENT:
            break
        bar = round(float(lower), 4)
    return Cascade(department=bar)


def fit_urgency(
    probabilities: F32, truth: I64, *, emergency_alarms: float = 0.025, urgent_alarms: float = 0.12
) -> UrgencyThresholds:
    """The lowest bars at which at most these shares of the lower letters are called emergency, urgent or above.

    ``probabilities`` (N, 4) are calibrated. Missing a high level costs far more than a false alarm, so the bars
    are as low as the false alarms allow; without any lower letter they stay at one half.
    """
    return UrgencyThresholds(
        emergency=_bar(probabilities[truth < 3, 3], emergency_alarms),
        urgent=_bar(probabilities[truth < 2, 2:].sum(axis=1), urgent_alarms),
    )


def _bar(scores: F32, alarms: float) -> float:
    return round(float(np.quantile(scores, 1 - alarms)), 4) if len(scores) else 0.5


def fit_decision(
    probabilities: F32,
    truth: I64,
    codes: Sequence[str],
    *,
    target: float = 0.95,
    confidence: float = 0.9,
    enough: int = 60,
) -> DecisionThresholds:
    """The lowest bar above which letters are right at the target rate, with the given confidence.

    Learn-then-Test with fixed-sequence testing (Angelopoulos et al. 2021): bars are tried from the highest
    down; each is kept while an exact binomial test rejects "fewer than ``target`` are right" at level
    ``1 - confidence``, and the last kept is taken. A department with ``enough`` letters above that bar
    whose own share of right ones is below the target gets a stricter bar of its own. Below ``auto``, tickets
    are suggested while the true department is among the best three nine times out of ten.
    """
    best = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    right = best == truth
    auto = _lowest_bar(sure, right, target, confidence)
    stricter = {}
    for column in np.unique(best):
        mine = (best == column) & (sure >= auto)
        if mine.sum() >= enough and right[mine].mean() < target:
            bar = _lowest_share(sure[mine], right[mine], target)
            stricter[codes[column]] = round(max(bar, auto), 4)
    near = (np.argsort(-probabilities, axis=1)[:, :3] == truth[:, None]).any(axis=1)
    below = sure < auto
    suggest = _lowest_share(sure[below], near[below], 0.9) if below.any() else auto
    return DecisionThresholds(
        target=target,
        confidence=confidence,
        letters=len(truth),
        auto=round(float(auto), 4),
        suggest=round(float(min(suggest, auto)), 4),
        departments=stricter,
    )


def _lowest_bar(sure: F32, right: NDArray[np.bool_], target: float, confidence: float) -> float:
    try:
        from scipy.stats import binomtest
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    kept = 1.01
    for bar in np.arange(0.99, 0.2, -0.01):
        above = sure >= bar
        count = int(above.sum())
        if count < max(_FEWEST, 0.2 * len(sure)):
            continue
        test = binomtest(int(right[above].sum()), count, target, alternative="greater")
        if test.pvalue > 1 - confidence:
            break
        kept = float(bar)
    return kept


def _lowest_share(sure: F32, right: NDArray[np.bool_], target: float) -> float:
    """Lowest value such that at least ``target`` of those at or above it are right; 1.01 if there is none."""
    order = np.argsort(-sure)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= target)
    return float(sure[order][good[-1]]) if len(good) else 1.01


def _loss(probabilities: F32, truth: I64) -> float:
    chosen = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(chosen.clip(1e-12)).mean())


def _minimise(loss: Callable[[Sequence[float]], float], start: list[float], most: list[float]) -> list[float]:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    found = minimize(loss, start, method="Nelder-Mead", bounds=[(0.0, limit) for limit in most])
    return [float(value) for value in found.x]
