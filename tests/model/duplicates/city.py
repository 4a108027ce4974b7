"""Letters written for the tests, and their vectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from model.duplicates.profile import full_text
from model.duplicates.score import PairScorer
from model.ticket import Ticket

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


WORDS = PairScorer.shipped().words


def vector(ticket: Ticket) -> NDArray[np.float32]:
    meaning: NDArray[np.float32] = WORDS.embed([full_text(ticket)])[0]
    return meaning


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
