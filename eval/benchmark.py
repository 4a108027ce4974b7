"""The numbers of the README and of ``docs/benchmark.md``, measured afresh: ``python -m eval.benchmark``.

Reads the test parts of the real letters (``$FENBO_DATA`` or ``../shared/data``) and the letters that were
written for this project and kept out of training. Nothing is chosen by what it prints.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.answers import resolved
from eval.faithfulness import faithfulness
from eval.letters import read_letters
from eval.metrics.bootstrap import DRAWS
from eval.metrics.calibration import expected_calibration_error
from eval.metrics.classification import class_table, confusion, macro_f1, top_k_accuracy
from eval.metrics.intervals import wilson
from eval.metrics.ordinal import recall_at_false_alarms
from eval.metrics.pairs import b_cubed
from eval.robustness import robustness
from model.bundle import STARTER
from model.errors import FenboError
from model.place import PlaceFinder
from model.prediction import URGENCY_CODES, Prediction
from model.records import Problem, parse_columns, read_records, write_rows
from model.router import Router
from model.ticket import Ticket

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ROOT / "tests" / "data"
Rows = list[dict[str, str]]


def real_letters() -> Path:
    """Folder of the real letters."""
    return Path(os.environ.get("FENBO_DATA") or ROOT.parent / "shared" / "data")


def read_rows(path: Path) -> Rows:
    """Rows of a CSV file by column name."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _tickets(rows: Rows) -> list[Ticket]:
    return [Ticket(row["content"], title=row.get("title", "")) for row in rows]


def department(router: Router, file: str, columns: str) -> dict[str, Any]:
    """A city's letters of one part: accuracy, top 3, macro-F1, calibration, what goes without a person.

    A label that the bundle cannot predict counts as missed.
    """
    records = list(read_records(real_letters() / file, columns=parse_columns(columns)))
    answered, probabilities = router.answers([record.ticket for record in records], explain="none")
    codes = router.codes
    place = {code: column for column, code in enumerate(codes)}
    labels = [resolved(router.taxonomy, record.department) for record in records]
    truth = np.array([place.get(str(label), len(codes)) for label in labels])
    best = probabilities.argmax(axis=1)
    right = best == truth
    table = class_table(confusion(truth, best, classes=len(codes) + 1))
    auto = np.array([prediction.decision.action == "auto" for prediction in answered])
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    reached = np.flatnonzero(share >= 0.95)
    low, high = wilson(int(right.sum()), len(right))
    return {
        "letters": len(truth),
        "accuracy": _round(right.mean()),
        "accuracy_95": [_round(low), _round(high)],
        "top_3": _round(top_k_accuracy(truth, np.pad(probabilities, ((0, 0), (0, 1))), 3)),
        "macro_f1_10": _round(macro_f1(table, min_support=10)),
        "share_at_95": _round((reached[-1] + 1) / len(order)) if len(reached) else 0.0,
        "auto_share": _round(auto.mean()),
        "auto_right": _round(right[auto].mean()) if auto.any() else None,
        "calibration_error": _round(expected_calibration_error(probabilities.max(axis=1), right)),
        "cold_predicted": int(sum(table.support[column] == 0 for column in best)),
    }


def urgency_and_kind(router: Router) -> dict[str, Any]:
    """Annotated real letters: recall of high levels at given rates of false alarms, kind accuracy."""
    rows = read_rows(real_letters() / "annotated" / "urgency_dev.csv")
    predictions = router.predict(_tickets(rows), explain="none")
    level = np.array([int(row["urgency"]) - 1 for row in rows])
    raised = np.array([URGENCY_CODES.index(p.urgency.code) for p in predictions])
    # A rule lifts a letter above every unlifted one; among equals the model's probability orders.
    rule = [
        max((URGENCY_CODES.index(hit.level or "low") for hit in p.urgency.raised_by), default=0)
        for p in predictions
    ]
    emergency = np.array([p.urgency.probabilities["emergency"] for p in predictions]) + (np.array(rule) == 3)
    urgent = np.array(
        [p.urgency.probabilities["emergency"] + p.urgency.probabilities["urgent"] for p in predictions]
    )
    urgent = urgent + (np.array(rule) >= 2)
    kinds = [(row["kind"], p.kind.code) for row, p in zip(rows, predictions, strict=True) if row["kind"]]
    top, upper = level == 3, level >= 2
    return {
        "letters": len(rows),
        "emergency_recall_at_5": _round(recall_at_false_alarms(emergency, top, 0.05).recall),
        "urgent_recall_at_15": _round(recall_at_false_alarms(urgent, upper, 0.15).recall),
        "emergency_recall_as_decided": _round((raised[top] == 3).mean()),
        "emergency_false_alarms_as_decided": _round((raised[~top] == 3).mean()),
        "urgent_recall_as_decided": _round((raised[upper] >= 2).mean()),
        "urgent_false_alarms_as_decided": _round((raised[~upper] >= 2).mean()),
        "kind_accuracy": _round(np.mean([truth == found for truth, found in kinds])),
        "kind_letters": len(kinds),
    }


