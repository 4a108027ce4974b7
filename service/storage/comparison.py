"""What the bundle that answers and the one that is tried beside it said of the same tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from service.storage.tables import PREDICTIONS

_ANSWER: Final = PREDICTIONS.alias("answer")
_SHADOW: Final = PREDICTIONS.alias("shadow")


@dataclass(frozen=True, slots=True)
class Changes:
    """Of ``tickets``: on how many the two differ, by what; ``more_auto`` only the shadow would dispatch."""

    tickets: int
    department: int
    decision: int
    urgency: int
    kind: int
    more_auto: int
    fewer_auto: int


@dataclass(frozen=True, slots=True)
class Move:
    """So many tickets that ``answer`` was answered for and the shadow gives to ``shadow``."""

    answer: str
    shadow: str
    tickets: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of it, and by the department that was answered; the most frequent ``moves`` first."""

    all: Changes
    by_department: tuple[tuple[str, Changes], ...]
    moves: tuple[Move, ...]


def compare(
    connection: Connection, *, answer: str | None, shadow: str, since: datetime | None, moves: int
) -> Comparison:
    """Over the tickets that both read, stored from ``since`` on; of any answering bundle when ``answer`` is None."""
    pairs = [
        _ANSWER.c.ticket == _SHADOW.c.ticket,
        _ANSWER.c.shadow.is_(False),
        _SHADOW.c.shadow.is_(True),
        _SHADOW.c.bundle == shadow,
    ]
    if answer is not None:
        pairs.append(_ANSWER.c.bundle == answer)
    if since is not None:
        pairs.append(_ANSWER.c.created_at >= since)
    both = and_(*pairs)
    whole = connection.execute(select(*_counts()).where(both)).one()
    rows = connection.execute(
        select(_ANSWER.c.department, *_counts())
        .where(both)
        .group_by(_ANSWER.c.department)
        .order_by(func.count().desc(), _ANSWER.c.department)
    ).all()
    moved = connection.execute(
        select(_ANSWER.c.department, _SHADOW.c.department, func.count())
        .where(both, _ANSWER.c.department != _SHADOW.c.department)
        .group_by(_ANSWER.c.department, _SHADOW.c.department)
        .order_by(func.count().desc(), _ANSWER.c.department, _SHADOW.c.department)
        .limit(moves)
    ).all()
    return Comparison(
        all=Changes(*(int(count or 0) for count in whole)),
        by_department=tuple((row[0], Changes(*(int(count or 0) for count in row[1:]))) for row in rows),
        moves=tuple(Move(*row) for row in moved),
    )


def _counts() -> list[ColumnElement[int]]:
    was_auto, is_auto = _ANSWER.c.decision == "auto", _SHADOW.c.decision == "auto"
    return [
        func.count(),
        *(
            _number_of(_ANSWER.c[name] != _SHADOW.c[name])
            for name in ("department", "decision", "urgency", "kind")
        ),
        _number_of(and_(is_auto, ~was_auto)),
        _number_of(and_(was_auto, ~is_auto)),
    ]


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
