"""Answers for examples, and for every row of a file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from weitiao.chat import ChatFormat
from weitiao.config import DataConfig, DecodeConfig, Source
from weitiao.data.build import build_source
from weitiao.data.read import read
from weitiao.errors import DataError, FormatError, collect
from weitiao.infer.bar import progress_bar
from weitiao.infer.batches import Answered, answer
from weitiao.infer.decode import Decoded
from weitiao.infer.loaded import Answerer, Loaded, open_adapter
from weitiao.infer.partial import PartialFile
from weitiao.infer.positions import check_lengths
from weitiao.infer.table import check_writable, write_table
from weitiao.types import Example, Prediction

if TYPE_CHECKING:
    from rich.console import Console


class Numbered(NamedTuple):
    """A prediction and the place of its example in the list."""

    number: int
    prediction: Prediction


def predict(
    model: Any,
    format: ChatFormat,
    examples: Sequence[Example],
    decode: DecodeConfig,
    *,
    prefix: Tensor | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Numbered]:
    """Answer the prompts of examples; their references are not looked at.

    Args:
        model: The base.
        format: Renders the prompts; where it leaves out a beginning, `prefix` must stand for it.
        examples: Any order; they are sorted into batches of `decode.batch_size` inside.
        decode: Decoding settings.
        prefix: [L, 2, K, P, D] in front of every prompt, or None.
        seed: Of the sampling; example n draws from (seed, n).
        progress: Called with the number of examples done since the last call.

    Yields:
        Predictions batch by batch, not in the order of the examples.

    Raises:
        FormatError: Prompts that cannot be rendered, all of them in one error, before anything is answered.
        DataError: Prompts that are too long, likewise.
    """
    prompts = render_prompts(format, examples)
    _check(model, prompts, examples, prefix, decode)
    for done in answer(model, prompts, prefix=prefix, format=format, config=decode, seed=seed):
        for number, decoded in zip(done.numbers, done.generation.answers, strict=True):
            yield Numbered(number, prediction_of(examples[number], decoded))
        if progress is not None:
            progress(len(done.numbers))


def predict_all(
    model: Any,
    format: ChatFormat,
    examples: Sequence[Example],
    decode: DecodeConfig,
    *,
    prefix: Tensor | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Like `predict`, as a list in the order of the examples."""
    found = predict(model, format, examples, decode, prefix=prefix, seed=seed, progress=progress)
    by_number = {n.number: n.prediction for n in found}
    return [by_number[k] for k in range(len(examples))]


def prediction_of(example: Example, decoded: Decoded) -> Prediction:
    """An answer as the prediction of an example."""
    return Prediction(
        example_id=example.id,
        text=decoded.text,
        finish_reason=decoded.finish_reason,
        prompt_tokens=decoded.prompt_tokens,
        completion_tokens=len(decoded.ids),
        logprobs=decoded.logprobs,
    )


def render_prompts(format: ChatFormat, examples: Sequence[Example]) -> list[tuple[int, ...]]:
    """Token ids of all prompts.

    Raises:
        FormatError: Names all examples that cannot be rendered.
    """
    prompts, problems = [], []
    remedy = None
    for example in examples:
        try:
            prompts.append(format.render_prompt(example.prompt, example.tools))
        except FormatError as error:
            problems.append(f"{example.origin or example.id}: {error.message}")
            remedy = remedy or error.remedy
    if problems:
        what = f"{len(problems)} of {len(examples)} prompts cannot be rendered"
        raise FormatError(collect(problems, what=what), remedy=remedy)
    return prompts


