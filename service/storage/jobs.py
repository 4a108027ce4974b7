"""Jobs in the database: taken in, held by the process that works on them, answered chunk by chunk, fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from model.errors import FenboError
from service.storage import audit
from service.storage.job_tables import CHUNKS, JOBS

JobState = Literal["receiving", "queued", "running", "done", "failed", "cancelled"]


class UnknownJob(FenboError):
    """No job of this name."""


class JobLost(FenboError):
    """The job was cancelled, or another process holds it now: what was worked out is not wanted any more."""


class NotDone(FenboError):
    """The job has no whole result."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is being received."""

    job: str
    by: str


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Some masked letters of a job as JSON lines; an unreadable row is a line ``null``."""

    job: str
    number: int
    letters: str
    size: int


@dataclass(frozen=True, slots=True)
class Received:
    """A job whose letters are all there. ``problems`` tell of the first unreadable rows: (line, reason)."""

    job: str
    letters: int
    unreadable: int
    problems: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is listed."""

    job: str
    created_at: datetime
    created_by: str
    state: JobState
    letters: int
    answered: int
    unreadable: int
    problems: tuple[tuple[int, str], ...]
    bundle: str | None
    failure: str | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A process that wants a job, and until when it would hold it."""

    holder: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A job that a process holds, and the first of its chunks that is not answered; None when all are."""

    job: str
    chunk: NewChunk | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to a chunk as JSON lines. The holder holds the job until ``until``."""

    job: str
    number: int
    size: int
    answers: str
    bundle: str
    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A held job that is done, or failed for a reason."""

    job: str
    holder: str
    failure: str | None


def begin(connection: Connection, items: Sequence[NewJob]) -> list[FenboError | None]:
    """Write jobs whose letters will follow."""
    for item in items:
        connection.execute(
            insert(JOBS).values(
                job=item.job,
                created_at=datetime.now(UTC),
                created_by=item.by,
                state="receiving",
                letters=0,
                answered=0,
                unreadable=0,
                problems="[]",
            )
        )
    return [None] * len(items)


def add_chunks(connection: Connection, items: Sequence[NewChunk]) -> list[FenboError | None]:
    """Write letters of jobs that are being received."""
    rows = [
        {"job": each.job, "number": each.number, "letters": each.letters, "size": each.size} for each in items
    ]
    connection.execute(insert(CHUNKS), rows)
    return [None] * len(items)


def receive(connection: Connection, items: Sequence[Received]) -> list[JobRow | FenboError]:
    """The letters are all there: the jobs may begin."""
    results: list[JobRow | FenboError] = []
    for item in items:
        values = {
            "state": "queued",
            "letters": item.letters,
            "unreadable": item.unreadable,
            "problems": json.dumps(item.problems, ensure_ascii=False),
        }
        connection.execute(update(JOBS).where(JOBS.c.job == item.job).values(**values))
        row = _row(connection.execute(select(JOBS).where(JOBS.c.job == item.job)).one())
        details = {"letters": item.letters, "unreadable": item.unreadable}
        audit.append(connection, [audit.Entry(row.created_by, "job.created", f"job:{item.job}", details)])
        results.append(row)
    return results


def forget(connection: Connection, items: Sequence[str]) -> list[FenboError | None]:
    """Take back jobs that could not be received."""
    connection.execute(delete(CHUNKS).where(CHUNKS.c.job.in_(items)))
    connection.execute(delete(JOBS).where(JOBS.c.job.in_(items)))
    return [None] * len(items)


def forget_unfinished(connection: Connection, items: Sequence[datetime]) -> list[int | FenboError]:
    """Take back jobs whose upload began before each moment and never ended."""
    results: list[int | FenboError] = []
    for before in items:
        stale = select(JOBS.c.job).where(JOBS.c.state == "receiving", JOBS.c.created_at < before)
        names = list(connection.execute(stale).scalars())
        forget(connection, names)
        results.append(len(names))
    return results


def find(connection: Connection, job: str) -> JobRow:
    """A job by its name. Raises `UnknownJob`."""
    row = connection.execute(select(JOBS).where(JOBS.c.job == job, JOBS.c.state != "receiving")).first()
    if row is None:
        raise UnknownJob(f"没有名为 {job!r} 的任务")
    return _row(row)


def listed(connection: Connection, *, before: tuple[datetime, str] | None, limit: int) -> list[JobRow]:
    """Jobs, the newest first, older than ``before``."""
    query = select(JOBS).where(JOBS.c.state != "receiving").order_by(JOBS.c.created_at.desc(), JOBS.c.job)
    if before is not None:
        at, job = before
        query = query.where(or_(JOBS.c.created_at < at, (JOBS.c.created_at == at) & (JOBS.c.job > job)))
    return [_row(row) for row in connection.execute(query.limit(limit))]


def has_work(connection: Connection, now: datetime) -> bool:
    """Whether a job waits for someone to work on it."""
    return connection.execute(select(JOBS.c.job).where(*_free(now)).limit(1)).first() is not None


