from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import opencc
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import FenboError
from model.taxonomies.names import NameIndex
from model.taxonomy import (
    Department,
    DepartmentNotInForce,
    FormerName,
    InvalidEntry,
    Taxonomy,
    UnknownDepartment,
)

SHENZHEN = Taxonomy.shipped("shenzhen")
NAMED = [(name, d.code) for d in SHENZHEN.departments for name in (d.name, *(f.name for f in d.former_names))]

PLAIN: dict[str, Any] = {
    "name": "hill",
    "version": "7",
    "city": "青山",
    "levels": ["市级", "区级"],
    "urgency": [
        {"code": "emergency", "number": 4, "name": "特急", "meaning": "险", "response": {"hours": 1}},
        {"code": "urgent", "number": 3, "name": "加急", "meaning": "急", "response": {"hours": 12}},
        {"code": "normal", "number": 2, "name": "一般", "meaning": "常", "response": {"working_days": 4}},
        {"code": "low", "number": 1, "name": "不急", "meaning": "缓", "response": {"working_days": 9}},
    ],
    "kinds": [{"code": code, "name": f"类{code}", "meaning": "…"} for code in "CHTJSO"],
    "departments": [
        {"code": "W", "name": "市水务局", "level": "市级", "matters": ["停水", "漏水"]},
        {
            "code": "R",
            "name": "市道路局",
            "former_names": [{"name": "市公路处", "valid_to": date(2010, 1, 1)}],
        },
        {"code": "OLD1", "name": "市桥梁处", "valid_to": date(2012, 12, 31), "successor": "OLD2"},
        {"code": "OLD2", "name": "市桥隧中心", "valid_to": date(2018, 6, 30), "successor": "R"},
        {"code": "GONE", "name": "市电报局", "valid_to": date(2001, 5, 1)},
        {"code": "NEW", "name": "市低空局", "valid_from": date(2030, 1, 1)},
    ],
}


