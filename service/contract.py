"""The published OpenAPI contract: what it says in full, and what it allows at one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.descriptions import FIELDS
from service.examples import ANSWER
from service.problems import (
    FORBIDDEN,
    KINDS,
    MEDIA_TYPE,
    RATE_LIMITED,
    UNAUTHENTICATED,
    ProblemKind,
)
from service.security.roles import PERMISSIONS, Role

DESCRIPTION: Final = """\
市民来信，毫秒之间给出：归哪个单位办、有多急、属于哪一类、凭什么这样判断、要不要人看一眼。

- 请求和答复都是 UTF-8 的 JSON；时间一律 RFC 3339，答复里用 UTC。
- 出错时的答复是 `application/problem+json`（RFC 9457）：`type` 固定不变，供程序判断；
  `errors` 逐项指明字段、所收到的值、允许的值。
- 请求头 `X-Request-ID` 会原样带回，并写进每一行日志；没有带的，由服务生成。
- 排队已满时答 429，尚未就绪时答 503，都带 `Retry-After`（秒）。
- 姓名、电话、证件号等个人信息先遮盖，再存储、记录和展示；证据的位置按遮盖后的文字计（字符数，含头不含尾）。
"""

TAGS: Final = [
    {"name": "分派", "description": "一件诉求该归谁办"},
    {"name": "工单", "description": "存储、查询、办理结果；同一编号再发，答复不变"},
    {"name": "审核", "description": "要人看的工单，以及人的意见"},
    {"name": "同一事项", "description": "说的是同一件事的工单，以及近期热点"},
    {"name": "模型包", "description": "哪一个在答复，启用、退回、旁路试用"},
    {"name": "Open311", "description": "GeoReport v2：说这种话的市政工具可以直接提交"},
    {"name": "任务", "description": "整个文件在后台处理，随时可取消，完成后取结果"},
    {"name": "回调", "description": "发生的事，签名后通知别的系统"},
    {"name": "密钥", "description": "谁可以用、能做什么"},
    {"name": "目录", "description": "单位、紧急程度与类型"},
    {"name": "运行", "description": "健康检查与监控"},
]

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details。",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "哪一种错，固定不变"},
        "title": {"type": "string", "description": "这种错的名称"},
        "status": {"type": "integer", "description": "HTTP 状态码"},
        "detail": {"type": "string", "description": "这一次错在哪里、怎么办"},
        "request_id": {"type": "string", "description": "与 X-Request-ID 相同"},
        "errors": {
            "type": "array",
            "description": "出错的字段，最多列 20 个",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "字段路径，如 location.longitude"},
                    "code": {"type": "string", "description": "错误代码，供程序判断"},
                    "message": {"type": "string", "description": "错在哪里"},
                    "value": {"type": "string", "description": "收到的值，已遮盖；市民原话不回显"},
                    "allowed": {"type": "string", "description": "允许的值"},
                },
            },
        },
    },
}


def problems(*kinds: ProblemKind) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with these problems."""
    statuses = dict.fromkeys(kind.status for kind in kinds)
    return {status: _documented([kind for kind in kinds if kind.status == status]) for status in statuses}


def install(app: FastAPI) -> None:
    """Make ``app.openapi()`` give the contract, with problems in the place of FastAPI's own error bodies."""

    def contract() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _written(app)
        return app.openapi_schema

    app.openapi = contract  # type: ignore[method-assign]


def known_fields(contract: Mapping[str, Any], operation: Mapping[str, Any], at: Sequence[str]) -> list[str]:
    """Names that may stand at a place of a request: ``at`` is ``("query",)``, ``("body", "location")`` …

    Empty where the contract has no such place.
    """
    where, *path = at
    if where != "body":
        return [each["name"] for each in operation.get("parameters", ()) if each["in"] == where]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = _resolved(contract, body.get("schema", {}))
    for step in path:
        schema = _resolved(contract, schema.get("properties", {}).get(step, {}))
    return list(schema.get("properties", {}))


def _written(app: FastAPI) -> dict[str, Any]:
    contract = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
    )
    schemas = contract["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, told in FIELDS.items():
        for field, description in told.items():
            schemas[name]["properties"][field]["description"] = description
    # Set here, since FastAPI leaves nulls out of what it documents.
    predicted = contract["paths"]["/v1/predict"]["post"]["responses"]["200"]
    predicted["content"]["application/json"]["example"] = ANSWER
    schemas["Problem"] = _PROBLEM_SCHEMA
    _tell_who_may(contract)
    contract["x-problems"] = [_example(kind) for kind in KINDS]
    return contract


def _tell_who_may(contract: dict[str, Any]) -> None:
    """Add to every operation behind the gate that it needs a key, of which roles, and what is answered without."""
    contract["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`fenbo keys create` 建立的密钥"}
    }
    for verbs in contract["paths"].values():
        for operation in verbs.values():
            allowed = PERMISSIONS.get(operation["operationId"])
            if allowed is None:
                continue
            operation["security"] = [{"key": []}]
            operation["x-roles"] = [role.value for role in Role if role in allowed]
            responses = operation["responses"]
            for status, response in problems(UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED).items():
                documented = responses.setdefault(str(status), response)
                if documented is not response:
                    _add_example(documented, RATE_LIMITED)


