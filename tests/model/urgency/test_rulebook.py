from __future__ import annotations

from pathlib import Path

import pytest

from model.taxonomies.source import InvalidEntry
from model.text.normalise import normalised
from model.urgency import Assessor, RuleBook
from model.urgency.rulebook import Rule, UnknownRule

BOOK = RuleBook.shipped()
ASSESSOR = Assessor(BOOK)
EVERY_RULE = [pytest.param(rule, id=rule.name) for rule in (*BOOK.rules, *BOOK.flags)]

HAZARDS = {
    "fire", "gas", "electric", "collapse", "crowd", "chemical", "lift", "traffic", "selfharm", "missing",
    "violence", "poisoning", "medical", "drowning", "trapped", "threat",
}  # fmt: skip


def fired(text: str) -> set[str]:
    assessment = ASSESSOR.assess("", normalised(text))
    return {hit.rule for hit in (*assessment.raised_by, *assessment.flags)}


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_rule_fires_on_its_example(rule: Rule) -> None:
    assert rule.name in fired(rule.example)


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_rule_does_not_fire_on_its_counter_example(rule: Rule) -> None:
    assert rule.name not in fired(rule.counter_example)


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_no_counter_example_is_called_an_emergency(rule: Rule) -> None:
    assert ASSESSOR.assess("", normalised(rule.counter_example)).level != "emergency"


def test_every_hazard_has_emergency_rules() -> None:
    assert {rule.name.split(".")[0] for rule in BOOK.rules if rule.level == "emergency"} >= HAZARDS


def test_the_flags_are_the_five_that_the_service_knows() -> None:
    flags = {rule.name.split(".")[0] for rule in BOOK.flags}
    assert flags == {"vulnerable", "self_harm", "mass_incident", "media", "threat"}


def test_words_are_written_in_the_form_in_which_letters_are_read() -> None:
    strange = [
        (name, word) for name, words in BOOK.lists.items() for word in words if normalised(word) != word
    ]
    assert strange == []


def test_no_list_holds_a_word_twice() -> None:
    twice = [
        name for name, words in BOOK.lists.items() if len(set(words)) != len(words) and name != "immediate"
    ]
    assert twice == []


def test_a_rule_has_a_meaning_for_people() -> None:
    assert BOOK.meaning("fire.burning") == "正在着火"
    with pytest.raises(UnknownRule, match=r"fire\.nowhere"):
        BOOK.meaning("fire.nowhere")


CONTEXTS = """
now: [现在]
immediate: [快来]
contexts:
  - {name: negated, scope: before, reach: 1, words: [没有]}
"""
RULES = """
version: 1
words:
  fire: [着火]
rules:
  - rule: fire.small
    level: emergency
    meaning: 着火
    needs: [["@fire", 失火]]
    example: 着火了
    counter_example: 没有着火
"""
FLAGS = """
flags:
  - {rule: media.any, meaning: 媒体, needs: [[记者]], example: 找记者, counter_example: 谢谢}
"""


def load(folder: Path, *, rules: str = RULES, flags: str = FLAGS, contexts: str = CONTEXTS) -> RuleBook:
    paths = {}
    for name, text in {"rules": rules, "flags": flags, "contexts": contexts}.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text, encoding="utf-8")
    return RuleBook.load(**paths)


def test_a_city_can_bring_its_own_rules(tmp_path: Path) -> None:
    assessor = Assessor(load(tmp_path))
    assert assessor.assess("", "现在失火").level == "emergency"
    assert assessor.assess("", "没有失火").level is None
    assert assessor.assess("", "找记者").flag_codes == ("media",)


@pytest.mark.parametrize(
    ("part", "old", "new", "complaint"),
    [
        ("rules", "level: emergency", "level: low", "rules[0].level: 'low' is not one of emergency"),
        ("rules", "@fire", "@smoke", "there is no word list @smoke; known: @fire"),
        ("rules", "失火]]", "火…]]", "nothing stands before or after"),
        ("rules", "needs: [[\"@fire\", 失火]]", "needs: [[]]", "has no words"),
        ("rules", "needs: [[\"@fire\", 失火]]", "needs: []", "has no group of words"),
        ("rules", "example: 着火了", "within: 40\n    example: 着火了", "40 clauses; allowed: 0 to 12"),
        ("rules", "example: 着火了", "despite: [hush]\n    example: 着火了", "'hush' is not one of negated"),
        ("rules", "version: 1", "version: one", "must be a whole number"),
        ("contexts", "scope: before", "scope: near", "'near' is not one of inside, before"),
        ("contexts", "name: negated", "name: now", "'now' is used twice"),
        ("flags", "meaning: 媒体, ", "", "field 'meaning' is missing"),
        ("flags", "media.any", "fire.small", "rule 'fire.small' is written twice"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_named_with_its_place(
    tmp_path: Path, part: str, old: str, new: str, complaint: str
) -> None:
    texts = {"rules": RULES, "flags": FLAGS, "contexts": CONTEXTS}
    assert old in texts[part]
    texts[part] = texts[part].replace(old, new)
    with pytest.raises(InvalidEntry) as caught:
        load(tmp_path, **texts)
    assert complaint in str(caught.value)
    assert f"{part}.yaml, line " in str(caught.value)
