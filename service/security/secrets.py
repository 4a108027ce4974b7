"""Keys as text. A key is ``fenbo_<id>_<secret>``; of the secret only a hash is kept.

The secret is 256 random bits, so that one round of SHA-256 is enough: there is nothing to guess from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"fenbo_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key that was just made. ``text`` is shown once and kept nowhere."""

    key_id: str
    text: str
    digest: str


def new_key() -> NewKey:
    """A key that no one can guess."""
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return NewKey(key_id, f"fenbo_{key_id}_{secret}", digest_of(secret))


def taken_apart(text: str) -> tuple[str, str] | None:
    """Id and secret of a key; None for any other text."""
    found = _FORM.fullmatch(text)
    return None if found is None else (found[1], found[2])


def digest_of(secret: str) -> str:
    """Hex SHA-256 of the secret."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def is_secret_of(secret: str, digest: str) -> bool:
    """Whether the hash is this secret's, in a time that tells nothing of either."""
    return hmac.compare_digest(digest_of(secret), digest)
