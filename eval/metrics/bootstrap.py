"""How far a measure may be from the truth, by drawing whole groups of rows again.

Near-copies of one letter succeed and fail together, so rows of one group are always drawn together:
the cluster bootstrap (Davison & Hinkley 1997, section 3.8). The limits are taken from the spread of the draws
rather than from their percentiles, which were too narrow in simulation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.checks import Floats, Ints, MetricError, column, truths
from eval.metrics.intervals import wilson

DRAWS = 1000
SEED = 20170101
FEW_GROUPS = 20
_WEIGHTS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Resampling:
    """Which rows are drawn together, and how often the draw is repeated."""

    group: Ints
    """Shape (N,): group number 0..G-1 of each row."""
    draws: int = DRAWS
    level: float = 0.95
    seed: int = SEED
    groups: int = field(init=False)

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise MetricError(f"draws: {self.draws}, expected 100 or more")
        if not 0.0 < self.level < 1.0:
            raise MetricError(f"level: {self.level}, expected between 0 and 1")
        object.__setattr__(self, "groups", int(self.group.max()) + 1)

    def of(self, rows: ArrayLike) -> Resampling:
        """The same drawing for a part of the rows: their places, or a mask (N,) of true and false."""
        return by_group(self.group[np.asarray(rows)], draws=self.draws, level=self.level, seed=self.seed)

    def weights(self) -> Iterator[Floats]:
        """How often each group is drawn, in blocks of shape (b, G) that hold ``draws`` rows together."""
        random = np.random.default_rng(self.seed)
        block = max(1, min(self.draws, _WEIGHTS_AT_ONCE // self.groups))
        for start in range(0, self.draws, block):
            size = min(block, self.draws - start)
            picked = random.integers(0, self.groups, size=(size, self.groups))
            flat = picked + np.arange(size)[:, None] * self.groups
            counted = np.bincount(flat.ravel(), minlength=size * self.groups)
            yield counted.reshape(size, self.groups).astype(np.float64)

    @property
    def deviations(self) -> float:
        """How many standard deviations the limits stand from the middle."""
        return NormalDist().inv_cdf(0.5 + self.level / 2)


def by_group(group: ArrayLike, *, draws: int = DRAWS, level: float = 0.95, seed: int = SEED) -> Resampling:
    """A resampling of the groups named in ``group`` (N,), by names or numbers; equal names are drawn
    together.
    """
    numbers = np.unique(column("group", group), return_inverse=True)[1]
    return Resampling(numbers.astype(np.intp), draws=draws, level=level, seed=seed)


def drawn_from_sums(
    parts: ArrayLike, statistic: Callable[[Floats], Floats], resampling: Resampling
) -> Floats:
    """Values, shape (draws,), of a statistic that is a function of column sums.

    ``parts`` (N, M) holds what each row adds; ``statistic`` maps sums (b, M) to values (b,).
    """
    table = np.asarray(parts, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != resampling.group.size:
        raise MetricError(f"parts: shape {table.shape}, expected ({resampling.group.size}, columns)")
    order = np.argsort(resampling.group, kind="stable")
    starts = np.searchsorted(resampling.group[order], np.arange(resampling.groups))
    sums = np.add.reduceat(table[order], starts, axis=0)
    return np.concatenate([statistic(weights @ sums) for weights in resampling.weights()])


def drawn_from_rows(statistic: Callable[[Floats], float], resampling: Resampling) -> Floats:
    """Values, shape (draws,), of any statistic that takes row weights (N,)."""
    values = [statistic(weights[resampling.group]) for block in resampling.weights() for weights in block]
    return np.asarray(values, dtype=np.float64)


def normal_limits(estimate: float, drawn: Floats, resampling: Resampling) -> tuple[float, float]:
    """Limits about the estimate from the spread of the draws; NaN draws (undefined) are left out."""
    known = drawn[~np.isnan(drawn)]
    if known.size < 2 or math.isnan(estimate):
        return math.nan, math.nan
    reach = resampling.deviations * float(known.std(ddof=1))
    return estimate - reach, estimate + reach


def raised_limits(estimate: float, drawn: Floats, resampling: Resampling) -> tuple[float, float]:
    """Limits for a statistic that noise can only raise, as it raises the draws above the estimate.

    The lower one stands below the estimate less that rise (Efron & Tibshirani 1993, section 10.6), the upper
    one above the estimate itself: correcting both covered too seldom in simulation.
    """
    reach = resampling.deviations * float(drawn.std(ddof=1))
    return 2 * estimate - float(drawn.mean()) - reach, estimate + reach


def share_limits(right: ArrayLike, resampling: Resampling) -> tuple[float, float]:
    """Limits, in [0, 1], of the share of rows that are right; ``right`` (N,) true or false.

    The score interval at the number of independent rows that would spread as much as the draws do, so that
    the
    limits stay within [0, 1]. With few groups, or where all rows agree, the draws tell nothing and groups
    count
    as rows.
    """
    good = truths("right", right)
    if good.shape != resampling.group.shape:
        raise MetricError(f"right: shape {good.shape}, expected {resampling.group.shape}")
    share, groups = float(good.mean()), resampling.groups
    if groups < FEW_GROUPS or share in (0.0, 1.0):
        return wilson(share * groups, groups, level=resampling.level)
    parts = np.column_stack([good, np.ones(good.size)])
    spread = float(drawn_from_sums(parts, lambda sums: sums[:, 0] / sums[:, 1], resampling).std(ddof=1))
    effective = min(good.size, share * (1 - share) / spread**2)
    return wilson(share * effective, effective, level=resampling.level)
