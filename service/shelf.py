"""Which bundles there are, and which of them should answer: the registry's word, unless the settings pin one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model import bundle
from model.errors import FenboError
from model.registry import LOG, SHADOW_LOG, STARTER_NAME, Promotion, Registry
from service.settings import Settings

Signature = tuple[tuple[int, int], ...]


class Pinned(FenboError):
    """The bundle was named when the service was started, so that a promotion would not be followed."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A bundle by the name of its folder. ``mark`` tells one that was replaced under its name from the old one."""

    name: str
    folder: Path
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Shelved:
    """A bundle as it lies there: its manifest, or the reason why that cannot be read."""

    name: str
    manifest: bundle.Manifest | None
    problem: str | None


class Shelf:
    """The registry's folder as the service reads it. Every method touches the disk; use it in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._registry = Registry(settings.registry)
        self._pinned = settings.bundle

    @property
    def pinned(self) -> bool:
        """Whether the settings name the bundle that answers, whatever is promoted."""
        return self._pinned is not None

    def wanted(self) -> Placed:
        """The bundle that should answer now. Raises `FenboError` when the registry cannot be read."""
        if self._pinned is not None:
            return _placed(self._pinned.name, self._pinned)
        return self.find(self._registry.current() or STARTER_NAME)

    def shadow(self) -> Placed | None:
        """The bundle to try beside it. Raises `FenboError` when the registry cannot be read."""
        name = self._registry.shadow()
        return None if name is None else self.find(name)

    def find(self, name: str) -> Placed:
        """A bundle by its name. Raises `model.registry.UnknownBundle`."""
        return _placed(name, self._registry.place(name))

    def signature(self) -> Signature:
        """Changes whenever a promotion or a shadow is written."""
        return tuple(_stamp(self._registry.folder / log) for log in (LOG, SHADOW_LOG))

    def all(self) -> list[Shelved]:
        """Every bundle, by name; the starter too. Manifests are read, files are not checked."""
        names = self._registry.names()
        if STARTER_NAME not in names:
            names = [STARTER_NAME, *names]
        return [self._shelved(name) for name in names]

    def promotions(self) -> list[Promotion]:
        """All promotions, the oldest first. Raises `FenboError` when the registry cannot be read."""
        return self._registry.promotions()

    def before(self) -> Placed:
        """What answered before the present bundle. Raises `FenboError` when nothing else ever did."""
        self._refuse_when_pinned()
        name = self._registry.before()
        if name is None:
            raise FenboError("此前没有启用过别的模型包；要退回随附的起步包，请启用 starter")
        return self.find(name)

    def promote(self, name: str, *, by: str, reason: str) -> None:
        """Write that this bundle answers from now on. Raises `Pinned`, `FenboError`."""
        self._refuse_when_pinned()
        self._registry.promote(name, by=by, reason=reason)

    def cast_shadow(self, name: str | None, *, by: str, reason: str) -> None:
        """Write which bundle is tried beside the one that answers; None for no more. Raises `FenboError`."""
        self._registry.cast_shadow(name, by=by, reason=reason)

    def _refuse_when_pinned(self) -> None:
        if self.pinned:
            raise Pinned("启动时用 --bundle（FENBO_BUNDLE）指定了模型包；去掉它重启后才能在运行中更换")

    def _shelved(self, name: str) -> Shelved:
        try:
            return Shelved(name, bundle.read_manifest(self._registry.place(name)), None)
        except FenboError as error:
            return Shelved(name, None, str(error))


def _placed(name: str, folder: Path) -> Placed:
    manifest = folder / bundle.MANIFEST
    # The manifest holds the hash of every other file.
    return Placed(name, folder, bundle.sha256(manifest) if manifest.is_file() else "")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
