"""A comparison finds real changes, calls chance chance, and says where something got worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eval.compare import Comparison, compare
from eval.report.page import comparison_page
from eval.tickets import ScoredTicket, outcomes
from model.errors import FenboError
from tests.eval import synthetic
from tests.eval.test_report import check

Tickets = list[ScoredTicket]


@pytest.fixture(scope="module")
def city() -> Tickets:
    return synthetic.city(1500)


def compared(a: Tickets, b: Tickets, **options: Any) -> Comparison:
    told = [outcomes(tickets, synthetic.CODES) for tickets in (a, b)]
    return compare(*told, departments=synthetic.NAMES, draws=200, **options)


def right(ticket: ScoredTicket) -> bool:
    return synthetic.CODES[int(ticket.probabilities.argmax())] == ticket.true_department


def repaired(tickets: Tickets, share: float, seed: int = 0) -> Tickets:
    """This share of the wrong ones put right."""
    random = np.random.default_rng(seed)
    return [
        synthetic.moved(t, synthetic.CODES[int(t.probabilities.argmax())], str(t.true_department))
        if not right(t) and random.random() < share
        else t
        for t in tickets
    ]


def retrained(tickets: Tickets, seed: int) -> Tickets:
    """Another training of the same method: unsure tickets may fall either way."""
    random = np.random.default_rng(seed)
    made = []
    for ticket in tickets:
        noise = random.normal(0, 0.9, ticket.probabilities.size)
        probabilities = ticket.probabilities * np.exp(noise)
        made.append(synthetic.decided(replace(ticket, probabilities=probabilities / probabilities.sum())))
    return made


def test_a_bundle_against_itself_makes_no_difference(city: Tickets) -> None:
    told = compared(city, city)
    assert told.verdict == "same"
    assert told.title == "没有差别"
    assert told.p == 1.0
    assert (told.gained, told.lost) == (0, 0)
    assert "完全相同" in told.sentences[0]
    assert all(one.difference == 0 and not one.worse and not one.better for one in told.differences)


def test_an_improvement_is_found_and_its_mirror_is_a_loss(city: Tickets) -> None:
    better = repaired(city, 0.4)
    up, down = compared(city, better, names=("甲", "乙")), compared(better, city, names=("甲", "乙"))
    assert (up.verdict, down.verdict) == ("better", "worse")
    assert up.title == "乙 更好"
    assert down.title == "乙 更差"
    assert (up.gained, up.lost) == (down.lost, down.gained)
    first = up.differences[0]
    assert first.low is not None
    assert first.difference == pytest.approx(up.gained / 1500, abs=1e-6)
    assert first.low > 0


@pytest.mark.slow
def test_retraining_on_other_letters_is_seldom_called_better(city: Tickets) -> None:
    verdicts = [compared(retrained(city, seed), retrained(city, 1000 + seed)).verdict for seed in range(20)]
    assert sum(verdict in ("better", "likely_better") for verdict in verdicts) <= 2
    assert sum(verdict in ("worse", "likely_worse") for verdict in verdicts) <= 2


def test_copies_of_one_letter_do_not_make_a_verdict() -> None:
    """Forty copies of one letter that B gets right are one success, whatever McNemar says."""
    city = synthetic.city(300)
    place = next(i for i, ticket in enumerate(city) if not right(ticket))
    copies = [replace(city[place], ticket_id=f"copy{n}", group="one letter") for n in range(40)]
    told = compared(city + copies, city + repaired(copies, 1.0))
    assert told.gained == 40
    assert told.p < 1e-9
    assert told.verdict == "same"


def test_a_department_that_breaks_is_named_though_accuracy_holds(city: Tickets) -> None:
    first, second = synthetic.CODES[12], synthetic.CODES[0]
    broken = [synthetic.moved(t, first, second) if t.true_department == first else t for t in city]
    mended = repaired(broken, 0.8)
    mended = [b if b.true_department == first else m for b, m in zip(broken, mended, strict=True)]
    told = compared(city, mended)
    assert told.departments[0].code == first
    assert told.departments[0].p < 0.001
    assert "有的地方变差了" in told.title
    assert any(synthetic.NAMES[first] in sentence and "变差" in sentence for sentence in told.sentences)


Spoil = Callable[[ScoredTicket], ScoredTicket]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: replace(t, urgency="normal"), "特急找到的比例下降"),
        (lambda t: replace(t, kind="C"), "诉求类型准确率下降"),
        (lambda t: replace(t, action="auto"), "自动分拨的准确率下降"),
    ],
    ids=["urgency", "kind", "decision"],
)
def test_what_got_worse_beside_routing_is_said(city: Tickets, spoil: Spoil, words: str) -> None:
    told = compared(city, [spoil(ticket) for ticket in city])
    assert told.verdict == "same"
    assert told.title == "分派准确率没有差别，但有的地方变差了"
    assert any(sentence.startswith(words) for sentence in told.sentences), told.sentences


def test_examples_show_masked_text_on_the_page_and_never_in_the_file(city: Tickets) -> None:
    texts = {ticket.ticket_id: f"<i>脱敏后的来信 {ticket.ticket_id}</i>" for ticket in city}
    told = compared(repaired(city, 0.5, 1), repaired(city, 0.5, 2), texts=texts)
    assert told.newly_broken
    assert all(example.text for example in told.newly_broken)
    autos = [example.auto_b for example in told.newly_broken]
    assert autos == sorted(autos, reverse=True), "those that go out unseen come first"
    page = comparison_page(told, data="letters.csv")
    checked = check(page)
    assert checked.loads == []
    assert "&lt;i&gt;脱敏后的来信" in page
    assert "脱敏" not in str(told.as_json())
    assert len(told.as_json()["newly_broken"]) == len(told.newly_broken)


def test_other_tickets_or_no_labels_are_refused(city: Tickets) -> None:
    with pytest.raises(FenboError, match="1500 tickets against 1499"):
        compared(city, city[:-1])
    with pytest.raises(FenboError, match="evaluate both on the same data"):
        compared(city, [*city[1:], city[0]])
    bare = [replace(ticket, true_department=None) for ticket in city[:5]]
    with pytest.raises(FenboError, match="no ticket has a department"):
        compared(bare, bare)


def test_different_codes_for_the_same_departments_can_be_compared(city: Tickets) -> None:
    """A bundle may name departments by code and another by label: each is right by its own names."""
    codes = tuple(synthetic.NAMES[code] for code in synthetic.CODES)
    named = [replace(t, true_department=synthetic.NAMES[str(t.true_department)]) for t in city]
    told = compare(outcomes(city, synthetic.CODES), outcomes(named, codes), draws=200)
    assert (told.verdict, told.gained, told.lost) == ("same", 0, 0)
