"""From files of labelled letters to a bundle: the order of the steps, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.metrics.calibration import expected_calibration_error
from eval.metrics.classification import accuracy, top_k_accuracy
from model import bundle
from model.calibration import Calibration, DecisionThresholds, softmax
from model.encoder import Encoder, Heads, Tokeniser
from model.errors import FenboError
from model.fingerprints import FILE as FINGERPRINTS
from model.fingerprints import KnownTexts, Labels
from model.lexical import LexicalModel, LexicalModels
from model.records import Problem
from model.router import Router, code_version
from model.taxonomy import Taxonomy
from training.beside import add_baseline, add_reference
from training.calibrate import (
    crossed_probabilities,
    fit_blend,
    fit_cascade,
    fit_decision,
    fit_head_blend,
    fit_urgency,
)
from training.card import write_card
from training.corpus import Corpus, held_back
from training.heads import fit_head
from training.lexical import fit_lexical
from training.near_duplicates import near_duplicate_groups
from training.reading import Columns, Letter, read_main, real_letters, to_corpus, with_sources
from training.second_opinion import second_opinion
from training.settings import Settings
from training.splits import group_split

F32 = NDArray[np.float32]
DEV_SHARE = 0.1

FOLDS = 5
"""Parts of the dev letters: thresholds are fitted on what a blend of the other parts says of each."""

FEWEST_LABELS = 100
"""Letters with a label below which a head keeps the starter's weights."""

SMALL_VOCABULARY = 60_000
"""Features of the lexical models for urgency and kind."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for. ``dev`` empty: a tenth of the letters is set apart, near-copies together."""

    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    out: Path
    taxonomy: str
    columns: Mapping[str, str]
    settings: Settings
    authorisation: str = ""
    strict: bool = False


def train(
    request: Request, *, say: Callable[[str], None], on_problem: Callable[[Path, Problem], None]
) -> dict[str, Any]:
    """Train a bundle and put it at ``request.out`` when it is whole. Returns its metrics on the dev letters.

    Raises:
        FenboError: a file, label or setting is wrong; nothing was written then.
    """
    taxonomy = taxonomy_of(request)
    letters = read_main(
        request.train, taxonomy, columns=request.columns, strict=request.strict, on_problem=on_problem
    )
    letters, dev_letters = _apart(letters, request, taxonomy, on_problem)
    columns = Columns(tuple(department.code for department in taxonomy.live()))
    main, dev = to_corpus(letters, columns, "main"), to_corpus(dev_letters, columns, "dev")
    say(f"read {len(main):,} letters to train on, {len(dev):,} to calibrate with")
    full = with_sources(main, request.settings.sources, taxonomy, columns)
    full, held = held_back(full, ("urgency", "kind"), share=0.15, seed=request.settings.fit.seed)
    with bundle.writing(request.out) as folder:
        taxonomy.dump(folder / "taxonomy.yaml")
        parts = _Parts(request, columns, full, dev, held, folder, say)
        parts.lexical()
        parts.encoder()
        metrics = parts.calibrate()
        add_baseline(folder, full, columns, say=say)
        _fingerprints(full, held, dev).save(folder / FINGERPRINTS)
        facts = _facts(request, columns, full, dev, metrics)
        write_card(folder / "README.md", name=request.out.name, taxonomy=taxonomy, facts=facts)
        bundle.write_manifest(
            folder,
            name=request.out.name,
            created=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            code_version=code_version(),
            taxonomy=taxonomy.name,
            taxonomy_version=taxonomy.version,
            facts=facts,
        )
        # A bundle that cannot be loaded must not take the place of one that can.
        add_reference(Router.from_pretrained(folder), full, dev)
    shutil.rmtree(_work(request), ignore_errors=True)
    return metrics


def taxonomy_of(request: Request) -> Taxonomy:
    """The taxonomy asked for: made from the labels, the shipped one, or a file."""
    if request.taxonomy == "shipped":
        return Taxonomy.shipped("shenzhen")
    if request.taxonomy != "labels":
        return Taxonomy.load(Path(request.taxonomy))
    from model.records import read_records

    labels = {
        record.department
        for path in (*request.train, *request.dev)
        for record in read_records(path, columns=request.columns, on_problem=lambda _: None)
        if record.department
    }
    if len(labels) < 2:
        raise FenboError(
            "department: the files name fewer than two departments; name the column with --columns department=NAME"
        )
    return Taxonomy.from_labels(labels)


