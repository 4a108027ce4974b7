"""Hears a ticket and says which open tickets are the same matter; keeps clusters as tickets stream in."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from model.errors import FenboError
from model.place import Place, PlaceFinder
from model.ticket import Ticket

from .axes import principal_axes
from .bearing import SKETCHED, weighed
from .index import AXES_AT, VectorIndex
from .partition import COHESION, binding, partition, renamed
from .profile import Profile, Profiler, full_text
from .score import PairScorer
from .snapshot import SnapshotUnusableError, load_snapshot, save_snapshot
from .sqlite_store import SqliteStore
from .store import DAY, WEEK, DuplicateStore, Edge, IndexedVector, NewTicket, Ruling, StoredTicket

F32 = NDArray[np.float32]

WINDOW_DAYS = 90
CANDIDATES = 24
"""Tickets that are scored for each new one: the twenty nearest, and room for what int8 ranks wrongly."""
_REPRESENTATIVES = 4
_CLOCK_SLACK = timedelta(days=1)
_LOCAL = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Times without a zone are local ones."""
LARGEST_REPAIRED = 20_000
"""Linked tickets beyond this number are not clustered anew: only copies come in such numbers."""
_SNAPSHOT_EVERY = 100_000
_AXES_SAMPLE = 20_000


class TicketConflictError(FenboError):
    """A ticket id that is known with another body."""


class IndexOwnedError(FenboError):
    """Another process has this folder's index open."""


@dataclass(frozen=True, slots=True)
class Original:
    """An earlier ticket that may be the same matter."""

    ticket_id: str
    cluster: str
    probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one ticket's matter."""

    ticket_id: str
    cluster: str
    duplicate_of: str | None
    """The likeliest earlier ticket of the cluster; None for the first to tell of the matter."""
    probability: float
    """That ``duplicate_of`` is the same matter; without one, of the likeliest ticket that was not joined."""
    originals: tuple[Original, ...] = ()
    """All earlier tickets at or above the threshold, likeliest first."""
    merged: tuple[str, ...] = ()
    """Clusters that this ticket showed to be one with its own and that are now part of it."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What a re-clustering changed."""

    clusters: int
    moved: int
    merged: int
    split: int


@dataclass(frozen=True, slots=True)
class RuledPair:
    """A person's ruling with the words it was about, ready to learn from."""

    text_a: str
    text_b: str
    title_a: str
    title_b: str
    label: int
    """2 same matter, 1 not the same: such pairs looked alike, so they count as related."""
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Compared:
    """A ticket before it is stored, with the earlier tickets it was compared with."""

    profile: Profile
    moment: int
    wording: bytes
    edges: Mapping[int, float]
    """Probability by ticket number, of candidates and of representatives of their clusters."""
    tickets: Mapping[int, StoredTicket]


def cluster_name(cluster: int) -> str:
    """The public name of a cluster."""
    return f"C{cluster}"


def cluster_number(name: str) -> int:
    """The number of the cluster called ``name``.

    Raises:
        FenboError: not a cluster name.
    """
    if not (name.startswith("C") and name[1:].isdigit()):
        raise FenboError(f"cluster {name!r} is not a cluster name; expected C and a number, such as C17")
    return int(name[1:])


