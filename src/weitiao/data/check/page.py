"""``check.html``: all findings on one page that loads nothing from elsewhere. Every text of the data is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from weitiao.data.check.finding import many

_ROWS_SHOWN = 200
_STYLE = """
:root { color-scheme: light dark; --paper: #fcfbf8; --ink: #1c2125; --soft: #5d656b; --rule: #dedad1; --panel: #f4f2ec;
  --serious: #a3360f; --warning: #b07d12; --note: #0d6a62; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e7e4dc; --soft: #a6adb2; --rule: #2e3439;
  --panel: #1b2024; --serious: #f4a684; --warning: #e3bd66; --note: #58c3b3; } }
body { font: 15px/1.6 ui-sans-serif, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  sans-serif; max-width: 62rem; margin: 3rem auto; padding: 0 1.5rem; background: var(--paper); color: var(--ink); }
h1, h2 { font-family: "Iowan Old Style", Charter, Georgia, "Songti SC", "Noto Serif CJK SC", serif; line-height: 1.25; }
h1 { font-size: 2.2rem; margin: 0 0 .6rem; } h2 { font-size: 1.25rem; margin: .4rem 0; }
h2 code { font-size: .8rem; font-weight: normal; color: var(--soft); }
section { border-left: 4px solid var(--rule); padding: .1rem 0 .4rem 1.2rem; margin: 2.2rem 0; }
.serious { border-left-color: var(--serious); } .warning { border-left-color: var(--warning); }
.note { border-left-color: var(--note); }
p { margin: .3rem 0; } .fix { font-family: ui-monospace, monospace; font-size: .9em; }
.muted, summary, th { color: var(--soft); font-size: .86rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: 4px;
  padding: .6rem .9rem; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { border-bottom: 1px solid var(--rule); padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
a { color: inherit; text-decoration-color: var(--rule); } .mark { white-space: nowrap; font-weight: 600; }
.mark.serious { color: var(--serious); } .mark.warning { color: var(--warning); } .mark.note { color: var(--note); }
summary { cursor: pointer; } .rows { font-size: .85em; color: var(--soft); }
"""
_EXAMPLES_SHOWN = 5


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
        f"{_contents(report['findings'])}"
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
    if list(examples[0]) == ["recipe"]:
        return f"<pre>{escape(examples[0]['recipe'])}</pre>\n"
    names = list(dict.fromkeys(name for example in examples for name in example))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)

    def table(shown: Sequence[Mapping[str, Any]]) -> str:
        rows = (
            "<tr>" + "".join(f"<td>{_cell(example.get(name))}</td>" for name in names) + "</tr>"
            for example in shown
        )
        return f"<table><tr>{head}</tr>{''.join(rows)}</table>\n"

    first, more = examples[:_EXAMPLES_SHOWN], examples[_EXAMPLES_SHOWN:]
    folded = f"<details><summary>{len(more)} more examples</summary>{table(more)}</details>\n" if more else ""
    return table(first) + folded


def _contents(findings: Sequence[Mapping[str, Any]]) -> str:
    """A line for each finding that leads to it."""
    if not findings:
        return ""
    lines = "".join(
        f'<tr><td><span class="mark {f["severity"]}">{f["severity"]}</span></td>'
        f'<td><a href="#f{number}">{escape(f["title"])}</a></td></tr>'
        for number, f in enumerate(findings, start=1)
    )
    return f"<table>{lines}</table>\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "<br>".join(_cell(item) for item in value[:8]) + ("<br>…" if len(value) > 8 else "")
    if isinstance(value, Mapping):
        if "answer" in value and "rows" in value:  # an answer with how often it stands there, and where first
            first = f' <span class="muted">{escape(str(value["first"]))}</span>' if "first" in value else ""
            return f'{escape(str(value["answer"]))} <span class="muted">×{value["rows"]}</span>{first}'
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
    return (
        f'<details><summary>{many(len(rows), "row")}</summary><p class="rows">{listed}{more}</p></details>\n'
    )
