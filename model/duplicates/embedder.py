"""What gives a text its vector. The router's encoder fits; so does anything in a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


class Embedder(Protocol):
    """Meaning as vectors: texts of one matter lie close together."""

    def embed(self, texts: Sequence[str]) -> F32:
        """Vectors (N, D) of unit length, centred (the mean of all tickets is near zero)."""
        ...
