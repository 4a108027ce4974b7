"""Tickets with what was predicted and decided about them, and the audit log."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY: Final = {"outcomes": "id", "reviews": "id", "audit": "sequence"}


def upgrade() -> None:
    """Everything, in an empty database."""
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_action", "audit", ["action"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "clusters",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_ticket", sa.BigInteger(), nullable=False),
        sa.Column("district", sa.Text()),
    )
    op.create_index("clusters_by_last", "clusters", ["last_ticket", "name"])
    op.create_table(
        "hot_topics",
        sa.Column("place", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "purges",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "taxonomies",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "tickets",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ticket_id", sa.String(128), nullable=False, unique=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True)),
        sa.Column("title", sa.Text()),
        sa.Column("content", sa.Text()),
        sa.Column("channel", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("district", sa.Text()),
        sa.Column("street", sa.Text()),
        sa.Column("community", sa.Text()),
        sa.Column("longitude", sa.Float()),
        sa.Column("latitude", sa.Float()),
        sa.Column("reporter", sa.String(32)),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("text_purged_at", sa.DateTime(timezone=True)),
        sa.Column("answered_alone", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("department", sa.String(128), nullable=False),
        sa.Column("urgency", sa.String(16), nullable=False),
        sa.Column("urgency_number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("review", sa.String(16), nullable=False),
        sa.Column("final_department", sa.String(128)),
        sa.Column("final_urgency", sa.String(16)),
        sa.Column("final_kind", sa.String(8)),
        sa.Column("cluster", sa.String(64)),
    )
    op.create_index("ix_tickets_received_at", "tickets", ["received_at"])
    op.create_index("tickets_by_cluster", "tickets", ["cluster", "number"])
    op.create_index("tickets_by_decision", "tickets", ["decision", "number"])
    op.create_index("tickets_by_department", "tickets", ["department", "number"])
    op.create_index("tickets_to_review", "tickets", ["review", "urgency_number", "number"])
    op.create_table(
        "outcomes",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ticket", sa.BigInteger(), sa.ForeignKey("tickets.number"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("department", sa.String(128)),
        sa.Column("urgency", sa.String(16)),
        sa.Column("other", sa.BigInteger(), sa.ForeignKey("tickets.number")),
        sa.Column("reason", sa.Text()),
    )
    op.create_index("ix_outcomes_at", "outcomes", ["at"])
    op.create_index("ix_outcomes_ticket", "outcomes", ["ticket"])
    op.create_table(
        "predictions",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ticket", sa.BigInteger(), sa.ForeignKey("tickets.number"), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("taxonomy", sa.Text(), nullable=False),
        sa.Column("taxonomy_version", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("department", sa.String(128), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("urgency", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("answer", sa.Text()),
    )
    op.create_index("ix_predictions_created_at", "predictions", ["created_at"])
    op.create_index("ix_predictions_ticket", "predictions", ["ticket"])
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ticket", sa.BigInteger(), sa.ForeignKey("tickets.number"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("department", sa.String(128)),
        sa.Column("urgency", sa.String(16)),
        sa.Column("kind", sa.String(8)),
        sa.Column("reason", sa.Text()),
    )
    op.create_index("ix_reviews_at", "reviews", ["at"])
    op.create_index("ix_reviews_ticket", "reviews", ["ticket"])
    op.create_table(
        "verdicts",
        sa.Column(
            "ticket", sa.BigInteger(), sa.ForeignKey("tickets.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cluster", sa.String(64)),
        sa.Column("duplicate_of", sa.String(128)),
        sa.Column("probability", sa.Float()),
        sa.Column("originals", sa.Text(), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _keep_rows_in_sqlite()
    else:
        _keep_rows_in_postgresql()


def downgrade() -> None:
    """There is nothing before this: restore a backup instead."""
    raise NotImplementedError("nothing comes before the first step; restore a backup")


def _keep_rows_in_sqlite() -> None:
    """Nothing is changed, and only what `purges` names is deleted."""
    for table, key in _APPEND_ONLY.items():
        op.execute(
            f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}"
            f" WHEN OLD.{key} > coalesce((SELECT max(through) FROM purges WHERE scope = '{table}'), 0)"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER purges_kept_from_{event.lower()} BEFORE {event} ON purges"
            " BEGIN SELECT RAISE(ABORT, 'purges is append-only'); END"
        )


def _keep_rows_in_postgresql() -> None:
    """The same, and no table is emptied at once."""
    op.execute(
        "CREATE FUNCTION fenbo_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE FUNCTION fenbo_purged_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF (to_jsonb(OLD) ->> TG_ARGV[0])::bigint"
        " > coalesce((SELECT max(through) FROM purges WHERE scope = TG_TABLE_NAME), 0)"
        " THEN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF; RETURN OLD; END $$"
    )
    for table, key in _APPEND_ONLY.items():
        op.execute(
            f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION fenbo_refuse()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION fenbo_purged_only('{key}')"
        )
    op.execute(
        "CREATE TRIGGER purges_kept BEFORE UPDATE OR DELETE ON purges"
        " FOR EACH ROW EXECUTE FUNCTION fenbo_refuse()"
    )
    for table in (*_APPEND_ONLY, "purges"):
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION fenbo_refuse()"
        )
