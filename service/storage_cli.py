"""``fenbo export``, ``audit``, ``purge``, ``backup``, ``restore``: rows out of the storage, kept and forgotten."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model.calendar import SHANGHAI
from service.settings import Settings

if TYPE_CHECKING:
    # The database's libraries are imported by the command that is called, not for --help.
    from service.storage import Database


@click.command("export")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="从这一天（北京时间）起收到的")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="到这一天（北京时间）之前收到的")
def export_command(out: Path, since: datetime | None, until: datetime | None) -> None:
    """导出有人给出意见或办理结果的工单，标签是人的最后意见，可直接用来训练。OUT 为 .csv、.jsonl 或 .parquet。

    \b
    例子 · examples:
      fenbo export outcomes.csv
      fenbo export may.csv --since 2026-05-01 --until 2026-06-01
      fenbo train --train history.csv --train outcomes.csv --out runs/next
    """
    from tqdm import tqdm

    from model.records import write_rows
    from service.storage.export import FIELDS, TEXT_FIELDS, labelled

    with _database() as (_, database), database.reading() as connection:
        rows = labelled(connection, since=_day(since), until=_day(until))
        with tqdm(rows, unit=" 件", disable=None) as shown:
            count = write_rows(out, shown, FIELDS, text_fields=TEXT_FIELDS)
    click.echo(f"{count} 件写入 {out}")


@click.group("audit")
def audit_group() -> None:
    """审计日志。The audit log.

    \b
    例子 · examples:
      fenbo audit verify
    """


@audit_group.command("verify")
@click.option("--head", "noted", metavar="NUMBER:HASH", help="以前记下的末行；核对它还在，末尾没有被截去")
def verify_command(noted: str | None) -> None:
    """核对审计日志每一行的散列是否接得上；有改动、缺行、插行即报错。请把打印的末行另存他处，下次用 --head 核对。

    \b
    例子 · examples:
      fenbo audit verify
      fenbo audit verify --head 1234:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    from tqdm import tqdm

    from service.storage import audit

    expected = audit.head_of(noted) if noted else None
    with (
        _database() as (_, database),
        database.reading() as connection,
        tqdm(unit=" 行", disable=None) as progress,
    ):
        verified = audit.verify(connection, expected=expected, on_rows=progress.update)
    click.echo(f"{verified.rows} 行，从第 {verified.first} 行起，全部接得上")
    click.echo(f"末行 {verified.head}")


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="只数一数，不清除")
@click.option(
    "--everything", is_flag=True, help="过半的工单都过了保存期时也清除；不给则疑为时钟走错，什么也不动"
)
def purge_command(dry_run: bool, everything: bool) -> None:
    """清除过了保存期的内容：遮盖后的文字、办理与预测记录、任务结果、审计日志（各自的天数见 fenbo config）。服务不必停。

    清除本身记入审计日志，日志仍可核对。建议每天运行一次。

    \b
    例子 · examples:
      fenbo purge --dry-run
      fenbo purge
    """
    from service.storage.purge import counted, doubted, limits, purge

    with _database() as (settings, database):
        before = limits(settings)
        if dry_run:
            with database.reading() as connection:
                done = counted(connection, before)
                if doubt := doubted(connection, before):
                    click.echo(doubt, err=True)
        else:
            done = purge(database, before, actor=_actor(), everything=everything)
    verb = "将清除" if dry_run else "已清除"
    click.echo(
        f"{verb}：文字 {done.texts} 件，工单 {done.tickets} 件，办理结果 {done.outcomes} 条，"
        f"人工意见 {done.reviews} 条，任务 {done.jobs} 个，审计日志 {done.audit} 行"
    )


@click.command("backup")
@click.argument("out", type=click.Path(path_type=Path))
def backup_command(out: Path) -> None:
    """把存储的全部内容备份为一个文件，服务不必停；SQLite 和 PostgreSQL 的备份通用。密钥不在其中，请另外保存。

    \b
    例子 · examples:
      fenbo backup backups/2026-05-12.db
    """
    from tqdm import tqdm

    from service.storage.backup import back_up

    with _database() as (settings, database), tqdm(unit=" 行", disable=None) as progress:
        kept = back_up(database, out, on_rows=progress.update)
    click.echo(f"{kept.tickets} 件工单备份为 {out}；审计日志末行 {kept.head}")
    if settings.secret_key is None:
        click.echo(f"密钥 {settings.data_dir / 'secret.key'} 不在其中，恢复时要用，请另外保存", err=True)


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="已有工单时也恢复：现有内容全部换成备份里的")
def restore_command(backup: Path, yes: bool) -> None:
    """用备份换掉存储的全部内容，要么全部换好，要么不变。服务不必停；期间的写入稍等，或答 503 请稍后再试。

    \b
    例子 · examples:
      fenbo restore backups/2026-05-12.db
      fenbo restore backups/2026-05-12.db --yes
    """
    from tqdm import tqdm

    from service.storage.backup import restore, tickets_in
    from service.storage.secret import secret_key

    with _database() as (settings, database):
        present = tickets_in(database)
        if present and not yes:
            raise click.ClickException(
                f"there are {present} tickets, all of which the backup would replace; give --yes if you mean it"
            )
        key = secret_key(settings, database)
        with tqdm(unit=" 行", disable=None) as progress:
            kept = restore(database, backup, actor=_actor(), key_check=key.check, on_rows=progress.update)
    click.echo(f"已恢复 {kept.tickets} 件工单；审计日志接在备份的末行 {kept.head} 之后")


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    from service.storage import open_database

    settings = Settings.read()
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.close()


def _day(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=SHANGHAI) if given is not None else None


def _actor() -> str:
    return f"fenbo:{getpass.getuser()}"
