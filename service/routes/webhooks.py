"""``/v1/webhooks``: who is told of what happens, and what did not arrive."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter

from service import cursors
from service.bodies import JsonRoute
from service.contract import problems
from service.cursors import Cursor, Limit
from service.problems import (
    BODY_TIMEOUT,
    INTERNAL,
    INVALID_REQUEST,
    MALFORMED_JSON,
    STORAGE_UNAVAILABLE,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    WEBHOOK_NOT_FOUND,
    FieldError,
    Problem,
)
from service.routes.parts import ThePrincipal, TheSettings, TheStorage
from service.schemas.webhooks import (
    DeliveriesAnswer,
    NewWebhookAnswer,
    RedrivenAnswer,
    WebhooksAnswer,
    WebhookWanted,
    delivery_answer,
    webhook_answer,
)
from service.settings import Settings
from service.storage import Storage
from service.storage import webhooks as rows
from service.storage.webhooks import DeliveryState, NewWebhook, Redrive, UnknownWebhook
from service.webhooks.dispatcher import secret_of
from service.webhooks.targets import TargetRefused, Undeliverable, addresses_of, target_of

router = APIRouter(route_class=JsonRoute, tags=["回调"])

_LISTED: Final = TypeAdapter(WebhooksAnswer)
_MADE: Final = TypeAdapter(NewWebhookAnswer)
_DELIVERIES: Final = TypeAdapter(DeliveriesAnswer)
_REDRIVEN: Final = TypeAdapter(RedrivenAnswer)

WebhookName = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="回调的名称", examples=["5d1c2b3a4f6e7081"])
]
DeliveryId = Annotated[int, Path(ge=1, lt=2**62, description="通知的编号", examples=[42])]


class DeliveriesQuery(BaseModel):
    """Which deliveries."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = None
    limit: Limit = 50
    cursor: Cursor = None


@router.get(
    "/v1/webhooks",
    operation_id="list_webhooks",
    summary="全部回调",
    response_model=WebhooksAnswer,
    response_description="发往哪里、哪些事、有几次没有送到",
    responses=problems(INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_webhooks(storage: TheStorage) -> Response:
    """`dead` 不为零的，请查明原因后重发。"""
    answer = WebhooksAnswer(tuple(webhook_answer(row) for row in await storage.read(rows.listed)))
    return Response(_LISTED.dump_json(answer), media_type="application/json")


@router.post(
    "/v1/webhooks",
    operation_id="create_webhook",
    summary="登记一个回调",
    status_code=201,
    response_model=NewWebhookAnswer,
    response_description="验签用的 secret，只给这一次",
    responses=problems(
        MALFORMED_JSON,
        BODY_TIMEOUT,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_REQUEST,
        INTERNAL,
        STORAGE_UNAVAILABLE,
    ),
)
async def create_webhook(
    wanted: WebhookWanted, storage: TheStorage, settings: TheSettings, principal: ThePrincipal
) -> Response:
    """从现在起发生的事逐件通知，每件至少一次，不保证先后；收到重复的，按 `id` 认出。"""
    await _check_target(wanted.url, settings)
    item = NewWebhook(secrets.token_hex(8), wanted.url, tuple(dict.fromkeys(wanted.events)), principal.name)
    row = await storage.write(rows.register, item)
    answer = NewWebhookAnswer(secret_of(storage, row.webhook), webhook_answer(row))
    return Response(_MADE.dump_json(answer), 201, media_type="application/json")


@router.delete(
    "/v1/webhooks/{webhook}",
    operation_id="end_webhook",
    summary="取消一个回调",
    status_code=204,
    response_class=Response,
    response_description="已取消",
    responses=problems(WEBHOOK_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def end_webhook(webhook: WebhookName, storage: TheStorage, principal: ThePrincipal) -> Response:
    """还没有送到的通知不再发出。"""
    try:
        await storage.write(rows.end, (webhook, principal.name))
    except UnknownWebhook as unknown:
        raise Problem(WEBHOOK_NOT_FOUND, str(unknown)) from None
    return Response(status_code=204)


@router.get(
    "/v1/webhooks/{webhook}/deliveries",
    operation_id="list_deliveries",
    summary="一个回调的通知",
    response_model=DeliveriesAnswer,
    response_description="一页通知，新的在前",
    responses=problems(WEBHOOK_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_deliveries(
    webhook: WebhookName, query: Annotated[DeliveriesQuery, Query()], storage: TheStorage
) -> Response:
    """送到的保留三十天；`state=dead` 列出放弃了的。"""
    place = cursors.read_numbers(query.cursor, parts=1)
    read = partial(
        rows.deliveries,
        webhook=webhook,
        state=query.state,
        before=None if place is None else place[0],
        limit=query.limit + 1,
    )
    try:
        found = await storage.read(read)
    except UnknownWebhook as unknown:
        raise Problem(WEBHOOK_NOT_FOUND, str(unknown)) from None
    shown = found[: query.limit]
    more = cursors.written(shown[-1].id) if len(found) > query.limit else None
    answer = DeliveriesAnswer(tuple(delivery_answer(row) for row in shown), more)
    return Response(_DELIVERIES.dump_json(answer), media_type="application/json")


@router.post(
    "/v1/webhooks/{webhook}:redrive",
    operation_id="redrive_webhook",
    summary="重发全部放弃了的通知",
    response_model=RedrivenAnswer,
    response_description="重发了几次",
    responses=problems(WEBHOOK_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def redrive_webhook(webhook: WebhookName, storage: TheStorage, principal: ThePrincipal) -> Response:
    """从头再试，次数重新计算。"""
    return await _redriven(storage, Redrive(webhook, None, principal.name))


@router.post(
    "/v1/webhooks/{webhook}/deliveries/{delivery}:redrive",
    operation_id="redrive_delivery",
    summary="重发一次放弃了的通知",
    response_model=RedrivenAnswer,
    response_description="重发了一次",
    responses=problems(WEBHOOK_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def redrive_delivery(
    webhook: WebhookName, delivery: DeliveryId, storage: TheStorage, principal: ThePrincipal
) -> Response:
    """从头再试，次数重新计算。"""
    return await _redriven(storage, Redrive(webhook, delivery, principal.name))


async def _redriven(storage: Storage, item: Redrive) -> Response:
    try:
        count = await storage.write(rows.redrive, item)
    except UnknownWebhook as unknown:
        raise Problem(WEBHOOK_NOT_FOUND, str(unknown)) from None
    return Response(_REDRIVEN.dump_json(RedrivenAnswer(count)), media_type="application/json")


async def _check_target(url: str, settings: Settings) -> None:
    """Refuse at once what would be refused when it is sent. A name that cannot be looked up now is let through."""
    try:
        target = target_of(url, private=settings.webhook_private)
        await asyncio.to_thread(addresses_of, target, private=settings.webhook_private)
    except TargetRefused as refused:
        error = FieldError("url", "not_allowed", str(refused), allowed="外网的 https 地址")
        raise Problem(INVALID_REQUEST, f"1 处不合要求：{refused}", errors=[error]) from None
    except Undeliverable:
        return
