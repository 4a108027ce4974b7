"""The duplicate finder's rows in PostgreSQL: another machine goes on from them without comparing anything again.

Vectors are kept as bytes and searched in the owner's index, not by the database: pgvector finds 0.83 of the nearest
under a filter by week and area, the index 0.98 and more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from model.duplicates.encoding import facts_text, grams_bytes, profile_of, vector_bytes
from model.duplicates.profile import Profile
from model.duplicates.profile_cache import ProfileCache
from model.duplicates.store import (
    WEEK,
    Edge,
    Event,
    EventKind,
    IndexedVector,
    Letter,
    NewTicket,
    Ruling,
    StoredTicket,
)
from model.errors import FenboError
from service.storage import StorageUnavailable

PREFIX: Final = "fenbo_duplicates_"
"""Schemas of finders' rows are called so; each holds the rows of one word table and epoch."""
_VERSION: Final = "1"
_READ_TOGETHER: Final = 5_000
_TICKET: Final = "number, ticket_id, digest, moment, area, cluster"
_RULING: Final = "sequence, at, a, b, same, by, reason"

_SCHEMA: Final = """
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE SEQUENCE numbers;
CREATE TABLE tickets (
    number bigint PRIMARY KEY,
    ticket_id text NOT NULL UNIQUE,
    digest bytea NOT NULL,
    moment bigint NOT NULL,
    week integer NOT NULL,
    area text NOT NULL,
    indexed boolean NOT NULL,
    wording bytea NOT NULL,
    cluster bigint NOT NULL
);
CREATE INDEX ON tickets (cluster, moment);
CREATE INDEX ON tickets (moment);
CREATE INDEX ON tickets (wording, week) WHERE indexed;
CREATE TABLE bodies (
    number bigint PRIMARY KEY,
    vector bytea NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    facts text NOT NULL,
    grams bytea NOT NULL
);
CREATE TABLE edges (a bigint, b bigint, probability double precision NOT NULL, PRIMARY KEY (a, b));
CREATE INDEX ON edges (b, a);
CREATE TABLE events (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    kind text NOT NULL,
    cluster bigint NOT NULL,
    ticket bigint,
    other bigint
);
CREATE INDEX ON events (cluster);
CREATE TABLE rulings (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    a bigint NOT NULL,
    b bigint NOT NULL,
    same boolean NOT NULL,
    by text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX ON rulings (a);
CREATE INDEX ON rulings (b);
CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% are kept', TG_TABLE_NAME; END $$;
CREATE TRIGGER events_stay BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION kept();
CREATE TRIGGER rulings_stay BEFORE UPDATE ON rulings FOR EACH ROW EXECUTE FUNCTION kept();
INSERT INTO meta VALUES ('identity', gen_random_uuid()::text);
"""


