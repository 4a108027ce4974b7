"""Clusters and hot topics as they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.schemas.stored import TicketSummary


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """说的是同一件事的工单。"""

    cluster: Annotated[str, Field(description="编号")]
    title: Annotated[str | None, Field(description="最早一件的标题，已遮盖")]
    size: Annotated[int, Field(description="有几件")]
    first_at: Annotated[datetime, Field(description="最早一件收到的时间，UTC")]
    last_at: Annotated[datetime, Field(description="最近一件收到的时间，UTC")]
    district: Annotated[str, Field(description="区；不知道的为空")]


@dataclass(frozen=True, slots=True)
class ClustersAnswer:
    """一页同一事项，有新工单的在前。"""

    clusters: Annotated[tuple[ClusterSummary, ...], Field(description="这一页")]
    next_cursor: Annotated[str | None, Field(description="取下一页时作为 cursor 传回；没有下一页时为 null")]


@dataclass(frozen=True, slots=True)
class ClusterAnswer(ClusterSummary):
    """一个同一事项和它的工单。"""

    tickets: Annotated[tuple[TicketSummary, ...], Field(description="这一页的工单，早来的在前")]
    next_cursor: Annotated[str | None, Field(description="取下一页时作为 cursor 传回；没有下一页时为 null")]


@dataclass(frozen=True, slots=True)
class HotTopicAnswer:
    """近来说得比往常多的一件事。"""

    cluster: Annotated[str, Field(description="同一事项的编号")]
    title: Annotated[str, Field(description="最典型一件的说法，已遮盖")]
    size: Annotated[int, Field(description="一共几件")]
    recent: Annotated[int, Field(description="这段时间里几件")]
    expected: Annotated[float, Field(description="照往常这段时间里该有几件")]
    growth: Annotated[float, Field(description="是往常的几倍")]
    surprise: Annotated[float, Field(description="有多不寻常：对数似然比，按它从高到低排")]
    reporters: Annotated[int, Field(description="多少人说过；分不出人时为件数")]
    area: Annotated[str, Field(description="城市或区；不知道的为空")]
    places: Annotated[tuple[str, ...], Field(description="常提到的地点和单位")]
    people: Annotated[tuple[str, ...], Field(description="是哪些人，如业主、家长")]
    departments: Annotated[tuple[str, ...], Field(description="归哪些单位（代码），多的在前")]
    start: Annotated[datetime, Field(description="这段时间的第一件，UTC")]
    end: Annotated[datetime, Field(description="这段时间的最后一件，UTC")]
    telling: Annotated[str, Field(description="最典型一件的工单编号")]


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """近期热点，最不寻常的在前。"""

    at: Annotated[datetime | None, Field(description="算出的时间，UTC；还没有热点时为 null")]
    topics: Annotated[tuple[HotTopicAnswer, ...], Field(description="热点")]
