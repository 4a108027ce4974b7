"""The rules as data: what must stand in a letter to raise its urgency or a flag, and what takes that back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, get_args

import yaml

from model.errors import FenboError
from model.prediction import UrgencyCode
from model.taxonomies.source import Entry, read_yaml
from model.urgency.words import InvalidWord, Word

RaisedLevel = Literal["emergency", "urgent"]
Scope = Literal["inside", "before", "after", "clause", "sentence", "onwards", "around", "letter"]
Applies = Literal["emergency", "urgent", "flag"]
_Choice = TypeVar("_Choice", bound=str)

NOW = "now"
IMMEDIATE = "immediate"
_FOLDER = Path(__file__).parent
_REFERENCE = "@"
_MOST_CLAUSES = 12
_USUAL_CLAUSES = 2


class UnknownRule(FenboError):
    """The rule book has no rule of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"rule {name!r} is not in the rule book; it may come from another version of it")
        self.name = name


@dataclass(frozen=True, slots=True)
class Context:
    """Words that take the force from a danger word near them, and how far they reach.

    ``scope``: ``inside`` a danger word within these words; ``before`` they stand at most ``reach`` characters
    before it in its clause; ``after`` at most ``reach`` behind it; ``clause`` earlier in its clause;
    ``sentence`` earlier in its sentence, at most ``reach`` clauses; ``onwards`` earlier, at most ``reach``
    sentences, until a word of now; ``around`` in its sentence, the one before, or the one after until a word
    of now; ``letter`` nowhere.
    ``letter_wide``: standing anywhere in the letter, they demand of an emergency that it speaks of this
    moment. ``applies``: the rules they bear on.
    """

    name: str
    scope: Scope
    reach: int
    letter_wide: bool
    applies: frozenset[Applies]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a letter shows a danger (``level`` set) or a circumstance to flag (``level`` None).

    Each group of ``needs`` names word lists, of which one word must stand in the letter, at most ``within``
    clauses from a word of the first group; one word may serve two groups. A word of ``unless`` in that
    stretch, or one clause beside it, cancels. ``despite``: contexts that do not matter. ``needs_now``: the
    words must speak of this moment. ``only_plain``: never in a letter that speaks of something past, over, or
    of an errand. ``meaning``, ``example`` (fires) and ``counter_example`` (does not) are for people.
    """

    name: str
    level: UrgencyCode | None
    meaning: str
    needs: tuple[frozenset[str], ...]
    unless: frozenset[str]
    within: int
    despite: frozenset[str]
    needs_now: bool
    only_plain: bool
    example: str
    counter_example: str

    @property
    def applies(self) -> Applies:
        """Which contexts bear on this rule."""
        if self.level is None:
            return "flag"
        return "emergency" if self.level == "emergency" else "urgent"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules, flags, the contexts that bear on them, and every word list by its name."""

    version: int
    rules: tuple[Rule, ...]
    flags: tuple[Rule, ...]
    contexts: tuple[Context, ...]
    lists: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(
        cls,
        *,
        rules: Path = _FOLDER / "rules.yaml",
        flags: Path = _FOLDER / "flags.yaml",
        contexts: Path = _FOLDER / "contexts.yaml",
    ) -> RuleBook:
        """Read the three files. Raises ``InvalidEntry`` that names file, line, field and what is allowed."""
        lists: dict[str, tuple[str, ...]] = {}
        context_fields = read_yaml(contexts).fields(required=(NOW, IMMEDIATE, "contexts"))
        lists[NOW] = _words(context_fields[NOW])
        lists[IMMEDIATE] = _words(context_fields[IMMEDIATE]) + lists[NOW]
        known = tuple(_context(entry, lists) for entry in context_fields["contexts"].entries())
        names = tuple(context.name for context in known)
        rule_fields = read_yaml(rules).fields(required=("version", "words", "rules"))
        for name, entry in _named(rule_fields["words"]).items():
            lists[_REFERENCE + name] = _words(entry)
        flag_fields = read_yaml(flags).fields(required=("flags",))
        return cls(
            version=rule_fields["version"].whole(),
            rules=tuple(_rule(entry, lists, names) for entry in rule_fields["rules"].entries()),
            flags=tuple(_flag(entry, lists, names) for entry in flag_fields["flags"].entries()),
            contexts=known,
            lists=lists,
        )

    @staticmethod
    @cache
    def shipped() -> RuleBook:
        """The rules that come with fenbo; read once."""
        return RuleBook.load()

    def meaning(self, name: str) -> str:
        """What the rule or flag ``name`` says of a letter, in words for people. Raises `UnknownRule`."""
        for rule in (*self.rules, *self.flags):
            if rule.name == name:
                return rule.meaning
        raise UnknownRule(name)


