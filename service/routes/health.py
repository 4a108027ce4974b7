"""``/health``: live tells that the process answers, ready that it can predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter

from service.contract import problems
from service.problems import INTERNAL, NOT_READY, not_ready
from service.routes.parts import TheRuntime
from service.runtime import NotReady

router = APIRouter(prefix="/health", tags=["运行"])


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """进程在运行。"""

    status: Literal["live"]


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """可以预测，以及用的是什么。"""

    status: Literal["ready"]
    bundle: str
    taxonomy: str
    taxonomy_version: str
    code: str


@router.get("/live", operation_id="live", summary="进程是否在运行", responses=problems(INTERNAL))
async def live() -> LiveAnswer:
    """进程能应答就答 200；不答的应当重启。"""
    return LiveAnswer(status="live")


@router.get("/ready", operation_id="ready", summary="能否预测", responses=problems(INTERNAL, NOT_READY))
async def ready(runtime: TheRuntime) -> ReadyAnswer:
    """模型载入并热身之后答 200，否则答 503；预测出过错的，先真正预测一封信再答。"""
    try:
        await runtime.probe()
        versions = runtime.predictor.versions
    except NotReady:
        told = "模型连一封已知的信也没能预测，请看日志" if runtime.state == "ready" else runtime.told
        raise not_ready(told) from None
    return ReadyAnswer(
        status="ready",
        bundle=versions.bundle,
        taxonomy=versions.taxonomy,
        taxonomy_version=versions.taxonomy_version,
        code=versions.code,
    )
