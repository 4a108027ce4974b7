"""What GeoReport v2 answers, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Row

from model.taxonomy import Department, Taxonomy

AUTOMATIC = "auto"
"""Code of the service that lets fenbo decide."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """一类服务：auto 由分拨判断，其余一个单位一类。"""

    service_code: Annotated[str, Field(description="代码")]
    service_name: Annotated[str, Field(description="名称")]
    description: Annotated[str, Field(description="办什么")]
    metadata: Annotated[bool, Field(description="总是 false：没有另外要填的")]
    type: Annotated[Literal["realtime"], Field(description="当时就给编号")]
    keywords: Annotated[str, Field(description="典型事项，逗号分隔")]
    group: Annotated[str, Field(description="级别")]


@dataclass(frozen=True, slots=True)
class CreatedRequest:
    """收下的一件。"""

    service_request_id: Annotated[str, Field(description="编号，也是工单编号")]
    service_notice: Annotated[str, Field(description="归哪个单位、怎么处理")]
    account_id: Annotated[str | None, Field(description="总是 null")]


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """一件诉求。"""

    service_request_id: Annotated[str, Field(description="编号，也是工单编号")]
    status: Annotated[Literal["open", "closed"], Field(description="总是 open：办结与否由工单系统记")]
    status_notes: Annotated[str | None, Field(description="总是 null")]
    service_name: Annotated[str, Field(description="承办单位")]
    service_code: Annotated[str, Field(description="承办单位的代码")]
    description: Annotated[str | None, Field(description="正文，已遮盖；过了保存期的为 null")]
    agency_responsible: Annotated[str, Field(description="承办单位")]
    service_notice: Annotated[str | None, Field(description="总是 null")]
    requested_datetime: Annotated[datetime, Field(description="收到的时间，UTC")]
    updated_datetime: Annotated[datetime | None, Field(description="总是 null")]
    expected_datetime: Annotated[datetime | None, Field(description="总是 null")]
    address: Annotated[str | None, Field(description="地址，已遮盖")]
    address_id: Annotated[str | None, Field(description="总是 null")]
    zipcode: Annotated[str | None, Field(description="总是 null")]
    lat: Annotated[float | None, Field(description="纬度，WGS 84，单位度")]
    long: Annotated[float | None, Field(description="经度，WGS 84，单位度")]
    media_url: Annotated[str | None, Field(description="总是 null：不存图片")]


def services(taxonomy: Taxonomy) -> list[ServiceAnswer]:
    """The automatic one, then one for each department that is live."""
    automatic = ServiceAnswer(
        AUTOMATIC, "由分拨判断", "写下诉求，由分拨判断归哪个单位", False, "realtime", "", ""
    )
    return [automatic, *(_service(each) for each in taxonomy.live())]


def service_request(row: Row[Any], names: dict[str, str]) -> ServiceRequest:
    """A stored ticket's row. ``names`` are the departments' names by code."""
    code = row.final_department or row.department
    return ServiceRequest(
        service_request_id=row.ticket_id,
        status="open",
        status_notes=None,
        service_name=names.get(code, code),
        service_code=code,
        description=row.content,
        agency_responsible=names.get(code, code),
        service_notice=None,
        requested_datetime=row.received_at,
        updated_datetime=None,
        expected_datetime=None,
        address=row.address or None,
        address_id=None,
        zipcode=None,
        lat=row.latitude,
        long=row.longitude,
        media_url=None,
    )


def _service(department: Department) -> ServiceAnswer:
    return ServiceAnswer(
        service_code=department.code,
        service_name=department.name,
        description="、".join(department.matters) or department.name,
        metadata=False,
        type="realtime",
        keywords=",".join(department.matters),
        group=department.level,
    )
