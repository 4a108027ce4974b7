"""``/v1/jobs``: whole files, scored in the background."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.requests import ClientDisconnect

from model.errors import FenboError
from model.records import parse_columns
from service import cursors
from service.contract import problems
from service.cursors import Cursor, Limit
from service.jobs.reception import FileRefused, FileTooLarge
from service.jobs.result import ResultFormat, result
from service.ndjson import MEDIA_TYPE
from service.problems import (
    BODY_TIMEOUT,
    CLIENT_GONE,
    FILE_REFUSED,
    INTERNAL,
    INVALID_REQUEST,
    JOB_NOT_DONE,
    JOB_NOT_FOUND,
    STORAGE_UNAVAILABLE,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
)
from service.routes.parts import ThePrincipal, TheReception, TheSettings, TheStorage
from service.schemas.jobs import JobAnswer, JobsAnswer, job_answer
from service.storage import Storage
from service.storage import jobs as rows
from service.storage.jobs import JobRow, UnknownJob

router = APIRouter(tags=["任务"])

_JOB: Final = TypeAdapter(JobAnswer)
_JOBS: Final = TypeAdapter(JobsAnswer)
_SUFFIXES: Final = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    MEDIA_TYPE: ".jsonl",
    "application/jsonl": ".jsonl",
    "application/ndjson": ".jsonl",
}
_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string", "description": "CSV 文件，第一行是列名；UTF-8 或 GB18030"},
                "example": "ticket_id,title,content\nLH1,路灯不亮,景田北街一排路灯坏了一个多星期\n",
            },
            MEDIA_TYPE: {
                "schema": {"type": "string", "description": "一行一个 JSON 对象"},
                "example": '{"ticket_id": "LH1", "content": "景田北街一排路灯坏了一个多星期"}\n',
            },
        },
    }
}
_MICROSECONDS: Final = 1_000_000

JobName = Annotated[
    str, Path(pattern=r"^[0-9a-f]{14}$", description="任务的名称", examples=["9b1f0c2d3e4a5b"])
]


class UploadQuery(BaseModel):
    """How the file is read."""

    model_config = ConfigDict(extra="forbid")

    columns: str | None = Field(
        default=None,
        max_length=1000,
        description="列名对应，如 `content=正文,created_at=提交时间`；不给时按列名认",
    )


class JobsQuery(BaseModel):
    """Which jobs."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = 50
    cursor: Cursor = None


class ResultQuery(BaseModel):
    """In which form."""

    model_config = ConfigDict(extra="forbid")

    format: ResultFormat = Field(default="csv", description="csv 或 jsonl")


