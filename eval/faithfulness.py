"""Do the words that an answer gives as its reasons carry it? Deleting them must cost more than deleting others.

Comprehensiveness of DeYoung et al. 2020 (ERASER), against random spans of the same lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from model.prediction import Prediction, Span
from model.router import Explain, Router
from model.ticket import Ticket

SEED = 20240601
_TRIES = 50


def faithfulness(router: Router, tickets: Sequence[Ticket], *, explain: Explain) -> dict[str, Any]:
    """Mean loss of the department's probability when its evidence is deleted, and when random spans are.

    ``more`` is the share of letters that lose more by the evidence. Letters without room for as many other spans
    are left out.
    """
    dice = Random(SEED)
    by_evidence, by_chance = [], []
    for ticket in tickets:
        (prediction,) = router.predict([ticket], explain=explain)
        spans = prediction.evidence.spans
        others = _elsewhere(prediction, dice)
        if not spans or others is None:
            continue
        masked = Ticket(prediction.masked.content, title=prediction.masked.title)
        codes, found = router.probabilities(
            [masked, _without(masked, _places(spans)), _without(masked, others)]
        )
        before, evidence, chance = found[:, codes.index(prediction.department.code)].tolist()
        by_evidence.append(before - evidence)
        by_chance.append(before - chance)
    return {
        "letters": len(by_evidence),
        "lost_by_evidence": round(float(np.mean(by_evidence)), 4),
        "lost_by_chance": round(float(np.mean(by_chance)), 4),
        "more": round(float(np.mean(np.array(by_evidence) > np.array(by_chance))), 4),
    }


_Place = tuple[str, int, int]


def _places(spans: Sequence[Span]) -> list[_Place]:
    return [(span.field, span.start, span.end) for span in spans]


def _elsewhere(prediction: Prediction, dice: Random) -> list[_Place] | None:
    """As many spans of the same lengths that touch neither the evidence nor each other; None when there is no room."""
    texts = {"title": prediction.masked.title, "content": prediction.masked.content}
    taken = _places(prediction.evidence.spans)
    found: list[_Place] = []
    for span in prediction.evidence.spans:
        length = span.end - span.start
        fields = [field for field, text in texts.items() if len(text) > length]
        for _ in range(_TRIES if fields else 0):
            field = dice.choices(fields, weights=[len(texts[field]) for field in fields])[0]
            start = dice.randrange(len(texts[field]) - length)
            place = (field, start, start + length)
            if not any(_touch(place, other) for other in (*taken, *found)):
                found.append(place)
                break
        else:
            return None
    return found


def _touch(one: _Place, other: _Place) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _without(ticket: Ticket, places: Sequence[_Place]) -> Ticket:
    parts = {"title": ticket.title, "content": ticket.content}
    for field, start, end in sorted(places, key=lambda place: place[1], reverse=True):
        parts[field] = parts[field][:start] + parts[field][end:]
    return Ticket(parts["content"], title=parts["title"])
