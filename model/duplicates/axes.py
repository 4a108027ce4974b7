"""The directions in which letters differ: what a compact index keeps of a vector, and by which planes it sketches it.

A sketch holds one bit a plane, the side on which the vector lies; the angle between two vectors shows in how many
bits differ (Charikar 2002). The planes are drawn at right angles to each other (Ji et al. 2012, "Super-Bit
Locality-Sensitive Hashing") and within the leading axes only, where letters differ most: of 29,233 real letters 127
such bits find more of the nearest than 255 bits of planes drawn freely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

KEPT = 256
"""Components kept of a vector at most."""
BITS = 127
"""Bits of a sketch; one less than two words hold."""
WORDS = 2
"""64-bit words of a sketch."""
LEADING = 64
"""Axes that the planes lie in, at most."""


@dataclass(frozen=True, slots=True)
class Axes:
    """``turned`` (D, K): orthonormal axes, one a column, that vectors are kept on. ``planes`` (D, BITS): normals of
    the planes that sketch them.
    """

    turned: F32
    planes: F32

    @property
    def kept(self) -> int:
        """Components kept of a vector."""
        return int(self.turned.shape[1])


def principal_axes(vectors: F32, most: int = KEPT) -> Axes:
    """The axes of the ``most`` directions in which ``vectors`` (N, D) vary most.

    Within these directions those that vectors are kept on are turned at random, so that every component of a vector
    is about as large and none is cut off when stored as int8. The same vectors give the same axes.
    """
    _, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    chosen = directions[:, ::-1][:, :most]
    draw = np.random.default_rng(1)
    leading = chosen[:, :LEADING]
    planes = [leading @ _turn(leading.shape[1], draw) for _ in range(-(-BITS // leading.shape[1]))]
    return Axes(
        np.ascontiguousarray(chosen @ _turn(chosen.shape[1], draw), dtype=np.float32),
        np.ascontiguousarray(np.concatenate(planes, axis=1)[:, :BITS], dtype=np.float32),
    )


def _turn(size: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """A random rotation (size, size)."""
    turn, _ = np.linalg.qr(draw.standard_normal((size, size)))
    return turn
