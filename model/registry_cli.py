"""``fenbo registry``: which bundles there are, and which is in use."""

from __future__ import annotations

import dataclasses
import getpass
import json
from pathlib import Path

import click

from model.registry import Registry


@click.group("registry")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    help="模型包的文件夹；默认 $FENBO_REGISTRY 或 ./bundles。Folder of bundles.",
)
@click.pass_context
def registry_group(context: click.Context, folder: Path | None) -> None:
    """模型包登记处。Bundles: list, show, promote, roll back."""
    context.obj = Registry(folder) if folder else Registry.default()


@registry_group.command("list")
@click.pass_obj
def list_command(registry: Registry) -> None:
    """列出模型包，* 为在用。例：fenbo registry list"""
    current = registry.current()
    for name in registry.names():
        manifest = registry.manifest(name)
        metrics = manifest.facts.get("metrics", {})
        mark = "*" if name == current else " "
        click.echo(
            f"{mark} {name}  {manifest.created}  {manifest.taxonomy}  accuracy {metrics.get('accuracy', '—')}"
        )
    if not registry.names():
        click.echo(f"no bundles in {registry.folder}", err=True)


@registry_group.command("show")
@click.argument("name")
@click.pass_obj
def show_command(registry: Registry, name: str) -> None:
    """一个模型包的全部说明（JSON）。例：fenbo registry show city-1"""
    click.echo(json.dumps(dataclasses.asdict(registry.manifest(name)), ensure_ascii=False, indent=2))


@registry_group.command("promote")
@click.argument("name")
@click.option("--reason", default="", help="理由，记入历史。")
@click.pass_obj
def promote_command(registry: Registry, name: str, reason: str) -> None:
    """启用一个模型包。例：fenbo registry promote city-2 --reason 交通局准确率提高"""
    promotion = registry.promote(name, by=getpass.getuser(), reason=reason)
    click.echo(f"{promotion.name} in use since {promotion.at}")


@registry_group.command("rollback")
@click.option("--reason", default="", help="理由，记入历史。")
@click.pass_obj
def rollback_command(registry: Registry, reason: str) -> None:
    """退回上一个在用的模型包。例：fenbo registry rollback --reason 误派增多"""
    promotion = registry.rollback(by=getpass.getuser(), reason=reason)
    click.echo(f"{promotion.name} in use again since {promotion.at}")
