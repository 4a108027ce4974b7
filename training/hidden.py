"""How well is a department found that has a description but no letters? ``python -m training.hidden``.

Each of ten departments in turn is hidden: its letters are taken out of training, and what stays of it is its
description in the taxonomy and what the service catalogue says of it. The lexical model and the department
head (on the frozen encoder's vectors) are fitted anew and blended as the bundle blends them; counted is how
often the hidden department is among the best three for its own test letters.

The encoder itself is not trained again here and has seen the hidden letters, which helps a lot: train a bundle on a
file without them and give it as ``--bundle`` to measure without that help; see ``training/EXPERIMENTS.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.bundle import STARTER
from model.ngrams import Document
from model.router import Router
from training.descriptions import described
from training.heads import fit_head
from training.lexical import fit_lexical
from training.reading import Columns, read_main, real_letters, to_corpus

TEN = ("MZJ", "STJ", "ZGJ", "WJW", "GXJ", "SFJ", "JJJ", "CGJ", "XFJ", "JTJ")
"""Large and small, distinct and overlapping; fixed before the first measurement."""

F32 = NDArray[np.float32]
DESCRIPTION_WEIGHT = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print recall within the top 3 and 1 for each hidden department, as JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m training.hidden", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=STARTER)
    parser.add_argument("--part", default="test", choices=["dev", "test"])
    parser.add_argument("departments", nargs="*", default=TEN)
    options = parser.parse_args(arguments)
    router = Router.from_pretrained(options.bundle)
    columns = Columns(tuple(department.code for department in router.taxonomy.live()))
    folder = real_letters() / "shenzhen"
    names = {"department": "department_code", "created_at": "asked"}
    main_, part = (
        to_corpus(
            read_main(
                [folder / f"{name}.csv"], router.taxonomy, columns=names, strict=False, on_problem=_refuse
            ),
            columns,
            name,
        )
        for name in ("train", options.part)
    )
    vectors = router.encoder.pooled([document.text for document in main_.documents])
    truth, target = main_.labels("department"), part.labels("department")
    part_vectors = router.encoder.pooled([document.text for document in part.documents])
    recalls = []
    for code in options.departments:
        hidden = columns.departments.index(code)
        texts = described(router.taxonomy, code)
        keep = truth != hidden
        labels = np.concatenate([truth[keep], np.full(len(texts), hidden)])
        weights = np.concatenate([np.ones(keep.sum()), np.full(len(texts), DESCRIPTION_WEIGHT)])
        documents = [main_.documents[row] for row in np.flatnonzero(keep)]
        documents += [Document("", text) for text in texts]
        lexical = fit_lexical(
            documents,
            [columns.departments[label] for label in labels],
            codes=columns.departments,
            weights=weights,
        )
        known = np.concatenate([vectors[keep], router.encoder.pooled(texts)])
        head = fit_head(known, labels, classes=len(columns.departments), weights=weights, strength=0.01)
        mine = target == hidden
        scores = lexical.scores([part.documents[row] for row in np.flatnonzero(mine)])
        blend = replace(router.calibration.blend, bias=_without(router.calibration.blend.bias, hidden))
        probabilities = blend.probabilities(scores, head(part_vectors[mine]))
        rank = (-probabilities).argsort(axis=1).argsort(axis=1)[:, hidden]
        recalls.append(float((rank < 3).mean()))
        line = {
            "hidden": code,
            "letters": int(mine.sum()),
            "descriptions": len(texts),
            "top_3": round(recalls[-1], 4),
            "top_1": round(float((rank == 0).mean()), 4),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"mean_top_3": round(float(np.mean(recalls)), 4)}) + "\n")
    return 0


def _without(bias: Sequence[float], column: int) -> tuple[float, ...]:
    """The biases, that of the hidden department 0: it was fitted on its letters."""
    return tuple(0.0 if place == column else value for place, value in enumerate(bias))


def _refuse(path: Path, problem: object) -> None:
    raise SystemExit(f"{path}: {problem}")


if __name__ == "__main__":
    raise SystemExit(main())
