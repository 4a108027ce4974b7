"""The embedded store: one SQLite file in write-ahead mode, or memory for a single run."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import FenboError

from .encoding import facts_text, grams_bytes, profile_of, vector_bytes
from .profile import Profile
from .profile_cache import ProfileCache
from .store import WEEK, Edge, Event, EventKind, IndexedVector, Letter, NewTicket, Ruling, StoredTicket

_VERSION = 3
_MAPPED = 1 << 31
"""Bytes of the file that are mapped into memory at most."""
_MOST_VARIABLES = 900
"""SQLite allows 999 question marks on old builds."""

# Bodies and vectors stand in tables of their own, so that what is read often stays small and together.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    moment INTEGER NOT NULL,
    week INTEGER NOT NULL,
    area TEXT NOT NULL,
    indexed INTEGER NOT NULL,
    wording BLOB NOT NULL,
    cluster INTEGER NOT NULL
);
CREATE INDEX tickets_by_cluster ON tickets (cluster, moment);
CREATE INDEX tickets_by_moment ON tickets (moment);
CREATE INDEX tickets_by_wording ON tickets (wording, week) WHERE indexed;
CREATE TABLE vectors (number INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE bodies (
    number INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    facts TEXT NOT NULL,
    grams BLOB NOT NULL
);
CREATE TABLE edges (
    a INTEGER NOT NULL, b INTEGER NOT NULL, probability REAL NOT NULL, PRIMARY KEY (a, b)
) WITHOUT ROWID;
CREATE INDEX edges_by_second ON edges (b, a);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    cluster INTEGER NOT NULL,
    ticket INTEGER,
    other INTEGER
);
CREATE INDEX events_by_cluster ON events (cluster);
CREATE TABLE rulings (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    a INTEGER NOT NULL,
    b INTEGER NOT NULL,
    same INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX rulings_by_first ON rulings (a);
CREATE INDEX rulings_by_second ON rulings (b);
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
CREATE TRIGGER rulings_stay BEFORE UPDATE ON rulings BEGIN SELECT RAISE(ABORT, 'rulings are kept'); END;
"""


