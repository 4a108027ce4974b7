"""Where the helper process of a data folder is reached."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

_LONGEST: Final = 100
"""Bytes that the address of a Unix socket may have, about."""


def address(data_dir: Path) -> Path:
    """The socket in ``data_dir``, or one named after it among the temporary files where that path is too long."""
    path = data_dir.absolute() / "matching.sock"
    if len(str(path).encode()) <= _LONGEST:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"fenbo-{digest}.sock"
