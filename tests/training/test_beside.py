"""A trained bundle carries a simple method to be compared with, and what the world looked like."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from eval.baselines import FILE as BASELINE
from eval.baselines import LINEAR, MAJORITY
from eval.cli import eval_command
from eval.metrics.reference import FILE as REFERENCE
from eval.metrics.reference import Reference
from model import bundle
from model.lexical import LexicalModel
from model.router import Router
from training.beside import list_files, main
from training.cli import train_command

pytest.importorskip("sklearn")


def halves(test_data: Path, folder: Path) -> tuple[Path, Path]:
    """The letters in two files: to train on, and to examine with."""
    with (test_data / "letters.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    files = folder / "train.csv", folder / "rest.csv"
    parts = [row for place, row in enumerate(rows) if place % 4], rows[::4]
    for file, part in zip(files, parts, strict=True):
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(part)
    return files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> tuple[Path, Path, Path]:
    """A bundle, the letters that it was trained on and others."""
    folder = tmp_path_factory.mktemp("beside")
    train, rest = halves(test_data, folder)
    words = ["--train", str(train), "--out", str(folder / "city"), "--taxonomy", "shipped"]
    result = CliRunner().invoke(train_command, words)
    assert result.exception is None, result.output
    return folder / "city", train, rest


def test_both_are_listed_in_the_manifest_with_their_hashes(made: tuple[Path, Path, Path]) -> None:
    assert {BASELINE, REFERENCE} <= bundle.check(made[0]).files.keys()


def test_the_baseline_reads_characters_alone_and_needs_no_pickle(made: tuple[Path, Path, Path]) -> None:
    with np.load(made[0] / BASELINE, allow_pickle=False) as tables:
        assert tables["family_weight"].tolist() == [1.0, 0.0, 0.0]
    assert (
        LexicalModel.load(made[0] / BASELINE).codes
        == Router.from_pretrained(made[0]).lexical.department.codes
    )


def test_an_evaluation_sets_it_and_the_majority_beside_the_bundle(
    made: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    words = ["--bundle", str(made[0]), "--data", str(made[2]), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(eval_command, [*words, "--perturbed", "0", "--no-history", "--allow-leak"])
    assert result.exception is None, result.output
    told = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["overall"]["baselines"]
    by_name = {one["name"]: one for one in told}
    assert by_name[LINEAR]["accuracy"]["value"] > 2 * by_name[MAJORITY]["accuracy"]["value"]
    assert by_name[LINEAR]["top3"]["value"] > by_name[LINEAR]["accuracy"]["value"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert LINEAR in page
    assert MAJORITY in page


def test_the_reference_is_of_letters_that_were_kept_out(made: tuple[Path, Path, Path]) -> None:
    reference = Reference.load(made[0] / REFERENCE)
    facts = bundle.check(made[0]).facts
    assert reference.letters == facts["letters"]["dev"] == sum(reference.department.values())
    assert sum(reference.pairs) > 0


def test_a_bundle_without_them_is_given_them(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(made[0], old)
    (old / BASELINE).unlink()
    (old / REFERENCE).unlink()
    list_files(old)
    before = bundle.check(old)
    assert main([str(old), "--train", str(made[1]), "--dev", str(made[2])]) == 0
    after = bundle.check(old)
    assert after.files.keys() - before.files.keys() == {BASELINE, REFERENCE}
    assert (after.name, after.created, after.facts) == (before.name, before.created, before.facts)
