"""Lets a request through, or says why not."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from service.problems import FORBIDDEN, RATE_LIMITED, UNAUTHENTICATED, Problem, retry_after_header
from service.security.principal import DEVELOPER, Principal
from service.security.rates import rates
from service.security.roles import Allowed, Role
from service.security.secrets import is_secret_of, taken_apart
from service.settings import Settings
from service.storage.database import StorageUnavailable

_BELIEVED_SECONDS: Final = 2.0
"""So long a key is not looked up again; a revoked one is refused everywhere after it."""
_BELIEVED_WHILE_AWAY_SECONDS: Final = 3600.0
_MOST_BELIEVED: Final = 10_000
_SCRAPER: Final = Principal(key_id="scraper", name="scraper", role=Role.DATA_SCIENTIST)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is kept. ``per_second`` None takes the settings' rate."""

    key_id: str
    name: str
    role: Role
    digest: str
    revoked: bool
    per_second: float | None


FindKey = Callable[[str], Awaitable[KnownKey | None]]


class Gate:
    """Knows who asks by ``Authorization: Bearer``, what their role may do, and how often they ask."""

    def __init__(self, settings: Settings, find: FindKey) -> None:
        self._settings = settings
        self._find = find
        self._rates = rates()
        self._believed: dict[str, tuple[float, KnownKey | None]] = {}

    async def admit(
        self, scope: Scope, allowed: Allowed, *, operation: str, key: str | None = None
    ) -> Principal:
        """Who asks: by ``key`` where the caller may give it elsewhere than in the header.

        Raises `Problem`: 401, 403 or 429.
        """
        if self._settings.dev:
            return DEVELOPER
        given = key or _bearer(Headers(scope=scope).get("authorization"))
        if operation == "metrics" and self._is_scrape_token(given):
            return _SCRAPER
        known = await self._known(given)
        if known.role not in allowed:
            roles = "、".join(role.value for role in Role if role in allowed)
            raise Problem(
                FORBIDDEN, f"密钥 {known.key_id} 的角色是 {known.role.value}；这个接口需要：{roles}"
            )
        self._take_turn(known)
        return Principal(known.key_id, known.name, known.role)

    def forget(self, key_id: str) -> None:
        """Look a key up again at its next request."""
        self._believed.pop(key_id, None)

    def _is_scrape_token(self, given: str) -> bool:
        token = self._settings.metrics_token
        return token is not None and hmac.compare_digest(given.encode(), token.get_secret_value().encode())

    async def _known(self, given: str) -> KnownKey:
        parts = taken_apart(given)
        if parts is None:
            raise _unauthenticated("密钥的形式不对；应为 fenbo_ 开头的一整串")
        key_id, secret = parts
        key = await self._looked_up(key_id)
        if key is None or key.revoked or not is_secret_of(secret, key.digest):
            raise _unauthenticated("没有这个密钥，或者它已被吊销")
        return key

    async def _looked_up(self, key_id: str) -> KnownKey | None:
        now = time.monotonic()
        at, key = self._believed.get(key_id, (-_BELIEVED_SECONDS, None))
        if now - at < _BELIEVED_SECONDS:
            return key
        try:
            key = await self._find(key_id)
        except StorageUnavailable:
            # A database that is away must not stop those who were let in before: predictions need none.
            if key is None or now - at > _BELIEVED_WHILE_AWAY_SECONDS:
                raise
            return key
        if len(self._believed) >= _MOST_BELIEVED:
            self._believed.clear()
        self._believed[key_id] = (now, key)
        return key

    def _take_turn(self, key: KnownKey) -> None:
        per_second = key.per_second or self._settings.rate_per_second
        burst = max(1, round(per_second * self._settings.rate_burst_seconds))
        wait = self._rates.wait(key.key_id, per_second=per_second, burst=burst)
        if wait:
            raise Problem(
                RATE_LIMITED,
                f"这个密钥每秒最多 {per_second:g} 次；请按 Retry-After 稍后再试",
                headers={"Retry-After": retry_after_header(wait)},
            )


def _bearer(header: str | None) -> str:
    if header is None:
        raise _unauthenticated(
            "请带上请求头 Authorization: Bearer <密钥>；密钥由管理员用 fenbo keys create 建立"
        )
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthenticated("请求头 Authorization 的形式应为 Bearer <密钥>")
    return token.strip()


def _unauthenticated(detail: str) -> Problem:
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": "Bearer"})
