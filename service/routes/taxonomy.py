"""``/v1/taxonomy``: departments, urgency levels and kinds in use; changing departments from a day on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Body, Header, Path, Response
from pydantic import TypeAdapter

from model.calendar import SHANGHAI
from model.errors import FenboError
from model.taxonomy import Department, FormerName, Taxonomy
from service.bodies import JsonRoute
from service.conditional import etag_of, is_known
from service.contract import problems
from service.problems import INTERNAL, NOT_READY, STORAGE_UNAVAILABLE, TAXONOMY_REFUSED, Problem, not_ready
from service.routes.parts import ThePrincipal, TheRuntime, TheStorage, TheTaxonomyKeeper
from service.routes.tickets import POSTING
from service.runtime import NotReady, Runtime
from service.schemas.taxonomy import (
    PutDepartment,
    RetireDepartment,
    TaxonomyAnswer,
    TaxonomyVersion,
    TaxonomyVersions,
    taxonomy_answer,
)
from service.security.principal import Principal
from service.storage import StorageUnavailable
from service.storage.taxonomies import NewVersion, versions
from service.taxonomy_keeper import TaxonomyKeeper

router = APIRouter(route_class=JsonRoute, tags=["目录"])

_VERSIONS: Final = TypeAdapter(TaxonomyVersions)
_ANSWER: Final = TypeAdapter(TaxonomyAnswer)


@router.get(
    "/v1/taxonomy",
    operation_id="get_taxonomy",
    summary="正在使用的目录",
    response_model=TaxonomyAnswer,
    response_description="单位（含曾用名、接手单位）、紧急程度（含首次响应时限）、类型",
    responses={
        200: {"headers": {"ETag": {"description": "内容的标识", "schema": {"type": "string"}}}},
        304: {"description": "与 If-None-Match 所指的内容相同"},
        **problems(INTERNAL, NOT_READY),
    },
)
async def taxonomy(
    runtime: TheRuntime,
    if_none_match: Annotated[str | None, Header(description="上次答复的 ETag；没有变化时答 304")] = None,
) -> Response:
    """目录有版本；改名、撤并过的单位也在其中，`in_force` 为真的才会出现在分派结果里。"""
    try:
        predictor = runtime.predictor
    except NotReady:
        raise not_ready(runtime.told) from None
    content = _ANSWER.dump_json(taxonomy_answer(predictor.taxonomy, on=_today()))
    headers = {"ETag": etag_of(content), "Cache-Control": "no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


DepartmentCode = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        pattern=r"^[^/\x00-\x1f\x7f-\x9f]+$",
        description="单位代码",
        examples=["RSJ"],
    ),
]


@router.get(
    "/v1/taxonomy/versions",
    operation_id="list_taxonomies",
    summary="改过的各版目录",
    response_model=TaxonomyVersions,
    response_description="各版，新的在前；还没有生效的也在其中",
    responses=problems(INTERNAL, NOT_READY, STORAGE_UNAVAILABLE),
)
async def list_taxonomies(runtime: TheRuntime, storage: TheStorage) -> Response:
    """每一版都保留；内容见审计日志所记的 SHA-256。"""
    try:
        in_use = runtime.predictor.taxonomy.version
    except NotReady:
        raise not_ready(runtime.told) from None
    rows = await storage.read(versions)
    answer = TaxonomyVersions(
        in_use,
        tuple(
            TaxonomyVersion(
                version=row.version,
                name=row.name,
                effective_from=row.effective_from,
                content_hash=row.content_hash,
                at=row.at,
                by=row.by,
                reason=row.reason,
            )
            for row in rows
        ),
    )
    return Response(_VERSIONS.dump_json(answer), media_type="application/json")


@router.put(
    "/v1/taxonomy/departments/{code}",
    operation_id="put_department",
    summary="新设或更改一个单位",
    response_model=TaxonomyAnswer,
    response_description="此刻正在使用的目录；以后才生效的改动还不在其中",
    responses=problems(TAXONOMY_REFUSED, *POSTING),
)
async def put_department(
    code: DepartmentCode,
    posted: Annotated[PutDepartment, Body()],
    runtime: TheRuntime,
    keeper: TheTaxonomyKeeper,
    principal: ThePrincipal,
) -> Response:
    """改名的，原来的名称仍然认得。新设的单位，模型学过它的工单之后才会分派给它；接手别的单位的立即生效。"""
    start = posted.effective_from or _today()
    return await _changed(
        runtime,
        keeper,
        principal,
        lambda taxonomy: taxonomy.with_department(_department(taxonomy, code, posted, start)),
        effective_from=start,
        reason=posted.reason,
        change=f"department.put:{code}",
    )


@router.post(
    "/v1/taxonomy/departments/{code}:retire",
    operation_id="retire_department",
    summary="撤销一个单位",
    response_model=TaxonomyAnswer,
    response_description="此刻正在使用的目录",
    responses=problems(TAXONOMY_REFUSED, *POSTING),
)
async def retire_department(
    code: DepartmentCode,
    posted: Annotated[RetireDepartment, Body()],
    runtime: TheRuntime,
    keeper: TheTaxonomyKeeper,
    principal: ThePrincipal,
) -> Response:
    """从那一天起，原来归它的诉求归接手单位；分派结果里只会有存在的单位。"""
    return await _changed(
        runtime,
        keeper,
        principal,
        lambda taxonomy: taxonomy.retire(code, posted.successor, posted.on),
        effective_from=None,
        reason=posted.reason,
        change=f"department.retire:{code}",
    )


async def _changed(
    runtime: Runtime,
    keeper: TaxonomyKeeper,
    principal: Principal,
    make: Callable[[Taxonomy], Taxonomy],
    *,
    effective_from: date | None,
    reason: str,
    change: str,
) -> Response:
    """The taxonomy in use after the change. Raises the problem that kept it from being made."""
    try:
        base = await keeper.newest()
        new = NewVersion(
            taxonomy=make(base),
            base=base.version,
            effective_from=effective_from or max(_today(), base.valid_from or _today()),
            actor=principal.name,
            reason=reason,
            change=change,
        )
        await keeper.change(new)
        content = _ANSWER.dump_json(taxonomy_answer(runtime.predictor.taxonomy, on=_today()))
    except NotReady:
        raise not_ready(runtime.told) from None
    except StorageUnavailable:
        raise
    except FenboError as refused:
        raise Problem(TAXONOMY_REFUSED, str(refused)) from None
    except OverflowError:
        # The day before the first day that there is.
        raise Problem(TAXONOMY_REFUSED, "日期早于历法能表示的第一天") from None
    return Response(content, media_type="application/json")


def _department(taxonomy: Taxonomy, code: str, posted: PutDepartment, start: date) -> Department:
    """The department as it is to be, from what it was."""
    present = next((each for each in taxonomy.departments if each.code == code), None)
    if present is None:
        return Department(
            code=code,
            name=posted.name,
            valid_from=start,
            level=posted.level or (taxonomy.levels[0] if taxonomy.levels else ""),
            matters=posted.matters or (),
        )
    former = present.former_names
    if posted.name != present.name:
        former = (*former, FormerName(present.name, start - timedelta(days=1)))
    return replace(
        present,
        name=posted.name,
        former_names=former,
        level=present.level if posted.level is None else posted.level,
        matters=present.matters if posted.matters is None else posted.matters,
    )


def _today() -> date:
    return datetime.now(SHANGHAI).date()
