"""The model card of a pretrained base and its loss curve."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from weitiao.train.pretrain_config import PretrainRecipe

PACKAGES = ("torch", "transformers", "tokenizers")
TABLE_ROWS = 12


def curve(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Training loss (nats per token) by step."""
    return [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]


def write_curve(history: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write ``loss_curve.json`` and ``loss_curve.png``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = curve(history)
    evaluated = [e for e in history if "eval_loss" in e]
    parts = sorted({k for e in evaluated for k in e if k.endswith("_loss") and k != "eval_loss"})
    (folder / "loss_curve.json").write_text(
        json.dumps({"train": points, "validation": evaluated}, indent=1), "utf-8"
    )
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(*zip(*points, strict=True), label="training", linewidth=1, color="0.6")
    for part in parts:
        line = [(e["step"], e[part]) for e in evaluated if part in e]
        name = part.removeprefix("eval_").removesuffix("_loss").replace("_", " ")
        axes.plot(*zip(*line, strict=True), "o-", label=f"held out: {name}", markersize=3)
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(folder / "loss_curve.png", dpi=110)


def write_card(
    path: Path,
    recipe: PretrainRecipe,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    command: str,
) -> None:
    """Write the card: what it is, data, training, scores, how it was made."""
    model, data = recipe.model, metrics["data"]
    shape = (
        f"{model.family}, {model.layers} layers, width {model.hidden}, {model.heads} heads, "
        f"feed-forward {model.intermediate}, {metrics['tokenizer']['han_tokens']} Han characters "
        f"among {recipe.tokenizer.vocab_size} tokens, {model.max_position} positions"
    )
    sections = [
        f"---\nlicense: apache-2.0\nlanguage: [zh, en]\nlibrary_name: transformers\n---\n# {recipe.name}",
        f"A decoder of {metrics['parameters']:,} parameters, pretrained from scratch, to be tuned by "
        "`weitiao` in demos and tests. It copies from its context and follows its chat format; it knows "
        "next to nothing about the world and is no assistant.",
        f"Shape: {shape}. Weights in bfloat16, trained in float32 with bfloat16 autocast."
        if recipe.train.bf16
        else f"Shape: {shape}. Weights in bfloat16, trained in float32.",
        "## Data\n\n" + _data_table(data) + ("\n\n" + recipe.data.card.strip()).rstrip(),
        f"## Training\n\n{metrics['tokens']:,} tokens in {metrics['steps']:,} steps of "
        f"{recipe.train.batch_rows} x {recipe.data.row_tokens}, each row once, seed {recipe.seed}, "
        f"{metrics['seconds'] / 60:.0f} minutes. Optimizer {recipe.optimizer.kind}.\n\n"
        "![Loss by step](loss_curve.png)\n\n" + _loss_table(history),
        "## Scores on held-out documents\n\n" + _score_table(metrics, data),
        "## How it was made\n\n```\n" + (command or "weitiao pretrain") + "\n```\n\n" + _versions(),
    ]
    path.write_text("\n\n".join(sections) + "\n", "utf-8")


def _data_table(data: Mapping[str, Any]) -> str:
    lines = ["| part | training documents | training tokens | held-out rows |", "|---|---|---|---|"]
    for part, tokens in sorted(data["train_tokens"].items()):
        held = data["validation_rows"].get(part, 0)
        lines.append(f"| {part} | {data['train_documents'][part]:,} | {tokens:,} | {held} |")
    return "\n".join(lines)


def _loss_table(history: Sequence[Mapping[str, Any]]) -> str:
    points = curve(history)
    stride = max(1, len(points) // TABLE_ROWS)
    chosen = points[stride - 1 :: stride]
    if points and chosen[-1] != points[-1]:
        chosen.append(points[-1])
    lines = ["| step | training loss |", "|---|---|"]
    return "\n".join([*lines, *(f"| {step} | {loss:.3f} |" for step, loss in chosen)])


def _score_table(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    lines = ["| part | loss | perplexity |", "|---|---|---|"]
    for part, rows in sorted(data["validation_rows"].items()):
        if rows:
            loss, perplexity = metrics[f"{part}_loss"], metrics[f"{part}_perplexity"]
            lines.append(f"| {part} | {loss:.3f} | {perplexity:.2f} |")
    if "copy_accuracy" in metrics:
        lines.append(
            f"\nOf {data['probes']} held-out generated dialogues with a short answer, "
            f"{metrics['copy_accuracy']:.0%} have every answer token as first choice."
        )
    return "\n".join(lines)


def _versions() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {versions}."
