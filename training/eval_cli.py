"""``fenbo eval`` with ``--rolling``: what needs training for an evaluation is trained here, measured by ``eval``."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from eval.cli import eval_command as plain_command

_ROLLING = click.Option(
    ["--rolling"],
    type=click.Choice(["month", "quarter", "year"]),
    default=None,
    help="按时间往前评测：每期之前的来信训练，之后的来信检验，看准确率随时间掉多少。"
    "给了 --bundle 只取它的目录，否则以文件中的标签为部门。Train until, test after.",
)
_CUTS = click.Option(
    ["--cuts"],
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="与 --rolling 一起：最近多少期各训练一次。Trainings, one at the start of each of the last periods.",
)
_EXAMPLE = """
  fenbo eval --data all.csv --columns created_at=asked --rolling quarter --out runs/rolling"""


def _eval(*, rolling: str | None, cuts: int, **given: Any) -> None:
    if rolling is None:
        assert plain_command.callback is not None
        plain_command.callback(**given)
        return
    _roll(rolling, cuts, **given)


def _roll(
    rolling: Any,
    cuts: int,
    *,
    bundle: Path | None,
    data: Path,
    out: Path,
    columns: str | None,
    strict: bool,
    target: float,
    no_report: bool,
    **_: Any,
) -> None:
    from eval.cli import read_labelled, summary
    from eval.evaluate import Measured, Settings, Subject, evaluate
    from model.taxonomy import Taxonomy
    from training.rolling import roll

    letters = read_labelled(data, columns, strict)
    labels = {letter.department for letter in letters.rows if letter.department}
    taxonomy = Taxonomy.load(bundle / "taxonomy.yaml") if bundle else Taxonomy.from_labels(labels)
    settings = Settings(target=target)
    rolled = roll(
        letters.rows,
        taxonomy,
        period=rolling,
        most_cuts=cuts,
        draws=settings.draws,
        say=lambda line: click.echo(line, err=True),
    )
    words = [
        "fenbo",
        "eval",
        "--data",
        str(data),
        "--out",
        str(out),
        "--rolling",
        rolling,
        "--cuts",
        str(cuts),
    ]
    words += ["--bundle", str(bundle)] if bundle else []
    words += ["--columns", columns] if columns else []
    subject = Subject(
        bundle=f"rolling-{rolling}",
        taxonomy=taxonomy.name,
        taxonomy_version=taxonomy.version,
        data=letters.file.name,
        data_sha256=letters.sha256,
        rows_read=len(letters.rows) + letters.unreadable,
        rows_unreadable=letters.unreadable,
        evaluated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        command=shlex.join(words),
        names={department.code: department.name for department in taxonomy.departments},
        notes=(
            "每期来信都由只学过此前来信的模型回答（fast 方案的部门模型）；此前来信里与之几乎相同的没有学。",
        ),
    )
    measured = Measured(rolling=rolled.decay)
    evaluation = evaluate(rolled.tickets, rolled.codes, subject=subject, settings=settings, measured=measured)
    evaluation.save(out)
    if not no_report:
        from eval.report.page import report_page

        (out / "report.html").write_text(report_page(evaluation.metrics), encoding="utf-8")
    for line in summary(evaluation.metrics):
        click.echo(line)
    click.echo(f"{out / 'metrics.json'}" + ("" if no_report else f" · {out / 'report.html'}"))


eval_command = click.Command(
    "eval",
    callback=_eval,
    params=[*plain_command.params, _ROLLING, _CUTS],
    help=plain_command.help,
    epilog=f"{plain_command.epilog}{_EXAMPLE}",
)
"""``fenbo eval`` as it is called: `eval`'s own command, and the options that train."""
