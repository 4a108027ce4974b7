"""``/open311/v2``: GeoReport v2, so that civic tools which speak it can post to fenbo as they are."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Connection

from model.taxonomy import Taxonomy
from service.contract import problems
from service.open311.form import read_form
from service.problems import (
    BODY_TIMEOUT,
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_REQUEST,
    NOT_READY,
    QUEUE_FULL,
    STORAGE_UNAVAILABLE,
    TICKET_NOT_FOUND,
    TIMED_OUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
    invalid_field,
    not_ready,
)
from service.routes.parts import (
    TheGate,
    TheIntake,
    TheMetrics,
    TheRuntime,
    TheSettings,
    TheShadow,
    TheStorage,
)
from service.routes.predict import predict_one
from service.routes.tickets import known_taxonomy, ticket_not_found
from service.runtime import NotReady, Runtime
from service.schemas.open311 import (
    AUTOMATIC,
    CreatedRequest,
    ServiceAnswer,
    ServiceRequest,
    service_request,
    services,
)
from service.schemas.ticket import Moment, TicketToStore
from service.security.roles import PERMISSIONS
from service.storage.tickets import Filters, UnknownTicket, find, listed
from service.validation import field_errors

router = APIRouter(prefix="/open311/v2", tags=["Open311"])

_SERVICES: Final = TypeAdapter(list[ServiceAnswer])
_CREATED: Final = TypeAdapter(list[CreatedRequest])
_REQUESTS: Final = TypeAdapter(list[ServiceRequest])
_TICKET: Final = TypeAdapter(TicketToStore)
_POST: Final = "open311_create"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["service_code", "description"],
                    "properties": {
                        "service_code": {"type": "string", "description": "auto，或单位代码（只作参考）"},
                        "description": {"type": "string", "minLength": 1, "description": "诉求正文"},
                        "lat": {"type": "number", "minimum": -90, "maximum": 90, "description": "纬度"},
                        "long": {"type": "number", "minimum": -180, "maximum": 180, "description": "经度"},
                        "address_string": {"type": "string", "maxLength": 500, "description": "地址"},
                        "api_key": {"type": "string", "description": "密钥；也可以放在请求头 Authorization"},
                    },
                },
                "example": {
                    "service_code": AUTOMATIC,
                    "description": "景田北街一排路灯坏了一个多星期",
                    "address_string": "福田区景田北街",
                },
            }
        },
    }
}
_FIELDS: Final = {
    "content": "description",
    "address": "address_string",
    "latitude": "lat",
    "longitude": "long",
}

RequestId = Annotated[
    str, Path(min_length=1, max_length=128, description="编号", examples=["O311-5d1c2b3a4f6e"])
]


class RequestsQuery(BaseModel):
    """Which requests. What GeoReport v2 names besides is read past."""

    model_config = ConfigDict(extra="ignore")

    service_request_id: str | None = Field(
        default=None, max_length=2000, description="编号，逗号分隔；给了就不看其余条件"
    )
    service_code: str | None = Field(default=None, max_length=128, description="单位代码")
    start_date: Moment = Field(default=None, description="从这一刻起收到的，RFC 3339，须带时区")
    end_date: Moment = Field(default=None, description="到这一刻之前收到的，RFC 3339，须带时区")
    status: str | None = Field(default=None, max_length=20, description="open 或 closed，逗号分隔")
    page: int = Field(default=1, ge=1, le=20, description="第几页")
    page_size: int = Field(default=50, ge=1, le=50, description="一页几件")


@router.get(
    "/services.json",
    operation_id="open311_services",
    summary="有哪些服务",
    response_model=list[ServiceAnswer],
    response_description="auto 和各单位",
    responses=problems(INTERNAL, NOT_READY),
)
async def list_services(runtime: TheRuntime) -> Response:
    """`auto` 由分拨判断；各单位的代码就是目录里的代码。"""
    return _json(_SERVICES.dump_json(services(_taxonomy(runtime))))


@router.post(
    "/requests.json",
    operation_id=_POST,
    summary="提交一件诉求",
    status_code=201,
    response_model=list[CreatedRequest],
    response_description="编号，和归哪个单位",
    responses=problems(
        BODY_TIMEOUT,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_REQUEST,
        QUEUE_FULL,
        DEADLINE_EXCEEDED,
        INTERNAL,
        NOT_READY,
        STORAGE_UNAVAILABLE,
        TIMED_OUT,
    ),
    openapi_extra=_FORM,
)
async def create_request(
    request: Request,
    runtime: TheRuntime,
    metrics: TheMetrics,
    shadow: TheShadow,
    intake: TheIntake,
    settings: TheSettings,
    gate: TheGate,
) -> Response:
    """密钥放在 `api_key` 里或请求头里都可以。姓名、电话、邮箱、图片等字段不读也不存；正文、地址先遮盖再存储。"""
    has_form = request.headers.get("content-type", "").lower().startswith(_FORM_TYPE)
    key = None
    if "authorization" not in request.headers and has_form:
        # The form is where GeoReport v2 has its key; reading it is bounded by size and time.
        form = await read_form(request, settings)
        key = form.pop("api_key", "")
        principal = await gate.admit(request.scope, PERMISSIONS[_POST], operation=_POST, key=key)
    else:
        principal = await gate.admit(request.scope, PERMISSIONS[_POST], operation=_POST)
        form = await read_form(request, settings)
    posted = _ticket(form, _taxonomy(runtime))
    predicted = await predict_one(
        request.receive, runtime, metrics, posted=posted, explain="lexical", timeout_ms=None
    )
    await intake.take(posted, predicted, actor=principal.name)
    metrics.predicted(predicted)
    shadow.consider(posted.ticket(), predicted, keep=partial(intake.keep_shadow, posted.ticket_id))
    department, action = predicted.department, predicted.decision.action
    notice = f"{department.name}（{_ACTIONS[action]}）"
    return _json(_CREATED.dump_json([CreatedRequest(posted.ticket_id, notice, None)]), 201)


@router.get(
    "/requests.json",
    operation_id="open311_requests",
    summary="查询诉求",
    response_model=list[ServiceRequest],
    response_description="一页诉求，新的在前",
    responses=problems(INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_requests(
    query: Annotated[RequestsQuery, Query()], runtime: TheRuntime, storage: TheStorage
) -> Response:
    """所有存下的诉求，不论从哪里来。"""
    names = _names(known_taxonomy(runtime))

    def read(connection: Connection) -> list[ServiceRequest]:
        if query.service_request_id is not None:
            return _named(connection, query.service_request_id.split(","), names)
        if query.status is not None and "open" not in query.status.split(","):
            return []
        filters = Filters(department=query.service_code, since=query.start_date, until=query.end_date)
        last = query.page * query.page_size
        page = listed(connection, filters, after=None, limit=last, oldest_first=False)
        return [service_request(row, names) for row in page.rows[last - query.page_size :]]

    return _json(_REQUESTS.dump_json(await storage.read(read)))


@router.get(
    "/requests/{service_request_id}.json",
    operation_id="open311_request",
    summary="一件诉求",
    response_model=list[ServiceRequest],
    response_description="只有一件的列表",
    responses=problems(TICKET_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def get_request(service_request_id: RequestId, runtime: TheRuntime, storage: TheStorage) -> Response:
    """编号就是工单编号，也可以用 `/v1/tickets` 查。"""
    names = _names(known_taxonomy(runtime))
    found = await storage.read(partial(_named, ticket_ids=[service_request_id], names=names))
    if not found:
        raise ticket_not_found(service_request_id)
    return _json(_REQUESTS.dump_json(found))


_ACTIONS: Final = {"auto": "自动分派", "suggest": "建议分派，由人确认", "review": "由人研判"}


def _ticket(form: dict[str, str], taxonomy: Taxonomy) -> TicketToStore:
    """The form as a ticket with an id of its own. Raises `Problem`."""
    code = form.get("service_code", "")
    known = {AUTOMATIC, *(each.code for each in taxonomy.live())}
    if code not in known:
        raise invalid_field(
            FieldError(
                "service_code", "not_allowed", "不是已知的服务", allowed="见 services.json 的 service_code"
            )
        )
    location: dict[str, Any] = {"address": form.get("address_string", "")}
    for name, field in (("latitude", "lat"), ("longitude", "long")):
        if form.get(field):
            location[name] = _degrees(field, form[field])
    value = {
        "ticket_id": f"O311-{secrets.token_hex(8)}",
        "content": form.get("description", ""),
        "channel": "Open311",
        "location": location,
    }
    try:
        return _TICKET.validate_python(value)
    except ValidationError as error:
        found = field_errors(error.errors(include_url=False), {}, {})
        told = [_renamed(each) for each in found]
        detail = f"{len(told)} 处不合要求，第一处：{told[0].field} {told[0].message}"
        raise Problem(INVALID_REQUEST, detail, errors=told) from None


def _renamed(error: FieldError) -> FieldError:
    """The error under the name that the form has for the field."""
    name = error.field.rpartition(".")[2]
    return FieldError(_FIELDS.get(name, name), error.code, error.message, error.value, error.allowed)


def _degrees(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid_field(FieldError(field, "wrong_type", "类型不对", allowed="数，单位度")) from None


def _taxonomy(runtime: Runtime) -> Taxonomy:
    try:
        return runtime.predictor.taxonomy
    except NotReady:
        raise not_ready(runtime.told) from None


def _names(taxonomy: Taxonomy | None) -> dict[str, str]:
    return {} if taxonomy is None else {each.code: each.name for each in taxonomy.departments}


def _named(connection: Connection, ticket_ids: list[str], names: dict[str, str]) -> list[ServiceRequest]:
    found = []
    for ticket_id in ticket_ids:
        try:
            found.append(service_request(find(connection, ticket_id.strip()), names))
        except UnknownTicket:
            continue
    return found


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")
