"""How often one key may ask: a bucket of tokens that fills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_BUCKETS: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """One bucket a key, in this process: of several workers each counts what it is asked itself."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, key_id: str, *, per_second: float, burst: int) -> float:
        """Take one token: 0 when there was one, else the seconds until there will be."""
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            self._forget(now, per_second, burst)
            bucket = self._buckets[key_id] = _Bucket(float(burst), now)
        bucket.tokens = min(float(burst), bucket.tokens + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / per_second

    def _forget(self, now: float, per_second: float, burst: int) -> None:
        """Full buckets are as good as none."""
        if len(self._buckets) >= _MOST_BUCKETS:
            full = [name for name, each in self._buckets.items() if (now - each.at) * per_second >= burst]
            for name in full:
                del self._buckets[name]
