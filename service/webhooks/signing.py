"""What proves to a receiver that a telling is ours and new: HMAC-SHA-256 (RFC 2104) over its time and its body."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Fenbo-Signature"


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header's value, ``t=<unix seconds>,v1=<hex>``: the MAC is over ``<t>.<body>``."""
    return f"t={at},v1={_mac(secret, body, at)}"


def is_signed(header: str, secret: str, body: bytes, *, now: float, tolerance_seconds: float = 300.0) -> bool:
    """Whether a received body is signed with this secret, not long ago. For receivers, and for our own tests."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    stamp = parts.get("t", "")
    if not stamp.isdecimal() or abs(now - int(stamp)) > tolerance_seconds:
        return False
    return hmac.compare_digest(parts.get("v1", ""), _mac(secret, body, int(stamp)))


def _mac(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode("utf-8"), f"{at}.".encode("ascii") + body, hashlib.sha256).hexdigest()
