"""``fenbo serve`` and ``fenbo config``."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import click

from service.examples import UNPAID_WAGES
from service.settings import Settings, unknown_variables


@click.command("serve")
@click.option("--bundle", type=click.Path(path_type=Path), help="模型包文件夹；不给时用自带的起步包")
@click.option("--host", help="监听地址，默认 127.0.0.1")
@click.option("--port", type=int, help="端口，默认 8000；0 由系统挑一个")
@click.option("--workers", type=int, help="进程数，默认 1；每个进程各载入一份模型")
@click.option("--dev", is_flag=True, default=None, help="试用：日志给人看，只在本机开放")
def serve_command(
    bundle: Path | None, host: str | None, port: int | None, workers: int | None, dev: bool | None
) -> None:
    """启动接口服务，就绪后给出页面地址和一条可以直接粘贴的示例命令。

    没有写在命令里的设置取自 FENBO_… 变量，见 fenbo config。

    \b
    例子 · examples:
      fenbo serve --dev
      fenbo serve --bundle runs/2026-05 --host 0.0.0.0 --port 8080 --workers 4
    """
    settings = Settings.read(
        bundle=bundle,
        host=host,
        port=port,
        workers=workers,
        dev=dev,
        log_format="console" if dev else None,
    )
    from service.serving import serve

    # Ending when asked to is a success; without this the signal would be raised again after the shutdown.
    signal.signal(signal.SIGTERM, lambda *_: None)

    def tell(address: str, *, first_key: str | None) -> None:
        click.echo(welcome(address, needs_key=not settings.dev, first_key=first_key))

    serve(settings, when_ready=tell)


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
def config_command(as_json: bool) -> None:
    """显示生效的设置（FENBO_… 变量与默认值），密码等不显示。

    \b
    例子 · examples:
      fenbo config
      FENBO_PORT=8080 fenbo config --json
    """
    values = Settings.read().shown()
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        width = max(len(name) for name in values) + len("FENBO_")
        for name, value in values.items():
            description = Settings.model_fields[name].description or ""
            shown = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            click.echo(f"{'FENBO_' + name.upper():{width}}  {shown:12}  {description}")
    for name in unknown_variables():
        click.echo(f"note: {name} is set but no setting reads it", err=True)


def welcome(address: str, *, needs_key: bool = False, first_key: str | None = None) -> str:
    """What is printed once the service at ``address`` is ready: its page and a call to paste.

    ``first_key`` stands in the call, and is shown nowhere else.
    """
    letter = {name: UNPAID_WAGES.ticket[name] for name in ("title", "content", "created_at")}
    body = shlex.quote(json.dumps(letter, ensure_ascii=False))
    key = ""
    told = ""
    if needs_key:
        key = (
            f"-H 'Authorization: Bearer {first_key}' "
            if first_key
            else '-H "Authorization: Bearer $FENBO_KEY" '
        )
        told = (
            "\n  例子里是第一个管理员密钥，只显示这一次，请立即保存；给工单系统的密钥用 fenbo keys create 建立。\n"
            if first_key
            else "\n  FENBO_KEY 是你的密钥；没有的用 fenbo keys create 建立。\n"
        )
    return (
        f"\n分拨已就绪\n\n  页面  {address}/docs\n\n  试一封信（整条复制）：\n\n"
        f"  curl -s {address}/v1/predict {key}-H 'Content-Type: application/json' -d {body}\n{told}"
    )
