"""Is a bundle examined on letters that it was trained on? A few are left out, many are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import FenboError
from model.fingerprints import NEAR, KnownTexts, Labels, exact_hash, fingerprints, near_copies

MOST = 0.01
"""Share of copies above which the numbers would flatter too much, or something is wrong with the split."""

_MOST_LINES = 1000


class LeakError(FenboError):
    """Too many of the letters are copies of what the bundle was trained on."""


@dataclass(frozen=True, slots=True)
class Leak:
    """Rows, counted from 0, that are copies of training letters: to the letter, or nearly."""

    rows: int
    exact: tuple[int, ...]
    near: tuple[int, ...]
    text_only: tuple[int, ...] = ()
    """Copies of letters whose text was learned from, but none of the labels that are measured here: kept."""

    @property
    def copies(self) -> frozenset[int]:
        """All rows that are copies with a label that was learned from."""
        return frozenset(self.exact) | frozenset(self.near)

    @property
    def share(self) -> float:
        """Copies among all rows, in [0, 1]."""
        return len(self.copies) / self.rows if self.rows else 0.0

    def as_json(self, lines: Sequence[int], *, allowed: bool) -> dict[str, Any]:
        """The leak as in ``schema.json``; ``lines`` name each row's line in the file."""
        return {
            "rows": self.rows,
            "exact": len(self.exact),
            "near": len(self.near),
            "text_only": len(self.text_only),
            "share": round(self.share, 6),
            "allowed": allowed,
            "left_out": 0 if allowed else len(self.copies),
            "lines": [lines[row] for row in sorted(self.copies)][:_MOST_LINES],
        }


def find_copies(
    texts: Sequence[str],
    known: KnownTexts,
    *,
    labels: Sequence[Labels] | None = None,
    threshold: float = NEAR,
) -> Leak:
    """Compare N letters (title and content together) with those that a bundle was trained on.

    ``labels`` (N) are those that each letter is measured by, all if not given. ``threshold`` is the estimated
    Jaccard similarity of character 4-grams from which a letter counts as a near-copy: at the default one, 997
    in 1,000 letters with a tenth of their characters edited are found.
    """
    learned = dict(zip(known.exact.tolist(), known.labels.tolist(), strict=True))
    seen: dict[int, int] = {}
    exact = set()
    for row, text in enumerate(texts):
        key = exact_hash(text)
        if key in learned:
            seen[row] = learned[key]
            exact.add(row)
    others = [row for row in range(len(texts)) if row not in exact]
    signatures = fingerprints(texts[row] for row in others)
    for query, place, _ in near_copies(signatures, known.near, threshold=threshold):
        row = others[query]
        seen[row] = seen.get(row, 0) | int(known.labels[place])
    asked = labels or [Labels.ALL] * len(texts)
    leaked = {row for row, label in seen.items() if label & asked[row]}
    return Leak(
        rows=len(texts),
        exact=tuple(sorted(leaked & exact)),
        near=tuple(sorted(leaked - exact)),
        text_only=tuple(sorted(seen.keys() - leaked)),
    )


def refuse_many(leak: Leak, lines: Sequence[int]) -> None:
    """Raise LeakError where more than 1 % of the rows are copies."""
    if leak.share <= MOST:
        return
    some = ", ".join(str(lines[row]) for row in sorted(leak.copies)[:5])
    share = f"{len(leak.copies)} of {leak.rows} letters ({100 * leak.share:.1f} %)"
    raise LeakError(
        f"data: {share} are copies of letters that the bundle was trained on (lines {some}, …), above the "
        f"{100 * MOST:g} % allowed; use data that it has not seen, or --allow-leak to see flattering numbers"
    )
