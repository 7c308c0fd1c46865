"""``weitiao data expand``, ``noise`` and ``templates``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import Levenshtein
from typer.testing import CliRunner

from weitiao.cli.app import app


def call(*words: object) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, words)])


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_expand_then_noise(tmp_path: Path) -> None:
    clean, heard = tmp_path / "clean.jsonl", tmp_path / "heard.jsonl"
    done = call("expand", "power_grid", "--count", 120, "--output", clean)
    assert done.exit_code == 0, done.output
    assert "120 samples (device_state 40, greet 20, people 40, report 20)" in done.output
    words = ("noise", clean, "--cer", 0.15, "--column", "text", "--spans", "spans", "--output", heard)
    done = call(*words)
    assert done.exit_code == 0, done.output
    before, after = rows(clean), rows(heard)
    assert [r["text"] for r in before] == [r["text_clean"] for r in after]
    edits = sum(Levenshtein.distance(r["text_clean"], r["text"]) for r in after)
    assert edits / sum(len(r["text_clean"]) for r in after) == pytest.approx(0.15, rel=0.15)
    for old, new in zip(before, after, strict=True):
        assert [s[2] for s in old["spans"]] == [s[2] for s in new["spans"]]
        assert all(0 <= a < b <= len(new["text"]) for a, b, _ in new["spans"])
        assert {**new, "text": 0, "spans": 0} == {
            **old,
            "text": 0,
            "spans": 0,
            "text_clean": new["text_clean"],
        }
    first = heard.read_bytes()
    call(*words)
    assert heard.read_bytes() == first


@pytest.mark.parametrize(
    "label",
    [
        [[2, 6, "name"], [6, 8, "x"]],
        [{"start": 2, "end": 6, "label": "name", "text": "远图电气"}],
        {"name": {"远图电气": [[2, 5]]}, "item": {"利润": [[13, 14]]}},
    ],
)
def test_forms_of_labels(tmp_path: Path, label: Any) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    text = "请问远图电气股份有限公司的利润是多少元"
    source.write_text(json.dumps({"text": text, "label": label}, ensure_ascii=False), encoding="utf-8")
    done = call(
        "noise",
        source,
        "--cer",
        0.4,
        "--spans",
        "label",
        "--mix",
        "drop",
        "--mix",
        "repeat=2",
        "--output",
        out,
    )
    assert done.exit_code == 0, done.output
    (row,) = rows(out)
    assert row["text"] != text
    assert type(row["label"]) is type(label)
    if isinstance(row["label"], dict):
        places = [
            (e, a, b + 1) for kind in row["label"].values() for e, spans in kind.items() for a, b in spans
        ]
        assert len(places) == 2
    else:
        named = [
            s if isinstance(s, dict) else dict(zip(("start", "end"), s, strict=False)) for s in row["label"]
        ]
        places = [(s.get("text", row["text"][s["start"] : s["end"]]), s["start"], s["end"]) for s in named]
    for said, start, end in places:
        assert row["text"][start:end] == said
        assert set(said) <= set("远图电气股份利润")


def test_masks_and_fillers_of_ones_own(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text(json.dumps({"text": "请合上三号主变压器的开关，然后告诉我"}), encoding="utf-8")
    words = ("--mix", "mask", "--mix", "filler", "--mask", "□", "--filler", "ehm", "--cer", 0.4)
    done = call("noise", source, "--output", out, *words)
    assert done.exit_code == 0, done.output
    (row,) = rows(out)
    assert "□" in row["text"]
    assert "ehm" in row["text"]
    assert set(row["text"]) <= set(row["text_clean"]) | set("□ehm")


def test_nothing_half_written(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    lines = [{"text": "合上开关", "spans": [[0, 9, "x"]]}, {"txt": "合上"}, {"text": "合上", "spans": "no"}]
    source.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    done = call("noise", source, "--spans", "spans", "--output", out)
    assert done.exit_code == 2
    assert "3 problems" in done.output
    assert "span 0:9" in done.output
    assert 'there is no column "text"; did you mean "txt"' in done.output
    assert list(tmp_path.iterdir()) == [source]


def test_a_column_that_no_row_has_is_said_once(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("问题,标注\n合上开关,无\n打开开关,[[0\n", encoding="utf-8")
    done = call("noise", source, "--column", "问", "--output", tmp_path / "b.jsonl")
    assert done.output.count("there is no column") == 1
    assert "in all 2 rows" in done.output
    done = call("noise", source, "--column", "问题", "--spans", "标注", "--output", tmp_path / "b.jsonl")
    assert 'row 2: column "标注": expected [[start, end, label], ...]' in done.output
    assert "got '无'" in done.output
    assert "got '[[0'" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("expand", "power_gird", "--count", 3, "--output", "x.jsonl"), 'did you mean "power_grid"'),
        (("expand", "power_grid", "--output", "x.jsonl"), "how many samples?"),
        (("expand", "power_grid", "--count", 3, "--output", "x.csv"), "not a .jsonl file"),
        (("noise", "no.jsonl", "--output", "x.jsonl"), "no such file"),
        (("noise", "no.jsonl", "--mix", "homofone=1", "--output", "x.jsonl"), 'did you mean "homophone"'),
        (("noise", "no.jsonl", "--mix", "drop=-1", "--output", "x.jsonl"), "expected a weight above 0"),
        (("noise", "no.jsonl", "--mask", "**", "--output", "x.jsonl"), "expected one character, got '**'"),
        (("templates", "finance/clasify"), 'did you mean "finance/classify"'),
        (("templates", "finance/classify", "--language", "de"), "languages: zh, en"),
    ],
)
def test_mistakes(
    words: tuple[object, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*words)
    assert done.exit_code == 2
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_templates_are_listed_and_shown() -> None:
    listed = call("templates").output
    assert all(
        name in listed for name in ("finance/classify", "grid/parse", "paper/medical", "exam/questions")
    )
    shown = call("templates", "finance/nl2sql", "--language", "en").output
    assert "variable table: name of the table" in shown
    assert "Question: {{ question }}" in shown
