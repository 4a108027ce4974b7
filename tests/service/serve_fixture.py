"""``fenbo`` with the fixture router in the place of a bundle. Its workers run this file again."""

from __future__ import annotations

import os

import service.runtime
from model.errors import FenboError
from service.settings import Settings
from tests.service.fixture_router import FixtureRouter


def _load(settings: Settings) -> FixtureRouter:
    if settings.bundle is not None:
        raise FenboError(f"bundle: {settings.bundle} is not a folder; name one made by `fenbo train`")
    return FixtureRouter(seconds=float(os.environ.get("SECONDS_A_BATCH", "0")))


vars(service.runtime)["load_predictor"] = _load

if __name__ == "__main__":
    from service.command import main

    main()
