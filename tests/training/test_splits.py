"""No group straddles, every label gets its share, and nobody trains on the future."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import FenboError
from training.splits import group_folds, group_split, time_split

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def some_groups(size: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.integers(0, max(1, int(size * draw.uniform(0.2, 1.5))), size)


@given(
    size=st.integers(1, 300), seed=st.integers(0, 1000), parts=st.integers(1, 4), classes=st.integers(1, 6)
)
def test_every_row_lies_in_one_part_and_no_group_in_two(
    size: int, seed: int, parts: int, classes: int
) -> None:
    groups = some_groups(size, seed)
    labels = [str(label) for label in np.random.default_rng(seed).integers(0, classes, size)]
    split = group_split(groups, [1 / parts] * parts, seed, labels=labels)
    assert sorted(np.concatenate(split).tolist()) == list(range(size))
    seen = [set(groups[part].tolist()) for part in split]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_sizes_and_labels_keep_their_shares() -> None:
    draw = np.random.default_rng(5)
    groups = np.concatenate([np.repeat(np.arange(100), 5), np.arange(100, 9_600)])
    labels = draw.choice(
        ["住建局", "教育局", "水务局", "档案局"], groups.size, p=[0.6, 0.3, 0.09, 0.01]
    ).tolist()
    split = group_split(groups, [0.8, 0.1, 0.1], seed=1, labels=labels)
    assert [part.size for part in split] == pytest.approx([8_000, 1_000, 1_000], abs=4)
    total = Counter(labels)
    for part, share in zip(split, (0.8, 0.1, 0.1), strict=True):
        found = Counter(labels[index] for index in part)
        for label, count in total.items():
            assert found[label] == pytest.approx(count * share, abs=2)


def test_many_rare_labels_do_not_starve_the_small_part() -> None:
    labels = [str(number // 4) for number in range(2_000)]
    small = group_split(np.arange(2_000), [0.9, 0.1], seed=0, labels=labels)[1]
    assert small.size == pytest.approx(200, abs=2)


def test_one_group_with_nearly_everything_goes_to_the_large_part() -> None:
    groups = np.array([0] * 90 + list(range(1, 11)))
    large, small = group_split(groups, [0.9, 0.1], seed=0)
    assert set(range(90)) <= set(large.tolist())
    assert set(small.tolist()) == set(range(90, 100))


def test_the_seed_decides() -> None:
    groups = np.arange(200)
    first, again, other = (group_split(groups, [0.5, 0.5], seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("fractions", [[], [0.5, 0.4], [1.2, -0.2], [1.0, 0.0]])
def test_fractions_that_do_not_add_up(fractions: list[float]) -> None:
    with pytest.raises(FenboError, match="fractions"):
        group_split(np.arange(5), fractions, seed=0)


def test_labels_of_another_length() -> None:
    with pytest.raises(FenboError, match="labels has 2 rows and groups 3"):
        group_split(np.arange(3), [0.5, 0.5], seed=0, labels=["a", "b"])


@given(size=st.integers(10, 200), seed=st.integers(0, 100), folds=st.integers(2, 5))
def test_folds_hold_every_row_out_once(size: int, seed: int, folds: int) -> None:
    groups = np.arange(size) // 2
    pairs = group_folds(groups, folds, seed)
    assert len(pairs) == folds
    assert sorted(np.concatenate([held for _, held in pairs]).tolist()) == list(range(size))
    for kept, held in pairs:
        assert not set(groups[kept].tolist()) & set(groups[held].tolist())
        assert kept.size + held.size == size
        assert held.size == pytest.approx(size / folds, abs=2)


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_a_number_of_folds_that_cannot_be(folds: int) -> None:
    with pytest.raises(FenboError, match=f"folds: {folds}; allowed: 2 to 3"):
        group_folds(np.array([0, 0, 1, 2]), folds, seed=0)


def test_copies_of_later_letters_leave_the_earlier_part() -> None:
    times = [DAY + timedelta(days=day) for day in (0, 1, 2, 3, 4, 5)]
    groups = np.array([0, 1, 2, 3, 1, 5])
    split = time_split([*times, None], np.append(groups, 0), until=DAY + timedelta(days=3))
    assert split.earlier.tolist() == [0, 2]
    assert split.later.tolist() == [3, 4, 5]
    assert split.copies.tolist() == [1]
    assert split.undated.tolist() == [6]


@given(
    days=st.lists(st.none() | st.integers(0, 30), min_size=4, max_size=80),
    later=st.floats(0.05, 0.95),
    seed=st.integers(0, 100),
)
def test_a_share_by_time(days: list[int | None], later: float, seed: int) -> None:
    times = [None if day is None else DAY + timedelta(days=day) for day in days]
    groups = some_groups(len(days), seed)
    try:
        split = time_split(times, groups, later=later)
    except FenboError:
        return
    parts = (split.earlier, split.later, split.copies, split.undated)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(days)))
    assert all(times[index] is None for index in split.undated)
    newest = max(times[index] for index in split.earlier)  # type: ignore[type-var]
    oldest = min(times[index] for index in split.later)  # type: ignore[type-var]
    assert newest is not None
    assert oldest is not None
    assert newest < oldest
    assert not set(groups[split.earlier].tolist()) & set(groups[split.later].tolist())
    assert split.later.size >= int(later * sum(day is not None for day in days))


def test_a_share_of_distinct_days_is_exact() -> None:
    times = [DAY + timedelta(days=day) for day in range(100)]
    split = time_split(times[::-1], np.arange(100), later=0.2)
    assert split.later.tolist() == list(range(20))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "either until"),
        ({"until": DAY, "later": 0.5}, "either until"),
        ({"later": 1.0}, "later: 1.0"),
        ({"until": DAY - timedelta(days=9)}, "no letter is on the earlier side"),
        ({"until": DAY + timedelta(days=9)}, "no letter is on the later side"),
        ({"until": DAY.replace(tzinfo=None)}, "without zone"),
    ],
)
def test_a_cut_that_cannot_be(options: dict[str, object], says: str) -> None:
    with pytest.raises(FenboError, match=says):
        time_split([DAY, DAY + timedelta(days=1)], np.array([0, 1]), **options)  # type: ignore[arg-type]


def test_letters_without_any_time() -> None:
    with pytest.raises(FenboError, match="no letter has created_at"):
        time_split([None, None], np.array([0, 1]), later=0.5)
