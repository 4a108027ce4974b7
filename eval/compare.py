"""Is B better than A? On the same tickets, ticket by ticket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from eval.metrics.bootstrap import DRAWS, Resampling, by_group, drawn_from_sums, normal_limits
from eval.metrics.checks import Bools, Floats
from eval.metrics.paired import holm, mcnemar
from eval.tickets import Outcome, group_names
from eval.verdict import words
from model.errors import FenboError

FORMAT = "fenbo-comparison/1"
MOST_EXAMPLES = 40
SURE, LIKELY = 0.01, 0.05
"""How rarely chance alone may make as large a difference for a verdict to be sure, or to be told as
likely.
"""

Verdict = Literal["same", "better", "likely_better", "likely_worse", "worse"]
Reading = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of A and of B, each in [0, 1], and B - A with its 95 % interval; None where not defined."""

    name: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int
    p: float | None
    """Chance of as large a difference between equals; beside accuracy, in any of the measures (Holm 1979)."""

    @property
    def worse(self) -> bool:
        """Whether B is worse beyond chance."""
        return self.p is not None and self.p <= LIKELY and (self.difference or 0.0) < 0

    @property
    def better(self) -> bool:
        """Whether B is better beyond chance."""
        return self.p is not None and self.p <= LIKELY and (self.difference or 0.0) > 0


@dataclass(frozen=True, slots=True)
class DepartmentChange:
    """What changes for the tickets of one true department."""

    code: str
    name: str
    n: int
    right_a: int
    right_b: int
    gained: int
    lost: int
    p: float
    """Chance of as uneven a change in any department, if nothing had changed (Holm 1979)."""


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket on which A and B differ. ``text`` is masked, and empty where texts were not given."""

    ticket_id: str
    truth: str
    a: str
    b: str
    auto_b: bool
    probability_b: float
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict first, the numbers below it."""

    a: str
    b: str
    n: int
    verdict: Verdict
    title: str
    sentences: tuple[str, ...]
    gained: int
    lost: int
    p: float
    """McNemar's exact p-value of routing accuracy."""
    differences: tuple[Difference, ...]
    departments: tuple[DepartmentChange, ...]
    newly_right: tuple[Example, ...]
    newly_broken: tuple[Example, ...]

    def as_json(self) -> dict[str, Any]:
        """The same, for ``comparison.json``, without the examples' texts."""
        told = asdict(self)
        for example in told["newly_right"] + told["newly_broken"]:
            del example["text"]
        return {"format": FORMAT, **told}


def compare(
    a: Sequence[Outcome],
    b: Sequence[Outcome],
    *,
    names: tuple[str, str] = ("A", "B"),
    departments: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    draws: int = DRAWS,
) -> Comparison:
    """Compare two bundles' outcomes of the same tickets in the same order.

    ``departments`` names the codes, ``texts`` holds masked texts by ticket id. Raises FenboError where the
    tickets are not the same or carry no department.
    """
    _check(a, b)
    rows = [(one, other) for one, other in zip(a, b, strict=True) if one.true_department is not None]
    if not rows:
        raise FenboError("compare: no ticket has a department; routing cannot be compared without labels")
    olds, news = [one for one, _ in rows], [other for _, other in rows]
    right_a, right_b = _column(olds, lambda o: o.right), _column(news, lambda o: o.right)
    gained, lost = int((right_b & ~right_a).sum()), int((right_a & ~right_b).sum())
    differences = _differences(a, b, olds, news, draws)
    p = mcnemar(gained, lost)
    verdict = _verdict(differences[0], p)
    changes = _departments(news, right_a, right_b, departments or {})
    title, sentences = words(
        verdict,
        names,
        differences,
        changes,
        rows=len(rows),
        gained=gained,
        lost=lost,
        identical=_identical(a, b),
    )
    examples = _examples(olds, news, departments or {}, texts or {})
    return Comparison(
        a=names[0],
        b=names[1],
        n=len(rows),
        verdict=verdict,
        title=title,
        sentences=sentences,
        gained=gained,
        lost=lost,
        p=p,
        differences=differences,
        departments=changes,
        newly_right=examples(right_b & ~right_a),
        newly_broken=examples(right_a & ~right_b),
    )


