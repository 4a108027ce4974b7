"""The whole model of a bundle: tickets in, predictions out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model import bundle
from model.addressees import departments_of_bodies
from model.calendar import WorkCalendar
from model.calibration import Calibration, softmax
from model.decision import Circumstances, decide
from model.encoder import Encoder, Heads, Tokeniser
from model.explanation import hits_on_masked, lexical_evidence, occlusion_evidence
from model.lexical import LexicalModels, Terms
from model.ngrams import Document, Occurrences, occurrences
from model.prediction import (
    KIND_CODES,
    URGENCY_CODES,
    Candidate,
    DepartmentPrediction,
    Evidence,
    KindPrediction,
    Prediction,
    UrgencyPrediction,
    Versions,
)
from model.requests import Search, second_requests
from model.scope import UNFAMILIAR, familiarity, too_short
from model.taxonomy import Taxonomy
from model.text.prepared import Prepared, prepare
from model.ticket import Ticket
from model.urgency import assess

F32 = NDArray[np.float32]
Explain = Literal["none", "lexical", "full"]
_TOP = 5


@dataclass(frozen=True, slots=True)
class Scores:
    """What the models say of N letters: probabilities of ``department`` (N, K), ``urgency`` (N, 4), ``kind`` (N, 6)
    and of being no request at all, ``out_of_scope`` (N,); ``familiar`` (N,) is the share of known character pairs.
    ``lexical`` are the lexical model's raw scores and ``found`` the letters' features, ``terms`` those that its
    vocabulary knows, for evidence and the search for a second request.
    """

    department: F32
    urgency: F32
    kind: F32
    out_of_scope: F32
    familiar: F32
    lexical: F32
    found: Occurrences
    terms: Terms


class Router:
    """Predicts department, urgency and kind, decides, and says why. Safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        manifest: bundle.Manifest,
        taxonomy: Taxonomy,
        lexical: LexicalModels,
        encoder: Encoder,
        calibration: Calibration,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.taxonomy = taxonomy
        self.lexical = lexical
        self.encoder = encoder
        self.calibration = calibration
        self.calendar = WorkCalendar.shipped("cn")
        self._heads = encoder.heads.by_name
        self._columns, self._owner = _live_columns(lexical.department.codes, taxonomy)
        bodies = departments_of_bodies(taxonomy, self._columns, self._lexical_probabilities)
        self._search = Search(lexical.department, self._columns, self._owner, bodies)

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.manifest.name

    @property
    def codes(self) -> tuple[str, ...]:
        """The departments that can be predicted, in the order of :meth:`probabilities`' columns."""
        return self._columns

    @property
    def versions(self) -> Versions:
        """What answers: for the record."""
        return Versions(
            bundle=self.manifest.name,
            taxonomy=self.taxonomy.name,
            taxonomy_version=self.taxonomy.version,
            code=code_version(),
        )

    @classmethod
    def from_pretrained(cls, path: str | Path, *, threads: int = 1) -> Router:
        """Load a bundle after checking its format and every file's hash.

        Raises:
            FenboError: the bundle is not whole or was changed, by file.
        """
        folder = Path(path)
        manifest = bundle.check(folder)
        tokeniser = Tokeniser(folder / "encoder" / "tokenizer.json")
        encoder = Encoder(
            folder / "encoder.onnx", tokeniser, Heads.load(folder / "heads.npz"), threads=threads
        )
        return cls(
            folder,
            manifest,
            Taxonomy.load(folder / "taxonomy.yaml"),
            LexicalModels.load(folder),
            encoder,
            Calibration.load(folder / "calibration.json"),
        )

    @classmethod
    def starter(cls, *, threads: int = 1) -> Router:
        """The bundle that ships with fenbo."""
        return cls.from_pretrained(bundle.STARTER, threads=threads)

    def save_pretrained(self, path: str | Path) -> None:
        """Copy the bundle to another place, whole or not at all."""
        with bundle.writing(Path(path)) as scratch:
            shutil.copytree(self.folder, scratch, dirs_exist_ok=True)

    def predict(self, tickets: Sequence[Ticket], *, explain: Explain = "lexical") -> list[Prediction]:
        """One prediction a ticket, in order.

        ``explain="full"`` adds some 50 passes a ticket; ``"none"`` leaves the evidence empty, for files.
        """
        return self.answers(tickets, explain=explain)[0]

    def answers(
        self, tickets: Sequence[Ticket], *, explain: Explain = "lexical"
    ) -> tuple[list[Prediction], F32]:
        """As :meth:`predict`, and the probabilities (N, K) of all :attr:`codes` that it was made from."""
        predictions, scores = self._read(tickets, explain, cascade=explain != "full")
        return predictions, scores.department

    def with_taxonomy(self, taxonomy: Taxonomy) -> Router:
        """The same models, predicting in another version of the taxonomy, as it stands today.

        Raises:
            UnknownDepartment: a department that the models know leads nowhere in it.
        """
        return Router(self.folder, self.manifest, taxonomy, self.lexical, self.encoder, self.calibration)

    def _read(
        self, tickets: Sequence[Ticket], explain: Explain, *, cascade: bool
    ) -> tuple[list[Prediction], Scores]:
        start = time.perf_counter()
        prepared = [prepare(ticket) for ticket in tickets]
        documents = [item.document for item in prepared]
        scores = self.scores(documents, cascade=cascade)
        best = [self._columns[column] for column in scores.department.argmax(axis=1)]
        seconds = second_requests(documents, scores.found, scores.lexical, best, self._search)
        predictions = [
            self._prediction(ticket, item, scores, row, seconds[row], explain)
            for row, (ticket, item) in enumerate(zip(tickets, prepared, strict=True))
        ]
        each = (time.perf_counter() - start) * 1000 / max(1, len(tickets))
        return [_timed(prediction, each) for prediction in predictions], scores

    def probabilities(self, tickets: Sequence[Ticket]) -> tuple[tuple[str, ...], F32]:
        """Department codes (K) and their probabilities (N, K)."""
        documents = [prepare(ticket).document for ticket in tickets]
        return self.codes, self.scores(documents).department

    def scores(self, documents: Sequence[Document], *, cascade: bool = True) -> Scores:
        """Calibrated probabilities of every head.

        With ``cascade`` the encoder is spared the letters that the lexical model is sure of.
        """
        blends, count = self.calibration, len(documents)
        found = occurrences(documents)
        terms = self.lexical.department.vocabulary.terms(found, count)
        words = {
            "department": self.lexical.department.scores_of_terms(terms, count),
            "urgency": self.lexical.urgency.scores_of(found, count),
            "kind": self.lexical.kind.scores_of(found, count),
        }
        department = blends.blend.probabilities(words["department"], None)
        urgency = blends.urgency_blend.probabilities(words["urgency"], None)
        kind = blends.kind_blend.probabilities(words["kind"], None)
        out_of_scope = np.zeros(count, dtype=np.float32)
        unsure = np.arange(count)
        if cascade:
            unsure = np.flatnonzero(~blends.cascade.sure(department, urgency, kind))
        pooled = self.encoder.pooled([documents[int(row)].text for row in unsure])
        if len(unsure):
            heads = {name: head(pooled) for name, head in self._heads.items()}
            department[unsure] = blends.blend.probabilities(
                words["department"][unsure], heads.get("department")
            )
            urgency[unsure] = blends.urgency_blend.probabilities(words["urgency"][unsure], heads["urgency"])
            kind[unsure] = blends.kind_blend.probabilities(words["kind"][unsure], heads["kind"])
            out_of_scope[unsure] = softmax(heads["scope"])[:, 1]
        return Scores(
            department=self._live(department),
            urgency=urgency,
            kind=kind,
            out_of_scope=out_of_scope,
            familiar=familiarity(terms, found, count),
            lexical=words["department"],
            found=found,
            terms=terms,
        )

    def _live(self, probabilities: F32) -> F32:
        """Probabilities of retired departments go to their successors."""
        if len(self._columns) == probabilities.shape[1]:
            return probabilities
        live = np.zeros((len(probabilities), len(self._columns)), dtype=np.float32)
        for column, place in enumerate(self._owner):
            live[:, place] += probabilities[:, column]
        return live

    def _prediction(
        self,
        ticket: Ticket,
        prepared: Prepared,
        scores: Scores,
        row: int,
        other: tuple[str, float] | None,
        explain: Explain,
    ) -> Prediction:
        probabilities = scores.department[row]
        order = np.argsort(-probabilities, kind="stable")[:_TOP]
        top = tuple(self._candidate(int(column), float(probabilities[column])) for column in order)
        urgency = self._urgency(ticket, prepared, scores.urgency[row])
        second = None if other is None else self._candidate(self._columns.index(other[0]), other[1])
        circumstances = Circumstances(
            emergency=urgency.code == "emergency",
            out_of_scope=bool(scores.out_of_scope[row] >= self.calibration.out_of_scope),
            unfamiliar=bool(scores.familiar[row] < UNFAMILIAR),
            too_short=too_short(prepared.document),
            second=second,
        )
        kind = int(scores.kind[row].argmax())
        return Prediction(
            ticket_id=ticket.ticket_id,
            department=DepartmentPrediction(top[0].code, top[0].name, top[0].probability, top),
            second_department=second,
            decision=decide(top, self.calibration.decision, circumstances),
            urgency=urgency,
            kind=KindPrediction(
                KIND_CODES[kind], self.taxonomy.kind(KIND_CODES[kind]).name, _rounded(scores.kind[row, kind])
            ),
            evidence=self._evidence(prepared, scores, row, top[0].code, explain),
            masked=prepared.masked,
            versions=self.versions,
            milliseconds=0.0,
        )

    def _candidate(self, column: int, probability: float) -> Candidate:
        code = self._columns[column]
        return Candidate(code, self.taxonomy.department(code).name, _rounded(probability))

    def _urgency(self, ticket: Ticket, prepared: Prepared, probabilities: F32) -> UrgencyPrediction:
        assessment = assess(prepared.document.title, prepared.document.content)
        by_model = self.calibration.urgency.level(probabilities)
        code = max(by_model, assessment.level or "low", key=URGENCY_CODES.index)
        level = self.taxonomy.urgency_level(code)
        due = None
        if ticket.created_at is not None:
            due = self.calendar.respond_by(level.response, ticket.created_at).strftime("%Y-%m-%dT%H:%M:%SZ")
        return UrgencyPrediction(
            code=code,
            name=level.name,
            probability=_rounded(probabilities[URGENCY_CODES.index(code)]),
            model_code=by_model,
            probabilities={
                name: _rounded(value) for name, value in zip(URGENCY_CODES, probabilities, strict=True)
            },
            raised_by=hits_on_masked(assessment.raised_by, prepared),
            flags=hits_on_masked(assessment.flags, prepared),
            respond_by=due,
        )

    def _lexical_probabilities(self, documents: Sequence[Document]) -> F32:
        return self._live(
            self.calibration.blend.probabilities(self.lexical.department.scores(documents), None)
        )

    def _evidence(
        self, prepared: Prepared, scores: Scores, row: int, code: str, explain: Explain
    ) -> Evidence:
        if explain == "none":
            return Evidence(code, "lexical", ())
        if explain == "full":
            column = self._columns.index(code)
            return occlusion_evidence(
                prepared,
                code,
                lambda documents: self.scores(documents, cascade=False).department[:, column],
            )
        columns = [index for index, place in enumerate(self._owner) if self._columns[place] == code]
        weights = self.lexical.department.character_weights(
            row, len(prepared.document.text), columns[0], scores.found, scores.terms
        )
        return lexical_evidence(prepared, code, weights)


def _live_columns(codes: Sequence[str], taxonomy: Taxonomy) -> tuple[tuple[str, ...], list[int]]:
    """Live departments among the model's, and for each model column the live one that does its work."""
    live = [taxonomy.resolve(code) for code in codes]
    columns = tuple(dict.fromkeys(live))
    return columns, [columns.index(code) for code in live]


def _rounded(value: float | np.floating[np.typing.NBitBase]) -> float:
    return round(float(value), 4)


def _timed(prediction: Prediction, milliseconds: float) -> Prediction:
    import dataclasses

    return dataclasses.replace(prediction, milliseconds=round(milliseconds, 3))


@cache
def code_version() -> str:
    """The installed version of fenbo."""
    try:
        return version("fenbo")
    except PackageNotFoundError:
        return "0+unknown"
