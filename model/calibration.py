"""From raw scores to probabilities that mean what they say.

Everything here is fitted on letters that trained none of the models, and stored in ``calibration.json``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.prediction import UrgencyCode

F32 = NDArray[np.float32]


def softmax(scores: F32) -> F32:
    """Row-wise softmax, (N, K) → (N, K)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: F32 = shifted / shifted.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True, slots=True)
class Blend:
    """How department scores are joined, with ``z = encoder · E + lexical · L + bias``:

    ``p = (1 - doubt) · softmax(z) + doubt · softmax(z / 3)``.

    The sum is a logarithmic opinion pool (Genest and Zidek 1986), so blend and temperature are one. The flatter
    part is for wrong labels: about one letter in ten could have gone to its second department, however sure the
    scores are, and a temperature alone cannot say that. ``bias`` is one number a column, for departments that both
    models together name too often or too seldom; empty for none. ``lexical_alone`` and ``doubt_alone`` are the same
    for the lexical model by itself.
    """

    encoder: float
    lexical: float
    doubt: float
    lexical_alone: float
    doubt_alone: float
    bias: tuple[float, ...] = ()

    def probabilities(self, lexical: F32, encoder: F32 | None) -> F32:
        """Probabilities (N, K) from lexical scores (N, K) and, where there is an encoder, its logits (N, K)."""
        if encoder is None:
            return doubted(lexical * np.float32(self.lexical_alone), self.doubt_alone)
        scores = encoder * np.float32(self.encoder) + lexical * np.float32(self.lexical)
        return doubted(scores + np.array(self.bias or 0.0, dtype=np.float32), self.doubt)


def doubted(scores: F32, doubt: float) -> F32:
    """Softmax of scores (N, K), mixed with a flatter one by the share ``doubt``."""
    sure, flat = np.float32(1 - doubt), np.float32(doubt)
    return sure * softmax(scores) + flat * softmax(scores / np.float32(3))


@dataclass(frozen=True, slots=True)
class DecisionThresholds:
    """When a ticket may go without a person. Probabilities are of the likeliest department.

    ``auto`` holds for every department that ``departments`` does not name with a stricter value.
    ``target`` is the share of auto tickets that are right, held with ``confidence`` on ``letters`` letters.
    """

    target: float = 0.95
    confidence: float = 0.9
    letters: int = 0
    auto: float = 1.01
    suggest: float = 0.5
    departments: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeadBlend:
    """Probabilities of a smaller head: ``softmax(encoder · E + lexical · L)``; ``lexical_alone`` is for L by itself."""

    encoder: float = 1.0
    lexical: float = 0.0
    lexical_alone: float = 1.0

    def probabilities(self, lexical: F32, encoder: F32 | None) -> F32:
        """From the lexical model's scores (N, K) and, where there are any, the encoder's logits (N, K)."""
        if encoder is None:
            return softmax(lexical * np.float32(self.lexical_alone))
        return softmax(encoder * np.float32(self.encoder) + lexical * np.float32(self.lexical))


@dataclass(frozen=True, slots=True)
class UrgencyThresholds:
    """The probability from which a level is said: of emergency, of urgent or above."""

    emergency: float = 0.5
    urgent: float = 0.5

    def level(self, probabilities: F32) -> UrgencyCode:
        """The level said of probabilities (4,), low to emergency: missing a high one costs more than a false alarm."""
        if probabilities[3] >= self.emergency:
            return "emergency"
        if probabilities[2] + probabilities[3] >= self.urgent:
            return "urgent"
        return "normal" if probabilities[1] >= probabilities[0] else "low"


@dataclass(frozen=True, slots=True)
class Cascade:
    """When the lexical model answers alone, because the encoder would say the same.

    It must be this sure of the ``department`` and the ``kind``, and give less than this to an ``emergency`` and to
    ``urgent`` or above. The default never lets it.
    """

    department: float = 1.01
    emergency: float = 0.05
    urgent: float = 0.15
    kind: float = 0.6

    def sure(self, department: F32, urgency: F32, kind: F32) -> NDArray[np.bool_]:
        """Which letters (N,) need no encoder, by the lexical probabilities (N, K), (N, 4) and (N, 6)."""
        result: NDArray[np.bool_] = (
            (department.max(axis=1) >= self.department)
            & (urgency[:, 3] < self.emergency)
            & (urgency[:, 2:].sum(axis=1) < self.urgent)
            & (kind.max(axis=1) >= self.kind)
        )
        return result


@dataclass(frozen=True, slots=True)
class Calibration:
    """All fitted numbers of a bundle.

    ``out_of_scope``: probability of the scope head from which a text is no request.
    """

    blend: Blend
    decision: DecisionThresholds
    urgency_blend: HeadBlend = HeadBlend()
    urgency: UrgencyThresholds = UrgencyThresholds()
    kind_blend: HeadBlend = HeadBlend()
    cascade: Cascade = Cascade()
    out_of_scope: float = 0.5

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(
            json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what :meth:`save` wrote.

        Raises:
            FenboError: not JSON, or not of this form.
        """
        try:
            table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                blend=_blend(**table.pop("blend")),
                decision=DecisionThresholds(**table.pop("decision")),
                urgency_blend=HeadBlend(**table.pop("urgency_blend")),
                urgency=UrgencyThresholds(**table.pop("urgency")),
                kind_blend=HeadBlend(**table.pop("kind_blend")),
                cascade=Cascade(**table.pop("cascade", {})),
                **table,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FenboError(f"{path.name}: not a calibration ({error}); export the bundle again") from error


def _blend(*, bias: Sequence[float] = (), **weights: float) -> Blend:
    return Blend(**weights, bias=tuple(bias))
