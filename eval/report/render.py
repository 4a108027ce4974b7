"""Fills the templates: every value escaped, the style within the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.report import wording
from eval.report.typeface import font_face
from eval.slices import DIMENSION_NAMES
from model.errors import MissingExtra

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """One of this folder's templates with the report's style and words, every value escaped."""
    text: str = (
        _environment()
        .get_template(template)
        .render(
            css=(_FOLDER / "page.css").read_text(encoding="utf-8"),
            action_names=wording.ACTION_NAMES,
            dimension_names=DIMENSION_NAMES,
            **values,
        )
    )
    # Last, so that every character that the page shows is known.
    return text.replace("<style>", f"<style>\n{font_face(text)}", 1)


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("jinja2", "train") from error
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for words in (wording.percent, wording.interval, wording.plain, wording.plain_interval):
        environment.filters[words.__name__] = words
    environment.tests["weaker"] = wording.weaker
    return environment
