"""From a letter to its urgency by rules: which rules fire, on which words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from model.prediction import URGENCY_CODES, Field, RuleHit, UrgencyCode
from model.urgency.reading import Reading
from model.urgency.rulebook import Rule, RuleBook
from model.urgency.words import Found, WordIndex

_BREAK = "\n"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say of one letter.

    ``level`` is ``emergency``, ``urgent`` or None when no rule fired. ``raised_by`` names the words of each
    rule that fired, emergencies first; ``flags`` the words of circumstances that stand apart from urgency,
    whose ``rule`` is ``<flag>.<which>`` and whose ``level`` is None.
    """

    level: UrgencyCode | None
    raised_by: tuple[RuleHit, ...]
    flags: tuple[RuleHit, ...]

    @property
    def flag_codes(self) -> tuple[str, ...]:
        """The flags raised: ``vulnerable``, ``self_harm``, ``mass_incident``, ``media``, ``threat``."""
        return tuple(dict.fromkeys(hit.rule.split(".")[0] for hit in self.flags))


class Assessor:
    """Applies a rule book. Thread-safe: it holds nothing but its tables."""

    def __init__(self, book: RuleBook) -> None:
        self._contexts = book.contexts
        self._index = WordIndex(book.lists)
        self._rules = _RuleIndex(book.rules, book.lists)
        self._flags = _RuleIndex(book.flags, book.lists)

    def assess(self, title: str, content: str) -> Assessment:
        """Read a letter, both parts in normal form (``model.text.normalise``); either may be empty.

        Offsets of the hits count characters of the part they name. Any text is allowed.
        """
        text = title + _BREAK + content
        found = self._index.find(text)
        rules, flags = self._rules.possible(found), self._flags.possible(found)
        if not rules and not flags:
            return Assessment(level=None, raised_by=(), flags=())
        reading = Reading(text, found, self._contexts)
        raised = [(rule, places) for rule in rules if (places := _fires(rule, reading))]
        raised.sort(key=lambda fired: -_height(fired[0]))
        return Assessment(
            level=raised[0][0].level if raised else None,
            raised_by=tuple(hit for rule, places in raised for hit in _hits(rule, places, text, len(title))),
            flags=tuple(
                hit for rule in flags for hit in _hits(rule, _fires(rule, reading), text, len(title))
            ),
        )


class _RuleIndex:
    """Rules by the lists of their rarest group: without a word of it there is nothing to look at."""

    def __init__(self, rules: Sequence[Rule], lists: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules
        self._by_list: dict[str, list[int]] = {}
        for number, rule in enumerate(rules):
            for name in min(rule.needs, key=lambda group: sum(len(lists[name]) for name in group)):
                self._by_list.setdefault(name, []).append(number)

    def possible(self, found: Mapping[str, Sequence[Found]]) -> list[Rule]:
        """The rules of which every group has a word in the text, in the book's order."""
        likely = {number for name in self._by_list.keys() & found.keys() for number in self._by_list[name]}
        return [
            rule
            for rule in map(self._rules.__getitem__, sorted(likely))
            if not any(group.isdisjoint(found) for group in rule.needs)
        ]


@cache
def _shipped() -> Assessor:
    return Assessor(RuleBook.shipped())


def assess(title: str, content: str) -> Assessment:
    """``Assessor.assess`` by the rules that come with fenbo, which are read at the first call."""
    return _shipped().assess(title, content)


def _height(rule: Rule) -> int:
    return URGENCY_CODES.index(rule.level) if rule.level else -1


def _fires(rule: Rule, reading: Reading) -> tuple[Found, ...]:
    """The words, one of each group, on which the rule fires; empty when it does not."""
    live: list[list[Found]] = []
    for group in rule.needs:
        holding = [
            place for place in reading.places(group) if reading.holds(place, rule.applies, rule.despite)
        ]
        if not holding:
            return ()
        live.append(holding)
    doubtful = rule.level == "emergency" and reading.doubtful(rule.despite)
    if doubtful and rule.only_plain:
        return ()
    stopped = [reading.clauses.clause(place.start) for place in reading.places(rule.unless)]
    clauses = [[reading.clauses.clause(place.start) for place in places] for places in live]
    for anchor, clause in zip(live[0], clauses[0], strict=True):
        places = [anchor]
        for others, standing in zip(live[1:], clauses[1:], strict=True):
            near = _nearest(standing, clause)
            if abs(standing[near] - clause) > rule.within:
                break
            places.append(others[near])
        else:
            window = [reading.clauses.clause(place.start) for place in places]
            first, last = min(window), max(window)
            if any(first - 1 <= stop <= last + 1 for stop in stopped):
                continue
            if (doubtful or rule.needs_now) and not reading.immediate(first, last):
                continue
            return tuple(places)
    return ()


def _nearest(ordered: Sequence[int], wanted: int) -> int:
    after = bisect_left(ordered, wanted)
    if after == len(ordered):
        return after - 1
    if after and wanted - ordered[after - 1] < ordered[after] - wanted:
        return after - 1
    return after


def _hits(rule: Rule, places: Sequence[Found], text: str, title: int) -> list[RuleHit]:
    """One hit a word; a word within another's is not named again. ``title``: length of the title."""
    hits: list[RuleHit] = []
    for place in sorted(set(places), key=lambda place: (place.start, -place.end)):
        in_title = place.start < title
        offset = 0 if in_title else title + len(_BREAK)
        field: Field = "title" if in_title else "content"
        if hits and hits[-1].field == field and place.end - offset <= hits[-1].end:
            continue
        hits.append(
            RuleHit(
                rule=rule.name,
                level=rule.level,
                field=field,
                start=place.start - offset,
                end=place.end - offset,
                text=text[place.start : place.end],
            )
        )
    return hits
