"""The gazetteer: administrative names as editable data, one YAML file a city, and a fast table of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from model.errors import FenboError

Form = Literal["full", "short", "landmark"]
_STREET_SUFFIX = re.compile(r"(?:街道|新镇|镇|乡)$")


class GazetteerError(FenboError):
    """A gazetteer file that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to name an administrative place. ``form`` says how sure the wording is."""

    surface: str
    level: Literal["city", "district", "street", "landmark"]
    form: Form
    name: str
    city: str
    district: str


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Administrative names of one or several cities, looked up by their first two characters."""

    cities: tuple[str, ...]
    entries: tuple[Entry, ...]
    table: Mapping[str, tuple[tuple[str, tuple[Entry, ...]], ...]]
    """First two characters → (surface, its entries), longest surface first."""

    def city(self, name: str) -> str:
        """Canonical name of a city called ``name``; empty when this gazetteer does not know it."""
        wanted = name.strip()
        for entry in self.entries:
            if entry.level == "city" and entry.surface == wanted:
                return entry.name
        return ""

    def district(self, name: str, city: str = "") -> tuple[str, str]:
        """(city, district) called ``name``, in ``city`` when given; empty when unknown or ambiguous."""
        found = {
            (entry.city, entry.name)
            for entry in self.entries
            if entry.level == "district"
            and entry.surface == name.strip()
            and (not city or entry.city == city)
        }
        return found.pop() if len(found) == 1 else ("", "")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value.strip()) < 2:
        raise GazetteerError(f"{where}: expected a name of two or more characters, found {value!r}")
    return value.strip()


def _names(values: Any, where: str) -> tuple[str, ...]:
    if values is None:
        return ()
    if not isinstance(values, list):
        raise GazetteerError(f"{where}: expected a list of names, found {values!r}")
    return tuple(_text(value, where) for value in values)


def _city_entries(data: Any, source: str) -> list[Entry]:
    if not isinstance(data, dict) or not {"city", "districts"} <= data.keys():
        raise GazetteerError(f"{source}: expected a mapping with city and districts")
    city = _text(data["city"], f"{source}: city")
    full_only = frozenset(_names(data.get("full_only"), f"{source}: full_only"))
    entries = [Entry(city, "city", "full", city, city, "")]
    entries += [
        Entry(alias, "city", "short", city, city, "") for alias in _names(data.get("aliases"), source)
    ]
    if not isinstance(data["districts"], list):
        raise GazetteerError(f"{source}: districts must be a list")
    for district in data["districts"]:
        if not isinstance(district, dict) or "name" not in district:
            raise GazetteerError(f"{source}: a district must be a mapping with a name, found {district!r}")
        name = _text(district["name"], f"{source}: district")
        where = f"{source}: {name}"
        entries.append(Entry(name, "district", "full", name, city, name))
        for alias in _names(district.get("aliases"), where):
            if alias not in full_only:
                form: Form = "full" if alias[-1] in "区县镇" else "short"
                entries.append(Entry(alias, "district", form, name, city, name))
        for street in _names(district.get("streets"), where):
            entries.append(Entry(street, "street", "full", street, city, name))
            short = _STREET_SUFFIX.sub("", street)
            if len(short) >= 2 and short != street and short not in full_only:
                entries.append(Entry(short, "street", "short", street, city, name))
        for landmark in _names(district.get("landmarks"), where):
            entries.append(Entry(landmark, "landmark", "landmark", landmark, city, name))
    return entries


def build(entries: Iterable[Entry]) -> Gazetteer:
    """A gazetteer of these entries."""
    kept = tuple(dict.fromkeys(entries))
    by_surface: dict[str, list[Entry]] = {}
    for entry in kept:
        by_surface.setdefault(entry.surface, []).append(entry)
    table: dict[str, list[tuple[str, tuple[Entry, ...]]]] = {}
    for surface in sorted(by_surface, key=len, reverse=True):
        table.setdefault(surface[:2], []).append((surface, tuple(by_surface[surface])))
    cities = tuple(dict.fromkeys(entry.name for entry in kept if entry.level == "city"))
    return Gazetteer(cities, kept, {key: tuple(rows) for key, rows in table.items()})


def load(path: Path) -> Gazetteer:
    """Read one city's YAML file.

    Raises:
        GazetteerError: the file is missing or is not a gazetteer.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GazetteerError(f"cannot read gazetteer {path}: {error}") from error
    return build(_city_entries(data, path.name))


@lru_cache(maxsize=1)
def shipped() -> Gazetteer:
    """Every city that comes with fenbo, together."""
    entries: list[Entry] = []
    for file in sorted(resources.files(__package__).iterdir(), key=lambda item: item.name):
        if file.name.endswith(".yaml"):
            entries += _city_entries(yaml.safe_load(file.read_text(encoding="utf-8")), file.name)
    return build(entries)


def of_city(gazetteer: Gazetteer, city: str) -> Gazetteer:
    """The part of ``gazetteer`` that belongs to ``city``."""
    return build(entry for entry in gazetteer.entries if entry.city == city)
