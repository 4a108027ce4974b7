"""Compares stored tickets in order of their numbers and writes what it finds back as rows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from model.duplicates.finder import DuplicateFinder, Verdict, cluster_name
from model.duplicates.hot import HotTopic, hot_topics
from model.duplicates.score import PairScorer
from model.errors import FenboError
from model.place import PlaceFinder
from model.ticket import Location, Ticket
from service.matching.home import Home
from service.storage import Database, StorageUnavailable
from service.storage.tables import CLUSTERS, HOT_TOPICS, MATCHING, META, OUTCOMES, TICKETS, VERDICTS

_MOST_TOGETHER: Final = 16
_TOPIC_DAYS: Final = 30
_MOST_NAMED: Final = 500
_REPAIR_SECONDS: Final = 3600.0
_REPAIRED_TOGETHER_SECONDS: Final = 0.05
"""So long clusters are looked at again before new tickets are asked for."""
_EVENTS_TOGETHER: Final = 500
"""Events of the finder that are written down in one transaction."""

_log = structlog.get_logger("service.matching")


@dataclass(frozen=True, slots=True)
class State:
    """How far the comparing has come, as it stands in the database.

    ``space`` names what letters are compared by, and ``index`` the finder's own rows; one with another name begins
    a new ``epoch``, whose clusters have names of their own. ``through`` is the last ticket compared, ``ruled`` the
    last outcome that was obeyed, ``repaired`` the finder's last event whose moves stand in the database.
    """

    space: str = ""
    index: str = ""
    epoch: int = -1
    through: int = 0
    ruled: int = 0
    repaired: int = 0


@dataclass(slots=True)
class _Repairing:
    """An hour's repair under way: clusters still to be looked at, and those that were."""

    left: list[int]
    seen: set[int] = field(default_factory=set)


