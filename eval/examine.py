"""From a bundle and labelled letters to an evaluation: leak check, answers, measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.answers import answer, latency
from eval.baselines import FILE as BASELINE
from eval.baselines import baselines
from eval.departments import routed
from eval.evaluate import Measured, Settings, Subject, evaluate
from eval.evaluation import Evaluation
from eval.leak import Leak, find_copies, refuse_many
from eval.letters import Letter, Letters
from eval.noise import label_noise
from eval.robustness import robustness
from eval.tickets import ScoredTicket
from model.fingerprints import FILE, KnownTexts, Labels

if TYPE_CHECKING:
    from model.router import Router


@dataclass(frozen=True, slots=True)
class Examined:
    """An evaluation, and the masked texts of its tickets by id, for local reports alone."""

    evaluation: Evaluation
    texts: dict[str, str]


def examine(
    router: Router,
    letters: Letters,
    *,
    settings: Settings,
    allow_leak: bool = False,
    perturbed: int = 0,
    command: str = "",
    pairs: Path | None = None,
    on_rows: Callable[[int], object],
    on_notice: Callable[[str], object],
) -> Examined:
    """Evaluate a bundle on labelled letters.

    Copies of training letters are left out, or counted where ``allow_leak``. Raises LeakError where they are
    above 1 % and not allowed, NothingToMeasure where there is nothing to measure by. ``perturbed`` letters
    are also written in other ways, to see whether the answer stays. ``pairs`` is a file of labelled pairs; without
    one, duplicates are measured where letters have a cluster. ``on_rows`` is told how many answers
    were given.
    """
    leak = leak_of(router, letters)
    if leak is None:
        on_notice(f"{router.name} carries no {FILE}: whether it was trained on these letters is not known")
    rows = without_copies(letters, [leak], allow_leak=allow_leak)
    facts = router.manifest.facts
    sizes = facts.get("department_counts")
    tickets, texts = answer(router, rows, sizes=sizes, on_rows=on_rows)
    lines = [letter.line for letter in letters.rows]
    measured = Measured(
        latency_ms=latency(router, rows),
        baselines=baselines(
            router.folder, router.taxonomy, router.codes, rows, tickets, counts=sizes, draws=settings.draws
        ),
        robustness=robustness(router, rows, sample=perturbed, draws=settings.draws, on_rows=on_rows),
        duplicates=_duplicates(router, rows, pairs, settings),
        leak=leak.as_json(lines, allowed=allow_leak) if leak else None,
        noise=_noise(tickets, router.codes, settings),
    )
    notes = [] if leak is not None else ["模型包没有带训练数据的指纹，无法检查这些工单是否训练过。"]
    if not (router.folder / BASELINE).is_file():
        notes.append("模型包没有带 TF-IDF + LinearSVC 基线，无从比较；用 python -m training.beside 补上。")
    subject = _subject(router, letters, command, notes)
    evaluation = evaluate(tickets, router.codes, subject=subject, settings=settings, measured=measured)
    return Examined(evaluation, texts)


def leak_of(router: Router, letters: Letters) -> Leak | None:
    """Which letters are copies of what the bundle was trained on; None where it carries no fingerprints."""
    file = router.folder / FILE
    if not file.is_file():
        return None
    labels = [_labels(letter) for letter in letters.rows]
    return find_copies([letter.text for letter in letters.rows], KnownTexts.load(file), labels=labels)


def _labels(letter: Letter) -> Labels:
    carried = Labels.DEPARTMENT if letter.department is not None else Labels.NONE
    carried |= Labels.URGENCY if letter.urgency is not None else Labels.NONE
    return carried | (Labels.KIND if letter.kind is not None else Labels.NONE)


def without_copies(letters: Letters, leaks: Sequence[Leak | None], *, allow_leak: bool) -> list[Letter]:
    """Letters that are copies of no bundle's training letters, or all where ``allow_leak``.

    Raises LeakError.
    """
    if allow_leak:
        return list(letters.rows)
    copies: set[int] = set()
    for leak in leaks:
        if leak is not None:
            refuse_many(leak, [letter.line for letter in letters.rows])
            copies |= leak.copies
    return [letter for row, letter in enumerate(letters.rows) if row not in copies]


def _noise(
    tickets: Sequence[ScoredTicket], codes: Sequence[str], settings: Settings
) -> dict[str, Any] | None:
    labelled = [ticket for ticket in tickets if ticket.true_department in codes]
    if not labelled:
        return None
    rows = routed(labelled, codes, draws=settings.draws)
    return label_noise(rows, [ticket.group for ticket in labelled])


def _duplicates(
    router: Router, letters: Sequence[Letter], pairs: Path | None, settings: Settings
) -> dict[str, Any] | None:
    if pairs is None and not any(letter.cluster for letter in letters):
        return None
    # Duplicates need what most evaluations do not: places, the index, the pair score.
    from eval.duplicates import clusters_part, pairs_part, read_pairs

    if pairs is None:
        return clusters_part(router, letters, draws=settings.draws)
    return pairs_part(router.folder, read_pairs(pairs), source=pairs.name, draws=settings.draws)


def _subject(router: Router, letters: Letters, command: str, notes: Sequence[str]) -> Subject:
    taxonomy, manifest = router.taxonomy, router.manifest
    names = {department.code: department.name for department in taxonomy.departments}
    names |= {level.code: level.name for level in taxonomy.urgency_levels}
    names |= {kind.code: kind.name for kind in taxonomy.kinds}
    return Subject(
        bundle=router.name,
        bundle_created=manifest.created,
        taxonomy=taxonomy.name,
        taxonomy_version=taxonomy.version,
        code=router.versions.code,
        data=letters.file.name,
        data_sha256=letters.sha256,
        rows_read=len(letters.rows) + letters.unreadable,
        rows_unreadable=letters.unreadable,
        evaluated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        command=command,
        names=names,
        notes=tuple(notes),
    )
