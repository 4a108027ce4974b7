"""A synthetic city: places, matters that are told once or by crowds, and each telling in other words.

Vectors are drawn, not encoded, so that a million cost minutes: what is told (one of many problems), where,
and which matter each add a direction of their own, and every telling adds noise. The weights give the cosines
that the shipped word table gave real letters: about 0.8 within a matter, 0.6 for the same problem elsewhere, with
the spread of unrelated ones (0.18) and the fall of variance from axis to axis measured on them too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from model.place import Place, PlaceName
from model.ticket import Ticket

F32 = NDArray[np.float32]

DIMENSIONS = 192
DAYS = 84
CITY = "合成市"
UNPLACED = 0.35
"""Share of tickets that name no district, as in Shanghai's letters with a channel that knows some."""
_ALONE = 0.72
_CROWD = 0.01
_SHARES = {"problem": 0.75, "place": 0.35, "matter": 0.35, "telling": 0.45}


@dataclass(frozen=True, slots=True)
class Telling:
    """One ticket of the city, and the matter that it tells of."""

    ticket: Ticket
    place: Place
    vector: F32
    matter: int


def tellings(size: int, *, seed: int = 0) -> Iterator[Telling]:
    """About ``size`` tickets (never fewer) in order of time, over DAYS days. Same seed, same city."""
    words = _words()
    draw = random.Random(seed)
    plan: list[tuple[float, int, int]] = []
    places = max(400, size // 20)
    matters: list[tuple[int, int]] = []
    known: set[tuple[int, int]] = set()
    while len(plan) < size:
        what = draw.randrange(len(words["problems"])), draw.randrange(places)
        if what in known:
            continue
        known.add(what)
        matter = len(matters)
        matters.append(what)
        for _ in range(_crowd(draw)):
            start = _start(matter) * DAYS
            plan.append((min(start + draw.expovariate(1 / 6.0), DAYS - 0.001), matter, draw.getrandbits(32)))
    plan.sort()
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    for number, (day, matter, chance) in enumerate(plan):
        problem, place = matters[matter]
        yield _telling(number, begin + timedelta(days=day), matter, problem, place, chance, words)


def _crowd(draw: random.Random) -> int:
    """How many tell of a matter: mostly one, some a few, rarely dozens (Zipf-like, as in petition campaigns)."""
    luck = draw.random()
    if luck < _ALONE:
        return 1
    if luck < 1 - _CROWD:
        return 2 + int(draw.expovariate(1 / 2.0))
    return 15 + int(draw.expovariate(1 / 20.0))


def _start(matter: int) -> float:
    return random.Random(matter * 7919 + 1).random()


def _telling(
    number: int, at: datetime, matter: int, problem: int, place: int, chance: int, words: dict[str, Any]
) -> Telling:
    draw = random.Random(chance)
    found, named = _place(place, words)
    shown = draw.random() >= UNPLACED
    sentence = draw.choice(words["problems"][problem]).format(
        p=named, n=random.Random(matter).randint(2, 900)
    )
    prefix = found.district if shown and draw.random() < 0.6 else ""
    content = f"{draw.choice(words['openings'])}{prefix}{sentence}，{draw.choice(words['endings'])}"
    ticket = Ticket(content=content, ticket_id=f"t{number}", created_at=at)
    if not shown:
        found = Place(names=found.names)
    return Telling(ticket, found, _vector(matter, problem, place, chance), matter)


def _place(place: int, words: dict[str, Any]) -> tuple[Place, str]:
    draw = random.Random(place * 104_729 + 3)
    district = words["districts"][draw.randrange(len(words["districts"]))]
    street = f"{words['street_heads'][draw.randrange(len(words['street_heads']))]}街道"
    heads, middles, tails = words["estate_heads"], words["estate_middles"], words["estate_tails"]
    # About 18,000 names: in a large city some estates share theirs, as they do.
    name = f"{draw.choice(heads)}{draw.choice(heads)}{draw.choice(middles)}{draw.choice(tails)}"
    span = PlaceName("estate", name, name, -1, -1, 0.9, CITY, district)
    found = Place(
        city=CITY, district=district, street=street, estate=name, district_confidence=0.9, names=(span,)
    )
    return found, name


def _vector(matter: int, problem: int, place: int, chance: int) -> F32:
    total = (
        _SHARES["problem"] * _direction(1, problem)
        + _SHARES["place"] * _direction(2, place)
        + _SHARES["matter"] * _direction(3, matter)
        + _SHARES["telling"] * _direction.__wrapped__(4, chance)
    )
    vector: F32 = (total / np.linalg.norm(total)).astype(np.float32)
    return vector


@lru_cache(maxsize=50_000)
def _direction(kind: int, name: int) -> F32:
    """A random direction (D,), its variance falling from axis to axis as that of real letters."""
    draw = np.random.default_rng((kind, name)).standard_normal(DIMENSIONS, dtype=np.float32) * _SPECTRUM
    direction: F32 = draw / np.linalg.norm(draw)
    return direction


_SPECTRUM: F32 = np.arange(1, DIMENSIONS + 1, dtype=np.float32) ** np.float32(-0.5)


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("city.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data
