"""Nobody is tested on what was trained on, and what time costs is measured on the same letters."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from eval import evaluation
from model.errors import FenboError
from training.eval_cli import eval_command

pytest.importorskip("sklearn")

OLD = {"城管局": "路灯不亮", "交通局": "公交太少", "水务局": "水管漏水", "教育局": "学校入学"}
NEW = OLD | {"城管局": "充电桩起火", "交通局": "单车乱停"}
PLACES = ("桃源村", "滨河路", "新秀小区", "长岭东", "坪洲新村", "向西村", "益田村", "白石洲")


def letters(file: Path, *, per_quarter: int = 120, quarters: int = 8, change: int = 6) -> Path:
    """Two years of letters; from one quarter on, two departments hear of other things."""
    draw = random.Random(5)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ticket_id", "content", "department", "created_at"])
        for quarter in range(quarters):
            matters = OLD if quarter < change else NEW
            for number in range(per_quarter):
                department = list(matters)[number % 4]
                month = 3 * (quarter % 4) + number % 3 + 1
                day = number * 28 // per_quarter + 1
                place = "".join(draw.choices(PLACES, k=3))
                text = f"{place}{draw.randint(1, 9999)}号，{matters[department]}，请尽快处理"
                sent = f"{2024 + quarter // 4}-{month:02}-{day:02} 10:00"
                writer.writerow([f"t{quarter}-{number}", text, department, sent])
    return file


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(eval_command, [str(word) for word in words])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("rolling")
    file = letters(folder / "all.csv")
    result = run("--data", file, "--rolling", "quarter", "--cuts", "4", "--out", folder / "out")
    assert result.exception is None, result.output
    assert "2025 Q3: trained on" in result.output
    metrics = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"))
    schema = json.loads(evaluation.SCHEMA.read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(metrics)
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "时间往前走，准确率掉多少" in page
    return dict(metrics)


def test_each_quarter_is_answered_by_the_model_before_it(told: dict[str, object]) -> None:
    overall = told["overall"]
    cuts = overall["rolling"]["cuts"]
    assert [cut["period"] for cut in cuts] == ["2025 Q1", "2025 Q2", "2025 Q3", "2025 Q4"]
    trained = [cut["trained_on"] for cut in cuts]
    assert trained == sorted(trained)
    assert trained[0] <= 480
    accuracy = {cut["period"]: cut["accuracy"]["value"] for cut in cuts}
    assert accuracy["2025 Q1"] > 0.95
    assert accuracy["2025 Q3"] < 0.85
    assert accuracy["2025 Q4"] > 0.95
    assert overall["n"] == 480
    assert {entry["value"] for entry in told["slices"]["quarter"]} == set(accuracy)


def test_what_age_costs_is_measured_on_the_same_letters(told: dict[str, object]) -> None:
    by_age = {entry["age"]: entry for entry in told["overall"]["rolling"]["by_age"]}
    assert list(by_age) == [0, 1, 2, 3]
    assert by_age[0]["lost"]["value"] == 0.0
    assert by_age[1]["lost"]["value"] > 0.1
    assert by_age[1]["lost"]["n"] == 360
    assert by_age[3]["lost"]["value"] > by_age[1]["lost"]["value"]


def test_without_the_option_it_is_the_plain_command(tmp_path: Path) -> None:
    result = run("--data", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert isinstance(result.exception, FenboError)
    assert "none.csv" in str(result.exception)
    shown = run("--help").output
    assert "--rolling" in shown
    assert "--perturbed" in shown


@pytest.mark.parametrize(
    ("columns", "rows", "words"),
    [
        (
            "content,department,created_at",
            ["路灯,甲,2024-01-01", "公交,乙,2024-01-02"],
            "no quarter has 20 letters",
        ),
        ("content,department", ["路灯,甲", "公交,乙"], "no letter has both created_at and department"),
    ],
)
def test_too_little_is_told_in_one_line(tmp_path: Path, columns: str, rows: list[str], words: str) -> None:
    (tmp_path / "few.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    result = run("--data", tmp_path / "few.csv", "--rolling", "quarter", "--out", tmp_path / "out")
    assert isinstance(result.exception, FenboError)
    assert words in str(result.exception)
    assert not (tmp_path / "out").exists()