@router.post(
    "/v1/jobs",
    operation_id="create_job",
    summary="后台处理一个文件",
    status_code=202,
    response_model=JobAnswer,
    response_description="已收下，遮盖之后写在盘上",
    responses=problems(
        BODY_TIMEOUT,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_REQUEST,
        FILE_REFUSED,
        INTERNAL,
        STORAGE_UNAVAILABLE,
    ),
    openapi_extra=_FILE,
)
async def create_job(
    request: Request,
    query: Annotated[UploadQuery, Query()],
    reception: TheReception,
    settings: TheSettings,
    principal: ThePrincipal,
) -> Response:
    """只预测，不存成工单。答 202 之后，停机、崩溃都不丢：从没有处理完的那一段接着做。

    用 curl：`curl --data-binary @tickets.csv -H 'Content-Type: text/csv' …/v1/jobs`。
    """
    suffix = _suffix_of(request)
    columns = _columns(query.columns)
    try:
        row = await reception.receive(
            _body(request),
            suffix=suffix,
            columns=columns,
            idle_seconds=settings.stream_idle_seconds,
            by=principal.name,
        )
    except FileTooLarge as error:
        raise Problem(TOO_LARGE, str(error), headers={"Connection": "close"}) from None
    except FileRefused as error:
        raise Problem(FILE_REFUSED, str(error)) from None
    except TimeoutError:
        detail = f"{settings.stream_idle_seconds:g} 秒没有收到数据"
        raise Problem(BODY_TIMEOUT, detail, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(CLIENT_GONE, "调用方在传完之前断开了连接") from None
    return _answered(row, 202)


@router.get(
    "/v1/jobs",
    operation_id="list_jobs",
    summary="全部任务",
    response_model=JobsAnswer,
    response_description="一页任务，新的在前",
    responses=problems(INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_jobs(query: Annotated[JobsQuery, Query()], storage: TheStorage) -> Response:
    """进度见 `progress`。"""
    place = cursors.read_numbers(query.cursor, parts=2)
    before = None if place is None else _place(place)
    found = await storage.read(partial(rows.listed, before=before, limit=query.limit + 1))
    shown = found[: query.limit]
    more = None
    if len(found) > query.limit:
        last = shown[-1]
        more = cursors.written(round(last.created_at.timestamp() * _MICROSECONDS), int(last.job, 16))
    answer = JobsAnswer(tuple(job_answer(row) for row in shown), more)
    return Response(_JOBS.dump_json(answer), media_type="application/json")


@router.get(
    "/v1/jobs/{job}",
    operation_id="get_job",
    summary="一个任务",
    response_model=JobAnswer,
    response_description="状态与进度",
    responses=problems(JOB_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def get_job(job: JobName, storage: TheStorage) -> Response:
    """每隔几秒问一次即可；登记了回调的，完成时通知 `job.finished`。"""
    return _answered(await _found(storage, job))


@router.post(
    "/v1/jobs/{job}:cancel",
    operation_id="cancel_job",
    summary="取消一个任务",
    response_model=JobAnswer,
    response_description="取消之后的情形",
    responses=problems(JOB_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def cancel_job(job: JobName, storage: TheStorage, principal: ThePrincipal) -> Response:
    """正在处理的一段做完就停，所存的内容随即删去；已经结束的不变。"""
    try:
        row = await storage.write(rows.cancel, (job, principal.name))
    except UnknownJob as unknown:
        raise Problem(JOB_NOT_FOUND, str(unknown)) from None
    return _answered(row)


@router.get(
    "/v1/jobs/{job}/result",
    operation_id="get_job_result",
    summary="取结果",
    response_class=Response,
    responses={
        200: {
            "description": "一行一件，顺序与文件相同，列与 fenbo predict 的相同",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                MEDIA_TYPE: {"schema": {"type": "string"}},
            },
        },
        **problems(JOB_NOT_FOUND, JOB_NOT_DONE, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
    },
)
async def get_job_result(
    job: JobName, query: Annotated[ResultQuery, Query()], storage: TheStorage
) -> Response:
    """列：ticket_id, department, department_probability, department_top, decision, urgency, …"""
    row = await _found(storage, job)
    if row.state != "done":
        raise Problem(JOB_NOT_DONE, f"任务的状态是 {row.state}，完成（done）之后才有结果")
    media_type = "text/csv; charset=utf-8" if query.format == "csv" else MEDIA_TYPE
    return StreamingResponse(
        result(storage, job, query.format),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{job}.{query.format}"'},
    )


async def _found(storage: Storage, job: str) -> JobRow:
    try:
        return await storage.read(partial(rows.find, job=job))
    except UnknownJob as unknown:
        raise Problem(JOB_NOT_FOUND, str(unknown)) from None


def _answered(row: JobRow, status: int = 200) -> Response:
    return Response(_JOB.dump_json(job_answer(row)), status, media_type="application/json")


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


def _suffix_of(request: Request) -> str:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    suffix = _SUFFIXES.get(media_type)
    if suffix is None or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type 须为 text/csv 或 {MEDIA_TYPE}（不压缩）；文件原样放在请求体里，不用 multipart",
            headers={"Accept": f"text/csv, {MEDIA_TYPE}"},
        )
    return suffix


def _columns(text: str | None) -> dict[str, str]:
    try:
        return parse_columns(text)
    except FenboError as error:
        told = FieldError("columns", "not_allowed", str(error), allowed="content=正文,created_at=提交时间")
        raise Problem(INVALID_REQUEST, f"1 处不合要求：{error}", errors=[told]) from None


def _place(place: tuple[int, ...]) -> tuple[datetime, str]:
    try:
        at = datetime.fromtimestamp(place[0] / _MICROSECONDS, UTC)
    except (ValueError, OverflowError, OSError):
        at = datetime.now(UTC)
    return at, f"{place[1]:014x}"
