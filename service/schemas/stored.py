"""Stored tickets as they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from model.prediction import Action, KindCode, Prediction, UrgencyCode
from service.storage.corrections import OutcomeKind, ReviewAction
from service.storage.tickets import ReviewState

Told = datetime
"""A moment, RFC 3339 in UTC."""
DuplicatesStatus = Literal["known", "pending", "off"]


@dataclass(frozen=True, slots=True)
class OriginalAnswer:
    """更早的一件，可能说的是同一件事。"""

    ticket_id: Annotated[str, Field(description="工单编号")]
    cluster: Annotated[str, Field(description="它所在的同一事项")]
    probability: Annotated[float, Field(description="是同一件事的概率，0 到 1，经过校准")]


@dataclass(frozen=True, slots=True)
class DuplicatesAnswer:
    """这件事以前有没有人说过。"""

    status: Annotated[
        DuplicatesStatus,
        Field(description="known 已查过；pending 答复时还没有查完，稍后用 GET 再看；off 没有开启查重"),
    ]
    cluster: Annotated[str | None, Field(description="同一事项的编号；没有查完时为 null")]
    duplicate_of: Annotated[str | None, Field(description="最可能与它重复的更早的工单；首次提出的为 null")]
    probability: Annotated[
        float | None, Field(description="与 duplicate_of 是同一件事的概率；没有时是最像的一件的概率")
    ]
    originals: Annotated[tuple[OriginalAnswer, ...], Field(description="可能重复的更早的工单，最可能的在前")]


@dataclass(frozen=True, slots=True)
class StoredPrediction(Prediction):
    """存储之后的答复：预测的全部内容，加上收到时间和查重结果。"""

    received_at: Annotated[Told, Field(description="收到的时间，UTC")]
    duplicates: Annotated[DuplicatesAnswer, Field(description="这件事以前有没有人说过")]


@dataclass(frozen=True, slots=True)
class PlaceAnswer:
    """事发地点，个人信息已遮盖。"""

    address: Annotated[str, Field(description="详细地址")]
    district: Annotated[str, Field(description="区")]
    street: Annotated[str, Field(description="街道")]
    community: Annotated[str, Field(description="社区")]
    longitude: Annotated[float | None, Field(description="经度，WGS 84，单位度")]
    latitude: Annotated[float | None, Field(description="纬度，WGS 84，单位度")]


@dataclass(frozen=True, slots=True)
class OutcomeAnswer:
    """一条办理结果。"""

    id: Annotated[int, Field(description="编号")]
    at: Annotated[Told, Field(description="记下的时间，UTC")]
    by: Annotated[str, Field(description="谁报的")]
    kind: Annotated[OutcomeKind, Field(description="哪一种结果")]
    department: Annotated[str | None, Field(description="单位代码")]
    urgency: Annotated[str | None, Field(description="紧急程度")]
    other_ticket: Annotated[str | None, Field(description="并单或拆单的另一件")]
    reason: Annotated[str | None, Field(description="理由，已遮盖")]


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """一条人工意见。"""

    id: Annotated[int, Field(description="编号")]
    at: Annotated[Told, Field(description="记下的时间，UTC")]
    by: Annotated[str, Field(description="谁的意见")]
    action: Annotated[ReviewAction, Field(description="采纳、更正，还是请第二个人看")]
    department: Annotated[str | None, Field(description="更正后的单位代码")]
    urgency: Annotated[str | None, Field(description="更正后的紧急程度")]
    kind: Annotated[str | None, Field(description="更正后的类型")]
    reason: Annotated[str | None, Field(description="理由，已遮盖")]


@dataclass(frozen=True, slots=True)
class TicketSummary:
    """一件工单的要点；单位、紧急程度、类型以人的意见为准，没有时以预测为准。"""

    ticket_id: Annotated[str, Field(description="工单编号")]
    received_at: Annotated[Told, Field(description="收到的时间，UTC")]
    created_at: Annotated[Told | None, Field(description="提交的时间，UTC")]
    title: Annotated[str | None, Field(description="遮盖后的标题；过了保存期的为 null")]
    channel: Annotated[str, Field(description="来源渠道")]
    district: Annotated[str, Field(description="区")]
    department: Annotated[str, Field(description="单位代码")]
    department_name: Annotated[str, Field(description="单位名称")]
    predicted_department: Annotated[str, Field(description="预测的单位代码")]
    probability: Annotated[float, Field(description="预测的概率，0 到 1，经过校准")]
    decision: Annotated[Action, Field(description="处理方式")]
    urgency: Annotated[UrgencyCode, Field(description="紧急程度")]
    kind: Annotated[KindCode, Field(description="诉求类型")]
    review: Annotated[
        ReviewState,
        Field(
            description="none 不需人看；open 待人看；second_opinion 待第二个人看；accepted 已采纳；"
            "corrected 已更正；settled 已由办理结果确定"
        ),
    ]
    cluster: Annotated[str | None, Field(description="现在所属的同一事项")]


@dataclass(frozen=True, slots=True)
class TicketsAnswer:
    """一页工单。"""

    tickets: Annotated[tuple[TicketSummary, ...], Field(description="这一页的工单")]
    next_cursor: Annotated[str | None, Field(description="取下一页时作为 cursor 传回；没有下一页时为 null")]


@dataclass(frozen=True, slots=True)
class TicketAnswer(TicketSummary):
    """一件工单的全部：内容（已遮盖）、预测、查重、人的意见和办理结果。"""

    content: Annotated[str | None, Field(description="遮盖后的正文；过了保存期的为 null")]
    location: Annotated[PlaceAnswer, Field(description="事发地点")]
    anonymous: Annotated[bool, Field(description="是否匿名")]
    prediction: Annotated[Prediction | None, Field(description="当时的预测；过了保存期的为 null")]
    duplicates: Annotated[DuplicatesAnswer, Field(description="查重结果")]
    reviews: Annotated[tuple[ReviewAnswer, ...], Field(description="人工意见，按先后")]
    outcomes: Annotated[tuple[OutcomeAnswer, ...], Field(description="办理结果，按先后")]


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """已记下。"""

    ticket_id: Annotated[str, Field(description="工单编号")]
    id: Annotated[int, Field(description="这一条的编号")]
    at: Annotated[Told, Field(description="记下的时间，UTC")]
    review: Annotated[ReviewState, Field(description="工单现在是否还要人看")]
