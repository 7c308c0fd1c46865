"""How many of the first 50 suspects are labels that were made wrong on purpose.

    python benchmarks/suspects.py --data DATA --out DIR [--set keywords|ner] [--json FILE]

5% of the rows get a wrong answer: keywords that of another row; named entities another type, another border, one
entity less, or the entities of another row. A prefix is trained on all of it on the embedded base, and the rows are
ranked by what training says about them. "Baseline" ranks by the loss before the first pass. The rows left as they
are have mistakes of their own, so precision is a lower bound. Rows come from a folder of data sets (``--data``),
which is not part of the project.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import weitiao
from weitiao.evaluate.suspects import ORDERS
from weitiao.pipeline.suspects import suspects, write_suspects
from weitiao.recipe import load_recipe

SHARE = 0.05
NER_ROWS = 5000
_TYPES = {
    "name": "人名", "organization": "组织", "position": "职位", "company": "公司", "address": "地址", "game": "游戏",
    "government": "政府", "scene": "景点", "book": "书", "movie": "电影",
}  # fmt: skip
_PROMPTS = {
    "keywords": "从下面的问题里找出关键词，也就是它要查的项目或要谈的事情。"
    "照原文抄写，多个关键词用英文逗号隔开，不要写别的。\n问题：{{ text }}",
    "ner": "找出句子里的实体，照原文抄写，写明种类：人名、组织、职位、公司、地址、游戏、政府、景点、书、电影。"
    "\n句子：{{ text }}",
}
Entity = tuple[int, str, str]


def keywords(data: Path, seed: int) -> list[dict[str, str]]:
    """Rows of finance_keywords, 5% of them with the keywords of another row."""
    rows = json.loads((data / "finance_keywords/keywords_train.json").read_text(encoding="utf-8"))
    rng = random.Random(seed)
    wrong = set(rng.sample(range(len(rows)), round(SHARE * len(rows))))
    out = []
    for n, row in enumerate(rows):
        answer = row["query"]
        if n in wrong:
            answer = _other(rng, rows, lambda r: r["query"], answer)
        out.append({"text": row["question"], "answer": answer, "planted": "swapped" if n in wrong else ""})
    return out


def ner(data: Path, seed: int) -> list[dict[str, str]]:
    """Rows of CLUENER, 5% of them with a wrong list of entities."""
    lines = (data / "ner_zh/cluener_train.jsonl").read_text(encoding="utf-8").splitlines()[:NER_ROWS]
    rows = [json.loads(line) for line in lines]
    rng = random.Random(seed)
    wrong = set(rng.sample(range(len(rows)), round(SHARE * len(rows))))
    out = []
    for n, row in enumerate(rows):
        kind, answer = "", _said(_entities(row))
        if n in wrong:
            kind, answer = _spoilt(rng, row, rows)
        out.append({"text": row["text"], "answer": answer, "planted": kind})
    return out


def _spoilt(rng: random.Random, row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, str]:
    """A kind of mistake and the wrong answer; one entity less only where another one stays."""
    found, text = _entities(row), row["text"]
    kind = rng.choice(["type", "border", "swapped", *(["missing"] if len(found) > 1 else [])])
    k = rng.randrange(len(found))
    start, name, entity = found[k]
    if kind == "type":
        found[k] = (start, rng.choice([t for t in _TYPES if t != name]), entity)
    elif kind == "border":
        moved = [text[start : start + len(entity) + d] for d in (-2, -1, 1, 2, 3) if len(entity) + d > 0]
        moved += [text[start - d : start + len(entity)] for d in (1, 2) if start >= d]
        found[k] = (start, name, rng.choice([m for m in moved if m != entity]))
    elif kind == "missing":
        del found[k]
    else:
        return kind, _other(rng, rows, lambda r: _said(_entities(r)), _said(found))
    return kind, _said(found)


def _entities(row: dict[str, Any]) -> list[Entity]:
    return sorted(
        (span[0], name, entity)
        for name, found in row["label"].items()
        for entity, spans in found.items()
        for span in spans
    )


def _said(entities: list[Entity]) -> str:
    return "；".join(f"{_TYPES[name]}：{entity}" for _, name, entity in entities)


def _other(rng: random.Random, rows: list[Any], say: Callable[[Any], str], answer: str) -> str:
    while (other := say(rng.choice(rows))) == answer:
        pass
    return other


def measure(name: str, data: Path, out: Path, seed: int, epochs: int) -> dict[str, Any]:
    """Plant, train, rank, count."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = {"keywords": keywords, "ner": ner}[name](data, seed)
    (folder / "rows.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    recipe = {
        "name": f"suspects_{name}",
        "seed": seed,
        "data": {
            "sources": [{"file": "rows.json"}],
            "prompt": _PROMPTS[name],
            "response": "answer",
            "split": {"dev": 0.05, "test": 0, "seed": seed},
        },
        "method": {"kind": "prefix", "length": 64, "init": "template", "absorb": True},
        "train": {"epochs": epochs, "batch_size": 16, "learning_rate": 0.1},
        "evaluate": {"metrics": ["exact"], "before": False},
    }
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    load_recipe(path)
    run = folder / "run"
    if not (run / "report.json").is_file():
        weitiao.run(path, out=run, resume=run.exists(), console=Console())
    result: dict[str, Any] = {"set": name, "seed": seed, "passes": epochs, "by": {}}
    for by in ORDERS:
        found = suspects(run, limit=10**9, by=by)  # type: ignore[arg-type]
        kinds = [_kind(suspect.row.origins, rows) for suspect in found.found]
        result["by"][by] = _counts(kinds)
        result["rows"], result["planted"] = len(kinds), sum(map(bool, kinds))
        if by == "suspicion":
            result["recall by kind"] = _recall(kinds)
            write_suspects(suspects(run, limit=50), folder, title=name)
            first = sorted(range(len(kinds)), key=lambda k: -found.found[k].losses[0])
            result["by"]["baseline"] = _counts([kinds[k] for k in first])
    return result


def _kind(origins: tuple[str, ...], rows: list[dict[str, str]]) -> str:
    kinds = [rows[int(origin.rpartition(" ")[2]) - 1]["planted"] for origin in origins]
    return next(filter(None, kinds), "")


def _counts(kinds: list[str]) -> dict[str, float]:
    planted = np.array([bool(kind) for kind in kinds])
    total = int(planted.sum())
    hits = np.cumsum(planted)
    precision = hits / np.arange(1, len(planted) + 1)
    return {
        "precision at 50": float(precision[49]),
        "precision at 100": float(precision[99]),
        "recall at as many as planted": float(hits[total - 1] / total),
        "average precision": float(precision[planted].mean()),
    }


def _recall(kinds: list[str]) -> dict[str, str]:
    """Of each kind of mistake, how many stand among as many suspects as were planted."""
    first = kinds[: sum(map(bool, kinds))]
    return {kind: f"{first.count(kind)} of {kinds.count(kind)}" for kind in sorted({*kinds} - {""})}


def main() -> None:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", choices=["keywords", "ner"], action="append")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chosen = args.set or ["keywords", "ner"]
    epochs = {"keywords": 6, "ner": 5}
    results = [measure(name, args.data, args.out, args.seed, epochs[name]) for name in chosen]
    text = json.dumps(results, ensure_ascii=False, indent=1)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
