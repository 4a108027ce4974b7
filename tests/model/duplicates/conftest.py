from __future__ import annotations

from pathlib import Path

import pytest

from model.duplicates.score import PairScorer
from model.place import PlaceFinder

from .city import START


@pytest.fixture(scope="session")
def scorer() -> PairScorer:
    """The scorer that is shipped."""
    return PairScorer.shipped()


@pytest.fixture(scope="session")
def places() -> PlaceFinder:
    """Shenzhen's places."""
    return PlaceFinder(city="深圳")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a finder."""
    assert START.tzinfo is not None
    return tmp_path / "duplicates"
