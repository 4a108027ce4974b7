"""``fenbo duplicates``, ``fenbo pairs`` and ``fenbo hot``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from tqdm import tqdm

from model.bundle import STARTER
from model.records import Problem, count_records, parse_columns

if TYPE_CHECKING:
    from model.duplicates.hot import HotTopic

_MOST_PROBLEMS = 20
_LOCAL = timezone(timedelta(hours=8))

_bundle = click.option(
    "--bundle", type=click.Path(path_type=Path), default=STARTER, help="模型包；不给则用随附的。"
)
_columns = click.option("--columns", default=None, help="列名对应，如 content=正文,created_at=时间")
_city = click.option("--city", default="", help="城市，如 深圳；同名的区、街道靠它分清。")
_window = click.option(
    "--window-days", type=click.IntRange(1), default=90, show_default=True, help="多少天以内算重复。"
)
_strict = click.option(
    "--strict", is_flag=True, help="有一行读不了就停止。Refuse a file with an unreadable row."
)
_source = click.argument("source", metavar="IN", type=click.Path(path_type=Path))
_target = click.argument("target", metavar="OUT", type=click.Path(path_type=Path))


@click.command(
    "duplicates",
    epilog="""\b
例 / Examples:
  fenbo duplicates tickets.csv clusters.csv
  fenbo duplicates --city 深圳 --columns created_at=asked tickets.csv clusters.parquet""",
)
@_bundle
@_columns
@_city
@_window
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=None, help="多像才算同一件事；默认由模型定。"
)
@_strict
@_source
@_target
def duplicates_command(
    bundle: Path,
    columns: str | None,
    city: str,
    window_days: int,
    threshold: float | None,
    strict: bool,
    source: Path,
    target: Path,
) -> None:
    """找出一份文件里说同一件事的诉求。A row per input row: ticket_id, cluster, duplicate_of, probability."""
    from model.duplicates.files import Settings, duplicates_file

    with _progress(source, "duplicates") as (on_problem, on_notice, on_rows):
        done = duplicates_file(
            bundle,
            source,
            target,
            columns=parse_columns(columns),
            strict=strict,
            settings=Settings(city, window_days, threshold),
            on_problem=on_problem,
            on_notice=on_notice,
            on_rows=on_rows,
        )
    click.echo(f"{done} letters written to {target}", err=True)


@click.command(
    "pairs",
    epilog="""\b
例 / Examples:
  fenbo pairs pairs.csv scored.csv""",
)
@_bundle
@_city
@_source
@_target
def pairs_command(bundle: Path, city: str, source: Path, target: Path) -> None:
    """两件诉求是同一件事的概率。IN has text_a, text_b (and title_a, title_b); OUT adds probability."""
    from model.duplicates.files import pairs_file

    with _progress(source, "pairs") as (on_problem, _, on_rows):
        done = pairs_file(bundle, source, target, city=city, on_problem=on_problem, on_rows=on_rows)
    click.echo(f"{done} pairs written to {target}", err=True)


@click.command(
    "hot",
    epilog="""\b
例 / Examples:
  fenbo hot tickets.csv
  fenbo hot --top 5 --now 2026-03-31 --columns ticket_id=id,created_at=asked tickets.csv --json""",
)
@_bundle
@_columns
@_city
@_window
@_strict
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="最多列几个。")
@click.option(
    "--now",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="只看到这一天为止正热的；不给则看全部时间。",
)
@click.option("--json", "as_json", is_flag=True, help="每个热点一行 JSON。One JSON object a line.")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
def hot_command(
    bundle: Path,
    columns: str | None,
    city: str,
    window_days: int,
    strict: bool,
    top: int,
    now: datetime | None,
    as_json: bool,
    source: Path,
) -> None:
    """一份文件里的热点：比自己的过去和全市的节律都来得快的事。Topics told faster than expected."""
    from model.duplicates.files import Settings, hot_file

    with _progress(source, "hot") as (on_problem, on_notice, on_rows):
        topics = hot_file(
            bundle,
            source,
            columns=parse_columns(columns),
            strict=strict,
            settings=Settings(city, window_days),
            most=top,
            now=None if now is None else now.replace(tzinfo=_LOCAL) + timedelta(days=1),
            on_problem=on_problem,
            on_notice=on_notice,
            on_rows=on_rows,
        )
    if not topics and not as_json:
        click.echo("没有热点。No topic is told faster than expected.", err=True)
    for rank, topic in enumerate(topics, start=1):
        click.echo(json.dumps(_as_json(topic), ensure_ascii=False) if as_json else _as_text(rank, topic))


@click.command(
    "duplicates-benchmark",
    epilog="""\b
