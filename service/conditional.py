"""ETags: what has not changed is not sent again (RFC 9110, 13.1.2)."""

from __future__ import annotations

import hashlib


def etag_of(content: bytes) -> str:
    """A strong entity tag of a response's bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether ``If-None-Match`` says that the caller has this content already."""
    if if_none_match is None:
        return False
    given = (each.strip().removeprefix("W/") for each in if_none_match.split(","))
    return any(each in (etag, "*") for each in given)
