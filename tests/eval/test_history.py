"""Every evaluation is kept, found again, and drawn."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eval.evaluation import Evaluation
from eval.history import History
from eval.report.past import history_page
from model.errors import FenboError
from tests.eval import synthetic
from tests.eval.test_report import check


def evaluation(seed: int, *, bundle: str = "b", data: str = "d1") -> Evaluation:
    return synthetic.measured(synthetic.city(200, seed=seed), bundle=bundle, data_sha256=data)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "kept" / "history.db")


def test_evaluations_are_listed_in_order_with_their_numbers(history: History, tmp_path: Path) -> None:
    first, second = evaluation(1, bundle="old"), evaluation(2, bundle="new")
    assert history.add(first, folder=tmp_path) == 1
    assert history.add(second, folder=tmp_path) == 2
    listed = history.entries()
    assert [entry.bundle for entry in listed] == ["old", "new"]
    overall = second.metrics["overall"]
    assert listed[1].accuracy == overall["accuracy"]["value"]
    assert listed[1].auto_share == overall["decisions"]["auto"]["share"]["value"]
    assert listed[1].auto_accuracy == overall["decisions"]["auto"]["accuracy"]["value"]


def test_an_evaluation_comes_back_whole_while_its_folder_is_there(history: History, tmp_path: Path) -> None:
    told = evaluation(1)
    told.save(tmp_path / "run")
    number = history.add(told, folder=tmp_path / "run")
    assert history.evaluation(number) == told
    (tmp_path / "run" / "metrics.json").unlink()
    assert history.evaluation(number) == Evaluation(told.metrics)


def test_a_folder_that_was_written_over_is_not_mistaken_for_the_old_evaluation(
    history: History, tmp_path: Path
) -> None:
    old, new = evaluation(1), evaluation(2)
    old.save(tmp_path / "run")
    number = history.add(old, folder=tmp_path / "run")
    new.save(tmp_path / "run")
    assert history.evaluation(number) == Evaluation(old.metrics)


def test_the_newest_stands_against_the_last_other_bundle_on_the_same_data(
    history: History, tmp_path: Path
) -> None:
    first = evaluation(0, bundle="serving")
    for one in (first, evaluation(1, data="d2"), evaluation(2, bundle="new"), evaluation(3, bundle="new")):
        history.add(one, folder=tmp_path)
    newest, before = history.newest_pair()
    assert newest.metrics == evaluation(3, bundle="new").metrics
    assert before is not None
    assert before.metrics == first.metrics


def test_the_first_of_its_data_stands_alone(history: History, tmp_path: Path) -> None:
    history.add(evaluation(0), folder=tmp_path)
    history.add(evaluation(1, bundle="new", data="d2"), folder=tmp_path)
    assert history.newest_pair()[1] is None


def test_charts_over_versions_and_months(history: History, tmp_path: Path) -> None:
    for seed in range(3):
        history.add(evaluation(seed, bundle=f"版本{seed}<b>"), folder=tmp_path)
    history.add(evaluation(9, data="d2"), folder=tmp_path)
    page = history_page(history)
    assert check(page).loads == []
    assert page.count("<svg") == 3
    assert "版本2&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_file_that_is_no_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with pytest.raises(FenboError, match="no file"):
        History(file).entries()
    file.write_text("这不是数据库，只是一段文字。" * 50)
    before = file.read_bytes()
    with pytest.raises(FenboError, match="cannot be used"):
        History(file).add(evaluation(1), folder=tmp_path)
    assert file.read_bytes() == before


def test_a_newer_format_is_refused(history: History, tmp_path: Path) -> None:
    history.add(evaluation(1), folder=tmp_path)
    with sqlite3.connect(tmp_path / "kept" / "history.db") as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(FenboError, match="format 9"):
        history.entries()


def test_an_unknown_number_is_refused(history: History, tmp_path: Path) -> None:
    history.add(evaluation(1), folder=tmp_path)
    with pytest.raises(FenboError, match="no evaluation 7"):
        history.evaluation(7)
