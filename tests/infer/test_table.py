"""Written tables read back as what was written."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.config import Source
from weitiao.data.read import read
from weitiao.errors import DataError
from weitiao.infer.table import write_table

# Half surrogates cannot be written at all.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=12)


def back(path: Path) -> list[dict[str, Any]]:
    source = Source.model_validate({"file": str(path)})
    return [dict(record.fields) for record in read(source, root=Path())]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl"])
@given(rows=st.lists(st.fixed_dictionaries({"问题": TEXT, "b": TEXT}), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_read_is_the_inverse_of_write(suffix: str, rows: list[dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    write_table(path, ["问题", "b"], rows)
    assert back(path) == rows
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half written is left


def test_xlsx_keeps_texts_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    rows = [
        {"a": "=1+1", "b": 3, "c": "净利润\n第二行"},
        {"a": "a\x07b\rc", "b": 2.5, "c": None},
        {"a": "00123", "b": 2**60, "c": [1, {"x": "y"}]},
    ]
    write_table(path, ["a", "b", "c"], rows)
    found = back(path)
    assert found[0] == rows[0]  # a formula in an answer stays text
    assert found[1]["a"].replace("_x0007_", "\x07") == "a\x07b\rc"
    assert found[1]["b"] == 2.5
    assert (found[2]["a"], found[2]["b"]) == ("00123", str(2**60))
    assert json.loads(found[2]["c"]) == rows[2]["c"]


def test_csv_opens_in_excel(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table(path, ["回答"], [{"回答": "好"}])
    assert path.read_bytes().startswith(codecs.BOM_UTF8)


def test_json_is_json(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_table(path, ["a", "b"], [{"a": float("nan"), "b": [1.5, {"c": None}]}, {"a": True}])
    assert json.loads(path.read_text("utf-8")) == [{"a": None, "b": [1.5, {"c": None}]}, {"a": True}]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.parquet.*expected one of"):
        write_table(tmp_path / "out.parquet", ["a"], [])
    with pytest.raises(DataError, match=r'row 3, column "a".*32767'):
        write_table(tmp_path / "out.xlsx", ["a"], [{"a": ""}, {"a": "x" * 32_768}])
    assert not list(tmp_path.iterdir())
