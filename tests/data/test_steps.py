"""Steps of the recipe: before and after the split, pure, accounted for in the card."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rapidfuzz.distance import Levenshtein

from weitiao.config import NoiseStep, Recipe
from weitiao.data import make_fitter, prepare
from weitiao.data.steps import Account, apply_step, make_step, run_after_split
from weitiao.errors import DataError
from weitiao.types import Dataset, Example, Message, ToolCall, content_id

QUESTION = "请问第{}家公司在二零一九年的营业收入一共是多少元"


def rows(num: int) -> list[dict[str, Any]]:
    return [{"id": k, "q": QUESTION.format(k), "a": f"营业收入,{k}"} for k in range(num)]


def make(root: Path, table: list[dict[str, Any]], fitter: Any = None, seed: int = 0, **data: Any) -> Dataset:
    file = root / "x.jsonl"
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in table), encoding="utf-8")
    section = {
        "sources": [{"file": "x.jsonl"}],
        "prompt": "抽取关键词。\n问题：{{ q }}",
        "response": "a",
        "split": {"dev": 0.2, "test": 0.2},
        **data,
    }
    return prepare(Recipe.model_validate({"data": section, "seed": seed}), root=root, fitter=fitter)


def noise(**config: Any) -> dict[str, Any]:
    return {"kind": "noise", "column": "q", "cer": 0.2, **config}


def example(prompt: str, answer: str) -> Example:
    messages = (Message("user", prompt), Message("assistant", answer, train=True))
    return Example(content_id(messages), messages, meta={"fields": {"q": prompt}})


def test_noise_doubles_train_and_nothing_else(tmp_path: Path) -> None:
    clean, noised = make(tmp_path, rows(60)), make(tmp_path, rows(60), steps=[noise()])
    assert (clean.dev, clean.test) == (noised.dev, noised.test)
    assert len(noised.train) == 2 * len(clean.train)
    assert noised.train[::2] == clean.train
    originals = {e.id: e for e in clean.train}
    for damaged in noised.train[1::2]:
        assert damaged.id == content_id(damaged.messages)
        before = originals[damaged.meta["noise"]["of"]]
        assert damaged.reference == before.reference
        assert damaged.group == before.group
        assert damaged.messages[0].content.startswith("抽取关键词。\n问题：")
    assert all("fields" not in e.meta for e in noised.train)


def test_the_card_says_what_the_step_did(tmp_path: Path) -> None:
    dataset = make(tmp_path, rows(60), steps=[noise()])
    (line,) = [s for s in dataset.card["steps"] if s["name"] == "noise"]
    train = len(dataset.train) // 2
    assert (line["part"], line["in"], line["out"], line["damaged"]) == ("train", train, 2 * train, train)
    assert line["cer"] == pytest.approx(line["target_cer"], rel=0.15)
    assert all(Levenshtein.distance(change["before"], change["after"]) > 0 for change in line["examples"])
    names = [s["name"] for s in dataset.card["steps"]]
    assert names.index("noise") > names.index("split")


def test_new_rows_change_no_old_damage(tmp_path: Path) -> None:
    few, many = (make(tmp_path, rows(n), steps=[noise()]) for n in (40, 80))
    assert {e.id for e in few.train} <= {e.id for e in many.train}
    assert make(tmp_path, rows(40), steps=[noise()], seed=1).train != few.train
    assert make(tmp_path, rows(40), steps=[noise(seed=0)], seed=1).train == few.train


def test_a_noisy_test_part_keeps_its_size(tmp_path: Path) -> None:
    clean = make(tmp_path, rows(60))
    noised = make(tmp_path, rows(60), steps=[noise(parts=["test"], keep_original=False)])
    assert noised.train == clean.train
    assert len(noised.test) == len(clean.test)
    assert not {e.id for e in noised.test} & {e.id for e in clean.test}


def test_dev_and_test_are_not_multiplied() -> None:
    with pytest.raises(ValidationError, match="keep their size"):
        NoiseStep(parts=("train", "test"))


def test_where_nothing_is_said_nothing_is_damaged(tmp_path: Path) -> None:
    section = {
        "sources": [{"patterns": "power_grid", "count": 200}],
        "prompt": "prompt",
        "response": "response",
    }
    step = {"kind": "noise", "column": "speech", "keep_original": False}
    clean, noised = (
        prepare(Recipe.model_validate({"data": {**section, "steps": steps}}), root=tmp_path).train
        for steps in ([], [step])
    )
    assert len(clean) == len(noised)
    for before, after in zip(clean, noised, strict=True):
        if "#根据函数结果汇总" in before.messages[0].content:
            assert after == before
    assert sum(b != a for b, a in zip(clean, noised, strict=True)) > len(clean) / 2


def test_share(tmp_path: Path) -> None:
    dataset = make(tmp_path, rows(200), steps=[noise(share=0.25)])
    (line,) = [s for s in dataset.card["steps"] if s["name"] == "noise"]
    assert 0.15 < line["damaged"] / line["in"] < 0.35


def test_what_a_step_made_too_long_is_an_error(tmp_path: Path) -> None:
    table = rows(60)
    longest = max(len(r["q"]) + len(r["a"]) for r in table) + len("抽取关键词。\n问题：")
    fitter = make_fitter(lambda e: sum(len(m.content) for m in e.messages), longest, "error")
    make(tmp_path, table, fitter)
    with pytest.raises(DataError, match=r"x\.jsonl, row"):
        make(tmp_path, table, fitter, steps=[noise(mix={"repeat": 1})])


def test_a_column_that_is_not_there_or_not_in_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='"qq" is no column; columns: id, q, a; did you mean "q"'):
        make(tmp_path, rows(30), steps=[noise(column="qq")])
    with pytest.raises(DataError, match='the prompt does not hold the value of column "a"'):
        make(tmp_path, rows(30), steps=[noise(column="a")])


@pytest.mark.parametrize("answer", ["主变压器,三号开关站", '{"设备": "主变压器", "地点": "三号开关站"}'])
def test_answers_are_protected_or_follow(answer: str) -> None:
    before = example("请问今天下午三号开关站那台主变压器的温度到底是多少度呢", answer)
    words = ("主变压器", "三号开关站")
    changed = 0
    for seed in range(40):
        protect = make_step(NoiseStep(column="q", cer=0.3, answers="protect", keep_original=False), seed)
        ((kept,), _) = apply_step(protect, [before])
        assert all(word in kept.messages[0].content for word in words)
        assert kept.reference == answer
        follow = make_step(NoiseStep(column="q", cer=0.3, answers="follow", keep_original=False), seed)
        ((moved,), _) = apply_step(follow, [before])
        said = moved.reference or ""
        heard = list(json.loads(said).values()) if said.startswith("{") else said.split(",")
        assert len(heard) == 2
        assert all(word in moved.messages[0].content for word in heard)
        changed += said != answer
    assert changed > 20


def test_a_label_of_one_letter_never_follows() -> None:
    step = make_step(NoiseStep(cer=0.4, answers="follow", keep_original=False))
    ((after,), _) = apply_step(step, [example("TCL公司二零一九年的净利润是多少", "C")])
    assert after.reference == "C"


def test_deduplicate() -> None:
    table = [example("a", "1"), example("a", "1"), example("a", "2"), example("b", "1")]
    recipe = Recipe.model_validate(
        {
            "data": {
                "sources": [{"file": "x"}],
                "steps": [{"kind": "deduplicate"}, {"kind": "deduplicate", "by": "prompt"}],
            }
        }
    )
    by_sample, by_prompt = (make_step(section) for section in recipe.data.steps)
    kept, line = apply_step(by_sample, table)
    assert [e.reference for e in kept] == ["1", "2", "1"]
    assert (line["in"], line["out"], line["dropped"][0]["count"]) == (4, 3, 1)
    assert [e.messages[0].content for e in apply_step(by_prompt, table)[0]] == ["a", "b"]


def test_steps_stream() -> None:
    """The first example comes out before the second is asked for."""

    def endless() -> Any:
        yield example("请问营业收入是多少元", "x")
        raise AssertionError("read ahead")

    for section in (NoiseStep(column="q"),):
        assert next(make_step(section).apply(endless(), Account())).reference == "x"


def test_what_a_function_returned_is_not_damaged() -> None:
    question, found = "请问这家酒店今天晚上还有没有空房间可以预订", '{"电话号码": "零一零八八八八六六六六"}'
    messages = (
        Message("user", question),
        Message("assistant", "", tool_calls=(ToolCall("find"),)),
        Message("tool", found),
        Message("assistant", "有的", train=True),
    )
    config = NoiseStep(cer=0.5, keep_original=False)
    (damaged,), _ = apply_step(make_step(config), [Example(content_id(messages), messages)], "train")
    assert damaged.messages[0].content != question
    assert damaged.messages[1:] == messages[1:]


def test_where_nobody_asks_nothing_is_damaged() -> None:
    messages = (Message("system", "请问今天的天气怎么样"), Message("assistant", "晴", train=True))
    lonely = Example(content_id(messages), messages)
    kept, _ = apply_step(make_step(NoiseStep(cer=0.5, keep_original=False)), [lonely], "train")
    assert list(kept) == [lonely]


@pytest.mark.parametrize("keep_original", [True, False])
def test_no_question_is_damaged_into_one_of_the_test(keep_original: bool) -> None:
    def drop(name: str) -> tuple[list[Example], dict[str, Any]]:
        config = NoiseStep.model_validate(
            {"cer": 0.5, "copies": 4, "keep_original": keep_original, "mix": {"drop": 1}, "column": "q"}
        )
        parts = {"train": [example("东西南北", "a")], "dev": [], "test": [example(name, "b")]}
        done, (line,) = run_after_split([make_step(config)], parts)
        return list(done["train"]), line

    free, _ = drop("上下")
    heard = Counter(e.prompt[-1].content for e in free)
    hit = next(text for text in heard if text != "东西南北")
    train, line = drop(hit)
    assert hit not in {e.prompt[-1].content for e in train}
    assert line["left_out_as_prompts_of_dev_or_test"] == heard[hit]
    assert len(train) == len(free) - (heard[hit] if keep_original else 0)
