"""Is this a citizen's request at all, and one of a sort that was seen before?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.decision import SHORTEST
from model.lexical import Terms
from model.ngrams import Document, Occurrences

F32 = NDArray[np.float32]

UNFAMILIAR = 0.35
"""Share of known character pairs below which a text is like nothing the model was trained on."""


def familiarity(terms: Terms, found: Occurrences, count: int) -> F32:
    """Share of each document's character pairs that the vocabulary knows, (count,); 0 where there are none."""
    pairs = (found.family == 0) & (found.end - found.start == 2)
    known = terms.place[pairs] >= 0
    total = np.bincount(found.document[pairs], minlength=count)
    hits = np.bincount(found.document[pairs], weights=known, minlength=count)
    return (hits / np.maximum(total, 1)).astype(np.float32)


def too_short(document: Document) -> bool:
    """Fewer letters and digits than a request can be said in."""
    return sum(character.isalnum() for character in document.text) < SHORTEST
