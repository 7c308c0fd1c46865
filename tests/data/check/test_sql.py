"""SQL targets: what the database knows of itself is no mistake; names in quotes, and targets that are no query, are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from data.check.test_families import codes, findings_of, of
from weitiao.data.check import Finding, Options

GOOD = [
    "select value from t where name = 'a'",
    'select value from t where name = "a"',
    'select value from t where name in ("a", "b")',
    'select "value", [name], `name` from t',
    "select rowid, name from t order by rowid",
    "select name from sqlite_master",
    "select t1.value from t t1 join t t2 on t1.name = t2.name",
    "select s from (select value as s from t) where s > 0",
    "select case when value > 1 then 'x' else 'y' end as z from t order by z",
    "select name, count(*) n from t group by name having n > 0;",
]


def checked(root: Path, more: list[str]) -> tuple[Finding, ...]:
    path = root / "d.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (name text, value real)")
        connection.executemany("insert into t values (?, ?)", [("a", 1.0), ("b", 2.0)])
    rows = [{"q": f"question {k}", "a": sql} for k, sql in enumerate([*GOOD, *more])]
    return findings_of(root, rows, Options(database=path))


def test_what_runs_is_no_finding(tmp_path: Path) -> None:
    assert not {code for code in codes(checked(tmp_path, [])) if code.startswith("sql")}


@pytest.mark.parametrize(
    "statement",
    ['select "amount" from t', 'select name from t order by "amount"', 'select max("amount") from t'],
)
def test_a_column_in_quotes_that_is_none_is_found_though_it_runs(tmp_path: Path, statement: str) -> None:
    found = checked(tmp_path, [statement])
    assert "in double quotes" in of(found, "sql_schema").examples[0]["problem"]
    assert "sql_error" not in codes(found)


@pytest.mark.parametrize("target", ["drop table t", "insert into t values (1, 2)", "I do not know."])
def test_targets_that_are_no_query_are_found(tmp_path: Path, target: str) -> None:
    assert of(checked(tmp_path, [target]), "sql_other").rows == (f"rows.jsonl, row {len(GOOD) + 1}",)


def test_an_error_message_is_told_once(tmp_path: Path) -> None:
    found = checked(tmp_path, ["ERR: db out of range"])
    assert "error_target" in codes(found)
    assert "sql_other" not in codes(found)
