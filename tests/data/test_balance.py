"""Classes and tasks with as many rows, or as much weight, as the recipe says: laws of the steps and their errors."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from weitiao.cli import app
from weitiao.config import BalanceStep, MixStep, Recipe, Source, SplitConfig, WeighStep
from weitiao.data import load, prepare, save
from weitiao.data.balance_file import balance_file
from weitiao.data.check import check, material_of_dataset
from weitiao.data.facts import COPY
from weitiao.data.split import uniform
from weitiao.data.split_file import split_file
from weitiao.data.steps import apply_step, make_step
from weitiao.data.steps.balance import class_weights
from weitiao.data.steps.drawing import num_places
from weitiao.data.steps.mix import rows_of_tasks
from weitiao.errors import ConfigError, DataError, WeitiaoError
from weitiao.types import Dataset, Example, Message, Origin, content_id

COUNTS = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 12), min_size=1)


def example(label: str, number: int, task: str = "t", **meta: Any) -> Example:
    messages = (Message("user", f"{task} {label} {number}"), Message("assistant", label, train=True))
    return Example(content_id(messages), messages, meta=meta, origin=Origin(task, number))


def rows(counts: Mapping[str, int]) -> list[Example]:
    """Classes one after the other, in turns."""
    most = max(counts.values())
    return [example(label, n) for n in range(most) for label, count in counts.items() if n < count]


def run(config: Any, examples: Sequence[Example], seed: int = 0) -> tuple[list[Example], dict[str, Any]]:
    return apply_step(make_step(config, seed), examples, "train")


def labels(examples: Sequence[Example]) -> dict[str, int]:
    return dict(Counter(e.reference or "" for e in examples))


def places(examples: Sequence[Example]) -> Counter[str]:
    return Counter(e.id for e in examples)


# --- laws ----------------------------------------------------------------------------------------------


@given(COUNTS, st.one_of(st.sampled_from(["max", "median"]), st.integers(1, 30)))
def test_up_fills_every_class_and_takes_nothing(counts: dict[str, int], target: str | int) -> None:
    before = rows(counts)
    after, line = run(BalanceStep(method="up", target=target), before)
    wanted = line["target"]
    assert labels(after) == {label: max(count, wanted) for label, count in counts.items()}
    assert [e for e in after if COPY not in e.meta] == before
    for label, count in counts.items():
        each = [n for i, n in places(after).items() if i in {e.id for e in before if e.reference == label}]
        assert max(each) - min(each) <= 1, "whole rounds and a remainder"
        assert len(each) == count
    assert line["classes"] == {label: [count, max(count, wanted)] for label, count in counts.items()}
    assert line["repeated"] == len(after) - len(before)


@given(COUNTS)
def test_up_to_the_largest_makes_all_equal(counts: dict[str, int]) -> None:
    after, _ = run(BalanceStep(method="up"), rows(counts))
    assert set(labels(after).values()) == {max(counts.values())}


@given(COUNTS)
def test_down_to_the_smallest_makes_all_equal(counts: dict[str, int]) -> None:
    before = rows(counts)
    after, line = run(BalanceStep(method="down"), before)
    assert labels(after) == dict.fromkeys(counts, min(counts.values()))
    assert [e for e in before if e in after] == after, "the order stays, nothing is repeated"
    assert sum(drop["count"] for drop in line["dropped"]) == len(before) - len(after)


@given(COUNTS, st.integers(1, 15))
def test_cap_leaves_small_classes_alone(counts: dict[str, int], target: int) -> None:
    after, _ = run(BalanceStep(method="cap", target=target), rows(counts))
    assert labels(after) == {label: min(count, target) for label, count in counts.items()}


def drawn(keys: Sequence[str], target: int, seed: int = 1) -> list[int]:
    return num_places([uniform(seed, key) for key in keys], target, seed).tolist()


@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 30), st.integers(0, 3))
def test_a_larger_target_takes_nothing_away(count: int, less: int, more: int, seed: int) -> None:
    keys = [str(n // 2) for n in range(count)]  # some rows are equal
    small, large = drawn(keys, min(less, more), seed), drawn(keys, max(less, more), seed)
    assert sum(small) == min(less, more)
    assert all(a <= b for a, b in zip(small, large, strict=True))


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 40), st.randoms(use_true_random=False))
def test_an_added_row_gives_no_old_row_more_places(old: int, new: int, target: int, rng: Any) -> None:
    keys = [str(n) for n in range(old)]
    both = [*keys, *(f"new {n}" for n in range(new))]
    before = dict(zip(keys, drawn(keys, target), strict=True))
    rng.shuffle(both)
    after = dict(zip(both, drawn(both, target), strict=True))
    assert all(after[key] <= before[key] for key in keys)
    if target <= old:
        assert sum(before[key] - after[key] for key in keys) <= new, "a new row displaces one at most"


@given(COUNTS, st.sampled_from("ABCDEF"))
def test_rows_of_other_classes_change_nothing(counts: dict[str, int], label: str) -> None:
    config = BalanceStep(method="cap", target=3)
    before, _ = run(config, rows(counts))
    more = [*rows(counts), *(example(label, n) for n in range(100, 105))]
    after, _ = run(config, more)
    others = [e for e in before if e.reference != label]
    assert [e for e in after if e.reference != label] == others


@given(COUNTS, st.sampled_from(["balanced", "inverse_sqrt", "effective"]))
def test_the_mean_weight_is_one_and_rows_stay(counts: dict[str, int], scheme: Any) -> None:
    before = rows(counts)
    after, line = run(WeighStep(weights=scheme), before)
    assert [e.messages for e in after] == [e.messages for e in before]
    assert sum(e.weight for e in after) / len(after) == pytest.approx(1, abs=1e-6)
    weights = line["weights"]
    ordered = sorted(counts, key=lambda label: counts[label])
    assert all(weights[a] >= weights[b] for a, b in pairwise(ordered))


@given(COUNTS)
def test_balanced_weights_are_those_of_scikit_learn(counts: dict[str, int]) -> None:
    weights = class_weights(counts, WeighStep())
    num = sum(counts.values())
    for label, count in counts.items():
        assert weights[label] == pytest.approx(num / (len(counts) * count), abs=1e-8)


def test_effective_weights_are_those_of_the_paper() -> None:
    weights = class_weights({"a": 10, "b": 1000}, WeighStep(weights="effective", beta=0.99))
    ratio = ((1 - 0.99) / (1 - 0.99**10)) / ((1 - 0.99) / (1 - 0.99**1000))
    assert weights["a"] / weights["b"] == pytest.approx(ratio, rel=1e-6)


@given(COUNTS, st.floats(1, 100), st.integers(6, 200), st.one_of(st.none(), st.integers(1, 20)))
def test_mixing_gives_the_size_and_no_task_nothing(
    counts: dict[str, int], temperature: float, size: int, cap: int | None
) -> None:
    got = rows_of_tasks(counts, MixStep(temperature=temperature, size=size, cap=cap))
    assert sum(got.values()) == size
    assert min(got.values()) >= 1
    shares = {task: min(n, cap or n) ** (1 / temperature) for task, n in counts.items()}
    for a in counts:
        for b in counts:
            if (
                got[a] > 1 and got[b] > 1
            ):  # where nobody was lifted to one row, shares are kept up to rounding
                scale = got[b] / shares[b]
                assert abs(got[a] - scale * shares[a]) <= 1 + shares[a] / shares[b] + 1e-6


@given(COUNTS, st.integers(1, 3), st.data())
def test_max_repeat_holds(counts: dict[str, int], most: int, data: Any) -> None:
    size = data.draw(st.integers(len(counts), most * sum(counts.values())))
    got = rows_of_tasks(counts, MixStep(temperature=5, size=size, max_repeat=most))
    assert sum(got.values()) == size
    assert all(1 <= got[task] <= most * counts[task] for task in counts)


def test_mixing_in_the_limits() -> None:
    counts = {"a": 900, "b": 90, "c": 10}
    assert rows_of_tasks(counts, MixStep(temperature=1, size=1000)) == counts
    assert rows_of_tasks(counts, MixStep(temperature=1e9, size=999)) == dict.fromkeys(counts, 333)
    assert rows_of_tasks(counts, MixStep(temperature=2, size=1000)) == {"a": 703, "b": 223, "c": 74}
    assert rows_of_tasks(counts, MixStep(cap=90, size=190)) == {"a": 90, "b": 90, "c": 10}


@settings(max_examples=20)
@given(COUNTS, st.integers(0, 5))
def test_the_same_seed_makes_the_same(counts: dict[str, int], seed: int) -> None:
    examples = rows(counts)
    for config in (BalanceStep(method="up"), BalanceStep(method="cap", target=2)):
        once, again = run(config, examples, seed)[0], run(config, examples, seed)[0]
        assert once == again
        backwards, _ = run(config, examples[::-1], seed)
        assert places(backwards) == places(once), "the order of the rows decides nothing"


def test_another_seed_makes_another_choice() -> None:
    examples = rows({"A": 40, "B": 5})
    config = BalanceStep(method="down")
    assert places(run(config, examples, 1)[0]) != places(run(config, examples, 2)[0])
    fixed = BalanceStep(method="down", seed=9)
    assert run(fixed, examples, 1)[0] == run(fixed, examples, 2)[0]


def test_two_cuts_prefer_nothing() -> None:
    """What one step cut by rank, the next does not prefer: class A is cut to a tenth, then all tasks to a half."""
    examples = [example("A", n) for n in range(4000)] + [example("B", n) for n in range(400)]
    cut, _ = run(BalanceStep(method="cap", target=400), examples)
    mixed, _ = run(MixStep(size=400), cut)
    assert abs(labels(mixed)["A"] - 200) < 50


def test_copies_are_numbered_once() -> None:
    twice, _ = run(BalanceStep(method="up", target=4), rows({"A": 2}))
    mixed, _ = run(MixStep(size=11), twice)
    numbers: dict[str, list[int]] = defaultdict(list)
    for one in mixed:
        numbers[one.id].append(one.meta.get(COPY, 0))
    assert sorted(map(len, numbers.values())) in ([5, 6], [4, 7])
    assert all(len(set(found)) == len(found) for found in numbers.values())


# --- in a recipe ----------------------------------------------------------------------------------------


def table(num: int) -> list[dict[str, Any]]:
    return [{"q": f"question {k}", "a": "ABBBBBB"[k % 7], "city": "xy"[k % 2]} for k in range(num)]


def make(root: Path, num: int = 84, *, steps: Sequence[Any] = (), **data: Any) -> Dataset:
    (root / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table(num)), "utf-8")
    section = {"sources": [{"file": "x.jsonl"}], "prompt": "q", "response": "a", "steps": steps, **data}
    split = {"split": {"dev": 0.2, "test": 0.2}} if "sources" in section else {}
    return prepare(Recipe.model_validate({"data": {**split, **section}}), root=root)


UP = {"kind": "balance", "method": "up"}


@pytest.mark.parametrize(
    "step",
    [
        UP,
        {"kind": "balance", "method": "down"},
        {"kind": "balance", "method": "cap", "by": "city", "target": 5},
        {"kind": "weigh"},
        {"kind": "mix", "size": 300},
    ],
)
def test_only_the_training_part_is_touched(step: dict[str, Any], tmp_path: Path) -> None:
    before, after = make(tmp_path), make(tmp_path, steps=[step])
    assert (after.dev, after.test) == (before.dev, before.test)
    assert after.train != before.train
    names = [line["name"] for line in after.card["steps"]]
    assert names.index(step["kind"]) > names.index("split")
    (line,) = [line for line in after.card["steps"] if line["name"] == step["kind"]]
    assert (line["part"], line["in"], line["out"]) == ("train", len(before.train), len(after.train))
    assert sum(old for old, _ in line["classes"].values()) == len(before.train)
    assert sum(new for _, new in line["classes"].values()) == len(after.train)


def test_copies_are_stored_and_are_no_duplicates(tmp_path: Path) -> None:
    plain, dataset = make(tmp_path), make(tmp_path, steps=[UP, {"kind": "weigh", "by": "city"}])
    assert dataset.card["duplicates"] == plain.card["duplicates"]
    assert dataset.card["leaks"]["count"] == 0
    save(dataset, tmp_path / "set")
    assert load(tmp_path / "set") == dataset
    assert dataset.card["sha256"] != plain.card["sha256"]
    assert {one.weight for one in dataset.train} != {1.0}
    assert all("fields" not in one.meta for one in dataset.train)


def test_large_data_go_through_a_file(tmp_path: Path) -> None:
    steps = [UP, {"kind": "mix", "size": 150}, {"kind": "weigh", "by": "city", "weights": "inverse_sqrt"}]
    expected = make(tmp_path, steps=steps)
    data = {"sources": [{"file": "x.jsonl"}], "prompt": "q", "response": "a", "steps": steps}
    recipe = Recipe.model_validate({"data": {**data, "split": {"dev": 0.2, "test": 0.2}}})
    assert prepare(recipe, root=tmp_path, in_memory=7) == expected


def test_classes_from_a_template(tmp_path: Path) -> None:
    dataset = make(tmp_path, steps=[{**UP, "by": "{{ city }}{{ a | lower }}"}])
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "balance"]
    assert set(line["classes"]) == {"xa", "xb", "ya", "yb"}
    assert len({new for _, new in line["classes"].values()}) == 1


def test_noise_after_copies_damages_each_in_its_own_way(tmp_path: Path) -> None:
    noise = {"kind": "noise", "column": "q", "cer": 0.4, "keep_original": False, "mix": {"mask": 1}}
    dataset = make(tmp_path, steps=[{**UP, "target": 90}, noise])
    texts = [one.prompt[-1].content for one in dataset.train if one.reference == "A"]
    assert len(set(texts)) > len(texts) / 2


def test_tasks_of_sources(tmp_path: Path) -> None:
    for name, num in (("a", 60), ("b", 20), ("c", 10)):
        lines = [{"q": f"{name} {k}", "a": "x"} for k in range(num)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")
    sources = [{"file": "a.jsonl"}, {"file": "b.jsonl", "task": "few"}, {"file": "c.jsonl", "task": "few"}]
    section = {
        "train": sources,
        "prompt": "q",
        "response": "a",
        "steps": [{"kind": "mix", "temperature": 1e9}],
    }
    dataset = prepare(Recipe.model_validate({"data": section}), root=tmp_path)
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "mix"]
    assert line["classes"] == {"a.jsonl": [60, 45], "few": [30, 45]}
    assert {one.meta.get("task") for one in dataset.train} == {None, "few"}


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({**UP, "parts": ["test"]}, "training part only"),
        ({"kind": "weigh", "parts": ["train", "dev"]}, "training part only"),
        ({**UP, "target": "min"}, "changes nothing"),
        ({**UP, "target": 0}, "a number of rows above 0"),
        ({**UP, "target": "most"}, "target"),
        ({"kind": "balance"}, "method"),
        ({"kind": "balance", "method": "down", "target": "median"}, "method: cap"),
        ({"kind": "balance", "method": "down", "max_repeat": 3}, "repeats nothing"),
        ({"kind": "mix"}, "changes nothing"),
        ({"kind": "mix", "temperature": 0.5}, "temperature"),
        ({"kind": "weigh", "weights": {"A": 0}}, "A: 0"),
        ({"kind": "weigh", "weights": {}}, "no class"),
        ({"kind": "weigh", "beta": 0.9}, "effective"),
    ],
)
def test_wrong_settings(step: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=said):
        make(tmp_path, steps=[step])


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([UP, {"kind": "deduplicate"}], "steps.1: deduplicate stands after balance"),
        ([{"kind": "mix", "size": 9}, {"kind": "augment"}], "let it write first"),
        ([{"kind": "weigh"}, UP], "weigh last"),
        ([{"kind": "weigh"}, {"kind": "noise"}], "weigh last"),
    ],
)
def test_steps_that_cannot_follow_each_other(steps: list[Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=said):
        make(tmp_path, steps=steps)


def test_steps_that_may_follow_each_other(tmp_path: Path) -> None:
    damaged = {"kind": "noise", "parts": ["test"], "keep_original": False}
    make(tmp_path, steps=[{"kind": "deduplicate"}, UP, {"kind": "weigh"}, damaged])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({**UP, "by": "q"}, r"by: q` gives \d+ different values.*no classes"),
        ({**UP, "by": "town"}, '"town" is no column'),
        ({**UP, "by": "{{ town }}"}, 'unknown field "town"'),
        ({"kind": "balance", "method": "down", "target": 30}, r'class "A" has \d+ rows.*cut to 30'),
        ({"kind": "weigh", "weights": {"A": 2, "C": 1}}, r'class "B" .* has no weight.*no class "C"'),
        ({"kind": "mix", "size": 900, "max_repeat": 2}, "900 rows are asked for, but each row 2 times makes"),
    ],
)
def test_what_does_not_fit_the_rows(step: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(WeitiaoError, match=rf"(?s){said}") as caught:
        make(tmp_path, 240, steps=[step])
    assert isinstance(caught.value, DataError | ConfigError)
    assert caught.value.remedy


# --- a file -------------------------------------------------------------------------------------------------


def balanced(folder: Path, config: BalanceStep, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")
    done = balance_file(Source(file="in.jsonl"), output, config, root=folder)
    written = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert (done.rows, done.written) == (len(lines), len(written))
    assert done.written == done.rows - done.dropped + done.repeated
    return written


def test_a_file_keeps_its_rows(tmp_path: Path) -> None:
    lines = table(40)
    up = balanced(tmp_path, BalanceStep(method="up", by="a"), lines)
    assert len(set(Counter(row["a"] for row in up).values())) == 1
    first = [row for row in up if row["copy"] == 0]
    assert [{k: row[k] for k in lines[0]} for row in first] == lines
    assert [row["source_row"] for row in first] == list(range(1, 41))
    assert all({k: row[k] for k in lines[0]} == lines[row["source_row"] - 1] for row in up)
    down = balanced(tmp_path, BalanceStep(method="down", by="{{ a }}{{ city }}"), lines)
    assert len(set(Counter(row["a"] + row["city"] for row in down).values())) == 1
    assert balanced(tmp_path, BalanceStep(method="down", by="{{ a }}{{ city }}"), lines) == down


@pytest.mark.parametrize("step", [BalanceStep(method="up", by="kind"), WeighStep(by="kind")])
def test_rows_without_a_class_are_counted(step: Any) -> None:
    examples = [example("a", n, fields={"kind": "" if n < 3 else "A"}) for n in range(9)]
    _, entry = run(step, examples)
    assert entry["warnings"] == [
        f"{step.kind}: 3 rows with no class (`kind` is empty there): together they count as a class"
    ]
    assert "warnings" not in run(step, examples[3:])[1]


def test_a_file_with_rows_without_a_class_says_so(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"a": "x"}\n{"a": null}\n{"a": "x"}\n', "utf-8")
    done = balance_file(
        Source(file="in.jsonl"), tmp_path / "out.jsonl", BalanceStep(method="up", by="a"), root=tmp_path
    )
    assert "1 row with no class (`a` is empty there)" in done.warnings[0]


def test_a_file_that_was_augmented_keeps_its_source_rows(tmp_path: Path) -> None:
    lines = [{"q": str(n), "a": "AB"[n > 0], "source_row": n // 2} for n in range(4)]
    up = balanced(tmp_path, BalanceStep(method="up", by="a"), lines)
    assert [row["source_row"] for row in up] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("config", "row", "said"),
    [
        ({"by": "b"}, {"a": 1}, '"b" is no column'),
        ({"by": "response"}, {"a": 1}, '"response" is no column'),
        ({"by": "a"}, {"a": 1, "copy": 0}, 'a column "copy" already'),
        ({"by": "{{ a.b.c }}"}, {"a": 1}, "in.jsonl: row 1"),
        ({"by": "a", "method": "down", "target": 9}, {"a": 1}, 'in.jsonl: class "1" has 1 rows'),
    ],
)
def test_files_that_cannot_be_balanced(
    config: dict[str, Any], row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WeitiaoError, match=said):
        balanced(tmp_path, BalanceStep(**{"method": "up", **config}), [row])
    assert not (tmp_path / "out.jsonl").exists()


def test_the_command(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in table(35)), "utf-8")

    def call(*words: object) -> Any:
        arguments = ["data", "balance", source, "--by", "a", "--output", output, *words]
        return CliRunner().invoke(app, list(map(str, arguments)), prog_name="weitiao")

    done = call("--method", "cap", "--target", 9)
    assert done.exit_code == 0, done.output
    assert "35 rows, 21 left out, 0 repeated: 14 -> " in done.output
    assert "  B: 30 -> 9" in done.output
    assert len(output.read_text("utf-8").splitlines()) == 14
    for words, said in (
        (("--method", "up", "--target", "most"), "expected a number, max, median or min"),
        (("--method", "up", "--target", 0), "--target: expected"),
        (("--method", "down", "--max-repeat", 3), "`--max-repeat` is for `--method up`"),
        (("--method", "up", "--max-classes", 1), "--max-classes: "),
    ):
        done = call(*words)
        assert done.exit_code == 2, done.output
        assert said in done.output.replace("\n", " ")


# --- real data ----------------------------------------------------------------------------------------------


def test_questions_about_reports(shared: Path) -> None:
    """A label with a stray full stop would be a class of one row, repeated 200 times: it is mended first."""
    folder = shared / "data"
    classify = {"file": "finance_classify/classify_train.json", "task": "classify"}
    keywords = {"file": "finance_keywords/keywords_train.json", "task": "keywords"}
    shape = {"prompt": "question_prompt", "response": "query", "fix": {"labels": "strip"}}
    data = {"sources": [classify], **shape, "steps": [UP, {"kind": "weigh"}]}
    dataset = prepare(Recipe.model_validate({"data": data}), root=folder)
    assert len(set(labels(dataset.train).values())) == 1
    assert set(labels(dataset.train)) == set("ABCDEF")
    assert {one.weight for one in dataset.train} == {1.0}, "what is balanced needs no weights"
    mixed = {"sources": [classify, keywords], **shape, "steps": [{"kind": "mix", "temperature": 2}]}
    dataset = prepare(Recipe.model_validate({"data": mixed}), root=folder)
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "mix"]
    (few, more_of_few), (many, fewer_of_many) = line["classes"]["classify"], line["classes"]["keywords"]
    assert few + many == more_of_few + fewer_of_many == len(dataset.train)
    assert more_of_few / fewer_of_many == pytest.approx((few / many) ** 0.5, rel=1e-2)


def test_copies_are_no_findings(tmp_path: Path) -> None:
    """A check of what the steps have made does not advise to undo them."""

    def codes(dataset: Dataset) -> dict[str, int]:
        return {f.code: f.count for f in check(material_of_dataset(dataset))}

    plain, balanced = make(tmp_path), make(tmp_path, steps=[UP])
    assert len(balanced.train) > len(plain.train)
    for code in ("duplicate", "near_duplicate", "row_shapes", "duplicate_value"):
        assert codes(balanced).get(code) == codes(plain).get(code), code


def test_sheets_that_are_not_read_are_named(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "book.xlsx") as writer:
        for name in ("甲", "乙"):
            pd.DataFrame([{"q": f"{name}{k}", "label": "ab"[k % 2]} for k in range(9)]).to_excel(
                writer, sheet_name=name, index=False
            )
    config = BalanceStep(by="label", method="up")
    done = balance_file(tmp_path / "book.xlsx", tmp_path / "out.jsonl", config)
    assert done.notes == ('other sheets of the workbook are not read: "乙"',)
    split = split_file(tmp_path / "book.xlsx", tmp_path / "parts", SplitConfig(dev=0.3, test=0.3, seed=3))
    assert split.notes == done.notes
