"""``weitiao.run``: from a recipe to a proven adapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from safetensors.torch import save as to_bytes

from weitiao.chat import ChatFormat
from weitiao.config import PrefixConfig, Recipe
from weitiao.data import dataset_hash, save
from weitiao.data.checked import with_checks
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
from weitiao.pipeline.origins import write_origins
from weitiao.pipeline.robustness_run import RobustnessPlan, plan_robustness
from weitiao.pipeline.suspects import summary, suspects_of
from weitiao.recipe import Resolved, dump, resolve
from weitiao.train.fit import FitResult, fit
from weitiao.train.losses import LOSSES
from weitiao.tuning.adapter import TENSORS, save_adapter
from weitiao.tuning.tuned import Tuned
from weitiao.types import Example, Rendered

_SUSPECTS = 10  # in the report; `weitiao data suspects` lists more


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


def run(
    recipe: str | Path | Recipe,
    *,
    out: str | Path,
    sets: Sequence[str] = (),
    resume: bool = False,
    folds: int | None = None,
    console: Console | None = None,
) -> RunResult:
    """Build the data set, train, and measure before and after.

    With folds, here or in ``data.split.folds``, there is a whole run for each of them, see
    `weitiao.pipeline.folds.run_folds`.

    Args:
        recipe: A recipe file, or a recipe.
        out: Run folder; must be empty or absent unless `resume`.
        sets: ``a.b=c`` over the values of the file.
        resume: Go on with an interrupted run.
        folds: Over ``data.split.folds``.
        console: For progress; None is silent.

    Returns:
        The report and the run folder with ``recipe.yaml``, ``sources.json``, ``dataset/``, ``adapter/``,
        ``checkpoints/``, ``trainer_state.json``, ``losses.safetensors``, ``predictions.jsonl``, ``report.json`` and
        ``report.html``; with ``evaluate.robustness`` also ``robustness.jsonl``.

    Raises:
        WeitiaoError: What is wrong and what to do; nothing is left half-written.
    """
    resolved = resolve(recipe, sets, folds=folds)
    split = resolved.value.data.split
    if split.folds is not None and split.fold is None:
        from weitiao.pipeline.folds import run_folds

        return run_folds(resolved, Path(out), resume=resume, console=console)
    return run_one(resolved, Path(out), resume=resume, console=console)


def run_one(
    resolved: Resolved[Recipe], folder: Path, *, resume: bool = False, console: Console | None = None
) -> RunResult:
    """One run in its folder, see `run`."""
    claim(folder, resume=resume)
    if (folder / "fold-1").exists():
        raise ConfigError(
            f"--out {folder} holds runs over folds", remedy="give --folds as before, or choose another folder"
        )
    try:
        opened = open_recipe(resolved)
        checked = with_checks(opened.dataset, opened.recipe, root=resolved.root)
        prepared = _Run(replace(opened, dataset=checked), folder, resume, console, resolved.root)
        prepared.check()
        plan = plan_robustness(prepared.opened, resolved.root, prepared.scored())
    except Exception:
        if not resume and not any(folder.iterdir()):
            folder.rmdir()
        raise
    return prepared.go(plan)


@dataclass(frozen=True)
class _Run:
    """One run, stage by stage; each method is one stage of ``go``."""

    opened: Opened
    out: Path
    resume: bool
    console: Console | None
    root: Path = Path()

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
        examples = self.scored()
        if recipe.train.dev_metric != "loss":
            examples += self._dev_examples()
        limit = recipe.evaluate.decode.max_new_tokens
        check_answers(opened.base.model, opened.format, examples, limit, length=opened.prefix_length)
        if recipe.evaluate.before:
            check_answers(opened.base.model, opened.whole, self.scored(), limit)

    def scored(self) -> list[Example]:
        """Test examples that are answered before and after."""
        return draw(self.opened.dataset.test, self.opened.recipe.evaluate.limit, self.opened.recipe.seed)

    def _dev_examples(self) -> list[Example]:
        return draw(self.opened.dataset.dev, self.opened.recipe.train.dev_samples, self.opened.recipe.seed)

    def go(self, plan: RobustnessPlan | None = None) -> RunResult:
        """All stages in order; `plan` is what will be measured under noise."""
        opened = self.opened
        train, dev = opened.rendered("train"), opened.rendered("dev")
        is_known = self.resume and (self.out / "recipe.yaml").is_file()
        if not is_known:
            self._write_inputs()
        said = notes(opened)
        self._say(said)
        examples = self.scored()
        before = self._before(examples)
        tuned = attach(opened)
        fitted = self._fit(tuned, train, dev)
        if is_known:  # only now it is certain that this recipe belongs to the run
            self._write_inputs()
        after = self._answer(tuned, opened.format, examples, "after") if examples else None
        under_noise = None if plan is None or after is None else self._under_noise(plan, tuned, after)
        return self._finish(tuned, fitted, examples, before, after, said, under_noise)

    def _under_noise(self, plan: RobustnessPlan, tuned: Tuned, after: Answers) -> dict[str, Any]:
        known = dict(zip((e.id for e in self.scored()), after.texts, strict=True))
        section, rows = plan.measure(self.opened, tuned, known, self.console)
        write_lines(self.out / "robustness.jsonl", rows)
        return section

    def _write_inputs(self) -> None:
        write_text(self.out / "recipe.yaml", dump(self.opened.recipe))
        write_origins(self.out, self.opened.dataset.card["sources"], self.root)
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
        under_noise: dict[str, Any] | None,
    ) -> RunResult:
        opened, recipe = self.opened, self.opened.recipe
        measured: dict[str, Any] = {"metrics": {"before": None, "after": {"test": {}}, "difference": None}}
        rows: list[dict[str, Any]] = []
        if after is not None:
            references = reference_texts(opened.format, examples)
            texts = None if before is None else before.texts
            evaluate = recipe.evaluate
            wanted = (evaluate.metrics, evaluate.bootstrap, recipe.seed)
            groups = [example.group for example in examples]
            measured = compare(texts, after.texts, references, *wanted, groups=groups).as_report()
            rows = prediction_rows(examples, references, before, after)
        write_lines(self.out / "predictions.jsonl", rows)
        write_bytes(self.out / LOSSES, to_bytes(fitted.losses.tensors()))
        tensors = tuned.export()
        with writing(self.out / "adapter"):
            save_adapter(self.out / "adapter", tensors, self._adapter_config(tuned, measured["metrics"]))
        found = suspects_of(opened.dataset.train, fitted.losses, recipe, limit=_SUSPECTS)
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
            "suspects": summary(found),
            "versions": versions(),
            "seed": recipe.seed,
            **({} if under_noise is None else {"robustness": under_noise}),
        }
        with writing(self.out / "report.html"):
            whole = write_report(
                self.out,
                report,
                predictions=rows,
                history=fitted.history,
                card=opened.dataset.card,
                recipe_yaml=dump(recipe),
                suspects=found,
            )
        return RunResult(whole, self.out, tuple(said) if self.console is not None else ())

    def _data_facts(self) -> dict[str, Any]:
        dataset = self.opened.dataset
        counts = {part: len(getattr(dataset, part)) for part in ("train", "dev", "test")}
        same = {"same": True} if self.opened.recipe.data.split.same else {}
        return {"sha256": dataset_hash(dataset), **counts, **same}

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
