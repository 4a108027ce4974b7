"""Is a bundle examined on letters that it was trained on? Copies are left out, or refused where there are
many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import FenboError
from model.fingerprints import NEAR, KnownTexts, exact_hash, fingerprints, near_copies

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

    @property
    def copies(self) -> frozenset[int]:
        """All rows that are copies."""
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
            "share": round(self.share, 6),
            "allowed": allowed,
            "left_out": 0 if allowed else len(self.copies),
            "lines": [lines[row] for row in sorted(self.copies)][:_MOST_LINES],
        }


def find_copies(texts: Sequence[str], known: KnownTexts, *, threshold: float = NEAR) -> Leak:
    """Compare N letters (title and content together) with those that a bundle was trained on.

    ``threshold`` is the estimated Jaccard similarity of character 4-grams from which a letter counts as a
    near-copy: at the default one, 997 in 1,000 letters with a tenth of their characters edited are found.
    """
    hashes = set(known.exact.tolist())
    exact = tuple(row for row, text in enumerate(texts) if exact_hash(text) in hashes)
    same = set(exact)
    others = [row for row in range(len(texts)) if row not in same]
    pairs = near_copies(fingerprints(texts[row] for row in others), known.near, threshold=threshold)
    near = sorted({others[query] for query, _, _ in pairs})
    return Leak(rows=len(texts), exact=exact, near=tuple(near))


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
