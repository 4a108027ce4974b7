"""Promotion is a person's act, kept for ever, and only a whole bundle can be promoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from model import bundle
from model.errors import FenboError
from model.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for name in ("first", "second"):
        with bundle.writing(tmp_path / name) as folder:
            (folder / "lexical.npz").write_bytes(name.encode())
            bundle.write_manifest(
                folder, name=name, created="2026-01-01T00:00:00Z", code_version="0", taxonomy="t",
                taxonomy_version="1", facts={},
            )  # fmt: skip
    return Registry(tmp_path)


def test_nothing_is_in_use_before_the_first_promotion(registry: Registry) -> None:
    assert registry.names() == ["first", "second"]
    assert registry.current() is None


def test_rollback_returns_to_the_one_before_and_keeps_the_history(registry: Registry) -> None:
    registry.promote("first", by="wang", reason="better")
    registry.promote("second", by="wang")
    registry.rollback(by="li")
    assert registry.current() == "first"
    assert [item.name for item in registry.promotions()] == ["first", "second", "first"]
    assert registry.promotions()[-1].reason == "rollback from second"


def test_a_damaged_bundle_is_not_promoted(registry: Registry) -> None:
    registry.promote("first", by="wang")
    (registry.folder / "second" / "lexical.npz").write_bytes(b"changed")
    with pytest.raises(FenboError, match="was changed"):
        registry.promote("second", by="wang")
    assert registry.current() == "first"


def test_an_unknown_name_lists_what_there_is(registry: Registry) -> None:
    with pytest.raises(FenboError, match=r"'third' is not in .*; there are: first, second"):
        registry.promote("third", by="wang")


def test_rollback_without_a_past_says_so(registry: Registry) -> None:
    registry.promote("first", by="wang")
    with pytest.raises(FenboError, match="no other bundle was in use before first"):
        registry.rollback(by="wang")
