"""Where a page ended, as an opaque text: the caller gives it back and need not understand it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field

from service.problems import FieldError, Problem, invalid_field, shown

Cursor = Annotated[
    str | None, Field(default=None, max_length=200, description="上一页的 next_cursor；第一页不给")
]
_END = 2**62

Limit = Annotated[int, Field(ge=1, le=200, description="一页最多几件")]


async def each_once(request: Request) -> None:
    """Refuse a query parameter that comes twice: which of them was meant is not ours to guess."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise invalid_field(FieldError(shown(name), "repeated", "只能出现一次"))


def written(*place: int | str) -> str:
    """A cursor that stands for this place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode("utf-8")).decode("ascii").rstrip("=")


def read_numbers(cursor: str | None, *, parts: int) -> tuple[int, ...] | None:
    """The whole numbers that `written` was given; None for the first page. Raises `Problem` for anything else."""
    if cursor is None:
        return None
    place = _place(cursor)
    if len(place) != parts or not all(isinstance(each, int) and 0 <= each < _END for each in place):
        raise _invalid()
    return tuple(place)


def read_number_and_name(cursor: str | None) -> tuple[int, str] | None:
    """The whole number and the name that `written` was given; None for the first page. Raises `Problem`."""
    if cursor is None:
        return None
    place = _place(cursor)
    if len(place) == 2:
        number, name = place
        if isinstance(number, int) and 0 <= number < _END and isinstance(name, str) and "\0" not in name:
            return number, name
    raise _invalid()


def _place(cursor: str) -> list[Any]:
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid() from None
    if not isinstance(place, list):
        raise _invalid()
    return place


def _invalid() -> Problem:
    return invalid_field(
        FieldError("cursor", "not_allowed", "不是本接口给出的", allowed="上一页答复里的 next_cursor")
    )
