"""Every table there is, whoever defines it: importing this fills `service.storage.tables.METADATA`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from service.storage import job_tables, key_table, webhook_tables
from service.storage.tables import METADATA

_DEFINED_IN: Final = (job_tables, key_table, webhook_tables)


def all_tables() -> list[Table]:
    """All tables, each after those that it refers to."""
    assert _DEFINED_IN
    return METADATA.sorted_tables
