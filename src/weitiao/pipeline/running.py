"""``weitiao.run``: from a recipe to a proven adapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from safetensors.torch import save as to_bytes

from weitiao.chat import ChatFormat
from weitiao.config import PrefixConfig, Recipe
from weitiao.data import dataset_hash, save
from weitiao.errors import ConfigError, DataError
from weitiao.evaluate import compare, score
from weitiao.evaluate.closed_set import find_closed_set
from weitiao.evaluate.report import write_report
from weitiao.pipeline.answering import (
    Answers,
    answer_examples,
    answer_texts,
    check_answers,
    draw,
    prediction_rows,
    reference_texts,
)
from weitiao.pipeline.files import claim, versions, write_bytes, write_json, write_lines, write_text, writing
from weitiao.pipeline.opening import Opened, attach, notes, open_recipe
from weitiao.recipe import Resolved, dump, load_recipe
from weitiao.train.fit import FitResult, fit
from weitiao.train.losses import LOSSES
from weitiao.tuning.adapter import TENSORS, save_adapter
from weitiao.tuning.tuned import Tuned
from weitiao.types import Example, Rendered


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        report: What ``report.json`` holds.
        out: The run folder.
        said: Notes that were shown on the console while it ran.
    """

    report: dict[str, Any]
    out: Path
    said: tuple[str, ...] = ()

    @property
    def adapter(self) -> Path:
        """Folder of the adapter."""
        return self.out / "adapter"


def resolve(recipe: str | Path | Recipe, sets: Sequence[str] = ()) -> Resolved[Recipe]:
    """A recipe file with its ``--set`` values, or a recipe made in Python (paths from the current folder)."""
    if isinstance(recipe, Recipe):
        if sets:
            raise ValueError("`sets` go with a recipe file; change a Recipe with model_copy(update=...)")
        return Resolved(recipe, {}, Path.cwd(), Path("recipe.yaml"))
    return load_recipe(Path(recipe), tuple(sets))


def run(
    recipe: str | Path | Recipe,
    *,
    out: str | Path,
    sets: Sequence[str] = (),
    resume: bool = False,
    console: Console | None = None,
) -> RunResult:
    """Build the data set, train, and measure before and after.

    Args:
        recipe: A recipe file, or a recipe.
        out: Run folder; must be empty or absent unless `resume`.
        sets: ``a.b=c`` over the values of the file.
        resume: Go on with an interrupted run.
        console: For progress; None is silent.

    Returns:
        The report and the run folder with ``recipe.yaml``, ``dataset/``, ``adapter/``, ``checkpoints/``,
        ``trainer_state.json``, ``losses.safetensors``, ``predictions.jsonl``, ``report.json`` and ``report.html``.

    Raises:
        WeitiaoError: What is wrong and what to do; nothing is left half-written.
    """
    folder = Path(out)
    resolved = resolve(recipe, sets)
    claim(folder, resume=resume)
    try:
        prepared = _Run(open_recipe(resolved), folder, resume, console)
        prepared.check()
    except Exception:
        if not resume and not any(folder.iterdir()):
            folder.rmdir()
        raise
    return prepared.go()


