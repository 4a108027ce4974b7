"""The taxonomy as it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.prediction import KindCode, UrgencyCode
from model.taxonomy import Department, Taxonomy
from service.schemas.ticket import NO_CONTROLS


@dataclass(frozen=True, slots=True)
class FormerNameAnswer:
    """单位曾用名；valid_to 是该名称的最后一天。"""

    name: str
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class DepartmentAnswer:
    """一个承办单位。in_force 为假的已撤销或尚未设立，不会出现在分派结果里；successor 是接手单位的代码。"""

    code: str
    name: str
    level: str
    matters: tuple[str, ...]
    former_names: tuple[FormerNameAnswer, ...]
    valid_from: date | None
    valid_to: date | None
    successor: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class ResponseLimit:
    """首次响应时限：amount 个小时，或 amount 个工作日；hand_over_now 为真的须立即转人工。"""

    unit: Literal["hours", "working_days"]
    amount: int
    hand_over_now: bool


@dataclass(frozen=True, slots=True)
class UrgencyLevelAnswer:
    """一个紧急程度；number 从 1（不急）到 4（特急）。"""

    code: UrgencyCode
    number: int
    name: str
    meaning: str
    response: ResponseLimit


@dataclass(frozen=True, slots=True)
class KindAnswer:
    """一种诉求类型。"""

    code: KindCode
    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TaxonomyAnswer:
    """正在使用的目录：承办单位、紧急程度、诉求类型。"""

    name: str
    version: str
    city: str
    valid_from: date | None
    departments: tuple[DepartmentAnswer, ...]
    urgency_levels: tuple[UrgencyLevelAnswer, ...]
    kinds: tuple[KindAnswer, ...]


def taxonomy_answer(taxonomy: Taxonomy, *, on: date) -> TaxonomyAnswer:
    """The taxonomy as it stands on a day."""
    return TaxonomyAnswer(
        name=taxonomy.name,
        version=taxonomy.version,
        city=taxonomy.city,
        valid_from=taxonomy.valid_from,
        departments=tuple(_department(department, on) for department in taxonomy.departments),
        urgency_levels=tuple(
            UrgencyLevelAnswer(
                code=level.code,
                number=level.number,
                name=level.name,
                meaning=level.meaning,
                response=ResponseLimit(
                    unit=level.response.unit,
                    amount=level.response.amount,
                    hand_over_now=level.response.hand_over_now,
                ),
            )
            for level in taxonomy.urgency_levels
        ),
        kinds=tuple(KindAnswer(kind.code, kind.name, kind.meaning) for kind in taxonomy.kinds),
    )


def _department(department: Department, on: date) -> DepartmentAnswer:
    return DepartmentAnswer(
        code=department.code,
        name=department.name,
        level=department.level,
        matters=department.matters,
        former_names=tuple(FormerNameAnswer(each.name, each.valid_to) for each in department.former_names),
        valid_from=department.valid_from,
        valid_to=department.valid_to,
        successor=department.successor,
        in_force=department.is_live(on),
    )


_Line = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]
_Reason = Annotated[
    str, Field(min_length=1, max_length=500, pattern=NO_CONTROLS, description="理由，记入历史")
]


class PutDepartment(BaseModel):
    """一个单位。代码已有的改名、改职责；没有的新设。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Line = Field(description="名称；改了的，原名自动列为曾用名", examples=["市人力资源和社会保障局"])
    level: str | None = Field(
        default=None, max_length=64, pattern=NO_CONTROLS, description="层级；不给时不变", examples=["city"]
    )
    matters: Annotated[tuple[_Line, ...], Field(max_length=500)] | None = Field(
        default=None, description="典型事项；不给时不变", examples=[["劳动关系", "社会保险"]]
    )
    effective_from: date | None = Field(
        default=None,
        description="从哪一天（北京时间）起生效；不给时为今天。新设的单位从这一天起存在",
        examples=["2026-07-01"],
    )
    reason: _Reason


class RetireDepartment(BaseModel):
    """撤销一个单位。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    successor: str | None = Field(
        default=None,
        max_length=128,
        description="由谁接手（代码）；不给的，此后不再分派这类诉求",
        examples=["RSJ"],
    )
    on: date = Field(description="从哪一天（北京时间）起撤销", examples=["2026-07-01"])
    reason: _Reason


@dataclass(frozen=True, slots=True)
class TaxonomyVersion:
    """一版目录。"""

    version: Annotated[str, Field(description="版本")]
    name: Annotated[str, Field(description="哪一套目录")]
    effective_from: Annotated[date, Field(description="从哪一天（北京时间）起生效")]
    content_hash: Annotated[str, Field(description="内容的 SHA-256")]
    at: Annotated[datetime, Field(description="何时改的，UTC")]
    by: Annotated[str, Field(description="谁改的")]
    reason: Annotated[str, Field(description="理由")]


@dataclass(frozen=True, slots=True)
class TaxonomyVersions:
    """运行中改过的各版目录，新的在前；一次也没有改过的为空，用的是模型包自带的一版。"""

    in_use: Annotated[str, Field(description="正在使用的版本")]
    versions: Annotated[tuple[TaxonomyVersion, ...], Field(description="各版")]
