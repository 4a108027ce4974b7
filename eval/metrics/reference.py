"""What letters and answers looked like when a bundle was trained: small histograms that travel with it.

Everything but the character pairs is counted on letters that were kept out of training, so that fresh letters
of the same world look the same. No text can be read from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.metrics.checks import Floats
from eval.metrics.drift import Drift, drift
from model.errors import FenboError

FILE = "reference.json"
"""Where a bundle keeps it."""

FORMAT = 1
BUCKETS = 4096
BINS = 10
LENGTHS = (10, 20, 40, 80, 160, 320, 640, 1280)
"""Upper ends of the bands of length, in characters; what is longer makes one more band."""

NAMES = ("length", "words", "department", "urgency", "kind", "action", "confidence")
"""What is watched, in the order of :func:`drifts`."""

_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)


@dataclass(frozen=True, slots=True)
class Answered:
    """One letter as drift sees it: its text (normalised, masked) and what was answered."""

    text: str
    department: str
    probability: float
    urgency: str
    kind: str
    action: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Counts of a bundle's reference letters. ``pairs`` (4096,) are of its training letters' character pairs."""

    letters: int
    pairs: tuple[int, ...]
    surprise_edges: tuple[float, ...]
    """The nine deciles of :meth:`surprise` over the reference letters."""
    surprise: tuple[int, ...]
    length: tuple[int, ...]
    confidence: tuple[int, ...]
    department: Mapping[str, int]
    urgency: Mapping[str, int]
    kind: Mapping[str, int]
    action: Mapping[str, int]

    @classmethod
    def of(cls, trained_on: Iterable[str], kept_out: Sequence[Answered]) -> Reference:
        """Count training texts, and letters kept out of training with the bundle's answers.

        Raises FenboError where no letter was kept out.
        """
        if not kept_out:
            raise FenboError("reference: 0 letters were kept out of training; at least one is needed")
        pairs = np.zeros(BUCKETS, dtype=np.int64)
        for text in trained_on:
            pairs += np.bincount(_buckets(text), minlength=BUCKETS)
        surprises = _surprises(pairs, [letter.text for letter in kept_out])
        edges = np.quantile(surprises, np.linspace(0, 1, BINS + 1)[1:-1])
        return cls(
            letters=len(kept_out),
            pairs=tuple(pairs.tolist()),
            surprise_edges=tuple(round(float(edge), 6) for edge in edges),
            surprise=_binned(surprises, np.round(edges, 6)),
            length=_lengths(kept_out),
            confidence=_confidences(kept_out),
            department=_tally([letter.department for letter in kept_out]),
            urgency=_tally([letter.urgency for letter in kept_out]),
            kind=_tally([letter.kind for letter in kept_out]),
            action=_tally([letter.action for letter in kept_out]),
        )

    def save(self, file: Path) -> None:
        """Write as JSON."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, separators=(",", ":"))
        file.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Reference:
        """Read what :meth:`save` wrote. Raises FenboError where it is missing, damaged or of another format."""
        try:
            table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            found = table.pop("format")
            if found != FORMAT:
                raise FenboError(f"reference: {file} has format {found}; this fenbo reads {FORMAT}")
            listed: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
            }
            read = cls(**listed)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FenboError(f"reference: {file} cannot be read ({error}); copy the bundle again") from error
        sizes = (len(read.pairs), len(read.surprise_edges), len(read.surprise), len(read.length))
        if sizes != (BUCKETS, BINS - 1, BINS, len(LENGTHS) + 1):
            raise FenboError(f"reference: {file} holds tables of another shape; copy the bundle again")
        return read

    def surprise_of(self, texts: Sequence[str]) -> Floats:
        """Mean bits of a character pair, shape (N,): how unlike the training letters' wording; 0 without pairs."""
        return _surprises(np.array(self.pairs), texts)


def drifts(reference: Reference, letters: Sequence[Answered]) -> tuple[Drift, ...]:
    """How far letters and answers moved from the reference, in the order of ``NAMES``; none for no letters."""
    if not letters:
        return ()
    surprises = reference.surprise_of([letter.text for letter in letters])
    shares = {
        "department": (reference.department, [letter.department for letter in letters]),
        "urgency": (reference.urgency, [letter.urgency for letter in letters]),
        "kind": (reference.kind, [letter.kind for letter in letters]),
        "action": (reference.action, [letter.action for letter in letters]),
    }
    return (
        drift("length", reference.length, _lengths(letters)),
        drift("words", reference.surprise, _binned(surprises, np.array(reference.surprise_edges))),
        *(_share_drift(name, before, now) for name, (before, now) in shares.items()),
        drift("confidence", reference.confidence, _confidences(letters)),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _share_drift(name: str, before: Mapping[str, int], now: Sequence[str]) -> Drift:
    counted = _tally(now)
    codes = sorted(before.keys() | counted.keys())
    return drift(name, [before.get(code, 0) for code in codes], [counted.get(code, 0) for code in codes])


def _tally(values: Sequence[str]) -> dict[str, int]:
    names, counts = np.unique(np.array(values, dtype=np.str_), return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _lengths(letters: Sequence[Answered]) -> tuple[int, ...]:
    return _binned(np.array([len(letter.text) for letter in letters], dtype=np.float64), np.array(LENGTHS))


def _confidences(letters: Sequence[Answered]) -> tuple[int, ...]:
    tenths = np.minimum([int(BINS * letter.probability) for letter in letters], BINS - 1)
    return tuple(np.bincount(tenths, minlength=BINS).tolist())


def _binned(values: Floats, edges: Floats) -> tuple[int, ...]:
    """Counts, shape (edges + 1,): a bin holds what is above its lower and up to its upper edge."""
    places = np.searchsorted(edges, values, side="left")
    return tuple(np.bincount(places, minlength=len(edges) + 1).tolist())


def _surprises(pairs: np.ndarray[tuple[int], np.dtype[np.int64]], texts: Sequence[str]) -> Floats:
    # One more of each, so that a pair that was never seen is surprising and not impossible.
    bits = -np.log2((pairs + 1) / (pairs.sum() + BUCKETS))
    return np.array([bits[places].mean() if (places := _buckets(text)).size else 0.0 for text in texts])


def _buckets(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Bucket of each pair of neighbouring characters (multiplicative hashing; Knuth, volume 3, 6.4)."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    mixed = (points[:-1] * np.uint64(0x1_0000_0001) + points[1:]) * _MULTIPLIER
    return (mixed >> np.uint64(52)).astype(np.int64)
