"""``weitiao eval`` and ``weitiao data show``: an adapter on other data, and samples as the model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from rich.console import Console

from weitiao.chat import ChatFormat
from weitiao.config import DataConfig, Recipe, Source, SplitConfig
from weitiao.data import dataset_hash, prepare
from weitiao.data import load as load_dataset
from weitiao.errors import ConfigError, DataError
from weitiao.evaluate import compare
from weitiao.evaluate.metrics import METRICS
from weitiao.evaluate.report import REQUIRED, write_report
from weitiao.infer.loaded import Loaded, open_adapter
from weitiao.pipeline.answering import Answers, answer_examples, prediction_rows, reference_texts
from weitiao.pipeline.files import versions, write_lines
from weitiao.pipeline.opening import open_recipe
from weitiao.recipe import resolve
from weitiao.tuning.adapter import CONFIG
from weitiao.tuning.prefix import DeepPrefix
from weitiao.tuning.tuned import Tuned
from weitiao.types import Dataset, Example, Rendered


def preview(
    recipe: str | Path | Recipe,
    *,
    sets: Sequence[str] = (),
    part: Literal["train", "dev", "test"] = "train",
    n: int = 3,
) -> tuple[list[tuple[Example, Rendered]], ChatFormat]:
    """The first samples of a part, rendered as they are trained.

    Args:
        recipe: A recipe file, or a recipe.
        sets: ``a.b=c`` over the values of the file.
        part: Which part.
        n: How many.

    Returns:
        Examples with their tokens, and the format that rendered them.
    """
    opened = open_recipe(resolve(recipe, sets))
    examples = getattr(opened.dataset, part)[:n]
    return [(example, opened.format.render(example)) for example in examples], opened.format


def evaluate_adapter(
    adapter: str | Path,
    data: str | Path,
    *,
    prompt: str | None = None,
    response: str | None = None,
    metrics: Sequence[str] | None = None,
    before: bool = True,
    out: str | Path | None = None,
    base: str | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure an adapter on a file of prompts with reference answers.

    Args:
        adapter: Folder of the adapter.
        data: The file; its columns are those of the training data unless `prompt` and `response` say otherwise.
            A file written by weitiao (``dataset/test.jsonl``) is taken as it is.
        prompt: Column or template.
        response: Column or template.
        metrics: exact, bleu, rouge, accuracy; default: exact, bleu, rouge.
        before: Also measure the base without the adapter, on the full prompt.
        out: Folder for ``predictions.jsonl``, ``report.json`` and ``report.html``.
        base: Folder or Hub id of the base; default: where it was in training.
        console: For progress; None is silent.

    Returns:
        The report. It says how many of the examples the adapter was trained on.

    Raises:
        WeitiaoError: What is wrong with adapter or data.
    """
    chosen = _known(metrics or ("exact", "bleu", "rouge"))
    loaded = open_adapter(adapter, base=base)
    dataset = _read(loaded, Path(data), prompt, response)
    examples = list(dataset.test)
    base_says = _answers(loaded, examples, adapter=False, console=console) if before else None
    adapter_says = _answers(loaded, examples, adapter=True, console=console)
    references = reference_texts(loaded.format, examples)
    report = {
        "name": f"{loaded.config.get('name', 'adapter')} on {Path(data).name}",
        **_compared(base_says, adapter_says, references, chosen, [example.group for example in examples]),
        "method": loaded.config["method"],
        "train": dict.fromkeys(REQUIRED["train"]),  # nothing was trained here
        "adapter": {"parameters": loaded.describe()["parameters"], "bytes": _size(Path(adapter))},
        "base": loaded.base.describe(),
        "data": {"sha256": dataset_hash(dataset), "train": 0, "dev": 0, "test": len(examples)},
        "versions": versions(),
        "seed": 0,
    }
    report["notes"] += trained_on(Path(adapter), examples)
    if out is None:
        return report
    folder = Path(out)
    rows = prediction_rows(examples, references, base_says, adapter_says)
    write_lines(folder / "predictions.jsonl", rows)
    text = _recipe_of(loaded, Path(adapter))
    return write_report(folder, report, predictions=rows, history=[], card=dataset.card, recipe_yaml=text)


def _recipe_of(loaded: Loaded, adapter: Path) -> str:
    """The recipe that trained the adapter where its run is still around it, else what the adapter itself remembers."""
    beside = adapter.resolve().parent / "recipe.yaml"
    if beside.is_file():
        return beside.read_text("utf-8")
    known = {key: loaded.config[key] for key in ("name", "method", "data", "seed") if key in loaded.config}
    note = f"# {adapter.name} lies outside of its run: this is what {CONFIG} remembers.\n"
    return note + yaml.safe_dump(known, allow_unicode=True, sort_keys=False)


def _known(metrics: Sequence[str]) -> tuple[str, ...]:
    unknown = [m for m in metrics if m not in METRICS]
    if unknown:
        raise ConfigError(f"--metrics: unknown {unknown[0]!r}", remedy=f"choose from {', '.join(METRICS)}")
    return tuple(metrics)


def _answers(
    loaded: Loaded, examples: Sequence[Example], *, adapter: bool, console: Console | None
) -> Answers:
    who = loaded.answerer(adapter=adapter)
    prefix = None if who.prefix is None else DeepPrefix(who.prefix).to(who.model.device)
    what = "measuring the adapter" if adapter else "measuring the base"
    config = loaded.decode_config()
    return answer_examples(
        Tuned(who.model, prefix), who.format, examples, config, seed=0, console=console, what=what
    )


def _compared(
    before: Answers | None,
    after: Answers,
    references: Sequence[str],
    metrics: tuple[str, ...],
    groups: Sequence[str],
) -> dict[str, Any]:
    texts = None if before is None else before.texts
    return compare(texts, after.texts, references, metrics, groups=groups).as_report()


def _as_recipe(loaded: Loaded, data: Path, prompt: str | None, response: str | None) -> Recipe:
    known = loaded.config["data"]
    section = DataConfig(
        train=(Source(file=str(data)),),
        test=(Source(file=str(data)),),
        prompt=prompt or known["prompt"],
        response=response or known["response"],
        system=known.get("system"),
        split=SplitConfig(),
    )
    return Recipe(data=section)


def _read(loaded: Loaded, data: Path, prompt: str | None, response: str | None) -> Dataset:
    """The file as the test part of a data set."""
    if prompt is None and response is None and _is_ours(data):
        whole = load_dataset(data.parent)
        examples = getattr(whole, data.stem)
        return Dataset((), (), tuple(examples), whole.card)
    recipe = _as_recipe(loaded, data, prompt, response)
    prepared = prepare(recipe, root=Path.cwd())
    if not prepared.test:
        raise DataError(f"{data} holds no example", remedy="give a file with rows")
    return Dataset((), (), prepared.test, prepared.card)


def _is_ours(data: Path) -> bool:
    return (
        data.stem in ("train", "dev", "test")
        and data.suffix == ".jsonl"
        and (data.parent / "card.json").is_file()
    )


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.glob("*.safetensors"))


def trained_on(adapter: Path, examples: Sequence[Example]) -> list[str]:
    """A warning when the run's own training part is beside the adapter and shares prompts with the examples."""
    folder = adapter.resolve().parent / "dataset"
    if not (folder / "train.jsonl").is_file():
        return []
    trained = {tuple((m.role, m.content) for m in e.prompt) for e in load_dataset(folder).train}
    seen = sum(tuple((m.role, m.content) for m in e.prompt) in trained for e in examples)
    if not seen:
        return []
    return [
        f"{seen} of {len(examples)} prompts were in the training part: on these the score is a training score"
    ]
