from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model.duplicates.axes import BITS, Axes, principal_axes
from model.duplicates.index import EVERYWHERE, VectorIndex
from model.errors import FenboError

DIMENSIONS = 96
F32 = NDArray[np.float32]


def vectors(count: int, seed: int = 0) -> F32:
    """Unit vectors about a hundred topics, their variance falling from axis to axis, as an encoder's."""
    draw = np.random.default_rng(seed)
    topics = np.random.default_rng(8).standard_normal((100, DIMENSIONS)) * 0.8
    wide = topics[draw.integers(100, size=count)] + draw.standard_normal((count, DIMENSIONS))
    wide *= np.linspace(2.0, 0.2, DIMENSIONS)
    turned = wide @ np.linalg.qr(np.random.default_rng(9).standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)


def numbers(start: int, count: int) -> NDArray[np.uint32]:
    return np.arange(start, start + count, dtype=np.uint32)


def exact(query: F32, rows: F32, most: int) -> set[int]:
    return set(np.argsort(-(rows @ query))[:most].tolist())


def test_a_sketch_tells_near_from_far() -> None:
    """Bits of the sketch that differ follow the angle; planes of one turn stand at right angles."""
    axes = principal_axes(vectors(2000))
    one, other = vectors(2000), vectors(2000, seed=1)
    near = ((one @ axes.planes > 0) != ((one + 0.02 * other) @ axes.planes > 0)).mean()
    far = ((one @ axes.planes > 0) != (other @ axes.planes > 0)).mean()
    assert near < 0.05 < 0.4 < far < 0.6
    block = axes.planes[:, :64]
    np.testing.assert_allclose(block.T @ block, np.eye(64), atol=1e-5)
    np.testing.assert_array_equal(axes.planes, principal_axes(vectors(2000)).planes)


def test_few_rows_are_searched_exactly() -> None:
    rows = vectors(500)
    index = VectorIndex(DIMENSIONS)
    index.add_many(numbers(0, 500), rows, area="", week=1)
    found = index.search(rows[7], most=10)
    assert found.numbers[0] == 7
    assert found.similarity[0] == pytest.approx(1.0, abs=0.02)
    assert len(set(found.numbers.tolist()) & exact(rows[7], rows, 10)) >= 9


def test_many_rows_are_searched_nearly_exactly() -> None:
    rows = vectors(30_000)
    index = VectorIndex(DIMENSIONS, axes=principal_axes(rows[:5000]))
    for week in range(6):
        for place, area in enumerate(("", "甲", "乙", "丙", "丁")):
            start = (week * 5 + place) * 1000
            index.add_many(numbers(start, 1000), rows[start : start + 1000], area=area, week=week)
    asked = vectors(60, seed=1) * 0.5 + rows[::500] * 0.7
    recall = [
        len(set(index.search(query, most=24).numbers.tolist()) & exact(query, rows, 20)) / 20
        for query in (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    ]
    assert float(np.mean(recall)) > 0.97


def test_only_the_weeks_asked_for() -> None:
    rows = vectors(30)
    index = VectorIndex(DIMENSIONS)
    for week in range(3):
        index.add_many(numbers(week * 10, 10), rows[week * 10 : week * 10 + 10], area="甲", week=week)
    found = index.search(rows[5], most=30, weeks=range(1, 3))
    assert set(found.numbers.tolist()) == set(range(10, 30))


def test_a_week_is_dropped_whole() -> None:
    index = VectorIndex(DIMENSIONS)
    for week in range(4):
        index.add_many(numbers(week * 10, 10), vectors(10, week), area="", week=week)
    before = index.nbytes
    assert index.drop_before(2) == 20
    assert index.rows == 20
    assert index.nbytes < before
    assert set(index.search(vectors(1)[0], most=100).numbers.tolist()) == set(range(20, 40))


def test_in_a_large_index_a_search_keeps_to_its_area_and_to_unplaced_tickets() -> None:
    count = EVERYWHERE // 2
    same = np.repeat(vectors(1), count, axis=0)
    index = VectorIndex(DIMENSIONS, axes=principal_axes(vectors(500)))
    for place, area in enumerate(("甲", "乙", "")):
        index.add_many(numbers(place * count, count), same, area=area, week=0)
    found = index.search(same[0], most=50, area="甲").numbers // count
    assert set(found.tolist()) <= {0, 2}


def test_a_million_equal_vectors_keep_a_search_bounded() -> None:
    index = VectorIndex(DIMENSIONS, axes=principal_axes(vectors(500)))
    for week in range(10):
        index.add_many(
            numbers(week * 10_000, 10_000), np.repeat(vectors(1), 10_000, axis=0), area="", week=week
        )
    assert len(index.search(vectors(1)[0], most=20).numbers) == 20


def test_memory_a_ticket() -> None:
    axes = Axes(np.eye(384, 352, dtype=np.float32), np.eye(384, BITS, dtype=np.float32))
    index = VectorIndex(384, axes=axes)
    rows = np.zeros((10_000, 384), dtype=np.float32)
    rows[:, 0] = 1.0
    index.add_many(numbers(0, 10_000), rows, area="", week=0)
    index.trim_before(1)
    assert index.nbytes / index.rows <= 400


@pytest.mark.parametrize("most", [0, 5])
def test_an_empty_index_finds_nothing(most: int) -> None:
    assert len(VectorIndex(DIMENSIONS).search(vectors(1)[0], most=most).numbers) == 0


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(FenboError, match="dimensions is 0"):
        VectorIndex(0)
    with pytest.raises(FenboError, match="axes"):
        VectorIndex(8, axes=principal_axes(vectors(20)))
