"""Where a matter is: the levels of a place, from city down to the single road, estate or building."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["city", "district", "street", "community", "estate", "road", "poi", "organisation"]
LEVELS: tuple[Level, ...] = (
    "city",
    "district",
    "street",
    "community",
    "estate",
    "road",
    "poi",
    "organisation",
)
"""From the widest to the narrowest; an organisation has a name but need not have a place."""

FINE_LEVELS: frozenset[Level] = frozenset({"community", "estate", "road", "poi"})
"""Levels narrow enough that two different names mean two different matters."""


@dataclass(frozen=True, slots=True)
class PlaceName:
    """One name found in a text (at ``start``, ``end`` exclusive) or in a given field (-1, -1).

    ``name`` is the canonical form of ``text``; ``city`` and ``district`` are what the name itself implies,
    empty when it implies neither. ``confidence`` is in [0, 1]. Buildings and rooms are never part of a name.
    """

    level: Level
    name: str
    text: str
    start: int
    end: int
    confidence: float
    city: str = ""
    district: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one ticket: the likeliest value of each level (empty when unknown), every name found."""

    city: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    estate: str = ""
    road: str = ""
    poi: str = ""
    district_confidence: float = 0.0
    """In [0, 1]: 1 when the channel gave the district, 0 when it is unknown."""
    names: tuple[PlaceName, ...] = ()

    @property
    def area(self) -> str:
        """City and district joined, such as ``深圳市福田区``; empty when the district is unknown."""
        return f"{self.city}{self.district}" if self.district else ""

    def of_level(self, level: Level) -> tuple[str, ...]:
        """Canonical names of one level, in order of appearance, without repeats."""
        return tuple(dict.fromkeys(name.name for name in self.names if name.level == level))
