"""Structured logs: one JSON object a line on standard error. What a citizen wrote never gets here.

An exception is logged as its types and the places it passed, without its message: messages quote what they
choke on.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

_MOST_FRAMES = 30
_PLACE = re.compile(r'^ *File "(.+)", line (\d+), in (\S+)$', re.MULTILINE)


def configure_logging(*, level: str, form: Literal["json", "console"]) -> None:
    """Set up logging for this process. ``level`` is debug, info, warning or error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        without_messages,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, first_line],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.captureWarnings(True)


def without_messages(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put an exception's types and places in the stead of its message and traceback."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["raised"] = described(error)
    return event


def first_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cut a library's own message after its first line: what follows may show objects with their contents.

    A traceback that was made a text of keeps its places.
    """
    text = str(event["event"])
    first, _, rest = text.partition("\n")
    event["event"] = first
    if first.startswith("Traceback "):
        event["event"] = "unexpected error"
        event["raised"] = [{"places": [f"{file}:{line} {name}" for file, line, name in _PLACE.findall(rest)]}]
    return event


def described(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, newest first: type, and places as ``file:line function``."""
    return [
        {"type": f"{type(each).__module__}.{type(each).__qualname__}", "places": _places(each.__traceback__)}
        for each in _chain(error)
    ]


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
