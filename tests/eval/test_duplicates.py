"""The duplicates part: labelled pairs, clusters, and pairs that share a letter counted together."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest
from click.testing import CliRunner

from eval import evaluation
from eval.cli import eval_command
from eval.duplicates import LabelledPair, _sharing_a_letter, read_pairs
from eval.metrics import bootstrap, measure, pairs
from model.bundle import MANIFEST, STARTER
from model.errors import FenboError

needs_starter = pytest.mark.skipif(not (STARTER / MANIFEST).is_file(), reason="no starter bundle here yet")

PLACES = ("翠湖花园", "金桂小区", "望海新村")
MATTERS = (
    ("{p}南门外的烧烤摊每晚油烟很大", "我家在{p}，南门口夜里摆烧烤，烟都灌进屋里，孩子一直咳嗽，请管一管。"),
    ("{p}三栋电梯坏了两周", "{p}三栋的电梯停了半个月，九楼的老人下不来，物业一直说等配件。"),
    ("{p}后面工地半夜打桩", "{p}背后的工地凌晨两点还在打桩，整栋楼都睡不着，已经连续五天了。"),
)


def letters(folder: Path) -> Path:
    rows = []
    for number, place in enumerate(PLACES):
        title, content = MATTERS[number % len(MATTERS)]
        for copy, opening in enumerate(("", "您好，", "请领导关注：")):
            rows.append(
                {
                    "ticket_id": f"t{number}-{copy}",
                    "title": title.format(p=place) if copy < 2 else "",
                    "content": opening + content.format(p=place),
                    "department": "CGJ" if number % 3 == 0 else "SJG" if number % 3 == 1 else "STJ",
                    "created_at": f"2026-03-{number + 1:02} 1{copy}:00",
                    "cluster": f"m{number}",
                }
            )
    return write(folder / "letters.csv", rows)


def write(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def labelled_pairs(file: Path) -> Path:
    rows = []
    for number, place in enumerate(PLACES):
        title, content = MATTERS[number % len(MATTERS)]
        other = PLACES[(number + 1) % len(PLACES)]
        same = {"text_a": content.format(p=place), "text_b": f"{title.format(p=place)}，请处理", "label": "2"}
        related = {"text_a": content.format(p=place), "text_b": content.format(p=other), "label": "1"}
        far = {"text_a": content.format(p=place), "text_b": "请问社保卡丢了怎么补办", "label": "0"}
        rows += [same, related, far]
    return write(file, rows)


def told_by(*words: str | Path) -> dict[str, object]:
    out = Path(str(words[words.index("--out") + 1]))
    result = CliRunner().invoke(eval_command, [*map(str, words), "--perturbed", "0", "--no-history"])
    assert result.exception is None, result.output
    assert "重复件：平均精确率" in result.output
    told = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(json.loads(evaluation.SCHEMA.read_text(encoding="utf-8"))).validate(told)
    assert "重复诉求" in (out / "report.html").read_text(encoding="utf-8")
    return dict(told["overall"]["duplicates"])


@needs_starter
@pytest.mark.slow
def test_clusters_of_the_data_are_measured(tmp_path: Path) -> None:
    told = told_by("--data", letters(tmp_path), "--out", tmp_path / "out")
    assert told["source"] == "cluster"
    assert told["average_precision"]["value"] > 0.9
    assert told["b_cubed"]["n"] == 9
    assert told["b_cubed"]["precision"] > 0.9
    assert told["over_merged"]["n"] > 0


@needs_starter
@pytest.mark.slow
def test_a_file_of_pairs_is_measured(tmp_path: Path) -> None:
    file = labelled_pairs(tmp_path / "pairs.csv")
    told = told_by("--data", letters(tmp_path), "--pairs", file, "--out", tmp_path / "out")
    assert (told["source"], told["n"], told["b_cubed"]) == ("pairs.csv", 9, None)
    # A third of the pairs are the same matter: chance alone would reach that.
    assert told["average_precision"]["value"] > 1 / 3
    assert told["over_merged"]["n"] == 3


def test_pairs_that_share_a_letter_are_one_piece_of_evidence() -> None:
    def pair(a: str, b: str) -> LabelledPair:
        return LabelledPair("", a, "", b, 0)

    groups = _sharing_a_letter([pair("甲", "乙"), pair("丙", "丁"), pair("乙", "戊"), pair("己", "甲")])
    assert groups.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("text_a,text_b\n甲,乙\n", "no column label"),
        ("text_a,text_b,label\n甲,乙,3\n", "line 2: label is '3'; allowed: 0 different"),
        ("text_a,text_b,label\n", "0 pairs"),
    ],
)
def test_wrong_pairs_are_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    with pytest.raises(FenboError, match=words):
        read_pairs(tmp_path / "pairs.csv")


def draw(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    same = random.random(rows) < 0.4
    return np.clip(0.3 + 0.3 * same + random.normal(0, 0.2, rows), 0, 1), same


def test_measures_are_those_of_the_definitions_and_cover_the_truth() -> None:
    random = np.random.default_rng(3)
    many = draw(random, 400_000)
    truth = pairs.f1_at(*many, 0.5), pairs.average_precision(*many)
    covered = np.zeros(2)
    for _ in range(100):
        score, same = draw(random, 300)
        sampling = bootstrap.by_group(np.arange(300), draws=200)
        f1, precise = (
            measure.f1_at(score, same, 0.5, sampling),
            measure.average_precision(score, same, sampling),
        )
        assert f1.value == pairs.f1_at(score, same, 0.5)
        assert precise.value == pytest.approx(pairs.average_precision(score, same), abs=1e-12)
        covered += [told.low <= true <= told.high for told, true in zip((f1, precise), truth, strict=True)]
    assert (covered >= 88).all()
