"""Webhooks in the database: registered, fanned out from the audit log, claimed, settled, driven again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from model.errors import FenboError
from service.storage import audit
from service.storage.tables import AUDIT, next_id
from service.storage.webhook_tables import DELIVERIES, WEBHOOKS

DeliveryState = Literal["waiting", "delivered", "dead"]

_FANNED_OUT_TOGETHER: Final = 500
_CLAIMED_TOGETHER: Final = 16
_MOST_FORGOTTEN: Final = 5_000


class UnknownWebhook(FenboError):
    """No webhook, or no delivery, of this name."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to be registered. ``events`` are actions of the audit log, or families as ``outcome.*``."""

    webhook: str
    url: str
    events: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook, and how many of its deliveries wait or are dead."""

    webhook: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    created_by: str
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be tried now, for the ``attempts``-th time."""

    id: int
    webhook: str
    url: str
    event: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a delivery. ``again_at`` None with a ``failure`` is its end."""

    id: int
    status: int | None
    failure: str | None
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as it is listed."""

    id: int
    event: str
    created_at: datetime
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    status: int | None
    failure: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Redrive:
    """Dead deliveries of a webhook to be tried again: one, or all."""

    webhook: str
    delivery: int | None
    by: str


def register(connection: Connection, items: Sequence[NewWebhook]) -> list[WebhookRow | FenboError]:
    """Register webhooks; they are told of what happens from now on."""
    made: list[WebhookRow | FenboError] = []
    for item in items:
        now = datetime.now(UTC)
        entry = audit.Entry(item.by, "webhook.created", f"webhook:{item.webhook}", {"events": item.events})
        through = audit.append(connection, [entry]).sequence
        connection.execute(
            insert(WEBHOOKS).values(
                webhook=item.webhook,
                url=item.url,
                events=json.dumps(item.events),
                created_at=now,
                created_by=item.by,
                through=through,
            )
        )
        made.append(WebhookRow(item.webhook, item.url, item.events, now, item.by, 0, 0))
    return made


def end(connection: Connection, items: Sequence[tuple[str, str]]) -> list[FenboError | None]:
    """End webhooks, given as (webhook, by whom): nothing that waits for them is sent any more."""
    results: list[FenboError | None] = []
    for webhook, by in items:
        now = datetime.now(UTC)
        live = WEBHOOKS.c.webhook == webhook, WEBHOOKS.c.ended_at.is_(None)
        if connection.execute(update(WEBHOOKS).where(*live).values(ended_at=now)).rowcount == 0:
            results.append(UnknownWebhook(f"没有名为 {webhook!r} 的回调"))
            continue
        waiting = DELIVERIES.c.webhook == webhook, DELIVERIES.c.state == "waiting"
        gone = {"state": "dead", "failure": "回调已取消", "finished_at": now, "due_at": None}
        connection.execute(update(DELIVERIES).where(*waiting).values(**gone))
        audit.append(connection, [audit.Entry(by, "webhook.ended", f"webhook:{webhook}", {})])
        results.append(None)
    return results


def listed(connection: Connection) -> list[WebhookRow]:
    """The webhooks that are told, the oldest first."""
    counts: dict[tuple[str, str], int] = {
        (row.webhook, row.state): row.n
        for row in connection.execute(
            select(DELIVERIES.c.webhook, DELIVERIES.c.state, func.count().label("n"))
            .where(DELIVERIES.c.state != "delivered")
            .group_by(DELIVERIES.c.webhook, DELIVERIES.c.state)
        )
    }
    rows = connection.execute(
        select(WEBHOOKS).where(WEBHOOKS.c.ended_at.is_(None)).order_by(WEBHOOKS.c.created_at)
    )
    return [
        WebhookRow(
            row.webhook,
            row.url,
            tuple(json.loads(row.events)),
            row.created_at,
            row.created_by,
            counts.get((row.webhook, "waiting"), 0),
            counts.get((row.webhook, "dead"), 0),
        )
        for row in rows
    ]


def has_work(connection: Connection, now: datetime) -> bool:
    """Whether anything is to be fanned out or sent."""
    head = audit.head(connection).sequence
    behind = select(WEBHOOKS.c.webhook).where(WEBHOOKS.c.ended_at.is_(None), WEBHOOKS.c.through < head)
    if connection.execute(behind.limit(1)).first() is not None:
        return True
    due = select(DELIVERIES.c.id).where(DELIVERIES.c.state == "waiting", DELIVERIES.c.due_at <= now)
    return connection.execute(due.limit(1)).first() is not None


def fan_out(connection: Connection, items: Sequence[datetime]) -> list[int | FenboError]:
    """Make deliveries of what the audit log tells anew; the number made. Once for all ``items``, which are now."""
    made = 0
    for webhook in connection.execute(select(WEBHOOKS).where(WEBHOOKS.c.ended_at.is_(None))).all():
        rows = connection.execute(
            select(AUDIT)
            .where(AUDIT.c.sequence > webhook.through)
            .order_by(AUDIT.c.sequence)
            .limit(_FANNED_OUT_TOGETHER)
        ).all()
        if not rows:
            continue
        events = tuple(json.loads(webhook.events))
        wanted = [row for row in rows if is_wanted(row.action, events)]
        first = next_id(connection, DELIVERIES.c.id)
        values = [_delivery(first + n, webhook.webhook, row, items[0]) for n, row in enumerate(wanted)]
        if values:
            connection.execute(insert(DELIVERIES), values)
        done = update(WEBHOOKS).where(WEBHOOKS.c.webhook == webhook.webhook)
        connection.execute(done.values(through=rows[-1].sequence))
        made += len(values)
    return [made, *([0] * (len(items) - 1))]


