"""The labels as versioned data: departments with their history, urgency levels, kinds.

A label of any age leads to the department that is in force today; a prediction is always one of those.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from model.calendar import SHANGHAI
from model.errors import FenboError
from model.taxonomies.checks import check_departments, check_kinds, check_text, check_urgency_levels
from model.taxonomies.entries import Department, FormerName, Kind, Response, UrgencyLevel
from model.taxonomies.form import (
    department_form,
    kind_form,
    read_department,
    read_kind,
    read_urgency_level,
    urgency_level_form,
)
from model.taxonomies.names import NameIndex
from model.taxonomies.source import Entry, InvalidEntry, read_yaml, write_yaml

__all__ = [
    "Department",
    "DepartmentNotInForce",
    "FormerName",
    "InvalidEntry",
    "Kind",
    "Response",
    "Taxonomy",
    "UnknownDepartment",
    "UrgencyLevel",
]

_SHIPPED = Path(__file__).parent / "taxonomies"
_SHIPPED_NAMES = ("shenzhen",)
_SUGGESTIONS = 3


class UnknownDepartment(FenboError):
    """A label that leads to no department in force.

    ``closest`` holds at most three departments in force as ``code name``, best first.
    """

    def __init__(self, label: str, problem: str, *, closest: tuple[str, ...] = ()) -> None:
        hint = f"; closest: {', '.join(closest)}" if closest else ""
        super().__init__(f"department {label!r} {problem}{hint}")
        self.label = label
        self.closest = closest


class DepartmentNotInForce(UnknownDepartment):
    """A department that is not in force on the day asked for, and has no successor that is."""


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Departments, urgency levels and kinds of one city at one version.

    ``city`` (深圳) is the prefix that a label may carry or lack. ``levels`` are the allowed levels of a
    department. ``exact`` taxonomies, made from labels, know a department by its code alone, to the letter.
    ``valid_from`` is the day this version came into force; it decides nothing here.

    Making one checks it: raises `InvalidEntry` for empty or double names and codes, unknown values, reversed
    dates, and successors that are unknown or go in a circle.
    """

    name: str
    version: str
    city: str
    departments: tuple[Department, ...]
    urgency_levels: tuple[UrgencyLevel, ...]
    kinds: tuple[Kind, ...]
    levels: tuple[str, ...] = ()
    valid_from: date | None = None
    exact: bool = False
    _by_code: dict[str, Department] = field(init=False, repr=False, compare=False)
    _index: NameIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_text("version", self.version)
        check_urgency_levels(self.urgency_levels)
        check_kinds(self.kinds)
        check_departments(self.departments, levels=self.levels, exact=self.exact)
        object.__setattr__(self, "_by_code", {d.code: d for d in self.departments})
        object.__setattr__(self, "_index", NameIndex(self.departments, city=self.city, exact=self.exact))

    @classmethod
    def load(cls, path: str | Path) -> Taxonomy:
        """Read a taxonomy file. Raises `InvalidEntry` naming file, line, field, value and what is allowed."""
        root = read_yaml(Path(path))
        try:
            return cls._from_entry(root)
        except InvalidEntry as error:
            if error.source:
                raise
            line = root.line_of(error.path)
            raise InvalidEntry(error.path, error.problem, source=root.source, line=line) from error

    @classmethod
    def shipped(cls, name: str = "shenzhen") -> Taxonomy:
        """A taxonomy that comes with fenbo. Raises `FenboError` for a name that does not."""
        if name not in _SHIPPED_NAMES:
            allowed = ", ".join(_SHIPPED_NAMES)
            raise FenboError(f"taxonomy {name!r} is not shipped; shipped: {allowed}, or give a file's path")
        return _load_shipped(name)

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> Taxonomy:
        """A plain taxonomy of the distinct labels, sorted: code and name are the label to the letter.

        Urgency levels and kinds are Shenzhen's. Raises `InvalidEntry` when there is no label or one is blank.
        """
        shenzhen = cls.shipped("shenzhen")
        return cls(
            name="labels",
            version="1",
            city="",
            departments=tuple(Department(code=label, name=label) for label in sorted(set(labels))),
            urgency_levels=shenzhen.urgency_levels,
            kinds=shenzhen.kinds,
            exact=True,
        )

    def dump(self, path: str | Path) -> None:
        """Write the taxonomy as YAML that `load` reads back equal. Raises `FenboError` when that fails."""
        write_yaml(Path(path), self._form())

    def resolve(self, label: str, *, on: date | None = None) -> str:
        """Code of the department in force that ``label`` leads to.

        ``label`` is a code, a present or a former name, with or without the city, 市 or a remark such as
        (已撤销), in any width, with spaces, simplified or traditional; in an ``exact`` taxonomy the code to
        the letter. A retired department leads to its successor as of ``on`` (default: today in Shanghai).

        Raises `UnknownDepartment` with the three closest departments, `DepartmentNotInForce` when the
        department is known but neither it nor a successor is in force on that day.
        """
        code = self._index.find(label)
        if code is None:
            remedy = "labels count to the letter" if self.exact else "correct it or add it to former_names"
            problem = f"is not in taxonomy {self.name} {self.version}; {remedy}"
            raise UnknownDepartment(label, problem, closest=self._closest(label, on or _today()))
        department = self._by_code[code]
        if department.valid_from is None and department.valid_to is None:
            return code
        day = on or _today()
        live = self._successor_in_force(department, day)
        if live is None:
            problem = f"({department.code}) is not in force on {day}, nor is a successor; give it one"
            raise DepartmentNotInForce(label, problem)
        return live.code

    def live(self, on: date | None = None) -> tuple[Department, ...]:
        """Departments in force on a day (default: today in Shanghai), in the order of the file."""
        day = on or _today()
        return tuple(department for department in self.departments if department.is_live(day))

    def department(self, code: str) -> Department:
        """The department of a code, in force or not. Raises `UnknownDepartment`."""
        try:
            return self._by_code[code]
        except KeyError:
            closest = self._closest(code, _today())
            problem = f"is not a code of taxonomy {self.name} {self.version}"
            raise UnknownDepartment(code, problem, closest=closest) from None

    def urgency_level(self, code: str) -> UrgencyLevel:
        """The urgency level of a code. Raises `FenboError`."""
        for level in self.urgency_levels:
            if level.code == code:
                return level
        allowed = ", ".join(level.code for level in self.urgency_levels)
        raise FenboError(f"urgency {code!r} is not known; allowed: {allowed}")

    def kind(self, code: str) -> Kind:
        """The kind of a code. Raises `FenboError`."""
        for kind in self.kinds:
            if kind.code == code:
                return kind
        raise FenboError(f"kind {code!r} is not known; allowed: {', '.join(k.code for k in self.kinds)}")

    def successor_map(self, on: date | None = None) -> dict[str, str]:
        """Codes not in force on a day (default: today in Shanghai) → code of the successor that is.

        Codes in force are not keys, nor are those that lead to no department in force.
        """
        day = on or _today()
        leads = {d.code: self._successor_in_force(d, day) for d in self.departments if not d.is_live(day)}
        return {code: live.code for code, live in leads.items() if live is not None}

    def description(self, code: str) -> str:
        """What a department is and does in one text: name, then matters. Raises `UnknownDepartment`."""
        department = self.department(code)
        if not department.matters:
            return department.name
        return f"{department.name}：{'；'.join(department.matters)}"

    def content_hash(self) -> str:
        """SHA-256 (hexadecimal) of all that the taxonomy says, whatever the layout of its file."""
        canonical = json.dumps(
            self._form(), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str
        )
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def with_department(self, department: Department) -> Taxonomy:
        """A new version with ``department`` added, or put in the place of the one with its code.

        A renamed department should list its old name in ``former_names``, or old labels no longer lead to it.
        Raises `InvalidEntry`.
        """
        if department.code in self._by_code:
            changed = tuple(department if d.code == department.code else d for d in self.departments)
        else:
            changed = (*self.departments, department)
        return replace(self, version=_next_version(self.version), departments=changed)

    def retire(self, code: str, successor: str | None, on: date) -> Taxonomy:
        """A new version in which ``code`` is gone from the day ``on``, when ``successor`` takes over.

        Without a successor its labels lead nowhere from then on. Raises `UnknownDepartment` for a code that
        is not here, `InvalidEntry` when it is already retired or not yet in force, or its successor is not
        in force on that day.
        """
        department = self.department(code)
        if department.valid_to is not None:
            raise InvalidEntry("code", f"{code!r} is already retired; its last day is {department.valid_to}")
        if department.valid_from is not None and on <= department.valid_from:
            raise InvalidEntry("on", f"{on} is not after {code!r}'s first day, {department.valid_from}")
        if successor is not None and not self.department(successor).is_live(on):
            raise InvalidEntry("successor", f"{successor!r} is not in force on {on}; name one that is")
        last_day = on - timedelta(days=1)
        return self.with_department(replace(department, valid_to=last_day, successor=successor))

    @classmethod
    def _from_entry(cls, root: Entry) -> Taxonomy:
        fields = root.fields(
            required=("name", "version", "departments", "urgency", "kinds"),
            optional=("city", "valid_from", "levels", "exact"),
        )
        return cls(
            name=fields["name"].text(),
            version=fields["version"].text(),
            city=fields["city"].text() if "city" in fields else "",
            departments=tuple(read_department(entry) for entry in fields["departments"].entries()),
            urgency_levels=tuple(read_urgency_level(entry) for entry in fields["urgency"].entries()),
            kinds=tuple(read_kind(entry) for entry in fields["kinds"].entries()),
            levels=fields["levels"].texts() if "levels" in fields else (),
            valid_from=fields["valid_from"].day() if "valid_from" in fields else None,
            exact=fields["exact"].flag() if "exact" in fields else False,
        )

    def _form(self) -> dict[str, Any]:
        form: dict[str, Any] = {"name": self.name, "version": self.version}
        if self.city:
            form["city"] = self.city
        if self.valid_from is not None:
            form["valid_from"] = self.valid_from
        if self.exact:
            form["exact"] = True
        if self.levels:
            form["levels"] = list(self.levels)
        form["urgency"] = [urgency_level_form(level) for level in self.urgency_levels]
        form["kinds"] = [kind_form(kind) for kind in self.kinds]
        form["departments"] = [department_form(department) for department in self.departments]
        return form

    def _successor_in_force(self, department: Department, day: date) -> Department | None:
        current: Department | None = department
        while current is not None and not current.is_live(day):
            retired = current.valid_to is not None and current.valid_to < day
            current = self._by_code[current.successor] if retired and current.successor else None
        return current

    def _closest(self, label: str, day: date) -> tuple[str, ...]:
        alike = (self._by_code[code] for code in self._index.closest(label, count=4 * _SUGGESTIONS))
        live = (self._successor_in_force(department, day) for department in alike)
        shown = dict.fromkeys(_shown(department) for department in live if department is not None)
        return tuple(shown)[:_SUGGESTIONS]


@lru_cache(maxsize=len(_SHIPPED_NAMES))
def _load_shipped(name: str) -> Taxonomy:
    return Taxonomy.load(_SHIPPED / f"{name}.yaml")


def _today() -> date:
    return datetime.now(SHANGHAI).date()


def _shown(department: Department) -> str:
    return department.code if department.code == department.name else f"{department.code} {department.name}"


def _next_version(version: str) -> str:
    number = re.search(r"\d+$", version)
    if number is None:
        return f"{version}.1"
    digits = number.group()
    return version[: number.start()] + str(int(digits) + 1).zfill(len(digits))
