"""The weekly report reads the rows: what is known of accuracy, what is not, and what moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eval.metrics.live import RETURNED
from eval.metrics.reference import FILE, Answered, Reference
from model.errors import FenboError
from model.prediction import (
    URGENCY_CODES,
    Action,
    Candidate,
    Decision,
    DepartmentPrediction,
    Evidence,
    KindPrediction,
    Masked,
    Prediction,
    UrgencyPrediction,
    Versions,
)
from service.live import Desk
from service.report_cli import report_command
from service.settings import Settings
from service.storage.corrections import NewOutcome, NewReview, add_outcomes, add_reviews
from service.storage.database import Database, open_database
from service.storage.live import Answer, AuditSample, answers
from service.storage.tickets import Filters, NewTicket, store, to_review
from service.week import Week

WEEK = Week(2026, 14)
TUESDAY = WEEK.start + timedelta(days=1)
ALL = AuditSample(1.0, "salt")
TEXTS = ("路口的路灯不亮，请派人修理", "小区门口有人占道摆摊", "楼下的垃圾没有人清运")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FENBO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FENBO_REGISTRY", str(tmp_path / "bundles"))
    # The audit sample is drawn by it: with a key of its own each run would draw another one.
    monkeypatch.setenv("FENBO_SECRET_KEY", "the same in every run of the tests")
    return Settings.read()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = open_database(settings)
    yield opened
    opened.close()


def predicted(action: Action = "auto", *, text: str = TEXTS[0], bundle: str = "city") -> Prediction:
    best = Candidate("CGJ", "城管局", 0.95)
    return Prediction(
        ticket_id="",
        department=DepartmentPrediction("CGJ", "城管局", 0.95, (best,)),
        second_department=None,
        decision=Decision(action, ()),
        urgency=UrgencyPrediction(
            "normal", "一般", 0.9, "normal", dict.fromkeys(URGENCY_CODES, 0.25), (), (), None
        ),
        kind=KindPrediction("H", "求助", 0.8),
        evidence=Evidence("CGJ", "lexical", ()),
        masked=Masked("", text),
        versions=Versions(bundle, "shenzhen", "2026.1", "0.1.0"),
        milliseconds=1.0,
    )


def ticket(name: str, prediction: Prediction, *, at: datetime = TUESDAY) -> NewTicket:
    return NewTicket(
        ticket_id=name,
        body_hash=name.encode(),
        received_at=at,
        created_at=None,
        channel="",
        address="",
        district="",
        street="",
        community="",
        longitude=None,
        latitude=None,
        reporter="",
        anonymous=False,
        prediction=prediction,
        answer="{}",
        actor="test",
    )


def by_name(database: Database, *names: str, sample: AuditSample = ALL) -> dict[str, Answer]:
    with database.reading() as connection:
        found = answers(connection, WEEK.start, WEEK.end, sample)
    return dict(zip(names, found, strict=True))


def test_what_became_of_a_ticket_is_read_from_what_was_said_of_it(database: Database) -> None:
    names = ("quiet", "handled", "returned", "passed-on", "corrected", "accepted", "refused-later", "asked")
    review = NewReview("", "accept", "审核员甲", "key")
    outcome = NewOutcome("", "department", "工单系统", "key", department="CGJ")
    with database.writing() as connection:
        store(
            connection, [ticket(name, predicted("review" if name == "asked" else "auto")) for name in names]
        )
        add_outcomes(connection, [replace(outcome, ticket_id="handled")])
        add_outcomes(connection, [replace(outcome, ticket_id="returned", kind="return", department=None)])
        add_outcomes(connection, [replace(outcome, ticket_id="passed-on", kind="return", department="JTJ")])
        add_reviews(connection, [replace(review, ticket_id="corrected", action="correct", department="SWJ")])
        add_reviews(connection, [replace(review, ticket_id="accepted")])
        add_reviews(
            connection, [replace(review, ticket_id="refused-later", action="correct", department="SWJ")]
        )
        add_outcomes(
            connection, [replace(outcome, ticket_id="refused-later", kind="return", department=None)]
        )
        add_reviews(connection, [replace(review, ticket_id="asked", action="second_opinion")])
    told = by_name(database, *names)
    final = {name: one.ticket.final for name, one in told.items()}
    assert final == {
        "quiet": None,
        "handled": "CGJ",
        "returned": RETURNED,
        "passed-on": "JTJ",
        "corrected": "SWJ",
        "accepted": "CGJ",
        "refused-later": None,
        "asked": None,
    }
    assert {name for name, one in told.items() if one.ticket.right} == {"handled", "accepted"}
    assert all((one.ticket.outcome_at is None) == (one.ticket.final is None) for one in told.values())
    assert told["asked"].ticket.reviewed
    unaudited = by_name(database, *names, sample=AuditSample(0.0, "salt"))
    assert {name for name, one in unaudited.items() if one.ticket.reviewed} >= {
        "corrected",
        "accepted",
        "asked",
    }


def test_only_the_week_and_never_the_shadow_is_read(database: Database) -> None:
    with database.writing() as connection:
        store(connection, [ticket("before", predicted(), at=WEEK.start - timedelta(seconds=1))])
        store(connection, [ticket("first", predicted(), at=WEEK.start)])
        store(connection, [ticket("after", predicted(), at=WEEK.end)])
    assert list(by_name(database, "first")) == ["first"]


def test_the_sample_changes_with_the_rate_by_adding_alone() -> None:
    few, many = AuditSample(0.02, "salt"), AuditSample(0.2, "salt")
    names = [f"t{n}" for n in range(5000)]
    assert {n for n in names if few.drawn(n)} < {n for n in names if many.drawn(n)}


def filled(database: Database, settings: Settings, *, bundle: str = "starter") -> None:
    with Desk.opened(settings) as desk:
        sample = desk.sample
    tickets = [
        ticket(
            f"t{n}", predicted("auto" if n % 10 else "review", text=f"{TEXTS[n % 3]}，{n}号", bundle=bundle)
        )
        for n in range(400)
    ]
    with database.writing() as connection:
        store(connection, tickets)
        reviews, outcomes = [], []
        for n, one in enumerate(tickets):
            right = n % 20 != 0 and n % 33 != 1
            if n % 10 == 0 or sample.drawn(one.ticket_id):
                action = "accept" if right else "correct"
                reviews.append(
                    NewReview(one.ticket_id, action, "甲", "key", department=None if right else "JTJ")
                )
            elif not right:
                outcomes.append(NewOutcome(one.ticket_id, "return", "系统", "key"))
        add_reviews(connection, reviews)
        add_outcomes(connection, outcomes)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(report_command, [str(word) for word in words])


def test_the_report_sets_the_audit_beside_the_biased_share(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FENBO_AUDIT_RATE", "0.2")
    filled(database, Settings.read())
    result = run("--week", "2026-W14", "--out", tmp_path / "week.json")
    assert result.exception is None, result.output
    assert "400 件工单，自动分拨 90.0 %" in result.output
    assert "抽查（随机，不看模型怎么说）" in result.output
    assert "偏难，不能当作准确率" in result.output
    told = json.loads((tmp_path / "week.json").read_text(encoding="utf-8"))["accuracy"]
    truth = sum(n % 20 != 0 and n % 33 != 1 for n in range(400)) / 400
    assert told["of_known_outcomes_biased"]["value"] < truth - 0.05
    assert told["audit"]["low"] <= truth <= told["audit"]["high"]
    assert told["bounds"][0] <= truth <= told["bounds"][1]
    assert told["audit_complete"]
    page = tmp_path / "week.html"
    assert run("--week", "2026-W14", "--out", page).exception is None
    text = page.read_text(encoding="utf-8")
    assert "分拨周报 2026-W14" in text
    assert "src=" not in text
    assert "http" not in text


def test_drift_is_told_against_the_bundle_that_answered(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "bundle.json").write_text("{}", encoding="utf-8")
    world = [Answered(f"请问社保卡怎么补办，{n}", "RSJ", 0.9, "normal", "C", "auto") for n in range(300)]
    Reference.of([one.text for one in world], world).save(folder / FILE)
    monkeypatch.setenv("FENBO_BUNDLE", str(folder))
    filled(database, settings, bundle="old")
    result = run("--week", "2026-W14")
    assert result.exception is None, result.output
    assert "与 old 训练时相比" in result.output
    assert "派给各单位的比例：变化很大，请检查" in result.output
    assert "来信用词：变化很大，请检查" in result.output


def test_a_week_whose_outcomes_have_not_come_says_so(database: Database) -> None:
    with database.writing() as connection:
        store(connection, [ticket(f"t{n}", predicted()) for n in range(5)])
    result = run("--week", "2026-W14")
    assert "还没有一件工单有结果" in result.output
    assert "其中派对" not in result.output


@pytest.mark.usefixtures("database")
def test_a_week_without_tickets_says_so() -> None:
    result = run("--week", "2020-W01")
    assert result.exception is None, result.output
    assert "没有工单" in result.output


@pytest.mark.parametrize("text", ["2026", "2026-W60", "W14", "2026-14", "next"])
@pytest.mark.usefixtures("database")
def test_a_wrong_week_is_refused(text: str) -> None:
    result = run("--week", text)
    assert isinstance(result.exception, FenboError)
    assert "such as 2026-W14" in str(result.exception)


@pytest.mark.usefixtures("settings")
def test_without_a_database_it_says_where_it_looked(tmp_path: Path) -> None:
    result = run("--week", "2026-W14")
    assert isinstance(result.exception, FenboError)
    assert "FENBO_DATA_DIR" in str(result.exception)
    assert not (tmp_path / "data").exists()


def test_weeks_are_shanghai_s() -> None:
    assert Week.of(datetime(2026, 3, 29, 16, 0, tzinfo=UTC)) == WEEK
    assert Week.of(datetime(2026, 3, 29, 15, 59, tzinfo=UTC)) == WEEK.before(1)
    assert str(Week.parse("2026-W01").before(1)) == "2025-W52"


def test_an_audited_ticket_waits_for_a_person_whatever_was_decided(database: Database) -> None:
    with database.writing() as connection:
        store(connection, [replace(ticket("drawn", predicted()), audited=True), ticket("other", predicted())])
    with database.reading() as connection:
        waiting = to_review(connection, Filters(), after=None, limit=10).rows
    assert [row.ticket_id for row in waiting] == ["drawn"]