def _check(a: Sequence[Outcome], b: Sequence[Outcome]) -> None:
    if len(a) != len(b):
        raise FenboError(f"compare: {len(a)} tickets against {len(b)}; evaluate both on the same data")
    for place, (one, other) in enumerate(zip(a, b, strict=True)):
        labelled = (one.true_department is None, other.true_department is None)
        if one.ticket_id != other.ticket_id or labelled[0] != labelled[1]:
            raise FenboError(
                f"compare: ticket {place + 1} is {one.ticket_id!r} in A and {other.ticket_id!r} in B, or has "
                "a label in one only; evaluate both on the same data"
            )


def _column(outcomes: Sequence[Outcome], reading: Reading) -> Bools:
    return np.array([reading(outcome) for outcome in outcomes], dtype=np.bool_)


def _identical(a: Sequence[Outcome], b: Sequence[Outcome]) -> bool:
    return all(
        (one.department, one.action, one.urgency, one.kind)
        == (other.department, other.action, other.urgency, other.kind)
        for one, other in zip(a, b, strict=True)
    )


def _differences(
    a: Sequence[Outcome], b: Sequence[Outcome], olds: Sequence[Outcome], news: Sequence[Outcome], draws: int
) -> tuple[Difference, ...]:
    """Accuracy first. Each is a share of some tickets of A and of B, but for the macro-F1."""
    routed = by_group(group_names(news), draws=draws)
    found = [
        _share("accuracy", olds, news, routed, lambda o: o.right),
        _macro_f1(olds, news, routed),
        _share("auto_share", olds, news, routed, lambda o: o.action == "auto"),
        _share("auto_accuracy", olds, news, routed, lambda o: o.right, lambda o: o.action == "auto"),
    ]
    others: list[tuple[str, Reading, Reading]] = [
        ("urgency_accuracy", lambda o: o.urgency == o.true_urgency, lambda o: o.true_urgency is not None),
        ("emergency_recall", lambda o: o.urgency == "emergency", lambda o: o.true_urgency == "emergency"),
        (
            "emergency_quiet",
            lambda o: o.urgency != "emergency",
            lambda o: o.true_urgency not in (None, "emergency"),
        ),
        ("kind_accuracy", lambda o: o.kind == o.true_kind, lambda o: o.true_kind is not None),
    ]
    everything = by_group(group_names(b), draws=draws)
    found += [_share(name, a, b, everything, good, of) for name, good, of in others]
    beside = [difference for difference in found[1:] if difference.n]
    chances = iter(holm([difference.p for difference in beside if difference.p is not None]))
    return found[0], *(one if one.p is None else replace(one, p=next(chances)) for one in beside)


def _share(
    name: str,
    a: Sequence[Outcome],
    b: Sequence[Outcome],
    sampling: Resampling,
    good: Reading,
    of: Reading = lambda _: True,
) -> Difference:
    of_a, of_b = _column(a, of), _column(b, of)
    parts = np.column_stack([_column(a, good) & of_a, of_a, _column(b, good) & of_b, of_b]).astype(np.float64)

    def shares(sums: Floats) -> tuple[Floats, Floats]:
        empty = np.full(sums.shape[0], np.nan)
        first = np.divide(sums[:, 0], sums[:, 1], out=empty.copy(), where=sums[:, 1] > 0)
        return first, np.divide(sums[:, 2], sums[:, 3], out=empty, where=sums[:, 3] > 0)

    return _difference(name, parts, shares, sampling, int(max(of_a.sum(), of_b.sum())))


def _macro_f1(a: Sequence[Outcome], b: Sequence[Outcome], sampling: Resampling) -> Difference:
    everyone = (*a, *b)
    codes = sorted({str(o.true_department) for o in everyone} | {o.department for o in everyone})
    number_of = {code: place for place, code in enumerate(codes)}
    hot = np.eye(len(codes))
    parts = []
    for outcomes in (a, b):
        true = hot[[number_of[str(o.true_department)] for o in outcomes]]
        made = hot[[number_of[o.department] for o in outcomes]]
        parts += [true * made, true + made]

    def scores(sums: Floats) -> tuple[Floats, Floats]:
        right_a, whole_a, right_b, whole_b = np.split(sums, 4, axis=1)
        return _mean_f1(right_a, whole_a), _mean_f1(right_b, whole_b)

    return _difference("macro_f1", np.hstack(parts), scores, sampling, len(b))