def written_emergencies(router: Router) -> dict[str, Any]:
    """Emergencies and look-alikes that no training saw, by hazard."""
    rows = [row for name in ("a", "b") for row in read_rows(WRITTEN / f"emergencies_heldout_{name}.csv")]
    called = [p.urgency.code == "emergency" for p in router.predict(_tickets(rows), explain="none")]
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: {"0": [], "1": []})
    for row, emergency in zip(rows, called, strict=True):
        groups[row["hazard"]][row["lookalike"]].append(emergency)
        groups["all"][row["lookalike"]].append(emergency)
    return {
        hazard: {"recall": _round(np.mean(found["0"])), "false_alarms": _round(np.mean(found["1"]))}
        for hazard, found in sorted(groups.items())
    }


def pairs(router: Router) -> dict[str, Any]:
    """Annotated pairs of real letters: same matter or not, as ``fenbo pairs`` answers.

    The shipped pair score was fitted on these very pairs: for it this flatters, and ``pairs.json`` tells the
    cross-validated numbers.
    """
    from eval.duplicates import pairs_part, read_pairs

    path = real_letters() / "annotated" / "pairs_dev.csv"
    told = pairs_part(router.folder, read_pairs(path), source=path.name, draws=DRAWS)
    return {
        "pairs": told["n"],
        **{name: told[name]["value"] for name in ("average_precision", "f1", "over_merged")},
        "average_precision_95": [told["average_precision"]["low"], told["average_precision"]["high"]],
        "threshold": told["threshold"],
    }


def campaigns(router: Router) -> dict[str, Any]:
    """Shanghai's letters as they came: B-cubed of those that stand in a campaign of two or more.

    A campaign is a group of near-copies. ``precision`` counts the letters of campaigns alone,
    ``precision_of_all`` every letter of the file; real matters go across groups, so that one is a lower bound.
    ``recall_alone`` is what each letter in a cluster of its own would have.
    """
    from model.duplicates.files import Settings, duplicates_file

    found = {}
    for part in ("train", "test"):
        source = real_letters() / "shanghai" / f"{part}.csv"
        groups = [row["group"] for row in read_rows(source)]
        with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
            target = Path(folder) / "clusters.csv"
            duplicates_file(
                router.folder,
                source,
                target,
                columns=parse_columns("created_at=asked"),
                settings=Settings(city="上海"),
                on_problem=_refuse,
            )
            clusters = [row["cluster"] for row in read_rows(target)]
        sizes = Counter(groups)
        chosen = [row for row, group in enumerate(groups) if sizes[group] > 1]
        told = [groups[row] for row in chosen]
        precision, recall, _ = b_cubed(told, [clusters[row] for row in chosen])
        found[part] = {
            "letters": len(chosen),
            "campaigns": len(set(told)),
            "precision": _round(precision),
            "precision_of_all": _round(b_cubed(groups, clusters)[0]),
            "recall": _round(recall),
            "recall_alone": _round(b_cubed(told, np.arange(len(told)))[1]),
        }
    return found


def places(router: Router) -> dict[str, Any]:  # noqa: ARG001 (places are found without a model)
    """The district of Shanghai's test letters, from title and content alone, where they name it."""
    finder = PlaceFinder(city="上海")
    right = []
    for row in read_rows(real_letters() / "shanghai" / "test.csv"):
        text = f"{row['title']}。{row['content']}"
        stem = row["district"].removesuffix("区").removesuffix("新")
        if stem and stem in text:
            right.append(finder.find(text).district == row["district"])
    low, high = wilson(sum(right), len(right))
    return {
        "letters": len(right),
        "accuracy": _round(np.mean(right)),
        "accuracy_95": [_round(low), _round(high)],
    }


