"""The same request written another way, as citizens, phones and speech recognition do.

What it asks stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from model.ticket import Ticket

if TYPE_CHECKING:
    from opencc import OpenCC

Perturbation = Callable[[Ticket, Random], Ticket]

_GREETINGS = (
    "尊敬的领导，您好！冒昧打扰，请您百忙之中看一看我的来信。",
    "各位领导、工作人员辛苦了，感谢你们一直以来为市民做的工作！",
    "您好，我是一名普通市民，第一次在这里留言，不当之处请多包涵。",
)
_THANKS = (
    "恳请领导予以重视，盼复，万分感谢！祝工作顺利、身体健康。",
    "希望早日得到答复，谢谢你们，辛苦了！",
    "再次感谢，期待您的回音。此致敬礼！",
)
_STORY = (
    "事情要从头说起。我在这座城市住了十几年，一直觉得这里很好，平时也很少写信反映什么。",
    "家里老人跟着我们生活，孩子也还小，每天早出晚归，周末才有时间处理家里的事情。",
    "起初我以为过几天就会好，也和家人商量过，大家都说再等等看，不想给别人添麻烦。",
    "后来我问过几个朋友，有的说找这里，有的说找那里，说法都不一样，我自己也糊涂了。",
    "前后打了好几次电话，有时占线，有时说记下了会转告，之后就没有了消息。",
    "我也在网上查过一些说法，看得越多越不明白，所以才想到写这封信，把情况说清楚。",
    "为了写这封信我想了很久，怕说得太啰嗦，又怕漏掉什么，请您耐心看完。",
    "以上是大概的经过，下面说我真正想反映的事情。",
)
_STORY_LENGTH = 900

# One sound a row. Written for this project, from what input methods and speech recognition confuse.
_HOMOPHONES = (
    "的得地", "在再", "做作坐座", "以已", "是事市室", "和合河", "报抱", "费废", "工公", "区取",
    "号好", "路录", "保宝", "证正政", "局居", "物务误", "业夜", "水税", "电店", "车扯", "住助注",
    "交教", "通同", "问闻", "办半", "理里", "医衣", "院愿", "学雪", "校效", "园圆", "场厂",
    "安按", "全权", "建见", "房防", "租足", "气汽", "站占", "停听", "收守", "垃拉", "噪造", "音因",
)  # fmt: skip
_SOUND = {character: row.replace(character, "") for row in _HOMOPHONES for character in row}

_PINYIN = {
    "请问": "qingwen",
    "小区": "xiaoqu",
    "公交": "gongjiao",
    "地铁": "ditie",
    "物业": "wuye",
    "噪音": "zaoyin",
    "噪声": "zaosheng",
    "垃圾": "laji",
    "停车": "tingche",
    "社保": "shebao",
    "医保": "yibao",
    "户口": "hukou",
    "工资": "gongzi",
    "公司": "gongsi",
    "学校": "xuexiao",
    "医院": "yiyuan",
    "办理": "banli",
    "投诉": "tousu",
    "咨询": "zixun",
    "深圳": "shenzhen",
}
_TYPO_SHARE = 0.03
_HOMOPHONE_SHARE = 0.06
_ASCII_TO_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def politeness(ticket: Ticket, random: Random) -> Ticket:
    """Greetings before, thanks after."""
    content = f"{random.choice(_GREETINGS)}{ticket.content}{random.choice(_THANKS)}"
    return replace(ticket, content=content)


def typos(ticket: Ticket, random: Random) -> Ticket:
    """Three characters in a hundred dropped, doubled or swapped with the next."""
    return _both(ticket, lambda text: _mistyped(text, random))


def homophones(ticket: Ticket, random: Random) -> Ticket:
    """Six characters in a hundred heard as others of the same sound, where there are such."""
    return _both(ticket, lambda text: _misheard(text, random))


def traditional(ticket: Ticket, random: Random) -> Ticket:  # noqa: ARG001
    """Written in traditional characters."""
    return _both(ticket, _converter().convert)


def pinyin(ticket: Ticket, random: Random) -> Ticket:
    """Some words typed as they sound, in Latin letters."""

    def change(text: str) -> str:
        for word, sound in _PINYIN.items():
            if word in text and random.random() < 0.7:
                text = text.replace(word, sound)
        return text

    return _both(ticket, change)


def full_width(ticket: Ticket, random: Random) -> Ticket:  # noqa: ARG001
    """Digits, letters and punctuation of ASCII in full width."""
    return _both(ticket, lambda text: text.translate(_ASCII_TO_WIDE))


def without_title(ticket: Ticket, random: Random) -> Ticket:  # noqa: ARG001
    """The title left out, unless it is all there is."""
    return replace(ticket, title="") if ticket.content.strip() else ticket


def point_at_the_end(ticket: Ticket, random: Random) -> Ticket:
    """No title, some 900 characters of story, and only then what is asked."""
    story = ""
    while len(story) < _STORY_LENGTH:
        story += random.choice(_STORY[:-1])
    asked = f"{ticket.title}。{ticket.content}" if ticket.title else ticket.content
    return replace(ticket, title="", content=f"{story}{_STORY[-1]}{asked}")


PERTURBATIONS: Mapping[str, Perturbation] = {
    "加客套话": politeness,
    "错别字": typos,
    "同音字（语音识别）": homophones,
    "繁体": traditional,
    "夹拼音": pinyin,
    "全角": full_width,
    "没有标题": without_title,
    "很长，事情在最后才说": point_at_the_end,
}


def _both(ticket: Ticket, change: Callable[[str], str]) -> Ticket:
    return replace(ticket, title=change(ticket.title), content=change(ticket.content))


def _mistyped(text: str, random: Random) -> str:
    characters = list(text)
    for _ in range(round(_TYPO_SHARE * len(text))):
        place = random.randrange(len(characters) - 1)
        match random.randrange(3):
            case 0:
                del characters[place]
            case 1:
                characters.insert(place, characters[place])
            case _:
                characters[place : place + 2] = reversed(characters[place : place + 2])
    return "".join(characters)


def _misheard(text: str, random: Random) -> str:
    places = [place for place, character in enumerate(text) if character in _SOUND]
    wanted = min(len(places), round(_HOMOPHONE_SHARE * len(text)))
    characters = list(text)
    for place in random.sample(places, wanted):
        characters[place] = random.choice(_SOUND[characters[place]])
    return "".join(characters)


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("s2t")
