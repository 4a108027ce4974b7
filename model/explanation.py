"""Why the department won: the pieces of the text that spoke for it.

The lexical model's own weights come with every answer; on request, occlusion of the whole model: each
clause and word is taken out in turn, and what the probability loses is its weight (Zeiler and Fergus 2014).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from model.ngrams import Document, word_bounds
from model.prediction import Evidence, Field, RuleHit, Span
from model.text.prepared import Prepared

F32 = NDArray[np.float32]
MOST_SPANS = 6
_PLACEHOLDER = re.compile(r"\[[A-Z]+\]")
_MARKS = re.compile(r"[\s，。！？、；：,.!?;:()（）\"'“”《》\[\]【】]")


def lexical_evidence(prepared: Prepared, department: str, weights: F32) -> Evidence:
    """The strongest words by the lexical model. ``weights`` (L,) are per character of ``document.text``."""
    return Evidence(
        department, "lexical", _strongest(prepared, _word_weights(prepared.document.text, weights))
    )


def occlusion_evidence(
    prepared: Prepared,
    department: str,
    probability: Callable[[Sequence[Document]], F32],
) -> Evidence:
    """The strongest words by the whole model. ``probability`` gives the department's (N,) for N documents."""
    document = prepared.document
    pieces = _pieces(document)
    variants = [_without(document, start, end) for start, end in pieces]
    found = probability([document, *variants])
    weighed = [
        (start, end, float(found[0] - left)) for (start, end), left in zip(pieces, found[1:], strict=True)
    ]
    return Evidence(department, "occlusion", _strongest(prepared, weighed))


def _word_bounds(text: str) -> list[tuple[int, int]]:
    """Words that may speak for a department: no marks, and nothing of a placeholder for personal data."""
    hidden = [found.span() for found in _PLACEHOLDER.finditer(text)]
    return [
        (start, end)
        for start, end in zip(*word_bounds(text), strict=True)
        if not _MARKS.fullmatch(text, start, end)
        and not any(low < end and start < high for low, high in hidden)
    ]


def _word_weights(text: str, weights: F32) -> list[tuple[int, int, float]]:
    return [(start, end, float(weights[start:end].sum())) for start, end in _word_bounds(text)]


def _pieces(document: Document, most: int = 48) -> list[tuple[int, int]]:
    """Words of a short text; of a long one, runs of words, so that ``most`` passes are enough.

    No run goes from the title into the content.
    """
    bounds = _word_bounds(document.text)
    size = max(1, -(-len(bounds) // most))
    fields = [list(run) for _, run in groupby(bounds, key=lambda word: _field(document, word[0]))]
    runs = [words[low : low + size] for words in fields for low in range(0, len(words), size)]
    return [(run[0][0], run[-1][1]) for run in runs]


def _without(document: Document, start: int, end: int) -> Document:
    offset = document.content_start
    if end <= len(document.title):
        return Document(document.title[:start] + document.title[end:], document.content)
    low, high = max(0, start - offset), max(0, end - offset)
    return Document(
        document.title[: min(start, len(document.title))], document.content[:low] + document.content[high:]
    )


def _strongest(prepared: Prepared, weighed: list[tuple[int, int, float]]) -> tuple[Span, ...]:
    """Neighbours that speak for the department are joined; the strongest stay, in order of weight."""
    document = prepared.document
    joined: list[tuple[int, int, float]] = []
    for start, end, weight in weighed:
        if weight <= 0:
            continue
        if joined and joined[-1][1] == start and _field(document, joined[-1][0]) == _field(document, start):
            first, _, before = joined[-1]
            joined[-1] = (first, end, before + weight)
        else:
            joined.append((start, end, weight))
    joined.sort(key=lambda item: -item[2])
    return tuple(_span(prepared, *item) for item in joined[:MOST_SPANS])


def _field(document: Document, start: int) -> Field:
    return "title" if document.title and start < len(document.title) else "content"


def _span(prepared: Prepared, start: int, end: int, weight: float) -> Span:
    field = _field(prepared.document, start)
    shift = 0 if field == "title" else prepared.document.content_start
    low, high, text = prepared.on_masked(field, start - shift, end - shift)
    return Span(field, low, high, text, round(weight, 4))


def hits_on_masked(hits: Sequence[RuleHit], prepared: Prepared) -> tuple[RuleHit, ...]:
    """Rule hits on the normalised text, moved to the masked text that people see."""
    moved = []
    for hit in hits:
        low, high, text = prepared.on_masked(hit.field, hit.start, hit.end)
        moved.append(RuleHit(hit.rule, hit.level, hit.field, low, high, text))
    return tuple(moved)