def _apart(
    letters: list[Letter], request: Request, taxonomy: Taxonomy, on_problem: Callable[[Path, Problem], None]
) -> tuple[list[Letter], list[Letter]]:
    if request.dev:
        dev = read_main(
            request.dev, taxonomy, columns=request.columns, strict=request.strict, on_problem=on_problem
        )
        return letters, dev
    groups = near_duplicate_groups([letter.document.text for letter in letters])
    labels = [next(iter(letter.answers.departments), None) for letter in letters]
    keep, away = group_split(
        groups, (1 - DEV_SHARE, DEV_SHARE), seed=request.settings.fit.seed, labels=labels
    )
    return [letters[row] for row in keep], [letters[row] for row in away]


def _work(request: Request) -> Path:
    """Where a training keeps its checkpoint: beside the bundle, gone when the bundle is whole."""
    return request.out.absolute().with_name(f"{request.out.name}.work")


class _Parts:
    """The steps of one training, each writing its files into the bundle's folder."""

    def __init__(
        self,
        request: Request,
        columns: Columns,
        full: Corpus,
        dev: Corpus,
        held: Corpus,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self.request, self.columns, self.folder, self.say = request, columns, folder, say
        self.full, self.dev, self.held = full, dev, held

    def lexical(self) -> None:
        """Fit a lexical model for each head on the letters with one label; one that has few keeps the starter's."""
        self.lexical_models = {
            "department": self._fit_lexical("department", self.full.weights["department"].astype(np.float64))
        }
        for head in ("urgency", "kind"):
            if len(self.full.labelled(head)) < FEWEST_LABELS:
                shutil.copyfile(
                    bundle.STARTER / LexicalModels.file(head), self.folder / LexicalModels.file(head)
                )
                self.lexical_models[head] = LexicalModel.load(self.folder / LexicalModels.file(head))
            else:
                self.lexical_models[head] = self._fit_lexical(head, None)

    def _fit_lexical(self, head: str, weights: NDArray[np.float64] | None) -> LexicalModel:
        rows = self._told_whole(head)
        labelled = self.full.select(rows)
        codes = self.columns.by_head[head]
        settings = self.request.settings.lexical
        model = fit_lexical(
            labelled.documents,
            [codes[column] for column in labelled.labels(head)],
            codes=codes,
            weights=None if weights is None else weights[rows],
            settings=settings
            if head == "department"
            else dataclasses.replace(settings, largest=SMALL_VOCABULARY),
            progress=lambda line: self.say(f"{head}: {line}"),
        )
        model.save(self.folder / LexicalModels.file(head))
        return model

    def _told_whole(self, head: str) -> NDArray[np.int64]:
        """Rows with one label for ``head``; for urgency and kind, of sources that name every class.

        Where a city tells questions from all the rest, only questions have one label, and a model of words would
        learn the city's words for those of a question (measured in EXPERIMENTS.md). The department keeps such
        letters: there are many departments among them.
        """
        rows = self.full.labelled(head)
        if head == "department":
            return rows
        partial = {self.full.source[row] for row in np.flatnonzero(self.full.allowed[head].sum(axis=1) > 1)}
        return np.array([row for row in rows if self.full.source[row] not in partial], dtype=np.int64)

    def encoder(self) -> None:
        """Train an encoder, or borrow the starter's for urgency and kind when the preset has none."""
        if self.request.settings.encoder is None:
            self._borrow()
        else:
            self._fit()
        tokeniser = Tokeniser(self.folder / "encoder" / "tokenizer.json")
        self.served = Encoder(
            self.folder / "encoder.onnx", tokeniser, Heads.load(self.folder / "heads.npz"), threads=2
        )

    def _borrow(self) -> None:
        (self.folder / "encoder").mkdir()
        shutil.copyfile(
            bundle.STARTER / "encoder" / "tokenizer.json", self.folder / "encoder" / "tokenizer.json"
        )
        shutil.copyfile(bundle.STARTER / "encoder.onnx", self.folder / "encoder.onnx")
        heads = dict(Heads.load(bundle.STARTER / "heads.npz").by_name)
        del heads["department"]
        starter = _encoder_of(bundle.STARTER)
        for head in ("urgency", "kind"):
            rows = self.full.labelled(head)
            if len(rows) >= FEWEST_LABELS:
                self.say(f"{head}: fitting a head on {len(rows):,} letters")
                labelled = self.full.select(rows)
                pooled = starter.pooled([document.text for document in labelled.documents])
                heads[head] = fit_head(pooled, labelled.labels(head), classes=labelled.allowed[head].shape[1])
        Heads(heads).save(self.folder / "heads.npz")

    def _fit(self) -> None:
        try:
            from training.encoder.train import Plan, train_encoder
            from training.export import export_onnx, quantise
        except ImportError as error:
            from model.errors import MissingExtra

            raise MissingExtra("torch", "train") from error
        settings = self.request.settings.encoder
        assert settings is not None
        soft: dict[str, F32] = {}
        heads = None
        if settings.initial == "starter":
            soft, heads = self._from_starter()
        plan = Plan(
            _initial(settings.initial),
            settings.layers,
            soft,
            heads,
            self._opinion,
            settings.refined_share,
        )
        network = train_encoder(
            self.full,
            self.dev,
            plan,
            settings=self.request.settings.fit,
            refine=self.request.settings.refine,
            work=_work(self.request),
            out=self.folder / "encoder",
        )
        self.say("encoder: exporting to ONNX, weights as int8")
        with tempfile.TemporaryDirectory() as scratch:
            export_onnx(network, Path(scratch) / "encoder.onnx")
            quantise(Path(scratch) / "encoder.onnx", self.folder / "encoder.onnx")
        (self.folder / "encoder" / "heads.npz").replace(self.folder / "heads.npz")

    def _opinion(self, vectors: F32) -> F32:
        settings = self.request.settings
        assert settings.encoder is not None
        return second_opinion(
            self.full,
            vectors,
            lexical=settings.lexical,
            folds=settings.encoder.opinion_folds,
            seed=settings.fit.seed,
            say=self.say,
        )

    def _from_starter(self) -> tuple[dict[str, F32], Heads]:
        """What the starter says of the letters, so that heads without labels forget nothing (Li and Hoiem 2016)."""
        self.say("encoder: asking the starter, so that nothing it knows is forgotten")
        starter = _encoder_of(bundle.STARTER)
        pooled = starter.pooled([document.text for document in self.full.documents])
        known = starter.heads.by_name
        soft = {
            head: softmax(known[head](pooled))
            for head in ("urgency", "kind", "scope")
            if len(self.full.labelled(head)) < FEWEST_LABELS or head == "scope"
        }
        return soft, starter.heads

    def calibrate(self) -> dict[str, Any]:
        """Fit what joins the models, on letters that trained neither; returns metrics on the dev letters."""
        dev = self.dev.select(self.dev.labelled("department"))
        if len(dev) < 20:
            raise FenboError(
                f"--dev: {len(dev)} letters with a department are too few to calibrate with; give 20 or more"
            )
        truth = dev.labels("department")
        self.say(f"calibrating on {len(dev):,} letters")
        words = {head: model.scores(dev.documents) for head, model in self.lexical_models.items()}
        heads = self._head_logits(dev)
        blend = fit_blend(words["department"], heads.get("department"), truth)
        calibration = self._with_urgency_and_kind(Calibration(blend=blend, decision=DecisionThresholds()))
        alone = blend.probabilities(words["department"], None)
        probabilities = crossed_probabilities(
            words["department"],
            heads.get("department"),
            truth,
            folds=FOLDS,
            seed=self.request.settings.fit.seed,
        )
        cascade = fit_cascade(alone, probabilities)
        spared = cascade.sure(
            alone,
            calibration.urgency_blend.probabilities(words["urgency"], None),
            calibration.kind_blend.probabilities(words["kind"], None),
        )
        probabilities[spared] = alone[spared]
        decision = fit_decision(probabilities, truth, self.columns.departments)
        calibration = dataclasses.replace(calibration, cascade=cascade, decision=decision)
        calibration.save(self.folder / "calibration.json")
        auto = probabilities.max(axis=1) >= decision.auto
        right = probabilities.argmax(axis=1) == truth
        return {
            "dev_letters": len(dev),
            "accuracy": round(
                accuracy(truth, probabilities.argmax(axis=1), classes=probabilities.shape[1]), 4
            ),
            "top_3": round(top_k_accuracy(truth, probabilities, min(3, probabilities.shape[1])), 4),
            "calibration_error": round(expected_calibration_error(probabilities.max(axis=1), right), 4),
            "auto_share": round(float(auto.mean()), 4),
            "auto_right": round(float(right[auto].mean()), 4) if auto.any() else None,
            "encoder_spared": round(float(spared.mean()), 4),
        }

    def _with_urgency_and_kind(self, calibration: Calibration) -> Calibration:
        """Fit each on the letters held back for it, else on the dev letters that say it, else take the starter's."""
        path = bundle.STARTER / "calibration.json"
        known = Calibration.load(path) if path.exists() else calibration
        result = dataclasses.replace(
            calibration,
            urgency_blend=known.urgency_blend,
            urgency=known.urgency,
            kind_blend=known.kind_blend,
            out_of_scope=known.out_of_scope,
        )
        for head in ("urgency", "kind"):
            kept_out = next((part for part in (self.held, self.dev) if len(part.labelled(head)) >= 50), None)
            if kept_out is None:
                continue
            letters = kept_out.select(kept_out.labelled(head))
            truth = letters.labels(head)
            words = self.lexical_models[head].scores(letters.documents)
            meaning = self._head_logits(letters)[head]
            blend = fit_head_blend(meaning, words, truth)
            if head == "kind":
                result = dataclasses.replace(result, kind_blend=blend)
            else:
                bars = fit_urgency(blend.probabilities(words, meaning), truth)
                result = dataclasses.replace(result, urgency_blend=blend, urgency=bars)
        return result

    def _head_logits(self, corpus: Corpus) -> dict[str, F32]:
        pooled = self.served.pooled([document.text for document in corpus.documents])
        return {name: head(pooled) for name, head in self.served.heads.by_name.items()}


def _encoder_of(folder: Path) -> Encoder:
    tokeniser = Tokeniser(folder / "encoder" / "tokenizer.json")
    return Encoder(folder / "encoder.onnx", tokeniser, Heads.load(folder / "heads.npz"), threads=2)


def _initial(name: str) -> str:
    """The folder or hub name to start from; a relative path may be below the folder of letters."""
    if name == "starter":
        return str(bundle.STARTER / "encoder")
    near = (real_letters() / name).resolve()
    return str(near) if near.is_dir() else name


def _fingerprints(*parts: Corpus) -> KnownTexts:
    """Which letters were learned from and by which label: tells an evaluation of a leak without holding any text."""
    flags = {"department": Labels.DEPARTMENT, "urgency": Labels.URGENCY, "kind": Labels.KIND}
    texts: list[str] = []
    labels: list[Labels] = []
    for part in parts:
        known = {head: part.allowed[head].sum(axis=1) > 0 for head in flags}
        for row, document in enumerate(part.documents):
            texts.append(document.text)
            labels.append(
                functools.reduce(Labels.__or__, (f for h, f in flags.items() if known[h][row]), Labels.NONE)
            )
    return KnownTexts.of(texts, labels=labels)


def _facts(
    request: Request, columns: Columns, full: Corpus, dev: Corpus, metrics: dict[str, Any]
) -> dict[str, Any]:
    return {
        "preset": request.settings.name,
        "seed": request.settings.fit.seed,
        "authorisation": request.authorisation or "not stated",
        "data": [
            {"file": path.name, "sha256": bundle.sha256(path), "use": use}
            for use, paths in (("train", request.train), ("dev", request.dev))
            for path in paths
            if path.is_file()
        ],
        "letters": {"train": dict(Counter(full.source)), "dev": len(dev)},
        "department_counts": _department_counts(full, columns),
        "metrics": metrics,
    }


def _department_counts(full: Corpus, columns: Columns) -> dict[str, int]:
    counts = np.bincount(full.labels("department"), minlength=len(columns.departments))
    return dict(zip(columns.departments, counts.tolist(), strict=True))
