"""The version of the code that answers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("fenbo")
    except PackageNotFoundError:
        return "0"


VERSION = _installed()
