"""Which compared tickets belong together: greedy average linkage that obeys people's rulings.

Joining whatever is linked would chain matters together over one doubtful pair. So the likeliest pairs are
joined first, and two groups only when the pairs compared between them are, on average, likely enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .store import Edge, Ruling

COHESION = 0.45
"""Mean probability of the compared pairs between two groups that lets them become one."""


class Groups:
    """Disjoint groups of tickets, with what is known between them."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.group = {number: number for number in numbers}
        self.members = {number: [number] for number in self.group}
        self._between: dict[int, dict[int, list[float]]] = {number: {} for number in self.group}
        self._apart: dict[int, set[int]] = {number: set() for number in self.group}

    def compare(self, edge: Edge) -> None:
        """Take note of a compared pair; pairs of unknown tickets or of one group are passed over."""
        a, b = self.group.get(edge.a), self.group.get(edge.b)
        if a is None or b is None or a == b:
            return
        for one, other in ((a, b), (b, a)):
            total = self._between[one].setdefault(other, [0.0, 0.0])
            total[0] += edge.probability
            total[1] += 1.0

    def part(self, a: int, b: int) -> None:
        """Forbid the groups of tickets ``a`` and ``b``, which differ, to become one."""
        one, other = self.group[a], self.group[b]
        self._apart[one].add(other)
        self._apart[other].add(one)

    def are_apart(self, a: int, b: int) -> bool:
        """Whether tickets ``a`` and ``b`` may not be in one group."""
        return self.group[b] in self._apart[self.group[a]]

    def cohesion(self, a: int, b: int) -> float:
        """Mean probability of the pairs compared between the groups of ``a`` and ``b``; 0 when none was."""
        total, count = self._between[self.group[a]].get(self.group[b], (0.0, 0.0))
        return total / count if count else 0.0

    def join(self, a: int, b: int) -> None:
        """Make one group of those of tickets ``a`` and ``b``."""
        one, other = self.group[a], self.group[b]
        if one == other:
            return
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        for number in self.members[other]:
            self.group[number] = one
        self.members[one] += self.members.pop(other)
        self._between[one].pop(other, None)
        for third, total in self._between.pop(other).items():
            if third == one:
                continue
            mine = self._between[one].setdefault(third, [0.0, 0.0])
            mine[0] += total[0]
            mine[1] += total[1]
            self._between[third].pop(other)
            self._between[third][one] = list(mine)
        for third in self._apart.pop(other):
            self._apart[third].discard(other)
            self._apart[third].add(one)
            self._apart[one].add(third)


def binding(rulings: Sequence[Ruling]) -> list[Ruling]:
    """The rulings that count, latest first: one is overruled when later ones together say otherwise."""
    groups = Groups({number for ruling in rulings for number in (ruling.a, ruling.b)})
    kept = []
    for ruling in sorted(rulings, key=lambda ruling: -ruling.sequence):
        together = groups.group[ruling.a] == groups.group[ruling.b]
        if ruling.same:
            if groups.are_apart(ruling.a, ruling.b):
                continue
            groups.join(ruling.a, ruling.b)
        else:
            if together:
                continue
            groups.part(ruling.a, ruling.b)
        kept.append(ruling)
    return kept


def partition(
    numbers: Sequence[int],
    edges: Sequence[Edge],
    rulings: Sequence[Ruling],
    *,
    threshold: float,
    cohesion: float = COHESION,
) -> list[list[int]]:
    """Groups of ``numbers``, each ascending, in order of their first ticket.

    ``threshold``: probability from which a pair may join two groups at all. The result does not depend on
    the order of ``numbers`` or ``edges``.
    """
    groups = Groups(sorted(numbers))
    known = groups.group
    ruled = [ruling for ruling in binding(rulings) if ruling.a in known and ruling.b in known]
    for ruling in ruled:
        if ruling.same:
            groups.join(ruling.a, ruling.b)
    for ruling in ruled:
        if not ruling.same:
            groups.part(ruling.a, ruling.b)
    inside = sorted(edges, key=lambda edge: (-edge.probability, edge.a, edge.b))
    for edge in inside:
        groups.compare(edge)
    for edge in inside:
        if edge.probability < threshold:
            break
        if edge.a not in known or edge.b not in known or known[edge.a] == known[edge.b]:
            continue
        if groups.are_apart(edge.a, edge.b) or groups.cohesion(edge.a, edge.b) < cohesion:
            continue
        groups.join(edge.a, edge.b)
    return sorted((sorted(members) for members in groups.members.values()), key=lambda members: members[0])


def renamed(
    groups: Sequence[Sequence[int]], old: Mapping[int, int], fresh: Callable[[], int]
) -> dict[int, list[int]]:
    """Groups by cluster: each old cluster's name stays with the group that holds most of its tickets.

    ``old``: the cluster each ticket was in. ``fresh`` gives the name of a group that no old name is left for.
    """
    shares: list[tuple[int, int, int]] = []
    for index, members in enumerate(groups):
        counts: dict[int, int] = {}
        for number in members:
            counts[old[number]] = counts.get(old[number], 0) + 1
        shares += [(-count, cluster, index) for cluster, count in counts.items()]
    named: dict[int, int] = {}
    taken: set[int] = set()
    for _, cluster, index in sorted(shares):
        if index not in named and cluster not in taken:
            named[index] = cluster
            taken.add(cluster)
    for index in range(len(groups)):
        if index not in named:
            named[index] = fresh()
    return {named[index]: list(members) for index, members in enumerate(groups)}
