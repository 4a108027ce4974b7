"""Where a page ended, as an opaque text: the caller gives it back and need not understand it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

from pydantic import Field

from service.problems import INVALID_REQUEST, FieldError, Problem

Cursor = Annotated[
    str | None, Field(default=None, max_length=200, description="上一页的 next_cursor；第一页不给")
]
Limit = Annotated[int, Field(ge=1, le=200, description="一页最多几件")]


def written(*place: int | str) -> str:
    """A cursor that stands for this place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode("utf-8")).decode("ascii").rstrip("=")


def read_numbers(cursor: str | None, *, parts: int) -> tuple[int, ...] | None:
    """The whole numbers that `written` was given; None for the first page. Raises `Problem` for anything else."""
    if cursor is None:
        return None
    place = _place(cursor)
    if len(place) != parts or not all(isinstance(each, int) and 0 <= each < 2**62 for each in place):
        raise _invalid()
    return tuple(place)


def _place(cursor: str) -> list[int]:
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid() from None
    if not isinstance(place, list):
        raise _invalid()
    return place


def _invalid() -> Problem:
    error = FieldError(
        "cursor", "not_allowed", "不是本接口给出的 next_cursor", allowed="上一页答复里的 next_cursor"
    )
    return Problem(INVALID_REQUEST, "1 处不合要求：cursor 不是本接口给出的 next_cursor", errors=[error])
