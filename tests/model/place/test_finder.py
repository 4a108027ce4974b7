"""Places from free text and given fields: what a dispatcher relies on."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from model.place import GazetteerError, PlaceFinder, load, shipped
from model.ticket import Location

SHANGHAI = PlaceFinder(city="上海")
SHENZHEN = PlaceFinder(city="深圳市")
ANY = PlaceFinder()


@pytest.mark.parametrize(
    ("text", "district", "street"),
    [
        ("深圳市福田区梅林街道某工地夜里施工", "福田区", "梅林街道"),
        ("民治的公交站牌倒了", "龙华区", "民治街道"),
        ("我住在宝安，附近的厂半夜排烟", "宝安区", ""),
        ("大鹏新区葵涌街道的海滩没人管", "大鹏新区", "葵涌街道"),
    ],
)
def test_a_named_district_or_street_gives_the_district(text: str, district: str, street: str) -> None:
    place = SHENZHEN.find(text)
    assert (place.city, place.district, place.street) == ("深圳市", district, street)
    assert place.area == f"深圳市{district}"
    assert 0 < place.district_confidence <= 1


def test_offsets_point_at_the_words() -> None:
    text = "闵行区莘庄镇丽景花园小区旁的春申路路灯坏了"
    place = SHANGHAI.find(text)
    assert place.names
    for name in place.names:
        assert text[name.start : name.end] == name.text
    assert place.of_level("road") == ("春申路",)
    assert place.estate == "丽景花园"


def test_an_ambiguous_name_needs_the_city() -> None:
    text = "龙华街道的垃圾没有人收"
    assert ANY.find(text).district == ""
    assert SHENZHEN.find(text).district == "龙华区"
    assert SHANGHAI.find(text).district == "徐汇区"
    assert ANY.find("上海" + text).district == "徐汇区"


def test_a_road_named_after_a_district_is_not_the_district() -> None:
    assert SHANGHAI.find("长宁路上有人占道经营").district == ""
    assert SHANGHAI.find("黄浦江边的栏杆松了").district == ""


def test_where_someone_comes_from_counts_less_than_where_the_matter_is() -> None:
    place = SHANGHAI.find("我户口在外地，从静安区搬到位于嘉定区的新房，门口积水")
    assert place.district == "嘉定区"


def test_a_given_field_outweighs_the_text() -> None:
    place = SHENZHEN.find(
        "南山区来的车乱停", location=Location(district="罗湖区", address="翠竹街道翠园花苑3栋502")
    )
    assert (place.district, place.district_confidence) == ("罗湖区", 1.0)
    assert place.street == "翠竹街道"
    assert place.estate == "翠园花苑"


def test_a_district_that_the_gazetteer_lacks_is_kept_as_given() -> None:
    assert SHENZHEN.find("路灯坏了", location=Location(district="前海合作区")).district == "前海合作区"


def test_estate_is_kept_and_room_is_not() -> None:
    place = SHENZHEN.find("龙岗区星河雅苑3栋2单元502室漏水")
    assert place.estate == "星河雅苑"
    assert all("502" not in name.text and "栋" not in name.text for name in place.names)


@pytest.mark.parametrize(
    ("text", "city", "district"),
    [
        ("A市A7县的自来水发黄", "A市", "A7县"),
        ("K3区的路灯全灭了", "K市", "K3区"),
        ("A市的公交太少", "A市", ""),
    ],
)
def test_anonymised_codes_are_places(text: str, city: str, district: str) -> None:
    place = ANY.find(text)
    assert (place.city, place.district) == (city, district)


def test_different_codes_are_different_places() -> None:
    assert ANY.find("A3区停水").area != ANY.find("A4区停水").area


def test_estates_with_other_characters_than_the_tokenizer_knows() -> None:
    assert ANY.find("我是砼溁花园小区的住户").estate == "砼溁花园"


@pytest.mark.parametrize("text", ["", "。", "停", "？？？", "小区", "道路", "a" * 10_000, "小区" * 3_000])
def test_text_without_a_place(text: str) -> None:
    place = ANY.find(text)
    assert place.district == ""
    assert place.district_confidence == 0.0


def test_common_words_are_not_names() -> None:
    place = ANY.find("政府应该修好这条道路，马路上的线路很乱，村民和家庭都受影响，小区也没有人管")
    assert not [name.text for name in place.names]


def test_an_unknown_city_is_refused_by_name() -> None:
    with pytest.raises(GazetteerError, match=r"乌有市.*深圳市"):
        PlaceFinder(city="乌有市")


def test_a_city_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "city.yaml"
    file.write_text(
        "city: 云水市\naliases: [云水]\ndistricts:\n  - {name: 望江区, aliases: [望江], streets: [渡口镇]}\n",
        encoding="utf-8",
    )
    finder = PlaceFinder(city="云水", gazetteer=load(file))
    assert finder.find("渡口镇的桥断了").area == "云水市望江区"


@pytest.mark.parametrize(
    "text", ["[]", "city: 云水市", "city: 1\ndistricts: []", "city: 云水市\ndistricts: [3]", "{"]
)
def test_a_broken_gazetteer_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(GazetteerError, match=r"broken\.yaml"):
        load(file)


def test_the_shipped_gazetteer_names_every_district_once_a_city() -> None:
    table = shipped()
    districts = [(e.city, e.name) for e in table.entries if e.level == "district" and e.surface == e.name]
    assert len(districts) == len(set(districts))
    assert {"深圳市", "上海市", "珠海市", "东莞市"} <= set(table.cities)


def test_it_is_fast_enough_for_every_ticket() -> None:
    text = (
        "本人住在浦东新区三林镇的丽景花园小区，门口的春申路每天夜里都有渣土车经过，噪音很大，请有关部门处理。"
        * 2
    )
    SHANGHAI.find(text)
    best = min(_seconds(text) for _ in range(20))
    assert best < 0.002


def _seconds(text: str) -> float:
    started = time.perf_counter()
    SHANGHAI.find(text)
    return time.perf_counter() - started


def test_district_of_real_letters(real_data: Path) -> None:
    """Letters that name a district in full: at least nine in ten are right from the text alone."""
    with (real_data / "shanghai" / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["district"] != "市级"]
    districts = {row["district"] for row in rows}
    named = [row for row in rows if any(district in row["title"] + row["content"] for district in districts)]
    assert len(named) > 40
    right = sum(
        SHANGHAI.find(f"{row['title']}。{row['content']}").district == row["district"] for row in named
    )
    assert right / len(named) >= 0.90
