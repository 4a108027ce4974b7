"""``fenbo``: joins the rooms' own commands by name. A room is imported when its command is called."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from typing import Final

import click

from model.errors import FenboError, MissingExtra

# Our matrices are small: a second thread waits for the first, and where the processors are busy it takes three times
# as long. Read by numpy when it is imported, which is later; a value of one's own stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ROOMS: Final = frozenset({"model", "training", "eval", "service"})
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is written, and what ``fenbo --help`` says of it."""

    place: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    "serve": Entry("service.cli:serve_command", "启动接口服务 · serve the API"),
    "predict": Entry("model.cli:predict_command", "给一批诉求打分 · predict a file of letters"),
    "train": Entry("training.cli:train_command", "用自己的工单训练 · train a bundle"),
    "data": Entry("training.cli:data_group", "检查和划分数据 · check and split data"),
    "eval": Entry("training.eval_cli:eval_command", "评测一个模型包 · evaluate a bundle"),
    "compare": Entry("eval.cli:compare_command", "逐件比较两个模型包 · compare two bundles"),
    "history": Entry("eval.cli:history_command", "历次评测的走势 · evaluations over time"),
    "report": Entry("service.report_cli:report_command", "一周的准确率与变化 · a week of the service"),
    "gate": Entry("eval.cli:gate_command", "新模型包能否上线 · may a bundle be promoted"),
    "registry": Entry("model.cli:registry_group", "模型包：列出、上线、回退 · list, promote, roll back"),
    "duplicates": Entry("model.duplicates_cli:duplicates_command", "找出重复诉求 · find duplicates"),
    "pairs": Entry("model.duplicates_cli:pairs_command", "两件是否同一件事 · are two the same matter"),
    "train-pairs": Entry("training.pairs_cli:train_pairs_command", "学习什么算重复 · fit the pair score"),
    "duplicates-benchmark": Entry(
        "model.duplicates_cli:benchmark_command", "重复识别测速 · benchmark of duplicates as a city grows"
    ),
    "hot": Entry("model.duplicates_cli:hot_command", "近期热点 · hot topics"),
    "keys": Entry("service.keys_cli:keys_group", "谁可以用接口 · API keys: create, list, revoke"),
    "export": Entry(
        "service.storage_cli:export_command", "导出人的意见，用来训练 · export outcomes to train on"
    ),
    "audit": Entry("service.storage_cli:audit_group", "核对审计日志 · verify the audit log"),
    "purge": Entry(
        "service.storage_cli:purge_command", "清除过了保存期的 · forget what is past its retention"
    ),
    "backup": Entry("service.storage_cli:backup_command", "备份，服务不必停 · back up while running"),
    "restore": Entry("service.storage_cli:restore_command", "从备份恢复 · restore a backup"),
    "config": Entry("service.cli:config_command", "显示生效的设置 · show effective settings"),
}


class Rooms(click.Group):
    """A group that knows its commands by `COMMANDS` and imports each when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now. Raises `MissingExtra` when a library of an extra is not installed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        try:
            command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            library = (error.name or "").partition(".")[0]
            if library in _ROOMS:
                raise
            raise MissingExtra(library, "train") from error
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the closest name when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(_unknown(args[0]))
        return super().resolve_command(ctx, args)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"one of: {', '.join(COMMANDS)}"
    return f"no command {name!r}; {hint}"


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from service.version import VERSION

    click.echo(f"fenbo {VERSION}")
    ctx.exit()


@click.group(
    cls=Rooms,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="例子 · examples: fenbo serve --help",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="显示版本 · show the version",
)
def fenbo() -> None:
    """分拨：市民诉求该归哪个单位、有多急、凭什么。

    Routes a citizen's request to the department that handles it, and says why.
    """


def run(arguments: list[str]) -> int:
    """Run ``fenbo`` and return its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        status = fenbo.main(arguments, prog_name="fenbo", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _failed(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except FenboError as error:
        return _failed(str(error))
    except BrokenPipeError:
        # Whoever read our output has left; writing the rest at exit would only complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return status if isinstance(status, int) else 0


def main() -> None:
    """The ``fenbo`` command."""
    sys.exit(run(sys.argv[1:]))


def _failed(why: str) -> int:
    click.echo("Error: " + " ".join(why.split()), err=True)
    return 1
