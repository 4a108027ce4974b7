"""``fenbo report``: a week of the service, from its database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click


@click.command("report")
@click.option("--week", default=None, help="哪一周，如 2026-W14；不给则是上一个整周。")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="另写成网页（.html）或数据（.json）。Also write a page, or JSON.",
)
def report_command(week: str | None, out: Path | None) -> None:
    """一周的周报：派得准不准（抽查的无偏估计与已知结果并列）、结果来得多快、来信和回答变了没有。

    读服务自己的数据库（FENBO_DATABASE_URL 或 FENBO_DATA_DIR），不改动它。

    \b
    例子 · examples:
      fenbo report
      fenbo report --week 2026-W14 --out week.html
    """
    from model.errors import FenboError
    from service.live import Desk
    from service.settings import Settings
    from service.week import Week
    from service.week_text import lines, page

    if out is not None and out.suffix not in (".html", ".json"):
        raise FenboError(f"--out: {out.name!r} ends in {out.suffix!r}; allowed: .html, .json")
    now = datetime.now(UTC)
    asked = Week.of(now).before(1) if week is None else Week.parse(week)
    with Desk.opened(Settings.read()) as desk:
        told = desk.week(asked, now=now)
    for line in lines(told):
        click.echo(line)
    if out is not None:
        text = (
            page(told) if out.suffix == ".html" else json.dumps(told.as_json(), ensure_ascii=False, indent=1)
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
        click.echo(str(out))
