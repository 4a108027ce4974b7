"""Keys as the API shows them, and what is sent to make one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

from service.schemas.ticket import NO_CONTROLS
from service.security.roles import Role
from service.storage.keys import KeyRow


class KeyWanted(BaseModel):
    """要建立的密钥。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=NO_CONTROLS,
        description="给谁用，记入审计日志",
        examples=["工单系统"],
    )
    role: Role = Field(
        description="caller 工单系统；reviewer 审核人；data_scientist 数据科学家；admin 管理员",
        examples=["caller"],
    )
    per_second: Annotated[float, Strict(), Field(gt=0, le=1_000_000)] | None = Field(
        default=None, description="每秒最多几次，一台机器上的进程合计；不给时照服务的设置", examples=[50]
    )


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """一个密钥，不含密钥本身。"""

    key_id: Annotated[str, Field(description="编号，即密钥中间的 12 位")]
    name: Annotated[str, Field(description="给谁用")]
    role: Annotated[Role, Field(description="角色")]
    per_second: Annotated[float | None, Field(description="每秒最多几次；null 照服务的设置")]
    created_at: Annotated[datetime, Field(description="建立的时间，UTC")]
    created_by: Annotated[str, Field(description="由谁建立")]
    revoked_at: Annotated[datetime | None, Field(description="吊销的时间；在用的为 null")]
    revoked_by: Annotated[str | None, Field(description="由谁吊销")]


@dataclass(frozen=True, slots=True)
class KeysAnswer:
    """全部密钥，早建立的在前。"""

    keys: tuple[KeyAnswer, ...]


@dataclass(frozen=True, slots=True)
class NewKeyAnswer:
    """刚建立的密钥。"""

    key: Annotated[str, Field(description="密钥全文，只在这一次答复里出现")]
    about: KeyAnswer


def key_answer(row: KeyRow) -> KeyAnswer:
    """A key as it is answered."""
    return KeyAnswer(
        key_id=row.key_id,
        name=row.name,
        role=row.role,
        per_second=row.per_second,
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
