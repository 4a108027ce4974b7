"""Bundles without a model: folders that are checked as real ones are and load as a fixture router."""

from __future__ import annotations

import json
import os
from pathlib import Path

from model import bundle
from service.settings import Settings
from tests.service.fixture_router import FixtureRouter

_TRAITS = "traits.json"


def write_bundle(registry: Path, name: str, *, broken: bool = False, department: str | None = None) -> Path:
    """A bundle whose router is named as its folder; ``broken`` ones raise, ``department`` is always their answer."""
    with bundle.writing(registry / name) as folder:
        (folder / _TRAITS).write_text(
            json.dumps({"broken": broken, "department": department}), encoding="utf-8"
        )
        bundle.write_manifest(
            folder,
            name=name,
            created="2026-05-01T00:00:00Z",
            code_version="0",
            taxonomy="shenzhen",
            taxonomy_version="2026.1",
            facts={"metrics": {"accuracy": 0.9}},
        )
    return registry / name


def damage(folder: Path) -> None:
    """Change a file of a bundle after it was written."""
    (folder / _TRAITS).write_text("{}", encoding="utf-8")


def load_fixture(settings: Settings) -> FixtureRouter:
    """In the place of `service.predictor.load_predictor`."""
    seconds = float(os.environ.get("SECONDS_A_BATCH", "0"))
    if settings.bundle is None or settings.bundle == bundle.STARTER:
        return FixtureRouter(seconds=seconds)
    manifest = bundle.check(settings.bundle)
    traits = json.loads((settings.bundle / _TRAITS).read_text(encoding="utf-8"))
    router = FixtureRouter(seconds=seconds, name=manifest.name, department=traits["department"])
    router.broken = traits["broken"]
    return router
