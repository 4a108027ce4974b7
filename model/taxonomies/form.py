"""The written form of a taxonomy's parts: from a YAML entry, and back to plain data in a fixed order."""

from __future__ import annotations

from typing import Any, cast

from model.prediction import KIND_CODES, URGENCY_CODES, KindCode, UrgencyCode
from model.taxonomies.entries import (
    RESPONSE_UNITS,
    Department,
    FormerName,
    Kind,
    Response,
    UrgencyLevel,
)
from model.taxonomies.source import Entry


def read_department(entry: Entry) -> Department:
    """A department from its YAML entry. Raises `InvalidEntry`."""
    fields = entry.fields(
        required=("code", "name"),
        optional=("level", "matters", "former_names", "valid_from", "valid_to", "successor"),
    )
    formers = fields["former_names"].entries() if "former_names" in fields else []
    return Department(
        code=fields["code"].text(),
        name=fields["name"].text(),
        level=fields["level"].text() if "level" in fields else "",
        matters=fields["matters"].texts() if "matters" in fields else (),
        former_names=tuple(_read_former_name(former) for former in formers),
        valid_from=fields["valid_from"].day() if "valid_from" in fields else None,
        valid_to=fields["valid_to"].day() if "valid_to" in fields else None,
        successor=fields["successor"].text() if "successor" in fields else None,
    )


def read_urgency_level(entry: Entry) -> UrgencyLevel:
    """An urgency level from its YAML entry. Raises `InvalidEntry`."""
    fields = entry.fields(required=("code", "number", "name", "meaning", "response"))
    return UrgencyLevel(
        code=cast(UrgencyCode, _one_of(fields["code"], URGENCY_CODES)),
        number=fields["number"].whole(),
        name=fields["name"].text(),
        meaning=fields["meaning"].text(),
        response=_read_response(fields["response"]),
    )


def read_kind(entry: Entry) -> Kind:
    """A kind from its YAML entry. Raises `InvalidEntry`."""
    fields = entry.fields(required=("code", "name", "meaning"))
    return Kind(
        code=cast(KindCode, _one_of(fields["code"], KIND_CODES)),
        name=fields["name"].text(),
        meaning=fields["meaning"].text(),
    )


def department_form(department: Department) -> dict[str, Any]:
    """Plain data of a department; what is not set is left out."""
    form: dict[str, Any] = {"code": department.code, "name": department.name}
    if department.level:
        form["level"] = department.level
    for key in ("valid_from", "valid_to", "successor"):
        value = getattr(department, key)
        if value is not None:
            form[key] = value
    if department.matters:
        form["matters"] = list(department.matters)
    if department.former_names:
        form["former_names"] = [
            {"name": former.name, **({"valid_to": former.valid_to} if former.valid_to else {})}
            for former in department.former_names
        ]
    return form


def urgency_level_form(level: UrgencyLevel) -> dict[str, Any]:
    """Plain data of an urgency level."""
    response: dict[str, Any] = {level.response.unit: level.response.amount}
    if level.response.hand_over_now:
        response["hand_over_now"] = True
    return {
        "code": level.code,
        "number": level.number,
        "name": level.name,
        "meaning": level.meaning,
        "response": response,
    }


def kind_form(kind: Kind) -> dict[str, Any]:
    """Plain data of a kind."""
    return {"code": kind.code, "name": kind.name, "meaning": kind.meaning}


def _read_former_name(entry: Entry) -> FormerName:
    fields = entry.fields(required=("name",), optional=("valid_to",))
    return FormerName(
        name=fields["name"].text(),
        valid_to=fields["valid_to"].day() if "valid_to" in fields else None,
    )


def _read_response(entry: Entry) -> Response:
    fields = entry.fields(required=(), optional=(*RESPONSE_UNITS, "hand_over_now"))
    units = [unit for unit in RESPONSE_UNITS if unit in fields]
    if len(units) != 1:
        raise entry.invalid(f"must have one of {', '.join(RESPONSE_UNITS)}, and only one")
    hand_over_now = fields["hand_over_now"].flag() if "hand_over_now" in fields else False
    return Response(unit=units[0], amount=fields[units[0]].whole(), hand_over_now=hand_over_now)


def _one_of(entry: Entry, allowed: tuple[str, ...]) -> str:
    value = entry.text()
    if value not in allowed:
        raise entry.invalid(f"{value!r} is not known; allowed: {', '.join(allowed)}")
    return value
