"""``GET /v1/taxonomy``: departments, urgency levels and kinds in use."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from pydantic import TypeAdapter

from model.calendar import SHANGHAI
from service.conditional import etag_of, is_known
from service.contract import problems
from service.problems import INTERNAL, NOT_READY, not_ready
from service.routes.parts import TheRuntime
from service.runtime import NotReady
from service.schemas.taxonomy import TaxonomyAnswer, taxonomy_answer

router = APIRouter(tags=["目录"])

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
    today = datetime.now(SHANGHAI).date()
    content = _ANSWER.dump_json(taxonomy_answer(predictor.taxonomy, on=today))
    headers = {"ETag": etag_of(content), "Cache-Control": "no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
