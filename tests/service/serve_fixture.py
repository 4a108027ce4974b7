"""``fenbo`` with the fixture router in the place of a bundle. Its workers run this file again."""

from __future__ import annotations

import service.runtime
from tests.service.fixture_bundles import load_fixture

vars(service.runtime)["load_predictor"] = load_fixture

if __name__ == "__main__":
    from service.command import main

    main()
