"""What a bundle must hold to be promoted, as a city writes it in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from eval.measures import MEASURES
from model.errors import FenboError

Parts = Literal["department", "slice"]
Judge = Literal["value", "beyond_chance"]
Missing = Literal["fail", "skip"]
DEFAULT = Path(__file__).parent / "policies" / "default.yaml"


@dataclass(frozen=True, slots=True)
class Rule:
    """One bound on one measure, of all tickets or of every part with at least ``min_tickets``.

    ``at_least`` and ``at_most`` bound the value, ``lose_at_most`` the loss against the baseline in the
    measure's unit, ``grow_at_most`` the growth as a share of the baseline's value. ``judge``: by the
    measured value to the letter, or only where it is beyond chance (the default for losses).
    """

    measure: str
    of_each: Parts | None = None
    min_tickets: int = 30
    at_least: float | None = None
    at_most: float | None = None
    lose_at_most: float | None = None
    grow_at_most: float | None = None
    judge: Judge = "value"
    when_missing: Missing = "fail"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, all of which must hold."""

    rules: tuple[Rule, ...]
    allow_leak: bool = False
    """Whether an evaluation that counted copies of training letters may pass."""
    baseline_required: bool = False


_BOUNDS = ("at_least", "at_most", "lose_at_most", "grow_at_most")
_POLICY_KEYS = {"version", "allow_leak", "baseline_required", "rules"}


def load_policy(file: Path = DEFAULT) -> Policy:
    """Read a policy file. Raises FenboError naming the rule, the field, the value and what is allowed."""
    try:
        root = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FenboError(f"policy: no file {file}; the shipped one is {DEFAULT}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FenboError(f"policy: {file} cannot be read as YAML ({_line(error)})") from error
    if not isinstance(root, Mapping):
        raise FenboError(f"policy: {file} is not a mapping; expected version, rules")
    _only(set(root), _POLICY_KEYS, "policy")
    if root.get("version") != 1:
        raise FenboError(f"policy: version {root.get('version')!r}, expected 1")
    entries = root.get("rules")
    if not isinstance(entries, list) or not entries:
        raise FenboError("policy: rules is not a list with at least one rule")
    return Policy(
        rules=tuple(_rule(place, entry) for place, entry in enumerate(entries, start=1)),
        allow_leak=_flag(root, "allow_leak"),
        baseline_required=_flag(root, "baseline_required"),
    )


def _rule(place: int, entry: Any) -> Rule:
    where = f"policy: rule {place}"
    if not isinstance(entry, Mapping):
        raise FenboError(f"{where}: {entry!r} is not a mapping such as {{measure: accuracy, at_least: 0.9}}")
    _only(set(entry), {field.name for field in fields(Rule)}, where)
    _one_of(where, "measure", entry.get("measure"), tuple(MEASURES))
    bounds = [name for name in _BOUNDS if name in entry]
    if len(bounds) != 1:
        raise FenboError(f"{where}: has {len(bounds)} bounds, expected exactly one of {', '.join(_BOUNDS)}")
    bound = entry[bounds[0]]
    if isinstance(bound, bool) or not isinstance(bound, int | float) or bound < 0:
        raise FenboError(f"{where}: {bounds[0]} {bound!r}, expected a number of 0 or more")
    tickets = entry.get("min_tickets", 30)
    if isinstance(tickets, bool) or not isinstance(tickets, int) or tickets < 1:
        raise FenboError(f"{where}: min_tickets {tickets!r}, expected a whole number of 1 or more")
    for name, allowed in (
        ("of_each", get_args(Parts)),
        ("judge", get_args(Judge)),
        ("when_missing", get_args(Missing)),
    ):
        if name in entry:
            _one_of(where, name, entry[name], allowed)
    if entry.get("of_each") and entry["measure"] != "accuracy":
        raise FenboError(f"{where}: of_each goes with measure accuracy, not {entry['measure']}")
    chance: Judge = "beyond_chance" if bounds[0] == "lose_at_most" else "value"
    return Rule(**{"judge": chance, **entry})


def _flag(root: Mapping[str, Any], name: str) -> bool:
    value = root.get(name, False)
    if not isinstance(value, bool):
        raise FenboError(f"policy: {name} {value!r}, expected true or false")
    return value


def _only(given: set[Any], allowed: set[str], where: str) -> None:
    unknown = sorted(str(name) for name in given - allowed)
    if unknown:
        raise FenboError(f"{where}: unknown {', '.join(unknown)}; allowed: {', '.join(sorted(allowed))}")


def _one_of(where: str, name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise FenboError(f"{where}: {name} {value!r}, expected one of {', '.join(allowed)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
