"""Does the answer stay when only the writing changes?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from eval.answers import PIECE, Answerer, resolved
from eval.letters import Letter
from eval.metrics import measure
from eval.metrics.bootstrap import by_group
from eval.metrics.measure import not_measured
from eval.perturbations import PERTURBATIONS, Perturbation
from model.ticket import Ticket

SEED = 20170101


def robustness(
    router: Answerer, letters: Sequence[Letter], *, sample: int, draws: int, on_rows: Callable[[int], object]
) -> list[dict[str, Any]]:
    """Per perturbation, as in ``schema.json``: share of changed departments and accuracy lost.

    Measured on up to ``sample`` letters, spread evenly over the data; no letters, or a sample of 0, give
    nothing.
    """
    places = np.unique(np.linspace(0, len(letters) - 1, min(sample, len(letters))).round().astype(int))
    chosen = [letters[place] for place in places]
    if not chosen:
        return []
    truth = [resolved(router.taxonomy, letter.department) for letter in chosen]
    before = _departments(router, [letter.ticket for letter in chosen], on_rows)
    sampling = by_group([letter.group for letter in chosen], draws=draws)
    labelled = np.array([code is not None for code in truth])
    entries = []
    for name, perturbation in PERTURBATIONS.items():
        after = _departments(router, _perturbed(chosen, perturbation), on_rows)
        changed = [one != other for one, other in zip(before, after, strict=True)]
        lost = [
            float(one == true) - float(other == true)
            for one, other, true in zip(before, after, truth, strict=True)
        ]
        told = (
            measure.mean(np.array(lost)[labelled], sampling.of(labelled))
            if labelled.any()
            else not_measured()
        )
        entries.append(
            {"name": name, "changed": measure.share(changed, sampling).as_json(), "lost": told.as_json()}
        )
    return entries


def _perturbed(letters: Sequence[Letter], perturbation: Perturbation) -> list[Ticket]:
    """Each letter by its own dice, so that it is changed alike whatever letters stand beside it."""
    return [perturbation(letter.ticket, Random(f"{SEED} {letter.text}")) for letter in letters]


def _departments(router: Answerer, tickets: Sequence[Ticket], on_rows: Callable[[int], object]) -> list[str]:
    codes: list[str] = []
    for start in range(0, len(tickets), PIECE):
        piece = router.predict(tickets[start : start + PIECE], explain="none")
        codes += [prediction.department.code for prediction in piece]
        on_rows(len(piece))
    return codes
