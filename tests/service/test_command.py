"""``fenbo``: instant help, rooms only when called, errors in one line."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from model.errors import FenboError
from service.command import COMMANDS, Entry, run
from tests.conftest import ROOT

HEAVY = ("numpy", "fastapi", "pydantic", "uvicorn", "onnxruntime", "torch", "jieba", "yaml", "structlog")


@pytest.fixture
def room() -> Iterator[ModuleType]:
    """A room with commands that end in every way."""
    module = ModuleType("service.room_for_tests")
    sys.modules[module.__name__] = module
    kept = dict(COMMANDS)

    def command(name: str, error: BaseException | None) -> None:
        def body() -> None:
            if error is not None:
                raise error
            click.echo("done")

        setattr(module, name, click.Command(name, callback=body))
        COMMANDS[name] = Entry(f"{module.__name__}:{name}", name)

    command("works", None)
    command("fails", FenboError("--data: a.csv is not there;\nname another"))
    command("interrupted", KeyboardInterrupt())
    command("misused", click.UsageError("--port: 'x' is not a number"))
    command("no-file", FileNotFoundError(2, "No such file or directory", "a.csv"))
    command("bug", ZeroDivisionError("oh"))
    yield module
    COMMANDS.clear()
    COMMANDS.update(kept)
    del sys.modules[module.__name__]


def fenbo(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from service.command import main; main()", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_imports_click_and_no_room() -> None:
    code = (
        "import sys; from service.command import run; status = run(['--help']);"
        f"heavy = sorted(set(sys.modules) & set({HEAVY!r}));"
        "ours = ('model', 'training', 'eval', 'service');"
        "rooms = sorted(name for name in sys.modules if name.split('.')[0] in ours);"
        "print(status, heavy, rooms, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 [] ['model', 'model.errors', 'service', 'service.command']"
    for name in COMMANDS:
        assert name in done.stdout


def test_help_is_instant() -> None:
    before = os.times()
    assert fenbo("--help").returncode == 0
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 0.15, "processor seconds, so that a busy machine does not count"


def test_every_entry_names_a_room_and_says_what_it_does() -> None:
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.place.partition(":")
        assert module.split(".")[0] in ("model", "training", "eval", "service"), name
        assert attribute.endswith(("_command", "_group")), name
        assert "·" in entry.help


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_entry_leads_to_a_command(name: str) -> None:
    module, _, attribute = COMMANDS[name].place.partition(":")
    try:
        room = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(("model", "training", "eval", "service")):
            pytest.skip(f"{error.name} is not written yet")
        raise
    assert isinstance(getattr(room, attribute), click.Command)


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("works", 0, ""),
        ("fails", 1, "Error: --data: a.csv is not there; name another\n"),
        ("interrupted", 130, "interrupted\n"),
        ("no-file", 1, "Error: a.csv: No such file or directory\n"),
    ],
)
def test_how_a_command_ends(capsys: pytest.CaptureFixture[str], name: str, status: int, told: str) -> None:
    assert run([name]) == status
    assert capsys.readouterr().err.strip("\n") == told.strip("\n")


@pytest.mark.usefixtures("room")
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["misused"]) == 2
    assert run(["works", "--nonsense"]) == 2
    assert run(["serv"]) == 2
    assert "did you mean 'serve'?" in capsys.readouterr().err


@pytest.mark.usefixtures("room")
def test_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        run(["bug"])


def test_missing_library_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "needs_more.py").write_text("import matplotlib_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(COMMANDS, "eval", Entry("needs_more:eval_command", "· "))
    assert run(["eval"]) == 1
    assert capsys.readouterr().err == (
        "Error: matplotlib_that_is_not_there is not installed; run: pip install 'fenbo[train]'\n"
    )


def test_config_shows_what_is_in_effect_and_no_secret() -> None:
    done = fenbo("config", FENBO_PORT="8123", FENBO_DATABASE_URL="postgresql://u:hunter2@h/d", FENBO_PROT="1")
    assert done.returncode == 0
    assert "8123" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert "FENBO_PROT is set but no setting reads it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve", "--dev", "--host", "0.0.0.0"), "cannot be used with dev"),
        (("serve", "--port", "70000"), "FENBO_PORT is 70000"),
        (("serve", "--host", "no.such.host.invalid"), "is not an address of this machine"),
    ],
)
def test_serve_says_what_is_wrong(arguments: tuple[str, ...], told: str) -> None:
    done = fenbo(*arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
