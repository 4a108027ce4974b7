"""Keys in the database: made, found, listed, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from model.errors import FenboError
from service.security.gate import KnownKey
from service.security.roles import Role
from service.storage import audit
from service.storage.key_table import KEYS


class UnknownKey(FenboError):
    """No key of this id."""


class LastAdminKey(FenboError):
    """Without this key no one could make another by the API."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is listed."""

    key_id: str
    name: str
    role: Role
    per_second: float | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class KeyToMake:
    """A key to be written; ``digest`` is its secret's hash."""

    key_id: str
    digest: str
    name: str
    role: Role
    per_second: float | None
    by: str


@dataclass(frozen=True, slots=True)
class KeyToRevoke:
    """A key to be refused from now on. ``even_the_last`` revokes the last admin key too."""

    key_id: str
    by: str
    even_the_last: bool = False


def find_key(connection: Connection, key_id: str) -> KnownKey | None:
    """A key by its id; None when there is none."""
    row = connection.execute(select(KEYS).where(KEYS.c.key_id == key_id)).first()
    if row is None:
        return None
    return KnownKey(
        key_id=row.key_id,
        name=row.name,
        role=Role(row.role),
        digest=row.digest,
        revoked=row.revoked_at is not None,
        per_second=row.per_second,
    )


def list_keys(connection: Connection) -> list[KeyRow]:
    """All keys, the oldest first, revoked ones too."""
    rows = connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.key_id))
    return [_row(row) for row in rows]


def has_keys(connection: Connection) -> bool:
    """Whether any key was ever made."""
    return connection.execute(select(KEYS.c.key_id).limit(1)).first() is not None


def make_keys(connection: Connection, items: Sequence[KeyToMake]) -> list[KeyRow | FenboError]:
    """Write keys; one row each."""
    made: list[KeyRow | FenboError] = []
    for item in items:
        now = datetime.now(UTC)
        connection.execute(
            insert(KEYS).values(
                key_id=item.key_id,
                name=item.name,
                role=item.role.value,
                digest=item.digest,
                per_second=item.per_second,
                created_at=now,
                created_by=item.by,
            )
        )
        details = {"name": item.name, "role": item.role.value}
        audit.append(connection, [audit.Entry(item.by, "key.created", f"key:{item.key_id}", details)])
        made.append(KeyRow(item.key_id, item.name, item.role, item.per_second, now, item.by, None, None))
    return made


def revoke_keys(connection: Connection, items: Sequence[KeyToRevoke]) -> list[KeyRow | FenboError]:
    """Revoke keys; a key that is revoked already stays as it was."""
    return [_revoked(connection, item) for item in items]


def _revoked(connection: Connection, item: KeyToRevoke) -> KeyRow | FenboError:
    row = connection.execute(select(KEYS).where(KEYS.c.key_id == item.key_id)).first()
    if row is None:
        return UnknownKey(f"没有编号为 {item.key_id!r} 的密钥；全部密钥见 fenbo keys list")
    if row.revoked_at is not None:
        return _row(row)
    if row.role == Role.ADMIN and not item.even_the_last and _other_admins(connection, item.key_id) == 0:
        return LastAdminKey("这是最后一个管理员密钥；请先建立另一个，或在服务器上用 fenbo keys revoke")
    changed = {"revoked_at": datetime.now(UTC), "revoked_by": item.by}
    connection.execute(update(KEYS).where(KEYS.c.key_id == item.key_id).values(**changed))
    audit.append(connection, [audit.Entry(item.by, "key.revoked", f"key:{item.key_id}", {})])
    return _row(connection.execute(select(KEYS).where(KEYS.c.key_id == item.key_id)).one())


def _other_admins(connection: Connection, key_id: str) -> int:
    others = select(func.count()).where(
        KEYS.c.role == Role.ADMIN.value, KEYS.c.revoked_at.is_(None), KEYS.c.key_id != key_id
    )
    return int(connection.execute(others).scalar_one())


def _row(row: Row[tuple[object, ...]]) -> KeyRow:
    return KeyRow(
        key_id=row.key_id,
        name=row.name,
        role=Role(row.role),
        per_second=row.per_second,
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