def question(router: Router) -> dict[str, Any]:
    """Zhuhai's test letters: question or not, as the kind says it; the city tells no more than that."""
    rows = read_rows(real_letters() / "zhuhai" / "test.csv")
    asked = np.array([row["kind"] == "咨询" for row in rows])
    told = np.array([p.kind.code == "C" for p in router.predict(_tickets(rows), explain="none")])
    return {
        "letters": len(rows),
        "accuracy": _round((asked == told).mean()),
        "questions_recognised": _round(told[asked].mean()),
        "others_called_question": _round(told[~asked].mean()),
    }


def padding(router: Router) -> dict[str, Any]:
    """Short written letters with a polite phrase before or behind them: how often the department changes, on average
    over phrases of a few characters and over whole sentences. None is among those that training adds.
    """
    letters = _tickets(read_rows(WRITTEN / "letters.csv"))
    plain = [p.department.code for p in router.predict(letters, explain="none")]

    def changed(before: str, behind: str) -> float:
        padded = [replace(letter, content=before + letter.content + behind) for letter in letters]
        found = [p.department.code for p in router.predict(padded, explain="none")]
        return float(np.mean([one != other for one, other in zip(plain, found, strict=True)]))

    return {
        "letters": len(letters),
        "short": _round(np.mean([changed(*phrase) for phrase in _SHORT_COURTESIES])),
        "long": _round(np.mean([changed(*phrase) for phrase in _LONG_COURTESIES])),
    }


def files(router: Router) -> dict[str, Any]:
    """``fenbo predict`` over 5,000 of Shenzhen's letters, its start included: letters a second on all processors."""
    rows = read_rows(real_letters() / "shenzhen" / "train.csv")[:5_000]
    with tempfile.TemporaryDirectory(prefix="fenbo-") as folder:
        source, target = Path(folder) / "letters.jsonl", Path(folder) / "answers.jsonl"
        write_rows(source, ({"title": row["title"], "content": row["content"]} for row in rows), _LETTER)
        command = "from service.command import main; main()"
        start = time.perf_counter()
        subprocess.run(
            [
                sys.executable,
                "-c",
                command,
                "predict",
                "--bundle",
                str(router.folder),
                str(source),
                str(target),
            ],
            check=True,
            capture_output=True,
            cwd=ROOT,
        )
        seconds = time.perf_counter() - start
    return {
        "letters": len(rows),
        "processors": len(os.sched_getaffinity(0)),
        "letters_a_second": _round(len(rows) / seconds, 1),
    }


def scope(router: Router) -> dict[str, Any]:
    """Texts that are no request are sent to a person; real letters are not called so."""
    outside = router.predict(_tickets(read_rows(WRITTEN / "out_of_scope.csv")), explain="none")
    inside = router.predict(_tickets(read_rows(real_letters() / "shenzhen" / "dev.csv")), explain="none")
    codes = {"out_of_scope", "unfamiliar", "too_little_text"}
    return {
        "recognised": _round(np.mean([_has(p, codes) for p in outside])),
        "sent_to_a_person": _round(np.mean([p.decision.action != "auto" for p in outside])),
        "letters_called_so": _round(np.mean([_has(p, codes) for p in inside])),
    }


def two_requests(router: Router) -> dict[str, Any]:
    """Letters with two requests, and long ones with one."""
    rows = read_rows(WRITTEN / "two_requests.csv")
    predictions = router.predict(_tickets(rows), explain="none")
    double = [(row, p) for row, p in zip(rows, predictions, strict=True) if row["department_2"]]
    single = [p for row, p in zip(rows, predictions, strict=True) if not row["department_2"]]
    named = [
        {p.department.code, p.second_department.code if p.second_department else ""}
        == {row["department"], row["department_2"]}
        for row, p in double
    ]
    return {
        "recognised": _round(np.mean([p.second_department is not None for _, p in double])),
        "both_named": _round(np.mean(named)),
        "false_alarms": _round(np.mean([p.second_department is not None for p in single])),
    }


def evidence(router: Router) -> dict[str, Any]:
    """What deleting the evidence costs against deleting as much elsewhere, for both kinds of evidence."""
    rows = read_rows(real_letters() / "shenzhen" / "dev.csv")
    tickets = _tickets(rows)
    return {
        "lexical": faithfulness(router, tickets[::4], explain="lexical"),
        "occlusion": faithfulness(router, tickets[::16], explain="full"),
    }


