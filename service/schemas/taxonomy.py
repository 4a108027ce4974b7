"""The taxonomy as it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from model.prediction import KindCode, UrgencyCode
from model.taxonomy import Department, Taxonomy


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
