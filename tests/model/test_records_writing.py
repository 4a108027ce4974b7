"""What is written is read back the same, and a file is replaced only when the new one is whole."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.errors import MissingExtra
from model.records import COLUMNS, RecordsError, read_records, write_rows
from model.records.record import Record
from model.records.values import NOTHING

ENDINGS = ["csv", "jsonl", "ndjson", "parquet"]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
short = texts.map(str.strip)
labels = short.filter(lambda text: text and text.lower() not in NOTHING)
rows = st.fixed_dictionaries(
    {
        "ticket_id": short,
        "title": texts,
        "content": texts.filter(str.strip),
        "channel": short,
        "created_at": st.none()
        | st.datetimes(
            min_value=datetime(1990, 1, 1),
            max_value=datetime(2099, 1, 1),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]),
        ),
        "district": short,
        "address": short,
        "department": st.none() | labels,
        "urgency": st.none() | st.sampled_from(["emergency", "urgent", "normal", "low"]),
        "kind": st.none() | st.sampled_from(list("CHTJSO")),
        "cluster": st.none() | labels,
    }
)


def row_of(record: Record) -> dict[str, object]:
    ticket = record.ticket
    return {
        "ticket_id": ticket.ticket_id,
        "title": ticket.title,
        "content": ticket.content,
        "channel": ticket.channel,
        "created_at": ticket.created_at,
        "district": ticket.location.district,
        "address": ticket.location.address,
        "department": record.department,
        "urgency": record.urgency,
        "kind": record.kind,
        "cluster": record.cluster,
    }


@pytest.mark.parametrize("ending", ENDINGS)
@given(written=st.lists(rows, min_size=1, max_size=8))
@example(written=[dict.fromkeys(COLUMNS) | {"title": "", "content": "一行\r又一行", "ticket_id": "=1+1"}])
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back(ending: str, written: list[dict[str, object]]) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"letters.{ending}"
        assert write_rows(path, written, COLUMNS) == len(written)
        read = [row_of(record) for record in read_records(path, strict=True)]
    texts_as_read = [{name: "" if value is None and name in TEXTS else value for name, value in row.items()}
                     for row in written]  # fmt: skip
    assert read == texts_as_read


TEXTS = {"ticket_id", "title", "content", "channel", "district", "address"}


def test_csv_is_plain_utf_8_with_json_lists(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    row = {"ticket_id": "a,1", "department_top": [["住建局", 0.5]], "probability": 0.25, "kind": None}
    write_rows(path, [row], list(row))
    assert path.read_bytes() == (
        'ticket_id,department_top,probability,kind\n"a,1","[[""住建局"", 0.5]]",0.25,\n'.encode()
    )


def test_jsonl_keeps_lists_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_rows(path, [{"top": [["住建局", 0.5]], "p": 0.25}], ["p", "top", "kind"])
    assert json.loads(path.read_text(encoding="utf-8")) == {"p": 0.25, "top": [["住建局", 0.5]], "kind": None}


def test_parquet_types(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "out.parquet"
    fields = {"ticket_id": str, "probability": float, "rank": int}
    count = write_rows(
        path, ({"ticket_id": str(number), "rank": number or None} for number in range(10_000)), fields
    )
    table = parquet.read_table(path)
    assert count == table.num_rows == 10_000
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "int64"]
    assert table["ticket_id"].to_pylist() == [str(number) for number in range(10_000)]


def test_parquet_refuses_a_value_of_another_type(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(RecordsError, match="'probability' is double"):
        write_rows(tmp_path / "out.parquet", [{"probability": 0.5}, {"probability": "hoch"}], ["probability"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"out.{ending}"
    write_rows(path, [{"content": "旧的"}], ["content"])
    before = path.read_bytes()

    def failing() -> Iterator[dict[str, object]]:
        yield {"content": "新的"}
        raise RuntimeError("the model went away")

    with pytest.raises(RuntimeError, match="went away"):
        write_rows(path, failing(), ["content"])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_rows(path, [{"content": "旧的"}], ["content"])

    def looking() -> Iterator[dict[str, object]]:
        yield {"content": "新的"}
        assert "旧的" in path.read_text(encoding="utf-8")

    with path.open(encoding="utf-8") as reading:
        write_rows(path, looking(), ["content"])
        assert reading.read() == "content\n旧的\n"
    assert path.read_text(encoding="utf-8") == "content\n新的\n"


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "real.csv"
    target.write_text("content\n旧的\n", encoding="utf-8")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    write_rows(link, [{"content": "新的"}], ["content"])
    assert link.is_symlink()
    assert "新的" in target.read_text(encoding="utf-8")


def test_formulas_in_free_text_are_disarmed_in_csv_only_there(tmp_path: Path) -> None:
    dangerous = ['=HYPERLINK("http://x")', "+86 打不通", "-1", "@SUM(A1)", "\t=1", "普通的字"]
    source = [{"text": text, "score": -0.5, "ticket_id": text} for text in dangerous]
    path = tmp_path / "out.csv"
    write_rows(path, source, ["text", "score", "ticket_id"], text_fields=["text"])
    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["text"] for row in read] == [*("'" + text for text in dangerous[:-1]), dangerous[-1]]
    assert [row["score"] for row in read] == ["-0.5"] * 6
    assert [row["ticket_id"] for row in read] == dangerous
    lines = tmp_path / "out.jsonl"
    write_rows(lines, source, ["text", "score", "ticket_id"], text_fields=["text"])
    written = lines.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["text"] for line in written] == dangerous


@pytest.mark.parametrize(
    ("name", "says"),
    [("out.xlsx", "end it in .csv"), ("out", "end it in .csv"), ("nowhere/out.csv", "does not exist")],
)
def test_where_it_cannot_write(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(RecordsError, match=says):
        write_rows(tmp_path / name, [], ["content"])


def test_parquet_without_the_train_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="pyarrow is not installed"):
        write_rows(tmp_path / "out.parquet", [{"a": 1}], ["a"])


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(RecordsError, match="not a regular file"):
        write_rows(tmp_path / "out.csv", [], ["content"])


def test_a_field_that_nobody_announced(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="row 2 has the fields extra"):
        write_rows(tmp_path / "out.csv", [{"a": 1}, {"extra": 2}], ["a"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_no_rows_is_a_file_all_the_same(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"out.{ending}"
    assert write_rows(path, [], ["content"]) == 0
    assert path.is_file()
