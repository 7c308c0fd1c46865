"""Quality against error rate: test prompts damaged at each rate, answered by the models that are compared.

The damage is that of a step ``{kind: noise, parts: [test], keep_original: false}`` at the end of ``data.steps``: one
implementation, and a number here can be had again as a test of its own. It is drawn from the seed and the id of each
example, so that every model reads the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from weitiao.chat import ChatFormat
from weitiao.config import DecodeConfig, DeduplicateStep, NoiseStep, Recipe, RobustnessConfig
from weitiao.data import Fit, prepare
from weitiao.data.steps.noise import LEVEL
from weitiao.errors import AdapterError, ConfigError, DataError, FormatError
from weitiao.evaluate.robustness import Rate, applies, curves
from weitiao.infer.loaded import Loaded, open_adapter, open_over
from weitiao.models.load import Base
from weitiao.pipeline.answering import answer_texts, bar_on, check_answers, reference_texts
from weitiao.tuning.adapter import CONFIG
from weitiao.tuning.prefix import DeepPrefix
from weitiao.tuning.tuned import Tuned
from weitiao.types import Example


@dataclass(frozen=True)
class DamagedTest:
    """The test at one error rate.

    Attributes:
        rate: What was asked for, and what came.
        examples: [N] as they are answered.
        originals: [N] undamaged, in the same order.
    """

    rate: Rate
    examples: tuple[Example, ...]
    originals: tuple[Example, ...]


@dataclass(frozen=True)
class Contender:
    """One model that answers.

    Attributes:
        name: For the legend.
        tuned: The base with its method.
        format: As prompts are rendered for it.
        decode: Decoding settings.
        seed: Of the sampling.
        known: Answers to undamaged prompts that are there already, by the id of the example.
    """

    name: str
    tuned: Tuned
    format: ChatFormat
    decode: DecodeConfig
    seed: int = 0
    known: Mapping[str, str] = field(default_factory=dict)


def damaged_tests(
    recipe: Recipe,
    root: Path,
    examples: Sequence[Example],
    config: RobustnessConfig,
    fitter: Callable[[Example], Fit] | None = None,
) -> list[DamagedTest]:
    """Test examples at each rate of the section.

    Args:
        recipe: Made the examples; its data are prepared once more, but for steps that only touch the training part.
        root: Folder that its relative paths start from.
        examples: [N] of the test part.
        config: Rates, mix, column.
        fitter: As the data were prepared with.

    Raises:
        DataError: The prompts do not hold the column, or damaged samples are too long.
    """
    kept, originals = for_the_test(recipe), tuple(examples)
    damage = config.step(recipe.seed)
    noisy = kept.model_copy(
        update={"data": kept.data.model_copy(update={"steps": (*kept.data.steps, damage)})}
    )
    try:
        made = prepare(noisy, root=root, fitter=fitter).test if damage.rates else ()
    except DataError as error:  # without this step the same data have been prepared before
        raise DataError(f"evaluate.robustness: {error.message}", remedy=error.remedy) from error
    heard = {(e.meta[LEVEL], e.meta["noise"]["of"]): e for e in made if _is_heard(e)}
    tests = []
    for cer in config.cer:
        found = tuple(heard.get((cer, example.id), example) for example in originals)
        rate = _rate(cer, originals, found) if cer else Rate(0.0, 0.0, 0)
        tests.append(DamagedTest(rate, found, originals))
    return tests


def for_the_test(recipe: Recipe) -> Recipe:
    """The recipe without steps that only touch the training part: its test part is the same."""
    steps = tuple(
        step
        for step in recipe.data.steps
        if isinstance(step, DeduplicateStep) or (isinstance(step, NoiseStep) and "test" in step.parts)
    )
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"steps": steps})})


def _is_heard(example: Example) -> bool:
    return "noise" in example.meta


def _rate(target: float, clean: Sequence[Example], heard: Sequence[Example]) -> Rate:
    facts = [h.meta["noise"] for c, h in zip(clean, heard, strict=True) if h is not c]
    edits, length = (sum(fact[key] for fact in facts) for key in ("edits", "length"))
    changed = sum(c.prompt != h.prompt for c, h in zip(clean, heard, strict=True))
    return Rate(target, edits / length if length else 0.0, changed)


def check_metric(config: RobustnessConfig, references: Sequence[str], key: str) -> None:
    """Refuse a metric that has no value on these references.

    Args:
        config: The section.
        references: [N].
        key: Where the metric stands, for the message.

    Raises:
        ConfigError: It has none.
    """
    why = applies(config.metric, references) if config.metric else ""
    if why:
        raise ConfigError(
            f"{key}: {config.metric} needs answers that form a closed set, and {why}",
            remedy="raise the limit, or name another metric",
        )


def check_room(model: Any, format: ChatFormat, tests: Sequence[DamagedTest], limit: int, length: int) -> None:
    """Refuse damaged prompts that leave no room for the longest answer; arguments as for `check_answers`.

    Raises:
        DataError: All prompts that are too long.
        FormatError: The damage reaches into the instruction that the prefix has absorbed.
    """
    try:
        for test in tests:
            check_answers(model, format, test.examples, limit, length=length)
    except FormatError as error:
        raise FormatError(
            f"the damage reaches into the instruction that the prefix has absorbed: {error.message}",
            remedy="name in evaluate.robustness.column (--column) the column whose text is to be damaged, so that the "
            "instruction is spared, or train with `method.absorb: false`",
        ) from error


def adapter_folder(path: str | Path, root: Path | None = None) -> Path:
    """The adapter folder of a run, or the folder itself; beside the recipe first, then in the current folder.

    Raises:
        AdapterError: Neither holds an adapter.
    """
    given = Path(path).expanduser()
    places = [place for place in ((root / given) if root else given, given)]
    for place in places:
        for folder in (place / "adapter", place):
            if (folder / CONFIG).is_file():
                return folder
    raise AdapterError(
        f"{path} is no run and no adapter folder: neither {given / 'adapter' / CONFIG} nor {given / CONFIG} is there",
        remedy="give the folder of a finished run (runs/NAME) or its adapter (runs/NAME/adapter)",
    )


def run_name(folder: Path) -> str:
    """What people call an adapter: the name of its run folder."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "adapter" else folder.name


