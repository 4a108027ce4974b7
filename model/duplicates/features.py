"""What two tickets have in common, as numbers. One row a candidate, one column a name of FEATURES."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .grams import BUCKETS, Rarity
from .profile import Profile
from .words import WordTable

F32 = NDArray[np.float32]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]

FEATURES: tuple[str, ...] = (
    "meaning",
    "wording",
    "covered",
    "runs",
    "aligned_less",
    "aligned_more",
    "head_less",
    "head_more",
    "same_area",
    "other_area",
    "same_street",
    "other_street",
    "names_shared",
    "names_differ",
    "names_absent",
    "main_name_shared",
    "organisations_shared",
    "organisations_differ",
    "numbers_shared",
    "numbers_differ",
    "shorter",
    "length_ratio",
    "both_questions",
    "meaning_squared",
    "wording_squared",
    "meaning_placeless",
    "aligned_placeless",
    "aligned_placed",
    "aligned_questions",
    "wording_questions",
)
"""Columns that are fitted; see :func:`pair_features` for each one's meaning."""

CONTEXT: tuple[str, ...] = (
    "days",
    "same_kind",
    "other_kind",
    "same_department",
    "other_department",
    "same_reporter",
)
"""Columns about the tickets around their text."""


_READ = FEATURES.index("aligned_less")
_TOLD = FEATURES.index("same_area")
_TOGETHER = FEATURES.index("meaning_squared")


def pair_features(query: Profile, candidates: Sequence[Profile], rarity: Rarity, words: WordTable) -> F32:
    """Features (C, len(FEATURES)) of ``query`` against each candidate.

    meaning: cosine of the vectors, [-1, 1]. wording: cosine of the weighted n-grams, [0, 1]. covered: share
    of the n-gram weight of either text that the other has too (the larger share), [0, 1]. runs: ln(1 + summed
    idf of shared 4-character runs). aligned: how near the nearest word of the other text is to each word, on
    average by idf (cosine of word vectors, not below 0), from either side, the lesser and the more, [0, 1]; head
    the same for the words of each title or first sentence in the other's whole text. same/other area and street:
    1 when both are known and equal/different. names_shared: mean over both tickets' place names of how well each
    stands in the other's text (1 whole, 0.7 most of it), [0, 1]; names_differ: 1 when both name places and none
    is shared; names_absent: 1 when neither names one; main_name_shared: the same for each ticket's first name
    alone, summed, 0.5 for a ticket without one, [0, 2]. Organisations and numbers likewise. shorter:
    ln(1 + characters of the shorter text).
    length_ratio: shorter by longer, [0, 1]. both_questions: 1 when both ask. The last columns are products of
    these: words weigh more where no place is named, and in questions, which one answer has to serve.
    """
    count = len(candidates)
    rows = np.zeros((count, len(FEATURES)), dtype=np.float32)
    if not count:
        return rows
    rows[:, 0] = np.stack([candidate.vector for candidate in candidates]) @ query.vector
    rows[:, 1], rows[:, 2] = _wording(query, candidates)
    rows[:, 3] = _runs(query, candidates, rarity)
    rows[:, _READ:_TOLD] = _aligned(query, candidates, words)
    for row, candidate in zip(rows, candidates, strict=True):
        row[_TOLD:_TOGETHER] = _told(query, candidate)
    rows[:, _TOGETHER:] = _together(rows)
    return rows


def context_features(query: Profile, candidates: Sequence[Profile]) -> F32:
    """Context (C, len(CONTEXT)): days apart (NaN when a time is unknown), then equalities as 0 or 1."""
    rows = np.zeros((len(candidates), len(CONTEXT)), dtype=np.float32)
    for row, other in zip(rows, candidates, strict=True):
        if query.created_at is None or other.created_at is None:
            row[0] = np.nan
        else:
            row[0] = abs((query.created_at - other.created_at).total_seconds()) / 86_400
        row[1:3] = _equal(query.kind, other.kind)
        row[3:5] = _equal(query.department, other.department)
        row[5] = bool(query.reporter) and query.reporter == other.reporter
    return rows


def _wording(query: Profile, candidates: Sequence[Profile]) -> tuple[F32, F32]:
    """Cosine (C,) of the weighted n-grams, and the larger share (C,) of n-gram weight that the other has."""
    keys, starts = _joined([candidate.grams.keys for candidate in candidates])
    nothing = np.zeros(1, dtype=np.float32)
    weights = [piece for candidate in candidates for piece in (candidate.grams.weights, nothing)]
    theirs = np.concatenate(weights)
    ours = _looked_up(query.grams.keys, query.grams.weights, keys)
    cosine = np.add.reduceat(ours * theirs, starts)
    mine = np.add.reduceat(ours * ours, starts)
    its = np.add.reduceat(np.where(ours > 0, theirs * theirs, 0.0), starts)
    return cosine, np.minimum(np.maximum(mine, its), 1.0)


