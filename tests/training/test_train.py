"""From a file to a bundle with the fast preset, and every way a user can get it wrong."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model import bundle
from model.cli import predict_command
from model.router import Router
from model.ticket import Ticket
from training.cli import train_command

pytest.importorskip("sklearn")


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(train_command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "city"
    result = _run(
        "--train", test_data / "letters.csv", "--out", out, "--taxonomy", "shipped", "--preset", "fast"
    )
    assert result.exception is None, result.output
    return out


def test_the_bundle_says_what_it_was_trained_on(trained: Path) -> None:
    facts = bundle.check(trained).facts
    assert facts["data"][0]["file"] == "letters.csv"
    assert len(facts["data"][0]["sha256"]) == 64
    assert facts["letters"]["train"]["main"] + facts["letters"]["dev"] == 320
    assert "letters.csv" not in (trained / "README.md").read_text(encoding="utf-8")
    assert "授权" in (trained / "README.md").read_text(encoding="utf-8")


def test_it_predicts_urgency_and_kind_with_the_starters_weights(trained: Path) -> None:
    (prediction,) = Router.from_pretrained(trained).predict(
        [Ticket("楼上着火了，浓烟很大，老人被困，快来救人")]
    )
    assert prediction.urgency.code == "emergency"


def test_predict_writes_one_row_per_input_row_in_order(trained: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_text(
        "ticket_id,content,urgency\na,路灯不亮,\nb,公交不来,nonsense\nc,社保怎么转,\n", encoding="utf-8"
    )
    result = CliRunner().invoke(predict_command, ["--bundle", str(trained), str(source), str(target)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["ticket_id"] for row in rows] == ["a", None, "c"]
    assert [row["decision"] == "review" for row in rows][1]
    assert list(rows[0]) == [
        "ticket_id", "department", "department_probability", "department_top", "decision", "urgency",
        "urgency_probability", "kind", "kind_probability",
    ]  # fmt: skip
    top = json.loads(rows[0]["department_top"])
    assert len(top) == 5
    assert top[0] == [rows[0]["department"], rows[0]["department_probability"]]


def test_a_changed_bundle_is_refused_before_any_worker_starts(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "changed")
    graph = tmp_path / "changed" / "encoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    rows = "".join(f"第{number}盏路灯不亮\n" for number in range(600))
    (tmp_path / "in.csv").write_text("content\n" + rows, encoding="utf-8")
    arguments = ["--bundle", str(tmp_path / "changed"), "--workers", "2"]
    files = [str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]
    result = CliRunner().invoke(predict_command, [*arguments, *files])
    assert "encoder.onnx was changed" in str(result.exception)
    assert not (tmp_path / "out.csv").exists()


def test_labels_of_the_file_become_the_taxonomy_to_the_letter(tmp_path: Path, test_data: Path) -> None:
    with (test_data / "letters.csv").open(encoding="utf-8", newline="") as stream:
        rows = [{"content": row["content"], "label": f" {row['kind']}类"} for row in csv.DictReader(stream)]
    with (tmp_path / "own.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["content", "label"])
        writer.writeheader()
        writer.writerows(rows)
    out = tmp_path / "own"
    result = _run("--train", tmp_path / "own.csv", "--columns", "department=label", "--out", out)
    assert result.exception is None, result.output
    assert set(Router.from_pretrained(out).codes) == {row["label"].strip() for row in rows}


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("content,department\n路灯,不存在的局\n公交,教育局\n", ["--taxonomy", "shipped"], "不存在的局"),
        ("content\n路灯\n公交\n", [], "fewer than two departments"),
        ("content,department\n路灯,甲\n", ["--columns", "title=nope"], "nope"),
        ("", [], "empty"),
        ("content,department\n路灯,甲\n公交,乙\n", ["--preset", "nope"], "allowed: best, fast, starter"),
    ],
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, text: str, options: list[str], words: str
) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    result = _run("--train", tmp_path / "bad.csv", "--out", tmp_path / "out", *options)
    assert result.exception is not None
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_failed_training_leaves_the_old_bundle(trained: Path, tmp_path: Path) -> None:
    before = bundle.check(trained)
    (tmp_path / "bad.csv").write_text("content,department\n一,甲\n二,乙\n", encoding="utf-8")
    result = _run("--train", tmp_path / "bad.csv", "--out", trained)
    assert result.exception is not None
    assert bundle.check(trained) == before


@pytest.mark.slow
def test_fast_on_real_letters_is_as_good_as_the_baseline(real_data: Path, tmp_path: Path) -> None:
    """0.869 is what character TF-IDF with a linear support vector machine reaches on these test letters."""
    import numpy as np

    from eval.metrics.calibration import expected_calibration_error
    from model.records import read_records

    columns = "department=department_code,created_at=asked"
    folder = real_data / "shenzhen"
    result = _run(
        "--train", folder / "train.csv", "--dev", folder / "dev.csv", "--columns", columns,
        "--taxonomy", "shipped", "--out", tmp_path / "fast",
    )  # fmt: skip
    assert result.exception is None, result.output
    router = Router.from_pretrained(tmp_path / "fast")
    records = list(read_records(folder / "test.csv", columns={"department": "department_code"}))
    codes, probabilities = router.probabilities([record.ticket for record in records])
    truth = np.array([codes.index(router.taxonomy.resolve(record.department or "")) for record in records])
    right = probabilities.argmax(axis=1) == truth
    assert right.mean() >= 0.869
    assert expected_calibration_error(probabilities.max(axis=1), right) <= 0.03
