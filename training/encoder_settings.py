"""How the encoder is fitted, as a preset says it. Kept apart from the loop, which needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FitSettings:
    """``layer_decay``: learning rate of a layer as a share of the one above (Howard and Ruder 2018).

    ``token_masking``, ``title_dropout`` and ``courtesy`` are the shares of tokens hidden, of letters read without
    their title, and of letters that get a polite phrase before or behind them. ``epochs`` grow until there are
    ``least_steps``: a few hundred letters read four times teach a new head next to nothing.
    """

    epochs: int = 4
    least_steps: int = 0
    batch: int = 32
    longest: int = 128
    learning_rate: float = 2e-4
    head_learning_rate: float = 2e-3
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.06
    smoothing: float = 0.1
    token_masking: float = 0.05
    title_dropout: float = 0.15
    courtesy: float = 0.0
    head_weight: dict[str, float] = field(
        default_factory=lambda: {"department": 1.0, "urgency": 0.5, "kind": 0.5, "scope": 0.2}
    )
    soft_weight: float = 0.5
    patience: int = 2
    seed: int = 20260401

    def epochs_for(self, letters: int) -> int:
        """How often so many letters are read."""
        return max(self.epochs, math.ceil(self.least_steps / math.ceil(letters / self.batch)))
