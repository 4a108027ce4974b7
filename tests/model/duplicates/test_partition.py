from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from model.duplicates.partition import binding, partition, renamed
from model.duplicates.store import Edge, Ruling


def ruling(sequence: int, a: int, b: int, same: bool) -> Ruling:
    return Ruling(sequence, 0, min(a, b), max(a, b), same, "", "")


def test_likely_pairs_join_and_unlikely_stay_apart() -> None:
    edges = [Edge(1, 2, 0.9), Edge(2, 3, 0.8), Edge(1, 3, 0.7), Edge(3, 4, 0.2)]
    assert partition([1, 2, 3, 4], edges, [], threshold=0.6) == [[1, 2, 3], [4]]


def test_one_doubtful_pair_does_not_chain_two_matters() -> None:
    one = [Edge(a, b, 0.95) for a, b in ((1, 2), (1, 3), (2, 3))]
    other = [Edge(a, b, 0.95) for a, b in ((4, 5), (4, 6), (5, 6))]
    doubtful = [Edge(3, 4, 0.65), Edge(1, 4, 0.1), Edge(2, 5, 0.1), Edge(1, 6, 0.05)]
    assert partition(range(1, 7), [*one, *other, *doubtful], [], threshold=0.6) == [[1, 2, 3], [4, 5, 6]]


def test_rulings_are_obeyed_against_the_score() -> None:
    edges = [Edge(1, 2, 0.99), Edge(3, 4, 0.01)]
    groups = partition([1, 2, 3, 4], edges, [ruling(1, 1, 2, False), ruling(2, 3, 4, True)], threshold=0.6)
    assert groups == [[1], [2], [3, 4]]


def test_the_later_ruling_wins() -> None:
    assert partition([1, 2], [], [ruling(1, 1, 2, False), ruling(2, 1, 2, True)], threshold=0.6) == [[1, 2]]
    assert partition([1, 2], [], [ruling(1, 1, 2, True), ruling(2, 1, 2, False)], threshold=0.6) == [[1], [2]]


def test_a_ruling_that_later_ones_contradict_together_is_overruled() -> None:
    rulings = [ruling(1, 1, 2, True), ruling(2, 2, 3, True), ruling(3, 1, 3, False)]
    assert [kept.sequence for kept in binding(rulings)] == [3, 2]
    assert partition([1, 2, 3], [], rulings, threshold=0.6) == [[1], [2, 3]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)), max_size=30),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=6),
    st.integers(0, 999),
)
def test_groups_are_a_partition_that_obeys_and_forgets_the_order(
    pairs: list[tuple[int, int, float]], ruled: list[tuple[int, int, bool]], seed: int
) -> None:
    known = {(min(a, b), max(a, b)): p for a, b, p in pairs if a != b}
    edges = [Edge(a, b, p) for (a, b), p in known.items()]
    rulings = [ruling(n, a, b, same) for n, (a, b, same) in enumerate(ruled) if a != b]
    groups = partition(range(10), edges, rulings, threshold=0.5)
    assert sorted(number for group in groups for number in group) == list(range(10))
    where = {number: place for place, group in enumerate(groups) for number in group}
    for its in binding(rulings):
        assert (where[its.a] == where[its.b]) == its.same
    shuffled = random.Random(seed).sample(edges, len(edges))
    assert partition(list(range(9, -1, -1)), shuffled, rulings, threshold=0.5) == groups


def test_an_unchanged_cluster_keeps_its_name_and_a_split_one_its_larger_part() -> None:
    old = {1: 1, 2: 1, 3: 1, 4: 4, 5: 4}
    new = renamed([[1], [2, 3], [4, 5]], old, lambda: 99)
    assert new == {99: [1], 1: [2, 3], 4: [4, 5]}
