"""When to ask again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retries:
    """Asks ``attempts`` times in all. Waits double from ``first_seconds`` up to ``longest_seconds``, are spread by
    up to a quarter so that callers who were refused together do not come back together, and are never shorter
    than the answer's ``Retry-After``.
    """

    attempts: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def is_worth_it(self, attempt: int, status: int) -> bool:
        """Whether to ask again after attempt number ``attempt`` (from 1) was answered with ``status``."""
        return attempt < self.attempts and status in _BUSY

    def wait(self, attempt: int, retry_after: str | None) -> float:
        """Seconds before the attempt after number ``attempt``."""
        backoff = min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))
        told = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
        return max(backoff, told) * self.chance.uniform(1.0, 1.25)
