"""Time-forward evaluation: trained on letters up to a day, tested on those after it, again and again.

A random split asks how well yesterday's letters are told from yesterday's; a city meets tomorrow's. For each
cut the department's model of the fast preset is trained on the letters before it (near-copies of later ones
set aside) and answers every period after it, so that the letters of one period are answered by models of
several ages: the decay is measured on the same letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from eval.answers import resolved
from eval.letters import Letter
from eval.metrics import measure
from eval.metrics.bootstrap import by_group
from eval.metrics.measure import not_measured, number
from eval.tickets import ScoredTicket
from model.calendar import SHANGHAI
from model.decision import Circumstances, decide
from model.errors import FenboError
from model.ngrams import Document
from model.prediction import URGENCY_CODES, Action, Candidate
from model.taxonomy import Taxonomy
from model.text.prepared import prepare
from training.calibrate import fit_blend, fit_decision
from training.lexical import LexicalSettings, fit_lexical
from training.splits import group_split, time_split

Period = Literal["month", "quarter", "year"]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

FEWEST_BEFORE: Final = 300
"""Letters before a cut below which nothing can be learned that is worth testing."""

FEWEST_IN_PERIOD: Final = 20
OLDEST: Final = 7
"""Age in periods up to which the decay is told."""

_CALIBRATED_WITH: Final = 0.1
_SEED: Final = 20170101


@dataclass(frozen=True, slots=True)
class Cut:
    """One training: on N letters before ``start``, tested on ``rows`` (M,) with ``probabilities`` (M, K)."""

    name: str
    start: datetime
    trained_on: int
    rows: I64
    probabilities: F32
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Rolled:
    """``tickets``: every tested letter as the newest model before it answered; ``decay`` as in ``schema.json``."""

    tickets: tuple[ScoredTicket, ...]
    codes: tuple[str, ...]
    decay: dict[str, Any]


def roll(
    letters: Sequence[Letter],
    taxonomy: Taxonomy,
    *,
    period: Period,
    most_cuts: int,
    draws: int,
    settings: LexicalSettings | None = None,
    say: Callable[[str], None],
) -> Rolled:
    """Train at the start of each of the last ``most_cuts`` periods and test on all that comes after.

    Raises FenboError where letters have no time, or too few lie before or after any cut.
    """
    known = [
        letter for letter in letters if letter.ticket.created_at is not None and letter.department is not None
    ]
    if not known:
        raise FenboError(
            "--rolling: no letter has both created_at and department; name the columns, as in "
            "--columns created_at=asked,department=department_code"
        )
    codes = tuple(department.code for department in taxonomy.live())
    names = [letter.slices[period] for letter in known]
    starts = _starts(known, names, period)[-most_cuts:]
    if not starts:
        raise FenboError(
            f"--rolling: no {period} has {FEWEST_IN_PERIOD} letters with {FEWEST_BEFORE} before it; "
            "use more letters or a longer period"
        )
    place = {code: column for column, code in enumerate(codes)}
    truth = np.array([place.get(str(resolved(taxonomy, letter.department)), len(codes)) for letter in known])
    documents = [prepare(letter.ticket).document for letter in known]
    cuts = []
    for name, start in starts:
        cut = _trained_until(
            name, start, known, documents, truth, taxonomy, codes, settings or LexicalSettings()
        )
        say(f"{name}: trained on {cut.trained_on:,} letters, tested on {cut.rows.size:,}")
        cuts.append(cut)
    order = [name for name, _ in _starts(known, names, period)]
    ages = _Ages(cuts, np.array(names), order, truth, [letter.group for letter in known], draws)
    return Rolled(
        tickets=tuple(_newest(cuts, ages, known, taxonomy)),
        codes=codes,
        decay={"period": period, "cuts": ages.of_cuts(), "by_age": ages.decay()},
    )


def _starts(letters: Sequence[Letter], names: Sequence[str], period: Period) -> list[tuple[str, datetime]]:
    """Name and first moment of the periods that can be tested, in order."""
    counts = {name: names.count(name) for name in sorted(set(names))}
    times = sorted(_time(letter) for letter in letters)
    starts = []
    for name, count in counts.items():
        start = _first_moment(name, period)
        before = int(np.searchsorted(np.array([t.timestamp() for t in times]), start.timestamp()))
        if count >= FEWEST_IN_PERIOD and before >= FEWEST_BEFORE:
            starts.append((name, start))
    return starts


def _first_moment(name: str, period: Period) -> datetime:
    if period == "month":
        return datetime(int(name[:4]), int(name[5:]), 1, tzinfo=SHANGHAI)
    month = 1 if period == "year" else 3 * int(name[-1]) - 2
    return datetime(int(name[:4]), month, 1, tzinfo=SHANGHAI)


def _time(letter: Letter) -> datetime:
    assert letter.ticket.created_at is not None
    return letter.ticket.created_at


def _trained_until(
    name: str,
    start: datetime,
    letters: Sequence[Letter],
    documents: Sequence[Document],
    truth: I64,
    taxonomy: Taxonomy,
    codes: tuple[str, ...],
    settings: LexicalSettings,
) -> Cut:
    groups = np.unique([letter.group for letter in letters], return_inverse=True)[1].astype(np.int64)
    split = time_split([letter.ticket.created_at for letter in letters], groups, until=start)
    usable = split.earlier[truth[split.earlier] < len(codes)]
    fit, fitted_with = group_split(
        groups[usable],
        (1 - _CALIBRATED_WITH, _CALIBRATED_WITH),
        _SEED,
        labels=[codes[column] for column in truth[usable]],
    )
    learned, kept = usable[fit], usable[fitted_with]
    model = fit_lexical(
        [documents[row] for row in learned],
        [codes[column] for column in truth[learned]],
        codes=codes,
        settings=settings,
    )
    scores = model.scores([documents[row] for row in kept])
    blend = fit_blend(scores, None, truth[kept])
    thresholds = fit_decision(blend.probabilities(scores, None), truth[kept], codes)
    probabilities = blend.probabilities(model.scores([documents[row] for row in split.later]), None)
    names = [taxonomy.department(code).name for code in codes]
    actions = []
    for row in probabilities:
        best = [Candidate(codes[i], names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:2]]
        actions.append(decide(best, thresholds, Circumstances()).action)
    return Cut(name, start, int(usable.size), split.later, probabilities, tuple(actions))


class _Ages:
    """What models of each age, in periods, said of each letter that they were tested on."""

    def __init__(
        self,
        cuts: Sequence[Cut],
        names: NDArray[np.str_],
        order: Sequence[str],
        truth: I64,
        groups: Sequence[str],
        draws: int,
    ) -> None:
        self._cuts, self._names, self._truth, self._draws = cuts, names, truth, draws
        self._groups = np.array(groups)
        self._place = {name: number for number, name in enumerate(order)}
        self.tested = [self._age_of(cut) for cut in cuts]
        """For each cut, the age (M,) at which it answered each of its rows; -1 in a period too small to count."""

    def of_cuts(self) -> list[dict[str, Any]]:
        """The newest model's accuracy in each period."""
        told = []
        for cut, age in zip(self._cuts, self.tested, strict=True):
            fresh = age == 0
            right = self._right(cut)[fresh]
            sampling = by_group(self._groups[cut.rows[fresh]], draws=self._draws)
            told.append(
                {
                    "period": cut.name,
                    "trained_on": cut.trained_on,
                    "accuracy": measure.share(right, sampling).as_json(),
                }
            )
        return told

    def decay(self) -> list[dict[str, Any]]:
        """Accuracy by age, and what is lost against the newest model on the same letters."""
        fresh = {
            int(row): bool(right)
            for cut, age in zip(self._cuts, self.tested, strict=True)
            for row, right in zip(cut.rows[age == 0], self._right(cut)[age == 0], strict=True)
        }
        return [entry for age in range(OLDEST + 1) if (entry := self._entry(age, fresh)) is not None]

    def _entry(self, age: int, fresh: dict[int, bool]) -> dict[str, Any] | None:
        parts = [(cut, found == age) for cut, found in zip(self._cuts, self.tested, strict=True)]
        rows = np.concatenate([cut.rows[where] for cut, where in parts])
        if rows.size == 0:
            return None
        right = np.concatenate([self._right(cut)[where] for cut, where in parts])
        auto = np.concatenate([np.array([a == "auto" for a in cut.actions])[where] for cut, where in parts])
        sampling = by_group(self._groups[rows], draws=self._draws)
        both = np.array([int(row) in fresh for row in rows])
        lost = np.array([float(fresh.get(int(row), False)) for row in rows]) - right
        compared = measure.mean(lost[both], sampling.of(both)) if both.any() else not_measured()
        of_auto = measure.share(right[auto], sampling.of(auto)) if auto.any() else not_measured()
        return {
            "age": age,
            "accuracy": measure.share(right, sampling).as_json(),
            "auto_share": number(float(auto.mean())),
            "auto_accuracy": of_auto.as_json(),
            "lost": compared.as_json(),
        }

    def _right(self, cut: Cut) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = cut.probabilities.argmax(axis=1) == self._truth[cut.rows]
        return right

    def _age_of(self, cut: Cut) -> I64:
        born = self._place[cut.name]
        return np.array([self._place.get(str(name), born - 1) - born for name in self._names[cut.rows]])


def _newest(
    cuts: Sequence[Cut], ages: _Ages, letters: Sequence[Letter], taxonomy: Taxonomy
) -> list[ScoredTicket]:
    """Every tested letter as the newest model before it answered. Only departments are learned and measured."""
    nothing = np.full(len(URGENCY_CODES), 1 / len(URGENCY_CODES))
    tickets = []
    for cut, age in zip(cuts, ages.tested, strict=True):
        for place in np.flatnonzero(age == 0):
            letter = letters[int(cut.rows[place])]
            tickets.append(
                ScoredTicket(
                    ticket_id=letter.name,
                    probabilities=cut.probabilities[place],
                    action=cut.actions[int(place)],
                    urgency="normal",
                    urgency_probabilities=nothing,
                    kind="C",
                    true_department=resolved(taxonomy, letter.department),
                    group=letter.group,
                    slices=letter.slices,
                )
            )
    return tickets
