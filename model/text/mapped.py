"""A text made from another one, with the way back to the original's offsets."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import FenboError


class SpanOutside(FenboError):
    """A span does not lie within the text that it was asked of."""

    def __init__(self, start: int, end: int, length: int) -> None:
        super().__init__(
            f"span [{start}, {end}) is outside the text; allowed: 0 <= start <= end <= {length}; "
            "pass offsets of MappedText.text"
        )


@dataclass(frozen=True, slots=True)
class MappedText:
    """``text`` and, for each of its characters, the piece of the source it stands for.

    ``starts`` and ``ends`` have ``len(text)`` entries: character ``i`` stands for
    ``source[starts[i]:ends[i]]``. Both never decrease. Characters that came from one piece of source
    together share that piece.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the source of ``text[start:end]``, end exclusive.

        What was dropped between the first and the last character is inside; what was dropped around
        them is not. An empty span gives an empty span. Raises ``SpanOutside`` unless
        ``0 <= start <= end <= len(text)``.
        """
        if not 0 <= start <= end <= len(self.text):
            raise SpanOutside(start, end, len(self.text))
        if start < end:
            return self.starts[start], self.ends[end - 1]
        if start < len(self.text):
            return self.starts[start], self.starts[start]
        edge = self.ends[-1] if self.ends else 0
        return edge, edge
