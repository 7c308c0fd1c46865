"""The recipes that users copy: each loads, those with files here make sound data sets, and these run."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from weitiao.config import Recipe
from weitiao.data import prepare
from weitiao.data.split import PARTS
from weitiao.recipe import Resolved, dump, load_recipe
from weitiao.types import Dataset, Example

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
RUNS = sorted(p.stem for p in RECIPES.glob("*.yaml") if not p.stem.startswith("pretrain_"))
HERE = ("demo_classify", "demo_keywords", "demo_noise", "quickstart")
PUBLISHED = {
    "finance_classify": "finance_classify/classify_train.json",
    "finance_keywords": "finance_keywords/keywords_train.json",
    "finance_nl2sql": "finance_nl2sql/nl2sql_train.json",
}
DIALOGUES = {"hotel_roles": "hotel_dialogues/train_dialogues.jsonl"}
EMBEDDED = ROOT / "src" / "weitiao" / "models" / "weitiao-tiny"


def recipe(name: str, *sets: str) -> Resolved[Recipe]:
    return load_recipe(RECIPES / f"{name}.yaml", sets)


@cache
def dataset(name: str) -> Dataset:
    resolved = recipe(name)
    return prepare(resolved.value, root=resolved.root)


def examples(data: Dataset) -> list[Example]:
    return [example for part in PARTS for example in getattr(data, part)]


def question(example: Example) -> str:
    return example.prompt[-1].content.split("问题：")[-1]


def counts(data: Dataset) -> tuple[int, ...]:
    return tuple(len(getattr(data, part)) for part in PARTS)


# --- every recipe ---------------------------------------------------------------------------------------


def test_all_are_known() -> None:
    assert set(RUNS) == {*HERE, *PUBLISHED, *DIALOGUES}


@pytest.mark.parametrize("name", RUNS)
def test_loads_and_says_how_to_run_it(name: str, tmp_path: Path) -> None:
    resolved = recipe(name)
    assert resolved.value.name == name
    again = tmp_path / "again.yaml"
    again.write_text(dump(resolved.value), encoding="utf-8")
    assert load_recipe(again).value == resolved.value
    assert f"weitiao run recipes/{name}.yaml --out runs/{name}\n" in (RECIPES / f"{name}.yaml").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("name", RUNS)
def test_set_values_in_comments_are_valid(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text("utf-8").replace("\\\n#", "")
    for line in text.splitlines():
        if "--set" in line:
            recipe(name, *re.findall(r"--set ([\w.]+=\S+)", line))


@pytest.mark.parametrize("name", [*HERE, *PUBLISHED])
def test_the_instruction_comes_first(name: str) -> None:
    """What the prefix starts from: a beginning that all prompts share."""
    data = recipe(name).value.data
    if "{{" in data.prompt:
        instruction, field = data.prompt.split("{{")
        assert len(instruction) >= 20
        assert field.endswith("}}")


# --- recipes whose files are here -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows"), [("demo_classify", 338), ("demo_keywords", 333), ("quickstart", 40)]
)
def test_counts(name: str, rows: int) -> None:
    data = dataset(name)
    train, dev, test = counts(data)
    assert train + dev + test == rows
    assert train >= rows * 0.5
    assert rows * 0.08 <= dev <= rows * 0.25
    assert rows * 0.18 <= test <= rows * 0.32
    assert data.card["warnings"] == []


@pytest.mark.parametrize("name", HERE)
def test_no_group_and_no_prompt_in_two_parts(name: str) -> None:
    data = dataset(name)
    for key in (lambda e: e.group, lambda e: e.prompt):
        of_part = [{key(e) for e in getattr(data, part)} for part in PARTS]
        assert sum(map(len, of_part)) == len(set().union(*of_part))


def test_groups_are_templates() -> None:
    assert {e.group for e in examples(dataset("demo_classify"))} == {f"M-{n}" for n in range(1, 169)}
    assert {e.group for e in examples(dataset("demo_keywords"))} == {f"K{n:02d}" for n in range(1, 67)}


@pytest.mark.parametrize(
    ("name", "labels"),
    [("demo_classify", "A B C D E F"), ("quickstart", "物流 退款 账户 商品")],
)
def test_every_label_is_in_every_part_and_none_is_rare(name: str, labels: str) -> None:
    data = dataset(name)
    for part in PARTS:
        assert {e.reference for e in getattr(data, part)} == set(labels.split())
    of_label = Counter(e.reference for e in examples(data))
    assert max(of_label.values()) < 1.2 * min(of_label.values())
    assert min(Counter(e.reference for e in data.test).values()) >= 2


def test_keywords_are_spans_in_the_order_of_the_question() -> None:
    for example in examples(dataset("demo_keywords")):
        text, words = question(example), (example.reference or "").split(",")
        place = 0
        for word in words:
            place = text.index(word, place) + len(word)
        assert len(set(words)) == len(words)


def test_keywords_cannot_be_learnt_by_heart() -> None:
    data = dataset("demo_keywords")
    seen = {word for e in data.train for word in (e.reference or "").split(",")}
    unseen = [e for e in data.test if not set((e.reference or "").split(",")) <= seen]
    assert len({w for e in examples(data) for w in (e.reference or "").split(",")}) >= 150
    assert len(unseen) >= 0.25 * len(data.test)


@pytest.mark.parametrize("name", ["demo_classify", "demo_keywords"])
def test_duplicates_are_few_and_agree(name: str) -> None:
    card = dataset(name).card
    assert 2 <= card["duplicates"]["count"] <= 3
    assert card["duplicates"]["identical"] == card["duplicates"]["count"]
    assert card["conflicts"]["count"] == 0


# --- the workbook ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = RECIPES / "demo" / "make_finance_demo.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def sheets(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    import openpyxl

    workbook = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in workbook.worksheets}


def test_workbook_is_what_the_script_makes(script: ModuleType, tmp_path: Path) -> None:
    made = tmp_path / "made.xlsx"
    script.write_workbook(made)
    assert sheets(made) == sheets(script.WORKBOOK)
    assert [p.name for p in tmp_path.iterdir()] == ["made.xlsx"]


def test_workbook_looks_like_one_a_person_made(script: ModuleType) -> None:
    import openpyxl

    workbook = openpyxl.load_workbook(script.WORKBOOK)
    assert workbook.sheetnames == ["分类", "关键词"]
    for sheet in workbook.worksheets:
        assert sheet.freeze_panes == "A2"
        assert [cell.value for cell in sheet[1]] == list(script.HEADERS[sheet.title])
        assert all(cell.font.bold for cell in sheet[1])
        assert sheet.column_dimensions["C"].width > 40
        assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == list(
            range(1, sheet.max_row)
        )


def test_templates_leave_no_marks(script: ModuleType) -> None:
    for rows in script.make_rows().values():
        assert not [text for _, _, text, _ in rows if set("{}[]|") & set(text) or text != text.strip()]


def test_a_deck_deals_each_word_before_any_comes_again(script: ModuleType) -> None:
    from random import Random

    deck = script.Deck("abcdef", Random(1))
    first = [deck.deal(set()) for _ in range(6)]
    assert sorted(first) == list("abcdef")
    assert all(deck.deal({"a", "b"}) not in "ab" for _ in range(8))


# --- recipes for published files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows"), [("finance_classify", 746), ("finance_keywords", 3725), ("finance_nl2sql", 1080)]
)
def test_published_files(name: str, rows: int, shared: Path) -> None:
    resolved = recipe(name, f"data.sources.0.file={shared / 'data' / PUBLISHED[name]}")
    data = prepare(resolved.value, root=resolved.root)
    train, dev, test = counts(data)
    assert train + dev + test == rows
    assert train >= rows * 0.65
    assert test >= rows * 0.15
    assert data.card["leaks"]["count"] == 0
    groups = [{e.group for e in getattr(data, part)} for part in PARTS]
    assert sum(map(len, groups)) == len(set().union(*groups))
    if name == "finance_classify":
        assert {e.reference for e in data.test} >= set("ABCDEF")
    if name == "finance_nl2sql":
        assert all(re.fullmatch(r"[^【】]+", e.group) for e in data.train)  # the question, no more


def test_dialogues(shared: Path) -> None:
    resolved = recipe("hotel_roles", f"data.sources.0.file={shared / 'data' / DIALOGUES['hotel_roles']}")
    data = prepare(resolved.value, root=resolved.root)
    assert sum(counts(data)) > 2000  # rounds of 1,000 dialogues
    of_part = [{e.group for e in getattr(data, part)} for part in PARTS]
    assert sum(map(len, of_part)) == len(set().union(*of_part))
    assert any(e.messages[-1].tool_calls for e in data.test)
    assert any(e.reference for e in data.test)


# --- end to end -----------------------------------------------------------------------------------------

FEW_STEPS = (
    "train.max_steps=2", "train.batch_size=4", "train.dev_samples=4", "train.threads=1", "evaluate.limit=4",
    "evaluate.bootstrap=100", "evaluate.decode.max_new_tokens=4",
)  # fmt: skip


@pytest.fixture(scope="module")
def random_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of two layers that knows nothing, with a byte-level tokenizer and a chat template."""
    from bases import tiny_base
    from builders import chat_tokenizer

    folder = tmp_path_factory.mktemp("base")
    tokenizer = chat_tokenizer("roles")
    tiny_base("llama", vocab_size=len(tokenizer), max_position_embeddings=1024).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run_few_steps(name: str, out: Path, *sets: str) -> None:
    import weitiao

    result = weitiao.run(RECIPES / f"{name}.yaml", out=out, sets=(*FEW_STEPS, *sets))
    assert result.report["name"] == name
    assert result.report["train"]["steps"] == 2
    measured = result.report["metrics"]
    assert measured["before"] is not None
    assert all(0 <= e["value"] <= 100 for e in measured["after"]["test"].values())
    assert (result.adapter / "adapter_model.safetensors").is_file()
    assert len((out / "predictions.jsonl").read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize("name", HERE)
def test_runs_end_to_end_on_a_random_base(name: str, random_base: Path, tmp_path: Path) -> None:
    run_few_steps(name, tmp_path / "out", f"base.path={random_base}")


@pytest.mark.slow
@pytest.mark.parametrize("name", HERE)
def test_runs_end_to_end_on_the_embedded_base(name: str, tmp_path: Path) -> None:
    if not (EMBEDDED / "config.json").is_file():
        pytest.skip("the embedded base weitiao-tiny is not here yet")
    run_few_steps(name, tmp_path / "out")