def _mean_f1(right: Floats, whole: Floats) -> Floats:
    scores = np.divide(2 * right, whole, out=np.full(right.shape, np.nan), where=whole > 0)
    mean: Floats = np.nanmean(scores, axis=1)
    return mean


def _difference(
    name: str,
    parts: Floats,
    pair: Callable[[Floats], tuple[Floats, Floats]],
    sampling: Resampling,
    n: int,
) -> Difference:
    def change(sums: Floats) -> Floats:
        first, second = pair(sums)
        return second - first

    first, second = (float(value[0]) for value in pair(parts.sum(axis=0, keepdims=True)))
    low, high = normal_limits(second - first, drawn_from_sums(parts, change, sampling), sampling)
    return Difference(
        name=name,
        a=_known(first),
        b=_known(second),
        difference=_known(second - first),
        low=_known(low),
        high=_known(high),
        n=n,
        p=_known(_chance(second - first, high - low, sampling)),
    )


def _chance(difference: float, width: float, sampling: Resampling) -> float:
    """Two-sided p-value of no difference, the draws' spread taken as that of a normal distribution."""
    if difference == 0.0:
        return 1.0
    if width == 0.0:
        return 0.0
    deviations = abs(difference) / (width / (2 * sampling.deviations))
    return 2.0 * NormalDist().cdf(-deviations)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _verdict(accuracy: Difference, p: float) -> Verdict:
    """Both tests must agree: McNemar takes tickets one by one, the bootstrap takes near-copies together."""
    if p > LIKELY or not (accuracy.better or accuracy.worse):
        return "same"
    if accuracy.better:
        return "better" if p <= SURE else "likely_better"
    return "worse" if p <= SURE else "likely_worse"


def _departments(
    news: Sequence[Outcome], right_a: Bools, right_b: Bools, names: Mapping[str, str]
) -> tuple[DepartmentChange, ...]:
    truth = np.array([outcome.true_department for outcome in news])
    codes, counts = np.unique(truth, return_counts=True)
    changes = []
    for code in codes:
        of = truth == code
        changes.append((int((right_b & ~right_a & of).sum()), int((right_a & ~right_b & of).sum())))
    chances = holm([mcnemar(gained, lost) for gained, lost in changes])
    told = [
        DepartmentChange(
            code=str(code),
            name=names.get(str(code), str(code)),
            n=int(count),
            right_a=int(right_a[truth == code].sum()),
            right_b=int(right_b[truth == code].sum()),
            gained=gained,
            lost=lost,
            p=p,
        )
        for code, count, (gained, lost), p in zip(codes, counts, changes, chances, strict=True)
    ]
    return tuple(sorted(told, key=lambda change: (-abs(change.gained - change.lost), -change.n)))


def _examples(
    olds: Sequence[Outcome], news: Sequence[Outcome], names: Mapping[str, str], texts: Mapping[str, str]
) -> Callable[[Bools], tuple[Example, ...]]:
    def chosen(where: Bools) -> tuple[Example, ...]:
        # Those that nobody would look at before they go out matter most.
        places = [int(place) for place in np.flatnonzero(where)]
        places.sort(key=lambda i: (news[i].action != "auto", -news[i].probability))
        return tuple(
            Example(
                ticket_id=news[i].ticket_id,
                truth=names.get(str(news[i].true_department), str(news[i].true_department)),
                a=names.get(olds[i].department, olds[i].department),
                b=names.get(news[i].department, news[i].department),
                auto_b=news[i].action == "auto",
                probability_b=news[i].probability,
                text=texts.get(news[i].ticket_id, ""),
            )
            for i in places[:MOST_EXAMPLES]
        )

    return chosen
