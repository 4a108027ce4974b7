"""Simple methods on the same tickets: what a bundle must be better than to be worth its trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.letters import Letter
from eval.metrics import measure
from eval.metrics.bootstrap import by_group
from eval.metrics.checks import Ints
from eval.tickets import ScoredTicket, group_names
from model.errors import FenboError
from model.lexical import LexicalModel
from model.taxonomy import Taxonomy
from model.text.prepared import prepare

FILE = "baseline.npz"
"""Where a bundle keeps its TF-IDF and linear machine, fitted once on its own training letters; arrays alone."""

MAJORITY = "多数类（全部派给训练里最多的单位）"
LINEAR = "字符 1–3 元 TF-IDF + LinearSVC（同样的训练信件）"
LEXICAL = "只用词面模型（线性）"
_LEXICAL_FILE = "lexical.npz"


def baselines(
    folder: Path,
    taxonomy: Taxonomy,
    codes: Sequence[str],
    letters: Sequence[Letter],
    tickets: Sequence[ScoredTicket],
    *,
    counts: Mapping[str, int] | None,
    draws: int,
) -> list[dict[str, Any]]:
    """Each simple method's accuracy, macro-F1 and top 3 on the labelled tickets, as in ``schema.json``.

    ``codes`` (K,) are the bundle's columns, ``counts`` its training letters by department. A method that the
    bundle does not carry is left out. Raises FenboError for a damaged file.
    """
    labelled = [row for row, ticket in enumerate(tickets) if ticket.true_department is not None]
    if not labelled:
        return []
    place = {code: number for number, code in enumerate(codes)}
    truth = np.array([place.get(str(tickets[row].true_department), len(codes)) for row in labelled])
    ranked: dict[str, Ints] = {}
    known = {code: count for code, count in (counts or {}).items() if code in place}
    if known:
        by_size = sorted(known, key=lambda code: -known[code])[:3]
        ranked[MAJORITY] = np.tile([place[code] for code in by_size], (len(labelled), 1))
    documents = [prepare(letters[row].ticket).document for row in labelled]
    for name, file in ((LINEAR, folder / FILE), (LEXICAL, folder / _LEXICAL_FILE)):
        if file.is_file():
            model = LexicalModel.load(file)
            ranked[name] = _best(model.scores(documents), _owners(model, taxonomy, place, file))
    sampling = by_group(group_names([tickets[row] for row in labelled]), draws=draws)
    return [
        {
            "name": name,
            "accuracy": measure.share(best[:, 0] == truth, sampling).as_json(),
            "top3": measure.share((best == truth[:, None]).any(axis=1), sampling).as_json(),
            "macro_f1": measure.macro_f1(truth, best[:, 0], sampling, classes=len(codes) + 1).as_json(),
        }
        for name, best in ranked.items()
    ]


def _best(scores: np.ndarray[Any, Any], owners: Ints) -> Ints:
    """The likeliest three columns of the bundle for each letter, shape (N, 3), by the model's scores (N, C).

    A department's score is that of the likeliest one whose work it does today.
    """
    live = np.full((scores.shape[0], int(owners.max()) + 1), -np.inf)
    for column, owner in enumerate(owners):
        live[:, owner] = np.maximum(live[:, owner], scores[:, column])
    best: Ints = np.argsort(-live, axis=1, kind="stable")[:, :3].astype(np.intp)
    return best


def _owners(model: LexicalModel, taxonomy: Taxonomy, place: Mapping[str, int], file: Path) -> Ints:
    live = [taxonomy.resolve(code) for code in model.codes]
    strange = sorted(set(live) - place.keys())
    if strange:
        raise FenboError(f"{file}: department {strange[0]!r} is not the bundle's; train the bundle again")
    return np.array([place[code] for code in live], dtype=np.intp)