def _add_example(documented: dict[str, Any], kind: ProblemKind) -> None:
    documented["description"] += f"；{kind.title}"
    documented["content"][MEDIA_TYPE]["examples"][kind.name] = {
        "summary": kind.title,
        "value": _example(kind),
    }


def _example(kind: ProblemKind) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": _DETAILS.get(kind.name, kind.title),
        "request_id": "6f1c2d5e9a0b4c7d8e3f2a1b0c9d8e7f",
    }
    if kind.name in _ERRORS:
        example["errors"] = _ERRORS[kind.name]
    return example


def _documented(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    examples = {kind.name: {"summary": kind.title, "value": _example(kind)} for kind in kinds}
    documented: dict[str, Any] = {
        "description": "；".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
    if kinds[0].status in (429, 503):
        documented["headers"] = {
            "Retry-After": {"description": "多少秒后再试", "schema": {"type": "integer", "minimum": 1}}
        }
    return documented


def _resolved(contract: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in schema.get("anyOf", ()):
        if "$ref" in option:
            schema = option
            break
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = contract["components"]["schemas"][reference.rpartition("/")[2]]
    return found


_DETAILS: Final = {
    "unauthenticated": "请带上请求头 Authorization: Bearer <密钥>；密钥由管理员用 fenbo keys create 建立",
    "forbidden": "密钥 3f9a0c1b2d4e 的角色是 caller；这个接口需要：admin",
    "bundle-not-found": "bundle: 'city-3' is not in bundles; there are: city-1, city-2",
    "ticket-not-found": "没有存过编号为 'LH20260512000381' 的工单",
    "cluster-not-found": "没有编号为 'C17' 的同一事项",
    "ticket-conflict": "编号 'LH20260512000381' 已存过不同的内容；内容有变请换一个编号",
    "same-reviewer": "第二意见是 '审核员07' 请的，要由另一个人给出",
    "taxonomy-refused": "code: 'SBJ' is already retired; its last day is 2026-06-30",
    "text-purged": "编号 'LH20240512000381' 的内容已过保存期，当时的答复不再保留",
    "webhook-not-found": "没有名为 '5d1c2b3a4f6e7081' 的回调",
    "job-not-found": "没有名为 '9b1f0c2d3e4a5b' 的任务",
    "job-not-done": "任务的状态是 running，完成（done）之后才有结果",
    "file-refused": "文件: no column 'content'; name it with columns=content=正文",
    "key-not-found": "没有编号为 '3f9a0c1b2d4e' 的密钥；全部密钥见 fenbo keys list",
    "last-admin-key": "这是最后一个管理员密钥；请先建立另一个，或在服务器上用 fenbo keys revoke",
    "storage-unavailable": "这件诉求没有存下，请按 Retry-After 稍后再试",
    "bundle-refused": "bundle: bundles/city-2 lacks lexical.npz; copy the bundle again",
    "rate-limited": "这个密钥每秒最多 100 次；请按 Retry-After 稍后再试",
    "not-found": "请核对地址；全部接口见 /docs",
    "method-not-allowed": "这个地址支持的方法见答复头 Allow",
    "malformed-json": "第 1 行第 18 列处不是合法的 JSON；请按 RFC 8259 用 UTF-8 编码",
    "body-timeout": "请求体须在 15 秒内传完",
    "too-large": "请求体最大 1048576 字节",
    "unsupported-media-type": "Content-Type 须为 application/json（UTF-8）",
    "invalid-request": "2 处不合要求，第一处：text 不是已知的字段",
    "queue-full": "前面排队的诉求来不及处理；请按 Retry-After 稍后再试",
    "internal": "这次请求没有办成，原因已记入日志；报障时请附上 request_id",
    "not-ready": "模型正在载入",
    "deadline-exceeded": "300 毫秒内没有算完",
    "timed-out": "10000 毫秒内没有算完",
}
_ERRORS: Final = {
    "invalid-request": [
        {
            "field": "text",
            "code": "unknown_field",
            "message": "不是已知的字段",
            "allowed": "content, ticket_id, title, channel, created_at, location, reporter_hash, anonymous",
        },
        {
            "field": "location.longitude",
            "code": "out_of_range",
            "message": "超出范围",
            "value": "1140.4",
            "allowed": "不大于 180",
        },
    ],
}
assert _DETAILS.keys() <= {kind.name for kind in KINDS}
