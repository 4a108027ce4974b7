"""The key by which a body is recognised again although only its masked form is kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select

from model.errors import FenboError
from service.settings import Settings
from service.storage.database import Database, StorageUnavailable
from service.storage.tables import META

FILE: Final = "secret.key"
_BYTES: Final = 32
_FEWEST: Final = 16
CHECK: Final = "secret_key_check"
"""Row of `META` by which the key is recognised."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key for hashes that cannot be made, or guessed through, without it."""

    secret: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return "SecretKey(…)"

    @property
    def check(self) -> str:
        """Tells this key from others without telling it."""
        return self.hashed("check", b"").hex()

    def hashed(self, purpose: str, content: bytes) -> bytes:
        """HMAC-SHA-256 (RFC 2104) of ``content``, 32 bytes; each purpose has hashes of its own."""
        return hmac.digest(self.secret, purpose.encode("ascii") + b"\0" + content, "sha256")

    def pseudonym(self, purpose: str, name: str) -> str:
        """32 hexadecimal digits that stand for ``name``; the empty name stays empty."""
        return self.hashed(purpose, name.encode("utf-8")).hex()[:32] if name else ""


def secret_key(settings: Settings, database: Database) -> SecretKey:
    """The settings' key, else the one in the data folder, made on first use and readable by its owner alone.

    Raises `FenboError` when it is not the one that the database was filled with, or is too short.
    """
    if settings.secret_key is not None:
        given = settings.secret_key.get_secret_value().encode("utf-8")
        if len(given) < _FEWEST:
            raise FenboError(f"FENBO_SECRET_KEY has {len(given)} bytes; allowed: at least {_FEWEST}")
        key = SecretKey(hashlib.sha256(given).digest())
        told = "FENBO_SECRET_KEY"
    else:
        file = settings.data_dir / FILE
        key = SecretKey(_read_or_made(file))
        told = str(file)
    check = key.check
    with database.reading() as connection:
        known = _known_check(connection)
    if known is None:
        with database.writing() as connection:
            known = _known_check(connection)
            if known is None:
                connection.execute(insert(META).values(name=CHECK, value=check))
                known = check
    if not hmac.compare_digest(known, check):
        raise FenboError(
            f"{told} is not the key that this database was filled with; give the old key back "
            "(FENBO_SECRET_KEY, or the file secret.key of the old data folder)"
        )
    return key


def _known_check(connection: Connection) -> str | None:
    found: str | None = connection.execute(select(META.c.value).where(META.c.name == CHECK)).scalar()
    return found


def _read_or_made(file: Path) -> bytes:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _made(file)
        content = bytes.fromhex(file.read_text(encoding="ascii"))
    except OSError as error:
        raise StorageUnavailable(f"{file}: {error.strerror}") from error
    except ValueError:
        content = b""
    if len(content) != _BYTES:
        raise FenboError(f"{file} holds no key of {_BYTES} bytes in hexadecimal; restore it from your backup")
    return content


def _made(file: Path) -> None:
    # Linked into place whole: of several workers that start at once, one makes it and all read the same.
    scratch = file.with_name(f".{FILE}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_BYTES).hex().encode("ascii"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(scratch, file)
    except FileExistsError:
        return
    finally:
        scratch.unlink()
