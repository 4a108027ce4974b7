"""``/v1/keys``: who may use the service."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response
from pydantic import TypeAdapter

from service.bodies import JsonRoute
from service.contract import problems
from service.problems import (
    BODY_TIMEOUT,
    INTERNAL,
    INVALID_REQUEST,
    KEY_NOT_FOUND,
    LAST_ADMIN_KEY,
    MALFORMED_JSON,
    STORAGE_UNAVAILABLE,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from service.routes.parts import TheGate, TheKeyring, ThePrincipal
from service.schemas.keys import KeyAnswer, KeysAnswer, KeyWanted, NewKeyAnswer, key_answer
from service.storage.keys import LastAdminKey, UnknownKey

router = APIRouter(route_class=JsonRoute, tags=["密钥"])

_LISTED: Final = TypeAdapter(KeysAnswer)
_MADE: Final = TypeAdapter(NewKeyAnswer)
_REVOKED: Final = TypeAdapter(KeyAnswer)

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="密钥的编号", examples=["3f9a0c1b2d4e"])]


@router.get(
    "/v1/keys",
    operation_id="list_keys",
    summary="全部密钥",
    response_model=KeysAnswer,
    response_description="编号、给谁用、角色、在用还是吊销了；不含密钥本身",
    responses=problems(INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_keys(keyring: TheKeyring) -> Response:
    """密钥本身只存哈希，哪里也查不到原文。"""
    answer = KeysAnswer(tuple(key_answer(row) for row in await keyring.all()))
    return Response(_LISTED.dump_json(answer), media_type="application/json")


@router.post(
    "/v1/keys",
    operation_id="create_key",
    summary="建立一个密钥",
    status_code=201,
    response_model=NewKeyAnswer,
    response_description="密钥全文，只给这一次",
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
async def create_key(wanted: KeyWanted, keyring: TheKeyring, principal: ThePrincipal) -> Response:
    """请立即保存答复里的 `key`：以后不再显示。"""
    made = await keyring.make(
        name=wanted.name, role=wanted.role, per_second=wanted.per_second, by=principal.name
    )
    answer = NewKeyAnswer(made.text, key_answer(made.row))
    return Response(_MADE.dump_json(answer), 201, media_type="application/json")


@router.delete(
    "/v1/keys/{key_id}",
    operation_id="revoke_key",
    summary="吊销一个密钥",
    response_model=KeyAnswer,
    response_description="吊销之后的情形",
    responses=problems(KEY_NOT_FOUND, LAST_ADMIN_KEY, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def revoke_key(key_id: KeyId, keyring: TheKeyring, gate: TheGate, principal: ThePrincipal) -> Response:
    """两秒之内，所有进程都不再接受它。吊销过的再吊销一次，答复不变。"""
    try:
        row = await keyring.revoke(key_id, by=principal.name)
    except UnknownKey as unknown:
        raise Problem(KEY_NOT_FOUND, str(unknown)) from None
    except LastAdminKey as last:
        raise Problem(LAST_ADMIN_KEY, str(last)) from None
    gate.forget(key_id)
    return Response(_REVOKED.dump_json(key_answer(row)), media_type="application/json")
