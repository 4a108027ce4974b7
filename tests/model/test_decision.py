"""What may go without a person, and the reasons given."""

from __future__ import annotations

import pytest

from model.calibration import DecisionThresholds, UrgencyThresholds
from model.decision import Circumstances, decide
from model.prediction import Candidate

THRESHOLDS = DecisionThresholds(auto=0.8, suggest=0.5, departments={"GAJ": 0.9})


def _top(*pairs: tuple[str, float]) -> list[Candidate]:
    return [Candidate(code, f"{code}局", probability) for code, probability in pairs]


@pytest.mark.parametrize(
    ("top", "action"),
    [
        (_top(("JTJ", 0.8), ("CGJ", 0.1)), "auto"),
        (_top(("JTJ", 0.79), ("CGJ", 0.1)), "suggest"),
        (_top(("JTJ", 0.49), ("CGJ", 0.1)), "review"),
        (_top(("GAJ", 0.85), ("CGJ", 0.1)), "suggest"),
        (_top(("GAJ", 0.9), ("CGJ", 0.1)), "auto"),
    ],
)
def test_bars_apply_and_a_stricter_one_of_a_department_wins(top: list[Candidate], action: str) -> None:
    assert decide(top, THRESHOLDS, Circumstances()).action == action


@pytest.mark.parametrize(
    ("circumstances", "code"),
    [
        (Circumstances(emergency=True), "emergency"),
        (Circumstances(out_of_scope=True), "out_of_scope"),
        (Circumstances(unfamiliar=True), "unfamiliar"),
        (Circumstances(too_short=True), "too_little_text"),
        (Circumstances(second=Candidate("CGJ", "城管局", 0.7)), "two_requests"),
    ],
)
def test_an_obstacle_goes_to_a_person_however_sure_the_model_is(
    circumstances: Circumstances, code: str
) -> None:
    decision = decide(_top(("JTJ", 0.99), ("CGJ", 0.01)), THRESHOLDS, circumstances)
    assert decision.action == "review"
    assert [reason.code for reason in decision.reasons] == [code]


def test_two_close_departments_are_named() -> None:
    decision = decide(_top(("JTJ", 0.45), ("CGJ", 0.4)), THRESHOLDS, Circumstances())
    assert decision.reasons[0].code == "ambiguous"
    assert "JTJ局" in decision.reasons[0].text
    assert "CGJ局" in decision.reasons[0].text


@pytest.mark.parametrize(
    ("probabilities", "level"),
    [
        ((0.1, 0.2, 0.1, 0.6), "emergency"),
        ((0.3, 0.35, 0.2, 0.15), "urgent"),
        ((0.3, 0.6, 0.05, 0.05), "normal"),
        ((0.6, 0.3, 0.05, 0.05), "low"),
    ],
)
def test_urgency_prefers_the_higher_level_when_in_doubt(
    probabilities: tuple[float, float, float, float], level: str
) -> None:
    import numpy as np

    thresholds = UrgencyThresholds(emergency=0.3, urgent=0.3)
    assert thresholds.level(np.array(probabilities, dtype=np.float32)) == level
