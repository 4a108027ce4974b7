"""Reads the service's own rows and measures them: for the weekly report, and for ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from eval.metrics.reference import FILE, Reference
from model.errors import FenboError
from service.settings import Settings
from service.shelf import Shelf
from service.storage.database import Database, database_url, open_database
from service.storage.live import Answer, AuditSample, answers
from service.storage.secret import secret_key
from service.week import Told, Week, tell


class Desk:
    """A database and what is needed to read it. Every method blocks; use it in a thread."""

    def __init__(self, settings: Settings, database: Database, sample: AuditSample) -> None:
        self._settings, self._database, self.sample = settings, database, sample

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Iterator[Desk]:
        """A desk of its own beside the running service. Raises `FenboError` where there is no database."""
        url = database_url(settings)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
            raise FenboError(
                f"no database at {url.database}; set FENBO_DATA_DIR or FENBO_DATABASE_URL as the service has it"
            )
        database = open_database(settings)
        try:
            yield cls(settings, database, AuditSample.of(settings.audit_rate, secret_key(settings, database)))
        finally:
            database.close()

    def answers(self, start: datetime, end: datetime) -> list[Answer]:
        """Answers to the tickets received from ``start`` until before ``end``."""
        with self._database.reading() as connection:
            return answers(connection, start, end, self.sample)

    def week(self, week: Week, *, now: datetime) -> Told:
        """The report of a week."""
        return tell(week, self.answers, now=now, references=partial(reference_of, self._settings))


def reference_of(settings: Settings, bundle: str) -> Reference | None:
    """What letters looked like when the named bundle was trained; None where it is gone or carries none."""
    placed = Shelf(settings).wanted()
    if placed.name != bundle:
        try:
            placed = Shelf(settings).find(bundle)
        except FenboError:
            return None
    file = placed.folder / FILE
    return Reference.load(file) if file.is_file() else None
