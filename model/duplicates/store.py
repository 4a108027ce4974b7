"""What the duplicate finder keeps, behind a protocol: rows are the truth, every index is made from them.

Times are whole seconds since 1970 in UTC; weeks count from there too, so a week number is ``moment // WEEK``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .profile import Profile

F32 = NDArray[np.float32]

DAY = 86_400
WEEK = 7 * DAY

EventKind = Literal["found", "join", "merge", "split", "rule", "repair"]


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be stored. ``title`` and ``content`` are masked; ``digest`` identifies what was sent."""

    ticket_id: str
    digest: bytes
    title: str
    content: str
    moment: int
    area: str
    indexed: bool
    """False for a text without meaning and for a copy that an indexed ticket of its week stands for."""
    wording: bytes
    """Hash of text and place; tickets with the same are copies of each other."""
    profile: Profile


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket without its body."""

    number: int
    ticket_id: str
    digest: bytes
    moment: int
    area: str
    cluster: int

    @property
    def week(self) -> int:
        """Weeks since 1970."""
        return self.moment // WEEK


@dataclass(frozen=True, slots=True)
class IndexedVector:
    """What the candidate index is made of: ``vector`` is meaning and sketch of names, (D + SKETCHED,)."""

    number: int
    area: str
    week: int
    vector: F32


@dataclass(frozen=True, slots=True)
class Edge:
    """Two tickets that were compared, a < b, and the probability that they are the same matter."""

    a: int
    b: int
    probability: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """A person's word on two tickets. All are kept; of two that contradict, the later counts."""

    sequence: int
    at: int
    a: int
    b: int
    same: bool
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a cluster. ``other`` is the second cluster or ticket, as the kind has it."""

    sequence: int
    at: int
    kind: EventKind
    cluster: int
    ticket: int | None
    other: int | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored ticket's own words, masked."""

    ticket_id: str
    title: str
    content: str


class DuplicateStore(Protocol):
    """Rows of tickets, comparisons, clusters, events and rulings.

    One writer at a time; all writes of one ticket happen inside one :meth:`transaction`, which is undone
    whole when it fails. Numbers are given in order of arrival and never reused.
    """

    @property
    def identity(self) -> str:
        """Random name of this store, by which a snapshot knows whose it is."""
        ...

    def bind(self, words: str) -> None:
        """Note the word table that the tickets' vectors and words are of; one store knows one table.

        Raises:
            FenboError: the store's tickets are of another table.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All writes inside take effect together or not at all."""
        ...

    def add_ticket(self, ticket: NewTicket) -> int:
        """Store a ticket in a cluster of its own, named after its number; returns the number."""
        ...

    def ticket(self, ticket_id: str) -> StoredTicket | None: ...

    def tickets(self, numbers: Sequence[int]) -> dict[int, StoredTicket]: ...

    def profiles(self, numbers: Sequence[int]) -> dict[int, Profile]: ...

    def letters(self, numbers: Sequence[int]) -> dict[int, Letter]: ...

    def has_indexed_copy(self, wording: bytes, week: int) -> bool: ...

    def newest_moment(self) -> int | None:
        """The latest moment of any ticket; None when there is none."""
        ...

    def moments(self) -> list[int]:
        """When each ticket was sent, ascending: the intake of the city."""
        ...

    def indexed_vectors(self, *, after: int, first_week: int) -> Iterator[IndexedVector]:
        """Vectors of indexed tickets numbered above ``after``, from week ``first_week`` on, by number."""
        ...

    def members(self, clusters: Sequence[int]) -> dict[int, list[int]]:
        """Ticket numbers of each cluster, ascending."""
        ...

    def sample_members(self, cluster: int, most: int) -> list[int]:
        """The first and the latest members, at most ``most`` together, ascending."""
        ...

    def sizes(self, clusters: Sequence[int]) -> dict[int, int]:
        """Number of tickets of each cluster."""
        ...

    def live_clusters(self, *, since: int, smallest: int) -> dict[int, int]:
        """Size of each cluster of ``smallest`` tickets or more with one at or after moment ``since``."""
        ...

    def assign(self, numbers: Sequence[int], cluster: int) -> None:
        """Move tickets into a cluster."""
        ...

    def fresh_cluster(self) -> int:
        """A cluster name that no ticket's number is or will be."""
        ...

    def add_edges(self, edges: Sequence[Edge]) -> None: ...

    def edges_among(self, numbers: Sequence[int]) -> list[Edge]:
        """Comparisons with both tickets in ``numbers``."""
        ...

    def edges_of(self, number: int) -> list[Edge]:
        """Comparisons of one ticket."""
        ...

    def neighbours(self, numbers: Sequence[int], at_least: float) -> set[int]:
        """Tickets compared with any of ``numbers`` at a probability of ``at_least`` or more."""
        ...

    def add_event(
        self, at: int, kind: EventKind, cluster: int, ticket: int | None, other: int | None
    ) -> None: ...

    def events(self, cluster: int | None = None) -> list[Event]: ...

    def newest_event(self) -> int:
        """Number of the last event; 0 when there is none."""
        ...

    def changed_clusters(self, *, after: int, through: int, kinds: Sequence[EventKind]) -> list[int]:
        """Clusters named by events of these kinds numbered above ``after`` up to ``through``, ascending."""
        ...

    def add_ruling(self, at: int, a: int, b: int, same: bool, by: str, reason: str) -> Ruling: ...

    def rulings(self, numbers: Sequence[int] | None = None) -> list[Ruling]:
        """Rulings in the order they were made; only those that touch ``numbers`` when given."""
        ...

    def rulings_between(self, one: int, other: int) -> list[Ruling]:
        """Rulings on two tickets that are both in cluster ``one`` or ``other``, in order."""
        ...

    def oldest(self, most: int) -> list[StoredTicket]:
        """The first tickets that came, in order of arrival."""
        ...

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete tickets with their words and comparisons. Events and rulings stay: they hold numbers alone."""
        ...

    def close(self) -> None: ...
