"""Fits the pair score: from labelled pairs of tickets to the numbers of :class:`model.duplicates.PairModel`.

Labelled pairs decide; two kinds of made pairs teach what the labels are too few for: letters of one petition
campaign are the same matter, and a letter whose estate was exchanged for another is not.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.metrics.calibration import expected_calibration_error
from eval.metrics.pairs import RELATED, SAME, average_precision, f1_at, over_merge_rate
from model.duplicates.features import CONTEXT, FEATURES, pair_features
from model.duplicates.grams import Rarity
from model.duplicates.profile import Profile, Profiler, fine_names, full_text
from model.duplicates.score import PairModel, PairScorer
from model.duplicates.words import WordTable
from model.errors import FenboError, MissingExtra
from model.place import PlaceFinder
from model.text.normalise import normalised
from model.text.prepared import prepare
from model.ticket import Ticket

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

REGULARISATION = 0.03
"""scikit-learn's C, chosen by cross-validation."""
MOST_OVER_MERGE = 0.06
"""Share of merely related pairs that the default threshold may call the same, by cross-validation."""

# Log-odds that no labelled pair tells of: judged, not fitted, and kept small beside the text.
ASSUMED_CONTEXT = {
    "same_kind": 0.05,
    "other_kind": -0.15,
    "same_department": 0.1,
    "other_department": -0.25,
    "same_reporter": 0.7,
}
ASSUMED_DAYS = ((0.0, 0.15), (7.0, 0.1), (30.0, 0.0), (90.0, -0.15), (365.0, -0.6))
OTHER_AREA_CAP = 0.3
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two tickets and a verdict: 2 same matter, 1 related, 0 different. ``weight`` is its say in the fit."""

    a: Ticket
    b: Ticket
    label: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured by cross-validation; copies and pairs that share a letter never stand on both sides."""

    pairs: int
    average_precision: float
    f1: float
    over_merge: float
    calibration_error: float
    nested_f1: float
    nested_over_merge: float
    """With the threshold chosen anew on each training part, as an unseen set would meet it."""

    def as_dict(self) -> dict[str, float]:
        """Rounded numbers by name."""
        return {name: round(float(getattr(self, name)), 4) for name in self.__slots__}


def read_pairs(path: Path) -> list[LabelledPair]:
    """Pairs of a CSV with ``text_a, text_b`` and ``label`` (0, 1, 2), optionally ``title_a, title_b``.

    Raises:
        FenboError: a column is missing, or a row has another label.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"text_a", "text_b", "label"} - set(reader.fieldnames or ())
        if missing:
            raise FenboError(f"{path}: no column {', '.join(sorted(missing))}; found {reader.fieldnames}")
        pairs = []
        for line, row in enumerate(reader, start=2):
            if row["label"] not in ("0", "1", "2"):
                raise FenboError(f"{path}, row {line}: label is {row['label']!r}; allowed: 0, 1, 2")
            a = Ticket(content=row["text_a"], title=row.get("title_a") or "")
            b = Ticket(content=row["text_b"], title=row.get("title_b") or "")
            pairs.append(LabelledPair(a, b, int(row["label"])))
    return pairs


def campaign_pairs(
    letters: Sequence[Ticket], groups: Sequence[str], *, weight: float = 0.2, most: int = 6, seed: int = 0
) -> list[LabelledPair]:
    """Pairs of letters of one campaign (same non-empty group), at most ``most`` each: the same matter."""
    members: dict[str, list[Ticket]] = {}
    for letter, group in zip(letters, groups, strict=True):
        if group:
            members.setdefault(group, []).append(letter)
    draw = random.Random(seed)
    pairs = []
    for group in sorted(members):
        possible = list(combinations(members[group], 2))
        for a, b in draw.sample(possible, min(most, len(possible))):
            pairs.append(LabelledPair(a, b, SAME, weight))
    return pairs


def moved_pairs(
    pairs: Sequence[LabelledPair], finder: PlaceFinder, *, weight: float = 0.3, seed: int = 0
) -> list[LabelledPair]:
    """Same-matter pairs with the shared place name of one letter exchanged for another letter's: related.

    What they teach is the definition itself: the same complaint about another estate is another matter.
    """
    draw = random.Random(seed)
    names = [fine_names(finder.find(normalised(full_text(pair.b)))) for pair in pairs]
    every = sorted({name for found in names for name in found if len(name) >= 3})
    made = []
    for pair, found in zip(pairs, names, strict=True):
        a_text = normalised(full_text(pair.a))
        shared = [name for name in found if len(name) >= 3 and name in a_text]
        if pair.label != SAME or not shared or len(every) < 2:
            continue
        text = normalised(full_text(pair.b))
        for name in shared:
            alike = [known for known in every if known[-1] == name[-1] and known != name]
            text = text.replace(name, draw.choice(alike or every))
        made.append(LabelledPair(pair.a, replace(pair.b, title="", content=text), RELATED, weight))
    return made


def pair_groups(pairs: Sequence[LabelledPair]) -> NDArray[np.int64]:
    """Group number of each pair (N,): pairs that share a letter, directly or not, share a group."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for pair in pairs:
        parent[root(full_text(pair.a))] = root(full_text(pair.b))
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(root(full_text(pair.a)), len(numbers)) for pair in pairs]
    return np.array(found, dtype=np.int64)


