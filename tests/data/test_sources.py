"""Files as users have them: merged headers, several sheets and files, nested JSON, any delimiter and encoding."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.config import DataConfig, Recipe, Source
from weitiao.data import prepare
from weitiao.data.check import check, material_of
from weitiao.data.header import Merge, find_header, joined_names, letters
from weitiao.data.problems import Problems
from weitiao.data.read import Reading, read
from weitiao.data.read_path import parse_path, records_at, value_at
from weitiao.data.sources import expand, expand_data
from weitiao.data.template import FieldError, compile_expression
from weitiao.errors import DataError


def opened(path: Path, /, **options: Any) -> Reading:
    return read(Source(file=path.name, **options), root=path.parent)


def rows_of(path: Path, /, **options: Any) -> list[dict[str, Any]]:
    return [dict(record.fields) for record in opened(path, **options)]


def fails(path: Path, /, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rows_of(path, **options)
    return str(caught.value)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def sheet(
    path: Path, rows: list[list[Any]], merges: tuple[str, ...] = (), hidden: tuple[int, ...] = ()
) -> Path:
    book = openpyxl.Workbook()
    page: Any = book.active
    page.title = "表"
    for row in rows:
        page.append(row)
    for merge in merges:
        page.merge_cells(merge)
    for number in hidden:
        page.row_dimensions[number].hidden = True
    book.save(path)
    return path


GROUPS = [
    ["公司", "财务", None, "人员"],
    [None, "收入", "利润", None],
    ["华远", 3, 1, 20],
    ["天泰", 5, 2, 30],
]
GROUP_MERGES = ("A1:A2", "B1:C1", "D1:D2")
GROUPED = [
    {"公司": "华远", "财务/收入": 3, "财务/利润": 1, "人员": 20},
    {"公司": "天泰", "财务/收入": 5, "财务/利润": 2, "人员": 30},
]


# --- headers -------------------------------------------------------------------------------------------


def test_merged_header_is_found_out(tmp_path: Path) -> None:
    path = sheet(tmp_path / "b.xlsx", GROUPS, GROUP_MERGES)
    reading = opened(path)
    assert [dict(r.fields) for r in reading] == GROUPED
    assert reading.header == (1, 2)
    assert "rows 1 to 2" in " ".join(reading.notes)
    assert [r.origin.row for r in opened(path)] == [3, 4]


def test_title_above_a_merged_header(tmp_path: Path) -> None:
    rows = [["2023年年报", None, None, None], *GROUPS]
    merges = ("A1:D1", "A2:A3", "B2:C2", "D2:D3")
    reading = opened(sheet(tmp_path / "b.xlsx", rows, merges))
    assert [dict(r.fields) for r in reading] == GROUPED
    assert reading.header == (2, 3)


def test_three_header_rows(tmp_path: Path) -> None:
    rows = [
        ["公司", "财务", None, None],
        [None, "利润表", None, "其他"],
        [None, "收入", "利润", None],
        ["a", 1, 2, 3],
    ]
    path = sheet(tmp_path / "b.xlsx", rows, ("A1:A3", "B1:D1", "B2:C2", "D2:D3"))
    assert rows_of(path) == [{"公司": "a", "财务/利润表/收入": 1, "财务/利润表/利润": 2, "财务/其他": 3}]


@pytest.mark.parametrize(
    ("rows", "merges", "expected"),
    [
        ([["问答"], ["问", "答"], ["a", "b"]], (), "row 1 has one value, row 2 has 2"),
        (
            [["公司", "财务", None], ["华远", 3, 1]],
            ("B1:C1",),
            "row 2 below them has a value in column A too",
        ),
        ([[None, "财务", None, None], [None, 3, 1, None]], ("B1:C1",), "row 1 has one value, row 2 has 2"),
        (
            [["公司", "财务", None], [None, 3, 1]],
            ("B1:C1",),
            "row 2 below them has 3 in column B, which is no name",
        ),
    ],
)
def test_an_unsure_header_is_asked_for(
    tmp_path: Path, rows: list[list[Any]], merges: tuple[str, ...], expected: str
) -> None:
    message = fails(sheet(tmp_path / "b.xlsx", rows, merges))
    assert message.startswith('b.xlsx, sheet "表": which rows hold the column names?')
    assert expected in message
    assert "header: " in message


def test_header_that_is_given(tmp_path: Path) -> None:
    path = sheet(tmp_path / "b.xlsx", [["问答"], ["问", "答"], ["a", "b"]])
    assert rows_of(path, header=2) == [{"问": "a", "答": "b"}]
    plain = sheet(tmp_path / "c.xlsx", [["x", "y"], ["问", "答"], ["a", "b"]])
    assert rows_of(plain, header=[1, 2]) == [{"x/问": "a", "y/答": "b"}]
    merged = sheet(tmp_path / "d.xlsx", [["公司", "财务", None], ["华远", 3, 1]], ("B1:C1",))
    assert rows_of(merged, header=1) == [{"公司": "华远", "财务": 3, "column_3": 1}]
    assert "row 9, where the source says" in fails(path, header=9)
    table = write(tmp_path / "t.csv", "导出,\n问,答\na,b\n")
    assert rows_of(table, header=2) == [{"问": "a", "答": "b"}]
    assert rows_of(table, header=[1, 2]) == [{"导出/问": "a", "答": "b"}]
    assert "`header` is for csv, tsv and xlsx" in fails(write(tmp_path / "x.jsonl", '{"a": 1}'), header=2)


@pytest.mark.parametrize("header", [0, [], [1, 3], [3, 2]])
def test_header_that_is_no_row(header: Any) -> None:
    with pytest.raises(ValueError, match="`header` is the number of a row"):
        Source(file="x.xlsx", header=header)


@given(
    widths=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    start=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_groups_of_any_width(widths: list[int], start: int) -> None:
    """The law: a group of w > 1 columns is a merge above w names, one of 1 column is merged downwards."""
    top: list[Any] = []
    below: list[Any] = []
    merges: list[Merge] = []
    expected: list[str] = []
    for number, width in enumerate(widths):
        left = len(top) + 1
        if width == 1:
            top.append(f"g{number}")
            below.append(None)
            merges.append(Merge(start, left, start + 1, left))
            expected.append(f"g{number}")
        else:
            top += [f"g{number}", *[None] * (width - 1)]
            below += [f"n{k}" for k in range(width)]
            merges.append(Merge(start, left, start, left + width - 1))
            expected += [f"g{number}/n{k}" for k in range(width)]
    rows = {start: top, start + 1: below, start + 2: list(range(len(top)))}
    if sum(value is not None for value in top) > 1:  # else it could be a title
        numbers = find_header(rows, merges, "x")
        assert numbers == (start, start + 1)
    assert joined_names(rows, (start, start + 1), merges) == expected


def test_columns_have_letters() -> None:
    assert [letters(n) for n in (1, 26, 27, 702, 703)] == ["A", "Z", "AA", "ZZ", "AAA"]


# --- cells ---------------------------------------------------------------------------------------------


def test_merged_cells_carry_their_value_down(tmp_path: Path) -> None:
    rows = [
        ["公司", "问", "答"],
        ["华远", "q1", "a1"],
        [None, "q2", "a2"],
        [None, None, None],
        ["天泰", "q3", "a3"],
    ]
    path = sheet(tmp_path / "b.xlsx", rows, ("A2:A4",))
    reading = opened(path)
    assert [r.fields["公司"] for r in reading] == ["华远", "华远", "天泰"]
    assert any("A2:A4" in note for note in reading.notes)
    assert [row["公司"] for row in rows_of(path, merged="first")] == ["华远", None, "天泰"]


def test_a_merged_note_is_not_spread_over_the_columns(tmp_path: Path) -> None:
    path = sheet(tmp_path / "b.xlsx", [["问", "答"], ["q", "a"], ["注：仅供参考", None]], ("A3:B3",))
    assert rows_of(path)[1] == {"问": "注：仅供参考", "答": None}


def test_hidden_rows_and_other_sheets_are_noted(tmp_path: Path) -> None:
    path = sheet(tmp_path / "b.xlsx", [["a"], [1], [2]], hidden=(3,))
    book = openpyxl.load_workbook(path)
    book.create_sheet("别的").append(["a"])
    book.save(path)
    reading = opened(path)
    assert [r.fields["a"] for r in reading] == [1, 2]
    assert [note for note in reading.notes if "hidden rows" in note and "3" in note]
    assert [note for note in reading.notes if 'not read: "别的"' in note]


def test_formulas_without_a_value_are_one_problem(tmp_path: Path) -> None:
    path = sheet(tmp_path / "b.xlsx", [["a", "b"], [1, "=A2*2"], [2, "=A3*2"]])
    message = fails(path)
    assert "formulas without a stored value: B2, B3" in message
    assert "save it (that stores the values)" in message


def test_texts_dates_and_empty_columns(tmp_path: Path) -> None:
    import datetime as dt

    rows = [[None, "代码", None, "日期", "份额"], [None, "000123", None, dt.date(2024, 5, 6), 0.25]]
    assert rows_of(sheet(tmp_path / "b.xlsx", rows)) == [
        {"column_1": None, "代码": "000123", "column_3": None, "日期": "2024-05-06", "份额": 0.25}
    ]


# --- several files and sheets --------------------------------------------------------------------------


def test_a_pattern_names_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "~$a.csv", "x[1].csv"):
        write(tmp_path / name, "a\n1\n")
    assert [s.file for s in expand(Source(file="*.csv", limit=2), tmp_path)] == ["a.csv", "b.csv", "x[1].csv"]
    assert {s.limit for s in expand(Source(file="*.csv", limit=2), tmp_path)} == {2}
    assert [s.file for s in expand(Source(file="x[1].csv"), tmp_path)] == ["x[1].csv"]
    with pytest.raises(DataError, match=r"\*\.xlsx: no file fits this pattern; in its folder are"):
        expand(Source(file="*.xlsx"), tmp_path)


def test_a_column_that_a_sheet_lacks_is_said_with_the_sheet(tmp_path: Path) -> None:
    sheet(tmp_path / "b.xlsx", [["问", "答"], ["q", "a"]])
    sources = (Source(file="b.xlsx", sheet="表", response="答案"),)
    data = DataConfig.model_validate(
        {"sources": sources, "prompt": "问", "steps": [{"kind": "balance", "method": "up", "by": "类"}]}
    )
    with pytest.raises(DataError, match=r'b\.xlsx, sheet "表" has 2 problems') as caught:
        prepare(Recipe(data=data), root=tmp_path)
    assert 'data.steps: "类" is no column; columns: 问, 答' in str(caught.value)


def test_all_sheets_need_the_same_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page: Any = book.active
    page.title = "一"
    for title, rows in (
        ("二", [["答", "问"], ["a2", "q2"]]),
        ("空", []),
        ("三", [["问", "备注"], ["q3", "n"]]),
    ):
        other = book.create_sheet(title)
        for row in rows:
            other.append(row)
    for row in (["问", "答"], ["q1", "a1"]):
        page.append(row)
    book.save(tmp_path / "b.xlsx")
    data = DataConfig(sources=(Source(file="b.xlsx", sheet="*"),))
    with pytest.raises(DataError, match='sheet "三" lacks 答 and has 备注 instead'):
        expand_data(data, tmp_path)
    del book["三"]
    book.save(tmp_path / "b.xlsx")
    sources = expand_data(data, tmp_path).sources
    assert [s.sheet for s in sources] == ["一", "二"]
    assert [dict(r.fields) for s in sources for r in read(s, root=tmp_path)] == [
        {"问": "q1", "答": "a1"},
        {"答": "a2", "问": "q2"},
    ]


def test_a_recipe_over_all_of_it(tmp_path: Path) -> None:
    """Two workbooks with merged headers, all sheets, and nested JSON; the card lists each with its notes."""
    for name in ("a.xlsx", "b.xlsx"):
        body = [[f"{name}{value}" for value in row] for row in GROUPS[2:]]
        sheet(tmp_path / name, [*GROUPS[:2], *body], GROUP_MERGES)
    write(tmp_path / "s.json", json.dumps(SQUAD))
    squad: dict[str, Any] = {"prompt": "{{ parent.title }} {{ context }}", "response": "qas[0].q"}
    data = DataConfig(
        sources=(
            Source(file="*.xlsx", sheet="*", prompt="{{ row['公司'] }}", response="财务/收入"),
            Source(file="s.json", path="data[*].paragraphs[*]", **squad),
        )
    )
    dataset = prepare(Recipe(data=data), root=tmp_path)
    listed = [(entry["file"], entry["sheet"], entry["rows"]) for entry in dataset.card["sources"]]
    assert listed == [("a.xlsx", "表", 2), ("b.xlsx", "表", 2), ("s.json", None, 2)]
    assert "rows 1 to 2" in dataset.card["sources"][0]["notes"][0]
    assert dataset.card["sources"][2]["path"] == "data[*].paragraphs[*]"
    replies = {e.reference for part in (dataset.train, dataset.dev, dataset.test) for e in part}
    assert replies == {"a.xlsx3", "a.xlsx5", "b.xlsx3", "b.xlsx5", "q1", "q3"}
    (finding,) = (f for f in check(material_of(data, root=tmp_path)) if f.code == "reading")
    assert finding.count == 2


# --- nested JSON ---------------------------------------------------------------------------------------

SQUAD = {
    "version": 1,
    "data": [
        {
            "title": "t1",
            "paragraphs": [
                {
                    "context": "c1",
                    "qas": [{"q": "q1", "answers": [{"text": "a1"}]}, {"q": "q2", "answers": []}],
                },
                {"context": "c2", "qas": [{"q": "q3", "answers": [{"text": "a3"}]}]},
            ],
        }
    ],
}


def test_records_know_what_their_containers_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", json.dumps(SQUAD))
    rows = rows_of(path, path="data[*].paragraphs[*].qas[*]")
    assert [row["q"] for row in rows] == ["q1", "q2", "q3"]
    assert [row["parent"]["context"] for row in rows] == ["c1", "c1", "c2"]
    assert {row["parent"]["parent"]["title"] for row in rows} == {"t1"}
    assert "qas" not in rows[0]["parent"]
    text = compile_expression("answers[0].text", name="response", columns=list(rows[0])).text_of
    assert text(rows[0]) == "a1"
    with pytest.raises(FieldError, match="answers has 0 items, there is no"):
        text(rows[1])
    template = compile_expression("{{ parent.context }}: {{ q }}", name="prompt", columns=list(rows[0]))
    assert template.text_of(rows[2]) == "c2: q3"
    lines = write(tmp_path / "x.jsonl", json.dumps(SQUAD["data"][0]) + "\n")  # type: ignore[index]
    assert [r["q"] for r in rows_of(lines, path="paragraphs[*].qas")] == ["q1", "q2", "q3"]


def test_lists_and_objects_as_containers() -> None:
    problems = Problems("x.json")
    c3 = [[["line"], [{"question": "q1"}, {"question": "q2"}], "id"]]
    steps = parse_path("[*][1][*]")
    assert steps is not None
    rows = list(records_at(c3, steps, problems))
    assert rows[1] == {"question": "q2", "parent": {"0": ["line"], "2": "id"}}
    by_name = list(records_at({"r": {"x": {"a": 1}, "y": {"a": 2}}}, ("r", "*"), problems))
    assert by_name == [{"a": 1, "key": "x"}, {"a": 2, "key": "y"}]
    assert list(records_at({"t": ["甲", "乙"]}, ("t",), problems)) == [{"value": "甲"}, {"value": "乙"}]
    assert not problems


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("date[*]", 'the document has no "date"; it has version, data; did you mean "data"?'),
        (
            "data[*].paragraph[*]",
            'data[0] has no "paragraph"; it has title, paragraphs; did you mean "paragraphs"?',
        ),
        ("data[3]", "data has 1 items, there is no [3]"),
        ("data.title", 'data is an array of 1, which has no "title"'),
        ("version[*]", "version: `*` needs an array or an object, got a number"),
        ("data..x", "`path` 'data..x' is no path"),
    ],
)
def test_paths_that_do_not_exist(tmp_path: Path, path: str, expected: str) -> None:
    assert expected in fails(write(tmp_path / "x.json", json.dumps(SQUAD)), path=path)


def test_every_place_without_the_path_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"a": [{"b": 1}]}\n{"c": 1}\n{"a": 2}\n')
    message = fails(path, path="a[*]")
    assert "x.jsonl has 2 problems" in message
    assert 'row 2 has no "a"; it has c' in message
    assert "row 3.a: `*` needs an array" in message


@given(
    st.recursive(
        st.integers(),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
        max_leaves=8,
    )
)
def test_a_path_finds_what_indexing_finds(tree: Any) -> None:
    def leaves(value: Any, path: tuple[str, ...]) -> Any:
        if not isinstance(value, dict):
            yield path, value
            return
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))

    for path, leaf in leaves({"root": tree}, ()):
        steps = parse_path(".".join(path))
        assert steps is not None
        assert steps == path
        assert value_at({"root": tree}, steps) == leaf


def test_dotted_columns() -> None:
    columns = ["answer", "turns", "a.b"]
    fields = {"answer": {"text": "好", "items": "条", "none": None}, "turns": [{"value": 3.0}], "a.b": "own"}

    def text(spec: str) -> str:
        return compile_expression(spec, name="prompt", columns=columns).text_of(fields)

    assert [text(s) for s in ("answer.text", "turns[0].value", "a.b", "answer.none")] == [
        "好",
        "3",
        "own",
        "",
    ]
    assert text("{{ answer.items }}") == "条", "the field, not the method of dict"
    with pytest.raises(
        FieldError, match='answer has no "txt"; it has text, items, none; did you mean "text"'
    ):
        text("answer.txt")
    with pytest.raises(FieldError, match="no column and no template"):
        text("reply.text")


# --- text files ----------------------------------------------------------------------------------------

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030")
TABLE = [{"问": "营业收入, 多少？", "答": "3；4"}, {"问": 'say "a"\nb', "答": "乙|丙"}]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_in_any_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    import csv
    import io

    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["问", "答"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(TABLE)
    path = write(tmp_path / "x.csv", stream.getvalue(), encoding)
    assert rows_of(path) == TABLE
    assert rows_of(path, encoding=encoding, delimiter=delimiter) == TABLE
    jsonl = write(
        tmp_path / "x.jsonl", "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in TABLE), encoding
    )
    assert rows_of(jsonl) == TABLE
    assert rows_of(write(tmp_path / "x.json", json.dumps(TABLE, ensure_ascii=False), encoding)) == TABLE


def test_a_stated_encoding_takes_the_mark_off(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "问,答\na,b\n", "utf-8-sig")
    assert rows_of(path, encoding="utf-8") == [{"问": "a", "答": "b"}]


def test_the_comma_wins_where_it_fits(tmp_path: Path) -> None:
    assert rows_of(write(tmp_path / "x.csv", "a;b,c\n1;2,3\n")) == [{"a;b": "1;2", "c": "3"}]
    assert rows_of(write(tmp_path / "x.csv", "a\n1;2\n")) == [{"a": "1;2"}]
    assert rows_of(write(tmp_path / "x.csv", 'sep=;\r\na;b\r\n"1,0";2\r\n')) == [{"a": "1,0", "b": "2"}]


def test_ragged_rows_and_stray_marks_are_all_listed(tmp_path: Path) -> None:
    text = 'a;b\n1;2\n3\n4;5;6\n7;8\n"9"x;1\n1;\x00\n'
    message = fails(write(tmp_path / "x.csv", text))
    assert "x.csv has 4 problems" in message
    for part in ("row 3: 1 cells", "row 4: 3 cells", "row 6: ';' expected after", 'row 7, column "b": a NUL'):
        assert part in message


def test_a_stray_nul_does_not_make_utf_16(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"a": "' + "财" * 300 + '"}\n')
    path.write_bytes(path.read_bytes().replace("财".encode(), b"\x00", 1))
    assert opened(path).encoding == "utf-8"


def test_a_blank_line_among_the_header_rows_takes_no_record(tmp_path: Path) -> None:
    blank = write(tmp_path / "x.csv", "组,甲\n\nq1,a1\nq2,a2\n")
    assert [r.origin.row for r in opened(blank, header=(1, 2))] == [3, 4]
    quoted = write(tmp_path / "y.csv", '组,"两\n行"\nq1,a1\n')
    assert rows_of(quoted, header=(1, 2)) == [{"组": "q1", "两\n行": "a1"}]


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("text", ["第一,一一一\n" * 3, "　一" * 20 + ",a\n", "问" * 500 + ",答\n甲,乙\n"])
def test_utf_16_without_a_mark_is_told_from_its_line_ends(tmp_path: Path, encoding: str, text: str) -> None:
    path = write(tmp_path / "x.csv", "问,答\n" + text, encoding)
    assert rows_of(path)[0] == dict(zip(("问", "答"), text.split("\n")[0].split(","), strict=True))


def test_an_encoding_that_was_guessed_is_noted(tmp_path: Path) -> None:
    def notes(encoding: str, /, **options: Any) -> tuple[str, ...]:
        reading = opened(write(tmp_path / "x.csv", "问,答\na,b\n", encoding), **options)
        assert list(reading)
        return reading.notes

    assert notes("gb18030") == ("it is no UTF-8 and says nothing of its encoding: read as gb18030",)
    assert notes("gb18030", encoding="gb18030") == notes("utf-8") == notes("utf-16") == ()


def test_hours_over_a_day_are_written_as_the_workbook_shows_them(tmp_path: Path) -> None:
    rows = [["时"], [datetime.timedelta(hours=30, minutes=5)], [datetime.timedelta(seconds=7.5)]]
    assert rows_of(sheet(tmp_path / "x.xlsx", rows)) == [{"时": "30:05:00"}, {"时": "0:00:07.500000"}]


def test_what_to_do_about_a_second_table_and_about_arrays(tmp_path: Path) -> None:
    rows = [["问", "答"], ["q", "a"], [], ["姓名", "年龄", "城市"], ["n", 1, "x"]]
    assert "a sheet of its own" in fails(sheet(tmp_path / "x.xlsx", rows))
    (tmp_path / "x.json").write_text('[[["text"], [{"q": 1}]]]', "utf-8")
    assert "`path: [*][1][*]`" in fails(tmp_path / "x.json")
    (tmp_path / "y.json").write_text('{"r1": {"q": 1}, "r2": {"q": 2}}', "utf-8")
    assert '`path: "*"`' in fails(tmp_path / "y.json")
    assert [row["key"] for row in rows_of(tmp_path / "y.json", path="*")] == ["r1", "r2"]


def test_a_field_that_occurs_twice_is_shown_with_its_object(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id": 7, "a": 2, "a": 3}]', "utf-8")
    assert 'field "a" occurs twice in one object: {"id": 7, "a": 2, "a": 3}' in fails(tmp_path / "x.json")


def test_what_may_be_missing_is_passed_over_and_counted(tmp_path: Path) -> None:
    found: list[Any] = [
        {"name": "甲", "orders": [{"no": 1}, {"no": 2}]},
        {"name": "乙"},
        {"name": "丙", "orders": None},
        {"name": "丁", "orders": []},
    ]
    path = write(tmp_path / "a.json", json.dumps({"data": found}))
    assert "orders?" in fails(path, path="data[*].orders[*]")
    reading = opened(path, path="data[*].orders?[*]")
    rows = [dict(record.fields) for record in reading]
    assert [(row["no"], row["parent"]["name"]) for row in rows] == [(1, "甲"), (2, "甲")]
    assert reading.notes == ('2 objects without "orders" were passed over',)
    lines = write(tmp_path / "a.jsonl", "".join(json.dumps(one) + "\n" for one in found))
    again = opened(lines, path="orders?[*]")
    assert [record.fields["no"] for record in again] == [1, 2]
    assert again.notes == reading.notes


def test_a_question_mark_may_belong_to_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"ok?": [{"q": 1}]}))
    assert rows_of(path, path="ok?[*]") == [{"q": 1}]


def test_where_everything_is_missing_there_are_no_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"data": [{"name": "甲"}]}))
    assert "no records" in fails(path, path="data[*].orders?[*]")