class PostgresStore:
    """A :class:`~model.duplicates.store.DuplicateStore` in a schema of its own. Used from one thread.

    Every method raises `service.storage.StorageUnavailable` when the database does not answer.
    """

    def __init__(self, url: URL, name: str) -> None:
        """Open the schema ``PREFIX + name``, which is made where it is not.

        Raises:
            FenboError: the schema is of another version of fenbo.
        """
        self._schema = PREFIX + name
        self._cache = ProfileCache()
        with _translated():
            self._connection = connected(url)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        schema = sql.Identifier(self._schema)
        with self.transaction():
            known = self._row("SELECT 1 FROM pg_namespace WHERE nspname = %s", self._schema)
            if known is None:
                self._run(sql.SQL("CREATE SCHEMA {}").format(schema))
            self._run(sql.SQL("SET search_path TO {}").format(schema))
            if known is None:
                self._run(sql.SQL(_SCHEMA))
                self._run("INSERT INTO meta VALUES ('version', %s)", _VERSION)
        rows = dict(self._rows("SELECT key, value FROM meta"))
        if rows.get("version") != _VERSION:
            raise FenboError(
                f"schema {self._schema} has version {rows.get('version')!r}; this code reads {_VERSION}"
            )
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
        row = self._row("SELECT value FROM meta WHERE key = 'words'")
        if row is None:
            self._run("INSERT INTO meta VALUES ('words', %s)", words)
        elif row[0] != words:
            raise FenboError(
                f"schema {self._schema} was made with word table {row[0]}, the scorer has {words}"
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside take effect together or not at all."""
        try:
            with _translated(), self._connection.transaction():
                yield
        except BaseException:
            self._cache.clear()
            raise

    def add_ticket(self, ticket: NewTicket) -> int:
        """Store a ticket in a cluster named after its number; returns the number."""
        row = self._row(
            "WITH fresh AS (SELECT nextval('numbers') AS number),"
            " stored AS (INSERT INTO tickets SELECT number, %s, %s, %s, %s, %s, %s, %s, number FROM fresh)"
            " INSERT INTO bodies SELECT number, %s, %s, %s, %s, %s FROM fresh RETURNING number",
            ticket.ticket_id,
            ticket.digest,
            ticket.moment,
            ticket.moment // WEEK,
            ticket.area,
            ticket.indexed,
            ticket.wording,
            vector_bytes(ticket.profile),
            _storable(ticket.title),
            _storable(ticket.content),
            _storable(facts_text(ticket.profile)),
            grams_bytes(ticket.profile),
        )
        assert row is not None
        return int(row[0])

    def ticket(self, ticket_id: str) -> StoredTicket | None:
        """The ticket of that id; None when it is unknown."""
        row = self._row(f"SELECT {_TICKET} FROM tickets WHERE ticket_id = %s", ticket_id)
        return None if row is None else StoredTicket(*row)

    def tickets(self, numbers: Sequence[int]) -> dict[int, StoredTicket]:
        """Tickets by number; unknown numbers are left out."""
        rows = self._rows(f"SELECT {_TICKET} FROM tickets WHERE number = ANY(%s)", list(numbers))
        return {row[0]: StoredTicket(*row) for row in rows}

    def profiles(self, numbers: Sequence[int]) -> dict[int, Profile]:
        """Profiles by number; the ones asked for lately are kept in memory."""
        return self._cache.get(numbers, self._read_profiles)

    def _read_profiles(self, numbers: Sequence[int]) -> dict[int, Profile]:
        rows = self._rows(
            "SELECT number, facts, vector, grams FROM bodies WHERE number = ANY(%s)", list(numbers)
        )
        return {number: profile_of(facts, vector, grams) for number, facts, vector, grams in rows}

    def letters(self, numbers: Sequence[int]) -> dict[int, Letter]:
        """Masked words by number."""
        rows = self._rows(
            "SELECT number, ticket_id, title, content FROM bodies JOIN tickets USING (number)"
            " WHERE number = ANY(%s)",
            list(numbers),
        )
        return {row[0]: Letter(*row[1:]) for row in rows}

    def has_indexed_copy(self, wording: bytes, week: int) -> bool:
        """Whether a ticket of the same wording and place stands in the index of that week."""
        query = "SELECT 1 FROM tickets WHERE wording = %s AND week = %s AND indexed LIMIT 1"
        return self._row(query, wording, week) is not None

    def newest_moment(self) -> int | None:
        """The latest moment of any ticket; None when there is none."""
        newest: int | None = self._one("SELECT max(moment) FROM tickets")
        return newest

    def moments(self) -> list[int]:
        """When each ticket was sent, ascending."""
        return [row[0] for row in self._rows("SELECT moment FROM tickets ORDER BY moment")]

    def indexed_vectors(self, *, after: int, first_week: int) -> Iterator[IndexedVector]:
        """Vectors of indexed tickets above number ``after``, from ``first_week`` on, in order of arrival."""
        while True:
            rows = self._rows(
                "SELECT number, area, week, vector FROM tickets JOIN bodies USING (number)"
                " WHERE number > %s AND week >= %s AND indexed ORDER BY number LIMIT %s",
                after,
                first_week,
                _READ_TOGETHER,
            )
            for number, area, week, vector in rows:
                yield IndexedVector(number, area, week, np.frombuffer(vector, dtype="<f2").astype(np.float32))
            if len(rows) < _READ_TOGETHER:
                return
            after = rows[-1][0]

    def members(self, clusters: Sequence[int]) -> dict[int, list[int]]:
        """Ticket numbers of each cluster, ascending."""
        result: dict[int, list[int]] = {cluster: [] for cluster in clusters}
        rows = self._rows(
            "SELECT cluster, number FROM tickets WHERE cluster = ANY(%s) ORDER BY number", list(clusters)
        )
        for cluster, number in rows:
            result[cluster].append(number)
        return result

    def sample_members(self, cluster: int, most: int) -> list[int]:
        """The first and the latest members, at most ``most`` together, ascending."""
        later = most // 2
        rows = self._rows(
            "(SELECT number FROM tickets WHERE cluster = %s ORDER BY moment, number LIMIT %s) UNION"
            " (SELECT number FROM tickets WHERE cluster = %s ORDER BY moment DESC, number DESC LIMIT %s)",
            cluster,
            most - later,
            cluster,
            later,
        )
        return sorted(row[0] for row in rows)

    def sizes(self, clusters: Sequence[int]) -> dict[int, int]:
        """Number of tickets of each cluster."""
        found = self._rows(
            "SELECT cluster, count(*) FROM tickets WHERE cluster = ANY(%s) GROUP BY cluster", list(clusters)
        )
        return dict.fromkeys(clusters, 0) | dict(found)

    def live_clusters(self, *, since: int, smallest: int) -> dict[int, int]:
        """Size of each cluster of ``smallest`` tickets or more with one at or after ``since``."""
        rows = self._rows(
            "SELECT cluster, count(*) FROM tickets WHERE cluster IN"
            " (SELECT cluster FROM tickets WHERE moment >= %s) GROUP BY cluster HAVING count(*) >= %s",
            since,
            smallest,
        )
        return dict(rows)

    def assign(self, numbers: Sequence[int], cluster: int) -> None:
        """Move tickets into a cluster."""
        self._run("UPDATE tickets SET cluster = %s WHERE number = ANY(%s)", cluster, list(numbers))

    def fresh_cluster(self) -> int:
        """A cluster name that no ticket's number is or will be: the next number, skipped for tickets."""
        return int(self._one("SELECT nextval('numbers')"))

    def add_edges(self, edges: Sequence[Edge]) -> None:
        """Store comparisons; one made again replaces the old."""
        latest = {(edge.a, edge.b): edge.probability for edge in edges}
        self._run(
            "INSERT INTO edges SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::double precision[])"
            " ON CONFLICT (a, b) DO UPDATE SET probability = excluded.probability",
            [a for a, _ in latest],
            [b for _, b in latest],
            list(latest.values()),
        )

    def edges_among(self, numbers: Sequence[int]) -> list[Edge]:
        """Comparisons with both tickets in ``numbers``."""
        rows = self._rows(
            "SELECT a, b, probability FROM edges WHERE a = ANY(%s) AND b = ANY(%s)",
            list(numbers),
            list(numbers),
        )
        return [Edge(*row) for row in rows]

    def edges_of(self, number: int) -> list[Edge]:
        """Comparisons of one ticket."""
        query = "SELECT a, b, probability FROM edges WHERE a = %s OR b = %s"
        return [Edge(*row) for row in self._rows(query, number, number)]

    def neighbours(self, numbers: Sequence[int], at_least: float) -> set[int]:
        """Tickets compared with any of ``numbers`` at a probability of ``at_least`` or more."""
        rows = self._rows(
            "SELECT b FROM edges WHERE a = ANY(%s) AND probability >= %s"
            " UNION SELECT a FROM edges WHERE b = ANY(%s) AND probability >= %s",
            list(numbers),
            at_least,
            list(numbers),
            at_least,
        )
        return {row[0] for row in rows}

    def add_event(
        self, at: int, kind: EventKind, cluster: int, ticket: int | None, other: int | None
    ) -> None:
        """Record what happened to a cluster."""
        self._run(
            "INSERT INTO events (at, kind, cluster, ticket, other) VALUES (%s, %s, %s, %s, %s)",
            at,
            kind,
            cluster,
            ticket,
            other,
        )

    def events(self, cluster: int | None = None) -> list[Event]:
        """Events in order, of one cluster when given."""
        query = "SELECT sequence, at, kind, cluster, ticket, other FROM events"
        if cluster is None:
            rows = self._rows(f"{query} ORDER BY sequence")
        else:
            rows = self._rows(f"{query} WHERE cluster = %s ORDER BY sequence", cluster)
        return [Event(*row) for row in rows]

    def newest_event(self) -> int:
        """Number of the last event; 0 when there is none."""
        return int(self._one("SELECT max(sequence) FROM events") or 0)

    def changed_clusters(self, *, after: int, through: int, kinds: Sequence[EventKind]) -> list[int]:
        """Clusters named by events of these kinds numbered above ``after`` up to ``through``, ascending."""
        where = "FROM events WHERE sequence > %s AND sequence <= %s AND kind = ANY(%s)"
        asked = (after, through, list(kinds))
        rows = self._rows(
            f"SELECT cluster {where} UNION SELECT other {where} AND kind IN ('merge', 'split') ORDER BY 1",
            *asked,
            *asked,
        )
        return [number for (number,) in rows if number is not None]

    def add_ruling(self, at: int, a: int, b: int, same: bool, by: str, reason: str) -> Ruling:
        """Record a person's word on two tickets."""
        sequence = self._one(
            "INSERT INTO rulings (at, a, b, same, by, reason) VALUES (%s, %s, %s, %s, %s, %s)"
            " RETURNING sequence",
            at,
            a,
            b,
            same,
            _storable(by),
            _storable(reason),
        )
        return Ruling(int(sequence), at, a, b, same, by, reason)

    def rulings(self, numbers: Sequence[int] | None = None) -> list[Ruling]:
        """Rulings in the order they were made; only those that touch ``numbers`` when given."""
        query = f"SELECT {_RULING} FROM rulings"
        if numbers is None:
            rows = self._rows(f"{query} ORDER BY sequence")
        else:
            asked = list(numbers)
            rows = self._rows(f"{query} WHERE a = ANY(%s) OR b = ANY(%s) ORDER BY sequence", asked, asked)
        return [Ruling(*row) for row in rows]

    def rulings_between(self, one: int, other: int) -> list[Ruling]:
        """Rulings on two tickets that are both in cluster ``one`` or ``other``, in order."""
        rows = self._rows(
            f"SELECT {_RULING} FROM rulings"
            " JOIN tickets first ON first.number = a JOIN tickets second ON second.number = b"
            " WHERE first.cluster = ANY(%s) AND second.cluster = ANY(%s) ORDER BY sequence",
            [one, other],
            [one, other],
        )
        return [Ruling(*row) for row in rows]

    def oldest(self, most: int) -> list[StoredTicket]:
        """The first tickets that came, in order of arrival."""
        return [
            StoredTicket(*row)
            for row in self._rows(f"SELECT {_TICKET} FROM tickets ORDER BY number LIMIT %s", most)
        ]

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete tickets with their words and comparisons."""
        for statement in (
            "DELETE FROM bodies WHERE number = ANY(%s)",
            "DELETE FROM edges WHERE a = ANY(%s)",
            "DELETE FROM edges WHERE b = ANY(%s)",
            "DELETE FROM tickets WHERE number = ANY(%s)",
        ):
            self._run(statement, list(numbers))
        self._cache.forget(numbers)

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._connection.close()

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with _translated():
            return self._connection.execute(query, values, prepare=True).fetchall()

    def _row(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        with _translated():
            return self._connection.execute(query, values).fetchone()

    def _one(self, query: str, *values: Any) -> Any:
        row = self._row(query, *values)
        assert row is not None
        return row[0]

    def _run(self, query: str | sql.SQL | sql.Composed, *values: Any) -> None:
        with _translated():
            self._connection.execute(query, values or None)


def connected(url: URL) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection that begins no transaction of its own. A power cut may take back what it wrote last: the service's
    own rows say what to compare again.
    """
    return psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
        connect_timeout=5,
        application_name="fenbo",
        options="-c synchronous_commit=off -c lock_timeout=10000 -c statement_timeout=60000",
    )


def drop_others(url: URL, name: str) -> None:
    """Drop all schemas of finders but the one called ``PREFIX + name``.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    with _translated(), connected(url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (PREFIX,)
        )
        for (schema,) in rows.fetchall():
            if schema != PREFIX + name:
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # The driver's first line names the trouble; later ones may quote rows.
        raise StorageUnavailable(f"the database fails: {str(error).partition(chr(10))[0]}") from error


def _storable(text: str) -> str:
    """``text`` without half characters, which UTF-8 cannot hold, and without NUL, which PostgreSQL cannot."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")
