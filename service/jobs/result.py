"""A job's answers as a file, streamed from its chunks: the columns of ``fenbo predict``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Literal

from model.scoring import FIELDS
from service.storage import Storage
from service.storage import jobs as rows

ResultFormat = Literal["csv", "jsonl"]


async def result(storage: Storage, job: str, form: ResultFormat) -> AsyncIterator[bytes]:
    """The file in pieces. Raises `StorageUnavailable`, also when half of it is out."""
    if form == "csv":
        yield _csv([dict(zip(FIELDS, FIELDS, strict=True))])
    after = -1
    while (found := await storage.read(partial(rows.answers, job=job, after=after))) is not None:
        after, lines = found
        yield (
            _csv([json.loads(line) for line in lines.split("\n")]) if form == "csv" else f"{lines}\n".encode()
        )


def _csv(answers: list[dict[str, object]]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, list(FIELDS), lineterminator="\r\n").writerows(answers)
    return text.getvalue().encode("utf-8")
