"""Every format gives the same records, and whatever is wrong with a file is said."""

from __future__ import annotations

import json
import logging
import sys
import tracemalloc
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.calendar import SHANGHAI
from model.errors import FenboError, MissingExtra
from model.records import (
    EMPTY_LETTER,
    Problem,
    Record,
    RecordsError,
    UnreadableRowError,
    count_records,
    read_records,
    write_rows,
)

HEADER = "ticket_id,title,content,created_at,department,urgency,kind\n"
ROWS = (
    "a1,路灯不亮,南园路的路灯坏了三天，晚上很黑。,2024-03-05 20:15:00,住建局,3,H\n"
    'a2,"噪音,扰民","楼下工地夜里施工。\n第二行：请管一管。",2024/3/6 8:05,环境局,一般,投诉\n'
    "a3,,公积金怎么提取？,,,low,C\n"
)


def read(path: Path, **options: Any) -> tuple[list[Record], list[Problem], list[str]]:
    problems: list[Problem] = []
    notices: list[str] = []
    records = read_records(path, on_problem=problems.append, on_notice=notices.append, **options)
    return list(records), problems, notices


def written(folder: Path, text: str, *, name: str = "letters.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def objects() -> list[dict[str, object]]:
    return [
        {"ticket_id": "a1", "title": "路灯不亮", "content": "南园路的路灯坏了三天，晚上很黑。",
         "created_at": "2024-03-05 20:15:00", "department": "住建局", "urgency": "3", "kind": "H"},
        {"ticket_id": "a2", "title": "噪音,扰民", "content": "楼下工地夜里施工。\n第二行：请管一管。",
         "created_at": "2024/3/6 8:05", "department": "环境局", "urgency": "一般", "kind": "投诉"},
        {"ticket_id": "a3", "title": None, "content": "公积金怎么提取？",
         "created_at": None, "department": None, "urgency": "low", "kind": "C"},
    ]  # fmt: skip


def assert_the_three_letters(records: Iterable[Record]) -> None:
    first, second, third = records
    assert first.ticket.ticket_id == "a1"
    assert first.ticket.title == "路灯不亮"
    assert first.ticket.created_at == datetime(2024, 3, 5, 20, 15, tzinfo=SHANGHAI)
    assert (first.department, first.urgency, first.kind) == ("住建局", "urgent", "H")
    assert second.ticket.title == "噪音,扰民"
    assert second.ticket.content == "楼下工地夜里施工。\n第二行：请管一管。"
    assert second.ticket.created_at == datetime(2024, 3, 6, 8, 5, tzinfo=SHANGHAI)
    assert (second.department, second.urgency, second.kind) == ("环境局", "normal", "T")
    assert third.ticket.title == ""
    assert third.ticket.created_at is None
    assert (third.department, third.urgency, third.kind) == (None, "low", "C")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_csv_in_every_encoding(tmp_path: Path, encoding: str, line_end: str) -> None:
    text = (HEADER + ROWS).replace("\n", line_end)
    path = tmp_path / "letters.csv"
    path.write_bytes(text.encode(encoding))
    records, problems, notices = read(path)
    assert [record.line for record in records] == [2, 3, 5]
    if line_end == "\n":
        assert_the_three_letters(records)
    assert (problems, notices) == ([], [])
    assert count_records(path) == 3


def test_jsonl(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in objects())
    for name in ("letters.jsonl", "letters.ndjson", "letters.txt"):
        path = written(tmp_path, "\ufeff" + lines, name=name)
        records, problems, _ = read(path)
        assert_the_three_letters(records)
        assert [record.line for record in records] == [1, 2, 3]
        assert problems == []
        assert count_records(path) == 3


def test_jsonl_in_gb18030(tmp_path: Path) -> None:
    path = written(tmp_path, '{"content": "地铁站口积水严重"}\n', name="a.jsonl", encoding="gb18030")
    assert [record.ticket.content for record in read(path)[0]] == ["地铁站口积水严重"]


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "letters.parquet"
    parquet.write_table(arrow.Table.from_pylist(objects()), path)
    records, problems, _ = read(path)
    assert_the_three_letters(records)
    assert [record.line for record in records] == [1, 2, 3]
    assert problems == []
    assert count_records(path) == 3


def test_parquet_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "export.bin"
    parquet.write_table(arrow.Table.from_pylist(objects()), path)
    assert_the_three_letters(read(path)[0])


def test_parquet_times_and_numbers(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "letters.parquet"
    nanoseconds = arrow.array([1_700_000_000_123_456_789, None], arrow.timestamp("ns", "UTC"))
    table = arrow.table(
        {
            "content": ["井盖丢了", "谢谢你们"],
            "created_at": nanoseconds,
            "urgency": [4, 1],
            "ticket_id": [7.0, None],
        }
    )
    parquet.write_table(table, path)
    first, second = read(path)[0]
    assert first.ticket.created_at == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert (first.urgency, second.urgency) == ("emergency", "low")
    assert (first.ticket.ticket_id, second.ticket.ticket_id) == ("7", "")


def test_xlsx(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    names = list(objects()[0])
    book.active.append(names)
    for value in objects():
        book.active.append([value[name] for name in names])
    path = tmp_path / "letters.xlsx"
    book.save(path)
    records, problems, _ = read(path)
    assert_the_three_letters(records)
    assert [record.line for record in records] == [2, 3, 4]
    assert problems == []
    assert count_records(path) is None


def test_xlsx_dates_numbers_gaps_and_sheets(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["ticket_id", "content", "created_at", "urgency"])
    sheet.append([20240001, "垃圾没人清运", datetime(2024, 3, 5, 9, 30), 2])
    sheet["A5"], sheet["B5"], sheet["C5"] = 20240002, "人行道被占用", date(2024, 3, 6)
    sheet["G6"] = "写到表外"
    book.create_sheet("说明")
    path = tmp_path / "letters.xlsx"
    book.save(path)
    (first, second), problems, notices = read(path)
    assert (first.line, second.line) == (2, 5)
    assert (first.ticket.ticket_id, first.urgency) == ("20240001", "normal")
    assert first.ticket.created_at == datetime(2024, 3, 5, 9, 30, tzinfo=SHANGHAI)
    assert second.ticket.created_at == datetime(2024, 3, 6, tzinfo=SHANGHAI)
    assert [problem.line for problem in problems] == [6]
    assert any("说明" in notice for notice in notices)


def test_saved_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "saved"
    datasets.Dataset.from_list(objects()).save_to_disk(str(path))
    records, problems, _ = read(path)
    assert_the_three_letters(records)
    assert problems == []
    assert count_records(path) == 3


def test_saved_dataset_with_class_labels(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"content": datasets.Value("string"), "department": datasets.ClassLabel(names=["住建局", "教育局"])}
    )
    rows = {"content": ["学位申请何时开始", "电梯停运", "想问问"], "department": [1, 0, -1]}
    path = tmp_path / "saved"
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(path))
    assert [record.department for record in read(path)[0]] == ["教育局", "住建局", None]


def test_dataset_dict_is_refused_with_a_way_out(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(objects())
    path = tmp_path / "saved"
    datasets.DatasetDict({"train": data}).save_to_disk(str(path))
    with pytest.raises(RecordsError, match=r"DatasetDict.*train"):
        read_records(path)
    assert_the_three_letters(read(path / "train")[0])


# Columns


def test_foreign_names_are_mapped_and_the_rest_named_once(tmp_path: Path) -> None:
    text = "编号,正文,department,code,asked,备注\n1,路面塌陷了,城建局,ZJJ,2024-01-02,无\n"
    path = written(tmp_path, text)
    mapping = {"ticket_id": "编号", "content": "正文", "department": "code", "created_at": "asked"}
    (record,), _, notices = read(path, columns=mapping)
    assert (record.ticket.ticket_id, record.department) == ("1", "ZJJ")
    assert len(notices) == 1
    assert "department, 备注" in notices[0]


@pytest.mark.parametrize("name", ["letters.csv", "letters.jsonl"])
def test_a_mapped_name_that_the_file_lacks(tmp_path: Path, name: str) -> None:
    text = 'content\n"你好"\n' if name.endswith("csv") else '{"content": "你好"}\n'
    path = written(tmp_path, text, name=name)
    with pytest.raises(RecordsError, match=r"department=code.*no column 'code'.*content"):
        read_records(path, columns={"department": "code"})


def test_a_mapped_name_may_come_late_in_jsonl(tmp_path: Path) -> None:
    lines = ['{"content": "你好，请问"}'] * 500 + ['{"content": "你好，请问", "code": "ZJJ"}']
    path = written(tmp_path, "\n".join(lines), name="letters.jsonl")
    records = read(path, columns={"department": "code"})[0]
    assert [record.department for record in records] == [None] * 500 + ["ZJJ"]


def test_a_column_outside_the_contract(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    with pytest.raises(RecordsError, match=r"'dept'.*allowed: ticket_id, title, content"):
        read_records(path, columns={"dept": "department"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("letters.csv", "title,text\n你好,请问\n"),
        ("letters.jsonl", '{"title": "你好", "text": "请问"}\n'),
    ],
)
def test_no_content_column(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(RecordsError, match="no column 'content'; the file has: title, text"):
        read_records(written(tmp_path, text, name=name))


def test_the_same_name_twice_in_the_header(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="'content' stands in the header twice"):
        read_records(written(tmp_path, "content,content\n你,我\n"))


def test_another_separator_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="not separated by commas"):
        read_records(written(tmp_path, "title\tcontent\n你好\t请问\n"))


# Rows that cannot be read


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,标题,正文,2024-01-01,住建局,3\n", "6 fields where the header has 7"),
        ("x,标题,正文,2024-01-01,住建局,3,H,多余\n", "8 fields where the header has 7"),
        ("x,标题,正文,,住建局,很急,H\n", "urgency '很急'; allowed: emergency"),
        ("x,标题,正文,,住建局,5,H\n", "urgency '5'"),
        ("x,标题,正文,,住建局,3,K\n", "kind 'K'; allowed: C, H"),
        ("x,标题,正文,1709600000,住建局,3,H\n", "is no date"),
        ("x,标题,正文,2024-02-30,住建局,3,H\n", "is no date"),
        ("x,标题,正文,昨天,住建局,3,H\n", "created_at '昨天' is no date"),
        ("x,,  ,2024-01-01,住建局,3,H\n", EMPTY_LETTER),
        ("x,标题,正\0文,,住建局,3,H\n", "content holds a NUL byte"),
        ('x,标题,"他说"你好",很吵",,住建局,3,H\n', "not doubled"),
        (f"x,标题,{'长' * 400_000},,住建局,3,H\n", "1,200,006 bytes; at most 1,000,000"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_read(tmp_path: Path, row: str, reason: str) -> None:
    path = written(tmp_path, HEADER + ROWS + row + "a4,,最后一封也要读到。,,,,\n")
    records, problems, _ = read(path)
    assert_the_three_letters(records[:3])
    assert [record.ticket.ticket_id for record in records[3:]] == ["a4"]
    assert [problem.line for problem in problems] == [6]
    assert reason in problems[0].reason
    with pytest.raises(UnreadableRowError, match="line 6") as caught:
        list(read_records(path, strict=True))
    assert caught.value.problem == problems[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"content": "没有写完', "broken JSON"),
        ("[1, 2]", "a JSON array where an object is expected"),
        ('"你好"', "a JSON string where"),
        ('{"content": ["你好"]}', "content is a list"),
        ('{"content": true}', "content is a bool"),
        ('{"content": "\\ud83d 半个字符"}', "no character"),
        ('{"content": null}', EMPTY_LETTER),
        ('{"title": ""}', EMPTY_LETTER),
        ("[" * 100_000, "nested too deeply"),
        ('{"content": "' + "x" * 9_000_000 + '"}', "longer than 8,000,000 bytes"),
    ],
)
def test_a_bad_line_of_jsonl(tmp_path: Path, line: str, reason: str) -> None:
    good = '{"content": "好的一行"}'
    path = written(tmp_path, f"{good}\n\n{line}\n{good}\n", name="letters.jsonl")
    records, problems, _ = read(path)
    assert [record.line for record in records] == [1, 4]
    assert [problem.line for problem in problems] == [3]
    assert reason in problems[0].reason


def test_a_value_in_a_reason_is_masked(tmp_path: Path) -> None:
    path = written(tmp_path, "content,urgency\n请回电,13800138000\n")
    (problem,) = read(path)[1]
    assert "urgency" in problem.reason
    assert "13800138000" not in problem.reason


@pytest.mark.parametrize("closing", ["", "\n", "\nz9,正文,结尾\n"])
def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path, closing: str) -> None:
    rows = "".join(f"b{number},标题,正文{number}\n" for number in range(50))
    text = f'ticket_id,title,content\nb,好,"第一封\n分两行"\nx,"坏,正文\n{rows}'.rstrip("\n") + closing
    records, problems, _ = read(written(tmp_path, text))
    assert [problem.line for problem in problems] == [4]
    expected = ["b", *(f"b{number}" for number in range(50)), *(["z9"] if "z9" in closing else [])]
    assert [record.ticket.ticket_id for record in records] == expected
    assert [record.line for record in records[:3]] == [2, 5, 6]


def test_a_quote_never_closed_in_a_large_file(tmp_path: Path) -> None:
    rows = "".join(f"b{number},标题,{'正文' * 100}\n" for number in range(30_000))
    records, problems, _ = read(written(tmp_path, f'ticket_id,title,content\nx,"坏,正文\n{rows}'))
    assert [problem.line for problem in problems] == [2]
    assert len(records) == 30_000
    assert records[-1].line == 30_002


def test_one_line_of_five_megabytes(tmp_path: Path) -> None:
    text = f"ticket_id,content\n1,前面\n2,{'长' * 5_000_000}\n3,后面\n"
    records, problems, _ = read(written(tmp_path, text))
    assert [record.line for record in records] == [2, 4]
    assert [problem.line for problem in problems] == [3]


def test_a_letter_of_many_lines_and_quotes_keeps_them(tmp_path: Path) -> None:
    text = 'content,title\n"第一行\r\n他说""你好""，\n\n第四行",标题\n"下一封",x\n'
    records = read(written(tmp_path, text))[0]
    assert records[0].ticket.content == '第一行\r\n他说"你好"，\n\n第四行'
    assert [record.line for record in records] == [2, 6]


def test_broken_characters_cost_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    good = "1,小区停电了，什么时候恢复？\n".encode()
    path.write_bytes(b"ticket_id,content\n" + good + "2,半个字".encode()[:-1] + b"\n" + good)
    records, problems, _ = read(path)
    assert [record.line for record in records] == [2, 4]
    assert [problem.line for problem in problems] == [3]
    assert "no character in the file's encoding" in problems[0].reason


def test_without_a_listener_problems_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "content,kind\n你好,K\n再见,C\n")
    with caplog.at_level(logging.WARNING):
        assert len(list(read_records(path))) == 1
    assert "line 2" in caplog.text


def test_problems_come_in_their_place(tmp_path: Path) -> None:
    path = written(tmp_path, "content,kind\n一,C\n二,K\n三,C\n")
    problems: list[Problem] = []
    seen = [(record.line, len(problems)) for record in read_records(path, on_problem=problems.append)]
    assert seen == [(2, 0), (4, 1)]


# Files that cannot be read


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.jsonl", b"", "the file is empty"),
        ("a.csv", b"\n \n\n", "the file is empty"),
        ("a.csv", b"\xef\xbb\xbf", "the file is empty"),
        ("a.csv", bytes(range(256)) * 40, "binary"),
        ("a.csv", b"\x00\x01\x02", "binary"),
        ("a.csv", "content\n你好\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old or password-protected Excel"),
        ("a.csv", b"\x1f\x8b" + b"\0" * 600, "gzip"),
        ("a.xlsx", b"PK\x03\x04" + b"broken" * 99, "not a whole Excel workbook"),
        ("a.parquet", b"PAR1" + b"broken" * 99, "not a whole Parquet file"),
        ("a.parquet", b"content\n1\n", "not a whole Parquet file"),
        ("a.json", b'[{"content": "x"}]', "one object a line"),
        ("a.jsonl", b"content\nhello\n", "no line can be read"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordsError) as caught:
        read_records(path)
    message = str(caught.value)
    assert says in message
    assert name in message
    assert "\n" not in message


def test_header_only(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="no rows"):
        list(read_records(written(tmp_path, HEADER)))


def test_no_such_file_and_other_folders(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="no such file"):
        read_records(tmp_path / "nothing.csv")
    with pytest.raises(RecordsError, match=r"no saved datasets\.Dataset"):
        read_records(tmp_path)


def test_a_workbook_with_one_byte_changed_says_so(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["content"])
    for number in range(200):
        book.active.append([f"第{number}封：井盖丢了"])
    path = tmp_path / "export"
    book.save(path)
    assert len(read(path)[0]) == 200
    whole = path.read_bytes()
    for place in range(60, len(whole) - 60, len(whole) // 25):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(FenboError):
            records, problems, _ = read(path)
            assert len(records) + len(problems) == 200


def test_a_half_written_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "letters.parquet"
    parquet.write_table(arrow.Table.from_pylist(objects()), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordsError, match="not a whole Parquet file"):
        read_records(path)


@pytest.mark.parametrize(
    ("name", "data", "library"),
    [("a.parquet", b"PAR1", "pyarrow"), ("a.xlsx", b"PK\x03\x04", "openpyxl")],
)
def test_without_the_train_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(MissingExtra, match=rf"{library} is not installed; run: pip install 'fenbo\[train\]'"):
        read_records(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.xlsx", "a.parquet", "a"])
@given(data=st.binary(max_size=400) | st.text('\x00",\r\n{}:好a', max_size=60).map(str.encode))
@example(data="content\n路".encode("gb18030"))
@settings(deadline=None, max_examples=80)
def test_no_bytes_at_all_make_it_crash(name: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        for prefix in (b"", b"title,content\n", b"PAR1", b"PK\x03\x04", b"\xef\xbb\xbf"):
            path.write_bytes(prefix + data)
            with suppress(FenboError):
                count_records(path)
                read(path)


# Values


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2016-06-24", datetime(2016, 6, 24, tzinfo=SHANGHAI)),
        ("2017/5/31 09:59:23", datetime(2017, 5, 31, 9, 59, 23, tzinfo=SHANGHAI)),
        ("2017.5.31 9:59", datetime(2017, 5, 31, 9, 59, tzinfo=SHANGHAI)),
        ("20170531", datetime(2017, 5, 31, tzinfo=SHANGHAI)),
        ("20170531095923", datetime(2017, 5, 31, 9, 59, 23, tzinfo=SHANGHAI)),
        ("2017年5月31日", datetime(2017, 5, 31, tzinfo=SHANGHAI)),
        ("2017年5月31日 9时59分", datetime(2017, 5, 31, 9, 59, tzinfo=SHANGHAI)),
        ("2017年05月31日09:59:23", datetime(2017, 5, 31, 9, 59, 23, tzinfo=SHANGHAI)),
        ("2017/5/31 下午 3:20:00", datetime(2017, 5, 31, 15, 20, tzinfo=SHANGHAI)),
        ("2017/5/31 上午 12:20", datetime(2017, 5, 31, 0, 20, tzinfo=SHANGHAI)),
        ("2017-05-31T01:59:23Z", datetime(2017, 5, 31, 1, 59, 23, tzinfo=UTC)),
        ("2017-05-31T01:59:23.250+00:00", datetime(2017, 5, 31, 1, 59, 23, 250_000, tzinfo=UTC)),
        ("2017-05-31 01:59:23 -0530", datetime(2017, 5, 31, 7, 29, 23, tzinfo=UTC)),
        (" 2017-05-31 ", datetime(2017, 5, 31, tzinfo=SHANGHAI)),
    ],
)
def test_forms_of_a_time(tmp_path: Path, text: str, time: datetime) -> None:
    (record,), problems, _ = read(written(tmp_path, f"content,created_at\n你好,{text}\n"))
    assert record.ticket.created_at == time
    assert record.ticket.created_at.utcoffset() is not None
    assert problems == []


def test_a_time_without_zone_is_shanghais(tmp_path: Path) -> None:
    (record,), _, _ = read(written(tmp_path, "content,created_at\n你好,2024-01-01 07:00\n"))
    assert record.ticket.created_at is not None
    assert record.ticket.created_at.astimezone(UTC) == datetime(2023, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["1466726400", "1466726400000", "24/06/2016", "2016-13-01", "2016-6", "16-06-24", "2016-06-24 25:00",
     "2016/06-24", "2016-06-24T10:00+99:00", "2016-06-24 10:00+08:77", "20160624 1", "２０１６年"],
)  # fmt: skip
def test_what_is_no_time(tmp_path: Path, text: str) -> None:
    records, problems, _ = read(written(tmp_path, f"content,created_at\n你好,{text}\n"))
    assert records == []
    assert "created_at" in problems[0].reason


@pytest.mark.parametrize(
    ("code", "written_as"),
    [
        ("emergency", ("emergency", "4", "特急", "EMERGENCY", " 特急 ", "4.0")),
        ("urgent", ("urgent", "3", "加急")),
        ("normal", ("normal", "2", "一般")),
        ("low", ("low", "1", "不急")),
    ],
)
def test_urgency_names(tmp_path: Path, code: str, written_as: tuple[str, ...]) -> None:
    rows = "".join(f"你好,{value}\n" for value in written_as)
    records, problems, _ = read(written(tmp_path, f"content,urgency\n{rows}"))
    assert [record.urgency for record in records] == [code] * len(written_as)
    assert problems == []


def test_kind_names(tmp_path: Path) -> None:
    names = ("C", "H", "T", "J", "S", "O", "咨询", "求助", "投诉", "举报", "建议", "其他", "其它", "c")
    rows = "".join(f"你好,{name}\n" for name in names)
    records, _, _ = read(written(tmp_path, f"content,kind\n{rows}"))
    assert "".join(record.kind or "-" for record in records) == "CHTJSOCHTJSOOC"


def test_place_channel_and_cluster(tmp_path: Path) -> None:
    text = "content,channel,district,address,cluster\n楼道堆物,12345,福田区,南园路 6 号,k7\n"
    (record,), _, _ = read(written(tmp_path, text))
    assert (record.ticket.channel, record.cluster) == ("12345", "k7")
    assert (record.ticket.location.district, record.ticket.location.address) == ("福田区", "南园路 6 号")


def test_a_title_alone_is_a_letter(tmp_path: Path) -> None:
    (record,), problems, _ = read(written(tmp_path, "title,content\n求助：停水了,\n"))
    assert (record.ticket.title, record.ticket.content) == ("求助：停水了", "")
    assert problems == []


def test_a_citizens_words_are_left_as_they_are(tmp_path: Path) -> None:
    content = "  ＡＢＣ　繁體字 😀 <b>急</b>\t "
    (record,), _, _ = read(written(tmp_path, f"content\n{content}\n"))
    assert record.ticket.content == content


# Size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["letters.csv", "letters.jsonl", "letters.parquet"])
def test_memory_stays_flat(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    start = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=8)))

    def rows(count: int) -> Iterable[Mapping[str, object]]:
        for number in range(count):
            time = start + timedelta(minutes=number)
            yield {
                "ticket_id": str(number),
                "content": f"第{number}封：{'路灯坏了' * 20}",
                "created_at": time,
            }

    def peak(count: int) -> int:
        path = tmp_path / f"{count}-{name}"
        write_rows(path, rows(count), ["ticket_id", "content", "created_at"])
        tracemalloc.start()
        assert sum(1 for _ in read_records(path)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1000)
    assert peak(100_000) < peak(10_000) + 2_000_000


@pytest.mark.parametrize("word", ["NaN", "nan", "None", "NULL", "#N/A", "<NA>"])
def test_a_word_for_nothing_is_no_label(tmp_path: Path, word: str) -> None:
    """What a data frame writes for an empty cell would become a department of its own."""
    path = tmp_path / "letters.csv"
    path.write_text(
        f"content,department,urgency,kind,cluster\n路灯不亮,{word},{word},{word},{word}\n", encoding="utf-8"
    )
    (record,) = read_records(path)
    assert (record.department, record.urgency, record.kind, record.cluster) == (None, None, None, None)
    assert record.ticket.content == "路灯不亮"
