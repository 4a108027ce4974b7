"""How well the same matter is recognised: pairs by their probability, clusters by who stands with whom.

Measured through the commands' own functions, so that what is told is what ``fenbo pairs`` and
``fenbo duplicates`` answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eval.letters import Letter
from eval.metrics import measure
from eval.metrics.bootstrap import by_group
from eval.metrics.checks import Ints
from eval.metrics.measure import not_measured, number
from eval.metrics.pairs import DIFFERENT, RELATED, SAME, b_cubed
from model.duplicates.files import duplicates_file, pairs_file
from model.duplicates.score import PairScorer
from model.duplicates.words import WordTable
from model.errors import FenboError
from model.records import Problem, open_table, write_rows

if TYPE_CHECKING:
    from model.router import Router

MOST_OF_A_CLUSTER = 12
"""Letters of one cluster that are paired; a petition of hundreds must not drown the rest."""

NEAREST = 2
"""Letters of other clusters that each letter is paired with: those whose meaning is nearest."""

_TEXTS = ("title_a", "text_a", "title_b", "text_b")
_LABELS = {"0": DIFFERENT, "1": RELATED, "2": SAME}


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two letters and whether they are DIFFERENT, RELATED or the SAME matter."""

    title_a: str
    text_a: str
    title_b: str
    text_b: str
    label: int


def read_pairs(path: Path) -> list[LabelledPair]:
    """Pairs of a file with ``text_a, text_b, label`` (0, 1, 2) and perhaps ``title_a, title_b``.

    Raises FenboError where a column is missing, a row cannot be read or has another label, or there is no row.
    """
    table = open_table(path)
    present = table.columns({*_TEXTS, "label"})
    missing = [name for name in ("text_a", "text_b", "label") if name not in present]
    if missing:
        raise FenboError(f"--pairs {path}: no column {', '.join(missing)}; found {', '.join(present)}")
    pairs = []
    for row in table.rows({*_TEXTS, "label"} & set(present)):
        if isinstance(row, Problem):
            raise FenboError(f"--pairs {path}, line {row.line}: {row.reason}")
        told = str(row.cells.get("label", "")).strip()
        if told not in _LABELS:
            raise FenboError(
                f"--pairs {path}, line {row.line}: label is {told!r}; allowed: 0 different, 1 related, 2 same matter"
            )
        texts = {name: str(row.cells.get(name) or "") for name in _TEXTS}
        pairs.append(LabelledPair(**texts, label=_LABELS[told]))
    if not pairs:
        raise FenboError(f"--pairs {path}: 0 pairs; at least one is needed")
    return pairs