def open_shared(folder: Path, bases: list[Base], base: str | None = None) -> Loaded:
    """Open an adapter, over one of the bases that are open already where it fits.

    Args:
        folder: The adapter folder.
        bases: Untouched bases; the one that is opened here is added when others may share it.
        base: Folder or Hub id of the base. Default: where it was in training.

    Raises:
        AdapterError: The folder is damaged.
        ModelError: The base cannot be opened.
    """
    shared = (open_over(opened, folder) for opened in bases)
    loaded = next((found for found in shared if found is not None), None)
    if loaded is None:
        loaded = open_adapter(folder, base=base)
        if loaded.prefix is not None:
            bases.append(loaded.base)
    return loaded


def contender(loaded: Loaded, name: str) -> Contender:
    """An opened adapter as one of the models that answer, decoding as it was evaluated."""
    who = loaded.answerer()
    prefix = None if who.prefix is None else DeepPrefix(who.prefix).to(who.model.device)
    return Contender(name, Tuned(who.model, prefix), who.format, loaded.decode_config())


def measure_robustness(
    contenders: Sequence[Contender],
    tests: Sequence[DamagedTest],
    config: RobustnessConfig,
    *,
    metrics: Sequence[str],
    bootstrap: int = 1000,
    seed: int = 0,
    console: Console | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Answer the tests with every model and score the answers.

    Args:
        contenders: M models, the one the report is about first.
        tests: At each rate, the same N examples.
        config: The section.
        metrics: Names out of `weitiao.evaluate.metrics.METRICS`.
        bootstrap: Resamples of the intervals.
        seed: Of the resamples.
        console: For the progress bar; None is silent.

    Returns:
        Section ``robustness`` of the report, and the rows of ``robustness.jsonl``: one for each example and rate.

    Raises:
        DataError: No sample, or a prompt that leaves no room for the answer.
    """
    examples = tests[0].originals
    answers: dict[str, list[list[str]]] = {}
    with bar_on(console) as bar:
        task = bar.add_task("measuring under noise", total=len(contenders) * len(tests) * len(examples))
        for who in contenders:
            answers[who.name] = [
                _answers(who, test, lambda number: bar.advance(task, number)) for test in tests
            ]
    references = reference_texts(contenders[0].format, examples)
    section = curves(
        answers,
        references,
        [test.rate for test in tests],
        metrics=metrics,
        metric=config.metric,
        bootstrap=bootstrap,
        seed=seed,
        groups=[example.group for example in examples],
    )
    said = config.model_dump(mode="json", exclude={"metric", "cer", "against"})
    rows = [
        {
            "id": clean.id,
            "cer": test.rate.target,
            "original": _text(clean),
            "prompt": _text(heard),
            "reference": references[n],
            "answers": {name: found[k][n] for name, found in answers.items()},
        }
        for k, test in enumerate(tests)
        for n, (clean, heard) in enumerate(zip(examples, test.examples, strict=True))
    ]
    return {**section, "damage": {**said, "seed": seed if config.seed is None else config.seed}}, rows


def _text(example: Example) -> str:
    return "\n".join(m.content for m in example.prompt)


def _answers(who: Contender, test: DamagedTest, advance: Callable[[int], None]) -> list[str]:
    if all(example.id in who.known for example in test.examples):
        advance(len(test.examples))
        return [who.known[example.id] for example in test.examples]
    return answer_texts(who.tuned, who.format, test.examples, who.decode, seed=who.seed, advance=advance)