def written(folder: Path, change: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """The small taxonomy as a file, after one change."""
    form: dict[str, Any] = yaml.safe_load(yaml.safe_dump(PLAIN, allow_unicode=True))
    if change is not None:
        change(form)
    path = folder / "hill.yaml"
    path.write_text(yaml.safe_dump(form, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def hill(tmp_path: Path) -> Taxonomy:
    return Taxonomy.load(written(tmp_path))


class TestShippedShenzhen:
    def test_has_fifty_departments_all_in_force_that_each_say_what_they_do(self) -> None:
        assert len(SHENZHEN.departments) == 50
        assert SHENZHEN.live() == SHENZHEN.departments
        assert all(6 <= len(d.matters) <= 15 and d.level for d in SHENZHEN.departments)
        assert (SHENZHEN.name, SHENZHEN.version, SHENZHEN.city) == ("shenzhen", "2026.1", "深圳")

    @pytest.mark.parametrize(("name", "code"), NAMED)
    def test_every_name_present_or_former_resolves_with_and_without_prefixes(
        self, name: str, code: str
    ) -> None:
        bare = name.removeprefix("市").removeprefix("深圳")
        ways = [name, bare, f"深圳市{bare}", f"深圳{bare}", f"市{bare}"]
        ways += [f"{remark}深圳市{bare}" for remark in ("(已撤销)", "（已撤销）", "已撤销", "原")]
        ways += [opencc.OpenCC("s2t").convert(f"深圳市{bare}"), "　".join(name)]
        assert {way: SHENZHEN.resolve(way) for way in ways} == dict.fromkeys(ways, code)

    @pytest.mark.parametrize(
        ("label", "code"),
        [
            ("GAJ", "GAJ"),
            ("gaj", "GAJ"),
            ("ＧＡＪ", "GAJ"),
            (" 市 公安 局\t", "GAJ"),
            ("市　公安局", "GAJ"),
            ("深圳市市场监督管理局", "SJG"),
            ("深圳市场监督管理局", "SJG"),
            ("市场监督管理局", "SJG"),
            ("供电局", "GDJ"),
            ("市科技和信息局（以下待定）", "KJJ"),
            ("市体育局（市体育总会）", "WTJ"),
            ("深圳市人居环境委员会【已更名】", "STJ"),
        ],
    )
    def test_reads_labels_as_people_write_them(self, label: str, code: str) -> None:
        assert SHENZHEN.resolve(label) == code

    @pytest.mark.parametrize("city", ["深圳", "深圳市"])
    def test_the_city_may_be_named_either_way(self, city: str) -> None:
        taxonomy = replace(SHENZHEN, city=city)
        assert taxonomy.resolve("深圳教育局") == taxonomy.resolve("深圳市教育局") == "JYJ"

    def test_resolves_every_published_name_of_the_real_letters(self, real_data: Path) -> None:
        with (real_data / "shenzhen" / "departments.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) > 40
        assert {r["published_name"]: SHENZHEN.resolve(r["published_name"]) for r in rows} == {
            r["published_name"]: r["code"] for r in rows
        }

    def test_first_responses_are_two_hours_a_day_five_and_three_working_days(self) -> None:
        due = {x.code: (x.response.amount, x.response.unit) for x in SHENZHEN.urgency_levels}
        assert due == {
            "emergency": (2, "hours"),
            "urgent": (24, "hours"),
            "normal": (5, "working_days"),
            "low": (3, "working_days"),
        }
        assert [x.code for x in SHENZHEN.urgency_levels if x.response.hand_over_now] == ["emergency"]
        assert {x.name: x.number for x in SHENZHEN.urgency_levels} == {
            "特急": 4,
            "加急": 3,
            "一般": 2,
            "不急": 1,
        }

    def test_kinds_carry_their_chinese_names(self) -> None:
        names = {kind.code: kind.name for kind in SHENZHEN.kinds}
        assert names == {"C": "咨询", "H": "求助", "T": "投诉", "J": "举报", "S": "建议", "O": "其他"}

    def test_an_unshipped_name_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(FenboError, match=r"'atlantis' is not shipped; shipped: shenzhen"):
            Taxonomy.shipped("atlantis")

    def test_a_known_label_costs_microseconds(self) -> None:
        SHENZHEN.resolve("深圳市經濟貿易和信息化委員會")
        start = perf_counter()
        for _ in range(2_000):
            SHENZHEN.resolve("深圳市經濟貿易和信息化委員會")
        repeated = perf_counter() - start
        fresh = NameIndex(SHENZHEN.departments, city="深圳", exact=False)
        start = perf_counter()
        fresh.find("深圳市經濟貿易和信息化委員會")
        assert repeated / 2_000 < (perf_counter() - start) / 10


class TestResolve:
    def test_a_retired_department_leads_along_its_successors(self, hill: Taxonomy) -> None:
        assert hill.resolve("OLD1") == "R"
        assert hill.resolve("青山市桥梁处") == "R"
        assert hill.resolve("桥隧中心") == "R"

    def test_the_day_decides_how_far_along(self, hill: Taxonomy) -> None:
        assert hill.resolve("市桥梁处", on=date(2012, 12, 31)) == "OLD1"
        assert hill.resolve("市桥梁处", on=date(2013, 1, 1)) == "OLD2"
        assert hill.resolve("市桥梁处", on=date(2018, 7, 1)) == "R"

    def test_a_former_name_leads_to_the_department_that_bears_another_today(self, hill: Taxonomy) -> None:
        assert hill.resolve("公路处") == "R"

    def test_retired_without_a_successor_is_an_error_that_says_so(self, hill: Taxonomy) -> None:
        with pytest.raises(DepartmentNotInForce, match=r"'市电报局' \(GONE\) is not in force on 2020-01-01"):
            hill.resolve("市电报局", on=date(2020, 1, 1))
        assert hill.resolve("市电报局", on=date(2001, 5, 1)) == "GONE"

    def test_not_yet_in_force_is_an_error_until_its_first_day(self, hill: Taxonomy) -> None:
        with pytest.raises(DepartmentNotInForce):
            hill.resolve("NEW", on=date(2029, 12, 31))
        assert hill.resolve("NEW", on=date(2030, 1, 1)) == "NEW"

    @pytest.mark.parametrize(
        ("label", "best"),
        [
            ("市工信局", "GXJ 市工业和信息化局"),
            ("深圳市住建局", "ZJJ 市住房和建设局"),
            ("市人社局", "RSJ 市人力资源和社会保障局"),
            ("市教育居", "JYJ 市教育局"),
        ],
    )
    def test_an_unknown_label_lists_the_three_closest(self, label: str, best: str) -> None:
        with pytest.raises(UnknownDepartment) as caught:
            SHENZHEN.resolve(label)
        assert caught.value.closest[0] == best
        assert len(set(caught.value.closest)) == 3
        assert f"'{label}'" in str(caught.value)
        assert all(name in str(caught.value) for name in caught.value.closest)
        assert "\n" not in str(caught.value)

    def test_the_closest_are_in_force(self, hill: Taxonomy) -> None:
        with pytest.raises(UnknownDepartment) as caught:
            hill.resolve("桥梁所")
        assert caught.value.closest[0] == "R 市道路局"
        assert not {"OLD1", "OLD2", "GONE", "NEW"} & {name.split()[0] for name in caught.value.closest}

    @pytest.mark.parametrize("label", ["", " ", "深圳市", "市", "(已撤销)"])
    def test_a_label_without_a_name_is_unknown(self, label: str) -> None:
        with pytest.raises(UnknownDepartment):
            SHENZHEN.resolve(label)

    def test_a_short_form_that_fits_two_departments_fits_none(self, hill: Taxonomy) -> None:
        twins = hill.with_department(Department(code="P1", name="青山市公园处")).with_department(
            Department(code="P2", name="市公园处")
        )
        assert twins.resolve("市公园处") == "P2"
        assert twins.resolve("青山市公园处") == "P1"
        with pytest.raises(UnknownDepartment):
            twins.resolve("公园处")

    @given(label=st.text(max_size=12))
    @settings(deadline=None)
    def test_any_text_resolves_to_a_live_code_or_is_unknown(self, label: str) -> None:
        closest: tuple[str, ...] = ()
        code = ""
        try:
            code = SHENZHEN.resolve(label)
        except UnknownDepartment as error:
            closest = error.closest
        assert code in {d.code for d in SHENZHEN.live()} or len(closest) == 3


class TestLabels:
    def test_codes_are_the_distinct_labels_to_the_letter(self) -> None:
        taxonomy = Taxonomy.from_labels(["b", " a", "城管", "b", "a"])
        assert [d.code for d in taxonomy.departments] == [" a", "a", "b", "城管"]
        assert taxonomy.resolve(" a") == " a"
        assert taxonomy.urgency_levels == SHENZHEN.urgency_levels
        assert taxonomy.kinds == SHENZHEN.kinds

    def test_the_order_of_rows_makes_no_difference(self) -> None:
        assert Taxonomy.from_labels(["x", "y"]) == Taxonomy.from_labels(iter(["y", "x", "y"]))

    @pytest.mark.parametrize("label", ["B", "b ", "ｂ", "市城管", "城 管", "深圳城管"])
    def test_nothing_but_the_letter_counts(self, label: str) -> None:
        with pytest.raises(UnknownDepartment, match="to the letter"):
            Taxonomy.from_labels(["b", "城管"]).resolve(label)

    def test_names_the_closest_label_once(self) -> None:
        with pytest.raises(UnknownDepartment) as caught:
            Taxonomy.from_labels(["城市管理", "公共安全", "教育文体"]).resolve("城管")
        assert caught.value.closest[0] == "城市管理"

    @pytest.mark.parametrize("labels", [[], ["好", ""], ["\t"]])
    def test_refuses_no_labels_and_blank_ones(self, labels: list[str]) -> None:
        with pytest.raises(InvalidEntry, match="is empty"):
            Taxonomy.from_labels(labels)


class TestLookups:
    def test_live_keeps_the_order_and_counts_both_end_days(self, hill: Taxonomy) -> None:
        assert [d.code for d in hill.live(date(2012, 12, 31))] == ["W", "R", "OLD1", "OLD2"]
        assert [d.code for d in hill.live(date(2013, 1, 1))] == ["W", "R", "OLD2"]
        assert [d.code for d in hill.live(date(2030, 1, 1))] == ["W", "R", "NEW"]

    def test_successor_map_leads_from_those_not_in_force_to_those_that_are(self, hill: Taxonomy) -> None:
        assert hill.successor_map(date(2015, 1, 1)) == {"OLD1": "OLD2"}
        assert hill.successor_map(date(2020, 1, 1)) == {"OLD1": "R", "OLD2": "R"}
        assert SHENZHEN.successor_map() == {}

    def test_description_is_name_and_matters(self, hill: Taxonomy) -> None:
        assert hill.description("W") == "市水务局：停水；漏水"
        assert hill.description("R") == "市道路局"

    def test_unknown_codes_are_refused_with_what_is_allowed(self, hill: Taxonomy) -> None:
        with pytest.raises(UnknownDepartment, match="'X' is not a code of taxonomy hill 7"):
            hill.department("X")
        with pytest.raises(FenboError, match="'soon' is not known; allowed: emergency, urgent, normal, low"):
            hill.urgency_level("soon")
        with pytest.raises(FenboError, match="'Z' is not known; allowed: C, H, T, J, S, O"):
            hill.kind("Z")
        assert hill.urgency_level("urgent").name == "加急"
        assert hill.kind("T").name == "类T"


class TestFiles:
    def test_dump_and_load_are_each_others_reverse(self, hill: Taxonomy, tmp_path: Path) -> None:
        for taxonomy in (
            SHENZHEN,
            hill,
            Taxonomy.from_labels(["NO", "110", " x", "市局", "a: b", "~", "a\x85", "b\r\n", "c" * 300]),
        ):
            taxonomy.dump(tmp_path / "t.yaml")
            again = Taxonomy.load(tmp_path / "t.yaml")
            assert again == taxonomy
            assert again.content_hash() == taxonomy.content_hash()

    @given(labels=st.sets(st.text(min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=6))
    @settings(deadline=None)
    def test_any_labels_survive_a_file(
        self, labels: set[str], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "labels.yaml"
        taxonomy = Taxonomy.from_labels(labels)
        taxonomy.dump(path)
        again = Taxonomy.load(path)
        assert again == taxonomy
        assert all(again.resolve(label) == label for label in labels)

    def test_hash_is_of_the_content_not_the_layout(self, tmp_path: Path, hill: Taxonomy) -> None:
        path = written(tmp_path, lambda form: form.update(departments=form.pop("departments")))
        path.write_text("# a remark\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
        assert Taxonomy.load(path).content_hash() == hill.content_hash()
        assert replace(hill, city="绿水").content_hash() != hill.content_hash()

    def test_a_byte_order_mark_is_no_obstacle(self, tmp_path: Path, hill: Taxonomy) -> None:
        path = written(tmp_path)
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
        assert Taxonomy.load(path) == hill

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (None, "cannot be read"),
            (b"", "is empty"),
            (b"\xff\xfe\x00", "is not UTF-8"),
            (b"name: [a\n", "is not YAML"),
            (b"name: a\x07\n", "is not YAML"),
            (b"- a\n", "must be a mapping with the fields name, version"),
            (b"name: a\nname: b\n", "'name' is written twice"),
        ],
    )
    def test_a_file_that_is_no_taxonomy_is_named(
        self, tmp_path: Path, content: bytes | None, says: str
    ) -> None:
        path = tmp_path / "broken.yaml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InvalidEntry, match=says) as caught:
            Taxonomy.load(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    def test_a_folder_that_is_not_there_cannot_be_written_to(self, hill: Taxonomy, tmp_path: Path) -> None:
        with pytest.raises(FenboError, match="cannot be written"):
            hill.dump(tmp_path / "nowhere" / "t.yaml")


def department(**fields: object) -> Callable[[dict[str, Any]], object]:
    """Change the first department."""
    return lambda form: form["departments"][0].update(fields)


BAD: list[tuple[str, Callable[[dict[str, Any]], object], str, str]] = [
    ("code twice", department(code="R"), "departments[1].code", "'R' is already the code of departments[0]"),
    ("code in another case", department(code="r"), "departments[1].code", "codes are unique"),
    ("name twice", department(name="市道路局"), "departments[1].name", "'市道路局' is already used at"),
    (
        "name is another's former",
        department(name="市 公路處"),
        "departments[1].former_names[0].name",
        "'市公路处' is already used at departments[0].name",
    ),
    ("code is another's name", department(name="gone"), "departments[4].code", "'GONE' is already used at"),
    (
        "successor unknown",
        department(valid_to=date(2020, 1, 1), successor="Q"),
        "departments[0].successor",
        "'Q' is not the code of a department here",
    ),
    (
        "successor without an end",
        department(successor="R"),
        "departments[0].successor",
        "'R' is named but valid_to is not",
    ),
    (
        "own successor",
        department(valid_to=date(2020, 1, 1), successor="W"),
        "departments[0].successor",
        "circle: W → W",
    ),
    (
        "successors in a circle",
        lambda form: form["departments"][1].update(valid_to=date(2020, 1, 1), successor="OLD1"),
        "departments[1].successor",
        "circle: R → OLD1 → OLD2 → R",
    ),
    (
        "dates reversed",
        department(valid_from=date(2020, 1, 2), valid_to=date(2020, 1, 1)),
        "departments[0].valid_to",
        "2020-01-01 lies before valid_from 2020-01-02",
    ),
    ("date is no date", department(valid_to="2020-13-01"), "departments[0].valid_to", "written YYYY-MM-DD"),
    ("date is a number", department(valid_to=2020), "departments[0].valid_to", "'2020' must be a date"),
    (
        "level unknown",
        department(level="省级"),
        "departments[0].level",
        "'省级' is not a level; allowed: 市级, 区级",
    ),
    ("code read as a number", department(code=110), "departments[0].code", "put it in quotes"),
    ("code read as yes", department(code=True), "departments[0].code", "reads it as yes/no"),
    ("code with a space", department(code="A B"), "departments[0].code", "'A B' holds white space"),
    ("name blank", department(name=" "), "departments[0].name", "is empty"),
    ("name missing", lambda form: form["departments"][0].pop("name"), "departments[0]", "'name' is missing"),
    ("name null", department(name=None), "departments[0]", "'name' is missing"),
    ("unknown field", department(matter="x"), "departments[0].matter", "unknown field; allowed: code, name"),
    ("matters no list", department(matters="停水"), "departments[0].matters", "must be a list"),
    ("matter blank", department(matters=["停水", ""]), "departments[0].matters[1]", "is empty"),
    (
        "former name blank",
        department(former_names=[{"name": ""}]),
        "departments[0].former_names[0].name",
        "is empty",
    ),
    (
        "former name bare",
        department(former_names=["x"]),
        "departments[0].former_names[0]",
        "must be a mapping",
    ),
    ("no departments", lambda form: form.update(departments=[]), "departments", "at least one"),
    ("version a number", lambda form: form.update(version=2026.1), "version", "'2026.1' must be a text"),
    ("version blank", lambda form: form.update(version=""), "version", "is empty"),
    ("exact no flag", lambda form: form.update(exact="yes"), "exact", "must be true or false"),
    (
        "unknown urgency",
        lambda form: form["urgency"][1].update(code="soon"),
        "urgency[1].code",
        "allowed: low",
    ),
    ("urgency twice", lambda form: form["urgency"][1].update(code="low"), "urgency[3].code", "written twice"),
    ("urgency missing", lambda form: form["urgency"].pop(0), "urgency", "lacks emergency"),
    (
        "urgency number",
        lambda form: form["urgency"][0].update(number=1),
        "urgency[0].number",
        "1 is not the number of 'emergency'; it is 4",
    ),
    (
        "urgency number no number",
        lambda form: form["urgency"][0].update(number="4"),
        "urgency[0].number",
        "'4' must be a whole number",
    ),
    ("urgency name twice", lambda form: form["urgency"][0].update(name="加急"), "urgency[1].name", "unique"),
    (
        "response in both units",
        lambda form: form["urgency"][0].update(response={"hours": 1, "working_days": 1}),
        "urgency[0].response",
        "one of hours, working_days, and only one",
    ),
    ("no response", lambda form: form["urgency"][0].update(response={}), "urgency[0].response", "only one"),
    (
        "response at once",
        lambda form: form["urgency"][0].update(response={"hours": 0}),
        "urgency[0].response.hours",
        "0 is outside the allowed 1 to 8760",
    ),
    (
        "response after years",
        lambda form: form["urgency"][2].update(response={"working_days": 999}),
        "urgency[2].response.working_days",
        "999 is outside the allowed 1 to 250",
    ),
    (
        "unknown kind",
        lambda form: form["kinds"][0].update(code="X"),
        "kinds[0].code",
        "allowed: C, H, T, J, S, O",
    ),
    ("kind missing", lambda form: form["kinds"].pop(), "kinds", "lacks O"),
    ("kind name twice", lambda form: form["kinds"][1].update(name="类C"), "kinds[1].name", "unique"),
]


class TestValidation:
    @pytest.mark.parametrize(("change", "field", "says"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
    def test_a_file_that_cannot_stand_is_refused_with_field_and_reason(
        self, tmp_path: Path, change: Callable[[dict[str, Any]], object], field: str, says: str
    ) -> None:
        path = written(tmp_path, change)
        with pytest.raises(InvalidEntry) as caught:
            Taxonomy.load(path)
        assert caught.value.path == field
        assert says in str(caught.value)
        assert caught.value.source == str(path)
        assert caught.value.line is not None
        assert "\n" not in str(caught.value)

    def test_the_error_names_the_line(self, tmp_path: Path) -> None:
        path = written(tmp_path, department(level="省级"))
        lines = path.read_text(encoding="utf-8").splitlines()
        with pytest.raises(InvalidEntry) as caught:
            Taxonomy.load(path)
        assert f"{path}, line {caught.value.line}, departments[0].level" in str(caught.value)
        assert lines[(caught.value.line or 0) - 1].strip() == "level: 省级"

    def test_a_structural_error_names_the_line_too(self, tmp_path: Path) -> None:
        path = written(tmp_path, lambda form: form["departments"][3].update(colour="red"))
        lines = path.read_text(encoding="utf-8").splitlines()
        with pytest.raises(InvalidEntry) as caught:
            Taxonomy.load(path)
        assert lines[(caught.value.line or 0) - 1].strip() == "colour: red"

    def test_a_department_may_return_to_a_name_it_bore_before(self, hill: Taxonomy) -> None:
        again = replace(
            hill.department("W"), former_names=(FormerName("市水利局"), FormerName("青山市水务局"))
        )
        assert hill.with_department(again).resolve("水利局") == "W"

    def test_code_and_name_of_one_department_may_be_the_same(self, hill: Taxonomy) -> None:
        assert hill.with_department(Department(code="消防", name="消防")).resolve("消防") == "消防"


class TestEdits:
    def test_a_new_department_makes_a_new_version_and_leaves_the_old_alone(self, hill: Taxonomy) -> None:
        more = hill.with_department(Department(code="AIR", name="市空港局", level="市级"))
        assert more.resolve("青山市空港局") == "AIR"
        assert (hill.version, more.version) == ("7", "8")
        with pytest.raises(UnknownDepartment):
            hill.resolve("市空港局")

    def test_the_same_code_is_put_in_its_place(self, hill: Taxonomy) -> None:
        renamed = Department(code="W", name="市水利局", former_names=(FormerName("市水务局"),))
        changed = hill.with_department(renamed)
        assert [d.code for d in changed.departments] == [d.code for d in hill.departments]
        assert changed.resolve("水务局") == changed.resolve("水利局") == "W"

    @pytest.mark.parametrize(
        ("version", "following"),
        [("2026.1", "2026.2"), ("2026.9", "2026.10"), ("v09", "v10"), ("draft", "draft.1")],
    )
    def test_versions_count_up(self, hill: Taxonomy, version: str, following: str) -> None:
        edited = replace(hill, version=version).with_department(Department(code="AIR", name="市空港局"))
        assert edited.version == following

    def test_a_retired_department_hands_over_on_the_day(self, hill: Taxonomy) -> None:
        merged = hill.retire("W", "R", date(2027, 1, 1))
        assert merged.version == "8"
        assert merged.resolve("水务局", on=date(2026, 12, 31)) == "W"
        assert merged.resolve("水务局", on=date(2027, 1, 1)) == "R"
        assert "W" not in {d.code for d in merged.live(date(2027, 1, 1))}
        assert merged.successor_map(date(2027, 1, 1))["W"] == "R"

    def test_a_chain_grows_with_every_reform(self, hill: Taxonomy) -> None:
        merged = hill.retire("R", "W", date(2027, 1, 1))
        assert merged.resolve("市桥梁处", on=date(2027, 1, 1)) == "W"

    def test_edits_survive_a_file(self, hill: Taxonomy, tmp_path: Path) -> None:
        merged = hill.retire("W", "R", date(2027, 1, 1))
        merged.dump(tmp_path / "t.yaml")
        assert Taxonomy.load(tmp_path / "t.yaml") == merged

    @pytest.mark.parametrize(
        ("code", "successor", "on", "error", "says"),
        [
            ("X", "R", date(2027, 1, 1), UnknownDepartment, "'X' is not a code"),
            ("W", "X", date(2027, 1, 1), UnknownDepartment, "'X' is not a code"),
            ("W", "OLD1", date(2027, 1, 1), InvalidEntry, "'OLD1' is not in force on 2027-01-01"),
            ("W", "NEW", date(2027, 1, 1), InvalidEntry, "'NEW' is not in force on 2027-01-01"),
            ("W", "W", date(2027, 1, 1), InvalidEntry, "circle: W → W"),
            ("OLD1", "R", date(2027, 1, 1), InvalidEntry, "already retired; its last day is 2012-12-31"),
            ("NEW", "R", date(2030, 1, 1), InvalidEntry, "is not after 'NEW''s first day"),
        ],
    )
    def test_a_retirement_that_cannot_stand_is_refused(
        self, hill: Taxonomy, code: str, successor: str, on: date, error: type[FenboError], says: str
    ) -> None:
        with pytest.raises(error, match=says):
            hill.retire(code, successor, on)

    def test_a_new_department_that_cannot_stand_is_refused(self, hill: Taxonomy) -> None:
        with pytest.raises(InvalidEntry, match="already used"):
            hill.with_department(Department(code="AIR", name="市道路局"))
