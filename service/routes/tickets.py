"""``/v1/tickets``: storing tickets with their predictions, and finding them again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Connection, Row

from model.prediction import Action, KindCode, UrgencyCode
from model.taxonomy import Taxonomy
from service import cursors, tickets_shown
from service.bodies import JsonRoute
from service.conditional import etag_of, is_known
from service.contract import problems
from service.examples import EXAMPLES
from service.intake import TextPurged
from service.problems import (
    BODY_TIMEOUT,
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_REQUEST,
    MALFORMED_JSON,
    NOT_READY,
    QUEUE_FULL,
    STORAGE_UNAVAILABLE,
    TEXT_PURGED,
    TICKET_CONFLICT,
    TICKET_NOT_FOUND,
    TIMED_OUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    shown,
)
from service.routes.parts import (
    TheIntake,
    TheMetrics,
    ThePrincipal,
    TheRuntime,
    TheSettings,
    TheShadow,
    TheStorage,
)
from service.routes.predict import TimeoutHeader, predict_one
from service.runtime import NotReady, Runtime
from service.schemas.stored import StoredPrediction, TicketAnswer, TicketsAnswer
from service.schemas.ticket import Moment, TicketToStore
from service.storage.tickets import Filters, Page, ReviewState, TicketConflict, UnknownTicket, listed

router = APIRouter(route_class=JsonRoute, tags=["工单"], dependencies=[Depends(cursors.each_once)])

_TICKETS: Final = TypeAdapter(TicketsAnswer)
_TICKET: Final = TypeAdapter(TicketAnswer)
_ETAG: Final[dict[str, Any]] = {"ETag": {"description": "内容的标识", "schema": {"type": "string"}}}
POSTING: Final = (
    MALFORMED_JSON,
    BODY_TIMEOUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_REQUEST,
    INTERNAL,
    NOT_READY,
    STORAGE_UNAVAILABLE,
)

TicketPath = Annotated[
    str, Path(min_length=1, max_length=128, description="工单编号", examples=["BA20260224000117"])
]
IfNoneMatch = Annotated[str | None, Header(description="上次答复的 ETag；没有变化时答 304")]
StoredBody = Annotated[
    TicketToStore,
    Body(
        openapi_examples={
            each.key: {
                "summary": each.name,
                "value": {"ticket_id": f"LH2026{place:08d}"} | each.ticket,
            }
            for place, each in enumerate(EXAMPLES, start=1)
        }
    ),
]


class ListQuery(BaseModel):
    """Which tickets, and how many."""

    model_config = ConfigDict(extra="forbid")

    decision: Action | None = Field(default=None, description="处理方式")
    department: str | None = Field(
        default=None, max_length=128, description="单位代码，以人的意见为准，没有时以预测为准"
    )
    urgency: UrgencyCode | None = Field(default=None, description="紧急程度，以人的意见为准")
    kind: KindCode | None = Field(default=None, description="预测的类型")
    review: ReviewState | None = Field(default=None, description="是否还要人看")
    cluster: str | None = Field(default=None, max_length=64, description="同一事项的编号")
    since: Moment = Field(default=None, description="从这一刻起收到的，RFC 3339，须带时区")
    until: Moment = Field(default=None, description="到这一刻之前收到的，RFC 3339，须带时区")
    order: Literal["newest", "oldest"] = Field(default="newest", description="新的在前，还是旧的在前")
    cursor: cursors.Cursor = None
    limit: cursors.Limit = 50

    def filters(self) -> Filters:
        """The same for the storage."""
        return Filters(
            decision=self.decision,
            department=self.department,
            urgency=self.urgency,
            kind=self.kind,
            review=self.review,
            cluster=self.cluster,
            since=self.since,
            until=self.until,
        )


@router.post(
    "/v1/tickets",
    operation_id="store_ticket",
    summary="预测一件诉求并存储",
    status_code=201,
    response_model=StoredPrediction,
    response_description="新存下的一件：预测、收到时间、查重结果",
    responses={
        200: {"description": "这一件以前存过，内容相同：答复与当时一样", "model": StoredPrediction},
        **problems(TICKET_CONFLICT, TEXT_PURGED, QUEUE_FULL, DEADLINE_EXCEEDED, TIMED_OUT, *POSTING),
    },
)
async def store_ticket(
    request: Request,
    posted: StoredBody,
    runtime: TheRuntime,
    metrics: TheMetrics,
    shadow: TheShadow,
    intake: TheIntake,
    principal: ThePrincipal,
    timeout_ms: TimeoutHeader = None,
) -> Response:
    """答 200 或 201 时已经写在盘上。没有收到答复就原样再发：编号和内容都相同的，答复与第一次完全一样。

    只存遮盖个人信息之后的文字。内容是否相同，凭带密钥的散列判断；省略的字段与取默认值的字段算作相同。
    """
    predicted = await predict_one(
        request.receive, runtime, metrics, posted=posted, explain="lexical", timeout_ms=timeout_ms
    )
    try:
        taken = await intake.take(posted, predicted, actor=principal.name)
    except TicketConflict:
        raise Problem(
            TICKET_CONFLICT, f"编号 {shown(posted.ticket_id)!r} 已存过不同的内容；内容有变请换一个编号"
        ) from None
    except TextPurged:
        raise Problem(
            TEXT_PURGED, f"编号 {shown(posted.ticket_id)!r} 的内容已过保存期，当时的答复不再保留"
        ) from None
    if taken.created:
        metrics.predicted(predicted)
        shadow.consider(posted.ticket(), predicted, keep=partial(intake.keep_shadow, posted.ticket_id))
    return Response(taken.answer, 201 if taken.created else 200, media_type="application/json")


@router.get(
    "/v1/tickets",
    operation_id="list_tickets",
    summary="查询工单",
    response_model=TicketsAnswer,
    response_description="一页工单；next_cursor 用来取下一页",
    responses=problems(INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_tickets(
    query: Annotated[ListQuery, Query()], runtime: TheRuntime, storage: TheStorage
) -> Response:
    """翻页期间新来的工单不会使已翻的页错位。"""
    after = cursors.read_numbers(query.cursor, parts=1)
    taxonomy = known_taxonomy(runtime)

    def read(connection: Connection) -> TicketsAnswer:
        page = listed(
            connection,
            query.filters(),
            after=after[0] if after else None,
            limit=query.limit,
            oldest_first=query.order == "oldest",
        )
        return page_answer(connection, page, taxonomy, place=lambda row: (row.number,))

    return Response(_TICKETS.dump_json(await storage.read(read)), media_type="application/json")


@router.get(
    "/v1/tickets/{ticket_id}",
    operation_id="get_ticket",
    summary="一件工单的全部",
    response_model=TicketAnswer,
    response_description="内容（已遮盖）、预测、查重、人的意见和办理结果",
    responses={
        200: {"headers": _ETAG},
        304: {"description": "与 If-None-Match 所指的内容相同"},
        **problems(TICKET_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
    },
)
async def get_ticket(
    ticket_id: TicketPath,
    runtime: TheRuntime,
    storage: TheStorage,
    settings: TheSettings,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """带有 ETag；没有变化的不重发。"""
    taxonomy = known_taxonomy(runtime)
    try:
        answer = await storage.read(
            partial(
                tickets_shown.ticket_answer,
                ticket_id=ticket_id,
                taxonomy=taxonomy,
                sought=settings.duplicates,
            )
        )
    except UnknownTicket:
        raise ticket_not_found(ticket_id) from None
    content = _TICKET.dump_json(answer)
    headers = {"ETag": etag_of(content), "Cache-Control": "private, no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def known_taxonomy(runtime: Runtime) -> Taxonomy | None:
    """The taxonomy in use; None while no model answers."""
    try:
        return runtime.predictor.taxonomy
    except NotReady:
        return None


def ticket_not_found(ticket_id: str) -> Problem:
    """404 for a ticket."""
    return Problem(TICKET_NOT_FOUND, f"没有存过编号为 {shown(ticket_id)!r} 的工单")


def page_answer(
    connection: Connection,
    page: Page,
    taxonomy: Taxonomy | None,
    *,
    place: Callable[[Row[Any]], tuple[int, ...]],
) -> TicketsAnswer:
    """A page as it is answered; ``place`` gives a row's place for the cursor."""
    cursor = cursors.written(*place(page.rows[-1])) if page.more else None
    return TicketsAnswer(tickets_shown.summaries(connection, page.rows, taxonomy), cursor)
