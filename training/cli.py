"""``fenbo train`` and ``fenbo data``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from model.records import Problem, parse_columns
from model.taxonomy import Taxonomy

_MOST_PROBLEMS = 20


@click.command(
    "train",
    epilog="""\b
例 / Examples:
  fenbo train --train tickets.csv --out bundles/city-1 --preset fast
  fenbo train --train a.csv --train b.jsonl --dev dev.csv --out bundles/city-2 \\
      --columns department=department_code,created_at=asked --taxonomy shipped --preset best""",
)
@click.option(
    "--train",
    "train_files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="带标签的诉求文件，可重复。Labelled tickets; may repeat.",
)
@click.option(
    "--dev",
    "dev_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="用来校准的文件；不给则留出十分之一。Letters to calibrate with.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="模型包写到哪里。Where the bundle goes."
)
@click.option(
    "--taxonomy",
    default="labels",
    show_default=True,
    help="labels：以文件中的标签为部门；shipped：深圳目录；或目录文件。",
)
@click.option("--columns", default=None, help="列名对应，如 department=department_code,created_at=asked")
@click.option(
    "--preset",
    default="fast",
    show_default=True,
    help="fast：一两分钟；best：更准；starter：随附模型的做法。",
)
@click.option(
    "--config", type=click.Path(path_type=Path), default=None, help="自己的 TOML 方案。Own settings."
)
@click.option("--authorisation", default="", help="数据使用授权的说明，记入模型包。")
@click.option("--strict", is_flag=True, help="有一行读不了就停止。Refuse a file with an unreadable row.")
def train_command(
    train_files: tuple[Path, ...],
    dev_files: tuple[Path, ...],
    out: Path,
    taxonomy: str,
    columns: str | None,
    preset: str,
    config: Path | None,
    authorisation: str,
    strict: bool,
) -> None:
    """训练一个模型包。Train a bundle from labelled tickets."""
    from training.settings import load_settings
    from training.settings import preset as shipped_preset
    from training.train import Request, train

    request = Request(
        train=train_files,
        dev=dev_files,
        out=out,
        taxonomy=taxonomy,
        columns=parse_columns(columns),
        settings=load_settings(config) if config else shipped_preset(preset),
        authorisation=authorisation,
        strict=strict,
    )
    shown = 0

    def on_problem(path: Path, problem: Problem) -> None:
        nonlocal shown
        shown += 1
        if shown <= _MOST_PROBLEMS:
            click.echo(f"{path}, line {problem.line}: {problem.reason}", err=True)

    metrics = train(request, say=lambda line: click.echo(line, err=True), on_problem=on_problem)
    if shown:
        click.echo(f"{shown} rows could not be read and were left out", err=True)
    click.echo(json.dumps({"bundle": str(out), **metrics}, ensure_ascii=False))


@click.group("data")
def data_group() -> None:
    """查看数据。Look at data before training on it."""


@data_group.command(
    "check",
    epilog="""\b
例 / Example:
  fenbo data check tickets.csv --columns department=department_code --taxonomy shipped --out report/""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--columns", default=None, help="列名对应。Names of foreign columns.")
@click.option("--taxonomy", default=None, help="shipped 或目录文件：查出不认识的部门。")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="报告（JSON 与 HTML）写到哪里。")
@click.option("--strict", is_flag=True, help="有一行读不了就以失败结束。")
def check_command(
    file: Path, columns: str | None, taxonomy: str | None, out: Path | None, strict: bool
) -> None:
    """检查一份诉求数据：空、重复、标签冲突、个人信息、不认识的部门。"""
    from training.check import run_check
    from training.check_text import text_report

    known = None
    if taxonomy:
        known = Taxonomy.shipped("shenzhen") if taxonomy == "shipped" else Taxonomy.load(Path(taxonomy))
    report = run_check(
        file, columns=parse_columns(columns), taxonomy=known, strict=strict, out=out, progress=True
    )
    click.echo(text_report(report))
