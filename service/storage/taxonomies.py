"""Versions of the taxonomy that were made while the service ran. None is ever changed; the newest that is in
effect counts, and before the first there is the bundle's own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from model.errors import FenboError
from model.taxonomy import Taxonomy
from service.storage import audit
from service.storage.tables import TAXONOMIES, next_id


class TaxonomyRefused(FenboError):
    """A version that does not follow from the newest one."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A taxonomy to be in effect from a day on. ``base`` is the version that it was made from."""

    taxonomy: Taxonomy
    base: str
    effective_from: date
    actor: str
    reason: str
    change: str
    """What was done, for the audit log: ``department.put:RSJ``."""


def add_versions(connection: Connection, versions: Sequence[NewVersion]) -> list[int | FenboError]:
    """Store versions; one that was made from another than the newest, or begins before it, is refused."""
    results: list[int | FenboError] = []
    for new in versions:
        newest = connection.execute(
            select(TAXONOMIES)
            .where(TAXONOMIES.c.name == new.taxonomy.name)
            .order_by(TAXONOMIES.c.id.desc())
            .limit(1)
        ).first()
        if newest is not None and newest.version != new.base:
            results.append(
                TaxonomyRefused(
                    f"the newest version is {newest.version}, not {new.base}; look again, then change that"
                )
            )
            continue
        if newest is not None and newest.effective_from > new.effective_from:
            results.append(
                TaxonomyRefused(
                    f"effective_from is {new.effective_from}; version {newest.version} begins on "
                    f"{newest.effective_from}, give that day or a later one"
                )
            )
            continue
        its_id = next_id(connection, TAXONOMIES.c.id)
        digest = new.taxonomy.content_hash()
        connection.execute(
            insert(TAXONOMIES).values(
                id=its_id,
                version=new.taxonomy.version,
                name=new.taxonomy.name,
                effective_from=new.effective_from,
                content=written(new.taxonomy),
                content_hash=digest,
                at=datetime.now(UTC),
                by=new.actor,
                reason=new.reason,
            )
        )
        audit.append(
            connection,
            [
                audit.Entry(
                    new.actor,
                    "taxonomy.changed",
                    f"taxonomy:{new.taxonomy.name}",
                    {
                        "version": new.taxonomy.version,
                        "base": new.base,
                        "effective_from": new.effective_from.isoformat(),
                        "change": new.change,
                        "hash": digest,
                    },
                )
            ],
        )
        results.append(its_id)
    return results


def versions(connection: Connection) -> Sequence[Row[Any]]:
    """All versions, the newest first, without their content."""
    columns = [column for column in TAXONOMIES.c if column.name != "content"]
    rows: Sequence[Any] = connection.execute(select(*columns).order_by(TAXONOMIES.c.id.desc())).all()
    return rows


def newest(connection: Connection, name: str) -> str | None:
    """Content of the newest version of a taxonomy, in effect or not yet."""
    query = select(TAXONOMIES.c.content).where(TAXONOMIES.c.name == name)
    content: str | None = connection.execute(query.order_by(TAXONOMIES.c.id.desc()).limit(1)).scalar()
    return content


def in_effect(connection: Connection, on: date) -> dict[str, int]:
    """Id of the newest version that is in effect on a day, by the taxonomy's name."""
    rows = connection.execute(
        select(TAXONOMIES.c.name, func.max(TAXONOMIES.c.id).label("id"))
        .where(TAXONOMIES.c.effective_from <= on)
        .group_by(TAXONOMIES.c.name)
    )
    return {row.name: row.id for row in rows}


def contents_of(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Contents of these versions."""
    return list(connection.scalars(select(TAXONOMIES.c.content).where(TAXONOMIES.c.id.in_(ids))))


def written(taxonomy: Taxonomy) -> str:
    """The taxonomy as the text of its file."""
    with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
        file = Path(folder) / "taxonomy.yaml"
        taxonomy.dump(file)
        return file.read_text(encoding="utf-8")


def read(content: str) -> Taxonomy:
    """The taxonomy that `written` was given."""
    with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
        file = Path(folder) / "taxonomy.yaml"
        file.write_text(content, encoding="utf-8")
        return Taxonomy.load(file)
