"""Settings: where they come from, and what is said when one is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import InvalidSetting, Settings, is_loopback, unknown_variables


def test_environment_sets_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENBO_PORT", "8081")
    monkeypatch.setenv("FENBO_BUNDLE", "runs/a")
    settings = Settings.read(port=None, workers=3)
    assert (settings.port, settings.workers, settings.bundle) == (8081, 3, Path("runs/a"))
    assert Settings.read(port=9).port == 9


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FENBO_PORT", "abc", "FENBO_PORT is 'abc'; allowed: a whole number"),
        (
            "FENBO_PORT",
            "70000",
            "FENBO_PORT is '70000'; allowed: input should be less than or equal to 65535",
        ),
        ("FENBO_WORKERS", "0", "FENBO_WORKERS is '0'"),
        ("FENBO_LOG_FORMAT", "xml", "'json' or 'console'"),
        ("FENBO_DEV", "maybe", "FENBO_DEV is 'maybe'; allowed: true or false"),
    ],
)
def test_wrong_value_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting) as error:
        Settings.read()
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_dev_stays_on_this_machine(host: str) -> None:
    with pytest.raises(InvalidSetting, match=r"cannot be used with dev.*127\.0\.0\.1"):
        Settings.read(dev=True, host=host)
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_dev_may_use_loopback(host: str) -> None:
    assert Settings.read(dev=True, host=host).host == host


def test_secrets_are_not_shown() -> None:
    settings = Settings.read(database_url="postgresql://fenbo:hunter2@db/fenbo")
    assert "hunter2" not in str(settings.shown())
    assert "hunter2" not in repr(settings)


def test_settings_pass_to_another_process_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.read(
        port=0,
        workers=4,
        dev=True,
        bundle=Path("runs/a"),
        batch_window_ms=0.5,
        database_url="postgresql://u:p@h/d",
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == settings


def test_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENBO_PROT", "1")
    monkeypatch.setenv("FENBO_PORT", "1")
    assert unknown_variables() == ["FENBO_PROT"]


def test_nothing_is_read_when_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import service.settings, service.app"],
        env={"FENBO_PORT": "abc", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
