"""Making and revoking keys, for the API and for the command."""

from __future__ import annotations

from dataclasses import dataclass

from service.security.roles import Role
from service.security.secrets import new_key
from service.settings import Settings
from service.storage.database import Database, open_database
from service.storage.keys import (
    KeyRow,
    KeyToMake,
    KeyToRevoke,
    has_keys,
    list_keys,
    make_keys,
    revoke_keys,
)
from service.storage.store import Storage


@dataclass(frozen=True, slots=True, repr=False)
class MadeKey:
    """A key and, this once, its text."""

    row: KeyRow
    text: str


class Keyring:
    """The keys of a running service."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def all(self) -> list[KeyRow]:
        """Every key, the oldest first. Raises `service.storage.StorageUnavailable`."""
        return await self._storage.read(list_keys)

    async def make(self, *, name: str, role: Role, per_second: float | None, by: str) -> MadeKey:
        """A new key. Raises `service.storage.StorageUnavailable`."""
        text, item = _drawn(name=name, role=role, per_second=per_second, by=by)
        return MadeKey(await self._storage.write(make_keys, item), text)

    async def revoke(self, key_id: str, *, by: str) -> KeyRow:
        """Refuse a key from now on.

        Raises `service.storage.keys.UnknownKey`, `service.storage.keys.LastAdminKey`, `StorageUnavailable`.
        """
        return await self._storage.write(revoke_keys, KeyToRevoke(key_id, by))


class OfflineKeyring:
    """The keys as a command has them, whether or not the service runs. Close it."""

    def __init__(self, settings: Settings) -> None:
        """Raises `FenboError` when the database cannot be opened."""
        self._database: Database = open_database(settings)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def all(self) -> list[KeyRow]:
        """Every key, the oldest first."""
        with self._database.reading() as connection:
            return list_keys(connection)

    def make(self, *, name: str, role: Role, per_second: float | None, by: str) -> MadeKey:
        """A new key."""
        text, item = _drawn(name=name, role=role, per_second=per_second, by=by)
        with self._database.writing() as connection:
            (row,) = make_keys(connection, [item])
        assert isinstance(row, KeyRow)
        return MadeKey(row, text)

    def make_first(self) -> MadeKey | None:
        """An administrator's key when there has never been any; else None."""
        text, item = _drawn(name="first", role=Role.ADMIN, per_second=None, by="fenbo serve")
        with self._database.writing() as connection:
            if has_keys(connection):
                return None
            (row,) = make_keys(connection, [item])
        assert isinstance(row, KeyRow)
        return MadeKey(row, text)

    def revoke(self, key_id: str, *, by: str) -> KeyRow:
        """Refuse a key from now on, the last one too. Raises `service.storage.keys.UnknownKey`."""
        with self._database.writing() as connection:
            (row,) = revoke_keys(connection, [KeyToRevoke(key_id, by, even_the_last=True)])
        if not isinstance(row, KeyRow):
            raise row
        return row


def _drawn(*, name: str, role: Role, per_second: float | None, by: str) -> tuple[str, KeyToMake]:
    key = new_key()
    return key.text, KeyToMake(key.key_id, key.digest, name, role, per_second, by)
