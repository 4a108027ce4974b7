"""A registry: one folder of bundles, and a list of who was promoted when.

A promotion is one line appended to ``promotions.jsonl``; the last line names the bundle in use. Nothing is
ever rewritten, so that the history can be read.
"""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from model import bundle
from model.errors import FenboError

LOG = "promotions.jsonl"


@dataclass(frozen=True, slots=True)
class Promotion:
    """``name`` was put in use at ``at`` (RFC 3339, UTC) by ``by``, because of ``reason``."""

    name: str
    at: str
    by: str
    reason: str


class Registry:
    """Bundles below one folder, by the name of their sub-folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> Registry:
        """The folder of ``$FENBO_REGISTRY``, or ``bundles`` here."""
        return cls(Path(os.environ.get("FENBO_REGISTRY") or "bundles"))

    def names(self) -> list[str]:
        """All bundles with a manifest, by name."""
        if not self.folder.is_dir():
            return []
        found = (path.parent.name for path in self.folder.glob(f"*/{bundle.MANIFEST}"))
        return sorted(name for name in found if not name.startswith("."))

    def manifest(self, name: str) -> bundle.Manifest:
        """The manifest of one bundle, every file checked.

        Raises:
            FenboError: no bundle of this name, or it is damaged.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise FenboError(f"bundle: {name!r} is not in {self.folder}; there are: {known}")
        return bundle.check(self.folder / name)

    def promotions(self) -> list[Promotion]:
        """All promotions, the oldest first.

        Raises:
            FenboError: the log holds a line that cannot be read.
        """
        path = self.folder / LOG
        if not path.exists():
            return []
        found = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                found.append(Promotion(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise FenboError(f"{path}, line {number}: not a promotion ({error})") from error
        return found

    def current(self) -> str | None:
        """Name of the bundle in use; None when none was promoted yet (then the starter answers)."""
        promotions = self.promotions()
        return promotions[-1].name if promotions else None

    def promote(self, name: str, *, by: str, reason: str = "") -> Promotion:
        """Put a bundle in use, after checking that it is whole.

        Raises:
            FenboError: no such bundle, or it is damaged.
        """
        self.manifest(name)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        promotion = Promotion(name=name, at=now, by=by, reason=reason)
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(promotion), ensure_ascii=False) + "\n")
            log.flush()
            os.fsync(log.fileno())
        return promotion

    def rollback(self, *, by: str, reason: str = "") -> Promotion:
        """Put back in use what was in use before the present bundle.

        Raises:
            FenboError: nothing was in use before, or that bundle is gone or damaged.
        """
        promotions = self.promotions()
        current = promotions[-1].name if promotions else None
        before = next((item.name for item in reversed(promotions) if item.name != current), None)
        if before is None:
            raise FenboError(
                f"rollback: no other bundle was in use before {current or 'now'} in {self.folder}"
            )
        return self.promote(before, by=by, reason=reason or f"rollback from {current}")