def claim(
    connection: Connection, items: Sequence[tuple[datetime, datetime]]
) -> list[list[Claimed] | FenboError]:
    """For each (now, until): some deliveries that are due, which no one else is given before ``until``."""
    return [_claimed(connection, now, until) for now, until in items]


def settle(connection: Connection, items: Sequence[Tried]) -> list[FenboError | None]:
    """Write what became of deliveries."""
    for tried in items:
        now = datetime.now(UTC)
        values: dict[str, Any] = {"status": tried.status, "failure": tried.failure}
        if tried.failure is None:
            values |= {"state": "delivered", "finished_at": now, "due_at": None}
        elif tried.again_at is None:
            values |= {"state": "dead", "finished_at": now, "due_at": None}
        else:
            values |= {"due_at": tried.again_at}
        waiting = DELIVERIES.c.id == tried.id, DELIVERIES.c.state == "waiting"
        connection.execute(update(DELIVERIES).where(*waiting).values(**values))
    return [None] * len(items)


def deliveries(
    connection: Connection, webhook: str, *, state: DeliveryState | None, before: int | None, limit: int
) -> list[DeliveryRow]:
    """Deliveries of a webhook, the newest first, older than ``before``. Raises `UnknownWebhook`."""
    if connection.execute(select(WEBHOOKS.c.webhook).where(WEBHOOKS.c.webhook == webhook)).first() is None:
        raise UnknownWebhook(f"没有名为 {webhook!r} 的回调")
    query = select(DELIVERIES).where(DELIVERIES.c.webhook == webhook).order_by(DELIVERIES.c.id.desc())
    if state is not None:
        query = query.where(DELIVERIES.c.state == state)
    if before is not None:
        query = query.where(DELIVERIES.c.id < before)
    return [
        DeliveryRow(
            row.id,
            row.event,
            row.created_at,
            row.state,
            row.attempts,
            row.due_at,
            row.status,
            row.failure,
            row.finished_at,
        )
        for row in connection.execute(query.limit(limit))
    ]


def redrive(connection: Connection, items: Sequence[Redrive]) -> list[int | FenboError]:
    """Try dead deliveries of live webhooks again, from their first attempt; the number of them."""
    results: list[int | FenboError] = []
    for item in items:
        live = WEBHOOKS.c.webhook == item.webhook, WEBHOOKS.c.ended_at.is_(None)
        known = connection.execute(select(WEBHOOKS.c.webhook).where(*live)).first()
        dead = [DELIVERIES.c.webhook == item.webhook, DELIVERIES.c.state == "dead"]
        if item.delivery is not None:
            dead.append(DELIVERIES.c.id == item.delivery)
        again = {
            "state": "waiting",
            "attempts": 0,
            "due_at": datetime.now(UTC),
            "finished_at": None,
            "failure": None,
        }
        count = (
            0
            if known is None
            else connection.execute(update(DELIVERIES).where(*dead).values(**again)).rowcount
        )
        if known is None or (item.delivery is not None and count == 0):
            results.append(UnknownWebhook("没有这个回调，或者没有这一次未送达的通知"))
            continue
        details = {"delivery": item.delivery, "count": count}
        audit.append(
            connection, [audit.Entry(item.by, "webhook.redriven", f"webhook:{item.webhook}", details)]
        )
        results.append(count)
    return results


def forget_delivered(connection: Connection, items: Sequence[datetime]) -> list[int | FenboError]:
    """Delete what was delivered before each moment, some thousands at a time; the number deleted."""
    results: list[int | FenboError] = []
    for before in items:
        old = (
            select(DELIVERIES.c.id)
            .where(DELIVERIES.c.state == "delivered", DELIVERIES.c.finished_at < before)
            .limit(_MOST_FORGOTTEN)
        )
        results.append(connection.execute(delete(DELIVERIES).where(DELIVERIES.c.id.in_(old))).rowcount)
    return results


def is_wanted(action: str, events: Sequence[str]) -> bool:
    """Whether an action of the audit log is among the events: by its name, or by its family ``x.*``."""
    return action in events or f"{action.partition('.')[0]}.*" in events


def _claimed(connection: Connection, now: datetime, until: datetime) -> list[Claimed]:
    rows = connection.execute(
        select(DELIVERIES, WEBHOOKS.c.url)
        .join(WEBHOOKS, WEBHOOKS.c.webhook == DELIVERIES.c.webhook)
        .where(
            DELIVERIES.c.state == "waiting", or_(DELIVERIES.c.due_at <= now, DELIVERIES.c.due_at.is_(None))
        )
        .order_by(DELIVERIES.c.due_at)
        .limit(_CLAIMED_TOGETHER)
    ).all()
    if rows:
        taken = DELIVERIES.c.id.in_([row.id for row in rows])
        # Whoever dies while sending leaves it to be tried again after that moment.
        later = {"attempts": DELIVERIES.c.attempts + 1, "due_at": until}
        connection.execute(update(DELIVERIES).where(taken).values(later))
    return [Claimed(row.id, row.webhook, row.url, row.event, row.body, row.attempts + 1) for row in rows]


def _delivery(number: int, webhook: str, row: Row[Any], now: datetime) -> dict[str, Any]:
    kind, _, name = cast("str", row.subject).partition(":")
    body = {
        "id": f"evt_{row.sequence}",
        "event": row.action,
        "at": row.at,
        "subject": {"kind": kind, "name": name},
        "actor": row.actor,
        "details": json.loads(row.details),
    }
    return {
        "id": number,
        "webhook": webhook,
        "event": row.action,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "created_at": now,
        "state": "waiting",
        "attempts": 0,
        "due_at": now,
    }
