"""The pair score: how probable it is that two tickets are the same matter and may be merged.

A logistic model over :mod:`features`, so that every number in it can be read and every verdict explained,
plus log-odds of the context (days apart, department, sender), held down where the places contradict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError

from .features import CONTEXT, FEATURES, context_features, pair_features
from .grams import Rarity
from .profile import Profile
from .words import WordTable

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FORMAT = 2
MODEL_FILE = "pairs.json"
RARITY_FILE = "pairs_rarity.npz"
WORDS_FILE = "pairs_words.npz"
_OTHER_AREA = FEATURES.index("other_area")
_ORGANISATIONS = FEATURES.index("organisations_shared")


@dataclass(frozen=True, slots=True)
class PairModel:
    """The fitted numbers. Arrays have one entry a feature of FEATURES, in that order."""

    mean: F64
    scale: F64
    weight: F64
    intercept: float
    days: tuple[tuple[float, float], ...]
    """(days apart, log-odds), ascending; linear in between, constant outside."""
    context: Mapping[str, float]
    """Log-odds for each name of CONTEXT but days."""
    other_area_cap: float
    """Highest probability for two tickets of different areas that name no organisation in common."""
    threshold: float
    """Probability from which two tickets are called the same matter."""
    words: str
    """Fingerprint of the word table that it was fitted with."""
    about: Mapping[str, Any]
    """What it was fitted on and how well it did; not read by the model."""

    def dump(self) -> dict[str, Any]:
        """The model as JSON holds it."""
        rows = zip(FEATURES, self.mean, self.scale, self.weight, strict=True)
        return {
            "format": FORMAT,
            "features": [
                {
                    "name": name,
                    "mean": round(float(mean), 6),
                    "scale": round(float(scale), 6),
                    "weight": round(float(weight), 6),
                }
                for name, mean, scale, weight in rows
            ],
            "intercept": round(self.intercept, 6),
            "days": [[float(day), round(value, 4)] for day, value in self.days],
            "context": dict(self.context),
            "other_area_cap": self.other_area_cap,
            "threshold": self.threshold,
            "words": self.words,
            "about": dict(self.about),
        }

    @classmethod
    def parse(cls, data: Mapping[str, Any], source: str) -> PairModel:
        """The model that :meth:`dump` wrote.

        Raises:
            FenboError: another format, or other features than this code computes.
        """
        if data.get("format") != FORMAT:
            raise FenboError(
                f"{source}: pair model has format {data.get('format')!r}; this code reads {FORMAT}"
            )
        try:
            names = tuple(row["name"] for row in data["features"])
            if names != FEATURES:
                raise FenboError(f"{source}: pair model has features {names}; this code computes {FEATURES}")
            columns = {
                key: np.array([row[key] for row in data["features"]], dtype=np.float64)
                for key in ("mean", "scale", "weight")
            }
            unknown = set(data["context"]) - set(CONTEXT)
            if unknown:
                raise FenboError(f"{source}: pair model has context {sorted(unknown)}; known: {CONTEXT}")
            return cls(
                **columns,
                intercept=float(data["intercept"]),
                days=tuple((float(day), float(value)) for day, value in data["days"]),
                context={str(key): float(value) for key, value in data["context"].items()},
                other_area_cap=float(data["other_area_cap"]),
                threshold=float(data["threshold"]),
                words=str(data["words"]),
                about=dict(data.get("about", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FenboError(f"{source}: pair model is damaged ({error!r})") from error


@dataclass(frozen=True, slots=True)
class PairScorer:
    """Scores pairs of profiles. Thread-safe.

    Raises:
        FenboError: the model was fitted with another word table.
    """

    model: PairModel
    rarity: Rarity
    words: WordTable
    """Gives tickets their vectors too: ``scorer.words.embed``."""

    def __post_init__(self) -> None:
        if self.model.words != self.words.fingerprint:
            raise FenboError(
                f"the pair model was fitted with word table {self.model.words}, not {self.words.fingerprint};"
                " fit it again with fenbo train-pairs"
            )

    @property
    def threshold(self) -> float:
        """Probability from which two tickets are called the same matter."""
        return self.model.threshold

    @classmethod
    def load(cls, folder: Path) -> PairScorer:
        """Read ``pairs.json``, ``pairs_rarity.npz`` and ``pairs_words.npz`` of ``folder``.

        Raises:
            FenboError: a file is missing, damaged, of another format, or does not belong to the others.
        """
        path = folder / MODEL_FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise FenboError(f"cannot read pair model {path}: {error}") from error
        if not isinstance(data, dict):
            raise FenboError(f"{path}: pair model is damaged (not a mapping)")
        return cls(
            PairModel.parse(data, str(path)),
            Rarity.load(folder / RARITY_FILE),
            WordTable.load(folder / WORDS_FILE),
        )

    @classmethod
    def shipped(cls) -> PairScorer:
        """The scorer that comes with fenbo."""
        with resources.as_file(resources.files("model.duplicates") / "shipped") as folder:
            return cls.load(folder)

    @classmethod
    def of_bundle(cls, folder: Path | None) -> PairScorer:
        """The scorer of a bundle, or the shipped one where the bundle has none."""
        if folder is not None and (folder / MODEL_FILE).is_file():
            return cls.load(folder)
        return cls.shipped()

    def save(self, folder: Path) -> None:
        """Write the three files into ``folder``, which must exist."""
        text = json.dumps(self.model.dump(), ensure_ascii=False, indent=1)
        (folder / MODEL_FILE).write_text(text + "\n", encoding="utf-8")
        self.rarity.save(folder / RARITY_FILE)
        self.words.save(folder / WORDS_FILE)

    def probabilities(self, query: Profile, candidates: Sequence[Profile]) -> F32:
        """Probability in [0, 1] that each candidate is the same matter as ``query``; shape (C,)."""
        if not candidates:
            return np.empty(0, dtype=np.float32)
        features = pair_features(query, candidates, self.rarity, self.words)
        context = context_features(query, candidates)
        log_odds = self._log_odds(features) + self._context(context)
        capped = (features[:, _OTHER_AREA] > 0) & (features[:, _ORGANISATIONS] == 0)
        ceiling = math.log(self.model.other_area_cap / (1 - self.model.other_area_cap))
        log_odds = np.where(capped, np.minimum(log_odds, ceiling), log_odds)
        return (1.0 / (1.0 + np.exp(-log_odds))).astype(np.float32)

    def probability(self, a: Profile, b: Profile) -> float:
        """Probability in [0, 1] that both are the same matter; the same whichever comes first."""
        return float(self.probabilities(a, [b])[0])

    def contributions(self, a: Profile, b: Profile) -> dict[str, float]:
        """What each feature added to the log-odds, against an average pair, strongest first."""
        features = pair_features(a, [b], self.rarity, self.words)[0]
        parts = dict(
            zip(FEATURES, (self._scaled(features[None, :])[0] * self.model.weight).tolist(), strict=True)
        )
        context = context_features(a, [b])
        parts["days"] = float(self._days(context[:, 0])[0])
        for column, name in enumerate(CONTEXT[1:], start=1):
            parts[name] = float(context[0, column]) * self.model.context.get(name, 0.0)
        return dict(sorted(parts.items(), key=lambda part: -abs(part[1])))

    def _scaled(self, features: F32) -> F64:
        return (features.astype(np.float64) - self.model.mean) / self.model.scale

    def _log_odds(self, features: F32) -> F64:
        return self._scaled(features) @ self.model.weight + self.model.intercept

    def _context(self, context: F32) -> F64:
        weights = np.array([self.model.context.get(name, 0.0) for name in CONTEXT[1:]])
        total: F64 = self._days(context[:, 0]) + context[:, 1:].astype(np.float64) @ weights
        return total

    def _days(self, days: F32) -> F64:
        if not self.model.days:
            return np.zeros(len(days))
        known = ~np.isnan(days)
        result = np.zeros(len(days))
        points = np.array(self.model.days)
        result[known] = np.interp(days[known], points[:, 0], points[:, 1])
        return result