def hold(connection: Connection, items: Sequence[Hold]) -> list[Held | FenboError | None]:
    """For each process: the oldest job that nobody holds, from now on its own; None when there is none."""
    results: list[Held | FenboError | None] = []
    for item in items:
        row = connection.execute(
            select(JOBS).where(*_free(item.now)).order_by(JOBS.c.created_at).limit(1)
        ).first()
        if row is None:
            results.append(None)
            continue
        values: dict[str, Any] = {"state": "running", "held_by": item.holder, "held_until": item.until}
        if row.started_at is None:
            values["started_at"] = item.now
        connection.execute(update(JOBS).where(JOBS.c.job == row.job).values(**values))
        results.append(Held(row.job, _next_chunk(connection, row.job)))
    return results


def answer(connection: Connection, items: Sequence[Answered]) -> list[Held | FenboError]:
    """Write the answers to chunks, once; each gets its job's next chunk."""
    results: list[Held | FenboError] = []
    for item in items:
        mine = JOBS.c.job == item.job, JOBS.c.state == "running", JOBS.c.held_by == item.holder
        values = {"answered": JOBS.c.answered + item.size, "held_until": item.until, "bundle": item.bundle}
        chunk = CHUNKS.c.job == item.job, CHUNKS.c.number == item.number, CHUNKS.c.answers.is_(None)
        held = connection.execute(select(JOBS.c.job).where(*mine)).first()
        if (
            held is None
            or connection.execute(update(CHUNKS).where(*chunk).values(answers=item.answers)).rowcount != 1
        ):
            results.append(JobLost(f"job {item.job} is not held any more"))
            continue
        connection.execute(update(JOBS).where(*mine).values(**values))
        results.append(Held(item.job, _next_chunk(connection, item.job)))
    return results


def finish(connection: Connection, items: Sequence[Ended]) -> list[FenboError | None]:
    """Jobs are done, or failed. The letters of a job that is done are kept no longer."""
    results: list[FenboError | None] = []
    for item in items:
        mine = JOBS.c.job == item.job, JOBS.c.state == "running", JOBS.c.held_by == item.holder
        state = "done" if item.failure is None else "failed"
        values = {"state": state, "failure": item.failure, "finished_at": datetime.now(UTC), "held_by": None}
        if connection.execute(update(JOBS).where(*mine).values(**values)).rowcount == 0:
            results.append(JobLost(f"job {item.job} is not held any more"))
            continue
        connection.execute(update(CHUNKS).where(CHUNKS.c.job == item.job).values(letters=""))
        entry = audit.Entry("fenbo", "job.finished", f"job:{item.job}", {"state": state})
        audit.append(connection, [entry])
        results.append(None)
    return results


def cancel(connection: Connection, items: Sequence[tuple[str, str]]) -> list[JobRow | FenboError]:
    """Cancel jobs, given as (job, by whom). One that has ended stays as it is."""
    results: list[JobRow | FenboError] = []
    for job, by in items:
        live = JOBS.c.job == job, JOBS.c.state.in_(("queued", "running"))
        values = {"state": "cancelled", "finished_at": datetime.now(UTC), "held_by": None}
        if connection.execute(update(JOBS).where(*live).values(**values)).rowcount:
            connection.execute(delete(CHUNKS).where(CHUNKS.c.job == job))
            audit.append(connection, [audit.Entry(by, "job.cancelled", f"job:{job}", {})])
        row = connection.execute(select(JOBS).where(JOBS.c.job == job, JOBS.c.state != "receiving")).first()
        results.append(UnknownJob(f"没有名为 {job!r} 的任务") if row is None else _row(row))
    return results


def answers(connection: Connection, job: str, after: int) -> tuple[int, str] | None:
    """The answers of the first chunk after number ``after``, with its number; None when there are no more."""
    row = connection.execute(
        select(CHUNKS.c.number, CHUNKS.c.answers)
        .where(CHUNKS.c.job == job, CHUNKS.c.number > after)
        .order_by(CHUNKS.c.number)
        .limit(1)
    ).first()
    return None if row is None else (row.number, row.answers or "")


def _free(now: datetime) -> tuple[Any, ...]:
    return (
        JOBS.c.state.in_(("queued", "running")),
        or_(JOBS.c.held_by.is_(None), JOBS.c.held_until < now),
    )


def _next_chunk(connection: Connection, job: str) -> NewChunk | None:
    row = connection.execute(
        select(CHUNKS)
        .where(CHUNKS.c.job == job, CHUNKS.c.answers.is_(None))
        .order_by(CHUNKS.c.number)
        .limit(1)
    ).first()
    return None if row is None else NewChunk(job, row.number, row.letters, row.size)


def _row(row: Row[Any]) -> JobRow:
    return JobRow(
        job=row.job,
        created_at=row.created_at,
        created_by=row.created_by,
        state=row.state,
        letters=row.letters,
        answered=row.answered,
        unreadable=row.unreadable,
        problems=tuple((line, reason) for line, reason in json.loads(row.problems)),
        bundle=row.bundle,
        failure=row.failure,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
