"""The data report counts what is there, hides what is private, and opens anywhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model.records import RecordsError
from model.taxonomy import Taxonomy
from training.check import run_check
from training.check_text import text_report
from training.data_report import Copies, DataReport

NOISE = "楼下工地连续一周夜里施工到两点，孩子第二天要上学，请尽快管一管，谢谢。"
ROWS = [
    (
        "路灯不亮",
        "南园路的路灯坏了三天，晚上很黑，老人出门看不见路。",
        "市住房和建设局",
        "3",
        "H",
        "2024-03-05",
    ),
    ("夜间施工", NOISE, "市生态环境局", "2", "T", "2024-03-06"),
    ("夜间施工", NOISE, "市住房和建设局", "2", "T", "2024-03-07"),
    ("夜间 施工！", NOISE.replace("，", ","), "市生态环境局", "2", "T", "2024-03-08"),
    ("夜间施工", NOISE.replace("两点", "三点"), "市生态环境局", "2", "T", "2025-01-01"),
    ("公积金", "我叫张三丰，电话13912345678，想问公积金怎么提取。", "市住房建设局", "1", "C", ""),
    ("", "一楼积水漫进电梯，有人被困！", "", "4", "H", "2024-03-09"),
    ("只有标题", "", "市教育局", "1", "C", "2024-03-09"),
    ("", "", "市教育局", "1", "C", "2024-03-09"),
    ("紧急程度写错", "请回复。", "市教育局", "很急", "C", "2024-03-09"),
    ("已脱敏", "请拨[PHONE]联系我，孩子学位的事。", "市教育局", "1", "C", "2024-03-09"),
]


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    path = tmp_path / "letters.csv"
    lines = ["title,content,dept,urgency,kind,created_at,备注"]
    lines += [",".join([f'"{cell}"' for cell in row] + ["x"]) for row in ROWS]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def report(letters: Path, tmp_path: Path) -> DataReport:
    return run_check(
        letters, columns={"department": "dept"}, taxonomy=Taxonomy.shipped(), out=tmp_path / "out"
    )


def test_amounts(report: DataReport) -> None:
    assert (report.rows, report.readable, report.unreadable, report.empty) == (11, 9, 2, 1)
    assert [problem.line for problem in report.problems] == [10, 11]
    assert sum(report.reasons.values()) == 2
    assert (report.title_only, report.without_department) == (1, 1)
    assert (report.earliest, report.latest) == ("2024-03-05T00:00:00+08:00", "2025-01-01T00:00:00+08:00")
    assert (report.undated, report.years) == (1, {"2024": 7, "2025": 1})
    assert report.urgencies == {"emergency": 1, "urgent": 1, "normal": 4, "low": 3}
    assert report.kinds == {"C": 3, "H": 2, "T": 4}
    assert report.lengths["content"]["max"] == len(NOISE)
    assert report.lengths["content"]["min"] == 0


def test_copies_and_conflicts(report: DataReport) -> None:
    assert report.exact_copies == Copies(groups=1, letters=3, spare=2, largest=3)
    assert report.near_copies == Copies(groups=1, letters=4, spare=3, largest=4)
    conflicts = report.conflicts
    assert (conflicts.groups, conflicts.conflicting, conflicts.share) == (1, 1, 1.0)
    (example,) = conflicts.examples
    assert example.lines == (3, 4, 5)
    assert example.departments == {"STJ": 2, "ZJJ": 1}
    assert example.text.startswith("夜间施工")


def test_departments_are_resolved_and_unknown_ones_named(report: DataReport) -> None:
    assert report.departments == {"STJ": 3, "ZJJ": 2, "JYJ": 2}
    assert report.department_names["STJ"] == "市生态环境局"
    assert set(report.rare_departments) == {"STJ", "ZJJ", "JYJ"}
    (unknown,) = report.unknown_departments
    assert (unknown.label, unknown.letters) == ("市住房建设局", 1)
    assert any("市住房和建设局" in close for close in unknown.closest)


def test_without_a_taxonomy_labels_stand_as_written(letters: Path) -> None:
    report = run_check(letters, columns={"department": "dept"})
    assert report.departments["市住房建设局"] == 1
    assert (report.taxonomy, report.unknown_departments) == (None, ())


def test_personal_data_is_counted_apart_from_what_came_masked(report: DataReport) -> None:
    phone = report.personal_data["phone"]
    assert (phone.letters, phone.places, phone.masked_already) == (1, 1, 1)


def test_no_personal_data_in_any_output(letters: Path, tmp_path: Path) -> None:
    more = "\n".join(
        f'"回电","请打13912345678，住址景田北街 8 栋 1203 室。{NOISE}",部门{number},2,T,2024-03-06,x'
        for number in range(2)
    )
    letters.write_text(letters.read_text(encoding="utf-8") + more + "\n", encoding="utf-8")
    out = tmp_path / "out"
    report = run_check(letters, columns={"department": "dept"}, out=out)
    everything = text_report(report) + "".join(path.read_text(encoding="utf-8") for path in out.iterdir())
    assert "[PHONE]" in everything
    assert "13912345678" not in everything
    assert "1203" not in everything


def test_json_is_the_report(report: DataReport, tmp_path: Path) -> None:
    saved = json.loads((tmp_path / "out" / "data-report.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(report.to_dict()))
    assert saved["problems"][0] == {"line": 10, "reason": report.problems[0].reason}
    assert saved["conflicts"]["examples"][0]["lines"] == [3, 4, 5]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_needs_nothing_else(report: DataReport, tmp_path: Path) -> None:
    page = (tmp_path / "out" / "data-report.html").read_text(encoding="utf-8")
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    assert parser.sources == []
    assert not re.search(r"https?://|@import|url\(|<script", page)
    assert "prefers-color-scheme: dark" in page
    assert "$" not in page
    for shown in ("市生态环境局", "最接近的部门", report.problems[1].reason.split("'")[1]):
        assert shown in page


def test_html_escapes_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "<b>.csv"
    row = "你好<script>alert(1)</script>再见"
    path.write_text(f"content,department,channel\n{row},{row},{row}\n{row},别处,$source\n", encoding="utf-8")
    run_check(path, taxonomy=None, out=tmp_path / "out")
    page = (tmp_path / "out" / "data-report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;") == 4  # as department, as channel, and in the conflict twice
    assert "$source" in page


def test_the_terminal_text_names_what_to_act_on(report: DataReport) -> None:
    text = text_report(report)
    for shown in ("第 10 行", "市住房建设局（1 件），最接近", "STJ 市生态环境局", "备注", "手机号码"):
        assert shown in text


def test_strict_refuses_but_still_saves(letters: Path, tmp_path: Path) -> None:
    out = tmp_path / "strict"
    with pytest.raises(RecordsError, match="2 of 11 rows cannot be read, first line 10"):
        run_check(letters, columns={"department": "dept"}, strict=True, out=out)
    assert json.loads((out / "data-report.json").read_text(encoding="utf-8"))["unreadable"] == 2


def test_a_file_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    path.write_text("content\n公园的长椅坏了。\n", encoding="utf-8")
    report = run_check(path, out=tmp_path / "out")
    assert (report.departments, report.conflicts.share, report.earliest) == ({}, None, None)
    assert "没有部门标签" in text_report(report)


def test_a_file_where_no_row_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    path.write_text("content,kind\n你好,X\n再见,Y\n", encoding="utf-8")
    report = run_check(path, out=tmp_path / "out")
    assert (report.rows, report.readable, report.unreadable) == (2, 0, 2)
    assert "2 行无法读取" in text_report(report)


@pytest.mark.slow
def test_the_real_letters(real_data: Path) -> None:
    columns = {"created_at": "asked"}
    report = run_check(real_data / "shenzhen" / "train.csv", columns=columns, taxonomy=Taxonomy.shipped())
    assert (report.readable, report.unreadable, report.unknown_departments) == (13_734, 0, ())
    assert len(report.departments) == 36
    assert report.conflicts.share == pytest.approx(0.1, abs=0.05)
