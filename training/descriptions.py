"""What is known of a department without any letter: its name, its matters, and the service catalogue."""

from __future__ import annotations

from model.records import parse_columns, read_records
from model.taxonomy import Taxonomy
from training.reading import crosswalk, real_letters

FEW = 10
"""Letters below which a department's description is added to what it is learnt from."""


def described(taxonomy: Taxonomy, code: str, *, catalogue: bool = True) -> list[str]:
    """Short texts that stand for a department: name with matters, each matter alone, catalogue entries if at hand."""
    department = taxonomy.department(code)
    texts = [taxonomy.description(code), department.name, *department.matters]
    path = real_letters() / "catalogue" / "guangdong_service_matters.csv"
    if catalogue and path.exists():
        parts = [part for part, codes in crosswalk("catalogue").items() if codes == [code]]
        columns = parse_columns("content=matter_name,department=DEPT_NAME")
        entries = read_records(path, columns=columns, on_problem=lambda _: None)
        texts.extend(
            entry.ticket.content
            for entry in entries
            if any(part in (entry.department or "") for part in parts)
        )
    return list(dict.fromkeys(texts))
