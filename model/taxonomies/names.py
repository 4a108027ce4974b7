"""Finding a department however its name is written: old or new, with or without the city, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import Indel, LCSseq

from model.taxonomies.entries import Department

_REMARK = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕")
_RETIRED = re.compile(r"^已(?:撤销|合并|更名)")
_SHORTEST = 2
_KEPT_LABELS = 10_000


class NameIndex:
    """Codes by name. Ways of writing that would lead to two departments lead to none."""

    def __init__(self, departments: Iterable[Department], *, city: str, exact: bool) -> None:
        self._exact = exact
        stem = city.removesuffix("市")
        self._prefixes = () if exact else tuple(p for p in dict.fromkeys((f"{stem}市", stem, "市")) if p)
        self._names = [(name, d.code) for d in departments for name in _names(d, exact=exact)]
        self._codes: dict[str, str] = dict(self._names)
        self._folded: dict[str, str] | None = None
        self._stripped: dict[str, str | None] = {}
        self._bare_names: list[tuple[str, str]] | None = None

    def find(self, label: str) -> str | None:
        """Code of the department that ``label`` names, live or not; None when there is none."""
        code = self._codes.get(label)
        if code is None and not self._exact:
            code = self._find_rewritten(label)
            if code is not None and len(self._codes) < _KEPT_LABELS:
                self._codes[label] = code
        return code

    def closest(self, label: str, *, count: int) -> tuple[str, ...]:
        """At most ``count`` codes whose names look most like ``label``, best first."""
        if self._bare_names is None:
            self._bare_names = [(self._bare(name), code) for name, code in self._names]
        wanted = self._bare(label)
        ranked = sorted(self._bare_names, key=lambda entry: _likeness(wanted, entry[0]), reverse=True)
        return tuple(dict.fromkeys(code for _, code in ranked))[:count]

    def _find_rewritten(self, label: str) -> str | None:
        if self._folded is None:
            self._folded = self._fold_names()
        candidates = list(_readings(label))
        for reading in candidates:
            if reading in self._folded:
                return self._folded[reading]
        for reading in candidates:
            for bare in (reading, *self._without_city(reading)):
                code = self._folded.get(bare) or self._stripped.get(bare)
                if code is not None:
                    return code
        return None

    def _fold_names(self) -> dict[str, str]:
        folded = {fold(name): code for name, code in self._names}
        for name, code in folded.items():
            for bare in self._without_city(name):
                self._stripped[bare] = code if self._stripped.get(bare, code) == code else None
        return folded

    def _without_city(self, name: str) -> Iterator[str]:
        for prefix in self._prefixes:
            if name.startswith(prefix) and len(name) >= len(prefix) + _SHORTEST:
                yield name[len(prefix) :]

    def _bare(self, name: str) -> str:
        if self._exact:
            return name
        reading = fold(name)
        return next(self._without_city(reading), reading)


def fold(name: str) -> str:
    """The name with half-width characters, no white space, simplified characters and small Latin letters."""
    compact = "".join(unicodedata.normalize("NFKC", name).split()).casefold()
    return compact if compact.isascii() else str(_simplifier().convert(compact))


def _names(department: Department, *, exact: bool) -> Iterator[str]:
    yield department.code
    if not exact:
        yield department.name
        yield from (former.name for former in department.former_names)


def _readings(label: str) -> Iterator[str]:
    whole = fold(label)
    yield whole
    bare = _REMARK.sub("", whole)
    yield bare
    bare = _RETIRED.sub("", bare)
    yield bare
    yield bare.removeprefix("原")


def _likeness(label: str, name: str) -> float:
    # Short forms leave characters out (工信局 for 工业和信息化局): count those kept, beside the ratio.
    kept = LCSseq.similarity(label, name) / max(len(label), 1)
    return kept + Indel.normalized_similarity(label, name)


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")