@dataclass(frozen=True)
class _Run:
    """One run, stage by stage; each method is one stage of ``go``."""

    opened: Opened
    out: Path
    resume: bool
    console: Console | None

    def check(self) -> None:
        """Find before the first file is written what would only show after minutes.

        Raises:
            DataError: Nothing to train on, or prompts that leave no room for the longest answer.
            ConfigError: A dev metric that these data do not have.
        """
        opened, recipe = self.opened, self.opened.recipe
        if not opened.dataset.train:
            raise DataError(
                "the training part is empty", remedy="give more rows or smaller dev and test shares"
            )
        self._dev_score()
        examples = self._scored()
        if recipe.train.dev_metric != "loss":
            examples += self._dev_examples()
        limit = recipe.evaluate.decode.max_new_tokens
        check_answers(opened.base.model, opened.format, examples, limit, length=opened.prefix_length)
        if recipe.evaluate.before:
            check_answers(opened.base.model, opened.whole, self._scored(), limit)

    def _scored(self) -> list[Example]:
        return draw(self.opened.dataset.test, self.opened.recipe.evaluate.limit, self.opened.recipe.seed)

    def _dev_examples(self) -> list[Example]:
        return draw(self.opened.dataset.dev, self.opened.recipe.train.dev_samples, self.opened.recipe.seed)

    def go(self) -> RunResult:
        opened = self.opened
        train, dev = opened.rendered("train"), opened.rendered("dev")
        is_known = self.resume and (self.out / "recipe.yaml").is_file()
        if not is_known:
            self._write_inputs()
        said = notes(opened)
        self._say(said)
        examples = self._scored()
        before = self._before(examples)
        tuned = attach(opened)
        fitted = self._fit(tuned, train, dev)
        if is_known:  # only now it is certain that this recipe belongs to the run
            self._write_inputs()
        after = self._answer(tuned, opened.format, examples, "after") if examples else None
        return self._finish(tuned, fitted, examples, before, after, said)

    def _write_inputs(self) -> None:
        write_text(self.out / "recipe.yaml", dump(self.opened.recipe))
        with writing(self.out / "dataset"):
            save(self.opened.dataset, self.out / "dataset")

    def _say(self, lines: Sequence[str]) -> None:
        if self.console is not None:
            for line in lines:
                self.console.print(f"note: {line}", style="yellow", markup=False, highlight=False)

    def _before(self, examples: Sequence[Example]) -> Answers | None:
        """The untouched base on the full prompt; kept in a file, so that a resumed run need not repeat it."""
        if not self.opened.recipe.evaluate.before or not examples:
            return None
        kept = self.out / "before.json"
        key = self._before_key()
        if self.resume and kept.is_file():
            stored = json.loads(kept.read_text(encoding="utf-8"))
            if stored["key"] == key:
                return Answers.from_dict(stored["answers"])
        untouched = Tuned(self.opened.base.model, None)
        answers = self._answer(untouched, self.opened.whole, examples, "before")
        write_json(kept, {"key": key, "answers": answers.as_dict()})
        return answers

    def _before_key(self) -> str:
        """All that the answers of the untouched base depend on."""
        opened = self.opened
        base = f"{opened.base.fingerprint} {opened.base.model.dtype} {opened.whole.fingerprint}"
        return f"{dataset_hash(opened.dataset)} {base} {opened.recipe.seed} {opened.recipe.evaluate.model_dump_json()}"

    def _answer(self, tuned: Tuned, format: ChatFormat, examples: Sequence[Example], when: str) -> Answers:
        recipe = self.opened.recipe
        return answer_examples(
            tuned,
            format,
            examples,
            recipe.evaluate.decode,
            seed=recipe.seed,
            console=self.console,
            what=f"measuring {when}",
        )

    def _fit(self, tuned: Tuned, train: list[Rendered], dev: list[Rendered]) -> FitResult:
        recipe, opened = self.opened.recipe, self.opened
        return fit(
            tuned,
            train,
            dev,
            recipe.train,
            seed=recipe.seed,
            out=self.out,
            resume=self.resume,
            pad_id=opened.format.pad_id,
            dev_score=self._dev_score(),
            console=self.console,
            state={
                "base": opened.base.fingerprint,
                "data": dataset_hash(opened.dataset),
                "format": opened.format.fingerprint,
                "method": recipe.method.model_dump(mode="json"),
            },
        )

    def _dev_score(self) -> Callable[[Tuned], dict[str, float]] | None:
        recipe = self.opened.recipe
        metric = recipe.train.dev_metric
        if metric == "loss":
            return None
        # on a few dev samples the labels may be no closed set; the share of right labels is exact match anyway
        asked: Any = "exact" if metric == "accuracy" else metric
        examples = self._dev_examples()
        references = reference_texts(self.opened.format, examples)

        def measure(tuned: Tuned) -> dict[str, float]:
            texts = answer_texts(tuned, self.opened.format, examples, recipe.evaluate.decode)
            values = score(texts, references, (asked,), bootstrap=100)
            return {metric: next(e.value for name, e in values.items() if name.startswith(asked))}

        if metric == "accuracy" and examples and not (closed := find_closed_set(references)):
            raise ConfigError(
                f"train.dev_metric: accuracy needs answers that form a closed set, and {closed.reason}",
                remedy="set train.dev_metric to loss or exact",
            )
        return measure if examples else None

    def _finish(
        self,
        tuned: Tuned,
        fitted: FitResult,
        examples: Sequence[Example],
        before: Answers | None,
        after: Answers | None,
        said: Sequence[str],
    ) -> RunResult:
        opened, recipe = self.opened, self.opened.recipe
        measured: dict[str, Any] = {"metrics": {"before": None, "after": {"test": {}}, "difference": None}}
        rows: list[dict[str, Any]] = []
        if after is not None:
            references = reference_texts(opened.format, examples)
            texts = None if before is None else before.texts
            evaluate = recipe.evaluate
            comparison = compare(
                texts, after.texts, references, evaluate.metrics, evaluate.bootstrap, recipe.seed
            )
            measured = comparison.as_report()
            rows = prediction_rows(examples, references, before, after)
        write_lines(self.out / "predictions.jsonl", rows)
        write_bytes(self.out / LOSSES, to_bytes(fitted.losses.tensors()))
        tensors = tuned.export()
        with writing(self.out / "adapter"):
            save_adapter(self.out / "adapter", tensors, self._adapter_config(tuned, measured["metrics"]))
        report = {
            "name": recipe.name,
            **measured,
            "notes": [*said, *measured.get("notes", ())],
            "method": recipe.method.model_dump(mode="json"),
            "train": _train_facts(fitted),
            "adapter": {
                "parameters": sum(t.numel() for t in tensors.values()),
                "bytes": (self.out / "adapter" / TENSORS).stat().st_size,
            },
            "base": opened.base.describe(),
            "data": self._data_facts(),
            "versions": versions(),
            "seed": recipe.seed,
        }
        with writing(self.out / "report.html"):
            whole = write_report(
                self.out,
                report,
                predictions=rows,
                history=fitted.history,
                card=opened.dataset.card,
                recipe_yaml=dump(recipe),
            )
        return RunResult(whole, self.out, tuple(said) if self.console is not None else ())

    def _data_facts(self) -> dict[str, Any]:
        dataset = self.opened.dataset
        counts = {part: len(getattr(dataset, part)) for part in ("train", "dev", "test")}
        return {"sha256": dataset_hash(dataset), **counts}

    def _adapter_config(self, tuned: Tuned, metrics: dict[str, Any]) -> dict[str, Any]:
        opened, recipe = self.opened, self.opened.recipe
        data = recipe.data
        first = [*data.sources, *data.train][0]
        mapping = {
            "prompt": first.prompt or data.prompt,
            "response": first.response or data.response,
            "system": first.system or data.system,
        }
        start = opened.start
        return {
            "weitiao_version": versions()["weitiao"],
            "name": recipe.name,
            "base": opened.base.describe(),
            "dtype": str(opened.base.model.dtype).removeprefix("torch."),
            "method": recipe.method.model_dump(mode="json"),
            "position_start": tuned.position_start,
            "length": opened.prefix_length if isinstance(recipe.method, PrefixConfig) else None,
            "absorbed": list(start.absorbed) if start is not None else [],
            "format": opened.format.describe(),
            "data": {**mapping, **self._data_facts()},
            "metrics": metrics,
            "decode": recipe.evaluate.decode.model_dump(mode="json"),
            "seed": recipe.seed,
            "versions": versions(),
        }


def _train_facts(fitted: FitResult) -> dict[str, Any]:
    return {
        "seconds": fitted.seconds,
        "steps": fitted.steps,
        "samples": fitted.samples,
        "tokens_rendered": fitted.tokens_rendered,
        "tokens_computed": fitted.tokens_computed,
        "peak_memory_bytes": fitted.peak_memory_bytes,
        "best": fitted.best,
        "stopped_early": fitted.stopped_early,
    }
