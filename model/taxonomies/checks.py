"""What must hold in every taxonomy, whether it was read from a file, made from labels or edited."""

from __future__ import annotations

from collections.abc import Sequence

from model.prediction import KIND_CODES, URGENCY_CODES
from model.taxonomies.entries import RESPONSE_UNITS, Department, Kind, UrgencyLevel
from model.taxonomies.names import fold
from model.taxonomies.source import InvalidEntry

MAX_AMOUNT = {"hours": 8760, "working_days": 250}
"""Longest first response that is believed: about a year."""


def check_departments(departments: Sequence[Department], *, levels: Sequence[str], exact: bool) -> None:
    """Raise `InvalidEntry` for the first department whose fields, names or successor cannot stand."""
    if not departments:
        raise InvalidEntry("departments", "is empty; name at least one department")
    for i, department in enumerate(departments):
        _check_fields(department, f"departments[{i}]", levels=levels, exact=exact)
    _check_names(departments, exact=exact)
    _check_successors(departments)


def check_urgency_levels(levels: Sequence[UrgencyLevel]) -> None:
    """Raise `InvalidEntry` unless the four levels are there, numbered 1 to 4, each with a first response."""
    _check_complete("urgency", [level.code for level in levels], URGENCY_CODES)
    _check_distinct("urgency", [level.name for level in levels])
    for i, level in enumerate(levels):
        number = URGENCY_CODES.index(level.code) + 1
        if level.number != number:
            raise InvalidEntry(
                f"urgency[{i}].number", f"{level.number} is not the number of {level.code!r}; it is {number}"
            )
        unit, amount = level.response.unit, level.response.amount
        if unit not in RESPONSE_UNITS:
            raise InvalidEntry(
                f"urgency[{i}].response", f"{unit!r} is not known; allowed: {', '.join(RESPONSE_UNITS)}"
            )
        if not 1 <= amount <= MAX_AMOUNT[unit]:
            raise InvalidEntry(
                f"urgency[{i}].response.{unit}", f"{amount} is outside the allowed 1 to {MAX_AMOUNT[unit]}"
            )


def check_kinds(kinds: Sequence[Kind]) -> None:
    """Raise `InvalidEntry` unless the six kinds are there, each with a name of its own."""
    _check_complete("kinds", [kind.code for kind in kinds], KIND_CODES)
    _check_distinct("kinds", [kind.name for kind in kinds])


def check_text(path: str, value: str) -> None:
    """Raise `InvalidEntry` when a text is empty or white space alone."""
    if not value.strip():
        raise InvalidEntry(path, f"{value!r} is empty; write a text")


def _check_fields(department: Department, path: str, *, levels: Sequence[str], exact: bool) -> None:
    check_text(f"{path}.code", department.code)
    check_text(f"{path}.name", department.name)
    if not exact and any(character.isspace() for character in department.code):
        raise InvalidEntry(f"{path}.code", f"{department.code!r} holds white space; leave it out")
    if department.level and department.level not in levels:
        allowed = ", ".join(levels) or "none (the taxonomy's own 'levels' is empty)"
        raise InvalidEntry(f"{path}.level", f"{department.level!r} is not a level; allowed: {allowed}")
    for j, matter in enumerate(department.matters):
        check_text(f"{path}.matters[{j}]", matter)
    for j, former in enumerate(department.former_names):
        check_text(f"{path}.former_names[{j}].name", former.name)
    first, last = department.valid_from, department.valid_to
    if first is not None and last is not None and last < first:
        raise InvalidEntry(f"{path}.valid_to", f"{last} lies before valid_from {first}; swap or correct them")


def _check_names(departments: Sequence[Department], *, exact: bool) -> None:
    codes: dict[str, int] = {}
    owners: dict[str, tuple[int, str]] = {}
    for i, department in enumerate(departments):
        path = f"departments[{i}]"
        code = department.code if exact else fold(department.code)
        if code in codes:
            raise InvalidEntry(
                f"{path}.code",
                f"{department.code!r} is already the code of departments[{codes[code]}]; codes are unique",
            )
        codes[code] = i
        if exact:
            continue
        named = [(f"{path}.code", department.code), (f"{path}.name", department.name)]
        named += [(f"{path}.former_names[{j}].name", f.name) for j, f in enumerate(department.former_names)]
        for where, name in named:
            owner, used_at = owners.setdefault(fold(name), (i, where))
            if owner != i:
                raise InvalidEntry(
                    where, f"{name!r} is already used at {used_at}; one name may lead to one department only"
                )


def _check_successors(departments: Sequence[Department]) -> None:
    by_code = {department.code: department for department in departments}
    for i, department in enumerate(departments):
        path = f"departments[{i}].successor"
        if department.successor is None:
            continue
        if department.valid_to is None:
            raise InvalidEntry(
                path, f"{department.successor!r} is named but valid_to is not; give the last day in force"
            )
        chain = [department.code]
        successor: str | None = department.successor
        while successor is not None:
            if successor not in by_code:
                raise InvalidEntry(path, f"{successor!r} is not the code of a department here")
            chain.append(successor)
            if successor in chain[:-1]:
                raise InvalidEntry(path, f"successors go in a circle: {' → '.join(chain)}; break it")
            successor = by_code[successor].successor


def _check_complete(path: str, codes: Sequence[str], allowed: Sequence[str]) -> None:
    for i, code in enumerate(codes):
        if code not in allowed:
            raise InvalidEntry(f"{path}[{i}].code", f"{code!r} is not known; allowed: {', '.join(allowed)}")
        if code in codes[:i]:
            raise InvalidEntry(f"{path}[{i}].code", f"{code!r} is written twice; keep one")
    missing = [code for code in allowed if code not in codes]
    if missing:
        raise InvalidEntry(path, f"lacks {', '.join(missing)}; all of {', '.join(allowed)} are needed")


def _check_distinct(path: str, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        check_text(f"{path}[{i}].name", name)
        if name in names[:i]:
            raise InvalidEntry(f"{path}[{i}].name", f"{name!r} is written twice; names are unique")
