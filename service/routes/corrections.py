"""What people say of a stored ticket: outcomes and reviews, and the list of what waits for a person."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Connection

from model.prediction import UrgencyCode
from model.taxonomy import UnknownDepartment
from model.text.mask import mask
from service import cursors
from service.bodies import JsonRoute
from service.contract import problems
from service.problems import (
    INTERNAL,
    INVALID_REQUEST,
    SAME_REVIEWER,
    STORAGE_UNAVAILABLE,
    TICKET_NOT_FOUND,
    FieldError,
    Problem,
    invalid_field,
    not_ready,
    shown,
)
from service.routes.parts import ThePrincipal, TheRuntime, TheStorage
from service.routes.tickets import (
    POSTING,
    TicketPath,
    known_taxonomy,
    page_answer,
    ticket_not_found,
)
from service.runtime import NotReady, Runtime
from service.schemas.corrections import PostedOutcome, PostedReview
from service.schemas.stored import RecordedAnswer, TicketsAnswer
from service.storage.corrections import (
    NewOutcome,
    NewReview,
    NotMergeable,
    Recorded,
    SameReviewer,
    add_outcomes,
    add_reviews,
)
from service.storage.tickets import Filters, UnknownTicket, to_review

router = APIRouter(route_class=JsonRoute, dependencies=[Depends(cursors.each_once)])

_TICKETS: Final = TypeAdapter(TicketsAnswer)
_RECORDED: Final = TypeAdapter(RecordedAnswer)

_NEEDED: Final = {
    "department": ("department",),
    "return": ("reason",),
    "urgency": ("urgency",),
    "merge": ("other_ticket",),
    "unmerge": ("other_ticket",),
}
_ALLOWED: Final = {
    "department": {"department", "urgency", "reason"},
    "return": {"department", "reason"},
    "urgency": {"urgency", "reason"},
    "merge": {"other_ticket", "reason"},
    "unmerge": {"other_ticket", "reason"},
}
_CORRECTED: Final = ("department", "urgency", "kind")

_OUTCOMES: Final[dict[str, Any]] = {
    "department": {
        "summary": "最终由谁承办",
        "value": {"kind": "department", "department": "市人力资源和社会保障局", "by": "宝安分拨中心"},
    },
    "return": {
        "summary": "被退单",
        "value": {"kind": "return", "reason": "属住房建设部门职责", "department": "ZJJ", "by": "RSJ"},
    },
    "urgency": {
        "summary": "紧急程度有变",
        "value": {"kind": "urgency", "urgency": "emergency", "reason": "现场已有人受伤"},
    },
    "merge": {
        "summary": "并单",
        "value": {"kind": "merge", "other_ticket": "LH20260512000379", "reason": "同一工地同一晚"},
    },
}
_REVIEWS: Final[dict[str, Any]] = {
    "accept": {"summary": "采纳", "value": {"action": "accept", "by": "审核员07"}},
    "correct": {
        "summary": "更正",
        "value": {
            "action": "correct",
            "department": "SBJ",
            "kind": "C",
            "reason": "问的是养老保险转移，不是拖欠工资",
            "by": "审核员07",
        },
    },
    "second_opinion": {
        "summary": "请第二个人看",
        "value": {"action": "second_opinion", "reason": "两个单位都有职责", "by": "审核员07"},
    },
}


class ReviewQuery(BaseModel):
    """Which of the tickets that wait for a person, and how many."""

    model_config = ConfigDict(extra="forbid")

    department: str | None = Field(default=None, max_length=128, description="单位代码")
    urgency: UrgencyCode | None = Field(default=None, description="紧急程度")
    cursor: cursors.Cursor = None
    limit: cursors.Limit = 50


@router.post(
    "/v1/tickets/{ticket_id}/outcome",
    operation_id="record_outcome",
    tags=["工单"],
    summary="记下办理结果",
    status_code=201,
    response_model=RecordedAnswer,
    response_description="已写在盘上",
    responses=problems(TICKET_NOT_FOUND, *POSTING),
)
async def record_outcome(
    ticket_id: TicketPath,
    posted: Annotated[PostedOutcome, Body(openapi_examples=_OUTCOMES)],
    runtime: TheRuntime,
    storage: TheStorage,
    principal: ThePrincipal,
) -> Response:
    """只增不改：说错了的再记一条，以后一条为准。退单的会回到待人看的名单里；并单、拆单会改正查重。"""
    _complete_outcome(posted)
    outcome = NewOutcome(
        ticket_id=ticket_id,
        kind=posted.kind,
        by=_masked(posted.by) or principal.name,
        actor=principal.name,
        department=_code(posted.department, runtime),
        urgency=posted.urgency,
        other_id=posted.other_ticket,
        reason=_masked(posted.reason),
    )
    try:
        recorded = await storage.write(add_outcomes, outcome)
    except UnknownTicket as unknown:
        if unknown.ticket_id == ticket_id:
            raise ticket_not_found(ticket_id) from None
        raise invalid_field(
            FieldError("other_ticket", "not_found", "没有存过这件工单", value=shown(posted.other_ticket))
        ) from None
    except NotMergeable:
        raise invalid_field(
            FieldError("other_ticket", "not_allowed", "就是这一件自己", allowed="另一件的工单编号")
        ) from None
    return _answered(ticket_id, recorded)


@router.post(
    "/v1/tickets/{ticket_id}/review",
    operation_id="review_ticket",
    tags=["审核"],
    summary="人的意见",
    status_code=201,
    response_model=RecordedAnswer,
    response_description="已写在盘上",
    responses=problems(TICKET_NOT_FOUND, SAME_REVIEWER, *POSTING),
)
async def review_ticket(
    ticket_id: TicketPath,
    posted: Annotated[PostedReview, Body(openapi_examples=_REVIEWS)],
    runtime: TheRuntime,
    storage: TheStorage,
    principal: ThePrincipal,
) -> Response:
    """采纳、更正（写明理由）或请第二个人看；请的人自己不能再给第二意见。只增不改，以后一条为准。"""
    _complete_review(posted)
    review = NewReview(
        ticket_id=ticket_id,
        action=posted.action,
        by=_masked(posted.by) or principal.name,
        actor=principal.name,
        department=_code(posted.department, runtime),
        urgency=posted.urgency,
        kind=posted.kind,
        reason=_masked(posted.reason),
    )
    try:
        recorded = await storage.write(add_reviews, review)
    except UnknownTicket:
        raise ticket_not_found(ticket_id) from None
    except SameReviewer:
        raise Problem(SAME_REVIEWER, f"第二意见是 {shown(review.by)!r} 请的，要由另一个人给出") from None
    return _answered(ticket_id, recorded)


@router.get(
    "/v1/reviews",
    operation_id="list_reviews",
    tags=["审核"],
    summary="要人看的工单",
    response_model=TicketsAnswer,
    response_description="一页工单，最紧急的在前，同样紧急的先来的在前",
    responses=problems(INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_reviews(
    query: Annotated[ReviewQuery, Query()], runtime: TheRuntime, storage: TheStorage
) -> Response:
    """处理方式为 suggest、review 的，被退单的，请了第二意见的；人看过就不在其中。"""
    after = cursors.read_numbers(query.cursor, parts=2)
    taxonomy = known_taxonomy(runtime)

    def read(connection: Connection) -> TicketsAnswer:
        page = to_review(
            connection,
            Filters(department=query.department, urgency=query.urgency),
            after=(after[0], after[1]) if after else None,
            limit=query.limit,
        )
        return page_answer(connection, page, taxonomy, place=lambda row: (row.urgency_number, row.number))

    return Response(_TICKETS.dump_json(await storage.read(read)), media_type="application/json")


def _complete_outcome(posted: PostedOutcome) -> None:
    """Raise the problem of a field that is missing, or that says nothing with this kind."""
    for name in _NEEDED[posted.kind]:
        if getattr(posted, name) is None:
            raise invalid_field(FieldError(name, "missing", f"kind 为 {posted.kind} 时必填"))
    for name in ("department", "urgency", "other_ticket"):
        if getattr(posted, name) is not None and name not in _ALLOWED[posted.kind]:
            allowed = ", ".join(sorted({"kind", "by"} | _ALLOWED[posted.kind]))
            raise invalid_field(
                FieldError(name, "not_allowed", f"kind 为 {posted.kind} 时不能有", allowed=allowed)
            )


def _complete_review(posted: PostedReview) -> None:
    given = [name for name in _CORRECTED if getattr(posted, name) is not None]
    if posted.action != "correct":
        if given:
            raise invalid_field(FieldError(given[0], "not_allowed", f"action 为 {posted.action} 时不能有"))
        return
    if not given:
        raise invalid_field(
            FieldError("department", "missing", "更正时至少给出一项", allowed=", ".join(_CORRECTED))
        )
    if posted.reason is None:
        raise invalid_field(FieldError("reason", "missing", "更正时必填"))


def _code(label: str | None, runtime: Runtime) -> str | None:
    """The live department that a code or name leads to. Raises the problem of one that leads nowhere."""
    if label is None:
        return None
    try:
        return runtime.predictor.taxonomy.resolve(label)
    except NotReady:
        raise not_ready(runtime.told) from None
    except UnknownDepartment as unknown:
        allowed = "、".join(unknown.closest)
        raise invalid_field(
            FieldError(
                "department",
                "not_allowed",
                "目录里没有这个单位",
                value=shown(label),
                allowed=f"最接近的：{allowed}" if allowed else "见 /v1/taxonomy",
            )
        ) from None


def _masked(text: str | None) -> str | None:
    return mask(text).text if text else None


def _answered(ticket_id: str, recorded: Recorded) -> Response:
    answer = RecordedAnswer(ticket_id, recorded.id, recorded.at, recorded.review)
    return Response(_RECORDED.dump_json(answer), 201, media_type="application/json")
