"""Reading: what is written is read back, and every bad file gives one error that says where."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.config import Source
from weitiao.data.read import FIELD_LIMIT, read
from weitiao.errors import DataError
from weitiao.types import Origin

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "gb18030")
in_a_folder = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A Chinese beginning, so that GB18030 text is never valid UTF-8 by chance; no characters without a meaning, by which
# text that is not GB18030 is known.
texts = st.text(
    st.characters(blacklist_categories=("Cs", "Co"), blacklist_characters="\x00"), max_size=20
).map(lambda text: "财" + text)
columns = st.lists(
    st.text("abc列名 _", min_size=1, max_size=5).map(lambda t: "名" + t), min_size=1, max_size=4, unique=True
)


@st.composite
def tables(draw: st.DrawFn, values: st.SearchStrategy[Any] = texts) -> list[dict[str, Any]]:
    names = draw(columns)
    return draw(st.lists(st.fixed_dictionaries({name: values for name in names}), min_size=1, max_size=5))


def rows_of(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [dict(record.fields) for record in read(Source(file=path.name, **options), root=path.parent)]


def fails(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rows_of(path, **options)
    return str(caught.value)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@in_a_folder
@given(rows=tables())
def test_csv_round_trip(tmp_path: Path, rows: list[dict[str, str]], encoding: str, suffix: str) -> None:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), dialect="excel" if suffix == ".csv" else "excel-tab")
    writer.writeheader()
    writer.writerows(rows)
    path = write(tmp_path / f"x{suffix}", stream.getvalue(), encoding)
    assert rows_of(path) == rows
    assert read(Source(file=path.name), root=tmp_path).encoding == encoding


json_values = st.one_of(st.none(), st.booleans(), st.integers(), texts, st.lists(st.integers(), max_size=2))


@pytest.mark.parametrize("encoding", ENCODINGS)
@in_a_folder
@given(rows=tables(json_values))
def test_json_round_trip(tmp_path: Path, rows: list[dict[str, Any]], encoding: str) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    array = json.dumps(rows, ensure_ascii=False, indent=1)
    assert rows_of(write(tmp_path / "x.jsonl", lines, encoding)) == rows
    assert rows_of(write(tmp_path / "x.json", array, encoding)) == rows
    if len(rows) > 1:  # one line alone is one object, which .json refuses
        assert rows_of(write(tmp_path / "lines.json", lines, encoding)) == rows


sheet_texts = st.text('甲乙 ab,"1\n', min_size=1, max_size=10).map(lambda text: "财" + text)


@in_a_folder
@given(
    rows=tables(st.one_of(sheet_texts, st.integers(-(10**9), 10**9), st.integers(1, 99).map(lambda k: k / 8)))
)
def test_xlsx_and_parquet_round_trip(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = workbook(tmp_path / "x.xlsx", 表=[list(rows[0]), *[[row[c] for c in rows[0]] for row in rows]])
    assert rows_of(path) == rows
    as_text = [{name: str(value) for name, value in row.items()} for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(as_text), tmp_path / "x.parquet")
    assert rows_of(tmp_path / "x.parquet") == as_text


def test_row_numbers_are_those_a_user_sees(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", 'a,b\n1,"two\nlines"\n\n3,4\n')
    lines = write(tmp_path / "l.jsonl", '{"a": 1}\n\n{"a": 2}\n')
    book = workbook(tmp_path / "b.xlsx", one=[["a"], [1], [None], [3]])
    origins = {
        path.name: [r.origin for r in read(Source(file=path.name), root=tmp_path)]
        for path in (table, lines, book)
    }
    assert [o.row for o in origins["t.csv"]] == [2, 5]
    assert [o.row for o in origins["l.jsonl"]] == [1, 3]
    assert origins["b.xlsx"] == [Origin("b.xlsx", 2, "one"), Origin("b.xlsx", 4, "one")]


def test_sheets_by_name_and_number(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", one=[["a"], [1]], two=[["a"], [2]])
    assert [rows_of(path, sheet=s) for s in (None, "two", 1)] == [[{"a": 1}], [{"a": 2}], [{"a": 2}]]
    assert 'no sheet "three"; sheets: "one", "two"' in fails(path, sheet="three")
    assert "no sheet number 2; there are 2" in fails(path, sheet=2)


def test_dates_are_iso(tmp_path: Path) -> None:
    import datetime as dt

    moments = [dt.datetime(2024, 5, 6), dt.datetime(2024, 5, 6, 7, 8), dt.time(9, 10)]
    path = workbook(tmp_path / "b.xlsx", one=[["a", "b", "c"], moments])
    assert list(rows_of(path)[0].values()) == ["2024-05-06", "2024-05-06T07:08:00", "09:10:00"]


def test_object_with_one_list(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", '{"version": 1, "data": [{"a": 1}]}')
    reading = read(Source(file="x.json"), root=tmp_path)
    assert [dict(r.fields) for r in reading] == [{"a": 1}]
    assert reading.items == "data"
    assert "several lists (a, b)" in fails(write(path, '{"a": [], "b": []}'))
    assert "without a list" in fails(write(path, '{"a": 1}'))


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"a": 1}\n{"a": 2}\nbroken\n')
    assert rows_of(path, limit=2) == [{"a": 1}, {"a": 2}]


def test_all_broken_lines_are_reported_at_once(tmp_path: Path) -> None:
    lines = [json.dumps({"a": k}) for k in range(1, 31)]
    lines[16] = '{"a": 17,, "b": 2}'
    lines[19] = "[1, 2]"
    lines[24] = '{"a": 1, "a": 2}'
    message = fails(write(tmp_path / "x.jsonl", "\n".join(lines)))
    assert "x.jsonl has 3 problems" in message
    assert "row 17: not JSON" in message
    assert "column 10" in message
    assert "row 20: expected an object {...}, got an array" in message
    assert 'row 25: field "a" occurs twice' in message


def test_only_twenty_problems_are_written_out(tmp_path: Path) -> None:
    message = fails(write(tmp_path / "x.jsonl", "broken\n" * 50))
    assert "50 problems" in message
    assert "... and 30 more" in message
    assert "row 21" not in message


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.json", '[{"a": 1},\n {"a": }]', "x.json: line 2: not JSON"),
        ("x.json", "[[1, 2], [3]]", "row 1: expected an object {...}, got an array"),
        ("x.json", "3", "expected an array of objects, got a number"),
        ("x.json", "[]", "no records"),
        ("x.json", "[" * 100_000, "nested too deeply"),
        ("x.json", '[{"a": "\\ud800"}]', 'row 1, column "a": half a surrogate pair'),
        ("x.jsonl", "\n\n", "no records"),
        ("x.jsonl", '[\n{"a": 1}]', "row 1: not JSON"),
        ("x.csv", "a,b\n", "no records"),
        ("x.csv", "a,b,a\n1,2,3\n", 'row 1: duplicate column names: "a" in columns 1, 3'),
        ("x.csv", "a,b\n1,2\n1,2,3\n1\n", "row 3: 3 cells, but the header has 2 columns"),
        ("x.csv", 'a,b\n1,"2\n', "row 2: unexpected end of data"),
        ("x.csv", "", "the file is empty"),
        ("x.doc", "a", "unknown file type '.doc'"),
        ("x.xls", "a", "save it as .xlsx"),
        ("x.xlsx", "no zip", "not a readable xlsx workbook"),
        ("x.parquet", "no parquet", "not a readable parquet file"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, text: str, expected: str) -> None:
    message = fails(write(tmp_path / name, text))
    assert expected in message
    assert message.startswith(name)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "questions.csv", "a\n1\n")
    (tmp_path / "folder.csv").mkdir()
    assert 'did you mean "questions.csv"?' in fails(tmp_path / "question.csv")
    assert "is a folder" in fails(tmp_path / "folder.csv")
    with pytest.raises(DataError, match="there is no folder"):
        read(Source(file="nowhere/x.csv"), root=tmp_path)


def test_options_that_do_not_apply_are_refused(tmp_path: Path) -> None:
    book = workbook(tmp_path / "b.xlsx", one=[["a"], [1]])
    assert "`encoding` is for text files" in fails(book, encoding="utf-8")
    assert "`sheet` is for xlsx" in fails(write(tmp_path / "x.csv", "a\n1\n"), sheet="one")


def test_bad_sheets(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "b.xlsx", empty=[], header=[["a"]], twice=[["a", "a"], [1, 2]], wide=[["a"], [1], [1, 2]]
    )
    assert fails(path, sheet="empty").startswith('b.xlsx, sheet "empty": no records')
    assert 'sheet "header": no records' in fails(path, sheet="header")
    assert 'sheet "twice", row 1: duplicate' in fails(path, sheet="twice").replace(": row", ", row")
    assert 'sheet "wide": row 3: a value in column 2' in fails(path, sheet="wide")


def test_damaged_sheet_inside_a_good_workbook(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", one=[["a"], *[[k] for k in range(50)]])
    bad = tmp_path / "bad.xlsx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            new.writestr(item, data[: len(data) // 2] if item.endswith("sheet1.xml") else data)
    assert 'bad.xlsx, sheet "one": the workbook is damaged after row' in fails(bad)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.xlsx"])
def test_a_giant_cell_is_named(tmp_path: Path, name: str) -> None:
    cell = "x" * (FIELD_LIMIT + 1)
    path = tmp_path / name
    if name.endswith(".xlsx"):
        # A workbook library refuses such a cell, so it is put into the XML.
        small = workbook(tmp_path / "small.xlsx", one=[["b"], [1], ["CELL"]])
        with zipfile.ZipFile(small) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for item in old.namelist():
                new.writestr(item, old.read(item).replace(b"CELL", cell.encode()))
    elif name.endswith("sv"):
        write(path, f"b\nok\n{cell}\n")
    else:
        rows = [{"b": "ok"}, {"b": "ok"}, {"b": cell}]
        inner = "\n".join(map(json.dumps, rows)) if name.endswith("l") else json.dumps(rows)
        write(path, inner)
    assert f'row 3, column "b": {FIELD_LIMIT + 1:,} characters in one field' in fails(path)


def test_50_megabytes_in_one_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "a,b\n1," + "x" * 50_000_000 + "\n2,ok\n")
    assert 'row 2, column "b": 50,000,000 characters' in fails(path)


def test_encodings_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("问题\n一\n".encode() + b"\xff\xfe\n")
    assert "not utf-8: the byte at offset 11 (line 3)" in fails(path, encoding="utf-8")
    assert "unknown encoding 'utf-99'" in fails(path, encoding="utf-99")
    assert "unknown encoding 'base64'" in fails(path, encoding="base64")
    write(path, "a\nテスト\n", "shift_jis")
    assert rows_of(path, encoding="shift_jis") == [{"a": "テスト"}]


TEXT = "编号,问题\n1,二零一九年的营业收入是多少？\n2,法定代表人是谁？\n"


def _decoded(data: bytes, encoding: str) -> tuple[str | None, int]:
    """The text (None where it does not decode), and the first byte that does not."""
    try:
        return data.decode(encoding), len(data)
    except UnicodeDecodeError as error:
        return None, error.start


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(20, 90))
def test_a_file_that_was_cut_off_is_never_read_as_something_else(
    tmp_path: Path, encoding: str, cut: int
) -> None:
    data = TEXT.encode(encoding)[:cut]
    text, place = _decoded(data, encoding)
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    if text is None:
        assert f"{encoding.upper()} but for some bytes, the first at offset {place}" in fails(path)
    else:
        assert data.decode(read(Source(file=path.name), root=tmp_path).encoding or "") == text


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_one_bad_byte_is_named_with_its_place(tmp_path: Path, encoding: str) -> None:
    data = TEXT.encode(encoding)
    path = tmp_path / "x.csv"
    place = data.index(b"\n2") + 1
    path.write_bytes(data[:place] + b"\xff" + data[place:])
    assert f"the first at offset {place}, line 3" in fails(path)


def test_a_few_characters_of_ones_own_are_no_sign_of_another_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", TEXT + "3,张\ue000和李\ue001\n", "gb18030")
    assert rows_of(path)[-1] == {"编号": "3", "问题": "张\ue000和李\ue001"}


def test_files_in_two_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    head, rest = "编号,问题\n".encode(), "1,二零一九年的营业收入是多少？\n".encode("gb18030") * 200
    path.write_bytes(head + rest)
    assert "UTF-8 but for some bytes, the first at offset" in fails(path)
    path.write_bytes(TEXT.encode() * 50 + rest)
    assert "put together from files in different encodings" in fails(path)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (
            "big5",
            "問題,類別\n年報裡的營業收入與淨利潤分別是多少元,財務\n請問這家公司的法定代表人是誰？,公司\n",
        ),
        ("shift_jis", "質問,答え\nこれはなんですか,テストです\n"),
        ("cp1252", "question,réponse\nOù est le café ?,à côté\n"),
    ],
)
def test_what_cannot_be_told_is_asked_for(tmp_path: Path, encoding: str, text: str) -> None:
    path = write(tmp_path / "x.csv", text, encoding)
    message = fails(path)
    assert "the encoding cannot be told" in message
    assert encoding in message
    assert list(rows_of(path, encoding=encoding)[0]) == text.splitlines()[0].split(",")


def test_real_files(shared: Path) -> None:
    data = shared / "data"
    counts = {
        "finance_keywords/keywords_train.json": 3725,
        "finance_classify/classify_train.json": 746,
        "exam_reading/训练集-英语.xlsx": 114,
        "clue_few/tnews/dev_0.json": 240,
        "paper_classify/xfg_testB.csv": 1502,
    }
    assert {file: sum(1 for _ in read(Source(file=file), root=data)) for file in counts} == counts


def test_real_rows_as_gb18030(shared: Path, tmp_path: Path) -> None:
    source = Source(file="finance_classify/classify_train.json")
    rows = [{k: str(v) for k, v in r.fields.items()} for r in read(source, root=shared / "data")]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write(tmp_path / "x.csv", stream.getvalue(), "gb18030")
    reading = read(Source(file="x.csv"), root=tmp_path)
    assert [dict(r.fields) for r in reading] == rows
    assert reading.encoding == "gb18030"
