"""The result of an evaluation, and how it is kept: ``metrics.json`` and ``outcomes.jsonl``, without any
text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.tickets import Outcome
from model.errors import FenboError

FORMAT = "fenbo-metrics/1"
METRICS, OUTCOMES = "metrics.json", "outcomes.jsonl"
SCHEMA = Path(__file__).parent / "schema.json"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``metrics`` as in ``schema.json``; ``outcomes`` one per ticket, empty where they were not kept."""

    metrics: dict[str, Any]
    outcomes: tuple[Outcome, ...] = ()

    def save(self, folder: Path) -> None:
        """Write ``metrics.json`` and ``outcomes.jsonl`` into ``folder``, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.metrics, ensure_ascii=False, indent=1, allow_nan=False)
        (folder / METRICS).write_text(text + "\n", encoding="utf-8")
        lines = (json.dumps(asdict(outcome), ensure_ascii=False) for outcome in self.outcomes)
        (folder / OUTCOMES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def load(path: Path) -> Evaluation:
    """Read an evaluation from its folder or its ``metrics.json``. Raises FenboError where it is none."""
    file = path / METRICS if path.is_dir() else path
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FenboError(f"{path}: no {METRICS} here; give a folder that `fenbo eval --out` wrote") from error
    except (OSError, ValueError) as error:
        raise FenboError(f"{file}: cannot be read as JSON ({error}); run `fenbo eval` again") from error
    if not isinstance(metrics, dict) or metrics.get("format") != FORMAT:
        raise FenboError(f"{file}: not an evaluation of format {FORMAT}; run `fenbo eval` again")
    return Evaluation(metrics, tuple(_outcomes(file.with_name(OUTCOMES))))


def _outcomes(file: Path) -> Sequence[Outcome]:
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8") as lines:
        try:
            return [Outcome(**json.loads(line)) for line in lines]
        except (ValueError, TypeError) as error:
            raise FenboError(f"{file}: a line is not an outcome ({error}); run `fenbo eval` again") from error
