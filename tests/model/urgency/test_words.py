from __future__ import annotations

import pytest

from model.urgency.words import Found, InvalidWord, Word, WordIndex


def found(word: str, text: str) -> list[str]:
    return [text[place.start : place.end] for place in Word(word).places(text)]


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("着火", "楼上着火，楼下也着火", ["着火", "着火"]),
        ("叫|喊…不醒|不应", "我叫了他半天也不应", ["叫了他半天也不应"]),
        ("叫|喊…不醒|不应", "叫他，不醒", []),
        ("叫|喊…不醒|不应", "叫了他很久很久很久也不醒", []),
        ("撞+上|到", "撞上了又撞不到", ["撞上"]),
        ("#个人", "三十几个人，12个人，一群人", ["三十几个人", "12个人"]),
        ("剩#%", "手机剩9%", ["剩9%"]),
        ("烧|烧伤…脸", "烧伤了脸", ["烧伤了脸"]),
        ("a.c", "abc a.c", ["a.c"]),
    ],
)
def test_a_word_is_found_as_it_is_written(word: str, text: str, expected: list[str]) -> None:
    assert found(word, text) == expected


@pytest.mark.parametrize("word", ["", "…", "火…", "+火", "火||烟…大", "#", "#…#", "火|烟"])
def test_a_word_that_cannot_be_meant_is_refused_by_name(word: str) -> None:
    with pytest.raises(InvalidWord, match="word"):
        Word(word)


def test_the_index_names_every_list_that_holds_the_word() -> None:
    index = WordIndex({"fire": ["着火", "火…大"], "plea": ["救命", "着火"], "none": ["落水"]})
    assert {name: set(places) for name, places in index.find("着火了救命").items()} == {
        "fire": {Found(0, 2)},
        "plea": {Found(0, 2), Found(3, 5)},
    }


def test_the_index_finds_what_the_words_find_alone() -> None:
    words = ["着火", "火", "叫|喊…不醒|不应", "#个人", "撞+上|到", "人…多"]
    text = "火车站着火，三个人叫都叫不应，撞到的人很多"
    found_together = WordIndex({word: [word] for word in words}).find(text)
    for word in words:
        assert sorted(found_together.get(word, [])) == Word(word).places(text), word
