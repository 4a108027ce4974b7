"""The pair score as a dispatcher relies on it: same place and same problem, or not the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from model.duplicates.profile import Profile, Profiler
from model.duplicates.score import PairScorer
from model.errors import FenboError
from model.place import PlaceFinder
from model.ticket import Location

from .city import BUS, NOISE, OTHER_ESTATE, OTHER_PROBLEM, START, ticket, vector


@pytest.fixture(scope="module")
def profiler(scorer: PairScorer, places: PlaceFinder) -> Profiler:
    return Profiler(scorer.rarity, scorer.words, finder=places)


def profile(profiler: Profiler, text: str, **fields: object) -> Profile:
    letter = ticket(1, text, **fields)
    return profiler.profile(letter, vector(letter))


def test_the_same_text_is_the_same_matter(scorer: PairScorer, profiler: Profiler) -> None:
    a = profile(profiler, NOISE[0])
    assert scorer.probability(a, a) > 0.9


def test_same_matter_beats_other_estate_other_problem_and_other_all(
    scorer: PairScorer, profiler: Profiler
) -> None:
    a, same, estate, problem, other = (
        profile(profiler, text) for text in (NOISE[0], NOISE[1], OTHER_ESTATE, OTHER_PROBLEM, BUS)
    )
    score = {
        name: scorer.probability(a, b)
        for name, b in (("same", same), ("estate", estate), ("problem", problem), ("other", other))
    }
    assert score["same"] > max(score["estate"], score["problem"], score["other"])
    assert score["other"] < 0.1


def test_another_district_holds_even_a_copy_down(scorer: PairScorer, profiler: Profiler) -> None:
    text = "楼下的搅拌站半夜还在施工，噪音很大，孩子睡不着，请尽快处理。"
    here = profile(profiler, text, location=Location(district="福田区"))
    there = profile(profiler, text, location=Location(district="宝安区"))
    assert scorer.probability(here, there) < scorer.threshold
    assert scorer.probability(here, here) > scorer.probability(here, there)


def test_the_order_of_the_two_does_not_matter(scorer: PairScorer, profiler: Profiler) -> None:
    profiles = [profile(profiler, text) for text in (*NOISE, OTHER_ESTATE, OTHER_PROBLEM, BUS)]
    for a in profiles:
        for b in profiles:
            assert scorer.probability(a, b) == pytest.approx(scorer.probability(b, a), abs=1e-5)


def test_many_at_once_is_the_same_as_one_by_one(scorer: PairScorer, profiler: Profiler) -> None:
    profiles = [profile(profiler, text) for text in (*NOISE, OTHER_ESTATE, "", "。", BUS)]
    together = scorer.probabilities(profiles[0], profiles)
    alone = [scorer.probability(profiles[0], other) for other in profiles]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert scorer.probabilities(profiles[0], []).shape == (0,)


def test_time_sender_and_department_lean_as_one_expects(scorer: PairScorer, profiler: Profiler) -> None:
    a, b = profile(profiler, NOISE[0]), profile(profiler, NOISE[1])
    base = scorer.probability(a, b)
    assert scorer.probability(a, replace(b, created_at=START + timedelta(days=80))) < base
    assert scorer.probability(replace(a, reporter="x"), replace(b, reporter="x")) > base
    assert scorer.probability(replace(a, department="A"), replace(b, department="B")) < base
    assert scorer.probability(replace(a, department="A"), replace(b, department="A")) > base


def test_the_parts_of_a_verdict_add_up(scorer: PairScorer, profiler: Profiler) -> None:
    a, b = profile(profiler, NOISE[0]), profile(profiler, NOISE[1])
    log_odds = sum(scorer.contributions(a, b).values()) + scorer.model.intercept
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(scorer.probability(a, b), abs=1e-3)


def test_saved_and_loaded_it_scores_the_same(scorer: PairScorer, profiler: Profiler, tmp_path: Path) -> None:
    scorer.save(tmp_path)
    again = PairScorer.load(tmp_path)
    a, b = profile(profiler, NOISE[0]), profile(profiler, NOISE[2])
    assert again.threshold == scorer.threshold
    assert again.probability(a, b) == pytest.approx(scorer.probability(a, b), abs=0.01)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 99}, "format 99"),
        ({"words": "0123456789abcdef"}, "word table 0123456789abcdef.*train-pairs"),
        ({"features": []}, "features"),
        ({"context": {"weather": 1.0}}, "weather"),
        ({"intercept": "x"}, "damaged"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    scorer: PairScorer, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    scorer.save(tmp_path)
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(FenboError, match=complaint):
        PairScorer.load(tmp_path)


def test_a_bundle_without_a_pair_model_gets_the_shipped_one(tmp_path: Path, scorer: PairScorer) -> None:
    assert PairScorer.of_bundle(tmp_path).model.intercept == scorer.model.intercept