class Matcher:
    """The one process that compares. Used from one thread."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        scorer: PairScorer,
        window_days: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``folder`` holds the index, which can be made again from the rows."""
        self._database = database
        self._home = Home(database, folder)
        self._scorer = scorer
        self._window = timedelta(days=window_days)
        self._clock = clock
        self._repair_at = clock() + _REPAIR_SECONDS
        self._repairing: _Repairing | None = None
        self._finder: DuplicateFinder | None = None
        self._state = State()
        with database.reading() as connection:
            self._state = _state(connection)

    @property
    def through(self) -> int:
        """The number of the last ticket that was compared."""
        return self._state.through

    def step(self) -> list[int]:
        """Compare what is new, some tickets at a time; their numbers, none when nothing was new.

        Raises `service.storage.StorageUnavailable`.
        """
        with self._database.reading() as connection:
            rows = _tickets_after(connection, self._state.through)
            rulings = _rulings_after(connection, self._state.ruled, through=self._state.through)
        if rows:
            self._compare(rows)
        elif rulings:
            self._obey(rulings)
        return [row.number for row in rows]

    def repair(self) -> bool:
        """When nothing else is to do: once an hour look again at the clusters that tickets came to, and forget the
        tickets whose text is purged, for a moment at a time. Whether anything was done; if so there may be more.

        Raises `service.storage.StorageUnavailable`.
        """
        if self._repairing is None:
            if self._clock() < self._repair_at:
                return False
            self._repair_at = self._clock() + _REPAIR_SECONDS
            if self._state.epoch < 0:
                return False
            finder = self._finder or self._open()
            after, through = self._state.repaired, finder.store.newest_event()
            drifting = finder.store.changed_clusters(after=after, through=through, kinds=("join", "merge"))
            self._repairing = _Repairing(drifting)
        finder = self._finder or self._open()
        self._look_again(finder, self._repairing)
        forgotten = self._forget_purged(finder)
        if not (self._repairing.left or forgotten or self._write_moves(finder)):
            self._repairing = None
        return True

    def _look_again(self, finder: DuplicateFinder, repairing: _Repairing) -> None:
        """Cluster anew, one matter after another, for no longer than new tickets may wait."""
        end = time.monotonic() + _REPAIRED_TOGETHER_SECONDS
        while repairing.left and time.monotonic() < end:
            cluster = repairing.left.pop()
            if cluster not in repairing.seen:
                _, linked = finder.repair(cluster)
                repairing.seen |= linked

    def _forget_purged(self, finder: DuplicateFinder) -> bool:
        """Forget of the oldest tickets those whose text the rows hold no longer. Whether there were any."""
        oldest = [ticket.ticket_id for ticket in finder.store.oldest(_MOST_NAMED)]
        with self._database.reading() as connection:
            kept = set(
                connection.scalars(
                    select(TICKETS.c.ticket_id).where(
                        TICKETS.c.ticket_id.in_(oldest), TICKETS.c.text_purged_at.is_(None)
                    )
                )
            )
        gone = [ticket_id for ticket_id in oldest if ticket_id not in kept]
        finder.forget(gone)
        return bool(gone)

    def _write_moves(self, finder: DuplicateFinder) -> bool:
        """Put the tickets of clusters that were merged or split where the finder has them, some clusters at a time.
        Whether there are more.
        """
        known, newest = self._state.repaired, finder.store.newest_event()
        through = min(newest, known + _EVENTS_TOGETHER)
        if through == known:
            return False
        changed = finder.store.changed_clusters(after=known, through=through, kinds=("merge", "split"))
        state = replace(self._state, repaired=through)
        with self._database.writing() as connection:
            touched: set[str] = set()
            for number in changed:
                name = cluster_name(number)
                members = finder.members(name)
                touched |= _move(connection, members, self._name(name)) if members else {self._name(name)}
            _count_again(connection, touched)
            _keep_state(connection, state, known=self._state)
        self._state = state
        return through < newest

    def refresh_topics(self) -> None:
        """Write down what is hot now."""
        if self._finder is None:
            return
        now = datetime.now(UTC)
        topics = hot_topics(self._finder.store, now=now, since=now - timedelta(days=_TOPIC_DAYS))
        with self._database.writing() as connection:
            connection.execute(delete(HOT_TOPICS))
            if topics:
                rows = [
                    {"place": place, "at": now, "topic": self._topic_text(topic)}
                    for place, topic in enumerate(topics, start=1)
                ]
                connection.execute(insert(HOT_TOPICS), rows)

    def close(self) -> None:
        """Write a snapshot, so that the next start is quick, and let go."""
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def _compare(self, rows: Sequence[Row[Any]]) -> None:
        finder = self._finder or self._open()
        now = datetime.now(UTC)
        verdicts: list[dict[str, Any]] = []
        moves: list[tuple[str, tuple[str, ...]]] = []
        settled: dict[str, tuple[str, ...]] = {}
        for row in rows:
            again = finder.store.ticket(row.ticket_id) is not None
            verdict = self._verdict(row)
            verdicts.append(self._row(row.number, verdict, now))
            if verdict is not None:
                moves.append((self._name(verdict.cluster), tuple(map(self._name, verdict.merged))))
                if again:
                    # Compared before we were stopped, and not written down: what it merged then is not known now.
                    settled[self._name(verdict.cluster)] = finder.members(verdict.cluster)
        state = replace(self._state, through=rows[-1].number)
        with self._database.writing() as connection:
            known = set(
                connection.scalars(
                    select(VERDICTS.c.ticket).where(
                        VERDICTS.c.ticket.in_([each["ticket"] for each in verdicts])
                    )
                )
            )
            fresh = [each for each in verdicts if each["ticket"] not in known]
            if fresh:
                connection.execute(insert(VERDICTS), fresh)
            touched: set[str] = set()
            for each in verdicts:
                if each["cluster"] is not None:
                    _assign(connection, [each["ticket"]], each["cluster"])
                    touched.add(each["cluster"])
            for cluster, merged in moves:
                if merged:
                    connection.execute(
                        update(TICKETS).where(TICKETS.c.cluster.in_(merged)).values(cluster=cluster)
                    )
                    touched |= {cluster, *merged}
            for cluster, members in settled.items():
                touched |= _move(connection, members, cluster)
            _count_again(connection, touched)
            _keep_state(connection, state, known=self._state)
        self._state = state

    def _verdict(self, row: Row[Any]) -> Verdict | None:
        if row.content is None:
            return None
        assert self._finder is not None
        try:
            return self._finder.add(
                _ticket(row),
                kind=row.kind,
                department=row.department,
            )
        except StorageUnavailable:
            raise
        except FenboError as error:
            # One letter that cannot be compared must not hold up all that come after it.
            _log.error("a ticket could not be compared", number=row.number, reason=type(error).__name__)
            return None

    def _row(self, number: int, verdict: Verdict | None, now: datetime) -> dict[str, Any]:
        if verdict is None:
            return {
                "ticket": number,
                "at": now,
                "cluster": None,
                "duplicate_of": None,
                "probability": None,
                "originals": "[]",
            }
        originals = [
            [each.ticket_id, self._name(each.cluster), each.probability] for each in verdict.originals
        ]
        return {
            "ticket": number,
            "at": now,
            "cluster": self._name(verdict.cluster),
            "duplicate_of": verdict.duplicate_of,
            "probability": verdict.probability,
            "originals": json.dumps(originals, ensure_ascii=False),
        }

    def _obey(self, rulings: Sequence[Row[Any]]) -> None:
        """Pass a person's word on two tickets on, and move what moved."""
        finder = self._finder
        if finder is None:
            finder = self._open()
            # An index made anew has heard of none: those obeyed before are said again.
            with self._database.reading() as connection:
                rulings = _rulings_after(connection, self._state.ruled, through=self._state.through)
        moved: dict[str, str] = {}
        for row in rulings:
            try:
                one, other = finder.verdict(row.ticket_id), finder.verdict(row.other_id)
                before = {*finder.members(one.cluster), *finder.members(other.cluster)}
                finder.rule(
                    row.ticket_id, row.other_id, same=row.kind == "merge", by=row.by, reason=row.reason or ""
                )
            except StorageUnavailable:
                raise
            except FenboError as error:
                _log.warning("a ruling could not be obeyed", outcome=row.id, reason=type(error).__name__)
                continue
            for ticket_id in before:
                moved[ticket_id] = self._name(finder.verdict(ticket_id).cluster)
        state = replace(self._state, ruled=rulings[-1].id)
        with self._database.writing() as connection:
            touched: set[str] = set()
            for cluster in sorted(set(moved.values())):
                members = [ticket_id for ticket_id, its in moved.items() if its == cluster]
                touched |= _move(connection, members, cluster)
            _count_again(connection, touched)
            _keep_state(connection, state, known=self._state)
        self._state = state

    def _open(self) -> DuplicateFinder:
        """Take up the index; one that is not there, not the one known or of another word table is filled first."""
        space = self._scorer.words.fingerprint
        if space == self._state.space:
            self._finder = self._finder_of(self._state)
            if self._finder.store.identity == self._state.index:
                return self._finder
            self.close()
        through = self._state.through
        known = self._state
        begun = replace(known, space=space, epoch=known.epoch + 1, ruled=0, repaired=0)
        # What other indexes hold is either not comparable or not what the rows say (any more).
        self._home.clear_for(_named(begun))
        self._finder = self._finder_of(begun)
        self._state = replace(begun, index=self._finder.store.identity)
        self._fill(through, known)
        return self._finder

    def _finder_of(self, state: State) -> DuplicateFinder:
        name = _named(state)
        store = self._home.store(name)
        try:
            return DuplicateFinder(
                self._scorer,
                folder=self._home.folder(name),
                store=store,
                places=PlaceFinder(),
                window_days=self._window.days,
            )
        except BaseException:
            if store is not None:
                store.close()
            raise

    def _fill(self, through: int, known: State) -> None:
        """Compare again what came within the window: the rows are the truth, the index is made from them."""
        assert self._finder is not None
        since = datetime.now(UTC) - self._window
        last = 0
        while True:
            with self._database.reading() as connection:
                rows = [row for row in _tickets_after(connection, last, since=since) if row.number <= through]
            if not rows:
                break
            last = rows[-1].number
            for row in rows:
                self._verdict(row)
            with self._database.writing() as connection:
                touched: set[str] = set()
                for row in rows:
                    if self._finder.store.ticket(row.ticket_id) is None:
                        continue
                    cluster = self._name(self._finder.verdict(row.ticket_id).cluster)
                    touched.add(cluster)
                    if row.cluster is not None:
                        touched.add(row.cluster)
                    _assign(connection, [row.number], cluster)
                _count_again(connection, touched)
        with self._database.writing() as connection:
            _keep_state(connection, self._state, known=known)

    def _name(self, cluster: str) -> str:
        """The public name: of the first epoch as the finder has it, later with the epoch's number."""
        return cluster if self._state.epoch <= 0 else f"{cluster}-{self._state.epoch}"

    def _topic_text(self, topic: HotTopic) -> str:
        return json.dumps(
            {
                "cluster": self._name(topic.cluster),
                "title": topic.title,
                "size": topic.size,
                "recent": topic.recent,
                "expected": round(topic.expected, 2),
                "growth": round(topic.growth, 2),
                "surprise": round(topic.surprise, 2),
                "reporters": topic.reporters,
                "area": topic.area,
                "places": topic.places,
                "people": topic.people,
                "departments": topic.departments,
                "start": topic.start.isoformat(),
                "end": topic.end.isoformat(),
                "telling": topic.telling,
            },
            ensure_ascii=False,
        )


