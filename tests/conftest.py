"""Shared fixtures. Real letters are looked for in ``../shared/data`` or ``$FENBO_DATA`` and never committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA = Path(__file__).resolve().parent / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real letters, or a skip that says where they were looked for."""
    folder = Path(os.environ.get("FENBO_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set FENBO_DATA)")
    return folder


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of letters that were written for this project."""
    return TEST_DATA
