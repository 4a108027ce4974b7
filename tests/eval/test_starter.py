"""The shipped bundle, examined on letters that were written for this project, through the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from eval import cli
from model.bundle import MANIFEST, STARTER
from tests.eval.test_cli import metrics_of
from tests.eval.test_report import check

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (STARTER / MANIFEST).is_file(), reason="no starter bundle here yet"),
]


@pytest.fixture(scope="module")
def sample(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first letters of the file, enough for every part of the evaluation."""
    lines = (test_data / "letters.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    file = tmp_path_factory.mktemp("sample") / "letters.csv"
    file.write_text("".join(lines[:61]), encoding="utf-8")
    return file


def test_the_starter_is_examined_whole(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "--data",
        str(sample),
        "--out",
        str(out),
        "--perturbed",
        "5",
        "--history",
        str(tmp_path / "h.db"),
    ]
    result = CliRunner().invoke(cli.eval_command, words)
    assert result.exit_code == 0, result.output
    told = metrics_of(out)
    overall = told["overall"]
    assert overall["n"] + overall["leak"]["left_out"] == 60
    assert overall["accuracy"]["value"] > 0.5
    assert "只用词面模型（线性）" in {baseline["name"] for baseline in overall["baselines"]}
    assert overall["urgency"]["n"] > 0
    assert overall["latency"]["n"] > 0
    assert check((out / "report.html").read_text(encoding="utf-8")).loads == []


def test_the_starter_is_no_better_than_itself(sample: Path, tmp_path: Path) -> None:
    words = [str(STARTER), str(STARTER), "--data", str(sample), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.compare_command, words)
    assert result.exit_code == 0, result.output
    assert "没有差别\n" in result.output
    table = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert (table["verdict"], table["gained"], table["lost"]) == ("same", 0, 0)
