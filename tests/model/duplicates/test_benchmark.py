from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from model.duplicates.benchmark import measure
from model.duplicates.city import tellings


def test_the_same_seed_makes_the_same_city() -> None:
    one, again = (list(islice(tellings(500, seed=3), 200)) for _ in range(2))
    assert [telling.ticket for telling in one] == [telling.ticket for telling in again]
    np.testing.assert_array_equal(one[7].vector, again[7].vector)
    other = list(islice(tellings(500, seed=4), 200))
    assert [telling.ticket.content for telling in one] != [telling.ticket.content for telling in other]


def test_a_city_has_crowds_and_loners_in_order_of_time() -> None:
    city = list(tellings(3000))
    times = [telling.ticket.created_at for telling in city]
    assert times == sorted(times, key=lambda time: time.timestamp() if time else 0.0)
    matters = np.bincount([telling.matter for telling in city])
    assert (matters == 1).mean() > 0.6
    assert matters.max() >= 10
    assert len({telling.ticket.content for telling in city}) > 0.9 * len(city)


@pytest.mark.slow
def test_a_small_city_is_measured(tmp_path: Path) -> None:
    measured = measure(6_000, tmp_path, tail=300)
    assert measured.recall_exact > 0.95
    assert measured.recall_planted > 0.95
    assert measured.index_mb_per_million <= 500
    assert measured.cluster_precision > 0.9
    assert measured.cluster_recall > 0.8
