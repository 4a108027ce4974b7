"""Clusters of tickets that are the same matter, and hot topics, as `service.matching` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from model.errors import FenboError
from service.storage.tables import CLUSTERS, HOT_TOPICS, TICKETS


class UnknownCluster(FenboError):
    """No cluster has this name (any more: one that was merged lives on under the other's name)."""


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """Rows of `CLUSTERS` and whether more follow."""

    rows: Sequence[Row[Any]]
    more: bool


def listed(
    connection: Connection,
    *,
    smallest: int,
    since: datetime | None,
    district: str | None,
    after: tuple[int, str] | None,
    limit: int,
) -> ClusterPage:
    """Clusters of ``smallest`` tickets or more, the one with the newest ticket first.

    ``after`` is number of the last ticket and name of the last cluster seen.
    """
    query = select(CLUSTERS).where(CLUSTERS.c.size >= smallest)
    if since is not None:
        query = query.where(CLUSTERS.c.last_at >= since)
    if district is not None:
        query = query.where(CLUSTERS.c.district == district)
    if after is not None:
        last, name = after
        query = query.where(
            or_(
                CLUSTERS.c.last_ticket < last,
                and_(CLUSTERS.c.last_ticket == last, CLUSTERS.c.name > name),
            )
        )
    query = query.order_by(CLUSTERS.c.last_ticket.desc(), CLUSTERS.c.name).limit(limit + 1)
    rows = connection.execute(query).all()
    return ClusterPage(rows[:limit], len(rows) > limit)


def find(connection: Connection, name: str) -> Row[Any]:
    """The cluster's row. Raises `UnknownCluster`."""
    row = connection.execute(select(CLUSTERS).where(CLUSTERS.c.name == name)).first()
    if row is None:
        raise UnknownCluster(f"cluster {name!r} is not known")
    return row


def titles(connection: Connection, names: Sequence[str]) -> dict[str, str | None]:
    """The title of each cluster's first ticket, masked."""
    first = (
        select(TICKETS.c.cluster, TICKETS.c.title, TICKETS.c.content, TICKETS.c.number)
        .where(TICKETS.c.cluster.in_(names))
        .order_by(TICKETS.c.number.desc())
    )
    # The last one put in, the oldest, stays.
    return {row.cluster: row.title or (row.content or "")[:40] or None for row in connection.execute(first)}


def hot(connection: Connection) -> list[tuple[datetime, dict[str, Any]]]:
    """Hot topics, hottest first, each with the moment at which it was found."""
    rows = connection.execute(select(HOT_TOPICS).order_by(HOT_TOPICS.c.place))
    return [(row.at, json.loads(row.topic)) for row in rows]
