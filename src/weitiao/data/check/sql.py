"""SQL targets: parsed and compared with the database's tables by sqlglot, and run on it, read only."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from weitiao.data.check.finding import Finding, Severity, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.structure import parsed
from weitiao.data.check.targets import errors_among
from weitiao.errors import ConfigError

_STATEMENT = re.compile(r"\s*(?:```(?:sql)?\s*)?(select|with)\b", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```(?:sql)?\s*|\s*```\s*$", re.IGNORECASE)
_MOSTLY = 0.8
_BUILT_IN_TABLES = frozenset({"sqlite_master", "sqlite_schema", "sqlite_sequence"})
_BUILT_IN_COLUMNS = frozenset({"rowid", "oid", "_rowid_"})
_TOKEN = re.compile(r"<Token token_type: [^,]*, text: ([^,]*),.*?>")
_SECONDS = 10.0  # of one statement
_STEPS = 20_000  # of SQLite's machine between two looks at the clock
Outcome = Literal["value", "empty", "error"]
Schema = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Run:
    """What a statement gave.

    Attributes:
        outcome: ``value``, ``empty`` (no row, or NULL only) or ``error``.
        message: The database's error.
    """

    outcome: Outcome
    message: str = ""


class Database:
    """A SQLite file that is only read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file", remedy="name the SQLite database of the SQL targets")
        self._uri = f"{path.resolve().as_uri()}?mode=ro"

    def schema(self) -> Schema:
        """Columns by table and view, in lower case."""
        with closing(self._open()) as database:
            names = [
                n
                for (n,) in database.execute("select name from sqlite_master where type in ('table','view')")
            ]
            quoted = {name: name.replace('"', '""') for name in names}
            return {
                name.lower(): frozenset(
                    str(row[1]).lower() for row in database.execute(f'pragma table_info("{quoted[name]}")')
                )
                for name in names
            }

    def run(self, statements: Iterable[str]) -> dict[str, Run]:
        """What each different statement gives."""
        results: dict[str, Run] = {}
        with closing(self._open()) as database:
            deadline = [0.0]
            database.set_progress_handler(lambda: time.monotonic() > deadline[0], _STEPS)
            for statement in statements:
                if statement not in results:
                    deadline[0] = time.monotonic() + _SECONDS
                    results[statement] = _run(database, statement)
        return results

    def _open(self) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(self._uri, uri=True)
            database.execute("pragma query_only = on")
            database.execute("select count(*) from sqlite_master")
        except sqlite3.Error as error:
            raise ConfigError(
                f"{self._uri}: cannot be read as SQLite: {error}", remedy="name another database"
            ) from error
        return database


def _run(database: sqlite3.Connection, statement: str) -> Run:
    try:
        rows = database.execute(statement).fetchmany(50)
    except sqlite3.Error as error:
        return Run("error", str(error))
    has_value = any(value is not None for row in rows for value in row)
    return Run("value" if has_value else "empty")


def statement_of(reply: str) -> str | None:
    """The statement of a reply: the reply itself, or a text inside its JSON; None where there is none."""
    if _STATEMENT.match(reply):
        return _FENCE.sub("", reply).strip()
    value = parsed(reply)
    texts = value.values() if isinstance(value, dict) else ()
    return next((t.strip() for t in texts if isinstance(t, str) and _STATEMENT.match(t)), None)


def check_sql(material: Material) -> Iterator[Finding]:
    """Statements that do not parse, name what is not there, fail, or return nothing."""
    said = [(case.where, case.example.reference or "") for case in material.cases]
    statements = [(where, sql) for where, reply in said if (sql := statement_of(reply))]
    if len(statements) < 0.2 * len(said) or not statements:
        return
    if len(statements) >= _MOSTLY * len(said):
        yield from _others(said)
    database = None if material.options.database is None else Database(material.options.database)
    schema = None if database is None else database.schema()
    findings = {sql: _problem(sql, schema) for _, sql in statements}
    yield from _listed("sql_syntax", "serious", "do not parse as SQL", statements, findings, "syntax")
    yield from _listed(
        "sql_schema", "serious", "name what the database lacks", statements, findings, "schema"
    )
    if database is None:
        return
    results = database.run(sql for _, sql in statements)
    errors = {sql: ("error", r.message) if r.outcome == "error" else None for sql, r in results.items()}
    empty = {sql: ("empty", "") if r.outcome == "empty" else None for sql, r in results.items()}
    yield from _listed("sql_error", "serious", "fail on the database", statements, errors, "error")
    yield from _listed("sql_empty", "warning", "return nothing or NULL", statements, empty, "empty")


