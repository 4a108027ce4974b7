"""``/v1/bundles``: which bundles there are, which answers, and changing that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from model.errors import FenboError
from model.registry import UnknownBundle
from model.text.mask import mask
from service.bodies import JsonRoute
from service.contract import problems
from service.follower import Follower
from service.problems import (
    BODY_TIMEOUT,
    BUNDLE_NOT_FOUND,
    BUNDLE_REFUSED,
    INTERNAL,
    INVALID_REQUEST,
    MALFORMED_JSON,
    NOT_READY,
    STORAGE_UNAVAILABLE,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    not_ready,
)
from service.routes.parts import TheFollower, ThePrincipal, TheRuntime, TheStorage
from service.runtime import NotReady, Runtime
from service.schemas.bundles import BundleChange, BundlesAnswer, bundles_answer
from service.schemas.comparison import ComparisonAnswer, comparison_answer
from service.schemas.ticket import Moment
from service.security.principal import Principal
from service.storage import Storage, StorageUnavailable, audit
from service.storage.audit import record
from service.storage.comparison import compare

router = APIRouter(route_class=JsonRoute, tags=["模型包"])

_ANSWER: Final = TypeAdapter(BundlesAnswer)
_COMPARED: Final = TypeAdapter(ComparisonAnswer)
_SHOWN_MOVES: Final = 20
_CHANGING: Final = problems(
    MALFORMED_JSON,
    BUNDLE_NOT_FOUND,
    BODY_TIMEOUT,
    BUNDLE_REFUSED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_REQUEST,
    INTERNAL,
    NOT_READY,
    STORAGE_UNAVAILABLE,
)

BundleName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        pattern=r"^[^/\x00-\x1f\x7f-\x9f]+$",
        description="模型包的名称",
        examples=["city-2"],
    ),
]
Change = Annotated[BundleChange | None, Body()]


class CompareQuery(BaseModel):
    """Which bundles, over which tickets."""

    model_config = ConfigDict(extra="forbid")

    answer: str | None = Field(
        default=None, max_length=128, description="答复的模型包（答复里 versions.bundle 的名称）；不给时不限"
    )
    shadow: str | None = Field(
        default=None, max_length=128, description="试用的模型包（versions.bundle 的名称）；不给时为正在试用的"
    )
    since: Moment = Field(default=None, description="从这一刻起收到的工单，RFC 3339，须带时区")


@router.get(
    "/v1/bundles",
    operation_id="list_bundles",
    summary="有哪些模型包，哪一个在答复",
    response_model=BundlesAnswer,
    response_description="所有模型包和最近的启用记录",
    responses=problems(INTERNAL),
)
async def list_bundles(follower: TheFollower) -> Response:
    """各进程都照登记处（`FENBO_REGISTRY`）所记的启用；这里答的是应答这次请求的进程。"""
    return await _listed(follower)


@router.get(
    "/v1/bundles/compare",
    operation_id="compare_bundles",
    summary="答复的与旁路试用的有何不同",
    response_model=ComparisonAnswer,
    response_description="单位、处理方式等不同的比例，按单位分，以及最常见的改动",
    responses=problems(BUNDLE_REFUSED, INVALID_REQUEST, INTERNAL, NOT_READY, STORAGE_UNAVAILABLE),
)
async def compare_bundles(
    query: Annotated[CompareQuery, Query()], runtime: TheRuntime, follower: TheFollower, storage: TheStorage
) -> Response:
    """在存下的工单上逐件相比；没有标准答案，只说有何不同，哪个对要看办理结果。"""
    shadow = query.shadow or follower.shadow
    if shadow is None:
        raise Problem(BUNDLE_REFUSED, "现在没有旁路试用的模型包；请用 shadow 指明试用过的哪一个")
    try:
        names = {each.code: each.name for each in runtime.predictor.taxonomy.departments}
    except NotReady:
        raise not_ready(runtime.told) from None
    read = partial(compare, answer=query.answer, shadow=shadow, since=query.since, moves=_SHOWN_MOVES)
    found = await storage.read(read)
    answer = comparison_answer(found, answer=query.answer, shadow=shadow, names=names)
    return Response(_COMPARED.dump_json(answer), media_type="application/json")


@router.post(
    "/v1/bundles/{name}:promote",
    operation_id="promote_bundle",
    summary="启用一个模型包",
    response_model=BundlesAnswer,
    response_description="启用之后的情形",
    responses=_CHANGING,
)
async def promote(
    name: BundleName,
    runtime: TheRuntime,
    follower: TheFollower,
    storage: TheStorage,
    principal: ThePrincipal,
    change: Change = None,
) -> Response:
    """先在旁边载入、核对、热身，再在两批诉求之间换上，不停服务；不能用的拒绝，原来的照常答复。"""
    reason = change.reason if change else ""
    return await _changed(
        runtime,
        follower,
        storage,
        _entry(principal, "bundle.promoted", name, reason),
        partial(follower.promote, name, by=principal.name, reason=reason),
    )


@router.post(
    "/v1/bundles/{name}:rollback",
    operation_id="roll_back_bundle",
    summary="退回上一个模型包",
    response_model=BundlesAnswer,
    response_description="退回之后的情形",
    responses=_CHANGING,
)
async def roll_back(
    name: BundleName,
    runtime: TheRuntime,
    follower: TheFollower,
    storage: TheStorage,
    principal: ThePrincipal,
    change: Change = None,
) -> Response:
    """`name` 是要退下来的、正在答复的那一个；已经不是它在答复的，不作改动。"""
    if follower.answering != name:
        raise Problem(BUNDLE_REFUSED, f"正在答复的是 {follower.answering}，不是要退下来的这一个")
    reason = change.reason if change else ""
    return await _changed(
        runtime,
        follower,
        storage,
        _entry(principal, "bundle.rolled_back", name, reason),
        partial(follower.roll_back, by=principal.name, reason=reason),
    )


@router.post(
    "/v1/bundles/{name}:shadow",
    operation_id="shadow_bundle",
    summary="旁路试用一个模型包",
    response_model=BundlesAnswer,
    response_description="试用开始之后的情形",
    responses=_CHANGING,
)
async def shadow(
    name: BundleName,
    runtime: TheRuntime,
    follower: TheFollower,
    storage: TheStorage,
    principal: ThePrincipal,
    change: Change = None,
) -> Response:
    """同样的诉求在答复之后再由它看一遍，不改变也不拖慢答复；结果见 `/v1/bundles/compare`。"""
    reason = change.reason if change else ""
    return await _changed(
        runtime,
        follower,
        storage,
        _entry(principal, "bundle.shadowed", name, reason),
        partial(follower.cast_shadow, name, by=principal.name, reason=reason),
    )


@router.post(
    "/v1/bundles/{name}:unshadow",
    operation_id="end_shadow",
    summary="结束旁路试用",
    response_model=BundlesAnswer,
    response_description="试用结束之后的情形",
    responses=_CHANGING,
)
async def end_shadow(
    name: BundleName,
    runtime: TheRuntime,
    follower: TheFollower,
    storage: TheStorage,
    principal: ThePrincipal,
    change: Change = None,
) -> Response:
    """已经存下的试用结果保留。"""
    if follower.shadow != name:
        raise Problem(BUNDLE_REFUSED, f"正在试用的是 {follower.shadow or '（没有）'}，不是要结束的这一个")
    reason = change.reason if change else ""
    return await _changed(
        runtime,
        follower,
        storage,
        _entry(principal, "bundle.unshadowed", name, reason),
        partial(follower.cast_shadow, None, by=principal.name, reason=reason),
    )


def _entry(principal: Principal, action: str, name: str, reason: str) -> audit.Entry:
    return audit.Entry(principal.name, action, f"bundle:{name}", {"reason": mask(reason).text})


async def _changed(
    runtime: Runtime,
    follower: Follower,
    storage: Storage,
    entry: audit.Entry,
    change: Callable[[], Awaitable[None]],
) -> Response:
    """The bundles after the change, or the problem that kept it from being made."""
    try:
        if runtime.state != "ready":
            raise not_ready(runtime.told)
        await storage.probe()
        await change()
        await storage.write(record, entry)
    except StorageUnavailable:
        raise
    except UnknownBundle as unknown:
        raise Problem(BUNDLE_NOT_FOUND, str(unknown)) from None
    except FenboError as refused:
        raise Problem(BUNDLE_REFUSED, str(refused)) from None
    return await _listed(follower)


async def _listed(follower: Follower) -> Response:
    shelved, promotions = await follower.contents()
    answer = bundles_answer(
        shelved,
        promotions,
        answering=follower.answering,
        shadow=follower.shadow,
        pinned=follower.shelf.pinned,
        refused=follower.refused,
    )
    return Response(_ANSWER.dump_json(answer), media_type="application/json")
