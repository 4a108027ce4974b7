"""What the service needs of a model, and where it gets one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, Self

from model.prediction import Prediction, Versions
from model.taxonomy import Taxonomy
from model.ticket import Ticket
from service.settings import Settings

Explain = Literal["lexical", "full"]


class Predictor(Protocol):
    """A loaded model, such as `model.router.Router`. ``predict`` may be called from any thread."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy that predictions are made in."""

    @property
    def versions(self) -> Versions:
        """Names and versions that go into every prediction."""

    def predict(self, tickets: Sequence[Ticket], *, explain: Explain = "lexical") -> list[Prediction]:
        """One prediction per ticket, in order."""

    def with_taxonomy(self, taxonomy: Taxonomy) -> Self:
        """The same model, predicting in another version of the taxonomy. Raises `FenboError`."""


def watch_stages(predictor: Predictor, tell: Callable[[str, float], None]) -> None:
    """Have a model with an encoder tell the seconds of its stages: ``tokenise`` and ``infer``."""
    encoder = getattr(predictor, "encoder", None)
    if encoder is not None:
        encoder.observe = tell


def load_predictor(settings: Settings) -> Predictor:
    """The bundle that the settings name, or the starter bundle. Takes a second or two; raises `FenboError`."""
    from model.router import Router

    if settings.bundle is None:
        return Router.starter()
    return Router.from_pretrained(settings.bundle)
