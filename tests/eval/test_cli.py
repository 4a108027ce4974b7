"""The commands: from labelled letters to pages and an exit status, and clear words for bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from click.testing import CliRunner, Result

from eval import cli, evaluation
from eval.slices import DIMENSIONS
from model.errors import FenboError
from model.fingerprints import FILE, KnownTexts
from model.text.prepared import prepare
from model.ticket import Ticket
from tests.eval.stand_in import WORDS, StandIn
from tests.eval.test_report import check

Run = Callable[..., Result]
PHONE = "13800138000"
PLACES = ("桃源村", "滨河路", "新秀小区", "长岭东", "坪洲新村", "向西村", "益田村", "白石洲")


def letters(count: int = 160) -> list[dict[str, str]]:
    """Letters with a label each; one in eight speaks of another department's words."""
    rows = []
    codes = list(WORDS)
    for number in range(count):
        code = codes[number % len(codes)]
        spoken = codes[(number + 1) % len(codes)] if number % 8 == 7 else code
        word = WORDS[spoken][number % 3]
        place = PLACES[number % len(PLACES)]
        rows.append(
            {
                "ticket_id": f"t{number}",
                "title": f"{place}的{word}问题",
                "content": f"{place}{number}号门前的{word}已经{number % 17 + 2}天没人管了，"
                f"打了{number % 5}次电话也没有结果，住{number}栋的老人都很着急。"
                f"联系电话{PHONE}，请尽快处理{'？' if number % 2 else '。'}",
                "department": code,
                "urgency": "emergency" if number % 40 == 0 else "normal",
                "kind": "C" if number % 2 else "H",
                "district": ("福田区", "南山区")[number % 2],
                "channel": "微信小程序",
                "created_at": f"2025-{number % 12 + 1:02}-03 10:00",
            }
        )
    rows[0]["content"] += "楼下着火了"
    return rows


def write(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "letters.csv", letters())


@pytest.fixture
def bundles(tmp_path: Path) -> dict[str, StandIn]:
    made = {
        "good": StandIn(tmp_path / "good", name="good"),
        "bad": StandIn(tmp_path / "bad", name="bad", forgets=frozenset({"JYJ"})),
    }
    for name in made:
        (tmp_path / name).mkdir()
        KnownTexts.of(["完全是另外一件事情，与测试里的来信没有关系"]).save(tmp_path / name / FILE)
    return made


