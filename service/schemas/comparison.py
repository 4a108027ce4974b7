"""How two bundles differ on the same tickets, as it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from service.storage.comparison import Changes, Comparison

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class ChangesAnswer:
    """在同样的工单上，两个模型包有多少不同。"""

    tickets: Annotated[int, Field(description="两个都看过的工单")]
    department: Annotated[Share, Field(description="单位不同的比例")]
    decision: Annotated[Share, Field(description="处理方式不同的比例")]
    urgency: Annotated[Share, Field(description="紧急程度不同的比例")]
    kind: Annotated[Share, Field(description="类型不同的比例")]
    more_auto: Annotated[Share, Field(description="试用的会自动分派、答复的没有，所占比例")]
    fewer_auto: Annotated[Share, Field(description="答复的自动分派了、试用的不会，所占比例")]


@dataclass(frozen=True, slots=True)
class DepartmentChanges:
    """答复为这个单位的工单里有多少不同。"""

    code: Annotated[str, Field(description="单位代码")]
    name: Annotated[str | None, Field(description="单位名称；目录里没有的为 null")]
    changes: ChangesAnswer


@dataclass(frozen=True, slots=True)
class MoveAnswer:
    """从一个单位改到另一个。"""

    answer: Annotated[str, Field(description="答复的单位")]
    shadow: Annotated[str, Field(description="试用的模型包给的单位")]
    tickets: Annotated[int, Field(description="几件")]


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """答复的与旁路试用的有何不同。"""

    answer: Annotated[str | None, Field(description="答复的模型包；null 为所有答复过的")]
    shadow: Annotated[str, Field(description="试用的模型包")]
    all: Annotated[ChangesAnswer, Field(description="全部")]
    departments: Annotated[tuple[DepartmentChanges, ...], Field(description="按答复的单位分，件数多的在前")]
    moves: Annotated[tuple[MoveAnswer, ...], Field(description="最常见的二十种改动")]


def comparison_answer(
    comparison: Comparison, *, answer: str | None, shadow: str, names: dict[str, str]
) -> ComparisonAnswer:
    """Counts as shares. ``names`` are the departments' names by code."""
    return ComparisonAnswer(
        answer=answer,
        shadow=shadow,
        all=_shares(comparison.all),
        departments=tuple(
            DepartmentChanges(code, names.get(code), _shares(changes))
            for code, changes in comparison.by_department
        ),
        moves=tuple(MoveAnswer(each.answer, each.shadow, each.tickets) for each in comparison.moves),
    )


def _shares(changes: Changes) -> ChangesAnswer:
    def share(count: int) -> float:
        return round(count / changes.tickets, 4) if changes.tickets else 0.0

    return ChangesAnswer(
        tickets=changes.tickets,
        department=share(changes.department),
        decision=share(changes.decision),
        urgency=share(changes.urgency),
        kind=share(changes.kind),
        more_auto=share(changes.more_auto),
        fewer_auto=share(changes.fewer_auto),
    )