def featured(pairs: Sequence[LabelledPair], profiler: Profiler) -> F32:
    """Features (N, len(FEATURES)) of the pairs, whose letters are masked first, as they are when stored."""
    letters = {full_text(ticket): ticket for pair in pairs for ticket in (pair.a, pair.b)}
    masked = [_masked(ticket) for ticket in letters.values()]
    vectors = profiler.words.embed([full_text(ticket) for ticket in masked])
    profiles: dict[str, Profile] = {
        text: profiler.profile(ticket, vector)
        for text, ticket, vector in zip(letters, masked, vectors, strict=True)
    }
    rows = [
        pair_features(
            profiles[full_text(pair.a)], [profiles[full_text(pair.b)]], profiler.rarity, profiler.words
        )
        for pair in pairs
    ]
    return np.concatenate(rows) if rows else np.empty((0, len(FEATURES)), dtype=np.float32)


def _masked(ticket: Ticket) -> Ticket:
    masked = prepare(ticket).masked
    return replace(ticket, title=masked.title, content=masked.content)


@dataclass(frozen=True, slots=True)
class _Data:
    features: F32
    label: NDArray[np.int64]
    weight: F64
    group: NDArray[np.int64]
    """-1 for made pairs: they are always trained on, and those of a held-out letter are left out."""
    source: NDArray[np.int64]
    """For a made pair, the group of the labelled pair it was made of; -1 when of none."""


def fit_pairs(
    labelled: Sequence[LabelledPair],
    rarity: Rarity,
    words: WordTable,
    *,
    campaigns: Sequence[LabelledPair] = (),
    finder: PlaceFinder | None = None,
    regularisation: float = REGULARISATION,
    moved_weight: float = 0.0,
    about: Mapping[str, Any] | None = None,
    repeats: int = 5,
) -> tuple[PairScorer, Quality]:
    """Fit on all pairs, and measure by repeated five-fold cross-validation on the labelled ones.

    ``regularisation`` is scikit-learn's C. The default threshold is the lowest whose over-merging, by
    cross-validation, stays within MOST_OVER_MERGE, or higher where F1 is.

    Raises:
        MissingExtra: scikit-learn is not installed.
        FenboError: fewer than ten pairs of either verdict, or of groups of pairs.
    """
    same = sum(pair.label == SAME for pair in labelled)
    if min(same, len(labelled) - same) < 10:
        other = len(labelled) - same
        raise FenboError(f"{same} same and {other} other pairs; at least 10 of each are needed")
    apart = len(np.unique(pair_groups(labelled)))
    if apart < 2 * _FOLDS:
        raise FenboError(
            f"the pairs share letters and fall into {apart} groups; at least {2 * _FOLDS} are needed"
        )
    profiler = Profiler(rarity, words, finder=finder)
    data = _data(labelled, campaigns, profiler, moved_weight)
    make = _maker(regularisation, words.fingerprint)
    quality, threshold = _measured(data, make, repeats)
    fitted = make(data.features, data.label == SAME, data.weight)
    model = replace(
        fitted, threshold=threshold, about={**(about or {}), "cross_validated": quality.as_dict()}
    )
    return PairScorer(model, rarity, words), quality


def _data(
    labelled: Sequence[LabelledPair],
    campaigns: Sequence[LabelledPair],
    profiler: Profiler,
    moved_weight: float,
) -> _Data:
    group = pair_groups(labelled)
    annotated = {full_text(ticket) for pair in labelled for ticket in (pair.a, pair.b)}
    campaigns = [pair for pair in campaigns if not {full_text(pair.a), full_text(pair.b)} & annotated]
    moved: list[LabelledPair] = []
    source: list[int] = []
    for number in np.unique(group):
        members = [pair for pair, its in zip(labelled, group, strict=True) if its == number]
        if not moved_weight:
            break
        made = moved_pairs(members, profiler.finder, weight=moved_weight, seed=int(number))
        moved += made
        source += [int(number)] * len(made)
    every = [*labelled, *campaigns, *moved]
    none = [-1] * len(labelled)
    return _Data(
        features=featured(every, profiler),
        label=np.array([pair.label for pair in every], dtype=np.int64),
        weight=np.array([pair.weight for pair in every], dtype=np.float64),
        group=np.concatenate([group, np.full(len(every) - len(labelled), -1, dtype=np.int64)]),
        source=np.array([*none, *([-1] * len(campaigns)), *source], dtype=np.int64),
    )


