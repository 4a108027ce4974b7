"""One file says how a bundle is trained: a TOML preset, or the user's own with ``--config``."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from model.errors import FenboError
from training.encoder_settings import FitSettings
from training.lexical import LexicalSettings

PRESETS = Path(__file__).parent / "presets"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """``initial``: ``starter``, a folder, or a Hugging Face name; ``layers``: its lower layers, 0 for all.

    ``opinion_folds``: folds in which other models form the second opinion that further passes learn from;
    ``refined_share``: how much of the weights after such a pass goes into the mean with those before (Wortsman et al.
    2022).
    """

    initial: str = "starter"
    layers: int = 0
    opinion_folds: int = 5
    refined_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """More letters to learn from, with other labels than the taxonomy's.

    ``departments`` names a crosswalk: for each label of the file the departments that may be meant. ``kinds``
    maps a kind of the file to the letters of the kinds that may be meant. ``labels`` is a file of kinds and urgencies
    that were read for some letters of this one, each named by :func:`training.reading.letter_key`: then only those
    letters are taken, with these labels and no department.
    """

    name: str
    path: str
    columns: str = ""
    departments: str = ""
    labels: str = ""
    kinds: dict[str, str] = field(default_factory=dict)
    department_weight: float = 0.3
    limit: int = 0
    every_letter: bool = True
    in_scope: bool = True
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a preset. ``encoder`` is None when only the lexical model is trained; ``refine`` are further passes."""

    name: str
    lexical: LexicalSettings
    encoder: EncoderSettings | None
    fit: FitSettings
    refine: tuple[FitSettings, ...] = ()
    sources: tuple[Source, ...] = ()


def load_settings(path: Path) -> Settings:
    """Read a preset.

    Raises:
        FenboError: not TOML, or a name that is not known, with the allowed ones.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FenboError(f"--config: {path} does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FenboError(f"--config: {path} is not TOML ({error})") from error
    allowed = {"lexical", "encoder", "fit", "refine", "source"}
    unknown = sorted(tables.keys() - allowed)
    if unknown:
        raise FenboError(
            f"{path.name}: table {unknown[0]!r} is not known; allowed: {', '.join(sorted(allowed))}"
        )
    return Settings(
        name=path.stem,
        lexical=_build(LexicalSettings, tables.get("lexical", {}), path, "lexical"),
        encoder=_build(EncoderSettings, tables["encoder"], path, "encoder") if "encoder" in tables else None,
        fit=_build(FitSettings, tables.get("fit", {}), path, "fit"),
        refine=tuple(_build(FitSettings, table, path, "refine") for table in tables.get("refine", [])),
        sources=tuple(_build(Source, table, path, "source") for table in tables.get("source", [])),
    )


def preset(name: str) -> Settings:
    """A preset that ships with fenbo.

    Raises:
        FenboError: no such preset, with the list of those there are.
    """
    path = PRESETS / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in PRESETS.glob("*.toml")))
        raise FenboError(f"--preset: {name!r} is not known; allowed: {known}")
    return load_settings(path)


def _build(shape: type[T], table: Mapping[str, Any], path: Path, place: str) -> T:
    names = [item.name for item in dataclasses.fields(shape)]  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise FenboError(f"{path.name}: {place}.{unknown[0]} is not known; allowed: {', '.join(names)}")
    try:
        return shape(**table)
    except TypeError as error:
        raise FenboError(f"{path.name}: {place}: {error}") from error
