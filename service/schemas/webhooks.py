"""Webhooks as the API shows them, and what is sent to register one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.storage.webhooks import DeliveryRow, DeliveryState, WebhookRow

EVENT = r"^(ticket|outcome|review|cluster|job|bundle|taxonomy)\.([a-z_]{1,40}|\*)$"


class WebhookWanted(BaseModel):
    """发往哪里，哪些事要通知。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        min_length=9,
        max_length=2000,
        pattern=r"^[\x21-\x7e]+$",
        description="接收通知的 https 地址；不能含用户名、密码。内网地址须先设 FENBO_WEBHOOK_PRIVATE",
        examples=["https://tickets.example.org/hooks/fenbo"],
    )
    events: tuple[Annotated[str, Field(pattern=EVENT)], ...] = Field(
        min_length=1,
        max_length=50,
        description="哪些事：审计日志里的动作，如 ticket.stored；一类全要的写 outcome.*",
        examples=[["ticket.stored", "outcome.*", "review.*", "job.finished"]],
    )


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """一个回调。"""

    webhook: Annotated[str, Field(description="名称")]
    url: Annotated[str, Field(description="发往哪里")]
    events: Annotated[tuple[str, ...], Field(description="哪些事")]
    created_at: Annotated[datetime, Field(description="登记的时间，UTC")]
    created_by: Annotated[str, Field(description="由谁登记")]
    waiting: Annotated[int, Field(description="有几次通知还没有送到，会再试")]
    dead: Annotated[int, Field(description="有几次通知已放弃，可以重发")]


@dataclass(frozen=True, slots=True)
class WebhooksAnswer:
    """全部回调。"""

    webhooks: tuple[WebhookAnswer, ...]


@dataclass(frozen=True, slots=True)
class NewWebhookAnswer:
    """刚登记的回调。"""

    secret: Annotated[
        str,
        Field(
            description="验签用，只在这一次答复里出现。Fenbo-Signature: t=秒,v1=HMAC-SHA256(secret, 秒 + '.' + 请求体)"
        ),
    ]
    about: WebhookAnswer


@dataclass(frozen=True, slots=True)
class DeliveryAnswer:
    """一次通知。"""

    delivery: Annotated[int, Field(description="编号")]
    event: Annotated[str, Field(description="什么事")]
    created_at: Annotated[datetime, Field(description="何时发生，UTC")]
    state: Annotated[DeliveryState, Field(description="waiting 还会再试；delivered 送到了；dead 已放弃")]
    attempts: Annotated[int, Field(description="试过几次")]
    due_at: Annotated[datetime | None, Field(description="下一次在何时")]
    status: Annotated[int | None, Field(description="对方上一次答的状态码")]
    failure: Annotated[str | None, Field(description="上一次为什么没有送到")]
    finished_at: Annotated[datetime | None, Field(description="送到或放弃的时间")]


@dataclass(frozen=True, slots=True)
class DeliveriesAnswer:
    """一页通知，新的在前。"""

    deliveries: tuple[DeliveryAnswer, ...]
    next_cursor: Annotated[str | None, Field(description="取下一页时作为 cursor；没有下一页时为 null")]


@dataclass(frozen=True, slots=True)
class RedrivenAnswer:
    """重发了几次通知。"""

    count: Annotated[int, Field(description="几次")]


def webhook_answer(row: WebhookRow) -> WebhookAnswer:
    """A webhook as it is answered."""
    return WebhookAnswer(
        row.webhook, row.url, row.events, row.created_at, row.created_by, row.waiting, row.dead
    )


def delivery_answer(row: DeliveryRow) -> DeliveryAnswer:
    """A delivery as it is answered."""
    return DeliveryAnswer(
        delivery=row.id,
        event=row.event,
        created_at=row.created_at,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        status=row.status,
        failure=row.failure,
        finished_at=row.finished_at,
    )
