"""Files that are scored in the background: one row a job, and its letters and answers in chunks.

A chunk is answered whole or not at all; a job goes on after its last answered chunk, whichever process takes it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from service.storage.tables import METADATA, UtcDateTime

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("job", String(32), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("letters", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    Column("problems", Text, nullable=False),
    Column("bundle", Text),
    Column("failure", Text),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("held_by", String(64)),
    Column("held_until", UtcDateTime),
    Index("jobs_by_state", "state", "created_at"),
)

CHUNKS: Final = Table(
    "job_chunks",
    METADATA,
    Column("job", String(32), ForeignKey("jobs.job"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("letters", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("answers", Text),
)
