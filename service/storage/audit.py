"""The audit log: who did what to what, each row sealed by the hash of the one before it.

A row that is changed, left out, put in between or taken away breaks the chain; what is cut off at its end shows
when a head that was noted elsewhere (`Head`, printed by ``fenbo audit verify``) is no longer in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from model.errors import FenboError
from service.storage.tables import AUDIT, PURGES

_START: Final = "0" * 64
_PAGE: Final = 5_000


class AuditBroken(FenboError):
    """The chain does not hold: the text names the first row that is wrong."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded. ``subject`` is what it was done to (``ticket:LH1``); ``details`` hold no free text
    of citizens.
    """

    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: its number and its hash (64 hexadecimal digits); number 0 for an empty log."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        """As it is noted down and given back: ``1234:9f…``."""
        return f"{self.sequence}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain that holds, from its first row that is still kept to its head."""

    rows: int
    first: int
    head: Head


def canonical(value: object) -> str:
    """JSON that is the same for the same value: sorted keys, no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def head(connection: Connection) -> Head:
    """The newest row, under the write lock or not."""
    row = connection.execute(
        select(AUDIT.c.sequence, AUDIT.c.hash).order_by(AUDIT.c.sequence.desc()).limit(1)
    ).first()
    return Head(row.sequence, row.hash) if row is not None else _before_first(connection)


def append(connection: Connection, entries: Sequence[Entry]) -> Head:
    """Record ``entries`` in order, under the write lock; they stay only if the transaction does."""
    if not entries:
        return head(connection)
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    last = head(connection)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        row: dict[str, Any] = {
            "sequence": last.sequence + 1,
            "at": at,
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": canonical(entry.details),
            "previous": last.hash,
        }
        row["hash"] = _sealed(row)
        rows.append(row)
        last = Head(row["sequence"], row["hash"])
    connection.execute(insert(AUDIT), rows)
    return last


def record(connection: Connection, entries: Sequence[Entry]) -> list[None]:
    """As `append`, for what is written on its own: ``await storage.write(record, entry)``."""
    append(connection, entries)
    return [None] * len(entries)


def verify(
    connection: Connection, *, expected: Head | None = None, on_rows: Callable[[int], object] | None = None
) -> Verified:
    """Walk the whole chain. ``expected`` is a head that was noted before; ``on_rows`` hears of progress.

    Raises:
        AuditBroken: a row does not fit the one before it, or ``expected`` is not there any more.
    """
    start = _before_first(connection)
    last, count = start, 0
    seen = expected is None or expected == start or expected.sequence < start.sequence
    while True:
        rows = connection.execute(
            select(AUDIT).where(AUDIT.c.sequence > last.sequence).order_by(AUDIT.c.sequence).limit(_PAGE)
        ).all()
        for row in rows:
            if row.sequence != last.sequence + 1:
                raise AuditBroken(f"audit row {last.sequence + 1} is missing; the next one is {row.sequence}")
            if row.previous != last.hash:
                raise AuditBroken(f"audit row {row.sequence} does not follow from row {last.sequence}")
            if row.hash != _sealed(row._mapping):
                raise AuditBroken(f"audit row {row.sequence} was changed: its content has another hash")
            last = Head(row.sequence, row.hash)
            if expected is not None and last.sequence == expected.sequence:
                if last.hash != expected.hash:
                    raise AuditBroken(f"audit row {last.sequence} has another hash than the one noted")
                seen = True
        count += len(rows)
        if on_rows is not None:
            on_rows(len(rows))
        if len(rows) < _PAGE:
            break
    if not seen:
        assert expected is not None
        raise AuditBroken(
            f"the log ends at row {last.sequence}, before the noted row {expected.sequence}: its end was cut off"
        )
    return Verified(count, start.sequence + 1, last)


def head_of(text: str) -> Head:
    """A head as it was noted down. Raises `FenboError`."""
    sequence, _, digest = text.partition(":")
    if not sequence.isdecimal() or len(digest) != len(_START) or not set(digest) <= set("0123456789abcdef"):
        raise FenboError(f"head {text!r} is not NUMBER:HASH as `fenbo audit verify` prints it")
    return Head(int(sequence), digest)


def _before_first(connection: Connection) -> Head:
    """Where the kept rows begin: after what was purged last, or at the beginning."""
    row = connection.execute(
        select(PURGES.c.through, PURGES.c.hash)
        .where(PURGES.c.scope == "audit")
        .order_by(PURGES.c.through.desc())
        .limit(1)
    ).first()
    return Head(row.through, row.hash) if row is not None else Head(0, _START)


def _sealed(row: Mapping[Any, Any]) -> str:
    parts = [row[name] for name in ("sequence", "at", "actor", "action", "subject", "details", "previous")]
    return hashlib.sha256(canonical(parts).encode("utf-8")).hexdigest()
