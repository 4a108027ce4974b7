"""Names without a gazetteer: estates, roads, schools, firms, told by how they end and where they begin.

Chinese puts the kind of a place last (世纪花园 · 解放路 · 人民医院), so the end of a name is certain and its
beginning has to be guessed from the words that cannot be part of one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import yaml

from .place import Level, PlaceName

_STRONG, _WEAK = 0.8, 0.5
_HOUSE_NUMBER = (
    r"[0-9０-９一二三四五六七八九十百]+"
    r"(?:号楼|号线|号|弄|栋|幢|楼|室|单元|平方|平米|米|层|岁|年|月|日|点|时|元|万)"
)
_PHASE = re.compile(r"(?:[一二三四五六七八九十0-9]+期)$")
_PLAIN_ENDING = re.compile(r"(?:小区|楼盘|社区|居委会|村委会|居委|村民小组|行政村)+$")


@dataclass(frozen=True, slots=True)
class Suffixes:
    """The wording rules, compiled. ``kinds`` maps a suffix to its level and how sure it is."""

    pattern: re.Pattern[str]
    boundary: re.Pattern[str]
    kinds: Mapping[str, tuple[Level, float]]
    longest: Mapping[Level, int]
    generic: frozenset[str]
    han: re.Pattern[str]
    may_begin: frozenset[str]
    """Boundary characters that a short name may yet begin with."""


@lru_cache(maxsize=1)
def shipped_suffixes() -> Suffixes:
    """The rules of ``suffixes.yaml``."""
    data = yaml.safe_load(resources.files(__package__).joinpath("suffixes.yaml").read_text(encoding="utf-8"))
    kinds: dict[str, tuple[Level, float]] = {}
    for level, groups in data["levels"].items():
        kinds.update(dict.fromkeys(groups["strong"], (level, _STRONG)))
        kinds.update(dict.fromkeys(groups["weak"], (level, _WEAK)))
    suffixes = sorted(kinds, key=len, reverse=True)
    words = sorted(data["boundary_words"], key=len, reverse=True)
    common = sorted(data["common_words"], key=len, reverse=True)
    boundary = "|".join(
        [
            f"(?P<common>{'|'.join(map(re.escape, common))})",
            r"(?P<mark>[^\u3400-\u9fffA-Za-z0-9·]+)",
            _HOUSE_NUMBER,
            *map(re.escape, words),
            f"[{re.escape(data['boundary_characters'])}]",
        ]
    )
    return Suffixes(
        pattern=re.compile("|".join(map(re.escape, suffixes))),
        boundary=re.compile(boundary),
        kinds=kinds,
        longest=data["longest"],
        generic=frozenset(data["generic"]),
        han=re.compile(r"[\u3400-\u9fff]+"),
        may_begin=frozenset(data["may_begin"]),
    )


def canonical(level: Level, text: str) -> str:
    """The form under which spellings of one name meet: no phase, no bare 小区, Latin letters in capitals."""
    name = _PHASE.sub("", text.upper())
    if level in ("estate", "community"):
        bare = _PLAIN_ENDING.sub("", name)
        name = bare if len(bare) >= 2 else name
    return name


def find_names(
    text: str, *, stops: Sequence[int] = (), rules: Suffixes | None = None
) -> tuple[PlaceName, ...]:
    """Names in ``text`` by their endings, in order of appearance.

    ``stops``: ascending offsets that a name may not begin before, such as the ends of administrative names.
    """
    rules = rules or shipped_suffixes()
    cuts, common = _cuts(text, stops, rules)
    ends = [end for end, _ in cuts]
    found: list[PlaceName] = []
    previous: PlaceName | None = None
    for match in rules.pattern.finditer(text):
        level, confidence = rules.kinds[match.group()]
        near = bisect_right(common, (match.end() - 1, len(text))) - 1
        if near >= 0 and match.start() < common[near][1]:
            continue
        if previous is not None and previous.end == match.start():
            joins = previous.level == level or level in ("estate", "poi", "organisation")
            start = previous.start if joins else previous.end
            if previous.level == level:
                found.pop()
        else:
            start = _beginning(text, cuts, ends, match.start(), rules)
            start = max(start, match.start() - rules.longest[level])
            if previous is not None:
                start = max(start, previous.end)
        name = _named(text, level, confidence, start, match.start(), match.end(), rules)
        if name is not None:
            found.append(name)
        previous = name
    return tuple(found)


def _cuts(
    text: str, stops: Sequence[int], rules: Suffixes
) -> tuple[list[tuple[int, bool]], list[tuple[int, int]]]:
    """(offset, whether a short name may begin just before it) in order, and the spans of common words."""
    cuts = [(0, False)]
    common = []
    for match in rules.boundary.finditer(text):
        word = match.group()
        cuts.append((match.end(), word in rules.may_begin))
        if match.lastgroup == "common":
            common.append(match.span())
    if stops:
        cuts = sorted([*cuts, *((stop, False) for stop in stops)])
    return cuts, common


def _beginning(
    text: str, cuts: Sequence[tuple[int, bool]], ends: Sequence[int], suffix: int, rules: Suffixes
) -> int:
    """Where the name before ``suffix`` begins: after the last boundary, or with it for a short name."""
    start, may_begin = cuts[bisect_right(ends, suffix) - 1]
    stem = text[start:suffix]
    if may_begin and len(stem) <= 1 and stem not in rules.generic:
        # 和平路, 向阳路; when the boundary stands last (永和路) one more character belongs to the name.
        earlier = start - (1 if stem else 2)
        if earlier >= 0 and rules.han.fullmatch(text, earlier, start):
            return earlier
    return start


def _named(
    text: str, level: Level, confidence: float, start: int, suffix: int, end: int, rules: Suffixes
) -> PlaceName | None:
    while start < suffix and text[start] in "0123456789号弄栋幢·":
        start += 1
    stem = text[start:suffix]
    shortest = 1 if level == "road" and end - suffix > 1 else 2
    if len(stem) < shortest or stem in rules.generic or stem[-2:] in rules.generic or stem.isdigit():
        return None
    if len(stem) == 1 and stem in rules.generic:
        return None
    whole = text[start:end]
    return PlaceName(level, canonical(level, whole), whole, start, end, confidence)
