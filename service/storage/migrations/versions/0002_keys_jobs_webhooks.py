"""Keys of the API, jobs in the background, webhooks and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Five tables beside those that are there."""
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(12), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("per_second", sa.Float()),
        _moment("created_at", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        _moment("revoked_at"),
        sa.Column("revoked_by", sa.Text()),
    )
    op.create_table(
        "jobs",
        sa.Column("job", sa.String(32), primary_key=True),
        _moment("created_at", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("letters", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("bundle", sa.Text()),
        sa.Column("failure", sa.Text()),
        _moment("started_at"),
        _moment("finished_at"),
        sa.Column("held_by", sa.String(64)),
        _moment("held_until"),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "created_at"])
    op.create_table(
        "job_chunks",
        sa.Column("job", sa.String(32), sa.ForeignKey("jobs.job"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("letters", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.Text()),
    )
    op.create_table(
        "webhooks",
        sa.Column("webhook", sa.String(32), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        _moment("created_at", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        _moment("ended_at"),
        sa.Column("through", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("webhook", sa.String(32), sa.ForeignKey("webhooks.webhook"), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("created_at", nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        _moment("due_at"),
        sa.Column("status", sa.BigInteger()),
        sa.Column("failure", sa.Text()),
        _moment("finished_at"),
    )
    op.create_index("deliveries_due", "deliveries", ["state", "due_at"])


def downgrade() -> None:
    """Without them."""
    for table in ("deliveries", "webhooks", "job_chunks", "jobs", "keys"):
        op.drop_table(table)