def _named(state: State) -> str:
    return f"{state.space}-{state.epoch}"


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        content=row.content,
        ticket_id=row.ticket_id,
        title=row.title or "",
        created_at=row.created_at or row.received_at,
        location=Location(
            address=row.address or "",
            district=row.district or "",
            street=row.street or "",
            community=row.community or "",
            longitude=row.longitude,
            latitude=row.latitude,
        ),
        reporter_hash=row.reporter or "",
    )


def _tickets_after(connection: Connection, number: int, *, since: datetime | None = None) -> list[Row[Any]]:
    query = select(TICKETS).where(TICKETS.c.number > number).order_by(TICKETS.c.number).limit(_MOST_TOGETHER)
    if since is not None:
        query = query.where(TICKETS.c.received_at >= since)
    return list(connection.execute(query).all())


def _rulings_after(connection: Connection, number: int, *, through: int) -> Sequence[Row[Any]]:
    one, other = TICKETS.alias("one"), TICKETS.alias("other")
    query = (
        select(
            OUTCOMES.c.id,
            OUTCOMES.c.kind,
            OUTCOMES.c.by,
            OUTCOMES.c.reason,
            one.c.ticket_id,
            other.c.ticket_id.label("other_id"),
        )
        .join(one, one.c.number == OUTCOMES.c.ticket)
        .join(other, other.c.number == OUTCOMES.c.other)
        .where(
            OUTCOMES.c.id > number,
            OUTCOMES.c.kind.in_(("merge", "unmerge")),
            OUTCOMES.c.ticket <= through,
            OUTCOMES.c.other <= through,
        )
        .order_by(OUTCOMES.c.id)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    return rows


def _assign(connection: Connection, numbers: Sequence[int], cluster: str) -> None:
    connection.execute(update(TICKETS).where(TICKETS.c.number.in_(numbers)).values(cluster=cluster))


def _move(connection: Connection, ticket_ids: Sequence[str], cluster: str) -> set[str]:
    """Put tickets into a cluster; the names of all clusters whose size may have changed."""
    touched = {cluster}
    for start in range(0, len(ticket_ids), _MOST_NAMED):
        these = TICKETS.c.ticket_id.in_(ticket_ids[start : start + _MOST_NAMED])
        old = connection.scalars(select(TICKETS.c.cluster).where(these).distinct())
        touched |= {each for each in old if each is not None}
        connection.execute(update(TICKETS).where(these).values(cluster=cluster))
    return touched


def _count_again(connection: Connection, clusters: set[str]) -> None:
    """Write the sizes of clusters whose tickets changed; those that are empty are gone."""
    names = sorted(clusters)
    for start in range(0, len(names), _MOST_NAMED):
        _count(connection, names[start : start + _MOST_NAMED])


def _count(connection: Connection, names: Sequence[str]) -> None:
    rows = connection.execute(
        select(
            TICKETS.c.cluster,
            func.count().label("size"),
            func.min(TICKETS.c.received_at).label("first_at"),
            func.max(TICKETS.c.received_at).label("last_at"),
            func.max(TICKETS.c.number).label("last_ticket"),
            func.max(TICKETS.c.district).label("district"),
        )
        .where(TICKETS.c.cluster.in_(names))
        .group_by(TICKETS.c.cluster)
    ).all()
    connection.execute(delete(CLUSTERS).where(CLUSTERS.c.name.in_(names)))
    if rows:
        connection.execute(
            insert(CLUSTERS),
            [
                {
                    "name": row.cluster,
                    "size": row.size,
                    "first_at": row.first_at,
                    "last_at": row.last_at,
                    "last_ticket": row.last_ticket,
                    "district": row.district,
                }
                for row in rows
            ],
        )


def _state(connection: Connection) -> State:
    text = connection.execute(select(META.c.value).where(META.c.name == MATCHING)).scalar()
    return State(**json.loads(text)) if text is not None else State()


def _keep_state(connection: Connection, state: State, *, known: State) -> None:
    """Write down how far we have come. Raises `StorageUnavailable` when another process went on meanwhile."""
    if _state(connection) != known:
        raise StorageUnavailable("another process compares tickets in this database")
    value = json.dumps(
        {
            "space": state.space,
            "index": state.index,
            "epoch": state.epoch,
            "through": state.through,
            "ruled": state.ruled,
            "repaired": state.repaired,
        }
    )
    connection.execute(delete(META).where(META.c.name == MATCHING))
    connection.execute(insert(META).values(name=MATCHING, value=value))
