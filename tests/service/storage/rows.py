"""Looking into a database as someone would who has only that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from service.settings import Settings
from service.storage.database import database_url


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A plain connection, past everything that the service guards."""
    url = database_url(settings)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine: Engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(settings: Settings, query: str) -> Sequence[Any]:
    """What a query gives."""
    with connected(settings) as connection:
        return connection.execute(text(query)).all()


def is_refused(settings: Settings, statement: str) -> bool:
    """Whether the database itself refuses a statement."""
    with connected(settings) as connection:
        try:
            connection.execute(text(statement))
            connection.commit()
        except DBAPIError:
            return True
    return False


def everything(settings: Settings) -> str:
    """All that is in all tables, as one text."""
    with connected(settings) as connection:
        from sqlalchemy import inspect

        names = inspect(connection).get_table_names()
        return "\n".join(
            str(tuple(row)) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))
        )
