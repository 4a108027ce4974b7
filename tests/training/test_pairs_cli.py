"""``fenbo train-pairs``: from a file of labelled pairs to what a bundle or a folder needs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from model.duplicates.score import PairScorer
from model.errors import FenboError
from tests.training.test_pairs import labelled
from training.pairs_cli import train_pairs_command
from training.word_table import word_table


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text_a", "text_b", "label"])
        writer.writerows((pair.a.content, pair.b.content, pair.label) for pair in labelled())
    return path


def test_the_scorer_it_writes_can_be_used_and_says_how_good_it_is(pairs: Path, tmp_path: Path) -> None:
    letters = tmp_path / "letters.csv"
    with letters.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["content", "group"])
        writer.writerows((pair.a.content, number // 3) for number, pair in enumerate(labelled()))
    out = tmp_path / "out"
    arguments = ["--pairs", pairs, "--campaigns", letters, "--columns", "cluster=group", "--out", out]
    done = CliRunner().invoke(train_pairs_command, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0
    told = json.loads(done.stdout.strip().splitlines()[-1])
    scorer = PairScorer.load(out)
    assert told["threshold"] == scorer.threshold
    assert told["average_precision"] > 0.9
    assert {Path(name).name for name in scorer.model.about["data"]} == {"pairs.csv", "letters.csv"}


def test_an_encoder_without_letters_is_refused(pairs: Path, tmp_path: Path) -> None:
    arguments = ["--pairs", pairs, "--encoder", tmp_path, "--out", tmp_path / "out"]
    with pytest.raises(FenboError, match="needs --letters"):
        CliRunner().invoke(train_pairs_command, list(map(str, arguments)), catch_exceptions=False)


@pytest.mark.slow
def test_a_word_table_is_made_from_an_encoder(real_data: Path) -> None:
    encoder = real_data.parent / "models" / "e5-small-zh"
    if not encoder.is_dir():
        pytest.skip(f"no encoder at {encoder}")
    letters = [pair.a.content for pair in labelled()] * 2
    table = word_table(encoder, letters, dimensions=48)
    assert table.dimensions == 48
    one, same, other = table.embed(["楼下饭店油烟太大", "餐馆排放的油烟呛人", "公交车半天不来"])
    assert one @ same > one @ other
