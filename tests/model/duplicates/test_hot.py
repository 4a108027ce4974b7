from __future__ import annotations

from datetime import timedelta

import pytest

from model.duplicates.finder import DuplicateFinder
from model.duplicates.hot import hot_topics, topic_title
from model.duplicates.score import PairScorer
from model.duplicates.store import Letter
from model.place import PlaceFinder
from model.ticket import Ticket

from .city import START, ticket, vector

CROWD = "坂田街道云顶花园小区楼下的变电站辐射太大，业主强烈反对，请停止施工。"
DAILY = "民治街道的路灯不亮，走路看不见，请修一修。"
NOISE_WORDS = ("社保", "公交", "停车", "学位", "垃圾", "电梯", "油烟", "欠薪", "积水", "遛狗")


@pytest.fixture(scope="module")
def finder(scorer: PairScorer, places: PlaceFinder) -> DuplicateFinder:
    """Sixty days: a little of everything daily, street lamps every fourth, a crowd on days 40 to 43."""
    built = DuplicateFinder(scorer, places=places, threshold=0.5, clock=lambda: START + timedelta(days=90))
    letters: list[Ticket] = []
    for day in range(60):
        for place, word in enumerate(NOISE_WORDS[day % 3 :: 2]):
            text = f"咨询{word}的第{day * 10 + place}号文件怎么办理，{chr(0x5000 + day * 31)}字头的。"
            letters.append(ticket(f"n{day}-{place}", text, hours=day * 24))
        if day % 4 == 0:
            letters.append(ticket(f"lamp{day}", DAILY, hours=day * 24 + 1))
    letters += [
        ticket(
            f"crowd{n}",
            CROWD + f"第{n}位业主。",
            hours=40 * 24 + n * 3,
            reporter_hash=f"r{n % 9}",
            title="关于云顶花园变电站的投诉",
        )
        for n in range(20)
    ]
    for letter in sorted(letters, key=lambda letter: letter.created_at or START):
        built.add(
            letter, vector(letter), department="生态环境局" if letter.ticket_id.startswith("crowd") else ""
        )
    return built


def test_the_crowd_is_first_with_all_that_a_leader_asks(finder: DuplicateFinder) -> None:
    topic = hot_topics(finder.store)[0]
    assert topic.size == 20
    assert topic.recent >= 15
    assert topic.growth > 3
    assert topic.area == "深圳市龙岗区"
    assert topic.places == ("云顶花园变电站",)
    assert topic.people == ("业主",)
    assert topic.departments == ("生态环境局",)
    assert topic.reporters == 9
    assert topic.telling.startswith("crowd")
    assert topic.title == "云顶花园变电站"
    assert START + timedelta(days=40) <= topic.start <= topic.end <= START + timedelta(days=43)


def test_what_comes_as_steadily_as_ever_is_not_hot(finder: DuplicateFinder) -> None:
    assert not any(topic.telling.startswith("lamp") for topic in hot_topics(finder.store))


def test_today_only_what_is_hot_today(finder: DuplicateFinder) -> None:
    during = hot_topics(finder.store, now=START + timedelta(days=42))
    assert during
    assert during[0].telling.startswith("crowd")
    assert hot_topics(finder.store, now=START + timedelta(days=58)) == []


def test_nothing_is_hot_where_nothing_is(scorer: PairScorer) -> None:
    assert hot_topics(DuplicateFinder(scorer).store) == []


@pytest.mark.parametrize(
    ("title", "content", "expected"),
    [
        ("关于云顶花园停水的问题", "", "云顶花园停水"),
        ("投诉", "云顶花园又停水了。没有人管。", "投诉"),
        ("", "强烈要求修路！谢谢", "修路"[:0] or "强烈要求修路"),
        ("", "路" * 80, "路" * 29 + "…"),
    ],
)
def test_a_title_is_short_and_of_its_own_words(title: str, content: str, expected: str) -> None:
    assert topic_title(Letter("1", title, content)) == expected
