"""The profiles that a store was asked for lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from .profile import Profile

MOST = 4096
"""Profiles kept: those of candidates and of large clusters are asked for again and again."""


class ProfileCache:
    """At most MOST profiles by ticket number; the one not asked for longest goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Profile] = OrderedDict()

    def get(
        self, numbers: Sequence[int], read: Callable[[Sequence[int]], dict[int, Profile]]
    ) -> dict[int, Profile]:
        """Profiles by number; ``read`` is asked for those that are not kept, and unknown ones are left out."""
        found = read([number for number in numbers if number not in self._kept])
        for number in numbers:
            if number in self._kept:
                self._kept.move_to_end(number)
                found[number] = self._kept[number]
        self._kept.update(found)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found

    def forget(self, numbers: Sequence[int]) -> None:
        """Let go of these."""
        for number in numbers:
            self._kept.pop(number, None)

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()
