"""The normal form of a text and the offsets that lead back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.characters import FORMS, ONE_TO_ONE
from model.text.normalise import normalise, normalised

WIDTH_AND_SCRIPT = [
    ("ＡＢＣ１２３", "abc123"),
    ("％＋－＠", "%+-@"),
    ("你好,世界", "你好，世界"),
    ("你好，世界", "你好，世界"),
    ("真的吗?真的!", "真的吗？真的！"),
    ("真的吗？真的！", "真的吗？真的！"),
    ("时间：10：30；（见附件）", "时间:10:30;(见附件)"),
    ("南山－福田—罗湖", "南山-福田-罗湖"),
    ("粤B•12345", "粤b·12345"),
    ("路燈壞了，請儘快維修", "路灯坏了，请尽快维修"),
    ("Wi-Fi 坏了", "wi-fi 坏了"),
    ("面积５０㎡", "面积50m2"),
    ("①漏水②停电", "(1)漏水(2)停电"),
    ("❶漏水", "(1)漏水"),
    ("二十３½米", "二十3 1/2米"),
    ("ﬁre", "fire"),
    ("Ⅲ期", "iii期"),
]
MARKUP = [
    ("3<5，且7>5", "3<5，且7>5"),
    ("a<b and c>d", "a<b and c>d"),
    ("<p>路灯不亮</p>", "路灯不亮"),
    ("路<b>灯</b>不亮", "路灯不亮"),
    ("第一段<br/>第二段", "第一段 第二段"),
    ('<a href="http://example.org/?a=1&b=2">链接</a>在此', "链接在此"),
    ("＜ｐ＞全角标签＜／ｐ＞", "全角标签"),
    ("你好&nbsp;&nbsp;世界", "你好 世界"),
    ("你好&nbsp世界", "你好 世界"),
    ("面积&lt;50，R&amp;D", "面积<50，r&d"),
    ("&#28145;&#x5733;", "深圳"),
    ("&lt;p&gt;转义的标签&lt;/p&gt;", "转义的标签"),
    ("&amp;lt;p&amp;gt;转义两次&amp;lt;/p&amp;gt;", "转义两次"),
    ("<!-- 注释 -->正文<style>p{color:red}</style>", "正文"),
    ("<o:p></o:p>正文<st1:place w:st='on'>深圳</st1:place>", "正文深圳"),
    ("R&D部门和AT&T", "r&d部门和at&t"),
    ("邮箱<见下>", "邮箱<见下>"),
]
NOISE = [
    ("  前后\t\t空白\r\n ", "前后 空白"),
    ("全\u3000\u3000角", "全 角"),
    ("零\u200b宽\ufeff字\u2060符", "零宽字符"),
    ("控\x00制\x07符", "控制符"),
    ("哈哈哈哈哈哈", "哈哈哈"),
    ("好好好", "好好好"),
    ("救命！！！！！", "救命！"),
    ("救命！！!!", "救命！"),
    ("为什么？？？！！", "为什么？！"),
    ("等等……。。。", "等等…。"),
    ("1000000元", "1000000元"),
    ("一三八八八八八八八八八", "一三八八八八八八八八八"),
    ("loooooong", "looong"),
    ("==========", "="),
]
EMOJI = [
    ("谢谢👍👍", "谢谢👍👍"),
    ("👍👍👍👍👍👍", "👍👍👍"),
    ("一家👨‍👩‍👧三口", "一家👨‍👩‍👧三口"),
    ("❤️‍🔥", "❤‍🔥"),
    ("中\u200d文", "中文"),
    ("😀\u200d，", "😀，"),
]
PLACEHOLDERS = [
    ("请打[PHONE]找我", "请打[PHONE]找我"),
    ("［ＰＨＯＮＥ］", "[PHONE]"),
    ("[phone][Tel][Id]", "[PHONE][TEL][ID]"),
    ("[EMAIL] [NUM] [ROOM] [CARD] [PLATE]", "[EMAIL] [NUM] [ROOM] [CARD] [PLATE]"),
    ("[PASSPORT][WECHAT][QQ][NAME]", "[PASSPORT][WECHAT][QQ][NAME]"),
    ("[Other]", "[other]"),
]


@pytest.mark.parametrize(("text", "expected"), WIDTH_AND_SCRIPT + MARKUP + NOISE + EMOJI + PLACEHOLDERS)
def test_normal_form(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_empty_and_blank_texts_are_empty() -> None:
    assert normalised("") == normalised(" \n\u200b ") == ""
    assert normalise("").starts == ()


def test_offsets_lead_back_over_expansion_removal_and_collapse() -> None:
    source = "<p>臺灣</p>①５０㎡！！！！好"
    mapped = normalise(source)
    assert mapped.text == "台湾 (1)50m2！好"

    def back(piece: str) -> str:
        start = mapped.text.index(piece)
        first, last = mapped.to_source(start, start + len(piece))
        return source[first:last]

    assert back("台湾") == "臺灣"
    assert back("(1)") == "①"
    assert back("50m2") == "５０㎡"
    assert back("！") == "！！！！"
    assert back("台湾 (1)") == "臺灣</p>①"


def test_a_long_run_maps_to_all_of_it() -> None:
    mapped = normalise("真哈哈哈哈哈哈好")
    assert mapped.text == "真哈哈哈好"
    assert mapped.to_source(1, 4) == (1, 7)
    assert mapped.to_source(1, 3) == (1, 3)


def test_every_character_has_a_stable_form() -> None:
    for code in (
        *range(0x3100),
        *range(0x4E00, 0xA000, 7),
        *range(0xD7FF, 0x10000),
        *range(0x1F000, 0x1FB00),
    ):
        form = FORMS[code]
        assert form.translate(FORMS) == form, hex(code)
        if ONE_TO_ONE.fullmatch(chr(code)):
            assert len(form) == 1, hex(code)


# Pieces that make markup, entities, joiners and runs meet in ways that letters do not.
# fmt: off
PIECES = st.sampled_from((
    "<", ">", "&", "amp;", "lt;", "gt;", "nbsp;", "#", "38;", "60;", "=", '"', "'", "/",
    "!", "--", "style", "script", "p", "b", "o:p", "[", "]", "phone", "PHONE", "x", "1",
    "0", "深", "臺", "哈哈哈", "。", "！！", ".", ",", ";", ":", "😀", "①", "½", "㎡", "İ",
    "ﷺ", "&nbsp;", "&lt;", "<b>", "</b>", "<br/>", "＜", "＞", "＆", " ", "\u3000", "\n",
    "\u200b", "\u200d", "\ufe0f", "\x00", "\ud800",
))
# fmt: on
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_twice_is_once_and_both_ways_agree(text: str) -> None:
    mapped = normalise(text)
    assert mapped.text == normalised(text)
    assert normalised(mapped.text) == mapped.text


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_offsets_are_in_range_and_never_decrease(text: str) -> None:
    mapped = normalise(text)
    assert len(mapped.starts) == len(mapped.ends) == len(mapped.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(mapped.starts, mapped.ends, strict=True))
    assert list(mapped.starts) == sorted(mapped.starts)
    assert list(mapped.ends) == sorted(mapped.ends)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="深圳市路灯不亮，请尽快维修。abc012", max_size=80))
def test_a_clean_character_maps_to_itself(text: str) -> None:
    mapped = normalise(text)
    for character, start, end in zip(mapped.text, mapped.starts, mapped.ends, strict=True):
        assert set(text[start:end]) == {character}


HOSTILE = [
    pytest.param(piece, marks=pytest.mark.slow)
    for piece in ("<", "&amp;", "<!--", '<a b="', "<a <i>", "<b>深", "&lt;p&gt;", "①")
]


@pytest.mark.parametrize("piece", ["小区门口的路灯坏了３天，请尽快维修！！", *HOSTILE])
def test_time_is_linear_in_the_length(piece: str) -> None:
    long = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]

    def seconds(text: str) -> float:
        best = float("inf")
        for _ in range(2):
            begin = time.process_time()
            normalise(text)
            best = min(best, time.process_time() - begin)
        return best

    # A clock tick is added to both: a short run is not measured finer than that.
    assert seconds(long) + 0.01 <= 20 * (seconds(long[:100_000]) + 0.01)