def rewritten(router: Router) -> dict[str, Any]:
    """Share of letters whose department changes when only the writing does, and the accuracy that it costs."""
    letters = read_letters(
        real_letters() / "shenzhen" / "dev.csv",
        columns=parse_columns(_SHENZHEN),
        on_problem=lambda _: None,
        on_notice=lambda _: None,
    ).rows
    found = robustness(router, letters, sample=500, draws=100, on_rows=lambda _: None)
    return {
        entry["name"]: {"changed": entry["changed"]["value"], "lost": entry["lost"]["value"]}
        for entry in found
    }


def speed(router: Router) -> dict[str, Any]:
    """One letter of 72 characters at a time, in process: median and 95th percentile, milliseconds."""
    rows = read_rows(WRITTEN / "letters.csv")
    text = "".join(row["content"] for row in rows)
    letters = [Ticket(text[low : low + 72]) for low in range(0, 72 * 200, 72)]
    for letter in letters[:20]:
        router.predict([letter])
    times = []
    for letter in letters:
        start = time.perf_counter()
        router.predict([letter])
        times.append((time.perf_counter() - start) * 1000)
    return {
        "median_ms": _round(float(np.median(times)), 2),
        "p95_ms": _round(float(np.quantile(times, 0.95)), 2),
    }


def _refuse(problem: Problem) -> None:
    raise FenboError(f"row {problem.line}: {problem.reason}")


def _has(prediction: Prediction, codes: set[str]) -> bool:
    return any(reason.code in codes for reason in prediction.decision.reasons)


def _round(value: float | np.floating[Any], digits: int = 4) -> float:
    return round(float(value), digits)


_SHORT_COURTESIES = (
    ("您好！", ""),
    ("打扰了，", ""),
    ("尊敬的领导：您好！", ""),
    ("", "，麻烦尽快处理，谢谢！"),
    ("", "，盼复。"),
    ("", "，辛苦各位了！"),
)
_LONG_COURTESIES = (
    ("尊敬的市长，您好！在您百忙之中打扰实在抱歉，我是一名普通市民，想向您反映一件事。", ""),
    ("各位领导辛苦了，第一次在这里留言，说得不对的地方请多包涵。", ""),
    ("", "恳请领导抽空过问一下，给我们老百姓一个满意的答复，万分感谢，祝您身体健康、工作顺利！"),
    ("领导您好，冒昧来信。", "以上情况句句属实，盼望能早日得到回复，再次感谢您的耐心。"),
)
_LETTER: dict[str, type] = {"title": str, "content": str}
_SHENZHEN = "department=department_code,created_at=asked"

MEASURES: dict[str, Callable[[Router], dict[str, Any]]] = {
    "shenzhen_dev": lambda router: department(router, "shenzhen/dev.csv", _SHENZHEN),
    "shenzhen_test": lambda router: department(router, "shenzhen/test.csv", _SHENZHEN),
    "annotated_pairs": pairs,
    "annotated_dev": urgency_and_kind,
    "written_emergencies": written_emergencies,
    "campaigns": campaigns,
    "places": places,
    "scope": scope,
    "two_requests": two_requests,
    "evidence": evidence,
    "rewritten": rewritten,
    "padding": padding,
    "speed": speed,
    "files": files,
}

ELSEWHERE: dict[str, Callable[[Router], dict[str, Any]]] = {
    "province_test": lambda router: department(router, "tipdm/test.csv", "department=label"),
    "question": question,
    "zhuhai_test": lambda router: department(router, "zhuhai/test.csv", "created_at=asked"),
    "shanghai_test": lambda router: department(
        router, "shanghai/test.csv", "created_at=asked,department=func"
    ),
}
"""Of bundles that were trained on these cities' own letters: measured only when named, with ``--bundle``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the chosen measures as JSON, one a line."""
    parser = argparse.ArgumentParser(prog="python -m eval.benchmark", description=__doc__)
    parser.add_argument(
        "measures",
        nargs="*",
        choices=[*MEASURES, *ELSEWHERE, []],
        metavar="MEASURE",
        help=f"{', '.join(MEASURES)}; with a bundle of that city: {', '.join(ELSEWHERE)}",
    )
    parser.add_argument("--bundle", type=Path, default=STARTER)
    options = parser.parse_args(arguments)
    router = Router.from_pretrained(options.bundle)
    known = MEASURES | ELSEWHERE
    for name in options.measures or MEASURES:
        sys.stdout.write(json.dumps({name: known[name](router)}, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
