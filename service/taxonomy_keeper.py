"""Keeps one process's predictions in the taxonomy that is in effect: the newest stored one, as of today.

Every process looks, so that all change within seconds; at midnight in Shanghai departments that begin or end
that day do so without anything being changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Final

import structlog

from model.calendar import SHANGHAI
from model.errors import FenboError
from model.taxonomy import Taxonomy
from service.logs import described
from service.predictor import Predictor
from service.runtime import Runtime
from service.storage import Storage, StorageUnavailable
from service.storage.taxonomies import NewVersion, add_versions, contents_of, in_effect, newest, read

_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger("service.taxonomy")


class TaxonomyKeeper:
    """Used on the event loop."""

    def __init__(self, storage: Storage, runtime: Runtime) -> None:
        self._storage = storage
        self._runtime = runtime
        self._ids: dict[str, int] = {}
        self._made: tuple[Predictor, date] | None = None
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, before any bundle is loaded if the database is there, and go on looking."""
        try:
            await self.look()
        except StorageUnavailable as error:
            _log.error("storage unavailable", reason=str(error))
        self._task = asyncio.create_task(self._watch(), name="taxonomy")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def newest(self) -> Taxonomy:
        """The version that a change starts from: the newest stored one, in effect or not yet, or the bundle's.

        Raises `NotReady`, `StorageUnavailable`.
        """
        present = self._runtime.predictor.taxonomy
        found = await self._storage.read(partial(newest, name=present.name))
        return present if found is None else await asyncio.to_thread(read, found)

    async def change(self, new: NewVersion) -> None:
        """Store a version and predict in it once it is in effect.

        Raises:
            FenboError: it is not well made, does not follow from the newest, or the model has a department that
                leads nowhere in it.
        """
        await asyncio.to_thread(self._runtime.predictor.with_taxonomy, new.taxonomy)
        await self._storage.write(add_versions, new)
        await self.look()

    async def look(self) -> None:
        """Take up what is in effect now, for the bundle that answers and for those that will be loaded.

        Raises `StorageUnavailable`.
        """
        async with self._turn:
            today = datetime.now(SHANGHAI).date()
            ids = await self._storage.read(partial(in_effect, on=today))
            if ids != self._ids:
                contents = await self._storage.read(partial(contents_of, ids=tuple(ids.values())))
                self._runtime.editions = await asyncio.to_thread(_read_all, contents)
                self._ids = ids
            if self._runtime.state == "ready":
                await self._apply(self._runtime.predictor, today)

    async def _apply(self, predictor: Predictor, today: date) -> None:
        wanted = self._runtime.editions.get(predictor.taxonomy.name, predictor.taxonomy)
        if self._made is None or self._made[0] is not predictor:
            self._made = (predictor, today)
        if predictor.taxonomy is wanted and self._made[1] == today:
            return
        try:
            changed = await asyncio.to_thread(predictor.with_taxonomy, wanted)
        except FenboError as error:
            _log.error("the stored taxonomy does not fit the bundle", reason=str(error))
            return
        if self._runtime.replace(predictor, changed):
            self._made = (changed, today)
            _log.info("taxonomy in effect", taxonomy=wanted.name, version=wanted.version)

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except StorageUnavailable:
                # What is in effect stays so until the database can be asked again.
                pass
            except Exception as error:
                _log.error("cannot take up the taxonomy", raised=described(error))
            await asyncio.sleep(_LOOK_SECONDS)


def _read_all(contents: Sequence[str]) -> dict[str, Taxonomy]:
    taxonomies = [read(content) for content in contents]
    return {taxonomy.name: taxonomy for taxonomy in taxonomies}