class DuplicateFinder:
    """One process's duplicate finder over a folder, or over memory when ``folder`` is None.

    The rows in ``folder/duplicates.db`` are the truth; the index in memory is made from the last snapshot and
    the rows since. Killed at any moment, it comes back with every ticket it answered for. It is used from one
    thread. Tickets are given with their text masked.

    Raises:
        IndexOwnedError: another process has the folder open.
        FenboError: the store's tickets were read with another word table.
    """

    def __init__(
        self,
        scorer: PairScorer,
        *,
        folder: Path | None = None,
        store: DuplicateStore | None = None,
        places: PlaceFinder | None = None,
        window_days: int = WINDOW_DAYS,
        threshold: float | None = None,
        cohesion: float = COHESION,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if window_days < 1:
            raise FenboError(f"window_days is {window_days}; expected at least 1")
        self.scorer = scorer
        self.threshold = scorer.threshold if threshold is None else threshold
        self.cohesion = cohesion
        self.window = window_days * DAY
        self._profiler = Profiler(scorer.rarity, scorer.words, finder=places)
        self._clock = clock
        self._folder = folder
        self._lock = _own(folder) if folder is not None else None
        self.store: DuplicateStore = store or SqliteStore(folder / "duplicates.db" if folder else None)
        self.store.bind(scorer.words.fingerprint)
        newest = self.store.newest_moment() or 0
        latest = int((clock() + _CLOCK_SLACK).timestamp())
        self._newest = min(newest, latest)
        # A clock that ran ahead has moved the window on, and a snapshot without what fell out of it may be left.
        self._snapshot_doubted = newest > latest
        self._index: VectorIndex | None = None
        self._last_number = 0
        self._since_snapshot = 0

    @property
    def index(self) -> VectorIndex | None:
        """The live index; None until the first vector is seen."""
        return self._index

    def open(self) -> None:
        """Make the index ready before the first ticket comes."""
        self._opened()

    def look(
        self,
        ticket: Ticket,
        vector: F32 | None = None,
        *,
        place: Place | None = None,
        kind: str = "",
        department: str = "",
    ) -> Verdict:
        """What :meth:`add` would say of ``ticket``, without storing it; its cluster is empty when new."""
        compared = self._compare(ticket, vector, place, kind, department)
        cluster, originals = self._chosen(compared)
        best = originals[0] if originals and cluster is not None else None
        return Verdict(
            ticket_id=ticket.ticket_id,
            cluster=cluster_name(cluster) if cluster is not None else "",
            duplicate_of=best.ticket_id if best else None,
            probability=best.probability if best else max(compared.edges.values(), default=0.0),
            originals=originals,
        )

    def add(
        self,
        ticket: Ticket,
        vector: F32 | None = None,
        *,
        place: Place | None = None,
        kind: str = "",
        department: str = "",
    ) -> Verdict:
        """Store ``ticket`` and say which earlier tickets are the same matter.

        ``vector`` (D,): what ``scorer.words.embed`` makes of the text, where it is at hand; else it is made here.
        ``place``: found already; else it is looked for here. The same id with the same words again changes
        nothing and gives the verdict of today.

        Raises:
            TicketConflictError: the id is known with other words.
            FenboError: no ticket id, or a vector that is not of the scorer's word table.
        """
        if not ticket.ticket_id:
            raise FenboError("ticket_id is empty; a stored ticket needs one")
        digest = _digest(ticket.title, ticket.content)
        known = self.store.ticket(ticket.ticket_id)
        if known is not None:
            if known.digest != digest:
                raise TicketConflictError(
                    f"ticket_id {ticket.ticket_id!r} is known with another text; use a new id"
                )
            return self._verdict_of(known)
        compared = self._compare(ticket, vector, place, kind, department)
        cluster, originals = self._chosen(compared)
        indexed = bool(compared.profile.text) and bool(np.any(compared.profile.vector))
        week = compared.moment // WEEK
        indexed = indexed and not self.store.has_indexed_copy(compared.wording, week)
        merged: list[int] = []
        with self.store.transaction():
            number = self.store.add_ticket(
                NewTicket(
                    ticket.ticket_id,
                    digest,
                    ticket.title,
                    ticket.content,
                    compared.moment,
                    compared.profile.area,
                    indexed,
                    compared.wording,
                    compared.profile,
                )
            )
            if cluster is None:
                self.store.add_event(compared.moment, "found", number, number, None)
            else:
                self.store.assign([number], cluster)
                self.store.add_edges(self._kept_edges(number, compared))
                self.store.add_event(compared.moment, "join", cluster, number, None)
                cluster, merged = self._bridged(number, cluster, compared)
        self._remember(number, compared, indexed)
        own = number if cluster is None else cluster
        best = originals[0] if originals and cluster is not None else None
        return Verdict(
            ticket_id=ticket.ticket_id,
            cluster=cluster_name(own),
            duplicate_of=best.ticket_id if best else None,
            probability=best.probability if best else max(compared.edges.values(), default=0.0),
            originals=originals,
            merged=tuple(cluster_name(other) for other in merged),
        )

    def rule(self, a: str, b: str, *, same: bool, by: str, reason: str = "") -> Ruling:
        """Obey a person who says that tickets ``a`` and ``b`` are, or are not, the same matter.

        The clusters follow at once. Every ruling is kept; where two contradict, the later counts.

        Raises:
            FenboError: an unknown ticket, or twice the same.
        """
        one, other = self._known(a), self._known(b)
        if one.number == other.number:
            raise FenboError(f"ticket {a!r} was ruled on with itself; name two tickets")
        with self.store.transaction():
            first, second = sorted((one.number, other.number))
            ruling = self.store.add_ruling(self._now(), first, second, same, by, reason)
            self.store.add_event(ruling.at, "rule", one.cluster, first, second)
            self._partition_again({one.cluster, other.cluster})
        return ruling

    def recluster(self, *, since: datetime | None = None) -> Repair:
        """Cluster anew all live tickets that were compared with others, and everything linked to them.

        Repairs what the order of arrival got wrong. A cluster that does not change keeps its name, and one
        that does lives on in the part that holds most of it. ``since``: only clusters with a ticket from then
        on; default the whole window.
        """
        start = int(since.timestamp()) if since is not None else self._newest - self.window
        seen: set[int] = set()
        total = Repair(0, 0, 0, 0)
        for cluster in sorted(self.store.live_clusters(since=start, smallest=1)):
            if cluster in seen:
                continue
            changed, linked = self.repair(cluster)
            seen |= linked
            total = Repair(
                total.clusters + changed.clusters,
                total.moved + changed.moved,
                total.merged + changed.merged,
                total.split + changed.split,
            )
        return total

    def repair(self, cluster: int) -> tuple[Repair, set[int]]:
        """Cluster anew one cluster and everything linked to it; also the numbers of all these clusters."""
        linked = self._linked(cluster)
        size = sum(self.store.sizes(sorted(linked)).values())
        if size < 2 or size > LARGEST_REPAIRED:
            return Repair(0, 0, 0, 0), linked
        with self.store.transaction():
            changed = self._partition_again(linked)
        return replace(changed, clusters=len(linked)), linked

    def forget(self, ticket_ids: Sequence[str]) -> None:
        """Delete tickets, with their words and all that they were compared with; unknown ones are passed over."""
        found = [self.store.ticket(ticket_id) for ticket_id in ticket_ids]
        with self.store.transaction():
            self.store.forget([ticket.number for ticket in found if ticket is not None])

    def verdict(self, ticket_id: str) -> Verdict:
        """The verdict of today on a stored ticket.

        Raises:
            FenboError: an unknown ticket.
        """
        return self._verdict_of(self._known(ticket_id))

    def members(self, cluster: str) -> tuple[str, ...]:
        """Ticket ids of a cluster in order of arrival; empty when there is no such cluster."""
        number = cluster_number(cluster)
        numbers = self.store.members([number])[number]
        tickets = self.store.tickets(numbers)
        return tuple(tickets[its].ticket_id for its in numbers)

    def ruled_pairs(self) -> Iterator[RuledPair]:
        """Every pair that people ruled on, by the ruling that counts, to train the pair score on."""
        for ruling in sorted(binding(self.store.rulings()), key=lambda ruling: ruling.sequence):
            letters = self.store.letters([ruling.a, ruling.b])
            if len(letters) < 2:
                continue  # one of them is forgotten
            a, b = letters[ruling.a], letters[ruling.b]
            yield RuledPair(
                text_a=a.content,
                text_b=b.content,
                title_a=a.title,
                title_b=b.title,
                label=2 if ruling.same else 1,
                by=ruling.by,
                reason=ruling.reason,
                at=datetime.fromtimestamp(ruling.at, tz=UTC),
            )

    def snapshot(self) -> None:
        """Write the index beside the rows, so that the next start is quick; nothing to do in memory."""
        if self._folder is None or self._index is None:
            return
        save_snapshot(
            self._index, self._folder / "index", identity=self.store.identity, last_number=self._last_number
        )
        self._since_snapshot = 0

    def close(self) -> None:
        """Snapshot and let go of the folder."""
        self.snapshot()
        self.store.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> DuplicateFinder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _known(self, ticket_id: str) -> StoredTicket:
        ticket = self.store.ticket(ticket_id)
        if ticket is None:
            raise FenboError(f"ticket_id {ticket_id!r} is unknown; only stored tickets can be named")
        return ticket

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def _moment(self, created_at: datetime | None) -> int:
        """When a ticket counts as sent: as it says, unless it says nothing or a time to come."""
        now = self._clock()
        if created_at is not None and created_at.tzinfo is None:
            created_at = created_at.replace(tzinfo=_LOCAL)
        if created_at is None or created_at > now + _CLOCK_SLACK:
            return int(now.timestamp())
        return max(0, int(created_at.timestamp()))

    def _opened(self) -> VectorIndex:
        if self._index is not None:
            return self._index
        dimensions = self.scorer.words.dimensions + SKETCHED
        first_week = (self._newest - self.window) // WEEK
        index, last = VectorIndex(dimensions), 0
        if self._folder is not None and not self._snapshot_doubted:
            try:
                index, last = load_snapshot(
                    self._folder / "index",
                    identity=self.store.identity,
                    dimensions=dimensions,
                    first_week=first_week,
                )
            except SnapshotUnusableError:
                index, last = VectorIndex(dimensions), 0
        self._index = self._replayed(index, last, first_week)
        return self._index

    def _replayed(self, index: VectorIndex, last: int, first_week: int) -> VectorIndex:
        """``index`` with the rows after ``last`` added, in batches; fits the axes when rows suffice."""
        self._last_number = last
        batch: list[IndexedVector] = []
        for row in self.store.indexed_vectors(after=last, first_week=first_week):
            if row.vector.shape != (index.dimensions,):
                raise FenboError(
                    f"the store holds vectors of {len(row.vector)} components, this index has"
                    f" {index.dimensions}; start a new folder for a new word table"
                )
            batch.append(row)
            self._last_number = row.number
            if len(batch) == _AXES_SAMPLE:
                index = _with_axes(_added(index, batch))
                batch = []
        return _with_axes(_added(index, batch))

    def _compare(
        self, ticket: Ticket, vector: F32 | None, place: Place | None, kind: str, department: str
    ) -> _Compared:
        words = self.scorer.words
        if vector is None:
            vector = words.embed([full_text(ticket)])[0]
        if vector.shape != (words.dimensions,) or not np.isfinite(vector).all():
            raise FenboError(
                f"vector has shape {vector.shape} or holds NaN; the word table makes ({words.dimensions},)"
                " finite numbers: leave the vector out"
            )
        index = self._opened()
        moment = self._moment(ticket.created_at)
        sent = replace(ticket, created_at=datetime.fromtimestamp(moment, tz=UTC))
        profile = self._profiler.profile(sent, vector, place=place, kind=kind, department=department)
        wording = _digest(profile.text, profile.area, profile.street)
        if not profile.text or not np.any(vector):
            return _Compared(profile, moment, wording, {}, {})
        weeks = range((moment - self.window) // WEEK, (moment + self.window) // WEEK + 1)
        near = index.search(
            profile.searched, most=CANDIDATES, area=profile.area, weeks=weeks
        ).numbers.tolist()
        tickets = self.store.tickets(near)
        near = [
            number
            for number in near
            if number in tickets and abs(tickets[number].moment - moment) <= self.window
        ]
        scored = self._scored(profile, near)
        strong = {tickets[number].cluster for number, value in scored.items() if value >= self.threshold}
        others = [
            number
            for cluster in sorted(strong)
            for number in self.store.sample_members(cluster, _REPRESENTATIVES)
            if number not in scored
        ]
        if others:
            tickets |= self.store.tickets(others)
            scored |= self._scored(profile, others)
        return _Compared(profile, moment, wording, scored, tickets)

    def _scored(self, profile: Profile, numbers: Sequence[int]) -> dict[int, float]:
        """Probability that ``profile`` is the same matter as each ticket."""
        profiles = self.store.profiles(numbers)
        found = [number for number in numbers if number in profiles]
        values = self.scorer.probabilities(profile, [profiles[number] for number in found])
        return dict(zip(found, map(float, values), strict=True))

    def _chosen(self, compared: _Compared) -> tuple[int | None, tuple[Original, ...]]:
        """The cluster that a ticket belongs to, None for a new one; and its likely originals."""
        by_cluster: dict[int, list[float]] = {}
        for number, value in compared.edges.items():
            by_cluster.setdefault(compared.tickets[number].cluster, []).append(value)
        fitting = {
            cluster: float(np.mean(values))
            for cluster, values in by_cluster.items()
            if max(values) >= self.threshold and np.mean(values) >= self.cohesion
        }
        cluster = max(fitting, key=lambda name: (max(by_cluster[name]), fitting[name], -name), default=None)
        ranked = sorted(compared.edges.items(), key=lambda item: (-item[1], item[0]))
        originals = [
            Original(
                compared.tickets[number].ticket_id,
                cluster_name(compared.tickets[number].cluster),
                round(value, 4),
            )
            for number, value in ranked
            if value >= self.threshold
        ]
        if cluster is not None:
            own = cluster_name(cluster)
            originals.sort(key=lambda original: original.cluster != own)
        return cluster, tuple(originals)

    def _kept_edges(self, number: int, compared: _Compared) -> list[Edge]:
        """Comparisons worth keeping: all those with a cluster that one of them links the ticket to."""
        linked = {
            compared.tickets[other].cluster
            for other, value in compared.edges.items()
            if value >= self.threshold
        }
        return [
            Edge(other, number, value)
            for other, value in compared.edges.items()
            if compared.tickets[other].cluster in linked
        ]

    def _bridged(self, number: int, cluster: int, compared: _Compared) -> tuple[int, list[int]]:
        """Merge ``cluster`` and the others that the new ticket links it to and that cohere with it.

        The larger one's name stays; returns it and the names that are gone.
        """
        merged = []
        linked = {
            compared.tickets[other].cluster
            for other, value in compared.edges.items()
            if value >= self.threshold
        }
        for other in sorted(linked - {cluster}):
            between = [
                value for near, value in compared.edges.items() if compared.tickets[near].cluster == other
            ]
            ours = [its for its in self.store.sample_members(cluster, _REPRESENTATIVES) if its != number]
            theirs = self.store.sample_members(other, _REPRESENTATIVES)
            edges = self._cross(ours, theirs)
            values = [*between, *(edge.probability for edge in edges)]
            if np.mean(values) < self.cohesion or self._ruled_apart(cluster, other):
                continue
            self.store.add_edges(edges)
            sizes = self.store.sizes([cluster, other])
            keep, gone = (cluster, other) if sizes[cluster] >= sizes[other] else (other, cluster)
            self.store.assign(self.store.members([gone])[gone], keep)
            self.store.add_event(compared.moment, "merge", keep, number, gone)
            merged.append(gone)
            cluster = keep
        return cluster, merged

    def _cross(self, ours: Sequence[int], theirs: Sequence[int]) -> list[Edge]:
        profiles = self.store.profiles([*ours, *theirs])
        edges = []
        for one in ours:
            values = self.scorer.probabilities(profiles[one], [profiles[other] for other in theirs])
            edges += [
                Edge(min(one, other), max(one, other), float(value))
                for other, value in zip(theirs, values, strict=True)
            ]
        return edges

    def _ruled_apart(self, one: int, other: int) -> bool:
        ruled = [ruling for ruling in binding(self.store.rulings_between(one, other)) if not ruling.same]
        tickets = self.store.tickets([number for ruling in ruled for number in (ruling.a, ruling.b)])
        return any(tickets[ruling.a].cluster != tickets[ruling.b].cluster for ruling in ruled)

    def _linked(self, cluster: int) -> set[int]:
        """The cluster and all that tickets of theirs were compared with and found the same, step by step."""
        linked, border = {cluster}, {cluster}
        while border:
            numbers = [
                number for members in self.store.members(sorted(border)).values() for number in members
            ]
            near = self.store.neighbours(numbers, self.threshold)
            tickets = self.store.tickets(sorted(near - set(numbers)))
            border = {ticket.cluster for ticket in tickets.values()} - linked
            linked |= border
        return linked

    def _partition_again(self, clusters: set[int]) -> Repair:
        """Cluster the tickets of ``clusters`` anew and record what changed."""
        members = self.store.members(sorted(clusters))
        old = {number: cluster for cluster, numbers in members.items() for number in numbers}
        numbers = sorted(old)
        groups = partition(
            numbers,
            self.store.edges_among(numbers),
            self.store.rulings(numbers),
            threshold=self.threshold,
            cohesion=self.cohesion,
        )
        new = renamed(groups, old, self.store.fresh_cluster)
        moved = merged = split = 0
        at = self._now()
        for cluster, its in sorted(new.items()):
            leaving = [number for number in its if old[number] != cluster]
            if leaving:
                self.store.assign(leaving, cluster)
                moved += len(leaving)
            for former in sorted({old[number] for number in its} - {cluster}):
                if former in new:
                    split += 1
                    self.store.add_event(at, "split", former, None, cluster)
                else:
                    merged += 1
                    self.store.add_event(at, "merge", cluster, None, former)
        return Repair(len(clusters), moved, merged, split)

    def _remember(self, number: int, compared: _Compared, indexed: bool) -> None:
        """Take a stored ticket into the index; the window moves on with the latest moment."""
        assert self._index is not None
        self._last_number = number
        week = compared.moment // WEEK
        if compared.moment > self._newest:
            if week > self._newest // WEEK:
                self._index.drop_before((compared.moment - self.window) // WEEK)
                self._index.trim_before(week)
            self._newest = compared.moment
        if not indexed or week < (self._newest - self.window) // WEEK:
            return
        self._index.add(number, compared.profile.searched, area=compared.profile.area, week=week)
        if self._index.axes is None and self._index.rows >= AXES_AT:
            self._index = _with_axes(self._index)
        self._since_snapshot += 1
        if self._since_snapshot >= _SNAPSHOT_EVERY:
            self.snapshot()

    def _verdict_of(self, ticket: StoredTicket) -> Verdict:
        edges = {
            edge.a: edge.probability for edge in self.store.edges_of(ticket.number) if edge.b == ticket.number
        }
        tickets = self.store.tickets(sorted(edges))
        inside = [number for number in tickets if tickets[number].cluster == ticket.cluster]
        best = max(inside, key=lambda number: (edges[number], -number), default=None)
        if best is None:
            first = self.store.sample_members(ticket.cluster, 1)[0]
            if first < ticket.number:
                best, tickets = first, self.store.tickets([first])
        return Verdict(
            ticket_id=ticket.ticket_id,
            cluster=cluster_name(ticket.cluster),
            duplicate_of=tickets[best].ticket_id if best is not None else None,
            probability=round(edges.get(best, 1.0), 4) if best is not None else 0.0,
        )


def _own(folder: Path) -> IO[bytes]:
    """Take the folder for this process; the system frees it when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / "owner.lock").open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise IndexOwnedError(
            f"{folder} is open in another process; one process owns a duplicate index"
        ) from error
    return handle


def _digest(*parts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _added(index: VectorIndex, batch: Sequence[IndexedVector]) -> VectorIndex:
    by_key: dict[tuple[str, int], list[IndexedVector]] = {}
    for row in batch:
        by_key.setdefault((row.area, row.week), []).append(row)
    for (area, week), rows in by_key.items():
        numbers = np.array([row.number for row in rows], dtype=np.uint32)
        index.add_many(numbers, weighed(np.stack([row.vector for row in rows])), area=area, week=week)
    return index


def _with_axes(index: VectorIndex) -> VectorIndex:
    """``index``, or one of the same tickets on their principal axes, once there are tickets enough."""
    if index.axes is not None or index.rows < AXES_AT:
        return index
    wide = {key: index.vectors(key) for key in index.shards}
    axes = principal_axes(np.concatenate(list(wide.values())))
    better = VectorIndex(index.dimensions, axes=axes)
    for (area, week), vectors in wide.items():
        shard = index.shards[area, week]
        better.add_many(shard.numbers[: shard.rows], vectors, area=area, week=week)
    return better
