"""What a bundle carries beside its model: a simple method to be compared with, and the world that it knew.

Both are made once, at training, from the letters that the bundle itself learned from; a bundle that was
trained before they were can be given them: ``python -m training.beside BUNDLE --train FILE … --dev FILE``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from eval.baselines import FILE as BASELINE
from eval.metrics.reference import FILE as REFERENCE
from eval.metrics.reference import Answered, Reference
from model import bundle
from model.errors import FenboError
from model.records import Problem, parse_columns
from model.router import Router
from model.ticket import Ticket
from training.corpus import Corpus
from training.lexical import LexicalSettings, fit_lexical
from training.reading import Columns, read_main, to_corpus

MAIN = "main"
"""Source name of the user's own letters."""

BASELINE_SETTINGS = LexicalSettings(
    regularisation=0.5, longest=3, words_weight=0.0, title_weight=0.0, largest=300_000
)
"""Character 1-3-grams of title and content as one text, sub-linear tf-idf, LinearSVC: what anyone would try first."""

_MOST_KEPT_OUT = 1000
_PIECE = 64


def add_baseline(folder: Path, letters: Corpus, columns: Columns, *, say: Callable[[str], None]) -> None:
    """Fit TF-IDF with a linear support vector machine on the user's own letters and write it into ``folder``."""
    rows = letters.labelled("department")
    own = np.array([letters.source[row] == MAIN for row in rows])
    labelled = letters.select(rows[own])
    model = fit_lexical(
        labelled.documents,
        [columns.departments[column] for column in labelled.labels("department")],
        codes=columns.departments,
        settings=BASELINE_SETTINGS,
        progress=lambda line: say(f"baseline {line}"),
    )
    model.save(folder / BASELINE)


def add_reference(router: Router, letters: Corpus, kept_out: Corpus) -> None:
    """Write what letters and answers look like at training into the router's bundle, and list it in the manifest.

    Character pairs are counted on ``letters``, everything else on up to 1,000 of the letters ``kept_out``.
    """
    places = np.unique(
        np.linspace(0, len(kept_out) - 1, min(len(kept_out), _MOST_KEPT_OUT)).round().astype(int)
    )
    answered: list[Answered] = []
    for start in range(0, len(places), _PIECE):
        documents = [kept_out.documents[place] for place in places[start : start + _PIECE]]
        tickets = [Ticket(document.content, title=document.title) for document in documents]
        for document, prediction in zip(documents, router.predict(tickets, explain="none"), strict=True):
            answered.append(
                Answered(
                    text=document.text,
                    department=prediction.department.code,
                    probability=prediction.department.probability,
                    urgency=prediction.urgency.code,
                    kind=prediction.kind.code,
                    action=prediction.decision.action,
                )
            )
    own = [
        document.text
        for document, source in zip(letters.documents, letters.source, strict=True)
        if source == MAIN
    ]
    Reference.of(own, answered).save(router.folder / REFERENCE)
    list_files(router.folder)


def list_files(folder: Path) -> None:
    """Write the manifest again with the files that the folder holds now, all else as it was."""
    known = bundle.read_manifest(folder)
    bundle.write_manifest(
        folder,
        name=known.name,
        created=known.created,
        code_version=known.code_version,
        taxonomy=known.taxonomy,
        taxonomy_version=known.taxonomy_version,
        facts=known.facts,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Give a bundle its baseline and reference, from the files that it was trained with."""
    parser = argparse.ArgumentParser(prog="python -m training.beside", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--train", type=Path, action="append", required=True)
    parser.add_argument("--dev", type=Path, action="append", required=True)
    parser.add_argument("--columns", default=None)
    options = parser.parse_args(arguments)
    router = Router.from_pretrained(options.bundle)
    # In the order of the bundle's own model, as at training.
    columns = Columns(router.lexical.department.codes)

    def read(paths: list[Path]) -> Corpus:
        names = parse_columns(options.columns)
        letters = read_main(paths, router.taxonomy, columns=names, strict=False, on_problem=_refuse)
        return to_corpus(letters, columns, MAIN)

    letters = read(options.train)
    add_baseline(router.folder, letters, columns, say=lambda line: print(line, file=sys.stderr))  # noqa: T201
    add_reference(router, letters, read(options.dev))
    return 0


def _refuse(path: Path, problem: Problem) -> None:
    raise FenboError(
        f"{path}, line {problem.line}: {problem.reason}; give the files that the bundle was trained with"
    )


if __name__ == "__main__":
    raise SystemExit(main())
