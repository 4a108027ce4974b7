"""``fenbo keys``: who may use the service."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from service.security.roles import Role

if TYPE_CHECKING:
    # The database's libraries are imported by the command that is called, not for --help.
    from service.security.keyring import OfflineKeyring


@click.group("keys")
def keys_group() -> None:
    """密钥：建立、列出、吊销。Keys of the API.

    \b
    例子 · examples:
      fenbo keys create 工单系统 --role caller
      fenbo keys list
      fenbo keys revoke 3f9a0c1b2d4e
    """


@keys_group.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="caller 工单系统；reviewer 审核人；data_scientist 数据科学家；admin 管理员",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="每秒最多几次，一台机器上的进程合计；默认照设置",
)
def create_command(name: str, role: str, rate: float | None) -> None:
    """建立一个密钥，只显示这一次。例：fenbo keys create 工单系统 --role caller"""
    with _keyring() as keyring:
        made = keyring.make(name=name, role=Role(role), per_second=rate, by=getpass.getuser())
    click.echo(made.text)
    click.echo(f"{made.row.key_id}  {role}  {name}；请立即保存，以后不再显示", err=True)


@keys_group.command("list")
def list_command() -> None:
    """列出全部密钥（不含密钥本身）。例：fenbo keys list"""
    with _keyring() as keyring:
        rows = keyring.all()
    for row in rows:
        state = "在用" if row.revoked_at is None else f"{row.revoked_at:%Y-%m-%dT%H:%M:%SZ} 吊销"
        click.echo(
            f"{row.key_id}  {row.role.value:14}  {row.created_at:%Y-%m-%dT%H:%M:%SZ}  {state}  {row.name}"
        )
    if not rows:
        click.echo("还没有密钥；用 fenbo keys create 建立", err=True)


@keys_group.command("revoke")
@click.argument("key_id")
def revoke_command(key_id: str) -> None:
    """吊销一个密钥，两秒内处处生效。例：fenbo keys revoke 3f9a0c1b2d4e"""
    with _keyring() as keyring:
        row = keyring.revoke(key_id, by=getpass.getuser())
    click.echo(f"{row.key_id}  {row.name}：已吊销", err=True)


@contextmanager
def _keyring() -> Iterator[OfflineKeyring]:
    from service.security.keyring import OfflineKeyring
    from service.settings import Settings

    keyring = OfflineKeyring(Settings.read())
    try:
        yield keyring
    finally:
        keyring.close()
