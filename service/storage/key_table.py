"""Keys of the API: who was given one, for which role, and until when. Of the secret only its hash is kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, String, Table, Text

from service.storage.tables import METADATA, UtcDateTime

KEYS: Final = Table(
    "keys",
    METADATA,
    Column("key_id", String(12), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("per_second", Float),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", Text),
)
