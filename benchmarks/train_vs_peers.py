"""Training speed and memory against PEFT and the official ChatGLM script, on the same data in one run.

    python benchmarks/train_vs_peers.py --data DATA --tokenizer tokenizer.model [--json FILE]

(a) ``peft``: PEFT PrefixTuning through the Hugging Face Trainer's training step, padded to the longest sample;
(b) ``official``: the same, padded to source + target + 1 as the official ptuning script does, one sample at a time
    (a whole batch does not fit into memory), accumulated to the same batch;
(c) ``ours``: weitiao.

All three start from the same base and prefix, see the same batches in the same order and make the same AdamW steps;
steps alternate in one process with a fixed number of threads. Memory is the growth of the resident size over the
loaded model in a process of its own for each runner. Install the peers with ``pip install -e .[peers]``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from runners import OurRunner, PeftRunner, Runner
from sets import NAMES, VOCAB, BenchSet, load

BATCH = 16
PREFIX = 128
_RUNNERS = ("ours", "peft", "official")


def start_values() -> Tensor:
    """[L, 2, K, P, D] that every runner starts from."""
    return torch.randn(8, 2, 8, PREFIX, 64, generator=torch.Generator().manual_seed(1)) * 0.3


def make_runner(kind: str, dtype: torch.dtype, official_length: int) -> Runner:
    """A runner by name."""
    if kind == "ours":
        return OurRunner(start_values(), dtype)
    width = official_length if kind == "official" else None
    return PeftRunner(start_values(), dtype, width=width, micro=1 if kind == "official" else None)


def gemm_peak(dtype: torch.dtype) -> float:
    """Floating point operations per second of a large matrix product."""
    a, b = torch.randn(2048, 2048, dtype=dtype), torch.randn(2048, 2048, dtype=dtype)
    best = math.inf
    for _ in range(8):
        begin = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - begin)
    return 2 * 2048**3 / best


def needed_operations(batch: BenchSet, steps: int, runner: OurRunner) -> float:
    """Operations of one step that no method can avoid: distinct tokens in the body, targets in the head."""
    from weitiao.pack import pack

    body = runner.cost.per_token / 4
    total = 0.0
    for k in range(steps):
        packed = pack(batch.samples[k * BATCH : (k + 1) * BATCH], mode="tree")
        total += 4 * body * packed.tokens_computed + 4 * VOCAB * 512 * len(packed.parent.unique())
    return total / steps


def measure(
    batch: BenchSet, dtype: torch.dtype, kinds: tuple[str, ...], steps: int, official_steps: int
) -> dict[str, Any]:
    """Alternate the runners over the same steps; the first step of each warms up and is not counted."""
    runners = {kind: make_runner(kind, dtype, batch.official_length) for kind in kinds}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    losses: dict[str, list[float]] = {kind: [] for kind in kinds}
    computed: dict[str, list[int]] = {kind: [] for kind in kinds}
    for step in range(-1, steps):
        samples = batch.samples[max(step, 0) * BATCH : (max(step, 0) + 1) * BATCH]
        for kind, runner in runners.items():
            if kind == "official" and not 0 <= step < official_steps:
                continue
            begin = time.perf_counter()
            loss, tokens = runner.step(samples)
            if step >= 0:
                seconds[kind].append(time.perf_counter() - begin)
                losses[kind].append(loss)
                computed[kind].append(tokens)
    ours = runners["ours"]
    assert isinstance(ours, OurRunner)
    row: dict[str, Any] = {
        "data": batch.name,
        "dtype": str(dtype).removeprefix("torch."),
        "method": "prefix",
        "steps": steps,
    }
    for kind in kinds:
        row[kind] = statistics.median(seconds[kind])
        row[f"{kind}_samples_per_second"] = BATCH / row[kind]
        row[f"{kind}_tokens"] = statistics.mean(computed[kind])
    if "peft" in kinds:
        row["loss_difference"] = max(abs(a - b) for a, b in zip(losses["ours"], losses["peft"], strict=True))
        row["prefix_difference"] = (ours.prefix() - runners["peft"].prefix()).abs().max().item()
    row["gemm_share"] = needed_operations(batch, steps, ours) / row["ours"] / gemm_peak(dtype)
    return row


def _status(field: str) -> int:
    """Bytes of a field of /proc/self/status; getrusage would count what this process was forked from."""
    line = next(li for li in Path("/proc/self/status").read_text().splitlines() if li.startswith(field))
    return int(line.split()[1]) * 1024


def measure_memory(batch: BenchSet, dtype: torch.dtype, kind: str) -> int:
    """Bytes by which a step raises the peak resident size of this process; called in a process of its own."""
    runner = make_runner(kind, dtype, batch.official_length)
    before = _status("VmRSS")
    runner.step(batch.samples[:BATCH])
    return _status("VmHWM") - before


def _memory_of(options: argparse.Namespace, name: str, dtype: str, kind: str) -> int:
    command = [sys.executable, __file__, "--data", str(options.data), "--tokenizer", str(options.tokenizer)]
    command += ["--sets", name, "--dtypes", dtype, "--memory-of", kind, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.strip().splitlines()[-1])


def table(rows: list[dict[str, Any]], kinds: tuple[str, ...]) -> str:
    """The results as Markdown."""
    lines = [
        "| data | dtype | ours s | peft s | x peft | official s | x official | tokens ours / peft / official "
        "| memory ours / peft | GEMM share | loss difference |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        tokens = " / ".join(f"{r.get(f'{k}_tokens', 0):,.0f}" for k in kinds)
        memory = " / ".join(
            f"{r[f'{k}_memory'] / 2**20:,.0f} MB" for k in ("ours", "peft") if f"{k}_memory" in r
        )
        lines.append(
            f"| {r['data']} | {r['dtype']} | {r['ours']:.3f} | {r.get('peft', math.nan):.2f} | {_ratio(r, 'peft')} "
            f"| {r.get('official', math.nan):.1f} | {_ratio(r, 'official')} | {tokens} | {memory or '-'} "
            f"| {r['gemm_share']:.0%} | {r.get('loss_difference', math.nan):.1e} |"
        )
    for dtype in dict.fromkeys(r["dtype"] for r in rows):
        for kind in kinds[1:]:
            ratios = [r[kind] / r["ours"] for r in rows if r["dtype"] == dtype]
            lines.append(
                f"\n{dtype}, against {kind}: geometric mean {statistics.geometric_mean(ratios):.1f}x, "
                f"least {min(ratios):.1f}x"
            )
    return "\n".join(lines)


def _ratio(row: dict[str, Any], kind: str) -> str:
    return f"{row[kind] / row['ours']:.1f}" if kind in row else "-"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--tokenizer", type=Path, required=True, help="ChatGLM2's tokenizer.model")
    parser.add_argument("--sets", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--runners", nargs="+", default=list(_RUNNERS), choices=_RUNNERS)
    parser.add_argument("--steps", type=int, default=4, help="counted steps of ours and peft")
    parser.add_argument("--official-steps", type=int, default=1, help="counted steps of the official padding")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--memory-of", choices=_RUNNERS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None, note: Callable[[str], None] = print) -> None:
    """Run the benchmark."""
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    kinds = tuple(options.runners)
    rows: list[dict[str, Any]] = []
    for dtype in options.dtypes:
        for name in options.sets:
            batch = load(options.data, options.tokenizer, name, number=BATCH * options.steps)
            if options.memory_of:
                print(measure_memory(batch, getattr(torch, dtype), options.memory_of))
                return
            row = measure(batch, getattr(torch, dtype), kinds, options.steps, options.official_steps)
            if not options.no_memory:
                for kind in kinds[:2]:
                    row[f"{kind}_memory"] = _memory_of(options, name, dtype, kind)
            rows.append(row)
            note(f"{name} {dtype}: " + ", ".join(f"{k} {row[k]:.3f} s" for k in kinds))
            if options.json:
                about = {
                    "machine": platform.processor() or platform.machine(),
                    "threads": options.threads,
                    "torch": torch.__version__,
                }
                options.json.write_text(json.dumps({"rows": rows, **about}, indent=2) + "\n")
    note(table(rows, kinds))


if __name__ == "__main__":
    main()
