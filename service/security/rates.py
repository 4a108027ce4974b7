"""How often one key may ask: a bucket of tokens that fills at a steady rate."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from service.metrics import MULTIPROCESS_VARIABLE

_MOST_BUCKETS: Final = 10_000
_SLOTS: Final = 8_192
_PROBES: Final = 8
_SLOT: Final = struct.Struct("<Qdd")
"""Key, tokens left, and when that was; a key of 0 is nobody's."""


class Rates(Protocol):
    """One bucket a key."""

    def wait(self, key_id: str, *, per_second: float, burst: int) -> float:
        """Take one token: 0 when there was one, else the seconds until there will be."""


def rates() -> Rates:
    """Shared with the other workers where there are any, else of this process alone."""
    folder = os.environ.get(MULTIPROCESS_VARIABLE)
    return SharedRates(Path(folder) / "rates") if folder else OwnRates()


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float

    def take(self, now: float, per_second: float, burst: int) -> float:
        self.tokens = min(float(burst), self.tokens + max(0.0, now - self.at) * per_second)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / per_second


class OwnRates:
    """Buckets in this process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, key_id: str, *, per_second: float, burst: int) -> float:
        """As `Rates`."""
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            self._forget(now, per_second, burst)
            bucket = self._buckets[key_id] = _Bucket(float(burst), now)
        return bucket.take(now, per_second, burst)

    def _forget(self, now: float, per_second: float, burst: int) -> None:
        """Full buckets are as good as none."""
        if len(self._buckets) >= _MOST_BUCKETS:
            full = [name for name, each in self._buckets.items() if (now - each.at) * per_second >= burst]
            for name in full:
                del self._buckets[name]


class SharedRates:
    """Buckets in a file that the workers of one service map into their memory.

    A key has one of `_PROBES` places; when all are taken, the bucket that was asked longest ago gives way: it is
    the likeliest to be full. The monotonic clock is the same in all processes of a machine.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, _SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._file, _SLOTS * _SLOT.size)

    def wait(self, key_id: str, *, per_second: float, burst: int) -> float:
        """As `Rates`."""
        digest = hashlib.blake2b(key_id.encode("utf-8"), digest_size=8).digest()
        key = int.from_bytes(digest, "little") or 1
        with self._locked():
            now = self._clock()
            offset, bucket = self._place(key, now, burst)
            waits = bucket.take(now, per_second, burst)
            _SLOT.pack_into(self._memory, offset, key, bucket.tokens, bucket.at)
        return waits

    def _place(self, key: int, now: float, burst: int) -> tuple[int, _Bucket]:
        oldest, oldest_at = 0, float("inf")
        for probe in range(_PROBES):
            offset = (key + probe) % _SLOTS * _SLOT.size
            its, tokens, at = _SLOT.unpack_from(self._memory, offset)
            if its == key:
                return offset, _Bucket(tokens, at)
            age = at if its else -float("inf")
            if age < oldest_at:
                oldest, oldest_at = offset, age
        return oldest, _Bucket(float(burst), now)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
