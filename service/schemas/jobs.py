"""Jobs as the API shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.storage.jobs import JobRow

ShownState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """一行读不了的。"""

    line: Annotated[int, Field(description="行号；CSV 的表头是第 1 行")]
    reason: Annotated[str, Field(description="为什么读不了")]


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """一个任务。"""

    job: Annotated[str, Field(description="名称")]
    state: Annotated[
        ShownState,
        Field(
            description="queued 排队；running 正在处理；done 完成，可以取结果；failed 失败；cancelled 已取消"
        ),
    ]
    created_at: Annotated[datetime, Field(description="提交的时间，UTC")]
    created_by: Annotated[str, Field(description="由谁提交")]
    letters: Annotated[int, Field(description="共几行，读不了的也算")]
    answered: Annotated[int, Field(description="已处理几行")]
    progress: Annotated[float, Field(description="已处理的比例，0 到 1")]
    unreadable: Annotated[int, Field(description="读不了的有几行；结果里留空，处理方式为 review")]
    problems: Annotated[tuple[RowProblem, ...], Field(description="读不了的行，最多列 100 行")]
    bundle: Annotated[str | None, Field(description="最近一段由哪个模型包处理")]
    failure: Annotated[str | None, Field(description="为什么失败")]
    started_at: Annotated[datetime | None, Field(description="开始处理的时间，UTC")]
    finished_at: Annotated[datetime | None, Field(description="完成、失败或取消的时间，UTC")]


@dataclass(frozen=True, slots=True)
class JobsAnswer:
    """一页任务，新的在前。"""

    jobs: tuple[JobAnswer, ...]
    next_cursor: Annotated[str | None, Field(description="取下一页时作为 cursor；没有下一页时为 null")]


def job_answer(row: JobRow) -> JobAnswer:
    """A job as it is answered."""
    assert row.state != "receiving", "a job is shown once it is received"
    return JobAnswer(
        job=row.job,
        state=row.state,
        created_at=row.created_at,
        created_by=row.created_by,
        letters=row.letters,
        answered=row.answered,
        progress=round(row.answered / row.letters, 4) if row.letters else 1.0,
        unreadable=row.unreadable,
        problems=tuple(RowProblem(line, reason) for line, reason in row.problems),
        bundle=row.bundle,
        failure=row.failure,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