def _check(
    model: Any,
    prompts: Sequence[Sequence[int]],
    examples: Sequence[Example],
    prefix: Tensor | None,
    decode: DecodeConfig,
) -> None:
    check_lengths(
        model,
        prompts,
        prefix=prefix,
        max_new_tokens=decode.max_new_tokens,
        name=lambda n: str(examples[n].origin or examples[n].id),
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of an input file, and where their answers go."""

    fields: list[dict[str, Any]]
    columns: tuple[str, ...]
    examples: Sequence[Example]
    sha256: str
    answer: str
    finish: str


@dataclass
class _Tally:
    """What a run did, for its summary."""

    answered: int = 0
    prompt_tokens: int = 0
    computed_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.perf_counter)

    def add(self, done: Answered) -> None:
        stats = done.generation.stats
        self.answered += len(done.numbers)
        self.prompt_tokens += stats.prompt_tokens
        self.computed_tokens += stats.computed_tokens
        self.completion_tokens += stats.completion_tokens


def predict_file(
    adapter: Path,
    input: Path,
    output: Path,
    *,
    prompt: str | None = None,
    base: str | None = None,
    decode: DecodeConfig | None = None,
    with_adapter: bool = True,
    console: Console | None = None,
    limit: int | None = None,
    seed: int = 0,
    loaded: Loaded | None = None,
) -> dict[str, Any]:
    """Answer every row of a file.

    Answers are kept in ``OUTPUT.partial.jsonl`` while the work goes on. A run that was killed goes on from
    there when it is started again with the same arguments (another batch size is allowed); no row is
    answered twice or lost, and the answers are those of an uninterrupted run. The output is written at the
    end, in the order of the input: all its columns, ``answer`` and ``finish_reason``. Where the input has
    columns of these names the new ones are called ``answer_1`` and so on; the summary names the one that
    was used.

    Args:
        adapter: Adapter folder.
        input: json, jsonl, csv, tsv, xlsx or parquet.
        output: csv, tsv (both with a byte order mark, for Excel), json, jsonl or xlsx; replaced if it is
            there.
        prompt: Column or template. Default: the one the adapter was trained with.
        base: Base to load. Default: the one in the adapter.
        decode: Decoding settings. Default: those the adapter was evaluated with.
        with_adapter: False lets the untouched base answer the same prompts.
        console: Where the progress bar goes; None: no bar.
        limit: Answer the first rows only.
        seed: Of the sampling.
        loaded: The adapter if it is open already.

    Returns:
        Summary: rows, how many were taken over from an interrupted run, tokens, seconds, column of the
            answers.

    Raises:
        DataError: The input is wrong, prompts are empty or too long, the output cannot be written, or the
            work file belongs to other settings; all before the first row is answered.
        FormatError: Prompts that do not fit the adapter.
        AdapterError: The adapter is damaged or does not fit the base.
    """
    adapter, input, output = Path(adapter), Path(input), Path(output)
    if input.resolve() == output.resolve():
        raise DataError(f"{output}: input and output are the same file", remedy="choose another --output")
    check_writable(output, columns=(), rows=())
    handle = loaded if loaded is not None else open_adapter(adapter, base=base)
    config = decode if decode is not None else handle.decode_config()
    data = handle.config.get("data", {})
    asked = prompt or data.get("prompt")
    rows = _read_rows(input, asked, data.get("system"), limit)
    check_writable(output, columns=rows.columns, rows=rows.fields)
    who = handle.answerer(adapter=with_adapter)
    prompts = render_prompts(who.format, rows.examples)
    _check(who.model, prompts, rows.examples, who.prefix, config)
    chosen = {"prompt": asked, "with_adapter": with_adapter, "seed": seed}
    settings = {**chosen, **_settings(handle, who, rows, prompts, config)}
    tally = _Tally()
    with PartialFile(output.with_name(f"{output.name}.partial.jsonl"), settings) as partial:
        resumed = len(partial.rows)
        answers = answer(
            who.model,
            prompts,
            prefix=who.prefix,
            format=who.format,
            config=config,
            seed=seed,
            done=tuple(partial.rows),
        )
        with progress_bar(console, len(prompts), resumed) as advance:
            for done in answers:
                partial.add(
                    (n, {"answer": d.text, "finish_reason": d.finish_reason})
                    for n, d in zip(done.numbers, done.generation.answers, strict=True)
                )
                tally.add(done)
                advance(len(done.numbers))
        _write(output, rows, partial)
        partial.remove()
    return _summary(rows, resumed, tally)


def _settings(
    handle: Loaded,
    who: Answerer,
    rows: _Rows,
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
) -> dict[str, Any]:
    """What the answers depend on beside the arguments; a work file of other settings is not continued."""
    return {
        "input_sha256": rows.sha256,
        "rows": len(prompts),
        "prompts_sha256": hashlib.sha256(repr(prompts).encode()).hexdigest(),
        "adapter_sha256": handle.config.get("sha256"),
        "base": handle.base.fingerprint,
        "dtype": str(who.model.dtype),
        "decode": config.model_dump(mode="json", exclude={"batch_size"}),
    }


def _read_rows(input: Path, prompt: str | None, system: str | None, limit: int | None) -> _Rows:
    if not prompt:
        raise DataError(
            "this adapter does not say which column its prompts come from", remedy="give it: --prompt COLUMN"
        )
    source = Source.model_validate({"file": str(input), "limit": limit})
    reading = read(source, root=Path())
    records = list(reading)
    config = DataConfig.model_validate({"sources": (source,), "prompt": prompt, "system": system})
    try:
        built = build_source(records, config, source, with_response=False)
    except DataError as error:
        raise DataError(
            error.message,
            remedy="every row needs a prompt; --prompt names its column, or a template over the columns "
            'such as "Question: {{ question }}"',
        ) from error
    columns = reading.columns
    return _Rows(
        fields=[dict(record.fields) for record in records],
        columns=columns,
        examples=built.examples,
        sha256=reading.sha256(),
        answer=_free("answer", columns),
        finish=_free("finish_reason", columns),
    )


def _free(name: str, columns: Sequence[str]) -> str:
    """The name, or with a number where a column has it already."""
    candidate, number = name, 0
    while candidate in columns:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _write(output: Path, rows: _Rows, partial: PartialFile) -> None:
    done = [
        {
            **fields,
            rows.answer: partial.rows[n]["answer"],
            rows.finish: partial.rows[n]["finish_reason"],
        }
        for n, fields in enumerate(rows.fields)
    ]
    try:
        write_table(output, (*rows.columns, rows.answer, rows.finish), done)
    except DataError as error:
        other = output.with_suffix(".jsonl")
        raise DataError(
            error.message,
            remedy=f"nothing is lost: rename {partial.path.name} to {other.name}.partial.jsonl and run again "
            f"with --output {other}",
        ) from error


def _summary(rows: _Rows, resumed: int, tally: _Tally) -> dict[str, Any]:
    seconds = time.perf_counter() - tally.started
    return {
        "rows": len(rows.fields),
        "resumed": resumed,
        "answer_column": rows.answer,
        "prompt_tokens": tally.prompt_tokens,
        "computed_tokens": tally.computed_tokens,
        "completion_tokens": tally.completion_tokens,
        "seconds": seconds,
        "rows_per_second": tally.answered / seconds if seconds > 0 else 0.0,
    }
