"""Letters as padded blocks of tokens, like lengths together so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.encoder import fitted


@dataclass(frozen=True, slots=True)
class Block:
    """``rows`` (B,) are positions in the corpus; ``tokens`` and ``mask`` are (B, T)."""

    rows: Tensor
    tokens: Tensor
    mask: Tensor


def length_buckets(
    lengths: Sequence[int], size: int, generator: np.random.Generator, *, pool: int = 40
) -> list[NDArray[np.int64]]:
    """A random order of all rows in groups of ``size`` whose lengths are alike.

    Rows are shuffled, cut into pools of ``pool`` blocks, and sorted by length within each pool.
    """
    order = generator.permutation(len(lengths))
    measure = np.asarray(lengths)
    groups: list[NDArray[np.int64]] = []
    for low in range(0, len(order), size * pool):
        part = order[low : low + size * pool]
        part = part[np.argsort(measure[part], kind="stable")]
        groups.extend(part[start : start + size] for start in range(0, len(part), size))
    return [groups[index] for index in generator.permutation(len(groups))]


def block(rows: NDArray[np.int64], tokens: Sequence[Sequence[int]], longest: int, padding: int) -> Block:
    """Pad the chosen letters to their longest, at most ``longest`` tokens (head and tail are kept)."""
    cut = [fitted(tokens[row], longest) for row in rows]
    width = max(len(letter) for letter in cut)
    padded = np.full((len(cut), width), padding, dtype=np.int64)
    for index, letter in enumerate(cut):
        padded[index, : len(letter)] = letter
    values = torch.from_numpy(padded)
    mask = torch.zeros_like(values)
    for index, letter in enumerate(cut):
        mask[index, : len(letter)] = 1
    return Block(rows=torch.from_numpy(rows), tokens=values, mask=mask)


def in_order(tokens: Sequence[Sequence[int]], size: int, longest: int, padding: int) -> Iterator[Block]:
    """Every letter once, short ones first: the cheapest order to compute in."""
    order = np.argsort([len(letter) for letter in tokens], kind="stable")
    for low in range(0, len(order), size):
        yield block(order[low : low + size], tokens, longest, padding)