def _others(said: list[tuple[str, str]]) -> Iterator[Finding]:
    """Targets among statements that are none that read: other statements, and what is no SQL; errors are told apart."""
    failed = errors_among([reply for _, reply in said])
    replies = [
        (where, reply)
        for (where, reply), is_error in zip(said, failed, strict=True)
        if reply and not is_error and statement_of(reply) is None
    ]
    if replies:
        yield found(
            "sql_other",
            "warning",
            f"{many(len(replies), 'target')} of {len(said):,} are no SELECT as the others are",
            (where for where, _ in replies),
            examples=[{"text": short(reply), "rows": [where]} for where, reply in replies],
        )


def _listed(
    code: str,
    severity: Severity,
    what: str,
    statements: list[tuple[str, str]],
    problems: dict[str, tuple[str, str] | None],
    kind: str,
) -> Iterator[Finding]:
    rows = [(w, sql, p[1]) for w, sql in statements if (p := problems[sql]) and p[0] == kind]
    if rows:
        yield found(
            code,
            severity,
            f"{many(len(rows), 'statement')} of {len(statements):,} {what}",
            (w for w, _, _ in rows),
            examples=[{"text": short(sql), "problem": message, "rows": [w]} for w, sql, message in rows],
            statements=len(statements),
        )


def _problem(sql: str, schema: Schema | None) -> tuple[str, str] | None:
    """``("syntax" | "schema", message)``, None where all is well."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(sql, dialect="sqlite")
    except SqlglotError as error:
        return "syntax", _TOKEN.sub(r"\1", str(error).splitlines()[0]).replace("SENTINEL", "the end")
    except RecursionError:
        return "syntax", "nested too deeply"
    return None if schema is None else _unknown(tree, schema)


def _unknown(tree: Any, schema: Schema) -> tuple[str, str] | None:
    """The first table or column that neither the database nor the statement itself defines."""
    exp = _expressions()
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    aliases = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    tables = {table.name.lower() for table in tree.find_all(exp.Table)}
    missing = sorted(tables - own - schema.keys() - _BUILT_IN_TABLES)
    if missing:
        return "schema", f"no such table: {missing[0]}"
    known = aliases.union(_BUILT_IN_COLUMNS, *(schema[table] for table in tables & schema.keys()))
    if tables & own or any(tree.find_all(exp.Subquery)):
        known = known.union(*schema.values())
    if tables & _BUILT_IN_TABLES:
        return None
    for column in tree.find_all(exp.Column):
        if column.name.lower() not in known and column.name != "*" and not _is_text(column):
            quoted = ": in double quotes SQLite takes it for a text" if _is_quoted(column) else ""
            return "schema", f"no such column: {column.name}{quoted}"
    return None


def _is_quoted(column: Any) -> bool:
    return bool(column.this.args.get("quoted")) if hasattr(column.this, "args") else False


def _is_text(column: Any) -> bool:
    """Whether a name in double quotes that is no column stands where a text is meant: SQLite takes it for one."""
    exp = _expressions()
    parent = column.parent
    asks = isinstance(parent, exp.Select | exp.Ordered | exp.Group | exp.AggFunc)
    compared = isinstance(parent, exp.Predicate) and parent.this is column
    return _is_quoted(column) and not asks and not compared


@cache
def _expressions() -> Any:
    from sqlglot import exp

    return exp