def _aligned(query: Profile, candidates: Sequence[Profile], table: WordTable) -> F32:
    """Columns aligned and head (C, 4)."""
    if not len(query.words):
        return np.zeros((len(candidates), 4), dtype=np.float32)
    # A part without words would be given the first of the next, so that each ends with the word that is none.
    nobody = np.array([len(table.words)], dtype=np.uint16)
    joined = np.concatenate([piece for one in candidates for piece in (one.words, nobody)])
    lengths = np.array([len(one.words) + 1 for one in candidates])
    starts = np.cumsum(lengths) - lengths
    near = table.aligned[joined] @ table.aligned[query.words].T
    met = np.maximum.reduceat(near, starts, axis=0)
    back = np.maximum(near.max(axis=1), 0.0)
    of_head = np.arange(len(joined)) < np.repeat(starts + [one.head for one in candidates], lengths)
    mine, theirs = table.weights[query.words], table.weights[joined]

    def share(weights: F32, values: F32) -> F32:
        result: F32 = np.minimum(values @ weights / max(float(weights.sum()), 1e-9), 1.0)
        return result

    def shares(weights: F32) -> F32:
        total = np.maximum(np.add.reduceat(weights, starts), 1e-9)
        result: F32 = np.minimum(np.add.reduceat(back * weights, starts) / total, 1.0)
        return result

    whole = share(mine, met), shares(theirs)
    head = share(mine[: query.head], met[:, : query.head]), shares(np.where(of_head, theirs, np.float32(0.0)))
    columns = [pick(*pair) for pair in (whole, head) for pick in (np.minimum, np.maximum)]
    return np.stack(columns, axis=1).astype(np.float32)


def _together(rows: F32) -> F32:
    meaning, wording, less, more, shared, absent, asked = (
        rows[:, FEATURES.index(name)]
        for name in (
            "meaning",
            "wording",
            "aligned_less",
            "aligned_more",
            "names_shared",
            "names_absent",
            "both_questions",
        )
    )
    columns = (
        meaning * meaning,
        wording * wording,
        meaning * absent,
        more * absent,
        more * shared,
        less * asked,
        wording * asked,
    )
    return np.stack(columns, axis=1)


def _runs(query: Profile, candidates: Sequence[Profile], rarity: Rarity) -> F32:
    runs, starts = _joined([candidate.grams.runs for candidate in candidates])
    shared = _looked_up(query.grams.runs, rarity.idf[query.grams.runs], runs)
    return np.log1p(np.add.reduceat(shared, starts))


def _joined(parts: Sequence[U32]) -> tuple[U32, NDArray[np.int64]]:
    """Buckets of all candidates in one array, each followed by a bucket of nobody's, and where each begins.

    ``np.add.reduceat`` gives an empty part its first element, so no part may be empty: the last of each is
    BUCKETS, which no text has.
    """
    ends = np.array([BUCKETS], dtype=np.uint32)
    joined = np.concatenate([piece for part in parts for piece in (part, ends)])
    starts = np.cumsum([0, *(len(part) + 1 for part in parts[:-1])])
    return joined, starts


def _looked_up(keys: U32, values: F32, wanted: U32) -> F32:
    """The value of each wanted bucket (N,), 0 where ``keys`` lacks it."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.float32)
    order = np.argsort(keys)
    places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = keys[order][places] == wanted
    return np.where(found, values[order][places], np.float32(0.0)).astype(np.float32)


def _told(a: Profile, b: Profile) -> tuple[float, ...]:
    shorter, longer = sorted((len(a.text), len(b.text)))
    return (
        *_equal(a.area, b.area),
        *_equal(a.street, b.street),
        *_shared(a.names, b.names, a.text, b.text),
        _main_shared(a.names, b.text) + _main_shared(b.names, a.text),
        *_shared(a.organisations, b.organisations, a.text, b.text)[:2],
        *_shared(a.numbers, b.numbers, a.text, b.text)[:2],
        float(np.log1p(shorter)),
        shorter / longer if longer else 1.0,
        float(a.question and b.question),
    )


def _equal(a: str, b: str) -> tuple[float, float]:
    if not a or not b:
        return 0.0, 0.0
    return (1.0, 0.0) if a == b else (0.0, 1.0)


def _shared(
    ours: Sequence[str], theirs: Sequence[str], our_text: str, their_text: str
) -> tuple[float, float, float]:
    """(mean presence in the other text, 1 if both name something and share nothing, 1 if neither does).

    Names are looked for in the other's text, not among its names: where one begins is a guess.
    """
    total = len(ours) + len(theirs)
    if not total:
        return 0.0, 0.0, 1.0
    shared = sum(_presence(name, their_text) for name in ours) + sum(
        _presence(name, our_text) for name in theirs
    )
    return shared / total, float(bool(ours) and bool(theirs) and not shared), 0.0


def _main_shared(names: Sequence[str], text: str) -> float:
    return _presence(names[0], text) if names else 0.5


def _presence(name: str, text: str) -> float:
    """1 when ``name`` stands in ``text``; 0.7 when a run of it does: three or more characters, six tenths.

    People write a name with a character wrong or a part left out: 望江新城 for 华美望江新城.
    """
    if name in text:
        return 1.0
    for part in _parts_of(name):
        if part in text:
            return 0.7
    return 0.0


@lru_cache(maxsize=1 << 14)
def _parts_of(name: str) -> tuple[str, ...]:
    if len(name) < 4 or name.isdigit():
        return ()
    length = max(3, -(-len(name) * 6 // 10))
    return tuple(name[start : start + length] for start in range(len(name) - length + 1))