Maker = Callable[[F32, NDArray[np.bool_], F64], PairModel]


def _maker(regularisation: float, words: str) -> Maker:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error

    def make(features: F32, same: NDArray[np.bool_], weight: F64) -> PairModel:
        mean = features.mean(axis=0).astype(np.float64)
        scale = features.std(axis=0).astype(np.float64)
        scale[scale < 1e-6] = 1.0
        logistic = LogisticRegression(C=regularisation, max_iter=2000)
        logistic.fit((features - mean) / scale, same, sample_weight=weight)
        return PairModel(
            mean=mean,
            scale=scale,
            weight=logistic.coef_[0].astype(np.float64),
            intercept=float(logistic.intercept_[0]),
            days=ASSUMED_DAYS,
            context={name: ASSUMED_CONTEXT[name] for name in CONTEXT[1:]},
            other_area_cap=OTHER_AREA_CAP,
            threshold=0.5,
            words=words,
            about={},
        )

    return make


def _measured(data: _Data, make: Maker, repeats: int) -> tuple[Quality, float]:
    labelled = np.flatnonzero(data.group >= 0)
    label = data.label[labelled]
    scores, nested = [], []
    for seed in range(repeats):
        score, called = np.zeros(len(labelled)), np.zeros(len(labelled))
        for held in _folds(label, data.group[labelled], seed):
            train = _training_rows(data, data.group[labelled[held]])
            score[held] = _scored(make, data, train, labelled[held])
            inner = _inner_threshold(make, data, train)
            called[held] = score[held] >= inner
        scores.append(score)
        nested.append(called)
    threshold = best_threshold(np.concatenate(scores), np.tile(label, repeats))
    same = label == SAME

    def mean(measure: Callable[[F64], float], values: Sequence[F64]) -> float:
        return float(np.mean([measure(value) for value in values]))

    quality = Quality(
        pairs=len(labelled),
        average_precision=mean(lambda score: average_precision(score, same), scores),
        f1=mean(lambda score: f1_at(score, same, threshold), scores),
        over_merge=mean(lambda score: over_merge_rate(score, label, threshold), scores),
        calibration_error=mean(lambda score: _calibration(score, same), scores),
        nested_f1=mean(lambda called: f1_at(called, same, 0.5), nested),
        nested_over_merge=mean(lambda called: over_merge_rate(called, label, 0.5), nested),
    )
    return quality, threshold


def best_threshold(score: F64, label: NDArray[np.int64]) -> float:
    """Where F1 is highest among thresholds that merge at most MOST_OVER_MERGE of the related pairs."""
    same = label == SAME
    allowed = [
        float(value)
        for value in np.arange(0.3, 0.951, 0.01)
        if over_merge_rate(score, label, float(value)) <= MOST_OVER_MERGE
    ]
    if not allowed:
        return 0.95
    best: float = max(allowed, key=lambda value: (f1_at(score, same, value), value))
    return round(best, 2)


def _calibration(score: F64, same: NDArray[np.bool_]) -> float:
    return expected_calibration_error(np.maximum(score, 1 - score), (score >= 0.5) == same)


def _folds(label: NDArray[np.int64], group: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    return [held for _, held in splitter.split(np.zeros(len(label)), label, group)]


def _training_rows(data: _Data, held_groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every row but those of the held-out groups and the pairs made of them."""
    held = np.isin(data.group, held_groups) | np.isin(data.source, held_groups)
    return np.flatnonzero(~held)


def _scored(make: Maker, data: _Data, train: NDArray[np.int64], rows: NDArray[np.int64]) -> F64:
    model = make(data.features[train], data.label[train] == SAME, data.weight[train])
    log_odds = (data.features[rows] - model.mean) / model.scale @ model.weight + model.intercept
    score: F64 = 1.0 / (1.0 + np.exp(-log_odds))
    capped = data.features[rows, FEATURES.index("other_area")] > 0
    capped &= data.features[rows, FEATURES.index("organisations_shared")] == 0
    return np.where(capped, np.minimum(score, model.other_area_cap), score)


def _inner_threshold(make: Maker, data: _Data, train: NDArray[np.int64]) -> float:
    rows = train[data.group[train] >= 0]
    score = np.zeros(len(rows))
    for held in _folds(data.label[rows], data.group[rows], 0):
        kept = np.intersect1d(train, _training_rows(data, data.group[rows[held]]))
        score[held] = _scored(make, data, kept, rows[held])
    return best_threshold(score, data.label[rows])
