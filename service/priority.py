"""Which threads go first when the machine has not enough processors for all."""

from __future__ import annotations

import os
import sys
import threading
from typing import Final

_NICENESS: Final = 10


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def step_back() -> None:
    """Let every other thread go before this one, where the system can tell threads apart."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
