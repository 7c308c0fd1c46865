"""The two files of a report: complete, valid, escaped, self-contained."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from weitiao.evaluate import compare
from weitiao.evaluate.charts import Series, line_chart, ticks
from weitiao.evaluate.page import headline, metric_rows
from weitiao.evaluate.report import problems, write_report
from weitiao.evaluate.tables import card_blocks

EVIL = "<script>alert('年报')</script><img src=x onerror=alert(1)>\"'&"
VOID = {"meta", "br", "img", "link", "hr", "input"}
SVG_VOID = {"path", "rect", "circle", "line", "polyline"}


class Checker(HTMLParser):
    """Collects unbalanced tags, ids and everything that could load something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "action", "xlink:href") or name.startswith("on"):
                self.loads.append(f"{tag} {name}={value}")
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "style" and "url(" in (value or ""):
                self.loads.append(f"{tag} {value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()
        if tag not in VOID | SVG_VOID:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.wrong == []
    assert checker.open == []
    assert checker.loads == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert all(link.startswith("#") and link[1:] in checker.ids for link in checker.links)
    assert not checker.tags & {"script", "link", "iframe", "img", "object", "embed", "base"}
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    return checker


def predictions(n: int, *, before: bool = True, extra: str = "") -> list[dict[str, Any]]:
    return [
        {
            "id": f"{k:04d}",
            "prompt": f"请问哪一类？{k}{extra}",
            "messages": [],
            "reference": "AB"[k % 2] + extra,
            "before": {"text": "" if k % 3 else "A", "logprob": None} if before else None,
            "after": {"text": "AB"[(k % 2) ^ (k % 5 == 0)] + extra, "logprob": None},
            "reference_logprob": {"before": {"mean": -2.0}, "after": {"mean": -0.1}},
            "origin": {"file": f"a{extra}.xlsx", "row": k + 2, "sheet": None},
            "meta": {},
        }
        for k in range(n)
    ]


def report_of(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    before = [r["before"]["text"] for r in rows] if rows[0]["before"] else None
    comparison = compare(
        before,
        [r["after"]["text"] for r in rows],
        [r["reference"] for r in rows],
        ["exact", "bleu", "rouge", "accuracy"],
        bootstrap=100,
    )
    return {
        **comparison.as_report(),
        "name": "classify",
        "method": {"kind": "prefix", "length": 8},
        "train": {
            "seconds": 75.3,
            "steps": 4,
            "samples": 64,
            "tokens_rendered": 4000,
            "tokens_computed": 1000,
            "peak_memory_bytes": 123_456_789,
        },
        "adapter": {"parameters": 4096, "bytes": 16_500},
        "base": {"path": "weitiao-tiny", "parameters": 13_000_000},
        "data": {"sha256": "ab" * 32, "train": 30, "dev": 5, "test": len(rows)},
        "versions": {"weitiao": "0.1.0", "torch": "2.13.0"},
        "seed": 0,
        **more,
    }


HISTORY = [
    {"step": 1, "epoch": 0.5, "loss": 3.0, "learning_rate": 1e-3, "grad_norm": 1.0},
    {"step": 2, "epoch": 1.0, "loss": float("nan"), "learning_rate": 5e-3},
    {"step": 2, "epoch": 1.0, "eval_loss": 2.0, "eval_exact": 0.25, "eval_runtime": 1.0},
    {"step": 4, "epoch": 2.0, "loss": 1.0, "learning_rate": 0.0},
    {"step": 4, "epoch": 2.0, "eval_loss": 1.0, "eval_exact": 0.75, "eval_runtime": 1.0},
    {"step": 4, "epoch": 2.0, "train_runtime": 9.0, "train_loss": 2.0},
]
CARD = {
    "sources": [{"file": "a.xlsx", "rows": 40, "sha256": "ab" * 32}],
    "steps": [{"name": "build", "in": 41, "out": 40, "dropped": [{"reason": "empty", "count": 1}]}],
    "conflicts": {"count": 1, "examples": [{"prompt": "?", "responses": ["A", "B"]}]},
    "labels": {"A": 20, "B": 15, "C": 5},
    "lengths": {"prompt": {"median": 9}, "response": {"median": 1}},
    "warnings": ["1 prompt has different responses"],
}


def write(folder: Path, report: dict[str, Any], rows: list[dict[str, Any]], **more: Any) -> str:
    arguments = {"history": HISTORY, "card": CARD, "recipe_yaml": "name: classify\n", **more}
    write_report(folder, report, predictions=rows, **arguments)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_both_files(tmp_path: Path) -> None:
    rows = predictions(50)
    page = write(tmp_path / "run", report_of(rows), rows)
    found = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["report.html", "report.json"]
    assert found["schema_version"] == 1
    for side in ("before", "after", "difference"):
        assert set(found["metrics"][side]["test"]["accuracy"]) == {"value", "low", "high", "n"}
    text = " ".join("".join(check(page).text).split())
    assert "Tuning made the base clearly better: label accuracy rose from" in text
    assert "on 50 test samples" in text
    assert "a.xlsx" in text
    assert "4 times fewer" in text
    assert "1 prompt has different responses" in text
    assert "Dev exact match per epoch" in text
    assert text.count("Reference") >= 40
    assert page.count('class="sample"') == 40


def test_everything_is_escaped(tmp_path: Path) -> None:
    rows = predictions(9, extra=EVIL)
    card = {"sources": [{EVIL: EVIL}], EVIL: {EVIL: 3}, "warnings": [EVIL]}
    history = [{"step": 1, "epoch": 1, "loss": 1.0, f"eval_{EVIL}": 0.5}]
    report = report_of(rows, name=EVIL, method=EVIL, notes=[EVIL], created=EVIL, versions={EVIL: EVIL})
    page = write(tmp_path, report, rows, card=card, recipe_yaml=EVIL, history=history)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert EVIL in "".join(check(page).text)


def test_addresses_in_data_are_text_only(tmp_path: Path) -> None:
    rows = predictions(4, extra=' http://example.org/a.png <a href="http://example.org">')
    checker = check(write(tmp_path, report_of(rows), rows))
    assert all(link.startswith("#") for link in checker.links)
    assert "http://example.org/a.png" in "".join(checker.text)


def test_one_sample_without_before(tmp_path: Path) -> None:
    rows = predictions(1, before=False)
    page = write(tmp_path, report_of(rows), rows, history=[], card={})
    text = "".join(check(page).text)
    assert "The base alone was not measured" in text
    assert "Best samples" in text
    assert "Worst samples" not in text
    assert "not measured" in text


def test_empty_test_part(tmp_path: Path) -> None:
    report = report_of(predictions(4))
    report["metrics"] = {"before": None, "after": {"test": {}}}
    report["confusion"] = None
    text = "".join(check(write(tmp_path, report, [])).text)
    assert "There was no test part" in text


def test_missing_keys_are_listed_together(tmp_path: Path) -> None:
    rows = predictions(6)
    report = report_of(rows)
    del (
        report["train"]["tokens_computed"],
        report["seed"],
        report["data"],
        report["metrics"]["after"]["test"]["exact"]["low"],
    )
    assert problems(report) == [
        "seed is missing",
        "train.tokens_computed is missing",
        "data is missing",
        "metrics.after.test.exact.low is missing",
    ]
    with pytest.raises(
        ValueError, match=r"seed is missing; train\.tokens_computed is missing; data is missing"
    ):
        write(tmp_path, report, rows)
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    rows = predictions(6)
    write(tmp_path, report_of(rows, extra={"loss": float("nan"), "all": [float("inf"), 1]}), rows)
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["extra"] == {"loss": None, "all": [None, 1]}


def test_unmeasured_facts(tmp_path: Path) -> None:
    rows = predictions(6)
    report = report_of(rows)
    report["train"] |= dict.fromkeys(("tokens_rendered", "tokens_computed", "peak_memory_bytes", "seconds"))
    text = "".join(check(write(tmp_path, report, rows)).text)
    assert "not measured" in text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "x",
            "A",
            "Tuning made the base clearly better: exact match rose from 0.0 to 100.0 on 9 test samples",
        ),
        ("A", "x", "Tuning made the base clearly worse: exact match fell from 100.0 to 0.0"),
        ("A", "A", "No clear difference: exact match stayed at 100.0"),
    ],
)
def test_headline_follows_from_the_numbers(before: str, after: str, told: str) -> None:
    comparison = compare([before] * 9, [after] * 9, ["A"] * 9, ["exact"], bootstrap=100)
    assert headline(metric_rows(comparison.as_report()["metrics"])).startswith(told)


