"""What the pair score reads about one ticket: its wording, names, numbers, place, time and sender."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from model.place import FINE_LEVELS, Place, PlaceFinder
from model.text.normalise import normalised
from model.ticket import Ticket

from .bearing import sketch, weighed
from .grams import Grams, Rarity, plain
from .words import WordTable

F32 = NDArray[np.float32]
U16 = NDArray[np.uint16]

_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:[A-Za-z]{1,3}[0-9]{1,5}|[0-9]{2,7})(?![0-9市区县])")
_YEAR = re.compile(r"^(?:19|20)[0-9]{2}$")
_DATE = re.compile(r"[0-9]{1,4}\s*[年月日号点时:：]\s*")
_PLAIN_ORGANISATION = re.compile(r"(?:有限责任公司|有限公司|股份公司|分公司|物业公司|公司|集团|物业)$")
_MOST_NAMES = 12
_SURE = 0.5
"""A district told less surely neither joins nor parts two tickets."""
_QUESTION = re.compile(r"[?？]|请问|咨询|如何|怎么办|怎样|是否|可以.{0,12}吗|能否|多久|什么时候|哪里办")


@dataclass(frozen=True, slots=True)
class Profile:
    """One ticket as the pair score sees it. Names are canonical; empty strings and tuples mean unknown."""

    text: str
    """The text without punctuation, lower case, as the names of another ticket are looked for in it."""
    vector: F32
    """Meaning, shape (D,), unit length; all zero for a text without content."""
    named: F32
    """Sketch of the names of places and firms, see :mod:`bearing`."""
    grams: Grams
    words: U16
    """The most telling words of the text by their number in the word table, those of its head first."""
    head: int
    """How many of them are of the title or first sentence."""
    area: str = ""
    street: str = ""
    names: tuple[str, ...] = ()
    """Estates, communities, roads and landmarks."""
    organisations: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    question: bool = False
    created_at: datetime | None = None
    kind: str = ""
    department: str = ""
    reporter: str = ""

    @property
    def searched(self) -> F32:
        """What the candidate index is searched by, (D + SKETCHED,)."""
        return weighed(np.concatenate([self.vector, self.named]))


class Profiler:
    """Makes profiles. Thread-safe."""

    def __init__(self, rarity: Rarity, words: WordTable, *, finder: PlaceFinder | None = None) -> None:
        self.rarity = rarity
        self.words = words
        self.finder = finder or PlaceFinder()

    def profile(
        self,
        ticket: Ticket,
        vector: F32,
        *,
        place: Place | None = None,
        kind: str = "",
        department: str = "",
    ) -> Profile:
        """The profile of ``ticket``, whose text has the vector ``vector`` (D,).

        ``place``: found already; looked for here when None.
        """
        text = normalised(full_text(ticket))
        found = self.finder.find(text, location=ticket.location) if place is None else place
        words, head = self.words.telling(text)
        names, organisations = fine_names(found), organisation_names(found)
        return Profile(
            text=plain(text),
            vector=vector,
            named=sketch((*names, *organisations)),
            grams=self.rarity.grams(text),
            words=words,
            head=head,
            area=found.area if found.district_confidence >= _SURE else "",
            street=found.street,
            names=names,
            organisations=organisations,
            numbers=numbers(text),
            question=_QUESTION.search(text) is not None,
            created_at=ticket.created_at,
            kind=kind,
            department=department,
            reporter=ticket.reporter_hash,
        )


def full_text(ticket: Ticket) -> str:
    """Title and content as one text."""
    return f"{ticket.title}。{ticket.content}" if ticket.title else ticket.content


def fine_names(place: Place) -> tuple[str, ...]:
    """Names narrow enough to tell two matters apart, as they appear, at most twelve."""
    return _distinct([name.name.lower() for name in place.names if name.level in FINE_LEVELS])


def organisation_names(place: Place) -> tuple[str, ...]:
    """Firms without their legal form, at most twelve."""
    return _distinct([_PLAIN_ORGANISATION.sub("", name).lower() for name in place.of_level("organisation")])


def numbers(text: str) -> tuple[str, ...]:
    """Numbers of two digits or more and codes (bus lines, prices, plots); dates and years are left out."""
    found = [match for match in _NUMBER.findall(_DATE.sub(" ", text)) if not _YEAR.match(match)]
    return tuple(dict.fromkeys(found))[:_MOST_NAMES]


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if len(name) >= 2))[:_MOST_NAMES]
