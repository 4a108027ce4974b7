"""Keeps one process's bundles as the registry says: every worker watches it, so that all change together."""

from __future__ import annotations

import asyncio

import structlog

from model.errors import FenboError
from model.registry import Promotion
from service.logs import described
from service.metrics import Metrics
from service.runtime import Runtime
from service.settings import Settings
from service.shadow import Shadow
from service.shelf import Placed, Shelf, Shelved, Signature

_log = structlog.get_logger("service.follower")


class Follower:
    """Watches the registry and swaps bundles. Used on the event loop.

    A bundle that cannot be loaded, or fails on a letter that it must know, is refused: what answered before
    goes on, and the refusal is told until the registry names another.
    """

    def __init__(self, settings: Settings, runtime: Runtime, shadow: Shadow, metrics: Metrics) -> None:
        self.shelf = Shelf(settings)
        self.refused: dict[str, str] = {}
        self._runtime = runtime
        self._shadow = shadow
        self._metrics = metrics
        self._every = settings.registry_poll_seconds
        self._seen: Signature | None = None
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def answering(self) -> str | None:
        """Name of the bundle that answers here; None while nothing is loaded."""
        return self._runtime.answering.name if self._runtime.answering else None

    @property
    def shadow(self) -> str | None:
        """Name of the bundle that is tried beside it."""
        return self._shadow.placed.name if self._shadow.placed else None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch(), name="follower")

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def promote(self, name: str, *, by: str, reason: str) -> None:
        """Load a bundle, write that it is promoted, and answer with it.

        Raises `FenboError` when there is no such bundle, it is damaged or pinned; then nothing has changed.
        """
        async with self._turn:
            await self._promote(await asyncio.to_thread(self.shelf.find, name), by=by, reason=reason)

    async def roll_back(self, *, by: str, reason: str) -> None:
        """As `promote`, with what answered before the present bundle."""
        async with self._turn:
            left = self.answering
            placed = await asyncio.to_thread(self.shelf.before)
            await self._promote(placed, by=by, reason=reason or f"rollback from {left}")

    async def cast_shadow(self, name: str | None, *, by: str, reason: str) -> None:
        """Try a bundle beside the one that answers; None ends the trial. Raises as `promote`."""
        async with self._turn:
            if name is not None:
                placed = await asyncio.to_thread(self.shelf.find, name)
                await self._take_shadow(placed)
            await asyncio.to_thread(self.shelf.cast_shadow, name, by=by, reason=reason)
            if name is None:
                self._shadow.use(None, None)

    async def contents(self) -> tuple[list[Shelved], list[Promotion]]:
        """Every bundle and every promotion, as they lie on the disk. Raises `FenboError`."""
        return await asyncio.to_thread(lambda: (self.shelf.all(), self.shelf.promotions()))

    async def _promote(self, placed: Placed, *, by: str, reason: str) -> None:
        predictor = await self._runtime.load(placed.folder)
        await asyncio.to_thread(self.shelf.promote, placed.name, by=by, reason=reason)
        self._runtime.answer_with(placed, predictor)
        self.refused.pop(placed.name, None)
        self._metrics.bundle_swapped("swapped")

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:
                # A registry that cannot be read now may be readable at the next look.
                self._metrics.bundle_swapped("unreadable")
                told = str(error) if isinstance(error, FenboError) else None
                _log.error("cannot read the registry", reason=told, raised=described(error))
            await asyncio.sleep(self._every)

    async def _look(self) -> None:
        if self._runtime.state != "ready":
            return
        async with self._turn:
            signature = await asyncio.to_thread(self.shelf.signature)
            if signature == self._seen:
                return
            self._seen = signature
            wanted = await asyncio.to_thread(self.shelf.wanted)
            if signature[0] != (0, 0) and wanted != self._runtime.answering:
                await self._follow(wanted)
            shadow = await asyncio.to_thread(self.shelf.shadow)
            if shadow is None:
                self._shadow.use(None, None)
            elif shadow != self._shadow.placed:
                await self._follow_shadow(shadow)

    async def _follow(self, wanted: Placed) -> None:
        try:
            predictor = await self._runtime.load(wanted.folder)
        except FenboError as error:
            self._refuse(wanted.name, error)
            return
        self._runtime.answer_with(wanted, predictor)
        self._metrics.bundle_swapped("swapped")

    async def _follow_shadow(self, shadow: Placed) -> None:
        try:
            await self._take_shadow(shadow)
        except FenboError as error:
            self._refuse(shadow.name, error)

    async def _take_shadow(self, placed: Placed) -> None:
        self._shadow.use(placed, await self._runtime.load(placed.folder))

    def _refuse(self, name: str, error: FenboError) -> None:
        self.refused[name] = str(error)
        self._metrics.bundle_swapped("refused")
        _log.error("a bundle was refused, what answered before goes on", bundle=name, reason=str(error))
