"""A stand-in encoder and letters written for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.duplicates.grams import plain
from model.duplicates.profile import full_text
from model.ticket import Ticket

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class WordingEmbedder:
    """Vectors (N, 64) that are the closer the more character pairs two texts share."""

    dimensions = 64

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._one(plain(text)) for text in texts])

    def _one(self, text: str) -> NDArray[np.float32]:
        total = np.zeros(self.dimensions)
        for first, second in pairwise(text):
            draw = np.random.default_rng(ord(first) * 70_001 + ord(second))
            total += draw.standard_normal(self.dimensions)
        norm = np.linalg.norm(total)
        return (total / norm if norm else total).astype(np.float32)


EMBEDDER = WordingEmbedder()


def vector(ticket: Ticket) -> NDArray[np.float32]:
    return EMBEDDER.embed([full_text(ticket)])[0]


def ticket(number: int | str, content: str, *, hours: float = 0.0, **fields: object) -> Ticket:
    return Ticket(
        content=content,
        ticket_id=str(number),
        created_at=START + timedelta(hours=hours),
        **fields,  # type: ignore[arg-type]
    )


NOISE = (
    "梅林街道望江雅苑楼下的搅拌站半夜还在施工，噪音很大，孩子睡不着，请尽快处理。",
    "投诉望江雅苑旁边搅拌站夜间施工噪音扰民，凌晨两点还有罐车进出，居民无法休息。",
    "望江雅苑门口的搅拌站深夜施工，噪音扰民严重，多次反映没有人管。",
)
OTHER_ESTATE = "沙井街道碧湖花园楼下的搅拌站半夜还在施工，噪音很大，孩子睡不着，请尽快处理。"
OTHER_PROBLEM = "望江雅苑的电梯坏了一个星期，老人上下楼很困难，物业一直不修。"
BUS = "民治街道的M342路公交车等了四十分钟都不来，上班迟到，建议增加班次。"
"""Letters written for the tests: three of one matter, then other matters."""
