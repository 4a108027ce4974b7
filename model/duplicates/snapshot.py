"""The candidate index on disk, so that a restart need not read every row again.

A snapshot is whole or absent: shards are written under new names, then the manifest is replaced in one step,
then what it no longer names is removed. A process killed anywhere leaves the old or the new one.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .axes import WORDS, Axes
from .index import VectorIndex
from .shard import Shard

_FORMAT = 4
_MANIFEST = "manifest.json"

F32 = NDArray[np.float32]


class SnapshotUnusableError(Exception):
    """A snapshot that is missing, damaged, or another store's: the index has to be made from the rows."""


def save_snapshot(index: VectorIndex, folder: Path, *, identity: str, last_number: int) -> None:
    """Write ``index``, which holds the tickets of store ``identity`` up to ``last_number``.

    Shards that have not grown since the last snapshot in this folder are not written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old = {row["file"]: row for row in _manifest(folder).get("shards", [])}
    rows = []
    for (area, week), shard in sorted(index.shards.items()):
        name = f"{week}-{zlib.crc32(area.encode()):08x}-{shard.rows}-{last_number}.npz"
        kept = [
            row
            for row in old.values()
            if (row["area"], row["week"], row["rows"]) == (area, week, shard.saved_rows)
            and shard.saved_rows == shard.rows
        ]
        if kept:
            rows.append(kept[0])
            continue
        data = _bytes(
            codes=shard.codes[: shard.rows],
            sketches=shard.sketches[:, : shard.rows],
            numbers=shard.numbers[: shard.rows],
        )
        (folder / name).write_bytes(data)
        rows.append({"area": area, "week": week, "rows": shard.rows, "file": name, "crc32": zlib.crc32(data)})
    manifest: dict[str, Any] = {
        "format": _FORMAT,
        "identity": identity,
        "last_number": last_number,
        "dimensions": index.dimensions,
        "axes": None,
        "shards": rows,
    }
    if index.axes is not None:
        data = _bytes(turned=index.axes.turned, planes=index.axes.planes)
        manifest["axes"] = {"file": f"axes-{zlib.crc32(data):08x}.npz", "crc32": zlib.crc32(data)}
        (folder / manifest["axes"]["file"]).write_bytes(data)
    draft = folder / f"{_MANIFEST}.draft"
    draft.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, folder / _MANIFEST)
    named = {row["file"] for row in rows} | {_MANIFEST, (manifest["axes"] or {}).get("file")}
    for path in folder.iterdir():
        if path.name not in named:
            path.unlink()
    for shard in index.shards.values():
        shard.saved_rows = shard.rows


def load_snapshot(
    folder: Path, *, identity: str, dimensions: int, first_week: int
) -> tuple[VectorIndex, int]:
    """The index of a snapshot from week ``first_week`` on, and the number of the last ticket it knows.

    Raises:
        SnapshotUnusableError: no snapshot of this store, or one that fails its checks.
    """
    manifest = _manifest(folder)
    if not manifest:
        raise SnapshotUnusableError(f"no snapshot in {folder}")
    wanted = {"format": _FORMAT, "identity": identity, "dimensions": dimensions}
    if any(manifest.get(name) != value for name, value in wanted.items()):
        raise SnapshotUnusableError(f"the snapshot in {folder} is of another store or format")
    try:
        axes = None
        if manifest["axes"]:
            axes = Axes(**_arrays(folder, manifest["axes"]))
        index = VectorIndex(dimensions, axes=axes)
        for row in manifest["shards"]:
            if row["week"] < first_week:
                continue
            arrays = _arrays(folder, row)
            shard = Shard(arrays["codes"], arrays["sketches"], arrays["numbers"], row["rows"], row["rows"])
            words = 0 if axes is None else WORDS
            if shard.codes.shape[0] != row["rows"] or shard.sketches.shape != (words, row["rows"]):
                raise SnapshotUnusableError(f"{row['file']} has another shape than the manifest says")
            index.adopt((row["area"], row["week"]), shard)
        return index, int(manifest["last_number"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SnapshotUnusableError(f"the snapshot in {folder} is damaged: {error!r}") from error


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    return data if isinstance(data, dict) else {}


def _bytes(**arrays: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _arrays(folder: Path, row: dict[str, Any]) -> dict[str, NDArray[Any]]:
    data = (folder / row["file"]).read_bytes()
    if zlib.crc32(data) != row["crc32"]:
        raise SnapshotUnusableError(f"{row['file']} is damaged")
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
