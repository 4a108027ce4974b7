"""A bundle: one folder that holds a whole model, with a hash of every file.

It is written beside its place and moved there whole, so that a half-written one is never found under the
name; loading checks the format and every hash and says what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import FenboError

FORMAT = 1
MANIFEST = "bundle.json"
STARTER = Path(__file__).parent / "starter"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``bundle.json`` says: ``facts`` are the free part (data, metrics, authorisation, settings)."""

    name: str
    created: str
    code_version: str
    taxonomy: str
    taxonomy_version: str
    facts: dict[str, Any]
    files: dict[str, str]


class BundleError(FenboError):
    """A bundle that cannot be used, and why."""


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``bundle.json`` alone, not the files it lists.

    Raises:
        BundleError: no such folder, no manifest, or another format.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"bundle: {folder} is not a folder; name one made by `fenbo train`")
    if not path.is_file():
        raise BundleError(f"bundle: {folder} has no {MANIFEST}; it was not written whole, train it again")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        found = table.pop("format")
        if found != FORMAT:
            raise BundleError(f"bundle: {folder} has format {found}; this fenbo reads format {FORMAT}")
        return Manifest(**table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"bundle: {path} is damaged ({error}); copy the bundle again") from error


def check(folder: Path) -> Manifest:
    """Read the manifest and compare the hash of every file it lists.

    Raises:
        BundleError: a file is missing or was changed, by name.
    """
    manifest = read_manifest(folder)
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"bundle: {folder} lacks {name}; copy the bundle again")
        if sha256(path) != digest:
            raise BundleError(
                f"bundle: {folder / name} was changed since it was written; copy the bundle again"
            )
    return manifest


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A scratch folder beside ``target`` that takes its place when the block ends well.

    Raises:
        BundleError: ``target`` is there and is not a bundle.
    """
    target = target.absolute()
    if target.exists() and not (target / MANIFEST).is_file() and any(target.iterdir()):
        raise BundleError(f"--out: {target} exists and is not a bundle; name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield scratch
        _replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replace(scratch: Path, target: Path) -> None:
    scratch.chmod(0o755)
    if not target.exists():
        os.replace(scratch, target)
        return
    old = scratch.with_name(scratch.name + ".old")
    os.replace(target, old)
    try:
        os.replace(scratch, target)
    except OSError:
        os.replace(old, target)
        raise
    shutil.rmtree(old)


def write_manifest(
    folder: Path,
    *,
    name: str,
    created: str,
    code_version: str,
    taxonomy: str,
    taxonomy_version: str,
    facts: dict[str, Any],
) -> None:
    """Write ``bundle.json`` with the hash of every other file of the folder."""
    files = {
        str(path.relative_to(folder)): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    table = {
        "format": FORMAT,
        "name": name,
        "created": created,
        "code_version": code_version,
        "taxonomy": taxonomy,
        "taxonomy_version": taxonomy_version,
        "facts": facts,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(table, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
