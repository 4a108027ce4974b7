"""The model at work in one process: loaded and warmed up, behind its queue, watched, and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

import structlog

from model.errors import FenboError
from model.prediction import Prediction
from model.taxonomy import Taxonomy
from model.ticket import Ticket
from service.batching import Batcher, BatchLimits, DeadlineExceeded, QueueFull
from service.examples import WARM_UP_LETTERS
from service.logs import described
from service.metrics import Metrics
from service.predictor import Explain, Predictor, load_predictor, watch_stages
from service.priority import processors
from service.settings import Settings
from service.shelf import Placed, Shelf

State = Literal["loading", "ready", "failed", "stopping"]

_TOLD: Final[dict[State, str]] = {
    "loading": "模型正在载入，请稍候",
    "ready": "可以使用",
    "failed": "模型没能载入，原因见日志",
    "stopping": "正在停机，请换一个实例",
}
# What an encoder reads of a letter, about; past it a letter costs no more.
_READ_CHARACTERS: Final = 1024
_PROBE_SECONDS: Final = 10.0
_QUIET_LIMITS: Final = BatchLimits(
    requests=100_000, wait_seconds=86_400.0, window_seconds=0.0, gives_way=True
)
_FULL_LIMITS: Final = BatchLimits(requests=16, wait_seconds=5.0, batch_requests=1, window_seconds=0.0)

_log = structlog.get_logger("service.runtime")


def _usual_limits(settings: Settings) -> BatchLimits:
    return BatchLimits(
        requests=settings.queue_requests,
        wait_seconds=settings.queue_wait_ms / 1000,
        batch_requests=settings.batch_requests,
        window_seconds=settings.batch_window_ms / 1000,
        threads=settings.inference_threads or _threads(settings),
    )


def _threads(settings: Settings) -> int:
    """Two where this is the only worker and two processors may be used: while one waits for the other's Python, its
    encoder runs. More gain nothing, several workers have a processor each.
    """
    return 2 if settings.workers == 1 and processors() > 1 else 1


class NotReady(FenboError):
    """No model answers here now."""


class BundleRefused(FenboError):
    """A bundle that was to answer, or to be tried, and cannot; the text says why."""


class Runtime:
    """Owns the model and its queue. All but ``state`` and ``failure`` is used on the event loop alone.

    ``editions`` are the taxonomies, by name, that were edited since bundles were made with them.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        predictor: Predictor | None = None,
        when_failed: Callable[[FenboError], None] | None = None,
    ) -> None:
        self.state: State = "loading"
        self.failure: FenboError | None = None
        self.answering = None if predictor is None else Placed(predictor.versions.bundle, Path())
        self.editions: dict[str, Taxonomy] = {}
        self._settings = settings
        self._metrics = metrics
        self._predictor = predictor
        self._when_failed = when_failed
        self._doubtful = False
        self._loading: asyncio.Task[None] | None = None
        # A full explanation takes as long as dozens of letters: those who want none do not wait behind it.
        self._lanes: dict[Explain, Batcher[Ticket, Prediction]] = {
            "lexical": self._lane("lexical", _usual_limits(settings)),
            "full": self._lane("full", _FULL_LIMITS),
        }
        self._quiet: Batcher[Ticket, Prediction] = Batcher(
            partial(self._work, "lexical"), limits=_QUIET_LIMITS, observer=metrics.lane("quiet")
        )

    @property
    def timeout_ms(self) -> int:
        """Milliseconds in which an answer comes when the caller does not say."""
        return self._settings.timeout_ms

    @property
    def told(self) -> str:
        """The state in a sentence for people."""
        return _TOLD[self.state]

    @property
    def predictor(self) -> Predictor:
        """The model that answers now. Raises `NotReady` while there is none."""
        if self._predictor is None or self.state not in ("ready", "stopping"):
            raise NotReady(f"the service is {self.state}")
        return self._predictor

    def start(self) -> None:
        """Begin to load; ``state`` tells when it is done."""
        for lane in (*self._lanes.values(), self._quiet):
            lane.start()
        self._loading = asyncio.create_task(self._load(), name="load")

    def is_busy(self) -> bool:
        """Whether any letter that someone waits for is queued or being worked on."""
        return any(lane.is_busy() for lane in self._lanes.values())

    async def load(self, folder: Path) -> Predictor:
        """A bundle, loaded and warmed up beside the one that answers. Raises `BundleRefused`."""
        try:
            predictor = await asyncio.to_thread(self._loaded, folder)
            await asyncio.to_thread(self._warm_up, predictor)
            watch_stages(predictor, self._metrics.stage)
        except FenboError as error:
            raise BundleRefused(str(error)) from error
        except Exception as error:
            _log.error("a bundle fails on a letter that it must know", raised=described(error))
            raise BundleRefused("试跑时出错，原因已记入日志；请重新训练或重新复制这个模型包") from error
        return predictor

    def answer_with(self, placed: Placed, predictor: Predictor) -> None:
        """Answer with another bundle from the next batch on; a batch that is under way ends with the old one."""
        self._predictor = predictor
        self.answering = placed
        self._doubtful = False
        _log.info("bundle swapped", bundle=placed.name)

    def replace(self, present: Predictor, changed: Predictor) -> bool:
        """Answer with ``changed`` from the next batch on, if ``present`` still is what answers."""
        if self._predictor is not present:
            return False
        self._predictor = changed
        return True

    async def stop(self) -> None:
        """Finish what was accepted, within the settings' ``shutdown_seconds``."""
        self.state = "stopping"
        self._metrics.ready(False)
        if self._loading is not None:
            self._loading.cancel()
        seconds = self._settings.shutdown_seconds
        lanes = (*self._lanes.values(), self._quiet)
        await asyncio.gather(*(lane.stop(timeout_seconds=seconds) for lane in lanes))
        _log.info("stopped")

    def submit(
        self, ticket: Ticket, *, explain: Explain, timeout_seconds: float | None = None
    ) -> asyncio.Future[Prediction]:
        """Queue one ticket. Cancelling the future takes it out of the queue.

        Raises `NotReady`, and what `service.batching.Batcher.submit` raises.
        """
        if self.state != "ready":
            raise NotReady(f"the service is {self.state}")
        if timeout_seconds is None:
            timeout_seconds = self._settings.timeout_ms / 1000
        return self._queue(ticket, explain, timeout_seconds)

    async def submit_quietly(self, ticket: Ticket) -> Prediction:
        """Predict a ticket for which nobody waits, behind all others, however long that takes.

        Raises `NotReady`, `service.batching.Closed`.
        """
        if self.state != "ready":
            raise NotReady(f"the service is {self.state}")
        return await self._quiet.submit(ticket, length=_length(ticket))

    async def probe(self) -> None:
        """Return when the model can answer; predicts a letter if a prediction failed since the last success.

        Raises `NotReady`.
        """
        if self.state != "ready":
            raise NotReady(f"the service is {self.state}")
        if not self._doubtful:
            return
        try:
            await self._queue(WARM_UP_LETTERS[0], "lexical", _PROBE_SECONDS)
        except QueueFull:
            return
        except Exception as error:
            raise NotReady("the model fails on a letter that it must know") from error
        self._doubtful = False

    def _queue(self, ticket: Ticket, explain: Explain, seconds: float) -> asyncio.Future[Prediction]:
        future = self._lanes[explain].submit(ticket, length=_length(ticket), timeout_seconds=seconds)
        future.add_done_callback(self._doubt_when_late)
        return future

    def _doubt_when_late(self, future: asyncio.Future[Prediction]) -> None:
        # A model that hangs raises nothing; late answers are the only sign of it.
        if not future.cancelled() and isinstance(future.exception(), DeadlineExceeded):
            self._doubtful = True

    def _lane(self, explain: Explain, limits: BatchLimits) -> Batcher[Ticket, Prediction]:
        return Batcher(partial(self._work, explain), limits=limits, observer=self._metrics.lane(explain))

    def _work(self, explain: Explain, tickets: Sequence[Ticket]) -> Sequence[Prediction]:
        # Read once: a swap between two letters of a batch must not show.
        predictor = self._predictor
        assert predictor is not None, "nothing is queued before a model is there"
        try:
            return predictor.predict(tickets, explain=explain)
        except Exception:
            self._doubtful = True
            raise

    async def _load(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            if self._predictor is None:
                wanted = await asyncio.to_thread(Shelf(self._settings).wanted)
                self._predictor = await asyncio.to_thread(self._loaded, wanted.folder)
                self.answering = wanted
            await asyncio.to_thread(self._warm_up, self._predictor)
            watch_stages(self._predictor, self._metrics.stage)
        except Exception as error:
            self.fail(error)
            return
        self.state = "ready"
        self._metrics.ready(True)
        seconds = round(asyncio.get_running_loop().time() - started, 3)
        versions = self._predictor.versions
        _log.info("ready", bundle=versions.bundle, taxonomy=versions.taxonomy, seconds=seconds)

    def _loaded(self, folder: Path) -> Predictor:
        """A bundle, predicting in the edition of its taxonomy that is in effect."""
        predictor = load_predictor(self._settings.model_copy(update={"bundle": folder}))
        edition = self.editions.get(predictor.taxonomy.name)
        return predictor if edition is None else predictor.with_taxonomy(edition)

    def _warm_up(self, predictor: Predictor) -> None:
        # Twice each: the first run of a length allocates, the second shows that it lasts.
        for letter in (*WARM_UP_LETTERS, *WARM_UP_LETTERS):
            predictor.predict([letter])

    def fail(self, error: Exception) -> None:
        """Never become ready; whoever asked to be told when this happens is told."""
        self.state = "failed"
        if isinstance(error, FenboError):
            self.failure = error
            _log.critical("cannot start", reason=str(error))
        else:
            self.failure = FenboError("the model could not be loaded; the log tells where it failed")
            _log.critical("cannot start", raised=described(error))
        if self._when_failed is not None:
            self._when_failed(self.failure)


def _length(ticket: Ticket) -> int:
    return min(len(ticket.title) + len(ticket.content), _READ_CHARACTERS)
