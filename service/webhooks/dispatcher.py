"""Sends what is due, from whichever process finds it first; tries again ever later, and gives up in the end."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from service.logs import described
from service.metrics import Metrics
from service.settings import Settings
from service.storage import Storage, StorageUnavailable
from service.storage import webhooks as rows
from service.storage.webhooks import Claimed, Tried
from service.version import VERSION
from service.webhooks.signing import HEADER, signature
from service.webhooks.targets import TargetRefused, Undeliverable, post, target_of

_SENDERS: Final = 4
_HELD_SECONDS: Final = 120.0
_LONGEST_WAIT_SECONDS: Final = 3600.0
_KEPT_DAYS: Final = 30
_FORGET_EVERY_SECONDS: Final = 3600.0
_GONE: Final = 410

_log = structlog.get_logger("service.webhooks")


def secret_of(storage: Storage, webhook: str) -> str:
    """The secret that signs for a webhook: made of the service's key, kept nowhere, the same at every restart."""
    return "whsec_" + storage.key.hashed("webhook", webhook.encode("utf-8")).hex()


def wait_before(attempt: int, *, first: float, chance: random.Random) -> float:
    """Seconds between a failed ``attempt`` (from 1) and the next.

    ``first`` seconds after the first, doubled each time, an hour at most; spread by a half either way.
    """
    return min(_LONGEST_WAIT_SECONDS, first * 2.0 ** (attempt - 1)) * chance.uniform(0.5, 1.5)


class Dispatcher:
    """One process's sender of webhooks. Used on the event loop."""

    def __init__(self, settings: Settings, storage: Storage, metrics: Metrics) -> None:
        self._settings = settings
        self._storage = storage
        self._metrics = metrics
        # Not a secret: it only keeps senders from knocking all at once.
        self._chance = random.Random()
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="webhooks")
        self._task: asyncio.Task[None] | None = None
        self._forget_at = time.monotonic() + _FORGET_EVERY_SECONDS

    def start(self) -> None:
        """Begin to look for what is due."""
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Send no more; what was being sent is tried again later."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            try:
                while await self._round():
                    pass
                await self._forget()
            except StorageUnavailable:
                # Told in the log where it matters: by those whose rows are refused.
                pass
            except Exception as error:
                _log.error("webhooks failed", raised=described(error))
            await asyncio.sleep(self._settings.webhook_poll_seconds)

    async def _round(self) -> bool:
        """Fan out and send what is due; whether there was anything."""
        now = datetime.now(UTC)
        if not await self._storage.read(partial(rows.has_work, now=now)):
            return False
        made = await self._storage.write(rows.fan_out, now)
        claimed = await self._storage.write(rows.claim, (now, now + timedelta(seconds=_HELD_SECONDS)))
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        return bool(made or claimed)

    async def _deliver(self, claimed: Claimed) -> None:
        loop = asyncio.get_running_loop()
        tried = await loop.run_in_executor(self._pool, self._tried, claimed)
        self._metrics.webhook(
            "delivered" if tried.failure is None else "dead" if tried.again_at is None else "failed"
        )
        await self._storage.write(rows.settle, tried)

    def _tried(self, claimed: Claimed) -> Tried:
        status: int | None = None
        refused = False
        try:
            status = self._send(claimed)
            failure = None if 200 <= status < 300 else f"对方答 {status}"
        except TargetRefused as error:
            failure, refused = str(error), True
        except Undeliverable as error:
            failure = str(error)
        if failure is None:
            return Tried(claimed.id, status, None, None)
        if refused or status == _GONE or claimed.attempts >= self._settings.webhook_attempts:
            return Tried(claimed.id, status, failure, None)
        first = self._settings.webhook_first_wait_seconds
        wait = wait_before(claimed.attempts, first=first, chance=self._chance)
        return Tried(claimed.id, status, failure, datetime.now(UTC) + timedelta(seconds=wait))

    def _send(self, claimed: Claimed) -> int:
        private = self._settings.webhook_private
        body = claimed.body.encode("utf-8")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"fenbo/{VERSION}",
            "Fenbo-Event": claimed.event,
            "Fenbo-Delivery": str(claimed.id),
            HEADER: signature(secret_of(self._storage, claimed.webhook), body, at=int(time.time())),
        }
        return post(
            target_of(claimed.url, private=private),
            body,
            headers,
            private=private,
            timeout_seconds=self._settings.webhook_timeout_seconds,
        )

    async def _forget(self) -> None:
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + _FORGET_EVERY_SECONDS
        await self._storage.write(rows.forget_delivered, datetime.now(UTC) - timedelta(days=_KEPT_DAYS))
