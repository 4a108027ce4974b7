"""The shipped bundle on letters written for this project: what anyone would expect of it."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.bundle import STARTER
from model.prediction import URGENCY_CODES, Prediction
from model.router import Router
from model.text.prepared import prepare
from model.ticket import Ticket


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.starter()


@pytest.fixture(scope="module")
def letters(test_data: Path) -> list[dict[str, str]]:
    with (test_data / "letters.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def predictions(router: Router, letters: list[dict[str, str]]) -> list[Prediction]:
    return router.predict([Ticket(letter["content"], title=letter["title"]) for letter in letters])


NIGHT_WORK = Ticket("小区楼下夜里施工到两点，孩子睡不了", title="夜间施工噪声")


def test_night_work_goes_to_those_who_handle_it(router: Router) -> None:
    (prediction,) = router.predict([NIGHT_WORK])
    assert {candidate.code for candidate in prediction.department.top[:3]} & {"STJ", "ZJJ", "GAJ", "CGJ"}
    assert prediction.decision.reasons
    assert prediction.evidence.spans


def test_clear_letters_reach_their_department(
    letters: list[dict[str, str]], predictions: list[Prediction]
) -> None:
    """Minimum function: of the letters that any dispatcher would agree on, most are right, and nearly all near."""
    clear = [(letter, p) for letter, p in zip(letters, predictions, strict=True) if letter["clear"] == "1"]
    first = sum(p.department.code == letter["department"] for letter, p in clear)
    near = sum(letter["department"] in {c.code for c in p.department.top} for letter, p in clear)
    assert first / len(clear) >= CLEAR_FIRST
    assert near / len(clear) >= CLEAR_NEAR


def test_every_department_can_be_predicted(
    letters: list[dict[str, str]], predictions: list[Prediction]
) -> None:
    """Minimum function per department: at least one of its own letters names it among the best five.

    Two do not reach it and are named in the model card: the new district's tasks (PSQ) and the service hall (ZSJ)
    are described in few old letters, in other words than today's.
    """
    hits: Counter[str] = Counter()
    for letter, prediction in zip(letters, predictions, strict=True):
        hits[letter["department"]] += letter["department"] in {c.code for c in prediction.department.top}
    assert {letter["department"] for letter in letters if hits[letter["department"]] == 0} <= {"PSQ", "ZSJ"}


def test_auto_is_right_more_often_than_not_auto(
    letters: list[dict[str, str]], predictions: list[Prediction]
) -> None:
    right = defaultdict(list)
    for letter, prediction in zip(letters, predictions, strict=True):
        right[prediction.decision.action == "auto"].append(prediction.department.code == letter["department"])
    assert sum(right[True]) / len(right[True]) > sum(right[False]) / len(right[False])


def test_no_emergency_goes_without_a_person(predictions: list[Prediction]) -> None:
    emergencies = [p for p in predictions if p.urgency.code == "emergency"]
    assert emergencies
    assert {p.decision.action for p in emergencies} == {"review"}


def test_urgency_is_never_below_a_rule(predictions: list[Prediction]) -> None:
    raised = [p for p in predictions if p.urgency.raised_by]
    assert raised
    for prediction in raised:
        for hit in prediction.urgency.raised_by:
            assert hit.level is not None
            assert URGENCY_CODES.index(prediction.urgency.code) >= URGENCY_CODES.index(hit.level)


def test_the_same_letter_gets_the_same_answer_alone_or_in_a_batch(
    router: Router, letters: list[dict[str, str]], predictions: list[Prediction]
) -> None:
    for letter, together in list(zip(letters, predictions, strict=True))[:40]:
        (alone,) = router.predict([Ticket(letter["content"], title=letter["title"])])
        assert alone.department.code == together.department.code
        assert alone.urgency.code == together.urgency.code
        assert alone.department.probability == pytest.approx(together.department.probability, abs=1e-4)


def test_evidence_points_at_the_masked_text(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        for span in (*prediction.evidence.spans, *prediction.urgency.raised_by, *prediction.urgency.flags):
            text = prediction.masked.title if span.field == "title" else prediction.masked.content
            assert text[span.start : span.end] == span.text


def test_full_explanation_names_what_the_whole_model_reads(router: Router) -> None:
    (prediction,) = router.predict([NIGHT_WORK], explain="full")
    assert prediction.evidence.method == "occlusion"
    assert prediction.evidence.spans
    assert all(span.weight > 0 for span in prediction.evidence.spans)


def test_a_long_letter_with_a_title_is_explained_in_full_too(router: Router) -> None:
    """Its words are taken out in runs, none of which may go from the title into the content."""
    letter = Ticket(
        NIGHT_WORK.content + "，请尽快处理，居民都在等着答复" * 20, title="工地噪声扰民问题的投诉和建议"
    )
    (prediction,) = router.predict([letter], explain="full")
    for span in prediction.evidence.spans:
        text = prediction.masked.title if span.field == "title" else prediction.masked.content
        assert text[span.start : span.end] == span.text


def test_personal_data_is_nowhere_in_the_answer(router: Router) -> None:
    (prediction,) = router.predict(
        [
            Ticket(
                "我叫什么不重要，手机13800138000，邮箱wang@example.com，公交车一直不来", title="找13800138000"
            )
        ]
    )
    answer = json.dumps(dataclasses.asdict(prediction), ensure_ascii=False)
    assert "13800138000" not in answer
    assert "wang@example.com" not in answer


def test_a_deadline_stands_on_a_dated_ticket(router: Router) -> None:
    asked = datetime.datetime(2026, 9, 30, 9, 0, tzinfo=datetime.UTC)
    dated, undated = router.predict([dataclasses.replace(NIGHT_WORK, created_at=asked), NIGHT_WORK])
    assert dated.urgency.respond_by is not None
    assert dated.urgency.respond_by > "2026-09-30T09"
    assert undated.urgency.respond_by is None


@pytest.mark.parametrize("content", ["", " ", "。。。", "?", "\x00", "😀", "a" * 100_000, "[PHONE]"])
def test_any_text_gets_an_answer_and_too_little_goes_to_a_person(router: Router, content: str) -> None:
    (prediction,) = router.predict([Ticket(content)])
    assert prediction.decision.action == "review"


def test_the_cascade_spares_time_and_changes_next_to_nothing(
    router: Router, letters: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [prepare(Ticket(letter["content"], title=letter["title"])).document for letter in letters]
    asked: list[int] = []
    read = router.encoder.pooled

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.append(len(texts))
        return read(texts)

    monkeypatch.setattr(router.encoder, "pooled", counted)
    whole, spared = router.scores(documents, cascade=False), router.scores(documents)
    assert asked[0] == len(documents)
    assert asked[1] < len(documents), "none of the letters was clear enough"
    changed = whole.department.argmax(axis=1) != spared.department.argmax(axis=1)
    assert changed.mean() <= 0.01
    emergency = router.calibration.urgency.emergency
    assert not ((whole.urgency[:, 3] >= emergency) & (spared.urgency[:, 3] < emergency)).any()


def test_saved_elsewhere_it_answers_the_same(router: Router, tmp_path: Path) -> None:
    router.save_pretrained(tmp_path / "copy")
    again = Router.from_pretrained(tmp_path / "copy")
    mine, other = router.predict([NIGHT_WORK])[0], again.predict([NIGHT_WORK])[0]
    assert dataclasses.replace(mine, milliseconds=0) == dataclasses.replace(other, milliseconds=0)


def test_the_starter_is_small_enough_to_clone() -> None:
    sizes = [path.stat().st_size for path in STARTER.rglob("*") if path.is_file()]
    assert sum(sizes) < 120e6
    assert max(sizes) < 95e6


CLEAR_FIRST = 0.7
CLEAR_NEAR = 0.88
