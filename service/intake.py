"""Taking a ticket in: predicted, masked, stored, its duplicates looked for, answered. The same again ever after."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Row

from model.errors import FenboError
from model.prediction import Prediction
from model.text.mask import mask
from service.matching.waiting import Waiting
from service.metrics import Metrics
from service.schemas.stored import DuplicatesAnswer, OriginalAnswer
from service.schemas.ticket import PostedTicket
from service.settings import Settings
from service.storage import Storage
from service.storage.live import AuditSample
from service.storage.tickets import (
    NewTicket,
    ShadowPrediction,
    StoredAnswer,
    answer_alone,
    store,
    store_shadows,
    verdict,
)

_PREDICTION: Final = TypeAdapter(Prediction)
_DUPLICATES: Final = TypeAdapter(DuplicatesAnswer)


class TextPurged(FenboError):
    """A ticket whose text, and so its answer, is kept no longer."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer as JSON, and whether the ticket was new."""

    answer: bytes
    created: bool


class Intake:
    """Stores predicted tickets. Used on the event loop."""

    def __init__(self, settings: Settings, storage: Storage, waiting: Waiting, metrics: Metrics) -> None:
        self._settings = settings
        self._storage = storage
        self._waiting = waiting
        self._metrics = metrics

    async def take(self, posted: PostedTicket, predicted: Prediction, *, actor: str) -> Taken:
        """Store a ticket that has a ``ticket_id``, or find what it was answered before.

        Raises:
            TicketConflict: the id is stored with another body.
            TextPurged: it was stored so long ago that its answer is gone.
            StorageUnavailable: nothing was stored.
        """
        started = time.perf_counter()
        key = self._storage.key
        sample = AuditSample.of(self._settings.audit_rate, key)
        ticket = new_ticket(posted, predicted, key=key.hashed, sample=sample, actor=actor)
        stored = await self._storage.write(store, ticket)
        self._metrics.stored(time.perf_counter() - started)
        if stored.answer is None:
            raise TextPurged(f"the text of ticket {ticket.ticket_id!r} was kept for the time set and is gone")
        duplicates = await self._duplicates(stored)
        return Taken(_joined(stored, duplicates), stored.created)

    async def keep_shadow(self, ticket_id: str, prediction: Prediction) -> None:
        """Store what the shadow bundle says of a stored ticket."""
        answer = _PREDICTION.dump_json(prediction).decode("utf-8")
        await self._storage.write(
            store_shadows, ShadowPrediction(ticket_id, prediction, answer, datetime.now(UTC))
        )

    async def _duplicates(self, stored: StoredAnswer) -> DuplicatesAnswer:
        if not self._settings.duplicates:
            return NOT_SOUGHT
        if stored.answered_alone:
            return PENDING
        row: Row[Any] | None
        if stored.created:
            row = await self._waiting.verdict(stored.number)
        else:
            row = await self._storage.read(partial(verdict, number=stored.number))
        if row is not None:
            return duplicates_answer(row)
        # From now on this is the answer, whenever the ticket is sent again.
        await self._storage.write(answer_alone, stored.number)
        return PENDING


NOT_SOUGHT: Final = DuplicatesAnswer("off", None, None, None, ())
PENDING: Final = DuplicatesAnswer("pending", None, None, None, ())


def duplicates_answer(row: Row[Any]) -> DuplicatesAnswer:
    """A row of `service.storage.tables.VERDICTS` as it is answered."""
    originals = tuple(OriginalAnswer(*each) for each in json.loads(row.originals))
    return DuplicatesAnswer("known", row.cluster, row.duplicate_of, row.probability, originals)


def new_ticket(
    posted: PostedTicket, predicted: Prediction, *, key: Any, sample: AuditSample, actor: str
) -> NewTicket:
    """What is stored of a ticket: nothing that is not masked or hashed."""
    location = posted.location
    assert posted.ticket_id, "a ticket is stored under its id"
    return NewTicket(
        ticket_id=posted.ticket_id,
        # Fields that were left out and fields at their defaults are the same body.
        body_hash=key("body", posted.model_dump_json(exclude_defaults=True).encode("utf-8")),
        received_at=datetime.now(UTC),
        created_at=posted.created_at,
        channel=_masked(posted.channel),
        address=_masked(location.address if location else ""),
        district=_masked(location.district if location else ""),
        street=_masked(location.street if location else ""),
        community=_masked(location.community if location else ""),
        longitude=location.longitude if location else None,
        latitude=location.latitude if location else None,
        reporter=key("reporter", posted.reporter_hash.encode("utf-8")).hex()[:32]
        if posted.reporter_hash
        else "",
        anonymous=bool(posted.anonymous),
        prediction=predicted,
        answer=_PREDICTION.dump_json(predicted).decode("utf-8"),
        actor=actor,
        audited=sample.drawn(posted.ticket_id),
    )


def _masked(text: str | None) -> str:
    return mask(text).text if text else ""


def _joined(stored: StoredAnswer, duplicates: DuplicatesAnswer) -> bytes:
    """The stored prediction with what is known besides, without reading it again."""
    assert stored.answer is not None
    moment = stored.received_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return b"".join(
        (
            stored.answer.encode("utf-8")[:-1],
            f',"received_at":"{moment}","duplicates":'.encode(),
            _DUPLICATES.dump_json(duplicates),
            b"}",
        )
    )
