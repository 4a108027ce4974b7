"""Which public bodies a letter asks to act ("请城管清理，路灯请供电来修"), and which department each is.

Citizens use short names that no list of departments holds. A name is matched with the letters of a
department's present or former name (住建 → 住房和建设局); where none fits, the lexical model says whom it
speaks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from model.lexical import F32
from model.ngrams import Document
from model.taxonomy import Taxonomy

BODIES: tuple[str, ...] = (
    "交警", "公安", "派出所", "民警", "警方", "警察", "城管", "综合执法", "环卫", "园林", "环保",
    "生态环境", "环境部门", "住建", "住房建设", "质监", "街道", "社区", "居委会", "市监", "市场监管",
    "工商", "食药监", "药监", "卫健", "卫生", "疾控", "教育", "民政", "人社", "劳动监察", "劳动局",
    "社保", "医保", "公积金", "税务", "财政", "规资", "规自", "规划", "自然资源", "国土", "交通",
    "交委", "公交", "养路", "路政", "地铁", "水务", "河长", "供水", "供电", "电网", "燃气", "消防",
    "应急", "安监", "司法", "法律援助", "法援", "公证", "金融监管", "银保监", "地方金融", "金融",
    "商务", "文旅", "文体", "文化", "旅游", "体育", "退役军人", "国资", "审计", "统计", "发改", "物价",
    "工信", "科创", "科技", "外办", "外事", "台办", "口岸", "通信管理", "通管", "通信",
    "运营商", "邮政", "信访", "政务数据", "政数", "政务", "气象", "档案", "无线电", "工务署",
    "采购中心",
)  # fmt: skip
"""Everyday names of public bodies in any Chinese city, not of one taxonomy."""

SURE = 26.0
"""How many times the odds of chance the lexical model must give a department for a bare name to be its;
below, the name leads nowhere. Among 50 departments that is a probability of 0.35, among 7 of 0.81."""

_UNIT = "(?:部门|局|委|办|大队|中队|支队|中心|集团|公司|署|站|所|的?同志|的人|的)?"
_BODY = "|".join(sorted(BODIES, key=len, reverse=True))
_NAMED = rf"({_BODY}){_UNIT}(?:[和与跟、及]({_BODY}){_UNIT}(?:[和与跟、及]({_BODY}){_UNIT})?)?"
_PLEA = "请|麻烦|希望|盼|望|要求|建议|让|(?<!理)由|求|叫|问(?!过)|恳|劳烦|找(?!过)"
_ACT = (
    "请|开|查(?![了过])|管|处理|处置|督促|核|看看|看一|清|修|给|解决|明确|说明|过问|认领|主持|出|整治|赶|来人|调|"
    "催|把|派|能不能|能否|可以|应|要|责令|对|按|加强|帮|取缔|协调"
)
# Told what to do: after a plea, or at the head of a clause and before a verb. "环保来过" only tells a story.
_ASKED = re.compile(rf"(?:{_PLEA})[^，。;！？]{{0,5}}?{_NAMED}|(?:^|(?<=[，。;！？、]))也?{_NAMED}(?:{_ACT})")
_CITY = re.compile(r"^(?:市人民政府|市委|市)")


def asked_bodies(text: str) -> frozenset[str]:
    """Names out of :data:`BODIES` that normalised ``text`` asks to do something."""
    return frozenset(name for match in _ASKED.finditer(text) for name in match.groups() if name)


def departments_of_bodies(
    taxonomy: Taxonomy, codes: Sequence[str], probabilities: Callable[[Sequence[Document]], F32]
) -> Mapping[str, str]:
    """Code of the department for each of :data:`BODIES` that has one among ``codes`` (K).

    ``probabilities`` are the lexical model's (N, K) for N documents, columns as in ``codes``.
    """
    read = probabilities([Document("", body) for body in BODIES])
    result: dict[str, str] = {}
    for body, row in zip(BODIES, read, strict=True):
        code = _by_name(body, taxonomy, codes)
        likeliest = float(row.max())
        if code is None and likeliest * (len(codes) - 1) >= SURE * (1 - likeliest):
            code = codes[int(np.argmax(row))]
        if code is not None:
            result[body] = code
    return result


def _by_name(body: str, taxonomy: Taxonomy, codes: Sequence[str]) -> str | None:
    """Present names before former ones, then names that hold the body as one piece, then the shortest."""
    # Letters are taken in order, and not from behind 局: 公交 is not 公安局交通警察局.
    pattern = re.compile("[^局]*?".join(body))
    fits: list[tuple[bool, bool, int, str]] = []
    for code in codes:
        department = taxonomy.department(code)
        names = [(False, department.name), *((True, former.name) for former in department.former_names)]
        for is_former, name in names:
            stem = _CITY.sub("", name.removeprefix(taxonomy.city))
            if pattern.match(stem):
                fits.append((is_former, body not in stem, len(stem), code))
    return min(fits)[3] if fits else None
