"""Bundles as the API shows them, and what is sent to change which of them answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from model.registry import Promotion
from service.schemas.ticket import without_controls
from service.shelf import Shelved

BundleState = Literal["answering", "shadow", "available", "refused"]

_SHOWN_PROMOTIONS = 20


class BundleChange(BaseModel):
    """为什么要换，记入历史。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, AfterValidator(without_controls)] = Field(
        default="",
        max_length=500,
        description="理由，记入历史和审计日志",
        examples=["交通局的准确率高了 4 个百分点"],
    )


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """一个模型包。"""

    name: Annotated[str, Field(description="名称，即文件夹名")]
    state: Annotated[
        BundleState,
        Field(
            description="answering 正在答复；shadow 正在旁路试用；available 可以启用；refused 不能用，见 problem"
        ),
    ]
    problem: Annotated[str | None, Field(description="为什么不能用")]
    created: Annotated[str | None, Field(description="训练完成的时间，UTC")]
    taxonomy: Annotated[str | None, Field(description="目录")]
    taxonomy_version: Annotated[str | None, Field(description="目录的版本")]
    accuracy: Annotated[float | None, Field(description="训练时在留出数据上的首选正确率，0 到 1")]


@dataclass(frozen=True, slots=True)
class PromotionAnswer:
    """一次启用。"""

    name: Annotated[str, Field(description="启用了哪一个")]
    at: Annotated[str, Field(description="时间，UTC")]
    by: Annotated[str, Field(description="由谁")]
    reason: Annotated[str, Field(description="理由")]


@dataclass(frozen=True, slots=True)
class BundlesAnswer:
    """所有模型包，和最近二十次启用。"""

    answering: Annotated[str | None, Field(description="正在答复的")]
    shadow: Annotated[str | None, Field(description="正在旁路试用的；没有时为 null")]
    pinned: Annotated[bool, Field(description="是否在启动时用 --bundle 指定；指定了就不随启用而换")]
    bundles: tuple[BundleAnswer, ...]
    promotions: Annotated[tuple[PromotionAnswer, ...], Field(description="最近的在前")]


def bundles_answer(
    shelved: Sequence[Shelved],
    promotions: Sequence[Promotion],
    *,
    answering: str | None,
    shadow: str | None,
    pinned: bool,
    refused: Mapping[str, str],
) -> BundlesAnswer:
    """All of it as it is answered; ``refused`` tells by name why a bundle could not be loaded."""
    recent = promotions[: -_SHOWN_PROMOTIONS - 1 : -1]
    return BundlesAnswer(
        answering=answering,
        shadow=shadow,
        pinned=pinned,
        bundles=tuple(_bundle(each, answering, shadow, refused.get(each.name)) for each in shelved),
        promotions=tuple(PromotionAnswer(each.name, each.at, each.by, each.reason) for each in recent),
    )


def _bundle(shelved: Shelved, answering: str | None, shadow: str | None, refusal: str | None) -> BundleAnswer:
    manifest = shelved.manifest
    problem = shelved.problem or refusal
    state: BundleState = "refused" if problem else "available"
    if shelved.name == answering:
        state = "answering"
    elif shelved.name == shadow:
        state = "shadow"
    accuracy = manifest.facts.get("metrics", {}).get("accuracy") if manifest else None
    return BundleAnswer(
        name=shelved.name,
        state=state,
        problem=problem,
        created=manifest.created if manifest else None,
        taxonomy=manifest.taxonomy if manifest else None,
        taxonomy_version=manifest.taxonomy_version if manifest else None,
        accuracy=accuracy if isinstance(accuracy, float) else None,
    )
