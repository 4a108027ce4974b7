"""``fenbo train-pairs``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from tqdm import tqdm

from model.bundle import sha256
from model.errors import FenboError
from model.records import Problem, Record, parse_columns, read_records

_MOST_PROBLEMS = 20


@click.command(
    "train-pairs",
    epilog="""\b
例 / Examples:
  fenbo train-pairs --pairs pairs.csv --out bundles/city-1
  fenbo train-pairs --pairs pairs.csv --pairs rulings.csv --campaigns letters.csv --columns cluster=group \\
      --letters letters.csv --encoder e5-small-zh --out pairs/""",
)
@click.option(
    "--pairs",
    "pair_files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="text_a, text_b, label（2 同一件事，1 相关，0 无关）；可重复。",
)
@click.option(
    "--campaigns",
    multiple=True,
    type=click.Path(path_type=Path),
    help="cluster 相同的来信算同一件事。Letters of one cluster are one matter.",
)
@click.option("--columns", default=None, help="--campaigns 的列名对应，如 cluster=group")
@click.option(
    "--letters",
    "letter_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="用来数字词有多少见；不给则用随附的。Letters to count how rare words are.",
)
@click.option(
    "--encoder",
    type=click.Path(path_type=Path),
    default=None,
    help="重做词向量表用的编码器目录（要 --letters）；不给则用随附的词表。",
)
@click.option("--city", default="", help="城市，如 深圳；同名的区、街道靠它分清。")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="写到哪个目录：模型包，或新目录。"
)
def train_pairs_command(
    pair_files: tuple[Path, ...],
    campaigns: tuple[Path, ...],
    columns: str | None,
    letter_files: tuple[Path, ...],
    encoder: Path | None,
    city: str,
    out: Path,
) -> None:
    """从标注的成对诉求学“是不是同一件事”。Fit the pair score; a bundle's own goes before the shipped one."""
    from model.duplicates.grams import Rarity
    from model.duplicates.profile import full_text
    from model.duplicates.score import PairScorer
    from model.place import PlaceFinder
    from training.pairs import campaign_pairs, fit_pairs, read_pairs

    if encoder is not None and not letter_files:
        raise FenboError("--encoder needs --letters: the word table counts how rare words are in them")
    if out.exists() and not out.is_dir():
        raise FenboError(f"--out {out} is a file; name a folder")
    labelled = [pair for path in pair_files for pair in read_pairs(path)]
    shipped = PairScorer.shipped()
    rarity, words = shipped.rarity, shipped.words
    if letter_files:
        texts = [full_text(record.ticket) for path in letter_files for record in _records(path, {})]
        rarity = Rarity.fitted(texts)
        if encoder is not None:
            from training.word_table import word_table

            words = word_table(encoder, texts)
    told = [record for path in campaigns for record in _records(path, parse_columns(columns))]
    scorer, quality = fit_pairs(
        labelled,
        rarity,
        words,
        campaigns=campaign_pairs(
            [record.ticket for record in told], [record.cluster or "" for record in told]
        ),
        finder=PlaceFinder(city=city),
        about={
            "data": {
                f"{path.parent.name}/{path.name}": sha256(path)
                for path in (*pair_files, *campaigns, *letter_files)
            },
            "assumed": "days and context are judged, not fitted: no labelled pair tells of them",
        },
    )
    out.mkdir(parents=True, exist_ok=True)
    scorer.save(out)
    click.echo(json.dumps({"out": str(out), "threshold": scorer.threshold, **quality.as_dict()}))


def _records(path: Path, columns: Mapping[str, str]) -> Iterator[Record]:
    shown = 0

    def on_problem(problem: Problem) -> None:
        nonlocal shown
        shown += 1
        if shown <= _MOST_PROBLEMS:
            click.echo(f"{path}, line {problem.line}: {problem.reason}", err=True)

    yield from tqdm(
        read_records(path, columns=columns, on_problem=on_problem, on_notice=None),
        desc=path.name,
        unit="letter",
    )