def pairs_part(
    bundle: Path,
    pairs: Sequence[LabelledPair],
    *,
    source: str,
    draws: int,
    clusters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Pair average precision, F1 and over-merging, as in ``schema.json``; ``clusters`` is the B-cubed part.

    Raises FenboError where no pair has any text.
    """
    probability = _probabilities(bundle, pairs)
    told = ~np.isnan(probability)
    if not told.any():
        raise FenboError(f"{source}: none of {len(pairs)} pairs has text on both sides")
    known = [pair for pair, has in zip(pairs, told, strict=True) if has]
    score, label = probability[told], np.array([pair.label for pair in known])
    threshold = PairScorer.of_bundle(bundle).threshold
    sampling = by_group(_sharing_a_letter(known), draws=draws)
    same, related = label == SAME, label == RELATED
    both = same.any() and not same.all()
    merged = (
        measure.share(score[related] >= threshold, sampling.of(related)) if related.any() else not_measured()
    )
    return {
        "source": source,
        "n": len(known),
        "average_precision": (
            measure.average_precision(score, same, sampling) if both else not_measured()
        ).as_json(),
        "f1": (measure.f1_at(score, same, threshold, sampling) if both else not_measured()).as_json(),
        "threshold": number(threshold),
        "over_merged": merged.as_json(),
        "b_cubed": clusters,
    }


def clusters_part(router: Router, letters: Sequence[Letter], *, draws: int) -> dict[str, Any] | None:
    """The same from letters with a cluster; None where no two of them share one.

    Pairs are those within a cluster (SAME) and each letter with its nearest of other clusters (RELATED).
    B-cubed compares the clusters that the bundle makes of all letters with the labelled ones.
    """
    labelled = [row for row, letter in enumerate(letters) if letter.cluster]
    names = [letters[row].cluster for row in labelled]
    if len(set(names)) == len(names):
        return None
    made = _clusters(router.folder, letters)
    precision, recall, f1 = b_cubed(names, [made[row] for row in labelled])
    chosen = [letters[row] for row in labelled]
    return pairs_part(
        router.folder,
        _within(chosen) + _nearest(PairScorer.of_bundle(router.folder).words, chosen),
        source="cluster",
        draws=draws,
        clusters={
            "precision": number(precision),
            "recall": number(recall),
            "f1": number(f1),
            "n": len(names),
        },
    )


def _probabilities(bundle: Path, pairs: Sequence[LabelledPair]) -> NDArray[np.float64]:
    """Probability of each pair, shape (P,); NaN where a side has no text."""
    with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
        source, target = Path(folder) / "pairs.jsonl", Path(folder) / "scored.jsonl"
        write_rows(source, ({name: getattr(pair, name) for name in _TEXTS} for pair in pairs), _TEXTS)
        pairs_file(bundle, source, target, on_problem=_refuse)
        found = _column(target, "probability")
    return np.array([np.nan if value is None else float(str(value)) for value in found])


def _clusters(bundle: Path, letters: Sequence[Letter]) -> list[str]:
    """Name of the cluster that the bundle puts each letter into."""
    fields = ("ticket_id", "title", "content", "created_at", "district", "address")
    with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
        source, target = Path(folder) / "letters.jsonl", Path(folder) / "clusters.jsonl"
        rows = (
            {
                "ticket_id": str(place),
                "title": letter.ticket.title,
                "content": letter.ticket.content,
                "created_at": letter.ticket.created_at,
                "district": letter.ticket.location.district,
                "address": letter.ticket.location.address,
            }
            for place, letter in enumerate(letters)
        )
        write_rows(source, rows, fields)
        duplicates_file(bundle, source, target, on_problem=_refuse)
        return [str(name) for name in _column(target, "cluster")]


def _within(letters: Sequence[Letter]) -> list[LabelledPair]:
    members: dict[str, list[Letter]] = {}
    for letter in letters:
        members.setdefault(letter.cluster, []).append(letter)
    return [
        _pair(a, b, SAME)
        for cluster in members.values()
        for a, b in combinations(cluster[:MOST_OF_A_CLUSTER], 2)
    ]


def _nearest(words: WordTable, letters: Sequence[Letter]) -> list[LabelledPair]:
    vectors = words.embed([letter.text for letter in letters])
    clusters = np.unique([letter.cluster for letter in letters], return_inverse=True)[1]
    chosen: set[tuple[int, int]] = set()
    for row in range(len(letters)):
        near = vectors @ vectors[row]
        near[clusters == clusters[row]] = -np.inf
        for other in np.argsort(-near, kind="stable")[:NEAREST]:
            if np.isfinite(near[other]):
                chosen.add((min(row, int(other)), max(row, int(other))))
    return [_pair(letters[a], letters[b], RELATED) for a, b in sorted(chosen)]


def _pair(a: Letter, b: Letter, label: int) -> LabelledPair:
    return LabelledPair(a.ticket.title, a.ticket.content, b.ticket.title, b.ticket.content, label)


def _sharing_a_letter(pairs: Sequence[LabelledPair]) -> Ints:
    """Group of each pair, shape (P,): pairs that share a letter, directly or through others, are one."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(letter: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(letter, letter) != letter:
            parent[letter] = parent[parent[letter]]
            letter = parent[letter]
        return letter

    for pair in pairs:
        parent[root((pair.title_a, pair.text_a))] = root((pair.title_b, pair.text_b))
    numbers: dict[tuple[str, str], int] = {}
    return np.array(
        [numbers.setdefault(root((pair.title_a, pair.text_a)), len(numbers)) for pair in pairs], dtype=np.intp
    )


def _column(file: Path, name: str) -> list[object]:
    """The cells of one column, in order."""
    cells = []
    for row in open_table(file).rows({name}):
        if isinstance(row, Problem):
            raise FenboError(f"{file.name}, row {row.line}: {row.reason}")
        cells.append(row.cells.get(name))
    return cells


def _refuse(problem: Problem) -> None:
    raise FenboError(f"row {problem.line}: {problem.reason}")