例 / Examples:
  fenbo duplicates-benchmark --size 10000 --size 100000
  fenbo duplicates-benchmark --size 1000000 --folder /var/tmp/city""",
)
@_bundle
@click.option(
    "--size", "sizes", type=click.IntRange(3000), multiple=True, default=(10_000, 100_000), show_default=True
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    help="放合成城市的空目录（一百万件约 3 GB）；不给则用临时目录。",
)
@click.option("--seed", default=0, show_default=True)
def benchmark_command(bundle: Path, sizes: tuple[int, ...], folder: Path | None, seed: int) -> None:
    """合成一座城市，看它长大时重复识别的速度、内存和准确。One JSON object a size."""
    import tempfile

    from model.duplicates.benchmark import measure
    from model.duplicates.score import PairScorer

    scorer = PairScorer.of_bundle(bundle)
    for size in sizes:
        with (
            tempfile.TemporaryDirectory(prefix="fenbo-", dir=folder) as place,
            tqdm(total=size, desc=f"{size:,} tickets", unit="ticket") as bar,
        ):
            # tqdm's own update answers whether it drew, which a callback of rows does not.
            measured = measure(size, Path(place), scorer=scorer, seed=seed, on_rows=partial(_advance, bar))
        click.echo(json.dumps(measured.as_dict()))


def _advance(bar: tqdm[NoReturn], rows: int) -> None:
    bar.update(rows)


@contextmanager
def _progress(
    source: Path, name: str
) -> Iterator[tuple[Callable[[Problem], None], Callable[[str], None], Callable[[int], None]]]:
    """A bar over the rows of ``source``: what to call on a problem, on a notice, and on rows done."""
    problems = 0
    total = count_records(source) if source.exists() else None
    with tqdm(total=total, desc=name, unit="letter") as bar:

        def on_problem(problem: Problem) -> None:
            nonlocal problems
            problems += 1
            if problems <= _MOST_PROBLEMS:
                bar.write(f"{source}, line {problem.line}: {problem.reason}")

        def on_rows(rows: int) -> None:
            bar.update(rows)

        yield on_problem, bar.write, on_rows
    if problems:
        click.echo(f"{problems} rows could not be read and were left empty", err=True)


def _as_text(rank: int, topic: HotTopic) -> str:
    start, end = (_day(moment) for moment in (topic.start, topic.end))
    lines = [
        f"{rank}. {topic.title}",
        f"   {start} 至 {end}：{topic.recent} 件，预期 {topic.expected:.1f} 件（共 {topic.size} 件，"
        f"{_day(topic.first)} 至 {_day(topic.last)}）",
        f"   地点：{'、'.join(topic.places) or topic.area or '—'}　人群：{'、'.join(topic.people) or '—'}",
        f"   单位：{'、'.join(topic.departments) or '—'}　代表工单：{topic.telling}　簇：{topic.cluster}",
    ]
    return "\n".join(lines)


def _as_json(topic: HotTopic) -> dict[str, object]:
    return {
        "cluster": topic.cluster,
        "title": topic.title,
        "size": topic.size,
        "recent": topic.recent,
        "expected": round(topic.expected, 3),
        "growth": round(topic.growth, 2),
        "surprise": round(topic.surprise, 2),
        "reporters": topic.reporters,
        "area": topic.area,
        "places": topic.places,
        "people": topic.people,
        "departments": topic.departments,
        "first": _utc(topic.first),
        "last": _utc(topic.last),
        "start": _utc(topic.start),
        "end": _utc(topic.end),
        "telling": topic.telling,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(moment: datetime) -> str:
    return moment.astimezone(_LOCAL).strftime("%Y-%m-%d")
