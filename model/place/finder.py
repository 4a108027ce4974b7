"""From a ticket's words and given fields to its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from model.ticket import Location

from . import gazetteer as gazetteers
from .codes import find_codes
from .gazetteer import Entry, Gazetteer
from .names import Suffixes, find_names
from .place import FINE_LEVELS, Level, Place, PlaceName

_WEIGHTS = {
    ("district", "full"): 0.9,
    ("district", "short"): 0.65,
    ("street", "full"): 0.8,
    ("street", "short"): 0.5,
    ("landmark", "landmark"): 0.45,
}
_DECIDE = 0.2
"""A district needs this much evidence; one landmark is enough where no other city has its name."""
_ELSEWHERE = 0.5
_IN_A_NAME = 0.5
_HERE = 1.15
_FIRST = 0.1

# A short name before these is part of another name: 长宁路, 浦东大道, 黄浦江, 松江南站.
_NOT_A_SHORT_NAME = re.compile(r"[东西南北中一二三四]{0,2}(?:路|街(?!道)|公路|江|河|人家|大桥|高架|隧道|桥)")
# An estate or avenue is often, not always, in the district it is named after: 静安花园, 浦东大道.
_NAMED_AFTER = re.compile(r"(?:大道|花园|家园|名苑|公寓|大厦|广场|世纪|新城|国际|集团|公司|银行)")
_ELSEWHERE_BEFORE = re.compile(
    r"(?:从|由|原|原来|户籍|户口|来自|比如|例如|像|反观|参照|参考|学习|相比|不如|邻近|临近|靠近|邻近得|前往|通往|通向|去|到|至|往|转入|连接|以及|和|与|、)$"
)
_ELSEWHERE_AFTER = re.compile(
    r"(?:户口|户籍|上班|工作|也有|已经有|早就|的做法|一样|方向|交界|转入|转到|转学)"
)
_HERE_BEFORE = re.compile(r"(?:位于|坐落于?|座落于?|家住|住在|居住在?|地处|地址[:：]?|我是|本人是|在)$")


class PlaceFinder:
    """Finds places in text. Thread-safe: it holds nothing but its tables.

    ``city``: the city whose tickets these are, by any name the gazetteer knows. Without it a name that
    several cities share (龙华) stays undecided unless the text names the city.
    """

    def __init__(
        self,
        *,
        city: str = "",
        gazetteer: Gazetteer | None = None,
        suffixes: Suffixes | None = None,
    ) -> None:
        table = gazetteer or gazetteers.shipped()
        self.city = table.city(city) if city else ""
        if city and not self.city:
            known = "、".join(table.cities)
            raise gazetteers.GazetteerError(f"city {city!r} is not in the gazetteer; known: {known}")
        self._gazetteer = gazetteers.of_city(table, self.city) if self.city else table
        self._suffixes = suffixes

    def find(self, text: str, *, location: Location | None = None) -> Place:
        """The place that ``text`` and the fields of ``location`` tell of.

        Offsets of the names are those of ``text`` as it was given. A given field outweighs the text; the text
        fills in what is not given.
        """
        hits = self._administrative(text)
        codes = find_codes(text)
        stops = sorted({end for _, end, _ in hits} | {code.end for code in codes})
        names = [*codes, *find_names(text, stops=stops, rules=self._suffixes)]
        given = _given_text(location)
        given_hits = self._administrative(given) if given else []
        if given:
            stops = sorted({end for _, end, _ in given_hits} | {code.end for code in find_codes(given)})
            extra = (*find_codes(given), *find_names(given, stops=stops, rules=self._suffixes))
            names += [replace(name, start=-1, end=-1) for name in extra]
        city, district, street, confidence, admin = self._decide(text, hits, given, given_hits, codes)
        names = _without_shadows([*admin, *names])
        fields = _fields(location)
        if fields["district"]:
            in_table = self._gazetteer.district(fields["district"], city)
            city = in_table[0] or city
            district, confidence = in_table[1] or fields["district"], 1.0
        street = fields["street"] or street
        named = {level: _best(names, level) for level in ("community", "estate", "road", "poi")}
        return Place(
            city=city or self.city,
            district=district,
            street=street,
            community=fields["community"] or named["community"],
            estate=named["estate"],
            road=named["road"],
            poi=named["poi"],
            district_confidence=round(confidence, 3),
            names=tuple(names),
        )

    def _administrative(self, text: str) -> list[tuple[int, int, tuple[Entry, ...]]]:
        """(start, end, entries) of every administrative name; longer names first, none inside another."""
        table = self._gazetteer.table
        hits = []
        position, last = 0, len(text) - 1
        while position < last:
            rows = table.get(text[position : position + 2])
            if rows is not None:
                for surface, entries in rows:
                    if text.startswith(surface, position):
                        kept = _kept(text, position + len(surface), entries)
                        if kept:
                            hits.append((position, position + len(surface), kept))
                            position += len(surface) - 1
                            break
            position += 1
        return hits

    def _decide(
        self,
        text: str,
        hits: Sequence[tuple[int, int, tuple[Entry, ...]]],
        given: str,
        given_hits: Sequence[tuple[int, int, tuple[Entry, ...]]],
        codes: Sequence[PlaceName],
    ) -> tuple[str, str, str, float, list[PlaceName]]:
        """(city, district, street, confidence in [0, 1], the administrative names)."""
        cities = {
            entry.name for _, _, entries in (*hits, *given_hits) for entry in entries if entry.level == "city"
        }
        doubt: dict[tuple[str, str], float] = {}
        streets: dict[tuple[str, str], tuple[float, str]] = {}
        admin: list[PlaceName] = []
        seen: set[tuple[str, str]] = set()
        for source, source_hits in ((text, hits), (given, given_hits)):
            for start, end, entries in source_hits:
                possible = [entry for entry in entries if not cities or entry.city in cities] or list(entries)
                share = len({(entry.city, entry.district) for entry in possible})
                tone = _tone(source, start, end)
                for entry in possible:
                    span = (start, end) if source is text else (-1, -1)
                    if entry.level == "city":
                        admin.append(PlaceName("city", entry.name, entry.surface, *span, 1.0, entry.city, ""))
                        continue
                    weight = min(_WEIGHTS[entry.level, entry.form] * tone, 0.95) / share
                    key = (entry.city, entry.district)
                    level: Level = "poi" if entry.level == "landmark" else entry.level
                    admin.append(
                        PlaceName(level, entry.name, entry.surface, *span, weight, entry.city, entry.district)
                    )
                    if entry.level == "street":
                        streets[key] = max(streets.get(key, (0.0, "")), (weight, entry.name))
                    # Repetition adds little: the same name twice is one witness.
                    fresh = weight if (entry.surface, entry.district) not in seen else weight * 0.2
                    seen.add((entry.surface, entry.district))
                    doubt[key] = doubt.get(key, 1.0) * (1.0 - fresh)
        for code in codes:
            if code.level == "district":
                key = (code.city, code.district)
                doubt[key] = doubt.get(key, 1.0) * 0.2
        coded_city = next((code.city for code in codes if code.level == "city"), "")
        city = next(iter(cities)) if len(cities) == 1 else coded_city
        if not doubt:
            return city, "", "", 0.0, admin
        order = {key: _FIRST * (1.0 - index / len(doubt)) for index, key in enumerate(doubt)}
        strength = {key: 1.0 - value for key, value in doubt.items()}
        best = max(strength, key=lambda key: strength[key] + order[key])
        total = sum(strength.values())
        rivals = [
            key for key in strength if key != best and strength[key] == strength[best] and key[0] != best[0]
        ]
        if strength[best] < _DECIDE or rivals:
            return city, "", "", 0.0, admin
        confidence = strength[best] * (strength[best] / total) ** 0.5
        street = streets.get(best, (0.0, ""))[1]
        return best[0], best[1], street, confidence, admin


def _kept(text: str, end: int, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Entries that the words around do not turn into something else."""
    full = tuple(entry for entry in entries if entry.form == "full")
    if full:
        return full
    if _NOT_A_SHORT_NAME.match(text, end):
        return ()
    return entries


