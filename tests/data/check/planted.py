"""Clean data made at random, and twelve kinds of defects planted in it; each kind says which rows it spoilt.

A world is rows of ``id``, ``question``, ``prompt`` (an instruction with the question), ``label`` and free columns.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

NAMES = [a + b for a in "华远天泰明康宏达新正东北南" for b in "成科能信通源盛创安岳"]
ITEMS = (
    ("营业收入", "look"),
    ("净利润", "look"),
    ("货币资金", "look"),
    ("毛利率", "compute"),
    ("资产负债比率", "compute"),
    ("净利润增长率", "compute"),
    ("法定代表人", "person"),
    ("董事会秘书", "person"),
    ("技术人员数量", "person"),
)
ASKED = (
    "{c}{y}年的{i}数值",
    "{y}年{c}披露了怎样的{i}",
    "查{c}在{y}年年报中的{i}",
    "根据{y}年年报，{c}{i}如何",
)
SQL_COLUMNS = ("revenue", "profit", "cash")
PROMPT = "判断问题属于哪一类，只回答类别名称，不要解释原因。\n问题如下\n{}"

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@dataclass
class World:
    """Rows of train and dev, and the defects planted so far (code and row of a file)."""

    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    planted: set[tuple[str, str]] = field(default_factory=set)

    def write(self, folder: Path) -> None:
        for name in ("train", "dev"):
            lines = (json.dumps(row, ensure_ascii=False) for row in getattr(self, name))
            (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def clean(rng: random.Random, size: int) -> World:
    """A world without defects: no question twice, one label an item, every field in order."""
    seen: dict[str, dict[str, Any]] = {}
    while len(seen) < size:
        item, label = rng.choice(ITEMS)
        company, year = rng.choice(NAMES) + rng.choice(NAMES) + "公司", rng.randint(1990, 2024)
        question = rng.choice(ASKED).format(c=company, y=year, i=item)
        seen.setdefault(question, row_of(len(seen) + 1, question, label, company, rng))
    rows = list(seen.values())
    cut = size - size // 8
    return World(rows[:cut], rows[cut:])


def row_of(number: int, question: str, label: str, company: str, rng: random.Random) -> dict[str, Any]:
    tags = rng.sample(["利润表", "附注", "董事会", "审计", "股东", "现金流"], 3)
    return {
        "id": number,
        "question": question,
        "prompt": PROMPT.format(question),
        "label": label,
        "company": company,
        "tags": ",".join(tags),
        "slots": {"limit": rng.randint(1, 9), "column": rng.choice(SQL_COLUMNS)},
    }


Plant = Callable[[World, random.Random], None]


def _pick(world: World, rng: random.Random) -> int:
    """A row of train that nothing has been done to."""
    taken = {where for _, where in world.planted}
    free = [k for k in range(len(world.train)) if _where("train", k) not in taken]
    return rng.choice(free)


def _where(part: str, index: int) -> str:
    return f"{part}.jsonl, row {index + 1}"


def _append(world: World, row: dict[str, Any], code: str) -> None:
    row["id"] = 100_000 + len(world.train) + len(world.dev)
    world.train.append(row)
    world.planted.add((code, _where("train", len(world.train) - 1)))


def _with_question(row: dict[str, Any], question: str) -> dict[str, Any]:
    return {**copy.deepcopy(row), "question": question, "prompt": PROMPT.format(question)}


def plant_duplicate(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.planted.add(("source", _where("train", k)))
    _append(world, copy.deepcopy(world.train[k]), "duplicate")


def plant_near_duplicate(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.planted.add(("source", _where("train", k)))
    question = world.train[k]["question"]
    year = re.search(r"\d{4}年", question)
    assert year is not None
    rest = question.replace(year[0], "", 1)
    variants = [
        form.format(question) for form in ("请问{}", "请帮我{}", "{}呢？", "麻烦问一下，{}", "{}，谢谢！")
    ]
    variants += [
        question[:6] + " " + question[6:],
        question.translate(_WIDE),
        question.replace("年", "年，", 1),
    ]
    variants.append(rest + year[0] if question.startswith(year[0]) else year[0] + rest)
    _append(world, _with_question(world.train[k], rng.choice(variants)), "near_duplicate")


def plant_contradiction(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.planted.add(("source", _where("train", k)))
    row = copy.deepcopy(world.train[k])
    row["label"] = rng.choice([label for label in ("look", "compute", "person") if label != row["label"]])
    _append(world, row, "contradiction")


def plant_template_contradiction(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    row = world.train[k]
    row["label"] = rng.choice([label for label in ("look", "compute", "person") if label != row["label"]])
    world.planted.add(("template_contradiction", _where("train", k)))


def plant_label_typo(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    label = world.train[k]["label"]
    forms = ("{}。", " {}", "{}.", "{} ", "{}\u3000", "{}\u200b", "“{}”", "{}\n", "类别：{}", "{0}{0}")
    spoilt = [form.format(label) for form in forms]
    world.train[k]["label"] = rng.choice(
        [*spoilt, label.upper(), label.translate(_WIDE), label[:2] + " " + label[2:]]
    )
    world.planted.add(("label_typo", _where("train", k)))


def plant_separator(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.train[k]["tags"] = world.train[k]["tags"].replace(
        ",", rng.choice(("、", "，", ";", "\t", " ")), rng.choice((1, 2))
    )
    world.planted.add(("separators", _where("train", k)))


def plant_repeated_id(world: World, rng: random.Random) -> None:
    k, other = _pick(world, rng), _pick(world, rng)
    if k != other:
        world.train[k]["id"] = world.train[other]["id"]
        world.planted |= {("repeated_id", _where("train", n)) for n in (k, other)}


def plant_mismatch(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    row = world.train[k]
    digits = "".join(c for c in row["question"] if c.isdigit())
    row["prompt"] = row["prompt"].replace(digits, str(int(digits) + 60))
    world.planted.add(("field_mismatch", _where("train", k)))


def plant_error_target(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.train[k]["label"] = rng.choice(
        (
            "ERR: db out of range",
            "Error: timeout after 30 s",
            "请求超时",
            "429 Too Many Requests",
            "KeyError: 'label'",
            "openai.error.RateLimitError: quota",
            '{"error": "rate_limit_exceeded"}',
            "服务器内部错误",
            "Request failed with status code 500",
        )
    )
    world.planted.add(("error_target", _where("train", k)))


def plant_slot_type(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.train[k]["slots"]["limit"] = str(world.train[k]["slots"]["limit"])
    world.planted.add(("slot_types", _where("train", k)))


def plant_leak(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    world.planted.add(("source", _where("train", k)))
    question = world.train[k]["question"]
    how = rng.choice(("equal", "wide", "other instruction", "mark", "courtesy"))
    spoilt = {
        "wide": question.translate(_WIDE),
        "mark": question + "？",
        "courtesy": "麻烦问一下，" + question,
    }
    row = _with_question(world.train[k], spoilt.get(how, question))
    if how == "other instruction":
        row["prompt"] = f"请判断下面的问题属于哪一类。\n{question}"
    row["id"] = 200_000 + len(world.dev)
    world.dev.append(row)
    code = "near_leak" if how in ("mark", "courtesy") else "leak"
    world.planted.add((code, _where("dev", len(world.dev) - 1)))


def _as_latin(text: str, encoding: str = "utf-8") -> str:
    return text.encode(encoding).decode("latin-1")


def _as_gbk(text: str) -> str:
    """UTF-8 read as GBK where nothing is lost by it, else as Latin-1."""
    try:
        return text.encode().decode("gbk")
    except UnicodeDecodeError:
        return _as_latin(text)


def plant_damage(world: World, rng: random.Random) -> None:
    k = _pick(world, rng)
    code = rng.choice(("encoding", "markup", "invisible", "misread", "escapes"))
    row = world.train[k]
    head, part, tail = row["question"][:4], row["question"][4:10], row["question"][10:]
    damaged = {
        "encoding": rng.choice(("\ufffd", "锟斤拷", "\x00", "????")) + part,
        "markup": rng.choice(("<br/>", "&nbsp;", '<p class="x">', "</span>", "&#x4e2d;", "&mdash;")) + part,
        "invisible": rng.choice(("\u200b", "\ufeff", "\u202e")) + part,
        "misread": rng.choice((_as_latin(part), _as_latin(part, "gbk"), _as_gbk(part))),
        "escapes": rng.choice((part.encode("unicode_escape").decode(), quote(part))),
    }
    world.train[k] = _with_question(row, head + damaged[code] + tail)
    world.planted.add((code, _where("train", k)))


PLANTS: dict[str, Plant] = {
    "duplicate": plant_duplicate,
    "near_duplicate": plant_near_duplicate,
    "contradiction": plant_contradiction,
    "template_contradiction": plant_template_contradiction,
    "label_typo": plant_label_typo,
    "separators": plant_separator,
    "repeated_id": plant_repeated_id,
    "field_mismatch": plant_mismatch,
    "error_target": plant_error_target,
    "slot_types": plant_slot_type,
    "leak": plant_leak,
    "encoding": plant_damage,
}
