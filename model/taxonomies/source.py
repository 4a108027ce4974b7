"""YAML that knows where each value stands, so that an error can name the file, the line and the field."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from model.errors import FenboError

# libyaml where it is built in: ten times faster, and the marks are the same.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_UNFOLDED = 1_000_000
_READ_AS = {
    "int": "a number",
    "float": "a number",
    "bool": "yes/no",
    "timestamp": "a date",
    "null": "nothing",
}


class InvalidEntry(FenboError):
    """A value of a taxonomy or calendar that cannot stand.

    ``path`` is the field (``departments[3].successor``), ``source`` the file and ``line`` its line (1-based)
    when the value came from a file, ``problem`` what is wrong and what is allowed.
    """

    def __init__(self, path: str, problem: str, *, source: str = "", line: int | None = None) -> None:
        self.path, self.problem, self.source, self.line = path, problem, source, line
        place = [source] if source else []
        if line is not None:
            place.append(f"line {line}")
        if path:
            place.append(path)
        super().__init__(f"{', '.join(place)}: {problem}" if place else problem)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a YAML file with its place. Its readers raise `InvalidEntry` on anything unexpected."""

    node: yaml.Node
    path: str
    source: str

    @property
    def line(self) -> int:
        """Line of the value in the file, 1-based."""
        return int(self.node.start_mark.line) + 1

    def invalid(self, problem: str) -> InvalidEntry:
        """The error that says ``problem`` about this value."""
        return InvalidEntry(self.path, problem, source=self.source, line=self.line)

    def fields(self, *, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Entry]:
        """The named values of a mapping. A field left empty (null) counts as not written."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.invalid(f"must be a mapping with the fields {_listed(required)}")
        allowed = [*required, *optional]
        found: dict[str, Entry] = {}
        for key_node, value in self.node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            entry = Entry(value, f"{self.path}.{key}" if self.path else key, self.source)
            if key not in allowed:
                raise entry.invalid(f"unknown field; allowed: {_listed(allowed)}")
            if key in found:
                raise entry.invalid(f"{key!r} is written twice; keep one")
            found[key] = entry
        found = {key: entry for key, entry in found.items() if not entry._is_null()}
        for key in required:
            if key not in found:
                raise self.invalid(f"field {key!r} is missing; required: {_listed(required)}")
        return found

    def entries(self) -> list[Entry]:
        """The values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.invalid("must be a list")
        return [Entry(item, f"{self.path}[{i}]", self.source) for i, item in enumerate(self.node.value)]

    def text(self) -> str:
        """A text; a bare ``NO`` or ``110`` is not one, for YAML reads it as something else."""
        kind = self._scalar_kind()
        if kind != "str":
            value = str(self.node.value) if isinstance(self.node, yaml.ScalarNode) else "a list or mapping"
            read_as = f" but YAML reads it as {_READ_AS[kind]}: put it in quotes" if kind in _READ_AS else ""
            raise self.invalid(f"{value!r} must be a text{read_as}")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(entry.text() for entry in self.entries())

    def whole(self) -> int:
        """A whole number."""
        try:
            if self._scalar_kind() != "int":
                raise ValueError
            return int(self.node.value)
        except ValueError:
            raise self.invalid(f"{self._shown()} must be a whole number") from None

    def flag(self) -> bool:
        """``true`` or ``false``."""
        if self._scalar_kind() != "bool" or self.node.value.lower() not in ("true", "false"):
            raise self.invalid(f"{self._shown()} must be true or false")
        return bool(self.node.value.lower() == "true")

    def day(self) -> date:
        """A date, YYYY-MM-DD."""
        try:
            if self._scalar_kind() not in ("timestamp", "str"):
                raise ValueError
            return date.fromisoformat(self.node.value)
        except ValueError:
            raise self.invalid(f"{self._shown()} must be a date written YYYY-MM-DD") from None

    def line_of(self, path: str) -> int:
        """Line of the field at ``path`` below this entry, or of the nearest part of it that is written."""
        node = self.node
        for index, key in _STEP.findall(path):
            if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
                node = node.value[int(index)]
            elif key and isinstance(node, yaml.MappingNode):
                below = [value for name, value in node.value if name.value == key]
                if not below:
                    break
                node = below[0]
            else:
                break
        return int(node.start_mark.line) + 1

    def _scalar_kind(self) -> str:
        return str(self.node.tag).rsplit(":", 1)[-1] if isinstance(self.node, yaml.ScalarNode) else ""

    def _is_null(self) -> bool:
        return self._scalar_kind() == "null"

    def _shown(self) -> str:
        return repr(self.node.value) if isinstance(self.node, yaml.ScalarNode) else "a list or mapping"


def read_yaml(path: Path) -> Entry:
    """The whole of a YAML file as one entry.

    Raises `InvalidEntry` when the file is missing, not UTF-8, not YAML, or empty.
    """
    source = str(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError as error:
        raise InvalidEntry("", f"cannot be read: {error.strerror}", source=source) from error
    except UnicodeDecodeError as error:
        raise InvalidEntry("", "is not UTF-8; save it as UTF-8", source=source) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InvalidEntry("", f"is not YAML: {error.problem}", source=source, line=line) from error
    except yaml.YAMLError as error:
        raise InvalidEntry("", f"is not YAML: {' '.join(str(error).split())}", source=source) from error
    if node is None:
        raise InvalidEntry("", "is empty", source=source)
    return Entry(node, "", source)


def write_yaml(path: Path, form: dict[str, Any]) -> None:
    """Write plain data as YAML that `read_yaml` gives back to the letter. Raises `FenboError`."""
    text = yaml.dump(form, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_UNFOLDED)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise FenboError(f"{path} cannot be written: {error.strerror}") from error


class _Dumper(yaml.SafeDumper):
    """Quotes and escapes every text with an unusual space or line break, which plain YAML would fold away."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)
