"""A registry: one folder of bundles, and a list of who was promoted when.

A promotion is one line appended to ``promotions.jsonl``; the last line names the bundle in use. In the same way
``shadows.jsonl`` names the bundle that is tried beside it. Nothing is ever rewritten, so that the history can be
read. The name ``starter`` stands for the bundle that ships with fenbo, unless the folder has one of its own.
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
SHADOW_LOG = "shadows.jsonl"
STARTER_NAME = bundle.STARTER.name


@dataclass(frozen=True, slots=True)
class Promotion:
    """``name`` was put in use at ``at`` (RFC 3339, UTC) by ``by``, because of ``reason``."""

    name: str
    at: str
    by: str
    reason: str


class UnknownBundle(FenboError):
    """No bundle of this name; the text lists those that there are."""


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

    def place(self, name: str) -> Path:
        """The folder of one bundle.

        Raises:
            UnknownBundle: no bundle of this name.
        """
        names = self.names()
        if name in names:
            return self.folder / name
        if name == STARTER_NAME:
            return bundle.STARTER
        known = ", ".join(names) or "none"
        raise UnknownBundle(f"bundle: {name!r} is not in {self.folder}; there are: {known}")

    def manifest(self, name: str) -> bundle.Manifest:
        """The manifest of one bundle, every file checked.

        Raises:
            FenboError: no bundle of this name, or it is damaged.
        """
        return bundle.check(self.place(name))

    def promotions(self) -> list[Promotion]:
        """All promotions, the oldest first.

        Raises:
            FenboError: the log holds a line that cannot be read.
        """
        return self._entries(LOG)

    def shadow(self) -> str | None:
        """Name of the bundle that is tried beside the one in use; None when there is none.

        Raises:
            FenboError: the log holds a line that cannot be read.
        """
        entries = self._entries(SHADOW_LOG)
        return entries[-1].name or None if entries else None

    def _entries(self, log: str) -> list[Promotion]:
        path = self.folder / log
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
        return self._append(LOG, name, by=by, reason=reason)

    def cast_shadow(self, name: str | None, *, by: str, reason: str = "") -> Promotion:
        """Try a bundle beside the one in use, after checking that it is whole; None ends the trial.

        Raises:
            FenboError: no such bundle, or it is damaged.
        """
        if name is not None:
            self.manifest(name)
        return self._append(SHADOW_LOG, name or "", by=by, reason=reason)

    def _append(self, log_name: str, name: str, *, by: str, reason: str) -> Promotion:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        promotion = Promotion(name=name, at=now, by=by, reason=reason)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / log_name).open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(promotion), ensure_ascii=False) + "\n")
            log.flush()
            os.fsync(log.fileno())
        return promotion

    def rollback(self, *, by: str, reason: str = "") -> Promotion:
        """Put back in use what was in use before the present bundle.

        Raises:
            FenboError: nothing was in use before, or that bundle is gone or damaged.
        """
        before = self.before()
        current = self.current()
        if before is None:
            raise FenboError(
                f"rollback: no other bundle was in use before {current or 'now'} in {self.folder}"
            )
        return self.promote(before, by=by, reason=reason or f"rollback from {current}")

    def before(self) -> str | None:
        """Name of the bundle that was in use before the present one; None when there was no other.

        Raises:
            FenboError: the log holds a line that cannot be read.
        """
        promotions = self.promotions()
        current = promotions[-1].name if promotions else None
        return next((item.name for item in reversed(promotions) if item.name != current), None)