def _named(entry: Entry) -> dict[str, Entry]:
    if not isinstance(entry.node, yaml.MappingNode):
        raise entry.invalid("must be a mapping from the name of a word list to its words")
    return entry.fields(required=[str(key.value) for key, _ in entry.node.value])


def _words(entry: Entry) -> tuple[str, ...]:
    words = tuple(_word(item) for item in entry.entries())
    if not words:
        raise entry.invalid("has no words; give at least one")
    return words


def _word(entry: Entry) -> str:
    try:
        return Word(entry.text()).text
    except InvalidWord as error:
        raise entry.invalid(str(error)) from error


def _choice(entry: Entry, allowed: tuple[_Choice, ...]) -> _Choice:
    text = entry.text()
    for choice in allowed:
        if choice == text:
            return choice
    raise entry.invalid(f"{text!r} is not one of {', '.join(allowed)}")


def _context(entry: Entry, lists: dict[str, tuple[str, ...]]) -> Context:
    """One context; its words are added to ``lists`` under its name."""
    fields = entry.fields(required=("name", "scope", "words"), optional=("reach", "letter_wide", "applies"))
    every: tuple[Applies, ...] = get_args(Applies)
    scopes: tuple[Scope, ...] = get_args(Scope)
    name = fields["name"].text()
    if name in lists:
        raise fields["name"].invalid(f"{name!r} is used twice; choose another name")
    lists[name] = _words(fields["words"])
    return Context(
        name=name,
        scope=_choice(fields["scope"], scopes),
        reach=fields["reach"].whole() if "reach" in fields else 0,
        letter_wide="letter_wide" in fields and fields["letter_wide"].flag(),
        applies=frozenset(
            (_choice(item, every) for item in fields["applies"].entries()) if "applies" in fields else every
        ),
        words=lists[name],
    )


_REQUIRED = ("rule", "meaning", "needs", "example", "counter_example")
_OPTIONAL = ("unless", "within", "despite", "needs_now", "only_plain")


def _rule(entry: Entry, lists: dict[str, tuple[str, ...]], contexts: tuple[str, ...]) -> Rule:
    fields = entry.fields(required=("level", *_REQUIRED), optional=_OPTIONAL)
    levels: tuple[RaisedLevel, ...] = get_args(RaisedLevel)
    return _read(fields, lists, contexts, level=_choice(fields["level"], levels))


def _flag(entry: Entry, lists: dict[str, tuple[str, ...]], contexts: tuple[str, ...]) -> Rule:
    return _read(entry.fields(required=_REQUIRED, optional=_OPTIONAL), lists, contexts, level=None)


def _read(
    fields: Mapping[str, Entry],
    lists: dict[str, tuple[str, ...]],
    contexts: tuple[str, ...],
    *,
    level: UrgencyCode | None,
) -> Rule:
    name = fields["rule"].text()
    if f"{name}/1" in lists:
        raise fields["rule"].invalid(f"rule {name!r} is written twice; choose another name")
    within = fields["within"].whole() if "within" in fields else _USUAL_CLAUSES
    if not 0 <= within <= _MOST_CLAUSES:
        raise fields["within"].invalid(f"{within} clauses; allowed: 0 to {_MOST_CLAUSES}")
    groups = fields["needs"].entries()
    if not groups:
        raise fields["needs"].invalid("has no group of words; give at least one")
    despite = fields["despite"].entries() if "despite" in fields else []
    return Rule(
        name=name,
        level=level,
        meaning=fields["meaning"].text(),
        needs=tuple(_group(group, f"{name}/{number}", lists) for number, group in enumerate(groups, 1)),
        unless=_group(fields["unless"], f"{name}/unless", lists) if "unless" in fields else frozenset(),
        within=within,
        despite=frozenset(_choice(item, contexts) for item in despite),
        needs_now="needs_now" in fields and fields["needs_now"].flag(),
        only_plain="only_plain" in fields and fields["only_plain"].flag(),
        example=fields["example"].text(),
        counter_example=fields["counter_example"].text(),
    )


def _group(entry: Entry, name: str, lists: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """Names of the lists of one group: those it refers to, and ``name``, under which its own are added."""
    own: list[str] = []
    names: set[str] = set()
    for item in entry.entries():
        text = item.text()
        if not text.startswith(_REFERENCE):
            own.append(_word(item))
            names.add(name)
        elif text in lists:
            names.add(text)
        else:
            shared = ", ".join(key for key in lists if key.startswith(_REFERENCE))
            raise item.invalid(f"there is no word list {text}; known: {shared}")
    if not names:
        raise entry.invalid("has no words; give at least one")
    # Listed even when it only refers to others, so that a rule written twice is seen.
    lists[name] = tuple(own)
    return frozenset(names)
