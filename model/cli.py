"""``fenbo predict`` and ``fenbo registry``."""

from __future__ import annotations

from pathlib import Path

import click
from tqdm import tqdm

from model.bundle import STARTER
from model.records import Problem, count_records, parse_columns
from model.registry_cli import registry_group

_MOST_PROBLEMS = 20


@click.command(
    "predict",
    epilog="""\b
例 / Examples:
  fenbo predict tickets.csv answers.csv
  fenbo predict --bundle bundles/city-1 --columns content=text tickets.jsonl answers.parquet""",
)
@click.option("--bundle", type=click.Path(path_type=Path), default=STARTER, help="模型包；不给则用随附的。")
@click.option("--columns", default=None, help="列名对应，如 content=正文,title=标题")
@click.option("--workers", default=0, show_default="每核一个", help="进程数。Processes.")
@click.option("--strict", is_flag=True, help="有一行读不了就停止。Refuse a file with an unreadable row.")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
def predict_command(
    bundle: Path, columns: str | None, workers: int, strict: bool, source: Path, target: Path
) -> None:
    """给一份诉求文件逐行判断部门、紧急程度、类型。One row per readable input row, in order."""
    from model.scoring import predict_file

    problems = 0
    with tqdm(total=count_records(source) if source.exists() else None, desc="predict", unit="letter") as bar:

        def on_problem(problem: Problem) -> None:
            nonlocal problems
            problems += 1
            if problems <= _MOST_PROBLEMS:
                bar.write(f"{source}, line {problem.line}: {problem.reason}")

        def on_rows(rows: int) -> None:
            bar.update(rows)

        done = predict_file(
            bundle,
            source,
            target,
            columns=parse_columns(columns),
            strict=strict,
            workers=workers,
            on_problem=on_problem,
            on_notice=bar.write,
            on_rows=on_rows,
        )
    left_out = f"; {problems} rows could not be read and were left out" if problems else ""
    click.echo(f"{done} letters written to {target}{left_out}", err=True)


__all__ = ["predict_command", "registry_group"]
