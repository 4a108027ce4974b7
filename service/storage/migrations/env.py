"""What Alembic runs. The connection is given by `service.storage.migrate`; nothing is read from a file."""

from __future__ import annotations

from alembic import context

from service.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
