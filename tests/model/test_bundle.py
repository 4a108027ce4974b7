"""A bundle is whole and unchanged, or it is refused with words that say what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model import bundle


def _write(folder: Path, name: str = "city") -> None:
    (folder / "encoder").mkdir()
    (folder / "encoder" / "config.json").write_text("{}")
    (folder / "lexical.npz").write_bytes(b"weights")
    bundle.write_manifest(
        folder,
        name=name,
        created="2026-01-01T00:00:00Z",
        code_version="0",
        taxonomy="t",
        taxonomy_version="1",
        facts={"seed": 1},
    )


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    with bundle.writing(tmp_path / "city") as scratch:
        _write(scratch)
    return tmp_path / "city"


def test_a_whole_bundle_passes(whole: Path) -> None:
    manifest = bundle.check(whole)
    assert manifest.name == "city"
    assert set(manifest.files) == {"encoder/config.json", "lexical.npz"}


def test_one_changed_byte_is_named(whole: Path) -> None:
    (whole / "lexical.npz").write_bytes(b"weightz")
    with pytest.raises(bundle.BundleError, match=r"lexical\.npz was changed"):
        bundle.check(whole)


def test_a_missing_file_is_named(whole: Path) -> None:
    (whole / "encoder" / "config.json").unlink()
    with pytest.raises(bundle.BundleError, match=r"lacks encoder/config\.json"):
        bundle.check(whole)


def test_a_half_written_manifest_is_named(whole: Path) -> None:
    text = (whole / "bundle.json").read_text()
    (whole / "bundle.json").write_text(text[: len(text) // 2])
    with pytest.raises(bundle.BundleError, match="is damaged"):
        bundle.check(whole)


def test_another_format_is_named(whole: Path) -> None:
    table = json.loads((whole / "bundle.json").read_text())
    (whole / "bundle.json").write_text(json.dumps({**table, "format": 99}))
    with pytest.raises(bundle.BundleError, match="format 99; this fenbo reads format 1"):
        bundle.check(whole)


@pytest.mark.parametrize("content", ["[]", "null", '{"format": 1}', '"x"'])
def test_a_manifest_of_another_shape_is_damaged(whole: Path, content: str) -> None:
    (whole / "bundle.json").write_text(content)
    with pytest.raises(bundle.BundleError):
        bundle.check(whole)


def test_a_folder_without_a_manifest_was_not_written_whole(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    with pytest.raises(bundle.BundleError, match="not written whole"):
        bundle.check(tmp_path / "half")


def test_a_failed_writing_leaves_the_old_bundle(whole: Path) -> None:
    def break_off() -> None:
        with bundle.writing(whole) as scratch:
            (scratch / "lexical.npz").write_bytes(b"half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        break_off()
    assert bundle.check(whole).name == "city"
    assert [path.name for path in whole.parent.iterdir()] == ["city"]


def test_a_good_writing_replaces_the_old_bundle_and_leaves_nothing_behind(whole: Path) -> None:
    with bundle.writing(whole) as scratch:
        _write(scratch, name="newer")
    assert bundle.check(whole).name == "newer"
    assert [path.name for path in whole.parent.iterdir()] == ["city"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"png")
    with pytest.raises(bundle.BundleError, match="is not a bundle"), bundle.writing(tmp_path / "photos"):
        pass
    assert (tmp_path / "photos" / "cat.png").exists()