class SqliteStore:
    """A :class:`~model.duplicates.store.DuplicateStore` in SQLite. Used from one thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or create the file ``path``; None keeps everything in memory.

        Raises:
            FenboError: the file is no store of fenbo's, or of another version.
        """
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._cache = ProfileCache()
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing; a power cut may lose the last tickets, never the file.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA busy_timeout = 5000")
            # What is forgotten is overwritten, not only unlinked.
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute("PRAGMA cache_size = -65536")
            # Of a million tickets most pages are read once: mapped, each costs no call to the system.
            self._connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
            if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table'").fetchone():
                self._create()
            rows = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise FenboError(f"{path} is not a duplicate store of fenbo's: {error}") from error
        if rows.get("version") != str(_VERSION):
            self._connection.close()
            raise FenboError(f"{path} has version {rows.get('version')!r}; this code reads {_VERSION}")
        self._identity = str(rows["identity"])

    @property
    def identity(self) -> str:
        """Random name of this store."""
        return self._identity

    def bind(self, words: str) -> None:
        """Note the word table that the tickets' vectors and words are of.

        Raises:
            FenboError: the store's tickets are of another table.
        """
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'words'").fetchone()
        if row is None:
            self._connection.execute("INSERT INTO meta VALUES ('words', ?)", (words,))
        elif row[0] != words:
            raise FenboError(
                f"the store was made with word table {row[0]}, the scorer has {words}; start a new folder and"
                " add its tickets again"
            )

    def _create(self) -> None:
        with self.transaction():
            for statement in _SCHEMA.split(";\n"):
                if statement.strip():
                    self._connection.execute(statement)
            self._connection.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("version", str(_VERSION)), ("identity", uuid.uuid4().hex)],
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside take effect together or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            self._cache.clear()
            raise
        self._connection.execute("COMMIT")

    def add_ticket(self, ticket: NewTicket) -> int:
        """Store a ticket in a cluster named after its number; returns the number."""
        cursor = self._connection.execute(
            "INSERT INTO tickets (ticket_id, digest, moment, week, area, indexed, wording, cluster)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (
                ticket.ticket_id,
                ticket.digest,
                ticket.moment,
                ticket.moment // WEEK,
                ticket.area,
                ticket.indexed,
                ticket.wording,
            ),
        )
        number = cursor.lastrowid
        assert number is not None
        self._connection.execute("UPDATE tickets SET cluster = ? WHERE number = ?", (number, number))
        self._connection.execute("INSERT INTO vectors VALUES (?, ?)", (number, vector_bytes(ticket.profile)))
        self._connection.execute(
            "INSERT INTO bodies VALUES (?, ?, ?, ?, ?)",
            (
                number,
                _storable(ticket.title),
                _storable(ticket.content),
                _storable(facts_text(ticket.profile)),
                grams_bytes(ticket.profile),
            ),
        )
        return number

    def ticket(self, ticket_id: str) -> StoredTicket | None:
        """The ticket of that id; None when it is unknown."""
        row = self._connection.execute(
            "SELECT number, ticket_id, digest, moment, area, cluster FROM tickets WHERE ticket_id = ?",
            (ticket_id,),
        ).fetchone()
        return None if row is None else StoredTicket(*row)

    def tickets(self, numbers: Sequence[int]) -> dict[int, StoredTicket]:
        """Tickets by number; unknown numbers are left out."""
        rows = self._by_numbers(
            "SELECT number, ticket_id, digest, moment, area, cluster FROM tickets WHERE number IN", numbers
        )
        return {row[0]: StoredTicket(*row) for row in rows}

    def profiles(self, numbers: Sequence[int]) -> dict[int, Profile]:
        """Profiles by number; the ones asked for lately are kept in memory."""
        return self._cache.get(numbers, self._read_profiles)

    def _read_profiles(self, numbers: Sequence[int]) -> dict[int, Profile]:
        rows = self._by_numbers(
            "SELECT number, facts, vector, grams FROM bodies JOIN vectors USING (number) WHERE number IN",
            numbers,
        )
        return {number: profile_of(facts, vector, grams) for number, facts, vector, grams in rows}

    def letters(self, numbers: Sequence[int]) -> dict[int, Letter]:
        """Masked words by number."""
        rows = self._by_numbers(
            "SELECT number, ticket_id, title, content FROM bodies JOIN tickets USING (number)"
            " WHERE number IN",
            numbers,
        )
        return {row[0]: Letter(*row[1:]) for row in rows}

    def has_indexed_copy(self, wording: bytes, week: int) -> bool:
        """Whether a ticket of the same wording and place stands in the index of that week."""
        row = self._connection.execute(
            "SELECT 1 FROM tickets WHERE wording = ? AND week = ? AND indexed", (wording, week)
        ).fetchone()
        return row is not None

    def newest_moment(self) -> int | None:
        """The latest moment of any ticket; None when there is none."""
        newest: int | None = self._connection.execute("SELECT MAX(moment) FROM tickets").fetchone()[0]
        return newest

    def moments(self) -> list[int]:
        """When each ticket was sent, ascending."""
        return [row[0] for row in self._connection.execute("SELECT moment FROM tickets ORDER BY moment")]

    def indexed_vectors(self, *, after: int, first_week: int) -> Iterator[IndexedVector]:
        """Vectors of indexed tickets above number ``after``, from ``first_week`` on, in order of arrival."""
        rows = self._connection.execute(
            "SELECT number, area, week, vector FROM tickets JOIN vectors USING (number)"
            " WHERE number > ? AND week >= ? AND indexed ORDER BY number",
            (after, first_week),
        )
        for number, area, week, vector in rows:
            yield IndexedVector(number, area, week, np.frombuffer(vector, dtype="<f2").astype(np.float32))

    def members(self, clusters: Sequence[int]) -> dict[int, list[int]]:
        """Ticket numbers of each cluster, ascending."""
        result: dict[int, list[int]] = {cluster: [] for cluster in clusters}
        rows = self._by_numbers("SELECT cluster, number FROM tickets WHERE cluster IN", clusters)
        for cluster, number in sorted(rows):
            result[cluster].append(number)
        return result

    def sample_members(self, cluster: int, most: int) -> list[int]:
        """The first and the latest members, at most ``most`` together, ascending."""
        later = most // 2
        numbers = set()
        for order, limit in (("ASC", most - later), ("DESC", later)):
            rows = self._connection.execute(
                f"SELECT number FROM tickets WHERE cluster = ? ORDER BY moment {order} LIMIT ?",
                (cluster, limit),
            )
            numbers |= {row[0] for row in rows}
        return sorted(numbers)

    def sizes(self, clusters: Sequence[int]) -> dict[int, int]:
        """Number of tickets of each cluster."""
        query = "SELECT COUNT(*) FROM tickets WHERE cluster = ?"
        return {name: self._connection.execute(query, (name,)).fetchone()[0] for name in clusters}

    def live_clusters(self, *, since: int, smallest: int) -> dict[int, int]:
        """Size of each cluster of ``smallest`` tickets or more with one at or after ``since``."""
        rows = self._connection.execute(
            "SELECT cluster, COUNT(*) FROM tickets WHERE cluster IN"
            " (SELECT DISTINCT cluster FROM tickets WHERE moment >= ?) GROUP BY cluster HAVING COUNT(*) >= ?",
            (since, smallest),
        )
        return dict(rows.fetchall())

    def assign(self, numbers: Sequence[int], cluster: int) -> None:
        """Move tickets into a cluster."""
        self._connection.executemany(
            "UPDATE tickets SET cluster = ? WHERE number = ?", [(cluster, number) for number in numbers]
        )

    def fresh_cluster(self) -> int:
        """A cluster name that no ticket's number is or will be: the next number, skipped for tickets."""
        self._connection.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'tickets'")
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tickets'").fetchone()
        return int(row[0])

    def add_edges(self, edges: Sequence[Edge]) -> None:
        """Store comparisons; one made again replaces the old."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO edges VALUES (?, ?, ?)",
            [(edge.a, edge.b, edge.probability) for edge in edges],
        )

    def edges_among(self, numbers: Sequence[int]) -> list[Edge]:
        """Comparisons with both tickets in ``numbers``."""
        wanted = set(numbers)
        rows = self._by_numbers("SELECT a, b, probability FROM edges WHERE a IN", numbers)
        return [Edge(*row) for row in rows if row[1] in wanted]

    def edges_of(self, number: int) -> list[Edge]:
        """Comparisons of one ticket."""
        rows = self._connection.execute(
            "SELECT a, b, probability FROM edges WHERE a = ? UNION"
            " SELECT a, b, probability FROM edges WHERE b = ?",
            (number, number),
        )
        return [Edge(*row) for row in rows]

    def neighbours(self, numbers: Sequence[int], at_least: float) -> set[int]:
        """Tickets compared with any of ``numbers`` at a probability of ``at_least`` or more."""
        first = self._by_numbers("SELECT b, probability FROM edges WHERE a IN", numbers)
        second = self._by_numbers("SELECT a, probability FROM edges WHERE b IN", numbers)
        return {number for number, probability in (*first, *second) if probability >= at_least}

    def add_event(
        self, at: int, kind: EventKind, cluster: int, ticket: int | None, other: int | None
    ) -> None:
        """Record what happened to a cluster."""
        self._connection.execute(
            "INSERT INTO events (at, kind, cluster, ticket, other) VALUES (?, ?, ?, ?, ?)",
            (at, kind, cluster, ticket, other),
        )

    def events(self, cluster: int | None = None) -> list[Event]:
        """Events in order, of one cluster when given."""
        query = "SELECT sequence, at, kind, cluster, ticket, other FROM events"
        if cluster is None:
            rows = self._connection.execute(f"{query} ORDER BY sequence")
        else:
            rows = self._connection.execute(f"{query} WHERE cluster = ? ORDER BY sequence", (cluster,))
        return [Event(*row) for row in rows]

    def newest_event(self) -> int:
        """Number of the last event; 0 when there is none."""
        (number,) = self._connection.execute("SELECT max(sequence) FROM events").fetchone()
        return number or 0

    def changed_clusters(self, *, after: int, through: int, kinds: Sequence[EventKind]) -> list[int]:
        """Clusters named by events of these kinds numbered above ``after`` up to ``through``, ascending."""
        marks = ",".join("?" * len(kinds))
        where = f"FROM events WHERE sequence > ? AND sequence <= ? AND kind IN ({marks})"
        rows = self._connection.execute(
            f"SELECT cluster {where} UNION SELECT other {where} AND kind IN ('merge', 'split') ORDER BY 1",
            (after, through, *kinds) * 2,
        )
        return [number for (number,) in rows if number is not None]

    def add_ruling(self, at: int, a: int, b: int, same: bool, by: str, reason: str) -> Ruling:
        """Record a person's word on two tickets."""
        cursor = self._connection.execute(
            "INSERT INTO rulings (at, a, b, same, by, reason) VALUES (?, ?, ?, ?, ?, ?)",
            (at, a, b, same, by, reason),
        )
        assert cursor.lastrowid is not None
        return Ruling(cursor.lastrowid, at, a, b, same, by, reason)

    def rulings(self, numbers: Sequence[int] | None = None) -> list[Ruling]:
        """Rulings in the order they were made; only those that touch ``numbers`` when given."""
        query = "SELECT sequence, at, a, b, same, by, reason FROM rulings"
        if numbers is None:
            rows = self._connection.execute(query).fetchall()
        else:
            rows = [
                *self._by_numbers(f"{query} WHERE a IN", numbers),
                *self._by_numbers(f"{query} WHERE b IN", numbers),
            ]
        return [_ruling(row) for row in sorted(set(rows))]

    def rulings_between(self, one: int, other: int) -> list[Ruling]:
        """Rulings on two tickets that are both in cluster ``one`` or ``other``, in order."""
        rows = self._connection.execute(
            "SELECT sequence, at, a, b, same, by, reason FROM rulings"
            " JOIN tickets first ON first.number = a JOIN tickets second ON second.number = b"
            " WHERE first.cluster IN (?1, ?2) AND second.cluster IN (?1, ?2) ORDER BY sequence",
            (one, other),
        )
        return [_ruling(row) for row in rows]

    def oldest(self, most: int) -> list[StoredTicket]:
        """The first tickets that came, in order of arrival."""
        rows = self._connection.execute(
            "SELECT number, ticket_id, digest, moment, area, cluster FROM tickets ORDER BY number LIMIT ?",
            (most,),
        )
        return [StoredTicket(*row) for row in rows]

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete tickets with their words and comparisons."""
        gone = [(number,) for number in numbers]
        for statement in (
            "DELETE FROM bodies WHERE number = ?",
            "DELETE FROM vectors WHERE number = ?",
            "DELETE FROM edges WHERE a = ?",
            "DELETE FROM edges WHERE b = ?",
            "DELETE FROM tickets WHERE number = ?",
        ):
            self._connection.executemany(statement, gone)
        self._cache.forget(numbers)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._connection.close()

    def _by_numbers(self, query: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        """Rows of ``query`` followed by a list of ``numbers``, in as many goes as SQLite needs."""
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(numbers), _MOST_VARIABLES):
            part = numbers[start : start + _MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            rows += self._connection.execute(f"{query} ({marks})", part).fetchall()
        return rows


def _storable(text: str) -> str:
    """``text`` without half characters, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _ruling(row: tuple[Any, ...]) -> Ruling:
    sequence, at, a, b, same, by, reason = row
    return Ruling(sequence, at, a, b, bool(same), by, reason)
