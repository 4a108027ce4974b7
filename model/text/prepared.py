"""A ticket's text made ready: masked for people, normalised for models."""

from __future__ import annotations

from dataclasses import dataclass

from model.ngrams import Document
from model.prediction import Field, Masked
from model.text.mask import mask
from model.text.normalise import normalise, normalised
from model.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Prepared:
    """``masked`` is what may be stored and shown, ``document`` what the models read."""

    masked: Masked
    document: Document

    def on_masked(self, field: Field, start: int, end: int) -> tuple[int, int, str]:
        """Offsets in the document's title or content, as offsets and text of the masked title or content."""
        original = self.masked.title if field == "title" else self.masked.content
        mapped = normalise(original)
        stripped = len(mapped.text) - len(mapped.text.lstrip())
        low, high = mapped.to_source(start + stripped, end + stripped)
        return low, high, original[low:high]


def prepare(ticket: Ticket) -> Prepared:
    """Mask personal data in title and content, then normalise what is left."""
    masked = Masked(title=mask(ticket.title).text, content=mask(ticket.content).text)
    return Prepared(masked, Document(normalised(masked.title).strip(), normalised(masked.content).strip()))
