"""A bundle's answers to labelled letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from eval.letters import Letter
from eval.slices import size_band
from eval.tickets import ScoredTicket
from model.errors import FenboError
from model.prediction import URGENCY_CODES, Prediction
from model.taxonomy import Taxonomy, UnknownDepartment
from model.ticket import Ticket

PIECE = 64
LATENCY_SAMPLE = 200
_WARM_UP = 5
_ROUNDING = 0.001


class Answerer(Protocol):
    """What answers, such as ``model.router.Router``."""

    @property
    def name(self) -> str: ...

    @property
    def codes(self) -> tuple[str, ...]:
        """The departments that can be predicted, in the order of the probabilities."""

    taxonomy: Taxonomy

    def predict(
        self, tickets: Sequence[Ticket], *, explain: Literal["none", "lexical", "full"] = "lexical"
    ) -> list[Prediction]: ...

    def answers(
        self, tickets: Sequence[Ticket], *, explain: Literal["none", "lexical", "full"] = "lexical"
    ) -> tuple[list[Prediction], NDArray[np.float32]]:
        """Predictions, and the probabilities (N, K) that they were made from."""


def answer(
    router: Answerer,
    letters: Sequence[Letter],
    *,
    sizes: Mapping[str, int] | None = None,
    on_rows: Callable[[int], object],
) -> tuple[list[ScoredTicket], dict[str, str]]:
    """Answers to all letters, and their masked texts by name.

    Labels are resolved by the bundle's taxonomy; one that it does not know stays as written. ``sizes``
    counts the training letters of each department. ``on_rows`` is told how many letters are done.
    """
    tickets: list[ScoredTicket] = []
    texts: dict[str, str] = {}
    for start in range(0, len(letters), PIECE):
        piece = letters[start : start + PIECE]
        predictions, probabilities = router.answers([letter.ticket for letter in piece], explain="none")
        for letter, prediction, likely in zip(piece, predictions, probabilities, strict=True):
            _agree(router, letter, prediction, likely)
            tickets.append(_scored(router.taxonomy, letter, prediction, likely, sizes))
            masked = prediction.masked
            texts[letter.name] = "\n".join(part for part in (masked.title, masked.content) if part)
        on_rows(len(piece))
    return tickets, texts


def latency(router: Answerer, letters: Sequence[Letter]) -> list[float]:
    """Milliseconds of single predictions on up to 200 letters, spread evenly over the data."""
    if not letters:
        return []
    places = np.unique(np.linspace(0, len(letters) - 1, LATENCY_SAMPLE).round().astype(int))
    sample = [letters[place].ticket for place in places]
    for ticket in sample[:_WARM_UP]:
        router.predict([ticket])
    times = []
    for ticket in sample:
        start = time.perf_counter()
        router.predict([ticket])
        times.append(1000.0 * (time.perf_counter() - start))
    return times


def resolved(taxonomy: Taxonomy, label: str | None) -> str | None:
    """Code of the department in force that a label leads to; the label itself where the taxonomy has none."""
    if label is None:
        return None
    try:
        return taxonomy.resolve(label)
    except UnknownDepartment:
        return label


def _scored(
    taxonomy: Taxonomy,
    letter: Letter,
    prediction: Prediction,
    likely: NDArray[np.float32],
    sizes: Mapping[str, int] | None,
) -> ScoredTicket:
    truth = resolved(taxonomy, letter.department)
    slices = dict(letter.slices)
    if letter.kind:
        slices["kind"] = taxonomy.kind(letter.kind).name
    if sizes is not None and truth is not None:
        slices["department_size"] = size_band(sizes.get(truth, 0))
    levels = prediction.urgency.probabilities
    return ScoredTicket(
        ticket_id=letter.name,
        probabilities=likely,
        action=prediction.decision.action,
        urgency=prediction.urgency.code,
        urgency_probabilities=np.array([levels[code] for code in URGENCY_CODES]),
        kind=prediction.kind.code,
        true_department=truth,
        true_urgency=letter.urgency,
        true_kind=letter.kind,
        group=letter.group,
        slices=slices,
    )


def _agree(router: Answerer, letter: Letter, prediction: Prediction, likely: NDArray[np.float32]) -> None:
    """Refuse to measure probabilities that are not those of the answer."""
    best = prediction.department
    if not np.isfinite(likely).all():
        raise FenboError(
            f"line {letter.line}: {router.name} answers with probabilities that are no numbers (NaN); the bundle is "
            "damaged, copy or train it again"
        )
    if abs(float(likely.max()) - best.probability) > _ROUNDING or best.code not in router.codes:
        raise FenboError(
            f"line {letter.line}: {router.name} answers {best.code} with {best.probability:.4f}, but its "
            f"probabilities reach {float(likely.max()):.4f}; the bundle contradicts itself"
        )
