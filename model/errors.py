"""Every error that fenbo raises on purpose: one plain line that says what is wrong and what to do."""

from __future__ import annotations


class FenboError(Exception):
    """A problem the caller can act on. Its text is one line, fit to be shown as it is."""


class MissingExtra(FenboError):
    """A library of an optional extra is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed; run: pip install 'fenbo[{extra}]'")
        self.library = library
        self.extra = extra
