"""Perturbations change the writing and not the request; what they cost is measured."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from eval.letters import read_letters
from eval.perturbations import PERTURBATIONS
from eval.robustness import robustness
from model.text.normalise import normalised
from model.ticket import Ticket
from tests.eval.stand_in import StandIn
from tests.eval.test_cli import letters, write

LETTER = Ticket(
    title="桃源村路灯不亮",
    content="请问小区门口的路灯坏了30天了，晚上老人出门在台阶上摔了一跤，打了物业的电话也没有人来修，请尽快办理。"
    * 2,
)


def changed(name: str, ticket: Ticket = LETTER) -> Ticket:
    return PERTURBATIONS[name](ticket, Random(1))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_perturbation_changes_the_letter_in_the_same_way_again(name: str) -> None:
    assert changed(name) != LETTER
    assert changed(name) == changed(name)


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("text", ["", "灯", "？", "ok"])
def test_the_shortest_letters_survive(name: str, text: str) -> None:
    changed(name, Ticket(content=text))
    changed(name, Ticket(title=text, content=""))


def test_each_does_what_it_says() -> None:
    assert LETTER.content in changed("加客套话").content
    assert "請問" in changed("繁体").content
    assert "路燈" in changed("繁体").title
    assert normalised(changed("繁体").content) == normalised(LETTER.content)
    assert "３０" in changed("全角").content
    assert normalised(changed("全角").content) == normalised(LETTER.content)
    assert changed("没有标题").title == ""
    assert "qingwen" in changed("夹拼音").content
    long = changed("很长，事情在最后才说")
    assert len(long.content) > 900
    assert long.content.endswith(LETTER.content)
    assert long.title == ""


@pytest.mark.parametrize(("name", "share"), [("错别字", 0.06), ("同音字（语音识别）", 0.06)])
def test_slips_are_few(name: str, share: float) -> None:
    from rapidfuzz.distance import Levenshtein

    distance = Levenshtein.distance(LETTER.content, changed(name).content)
    assert 0 < distance <= (share + 0.01) * len(LETTER.content)


def test_a_title_that_is_all_there_is_stays() -> None:
    ticket = Ticket(title="路灯坏了", content=" ")
    assert changed("没有标题", ticket) == ticket


def test_a_model_that_looks_for_words_loses_where_words_are_spoiled(tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", letters(120))
    read = read_letters(file, on_problem=pytest.fail, on_notice=lambda _: None)
    seen = 0

    def count(rows: int) -> None:
        nonlocal seen
        seen += rows

    told = robustness(StandIn(tmp_path), read.rows, sample=60, draws=100, on_rows=count)
    by_name = {entry["name"]: entry for entry in told}
    assert list(by_name) == list(PERTURBATIONS)
    assert seen == 60 * (1 + len(PERTURBATIONS))
    for name in ("加客套话", "繁体", "全角"):
        assert by_name[name]["changed"]["value"] == 0.0, name
        assert by_name[name]["lost"]["value"] == 0.0, name
    assert by_name["夹拼音"]["changed"]["value"] > 0.05
    assert by_name["夹拼音"]["lost"]["n"] == 60


def test_no_letters_and_no_sample_give_nothing(tmp_path: Path) -> None:
    router = StandIn(tmp_path)
    assert robustness(router, [], sample=10, draws=100, on_rows=pytest.fail) == []
    file = write(tmp_path / "l.csv", letters(10))
    read = read_letters(file, on_problem=pytest.fail, on_notice=lambda _: None)
    assert robustness(router, read.rows, sample=0, draws=100, on_rows=pytest.fail) == []
