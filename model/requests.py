"""Does a letter hold a second request, for another department? Then a person decides whether to split it.

A letter with two requests can be cut at the end of a sentence so that one part speaks for one department and
the other for another. The lexical model is additive, so one pass over the letter's features scores both parts
of every cut. What the parts say is weighed with what the words say (另外, 两件事, "请城管…，请供电…").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.addressees import asked_bodies
from model.lexical import F32, LexicalModel
from model.ngrams import FAMILIES, Document, Occurrences

I64 = NDArray[np.int64]

SHARPNESS_OF_WHOLE = 5.0
"""Inverse temperature of a letter's lexical scores, about what calibration finds. Constant, because the rule
below was fitted with it: how a bundle is calibrated must not move the rule."""

SHARPNESS = 2.0
"""Inverse temperature of a part's scores; a part is shorter than a letter and proves less."""

FITTED_CODES = 50
"""Departments of the bundle that the rule was fitted on; probabilities are scaled to be of one in so many."""

SHORTEST_PART = 5
"""Characters that a part must have."""

MOST_CUTS = 24
"""Cuts that are tried; of a longer letter's, every second or third, so that the time stays linear."""

_TURN = (
    "另外(?!一)|另(?=[，想请有])|此外|还有|再者|再就是|再说|再问|再有|顺便|顺带|其次|第二[件，、是点]|二来|"
    "另一[件个]|与此同时|同时|还想|也想问|也请"
)
_CUTS = re.compile(rf"[。;？！]+\s*|[，、\s](?={_TURN}|二是)")
# At the head of a clause: "可否同时领取" turns to nothing.
_TURNS = re.compile(rf"(?:^|[，。;？！、\s])(?:{_TURN})")
# Two and no more: a list of three or four is mostly about one matter.
_COUNTED = re.compile(
    "[两二2](?:件|个|项|桩|样)(?:事|问题|诉求)|[问说求映询诉][两二]件|两方面|第一件|一个是.{2,30}一个是|"
    "一是.{2,80}二是(?!.*三是)|各管|各找"
)

# No letters of the title: it may name either request, and stands before both.
_FAMILIES_OF_PARTS = FAMILIES.index("title")

_NO_CUT = -9.0
"""Stands for the parts of a letter that cannot be cut: as bad as the worst cuts are."""

# How much the whole letter's opinion, and being asked to act, count beside the best cut when the second
# department is chosen. Coarse on purpose: any values from 0.2 to 0.4 and from 2 to 4 name 46 or 47 of the 60
# pairs of departments in the letters below.
_WHOLE_IN_CHOICE = 0.3
_ASKED_IN_CHOICE = 4.0

# A logistic regression (L2, C = 1) on training/letters/two_requests.csv (60 double, 40 single letters), the
# 1546 of Shenzhen's dev.csv, each once with and once without its title, and the 1238 letters of
# cold_departments and emergencies, with weights of 8, 6, 0.3 and 0.3 a letter; the signs came from lexical
# models that had not seen the letter. The intercept was then lowered by 1.1, so that fewer than 2 % of dev.csv
# reach 0.5 without their titles too (many channels have none): a letter that does goes to a person.
_INTERCEPT = 9.1
_PARTS = 0.8
_WHOLE = 0.6
_ASKED = 1.8
_SEVERAL_ASKED = 3.8
_CUES = 2.3
_LENGTH = -1.35


