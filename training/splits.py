"""Splits without leakage: a group of near-copies lies on one side, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Row indices, each ascending; together they are all rows once.

    ``copies`` were written before the cut but are near-copies of later letters, and ``undated`` have no time:
    neither may be trained on or measured with.
    """

    earlier: Indices
    later: Indices
    copies: Indices
    undated: Indices


def group_split(
    groups: NDArray[np.int64],
    fractions: Sequence[float],
    seed: int,
    *,
    labels: Sequence[str | None] | None = None,
) -> tuple[Indices, ...]:
    """Split N rows into parts of about the given sizes; a group never straddles two parts.

    Groups of several rows are placed first, largest first, each where it lowers the sum over parts and labels
    of (have - want)² / want the most; single rows then fill up every label to its share. Same input, same
    seed, same split.

    Parameters
    ----------
    groups
        Group number of each row, shape (N,).
    fractions
        Share of each part, in (0, 1], together 1.
    seed
        For the draw among equals, at least 0.
    labels
        Keeps each label's share in every part as equal as its groups allow, shape (N,); None is a label of
        its own.

    Returns
    -------
    Row indices of each part, ascending. A part may be empty when there are fewer groups than parts.

    Raises
    ------
    FenboError
        Fractions that do not add up to 1, or labels of another length than groups.
    """
    shares = _checked_fractions(fractions)
    codes = _label_codes(labels, groups.size)
    part = _assign(np.unique(groups, return_inverse=True)[1], codes, shares, np.random.default_rng(seed))
    return tuple(np.flatnonzero(part == number) for number in range(shares.size))


def group_folds(
    groups: NDArray[np.int64], folds: int, seed: int, *, labels: Sequence[str | None] | None = None
) -> tuple[tuple[Indices, Indices], ...]:
    """``folds`` pairs (rows to train on, rows held out); every row is held out once, its group with it.

    Parameters as in :func:`group_split`. Raises FenboError for fewer than two folds, or more than groups.
    """
    count = np.unique(groups).size
    if not 2 <= folds <= count:
        raise FenboError(f"folds: {folds}; allowed: 2 to {count}, the number of groups")
    held_out = group_split(groups, [1 / folds] * folds, seed, labels=labels)
    everything = np.arange(groups.size)
    return tuple((np.setdiff1d(everything, held, assume_unique=True), held) for held in held_out)


def time_split(
    created_at: Sequence[datetime | None],
    groups: NDArray[np.int64],
    *,
    until: datetime | None = None,
    later: float | None = None,
) -> TimeSplit:
    """Split N rows by time, as a model that is trained today meets tomorrow's letters.

    Rows before the cut whose group goes on after it are set aside, not trained on: the later part is what is
    measured, so it stays whole.

    Parameters
    ----------
    created_at
        Time of each row with its zone, or None, length N.
    groups
        Group number of each row, shape (N,).
    until
        The cut: rows before it are earlier. Carries a zone. Give this or ``later``.
    later
        Share of the dated rows that come later, in (0, 1). Rows of the same instant stay together on the
        later side.

    Raises
    ------
    FenboError
        Neither or both of ``until`` and ``later``, a time without zone, lengths that differ, or a side
        without rows.
    """
    if (until is None) == (later is None):
        raise FenboError("time split: give either until (a time) or later (a share), not both")
    if len(created_at) != groups.size:
        raise FenboError(
            f"created_at has {len(created_at)} rows and groups {groups.size}; both must be equal"
        )
    if any(time is not None and time.tzinfo is None for time in (*created_at, until)):
        raise FenboError("created_at: a time without zone; read letters with model.records, which sets one")
    seconds = np.array([np.nan if time is None else time.timestamp() for time in created_at])
    undated = np.isnan(seconds)
    cut = _cut(seconds[~undated], later) if until is None else until.timestamp()
    after = ~undated & (seconds >= cut)
    before = ~undated & (seconds < cut)
    copies = before & np.isin(groups, groups[after])
    split = TimeSplit(*(np.flatnonzero(rows) for rows in (before & ~copies, after, copies, undated)))
    for name, rows in (("earlier", split.earlier), ("later", split.later)):
        if rows.size == 0:
            raise FenboError(
                f"time split: no letter is on the {name} side of the cut; choose another until or later"
            )
    return split


def _cut(seconds: NDArray[np.float64], later: float | None) -> float:
    if later is None or not 0.0 < later < 1.0:
        raise FenboError(f"later: {later}; allowed: a share above 0 and below 1")
    if seconds.size == 0:
        raise FenboError("time split: no letter has created_at")
    return float(np.sort(seconds)[min(int(np.floor(seconds.size * (1 - later))), seconds.size - 1)])


def _checked_fractions(fractions: Sequence[float]) -> NDArray[np.float64]:
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.size == 0 or shares.min() <= 0 or not np.isclose(shares.sum(), 1.0):
        raise FenboError(f"fractions: {list(fractions)}; each must be above 0, and together they must be 1")
    return shares


def _label_codes(labels: Sequence[str | None] | None, size: int) -> Indices:
    if labels is None:
        return np.zeros(size, dtype=np.int64)
    if len(labels) != size:
        raise FenboError(f"labels has {len(labels)} rows and groups {size}; both must be equal")
    numbers: dict[str | None, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def _assign(
    groups: Indices, codes: Indices, shares: NDArray[np.float64], random: np.random.Generator
) -> Indices:
    """Part of each row, shape (N,)."""
    totals = np.bincount(codes)
    wanted = shares[:, None] * totals
    have = np.zeros_like(wanted)
    part = np.full(groups.size, -1, dtype=np.int64)
    sizes = np.bincount(groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    several = np.flatnonzero(sizes > 1)
    several = several[np.lexsort((random.random(several.size), -sizes[several]))]
    for group in several:
        rows = members[group]
        seen, count = np.unique(codes[rows], return_counts=True)
        gain = (count * (wanted[:, seen] - have[:, seen] - count / 2) / wanted[:, seen]).sum(axis=1)
        chosen = int(np.argmax(gain))
        part[rows] = chosen
        have[chosen, seen] += count
    _fill_with_singles(part, codes, wanted - have, random)
    return part


def _fill_with_singles(
    part: Indices, codes: Indices, missing: NDArray[np.float64], random: np.random.Generator
) -> None:
    """Give the rows that stand alone to the parts, label by label, by what each part still lacks.

    What rounding keeps from a part under one label is owed to it under the next, so that many rare labels do
    not starve a small part.
    """
    single = np.flatnonzero(part < 0)
    single = single[np.lexsort((random.random(single.size), codes[single]))]
    owed = np.zeros(missing.shape[0])
    for rows in np.split(single, np.flatnonzero(np.diff(codes[single])) + 1):
        if rows.size == 0:
            continue
        lack = np.maximum(missing[:, codes[rows[0]]], 0)
        exact = (
            lack * (rows.size / lack.sum()) if lack.sum() > 0 else np.full(lack.size, rows.size / lack.size)
        )
        counts = _rounded(exact, owed, rows.size)
        owed += exact - counts
        part[rows] = np.repeat(np.arange(counts.size), counts)


def _rounded(exact: NDArray[np.float64], owed: NDArray[np.float64], total: int) -> Indices:
    """Whole numbers near ``exact`` that add up to ``total``; the spare ones go where most is owed."""
    counts = np.floor(exact).astype(np.int64)
    spare = total - int(counts.sum())
    counts[np.argsort(-(exact - counts + owed), kind="stable")[:spare]] += 1
    return counts