def _tone(text: str, start: int, end: int) -> float:
    """How much the words around a name say that the matter is there (above 1) or elsewhere (below 1)."""
    before = text[max(0, start - 5) : start]
    if _NAMED_AFTER.match(text, end):
        return _IN_A_NAME
    if _ELSEWHERE_BEFORE.search(before) or _ELSEWHERE_AFTER.match(text, end):
        return _ELSEWHERE
    return _HERE if _HERE_BEFORE.search(before) else 1.0


def _given_text(location: Location | None) -> str:
    if location is None:
        return ""
    return " ".join(
        part for part in (location.district, location.street, location.community, location.address) if part
    )


def _fields(location: Location | None) -> dict[str, str]:
    if location is None:
        return {"district": "", "street": "", "community": ""}
    return {
        "district": location.district.strip(),
        "street": location.street.strip(),
        "community": location.community.strip(),
    }


def _without_shadows(names: Iterable[PlaceName]) -> list[PlaceName]:
    """Names in order; one that lies wholly inside another of the same level is dropped."""
    ordered = sorted(names, key=lambda name: (name.start, -name.end))
    kept: list[PlaceName] = []
    for name in ordered:
        inside = any(
            name.start >= 0
            and other.level == name.level
            and other.start <= name.start
            and name.end <= other.end
            and (other.start, other.end) != (name.start, name.end)
            for other in kept[-3:]
        )
        if not inside:
            kept.append(name)
    return kept


def _best(names: Sequence[PlaceName], level: Level) -> str:
    """The surest name of a level, the earliest among equals; empty when there is none."""
    ofs = [name for name in names if name.level == level and level in FINE_LEVELS]
    if not ofs:
        return ""
    return max(ofs, key=lambda name: name.confidence).name
