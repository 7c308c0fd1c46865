"""A million rows from a file to a data set: rows a second and memory, beside `datasets` doing the same.

    python benchmarks/data_stream.py [--rows 100000 1000000] [--work FOLDER] [--json FILE]

The file is JSON lines made by a seeded generator: Chinese questions of varied length, 3% of them repeated, 1% with
another answer. Each side runs in a process of its own:

(a) ``weitiao``: read, build by a template, split by group, data card, data set folder (`prepare` and `save`);
(b) ``datasets``: load_dataset("json"), map with the same template, a split by a hash of the prompt, to_json. No card,
    no counts of repeated, contradictory or leaked rows, no check of the rows, groups not kept together.

Memory is the peak of the resident size (VmHWM) and, as memory-mapped files count there too, the largest anonymous
part (RssAnon) seen twenty times a second. ``datasets`` writes its caches into the work folder and starts without any.
Install it with ``pip install -e .[peers]``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPLATE = "下面是一个关于上市公司年报的问题，请说出它属于哪一类。\n问题：{{ question }}\n分类："
LABELS = ("基本信息", "财务指标", "比率计算", "统计查询", "开放问题", "其他")
SIDES = ("weitiao", "datasets")
_SPACE = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面"
)


def write_rows(path: Path, count: int, seed: int = 5) -> None:
    """The file: ``count`` rows."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(count, rng):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _rows(count: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for number in range(count):
        draw = rng.random()
        if kept and draw < 0.04:
            old = rng.choice(kept)
            label = (
                old["label"] if draw < 0.03 else rng.choice([name for name in LABELS if name != old["label"]])
            )
            yield {"id": number, "question": old["question"], "label": label}
            continue
        words = "".join(rng.choices(_SPACE, k=int(rng.lognormvariate(3.3, 0.7)) + 4))
        row = {
            "id": number,
            "question": f"{rng.randrange(2010, 2024)}年{words}第{number}号?",
            "label": rng.choice(LABELS),
        }
        if len(kept) < 5000:
            kept.append(row)
        elif draw > 0.9:
            kept[rng.randrange(len(kept))] = row
        yield row


def run_weitiao(path: Path, out: Path) -> dict[str, int]:
    """Side (a)."""
    from weitiao.config import Recipe
    from weitiao.data import prepare, save

    data = {"sources": [{"file": path.name}], "prompt": TEMPLATE, "response": "label"}
    dataset = prepare(Recipe.model_validate({"data": data}), root=path.parent)
    save(dataset, out)
    return {part: len(getattr(dataset, part)) for part in ("train", "dev", "test")}


def run_datasets(path: Path, out: Path) -> dict[str, int]:
    """Side (b)."""
    import datasets
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    datasets.disable_progress_bars()
    cache = out / "cache"
    template = ImmutableSandboxedEnvironment(keep_trailing_newline=True).from_string(TEMPLATE)

    def build(row: dict[str, Any]) -> dict[str, Any]:
        prompt = template.render(question=row["question"])
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": row["label"]}]
        number = int.from_bytes(hashlib.blake2b(prompt.encode(), digest_size=8).digest()) / 2**64
        return {"messages": messages, "part": 2 if number < 0.1 else 1 if number < 0.2 else 0}

    whole: Any = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache))
    whole = whole.map(build, remove_columns=["question", "label"])
    sizes = {}
    for number, part in enumerate(("train", "dev", "test")):
        chosen = whole.filter(lambda value, number=number: value == number, input_columns="part")
        chosen.remove_columns("part").to_json(str(out / f"{part}.jsonl"), force_ascii=False)
        sizes[part] = len(chosen)
    return sizes


def child(side: str, path: Path, out: Path) -> dict[str, Any]:
    """One side in this process: seconds, memory in MB before and at its peak, sizes of the parts."""
    run = {"weitiao": run_weitiao, "datasets": run_datasets}[side]
    # What is imported is there for any number of rows; the clock starts behind it.
    for name in {"weitiao": ("numpy", "weitiao.data"), "datasets": ("jinja2.sandbox", "datasets")}[side]:
        importlib.import_module(name)
    anonymous = [memory("RssAnon")]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            anonymous[0] = max(anonymous[0], memory("RssAnon"))

    loaded = memory("VmRSS")
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    begin, busy = time.perf_counter(), time.process_time()
    sizes = run(path, out)
    seconds, busy = time.perf_counter() - begin, time.process_time() - busy
    done.set()
    watcher.join()
    return {
        "seconds": seconds,
        "cpu_seconds": busy,
        "loaded_mb": loaded,
        "peak_mb": memory("VmHWM"),
        "peak_anonymous_mb": anonymous[0],
        "sizes": sizes,
    }


def memory(field: str) -> float:
    """A line of this process's status, in MB."""
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.M)
    return int(found[1]) / 1024 if found else 0.0


def measure(side: str, path: Path, work: Path) -> dict[str, Any]:
    """One side in a process of its own."""
    out = work / side
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    command = [sys.executable, __file__, "--child", side, "--work", str(out), "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr.strip()}")
    shutil.rmtree(out, ignore_errors=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure both sides and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(child(given.child, given.file, given.work)))
        return
    work = Path(tempfile.mkdtemp(prefix="data-stream-", dir=given.work))
    rows: list[dict[str, Any]] = []
    try:
        for count in given.rows:
            path = work / f"{count}.jsonl"
            write_rows(path, count)
            for side in given.sides:
                found = measure(side, path, work)
                rows.append({"side": side, "rows": count, "file_mb": path.stat().st_size / 1e6, **found})
                _print(rows[-1])
            path.unlink()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if given.json:
        machine = {"platform": platform.platform(), "python": platform.python_version()}
        given.json.write_text(json.dumps({"machine": machine, "results": rows}, indent=2) + "\n")


def _print(row: dict[str, Any]) -> None:
    print(
        f"| {row['side']} | {row['rows']:,} | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} | "
        f"{row['rows'] / row['seconds']:,.0f} | "
        f"{row['loaded_mb']:.0f} | {row['peak_mb']:.0f} | {row['peak_anonymous_mb']:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
