"""Where in a building somebody lives: unit, floor, room. Street, house number, estate and building stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import Finding, is_serial, preceded

_HAN_DIGIT = "零〇一二三四五六七八九"
_HAN_NUMBER = f"[{_HAN_DIGIT}十百]{{1,4}}"
_STEP = r"[ ，\-]?"
# 2000套, 1200户, 2016年: what follows a bare number tells that it counts something.
_NO_UNIT = (
    r"(?![0-9a-z%‰\]]|[.:~\-][0-9]|/[0-9]{1,2}(?![0-9\-])"
    r"| ?(?:[年月日时点分秒天周个多余几来平㎡米公里户人家元块万千百亿套间台辆名次度吨斤克升倍级型版]"
    r"|[栋座幢期路线班条款项届份张只位所层楼号]|m2|左右|以上|以下|至|到))"
)
_NO_HOUSING_WORD = "(?![屋产价源地东租贷改型企管款市补招建交展子])"
_SUFFIX = rf"(?:号?房间|号室|房号|室(?![友温外]|内设计)|号?房{_NO_HOUSING_WORD})(?![0-9一二两三四][厅卫])"

_UNIT = r"第?(?:[0-9]{1,2}|[一二三四五六七八九十]{1,2}|[a-z])(?:单元|(?:门|梯)(?=[0-9a-z]))"
_FLOOR = rf"第?(?:[0-9]{{1,3}}|{_HAN_NUMBER})(?:楼|层|f(?![a-z]))"
_SUFFIXED = (
    rf"(?:[a-z]-?)?[0-9]{{1,5}}[a-z]?(?:[\-/、至到][a-z]?[0-9]{{1,5}}[a-z]?)?{_SUFFIX}"
    rf"|[{_HAN_DIGIT}十]{{2,5}}{_SUFFIX}"
)
_BARE = (
    rf"(?:[a-z]-?)?(?:[0-9]{{1,2}}-)?[0-9]{{3,4}}+[a-h]?(?:[/、\-][0-9]{{3,4}}+[a-h]?)?(?:号(?![线文令楼院路码段铺商])|{_NO_UNIT})"
    r"|[0-9]{1,2}-?[a-h](?:[/、\-][0-9]{1,2}-?[a-h])?(?![0-9a-z])"
)
_FLAT = r"[a-h](?:室|房|座|单位|号)"
_TAIL = (
    rf"(?:{_UNIT}{_STEP})?(?:(?:{_FLOOR}{_STEP})?(?:{_SUFFIXED}|{_BARE})|{_FLOOR}{_STEP}{_FLAT})"
    rf"|{_UNIT}(?:{_STEP}{_FLOOR})?"
)
_BUILDING = rf"(?:(?:[0-9a-z{_HAN_DIGIT}十东南西北] ?(?:栋|座|幢|号楼))|[0-9] ?#楼?)"
_IN_BUILDING = re.compile(rf"{_BUILDING}[ ，\-]?(?P<room>{_TAIL})")
# A floor alone is an office more often than a home, and names nobody: it goes only where people live.
_FLOOR_OF_HOME = re.compile(
    rf"{_BUILDING}{_STEP}(?P<room>(?:[0-9]{{1,2}}|[一二三四五六七八九十]{{1,3}})楼)(?![0-9a-z以至到及\-])"
)
_HOME_BEFORE = re.compile(r"(?:住|家|租|花园|小区|苑|公寓|新村|阁|轩|庭|豪园|山庄|名居)[^，。！？;]{0,12}$")
_HOME_AFTER = re.compile(r"[^，。！？;]{0,2}(?:住户|业主|邻居|居民|租户|租客|人家|我家)")
_WITHOUT_BUILDING = re.compile(
    rf"(?=[0-9a-z第{_HAN_DIGIT}十百])(?<![0-9a-z.负{_HAN_DIGIT}十])(?:{_UNIT}{_STEP}(?:{_FLOOR}{_STEP})?(?:{_SUFFIXED}|{_BARE})"
    rf"|{_FLOOR}{_STEP}(?:{_SUFFIXED}|{_FLAT}))"
)
_FLOOR_AND_NUMBER = re.compile(
    rf"(?=[0-9])(?<![0-9a-z.])(?P<floor>[0-9]{{1,2}})(?:楼|层){_STEP}(?P<number>[0-9]{{3,4}})(?:号|{_NO_UNIT})"
)
_ROOM_ALONE = re.compile(
    rf"(?=[0-9a-z{_HAN_DIGIT}])(?:(?<![0-9a-z.\-])(?:[a-z]-?)?[0-9]{{3,4}}[a-z]?(?:[\-/、至到][a-z]?[0-9]{{1,4}}[a-z]?)?{_SUFFIX}"
    rf"|(?<![{_HAN_DIGIT}十百千万])[{_HAN_DIGIT}]{{3,4}}{_SUFFIX})"
)
_CALLED_ROOM = re.compile(r"(?:房间?号码?|室号)[:是为 ]{0,2}(?P<room>(?:[a-z]-?)?[0-9]{3,5}[a-z]?)(?![0-9])")

_ESTATE = r"(?:花园|小区|公寓|大厦|家园|新村|名苑|雅苑|阁|轩)"
_AFTER_ESTATE = re.compile(rf"{_ESTATE} ?(?P<room>[a-h]?(?P<number>[0-9]{{3,4}}+)){_NO_UNIT}")
_BUILDING_AND_ROOM = re.compile(rf"{_ESTATE} ?[0-9]{{1,3}}-(?P<room>[0-9]{{3,4}}+)(?!-){_NO_UNIT}")
_BY_DASHES = re.compile(
    rf"(?=[0-9a-z])(?<![0-9a-z.\-])[a-z]?(?:[0-9]{{1,3}}-){{1,2}}(?P<room>[0-9]{{1,2}}-(?P<number>[0-9]{{3,4}}+))(?!-){_NO_UNIT}"
)
_NOT_AN_ADDRESS = re.compile(
    r"(?:第|型号|规格|版本|图号|图则|电话|比分|编码|宗地|地块|国标|标准)[^，。]{0,6}$"
)
_IN_ALLEY = re.compile(
    rf"[巷坊弄排里村区] ?[0-9]{{1,3}}号{_STEP}(?P<room>[0-9]{{3,4}}+(?:室|房{_NO_HOUSING_WORD})?){_NO_UNIT}"
)
_CENTURIES = frozenset({"19", "20"})
_HOTLINES = frozenset({"110", "119", "120", "122", "114", "123"})
_MOST_ROOMS_ON_A_FLOOR = 40


def _is_room_number(number: str) -> bool:
    """Floor, then the room on it: 301 or 1204; not 2000, 500, a year or a hotline."""
    return (
        1 <= int(number[-2:]) <= _MOST_ROOMS_ON_A_FLOOR
        and not number.startswith("0")
        and number[:-2] not in _CENTURIES
        and number not in _HOTLINES
    )


def find_rooms(text: str) -> Iterator[Finding]:
    """Unit, floor and room: after a building (3栋2单元1204), called so (1509号房), with dashes (5-2-301)."""
    for pattern in (_IN_BUILDING, _CALLED_ROOM, _IN_ALLEY):
        for match in pattern.finditer(text):
            yield Finding("room", *match.span("room"))
    for match in _FLOOR_OF_HOME.finditer(text):
        if preceded(text, match.start(), _HOME_BEFORE) or _HOME_AFTER.match(text, match.end()):
            yield Finding("room", *match.span("room"))
    for match in _WITHOUT_BUILDING.finditer(text):
        yield Finding("room", *match.span())
    for match in _FLOOR_AND_NUMBER.finditer(text):
        if match["number"].startswith(match["floor"]):
            yield Finding("room", *match.span())
    for match in _ROOM_ALONE.finditer(text):
        yield Finding("room", *match.span())
    for pattern in (_AFTER_ESTATE, _BY_DASHES):
        for match in pattern.finditer(text):
            if not _is_room_number(match["number"]):
                continue
            start = match.start()
            if not preceded(text, start, _NOT_AN_ADDRESS) and not is_serial(text, start):
                yield Finding("room", *match.span("room"))
    for match in _BUILDING_AND_ROOM.finditer(text):
        yield Finding("room", *match.span("room"))
