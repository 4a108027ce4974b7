"""The report is one page that opens offline, is small, and shows Chinese whatever the drawing machine has."""

from __future__ import annotations

import base64
import io
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from eval.report.page import report_page
from eval.report.timeline import timeline
from eval.slices import PERIODS
from model.errors import MissingExtra
from tests.eval import synthetic


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return synthetic.measured(synthetic.city(900, departments=50)).metrics


@pytest.fixture(scope="module")
def page(metrics: dict[str, Any]) -> str:
    return report_page(metrics)


class Checker(HTMLParser):
    """Notes what a page would load, which tags stay open, and ids that are used twice."""

    VOID = frozenset({"meta", "br", "img", "input", "link", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.loads.append(value)
            if name == "id" and value:
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def test_one_page_loads_nothing_and_is_well_formed(page: str) -> None:
    checker = check(page)
    assert checker.loads == []
    assert "@import" not in page
    assert {found[:15] for found in re.findall(r"url\((?!#)[^)]*\)", page)} == {"url(data:font/w"}
    assert len(checker.ids) == len(set(checker.ids))


def test_fifty_departments_stay_far_below_five_megabytes(page: str) -> None:
    assert len(page.encode()) < 1_000_000


def test_chinese_in_figures_is_left_to_the_reader(page: str) -> None:
    """As paths it would need a Chinese font here, and would be boxes without one."""
    figures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    for words in ("实际自动分拨", "其中分派正确（%）", "模型说的把握（%），下方柱高为工单数", "特急", "咨询"):
        assert words in re.sub(r"<[^>]+>", "\n", figures)


def test_the_page_carries_the_characters_that_it_shows(page: str) -> None:
    """A machine without Chinese fonts, as a server or a container, would show boxes."""
    fonts = pytest.importorskip("fontTools.ttLib")
    found = re.search(r"url\(data:font/woff;base64,([^)]*)\)", page)
    assert found is not None
    carried = set(fonts.TTFont(io.BytesIO(base64.b64decode(found[1]))).getBestCmap())
    shown = {ord(character) for character in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)}
    assert {point for point in shown if 0x4E00 <= point <= 0x9FFF} <= carried
    assert {ord(mark) for mark in "，。：（）、"} & shown <= carried


def test_figures_take_the_page_s_colours(page: str) -> None:
    figures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--accent)" in figures
    assert set(re.findall(r"#[0-9a-f]{6}\b", figures)) <= {"#ffffff", "#000000"}


def test_numbers_of_the_metrics_are_on_the_page(page: str, metrics: dict[str, Any]) -> None:
    auto = metrics["overall"]["decisions"]["auto"]
    for share in (metrics["overall"]["accuracy"], auto["share"], auto["accuracy"]):
        assert f"{100 * share['value']:.1f} %" in page
        assert f"{100 * share['low']:.1f}–{100 * share['high']:.1f}" in page
    for entry in metrics["per_class"]["department"]:
        assert entry["name"] in page


def test_words_of_the_data_cannot_become_markup() -> None:
    tickets = [
        replace(t, true_department="<script>alert(1)</script>", slices={"channel": "<b>微信</b>"})
        if row % 9 == 0
        else t
        for row, t in enumerate(synthetic.city(90))
    ]
    page = report_page(synthetic.measured(tickets).metrics)
    check(page)
    assert "<script>alert" not in page
    assert "<b>微信" not in page


def test_parts_without_labels_are_left_out() -> None:
    city = synthetic.city(120)
    only_urgency = report_page(
        synthetic.measured([replace(t, true_department=None, true_kind=None) for t in city]).metrics
    )
    check(only_urgency)
    assert "特急找到的比例" in only_urgency
    assert "各单位" not in only_urgency
    only_department = report_page(
        synthetic.measured([replace(t, true_urgency=None, true_kind=None) for t in city]).metrics
    )
    check(only_department)
    assert "各单位" in only_department
    assert "特急找到的比例" not in only_department


@pytest.mark.parametrize("rows", [1, 2])
def test_a_handful_of_tickets_gives_a_page_with_a_warning(rows: int) -> None:
    page = report_page(synthetic.measured(synthetic.city(rows)).metrics)
    check(page)
    assert f"只有 {rows} 条工单" in page


def test_a_leak_that_was_allowed_is_told_in_red(metrics: dict[str, Any]) -> None:
    leak = {"rows": 900, "exact": 20, "near": 7, "text_only": 4, "share": 0.03, "allowed": True}
    leak |= {"left_out": 0, "lines": [2]}
    told = report_page({**metrics, "overall": {**metrics["overall"], "leak": leak}})
    assert 'class="banner red"' in told
    assert "27 条工单（3.0 %）是训练数据的副本" in told
    kept_out = {**leak, "exact": 1, "near": 2, "share": 0.003, "allowed": False, "left_out": 3}
    quiet = report_page({**metrics, "overall": {**metrics["overall"], "leak": kept_out}})
    assert 'class="banner red"' not in quiet
    assert "这 3 条没有计入" in quiet
    assert "另有 4 条只学过文字" in quiet


def test_periods_are_as_long_as_it_takes_to_say_something() -> None:
    """Three tickets a month make a saw blade, not a trend."""
    dense = timeline(synthetic.measured(synthetic.city(900)).metrics["slices"], name="t")
    assert "2015-01" in dense
    sparse = synthetic.measured(synthetic.city(900)).metrics["slices"]
    thin = {period: [{**entry, "n": entry["n"] // 20} for entry in sparse[period]] for period in PERIODS}
    assert "2015-01" not in timeline({**thin, "quarter": sparse["quarter"]}, name="t")
    assert timeline({"month": sparse["month"][:2]}, name="t") == ""


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named_with_the_command_that_brings_it(
    library: str, metrics: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"{library}.*fenbo\[train\]"):
        report_page(metrics)