@dataclass(frozen=True, slots=True)
class Search:
    """What the search needs of a bundle.

    ``codes`` are the K live departments; ``owner`` (columns of the lexical model) is the place among them
    that each column counts for; ``bodies`` is the department's code for each everyday name of a public body.
    """

    lexical: LexicalModel
    codes: tuple[str, ...]
    owner: Sequence[int]
    bodies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a second request, and for which department it would be (place among the codes).

    ``parts``: logarithm of the probability that one part is the first department's and the other the
    second's, for the best cut. ``whole``: logarithm of the whole letter's probability for the second
    department. ``asked``: the letter asks the second department to act; ``several_asked``: it asks two or
    more. ``cues``: 0 to 2, words that turn to another matter and words that count matters. ``length``:
    logarithm of the number of characters; a longer letter has more cuts to find a good one by chance.
    """

    department: int
    parts: float
    whole: float
    asked: bool
    several_asked: bool
    cues: int
    length: float


def second_requests(
    documents: Sequence[Document], found: Occurrences, scores: F32, best: Sequence[str], search: Search
) -> list[tuple[str, float] | None]:
    """For each of N letters the other request's department and the probability that there is one (from 0.5).

    None stands for a letter with one request. ``found`` are the occurrences of all letters, ``scores``
    (N, columns) the lexical model's raw scores, ``best`` (N) the codes of the departments that the whole
    model holds for the likeliest.
    """
    order = np.argsort(found.document, kind="stable")
    bounds = np.searchsorted(found.document[order], np.arange(len(documents) + 1))
    result: list[tuple[str, float] | None] = []
    whole = _log_live(scores, SHARPNESS_OF_WHOLE, search)
    for row, (document, code) in enumerate(zip(documents, best, strict=True)):
        mine = order[bounds[row] : bounds[row + 1]]
        signs = signs_of(document, _at(found, mine), whole[row], code, search)
        probability = _probability(signs)
        result.append((search.codes[signs.department], probability) if probability >= 0.5 else None)
    return result


def signs_of(document: Document, found: Occurrences, whole: F32, best: str, search: Search) -> Signs:
    """The signs of one letter. ``found`` are its occurrences alone, ``whole`` as in :class:`Signs`, (K,)."""
    text = document.text
    place = {code: index for index, code in enumerate(search.codes)}
    asked = {place[search.bodies[body]] for body in asked_bodies(text) if body in search.bodies}
    first = place[best]
    parts = _parts(document, found, first, search)
    merit = parts + _WHOLE_IN_CHOICE * whole
    merit[list(asked)] += _ASKED_IN_CHOICE
    merit[first] = -np.inf
    second = int(merit.argmax())
    return Signs(
        department=second,
        parts=float(parts[second]),
        whole=float(whole[second]),
        asked=second in asked,
        several_asked=len(asked) > 1,
        cues=bool(_TURNS.search(text)) + bool(_COUNTED.search(text)),
        length=float(np.log(max(1, len(text)))),
    )


def _probability(signs: Signs) -> float:
    evidence = (
        _INTERCEPT
        + _PARTS * signs.parts
        + _WHOLE * signs.whole
        + _ASKED * signs.asked
        + _SEVERAL_ASKED * signs.several_asked
        + _CUES * signs.cues
        + _LENGTH * signs.length
    )
    return float(1 / (1 + np.exp(-evidence)))


def _at(found: Occurrences, index: I64) -> Occurrences:
    return Occurrences(
        document=found.document[index],
        key=found.key[index],
        family=found.family[index],
        start=found.start[index],
        end=found.end[index],
    )


def _cuts(document: Document) -> I64:
    """Offsets in the text where a part may end and the other begin."""
    low, high = document.content_start + SHORTEST_PART, len(document.text) - SHORTEST_PART
    cuts = [match.end() for match in _CUTS.finditer(document.text) if low <= match.end() <= high]
    return np.array(cuts[:: len(cuts) // MOST_CUTS + 1], dtype=np.int64)


def _parts(document: Document, found: Occurrences, first: int, search: Search) -> F32:
    """:attr:`Signs.parts` for each department as the second, (K,)."""
    cuts = _cuts(document)
    if not len(cuts):
        return np.full(len(search.codes), _NO_CUT, dtype=np.float32)
    before, after = part_scores(search.lexical, found, cuts, document)
    left, right = _log_live(before, SHARPNESS, search), _log_live(after, SHARPNESS, search)
    parts: F32 = np.maximum(left[:, [first]] + right, right[:, [first]] + left).max(axis=0)
    return parts


def _log_live(scores: F32, sharpness: float, search: Search) -> F32:
    """Logarithmic probabilities (rows, K) of the live departments from scores of the model's columns.

    Scaled by the number of departments: among 7, one has a seventh by chance, among 50 a fiftieth.
    """
    odds = np.exp(sharpness * (scores - scores.max(axis=1, keepdims=True)))
    live = np.zeros((len(search.codes), len(scores)), dtype=np.float32)
    np.add.at(live, np.asarray(search.owner), (odds / odds.sum(axis=1, keepdims=True)).T)
    logarithms: F32 = np.log(np.maximum(live * (len(search.codes) / FITTED_CODES), 1e-9)).T
    return logarithms


def part_scores(lexical: LexicalModel, found: Occurrences, cuts: I64, document: Document) -> tuple[F32, F32]:
    """Scores (cuts, columns) of the text before and of the text after each cut, without the title.

    As :meth:`LexicalModel.scores` of either part as a letter of its own: the n-th occurrence of a term adds
    what the sub-linear weight of n grows by over that of n - 1, so that weights and squared lengths are sums.
    """
    mine = np.flatnonzero((found.family < _FAMILIES_OF_PARTS) & (found.start >= document.content_start))
    index = lexical.vocabulary.look_up(found.key[mine])
    known, index = mine[index >= 0], index[index >= 0]
    start, end = found.start[known], found.end[known]
    family = found.family[known].astype(np.int64)
    before, after = _times(index)
    rows = lexical.weights[index].astype(np.float32)
    idf = lexical.vocabulary.idf[index]

    def scores(inside: NDArray[np.bool_], times: I64) -> F32:
        weight, previous = _sublinear(times + 1), _sublinear(times)
        energy = np.zeros((len(index), _FAMILIES_OF_PARTS), dtype=np.float32)
        energy[np.arange(len(index)), family] = (weight**2 - previous**2) * idf**2
        length = np.sqrt(np.maximum(inside @ energy, 1e-12))
        unit = (lexical.vocabulary.family_weight[:_FAMILIES_OF_PARTS] / length)[:, family]
        result: F32 = (inside * unit * ((weight - previous) * idf)) @ rows * lexical.scale + lexical.bias
        return result

    return scores(end <= cuts[:, None], before), scores(start >= cuts[:, None], after)


def _times(index: I64) -> tuple[I64, I64]:
    """How often each occurrence's term stands before it, and how often after it.

    Occurrences of one term are in the order of the text, as :func:`model.ngrams.occurrences` gives them.
    """
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    new = np.ones(len(index), dtype=np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.flatnonzero(new)
    count = np.diff(first, append=len(index))
    before, after = np.empty_like(index), np.empty_like(index)
    before[order] = np.arange(len(index)) - np.repeat(first, count)
    after[order] = np.repeat(count, count) - 1 - before[order]
    return before, after


def _sublinear(times: I64) -> F32:
    """1 + log n, and 0 for none: the lexical model's weight of a term that stands n times."""
    return np.where(times > 0, 1 + np.log(np.maximum(times, 1)), 0).astype(np.float32)