@pytest.fixture
def run(bundles: dict[str, StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(cli, "_router", lambda path: bundles[path.name if path else "good"])
    monkeypatch.chdir(tmp_path)

    def call(command: Any, *words: str | Path) -> Result:
        given = [str(word) for word in words]
        if command is cli.eval_command and "--help" not in given:
            given += ["--perturbed", "0"]
        return CliRunner().invoke(command, given)

    return call


def metrics_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    schema = json.loads(evaluation.SCHEMA.read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(told)
    return told


def failed(result: Result) -> str:
    assert isinstance(result.exception, FenboError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_eval_writes_metrics_and_a_page_and_says_the_main_numbers(
    run: Run, data: Path, tmp_path: Path
) -> None:
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "分派准确率 87.5 %" in result.output
    assert "自动分拨" in result.output
    told = metrics_of(tmp_path / "out")
    overall = told["overall"]
    assert overall["accuracy"]["value"] == 0.875
    assert overall["accuracy"]["n"] == 160
    assert overall["urgency"]["emergency"]["recall"]["value"] == 0.25
    assert overall["kind"]["accuracy"]["value"] == 1.0
    assert overall["latency"]["n"] == 160
    assert overall["baselines"][0]["name"].startswith("多数类")
    assert set(told["slices"]) == set(DIMENSIONS)
    assert [entry["value"] for entry in told["slices"]["department_size"]] == [
        "没有",
        "1–9 条",
        "100–499 条",
        "≥ 500 条",
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert check(page).loads == []


@pytest.mark.usefixtures("run")
def test_letters_are_rewritten_to_test_robustness(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli.eval_command, ["--data", str(data), "--out", str(tmp_path / "out"), "--perturbed", "20"]
    )
    assert result.exit_code == 0, result.output
    told = metrics_of(tmp_path / "out")["overall"]["robustness"]
    assert [entry["changed"]["n"] for entry in told] == [20] * 8
    assert "换个写法还认得吗" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_no_text_of_a_letter_is_in_what_eval_writes(run: Run, data: Path, tmp_path: Path) -> None:
    run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        text = file.read_text(encoding="utf-8")
        assert PHONE not in text, file
        assert "没人管了" not in text, file


def test_compare_of_a_bundle_with_itself_and_with_a_worse_one(run: Run, data: Path, tmp_path: Path) -> None:
    same = run(cli.compare_command, "good", "good", "--data", data)
    assert same.exit_code == 0, same.output
    assert same.output.splitlines()[-9:][0].startswith("没有差别") or "没有差别\n" in same.output
    out = tmp_path / "cmp"
    worse = run(cli.compare_command, "good", "bad", "--data", data, "--out", out)
    assert "bad 更差" in worse.output
    table = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert table["verdict"] == "worse"
    assert "没人管了" not in json.dumps(table, ensure_ascii=False)
    page = (out / "comparison.html").read_text(encoding="utf-8")
    assert check(page).loads == []
    assert "[PHONE]" in page
    assert PHONE not in page


def test_history_and_gate_follow_the_evaluations(run: Run, data: Path, tmp_path: Path) -> None:
    run(cli.eval_command, "--data", data, "--out", tmp_path / "a")
    listed = run(cli.history_command, "--out", tmp_path / "history.html")
    assert "good  letters.csv（160 条）  准确率 87.5 %" in listed.output
    assert check((tmp_path / "history.html").read_text(encoding="utf-8")).loads == []

    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nrules:\n  - {measure: accuracy, lose_at_most: 0.01}\n", encoding="utf-8")
    alone = run(cli.gate_command, "--policy", policy)
    assert alone.exit_code == 0, alone.output
    assert "没有旧版" in alone.output

    run(cli.eval_command, "--bundle", "bad", "--data", data, "--out", tmp_path / "b")
    stopped = run(cli.gate_command, "--policy", policy)
    assert stopped.exit_code == 1
    assert "[不行] 分派准确率 87.5 % → " in stopped.output
    assert stopped.output.rstrip().endswith("不放行")
    back = run(cli.gate_command, tmp_path / "a", tmp_path / "b", "--policy", policy)
    assert back.exit_code == 0, back.output
    assert back.output.rstrip().endswith("放行")


def leaky(bundle: StandIn, rows: list[dict[str, str]]) -> None:
    texts = [prepare(Ticket(content=row["content"], title=row["title"])).document.text for row in rows]
    KnownTexts.of(texts).save(bundle.folder / FILE)


def test_many_copies_are_refused_unless_allowed_and_then_told_in_red(
    run: Run, bundles: dict[str, StandIn], data: Path, tmp_path: Path
) -> None:
    leaky(bundles["good"], letters()[:10])
    refused = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert "are copies of letters that the bundle was trained on" in failed(refused)
    assert not (tmp_path / "out").exists()
    allowed = run(cli.eval_command, "--data", data, "--out", tmp_path / "out", "--allow-leak")
    assert allowed.exit_code == 0, allowed.output
    assert metrics_of(tmp_path / "out")["overall"]["leak"]["allowed"] is True
    assert 'class="banner red"' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    gated = run(cli.gate_command)
    assert gated.exit_code == 1
    assert "训练数据的副本" in gated.output


def test_a_few_copies_are_left_out_and_listed_by_line(
    run: Run, bundles: dict[str, StandIn], tmp_path: Path
) -> None:
    rows = letters(160)
    rows[7]["title"], rows[7]["content"] = (
        "居住证",
        "请问补办居住证需要带哪些材料，可以在网上预约吗，周末办不办理",
    )
    data = write(tmp_path / "letters.csv", rows)
    leaky(bundles["good"], [rows[7]])
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    told = metrics_of(tmp_path / "out")["overall"]
    assert told["n"] == 159
    assert told["leak"]["left_out"] == 1
    assert told["leak"]["lines"] == [9]


def test_a_bundle_without_fingerprints_is_measured_with_a_warning(
    run: Run, bundles: dict[str, StandIn], data: Path, tmp_path: Path
) -> None:
    (bundles["good"].folder / FILE).unlink()
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert any("无法检查" in note for note in metrics_of(tmp_path / "out")["about"]["notes"])


def test_former_names_lead_to_the_department_and_strange_ones_count_as_missed(
    run: Run, tmp_path: Path
) -> None:
    rows = letters(160)
    for row in rows:
        row["department"] = {"CGJ": "深圳市城市管理和综合执法局"}.get(row["department"], row["department"])
    rows[0]["department"] = rows[1]["department"] = "火星管理处"
    result = run(cli.eval_command, "--data", write(tmp_path / "l.csv", rows), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    told = metrics_of(tmp_path / "out")
    assert told["overall"]["unknown_labels"] == {"n": 2, "labels": {"火星管理处": 2}}
    assert "市城市管理和综合执法局" in {entry["name"] for entry in told["per_class"]["department"]}


def test_unreadable_rows_are_named_counted_and_shown(run: Run, tmp_path: Path) -> None:
    rows = letters(120)
    rows[3]["urgency"] = "马上"
    rows[5]["title"] = rows[5]["content"] = ""
    data = write(tmp_path / "l.csv", rows)
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "line 5" in result.output
    assert "line 7" in result.output
    told = metrics_of(tmp_path / "out")
    assert (told["about"]["rows_read"], told["about"]["rows_unreadable"]) == (120, 2)
    assert "line 5" in failed(run(cli.eval_command, "--data", data, "--out", tmp_path / "o2", "--strict"))


BAD: dict[str, tuple[list[dict[str, str]] | None, tuple[str, ...], str]] = {
    "no labels": (
        [{"content": row["content"]} for row in letters(20)],
        (),
        "none of 20 rows has a department, urgency or kind",
    ),
    "column missing": (letters(20), ("--columns", "department=部门"), "部门"),
    "no file": (None, (), "letters.csv"),
    "no rows": ([], (), "names its columns but has no rows"),
    "another taxonomy": (
        [{**row, "department": f"省厅{n % 3}"} for n, row in enumerate(letters(30))],
        (),
        "labels of another taxonomy",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_in_one_line(case: str, run: Run, tmp_path: Path) -> None:
    rows, words, told = BAD[case]
    file = tmp_path / "letters.csv"
    if rows == []:
        file.write_text("ticket_id,content,department\n", encoding="utf-8")
    elif rows is not None:
        write(file, rows)
    result = run(cli.eval_command, "--data", file, "--out", tmp_path / "out", *words)
    assert told in failed(result)


def test_one_department_is_measured_and_said_to_tell_of_it_alone(run: Run, tmp_path: Path) -> None:
    data = write(tmp_path / "one.csv", [{**row, "department": "CGJ"} for row in letters(40)])
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "标注里只有一个单位（CGJ）" in result.output


@pytest.mark.parametrize("empty", ["NaN", "nan", "None", "NULL", "#N/A", " "])
def test_what_tools_write_for_nothing_is_no_label(empty: str, run: Run, tmp_path: Path) -> None:
    """A department called NaN would count as a misroute."""
    rows = letters(40)
    for row in rows[:8]:
        row["department"] = empty
    result = run(cli.eval_command, "--data", write(tmp_path / "l.csv", rows), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    told = metrics_of(tmp_path / "out")
    assert (told["overall"]["n"], told["overall"]["departments_n"]) == (40, 32)
    assert told["overall"]["unknown_labels"]["n"] == 0


def test_probabilities_that_are_no_numbers_are_refused(
    run: Run, bundles: dict[str, StandIn], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bundles["bad"].answers

    def broken(tickets: list[Ticket], explain: str) -> tuple[list[Any], np.ndarray]:
        predictions, likely = whole(tickets, explain=explain)
        return predictions, np.full_like(likely, np.nan)

    monkeypatch.setattr(bundles["good"], "answers", broken)
    assert "good answers with probabilities that are no numbers" in failed(
        run(cli.eval_command, "--data", data, "--out", tmp_path / "out")
    )


def test_one_row_and_no_report(run: Run, tmp_path: Path) -> None:
    data = write(tmp_path / "one.csv", letters(1))
    result = run(cli.eval_command, "--data", data, "--out", tmp_path / "out", "--no-report", "--no-history")
    assert result.exit_code == 0, result.output
    assert "只有 1 条工单" in result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"metrics.json", "outcomes.jsonl"}
    assert not (tmp_path / "fenbo-history.db").exists()


def test_a_bundle_whose_probabilities_are_not_its_answer_s_is_refused(
    run: Run, bundles: dict[str, StandIn], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        bundles["good"],
        "answers",
        lambda tickets, explain: (
            StandIn(tmp_path).predict(tickets, explain=explain),
            bundles["bad"].probabilities(tickets)[1],
        ),
    )
    assert "contradicts itself" in failed(run(cli.eval_command, "--data", data, "--out", tmp_path / "out"))


@pytest.mark.parametrize(
    "command", [cli.eval_command, cli.compare_command, cli.history_command, cli.gate_command]
)
def test_help_shows_an_example(command: Any, run: Run) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"fenbo {command.name}" in result.output