def test_headline_takes_a_metric_that_says_something() -> None:
    comparison = compare(["x"] * 9, ["营业"] * 9, ["营业收入"] * 9, ["exact", "rouge"], bootstrap=100)
    assert "ROUGE-L" in headline(metric_rows(comparison.as_report()["metrics"]))


def test_card_of_any_form() -> None:
    blocks = card_blocks({"rows": 3, "a": [1, 2], "b": {"c": {"d": {"e": [{"f": None}]}}}, "empty": {}})
    assert [b.title for b in blocks] == ["Overview", "A", "B"]
    many = card_blocks({"labels": {str(k): k for k in range(100)}})[0].tables[0]
    assert len(many.rows) + many.more == 100
    digest = card_blocks({"sha256": "ab" * 32})[0].tables[0].rows[0][1]
    assert digest.full == "ab" * 32


def test_charts() -> None:
    assert line_chart([Series("x", [])], x_label="step", y_label="loss") is None
    assert line_chart([Series("x", [(1, float("nan"))])], x_label="step", y_label="loss") is None
    one = line_chart([Series("x", [(1, 2.0)])], x_label="step", y_label="loss")
    assert one is not None
    assert one.count("<circle") == 1
    flat = line_chart([Series("x", [(1, 0.0), (2, 0.0)])], x_label="step", y_label="loss", y_from_zero=True)
    assert flat is not None
    assert "nan" not in flat


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.0049), (-3, 17), (2, 2), (0, 0), (1e-7, 3e-7), (0, 12345)]
)
def test_ticks_cover_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found == sorted(set(found))
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 9
