from __future__ import annotations

import numpy as np
import pytest

from model.duplicates.bearing import BEARING, SKETCHED, sketch, weighed


def test_shared_names_bring_letters_nearer_and_others_do_not() -> None:
    here, also, there = sketch(["望江雅苑", "梅林街道"]), sketch(["望江雅苑"]), sketch(["碧湖花园"])
    assert here @ also > 0.5
    assert abs(float(also @ there)) < 0.4
    np.testing.assert_array_equal(also, sketch(["望江雅苑"]))


def test_without_names_there_is_no_bearing() -> None:
    assert not sketch([]).any()


def test_a_searched_vector_blends_meaning_and_names() -> None:
    meaning, names = np.eye(1, 10, dtype=np.float32)[0], sketch(["望江雅苑"])
    searched = weighed(np.concatenate([meaning, names]))
    assert searched.shape == (10 + SKETCHED,)
    assert np.linalg.norm(searched) == pytest.approx(1.0, abs=1e-5)
    unnamed = weighed(np.concatenate([meaning, np.zeros_like(names)]))
    assert searched @ unnamed == pytest.approx(1.0 - BEARING, abs=1e-5)
