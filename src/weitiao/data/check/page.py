"""``check.html``: all findings on one page that loads nothing from elsewhere. Every text of the data is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

_ROWS_SHOWN = 200
_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
section { border: 1px solid var(--line); border-left-width: 6px; border-radius: 6px; padding: .2rem 1rem .6rem;
  margin: 1rem 0; }
.serious { border-left-color: #c62828; } .warning { border-left-color: #e09000; } .note { border-left-color: #5b8def; }
h2 { font-size: 1.05rem; margin: .5rem 0; } h2 code { font-weight: normal; opacity: .7; }
p { margin: .3rem 0; } .fix { font-family: ui-monospace, monospace; font-size: .9em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: 6px;
  padding: .6rem; }
table { border-collapse: collapse; } td, th { border: 1px solid var(--line); padding: .15rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
summary { cursor: pointer; } .rows { font-size: .85em; opacity: .85; }
nav a { margin-right: 1rem; }
"""


def render(report: Mapping[str, Any], *, title: str) -> str:
    """The page of a report, see `weitiao.data.check.writing.report_of`."""
    counts = ", ".join(f"{n} {severity}" for severity, n in report["severities"].items())
    files = "".join(f"<tr><td>{escape(f)}</td><td>{n:,}</td></tr>" for f, n in report["files"].items())
    parts = ", ".join(f"{escape(part)} {n:,}" for part, n in report["parts"].items()) or "none"
    body = "\n".join(_section(number, finding) for number, finding in enumerate(report["findings"], start=1))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"<p>{report['rows']:,} rows; samples: {parts}. Findings: {counts}.</p>\n"
        f"<table><tr><th>file</th><th>rows</th></tr>{files}</table>\n"
        f"{body or '<p>Nothing was found.</p>'}\n</body>\n</html>\n"
    )


def _section(number: int, finding: Mapping[str, Any]) -> str:
    return (
        f'<section class="{finding["severity"]}" id="f{number}">\n'
        f"<h2>{escape(finding['title'])} <code>{finding['code']} · {finding['severity']}</code></h2>\n"
        f'<p>{escape(finding["why"])}</p>\n<p class="fix">→ {escape(finding["fix"])}</p>\n'
        f"{_examples(finding)}{_numbers(finding)}{_rows(finding)}</section>"
    )


def _examples(finding: Mapping[str, Any]) -> str:
    examples = finding["examples"]
    if not examples:
        return ""
    if list(examples[0]) == ["template"]:
        return f"<pre>{escape(examples[0]['template'])}</pre>\n"
    names = list(dict.fromkeys(name for example in examples for name in example))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(example.get(name))}</td>" for name in names) + "</tr>"
        for example in examples
    )
    return f"<details open><summary>examples</summary><table><tr>{head}</tr>{rows}</table></details>\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "<br>".join(_cell(item) for item in value[:8]) + ("<br>…" if len(value) > 8 else "")
    if isinstance(value, Mapping):
        return escape(", ".join(f"{k}: {v}" for k, v in value.items()))
    return escape(str(value))


def _numbers(finding: Mapping[str, Any]) -> str:
    if not finding["numbers"]:
        return ""
    shown = escape(json.dumps(finding["numbers"], ensure_ascii=False, indent=1, default=str))
    return f"<details><summary>numbers</summary><pre>{shown}</pre></details>\n"


def _rows(finding: Mapping[str, Any]) -> str:
    rows = finding["rows"]
    if not rows:
        return ""
    more = f"<br>… and {len(rows) - _ROWS_SHOWN:,} more in check.json" if len(rows) > _ROWS_SHOWN else ""
    listed = "<br>".join(escape(row) for row in rows[:_ROWS_SHOWN])
    return f'<details><summary>{len(rows):,} rows</summary><p class="rows">{listed}{more}</p></details>\n'
