"""``GET /metrics`` for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import PlainTextResponse

from service.contract import problems
from service.problems import INTERNAL
from service.routes.parts import TheMetrics

router = APIRouter(tags=["运行"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="监控指标",
    response_class=PlainTextResponse,
    response_description="Prometheus 或 OpenMetrics 文本，视 Accept 而定",
    responses=problems(INTERNAL),
)
async def metrics(
    the_metrics: TheMetrics, accept: Annotated[str, Header(include_in_schema=False)] = "text/plain"
) -> Response:
    """请求、排队、预测各阶段耗时、处理方式、各单位分派量。"""
    content, media_type = the_metrics.exposition(accept)
    return Response(content, media_type=media_type)
