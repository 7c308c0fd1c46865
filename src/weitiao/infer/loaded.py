"""An adapter folder opened over its base: ready to answer, with the adapter or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, overload

from pydantic import ValidationError
from torch import Tensor

from weitiao.chat import Absorbed, ChatFormat, make_format
from weitiao.config import BaseConfig, DecodeConfig, FormatConfig, Section
from weitiao.data.template import FieldError, compile_expression, is_template
from weitiao.errors import AdapterError, ConfigError, FormatError
from weitiao.infer.batches import answer
from weitiao.infer.decode import stream
from weitiao.infer.positions import check_lengths
from weitiao.models.load import Base, load_base
from weitiao.tuning.adapter import check_base, check_format, prefix_of, read_config, read_tensors
from weitiao.tuning.exchange.placing import on_base
from weitiao.tuning.full import load_weights
from weitiao.types import Message

Prompt = str | Mapping[str, Any] | Sequence[Message]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Answerer:
    """What answers: a model, the format its prompts are rendered in, and the prefix in front of them."""

    model: Any
    format: ChatFormat
    prefix: Tensor | None


@dataclass(frozen=True)
class Loaded:
    """An adapter and its base.

    Attributes:
        base: The base; after full tuning its weights are the adapter's.
        format: As prompts were rendered in training; a beginning that the prefix stands for is left out.
        prefix: [L, 2, K, P, D], None after full tuning.
        config: Of the adapter folder.
    """

    base: Base
    format: ChatFormat
    prefix: Tensor | None
    config: dict[str, Any]

    @cached_property
    def untouched(self) -> Base:
        """The base as it was before tuning; after full tuning a second copy, opened when first asked for."""
        if self.prefix is not None:
            return self.base
        dtype = str(self.base.model.dtype).removeprefix("torch.")
        section = {
            "path": self.base.path,
            "device": str(self.base.model.device),
            "dtype": dtype,
            "rotary": self.base.rotary,
        }
        return load_base(BaseConfig.model_validate(section))

    def answerer(self, *, adapter: bool = True) -> Answerer:
        """What answers with the adapter, or without it: the base, and the whole of each prompt."""
        if adapter:
            return Answerer(self.base.model, self.format, self.prefix)
        plain = self.format.inner if isinstance(self.format, Absorbed) else self.format
        return Answerer(self.untouched.model, plain, None)

    @overload
    def generate(  # pyright: ignore[reportOverlappingOverload]  (a text is a sequence of texts)
        self,
        prompt: Prompt,
        *,
        adapter: bool = True,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        **decode: Any,
    ) -> str: ...

    @overload
    def generate(
        self,
        prompt: Sequence[Prompt],
        *,
        adapter: bool = True,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        **decode: Any,
    ) -> list[str]: ...

    def generate(
        self,
        prompt: Prompt | Sequence[Prompt],
        *,
        adapter: bool = True,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        **decode: Any,
    ) -> str | list[str]:
        """Answer one prompt or several.

        Args:
            prompt: A text; a mapping with the columns of the training data; or a conversation (messages,
                the last one a user's), taken as it is. A list of these is answered in batches. Where the
                adapter's prompt is a template over one column, a text is the value of that column.
            adapter: False lets the untouched base answer, on the same prompt.
            system: System message of texts and conversations without one. Default: that of the training
                data; an empty text: none.
            tools: JSON schemas of the functions that may be called; `ChatFormat.parse` reads calls out of answers.
            seed: Of the sampling.
            decode: Fields of `weitiao.config.DecodeConfig`; default: as the adapter was evaluated.

        Returns:
            The answer, or a list of answers for a list of prompts.

        Raises:
            FormatError: The prompt cannot be rendered as in training.
            DataError: It leaves no room for the answer.
            ConfigError: Unknown or wrong decoding settings.
        """
        one = _is_one(prompt)
        given: Sequence[Any] = [prompt] if one else list(prompt)  # type: ignore[arg-type]
        config, who = self.decode_config(**decode), self.answerer(adapter=adapter)
        prompts = [who.format.render_prompt(self.messages(p, system=system), tools) for p in given]
        check_lengths(
            who.model,
            prompts,
            prefix=who.prefix,
            max_new_tokens=config.max_new_tokens,
            name=lambda n: f"prompt {n + 1}",
        )
        answers: dict[int, str] = {}
        for done in answer(
            who.model, prompts, prefix=who.prefix, format=who.format, config=config, seed=seed
        ):
            texts = [a.text for a in done.generation.answers]
            answers.update(zip(done.numbers, texts, strict=True))
        return answers[0] if one else [answers[n] for n in range(len(prompts))]

    def stream(
        self,
        prompt: Prompt,
        *,
        adapter: bool = True,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        **decode: Any,
    ) -> Iterator[str]:
        """Answer one prompt piece by piece; the pieces together are what `generate` returns.

        Args:
            prompt: See `generate`.
            adapter: False lets the untouched base answer.
            system: System message.
            tools: JSON schemas of the functions that may be called.
            seed: Of the sampling.
            decode: Decoding settings.

        Yields:
            Text of whole characters, never empty.
        """
        config, who = self.decode_config(**decode), self.answerer(adapter=adapter)
        ids = who.format.render_prompt(self.messages(prompt, system=system), tools)
        pieces = stream(
            who.model,
            [ids],
            prefixes=who.prefix,
            config=config,
            stop_ids=who.format.stop_ids,
            decode=who.format.decode,
            pad_id=who.format.pad_id,
            seed=seed,
        )
        for piece in pieces:
            if piece.text:
                yield piece.text

    def messages(self, prompt: Prompt, *, system: str | None = None) -> tuple[Message, ...]:
        """The conversation of a prompt, see `generate`."""
        if isinstance(prompt, str | Mapping):
            fields = self._fields(prompt) if isinstance(prompt, str) else prompt
            text = prompt if fields is None else _fill(self._spec("prompt"), fields, "prompt")  # type: ignore[arg-type]
            conversation: tuple[Message, ...] = (Message("user", str(text)),)
        else:
            fields, conversation = None, tuple(prompt)
        if conversation and conversation[0].role == "system":
            return conversation
        said = self._system(fields) if system is None else system
        return (Message("system", said), *conversation) if said else conversation

    def decode_config(self, **decode: Any) -> DecodeConfig:
        """Decoding settings: those the adapter was evaluated with, and on top the given ones.

        Raises:
            ConfigError: Unknown or wrong settings.
        """
        try:
            return DecodeConfig(**{**self.config.get("decode", {}), **decode})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"decode.{where}: {first['msg']}, got {first['input']!r}",
                remedy=f"known settings: {', '.join(DecodeConfig.model_fields)}",
            ) from error

    def describe(self) -> dict[str, Any]:
        """What it is, JSON-able: name, base, method, sizes, data and metrics."""
        keys = ("name", "base", "method", "position_start", "format", "data", "metrics", "decode", "seed")
        known = {k: self.config[k] for k in (*keys, "versions") if k in self.config}
        absorbed = self.format.ids if isinstance(self.format, Absorbed) else ()
        return {
            **known,
            "prefix_length": 0 if self.prefix is None else self.prefix.shape[3],
            "parameters": self.base.num_parameters if self.prefix is None else self.prefix.numel(),
            "absorbed": self.format.decode(absorbed),
            "max_positions": self.base.max_positions,
        }

    def _spec(self, key: str) -> str:
        return str(self.config.get("data", {}).get(key) or "")

    def _fields(self, text: str) -> dict[str, Any] | None:
        """The columns a text stands for; None when it is the prompt itself."""
        spec = self._spec("prompt")
        if not is_template(spec):
            return None
        names = _columns_of(spec)
        if len(names) == 1:
            return {names[0]: text}
        raise FormatError(
            f"the prompt of this adapter is a template over {', '.join(names) or 'no column'}, got one text",
            remedy="give a mapping with these columns, or the whole prompt: [Message('user', ...)]",
        )

    def _system(self, fields: Mapping[str, Any] | None) -> str:
        spec = self._spec("system")
        if not spec or (fields is None and not is_template(spec)):
            return spec
        if fields is None:
            raise FormatError(
                "the system message of this adapter is a template over the columns of its data",
                remedy="give the prompt as a mapping of columns, or the system message (system=...)",
            )
        return _fill(spec, fields, "system")


def _is_one(prompt: Any) -> bool:
    if isinstance(prompt, str | Mapping):
        return True
    return len(prompt) > 0 and all(isinstance(p, Message) for p in prompt)


def _columns_of(template: str) -> list[str]:
    from jinja2 import Environment, meta

    environment = Environment(autoescape=False)  # parses only, renders nothing
    return sorted(meta.find_undeclared_variables(environment.parse(template)))


def _fill(spec: str, fields: Mapping[str, Any], name: str) -> str:
    try:
        made = compile_expression(spec, name=name, columns=tuple(fields), plain_text=name == "system")
        return made.text_of(fields)
    except FieldError as error:
        raise FormatError(str(error), remedy="give the columns that the adapter was trained with") from error


def open_adapter(
    path: Path | str, *, base: str | None = None, device: str = "auto", dtype: Dtype | None = None
) -> Loaded:
    """Open an adapter folder over its base.

    Args:
        path: The folder.
        base: Folder or Hub id of the base. Default: where it was in training.
        device: auto, cpu, cuda, ...
        dtype: Precision of the base. Default: float32 where it was trained in float32, else what the machine
            does best.

    Raises:
        AdapterError: The folder is damaged, or belongs to another base or chat format.
        ModelError: The base cannot be opened.
    """
    folder = Path(path)
    config = _complete_config(folder)
    section = BaseConfig.model_validate(
        {
            "path": base or config["base"]["path"],
            "device": device,
            "dtype": dtype or _trained_in(config),
            "rotary": config["base"].get("rotary", "exact"),
        }
    )
    return _over(load_base(section), config, folder)


def open_over(base: Base, path: Path | str) -> Loaded | None:
    """Open an adapter folder over a base that is open already, so that several adapters share it.

    Args:
        base: Untouched, in the precision that the adapter is to be used with.
        path: The folder.

    Returns:
        None where the adapter needs a base of its own: after full tuning, on other weights, or in another precision.

    Raises:
        AdapterError: The folder is damaged, or belongs to another chat format.
    """
    folder = Path(path)
    config = _complete_config(folder)
    is_other = config["base"].get("fingerprint") != base.fingerprint
    dtype = str(base.model.dtype).removeprefix("torch.")
    if is_other or config["method"]["kind"] == "full" or config.get("dtype") != dtype:
        return None
    return _over(base, config, folder)


def _complete_config(folder: Path) -> dict[str, Any]:
    config = read_config(folder)
    missing = [key for key in ("base", "method", "format") if key not in config]
    if missing:
        raise AdapterError(
            f"{folder} is damaged: its configuration lacks {', '.join(missing)}",
            remedy="train again or restore the folder",
        )
    return config


def _over(opened: Base, config: dict[str, Any], folder: Path) -> Loaded:
    tensors = read_tensors(folder, config)
    check_base(config, opened.describe(), folder)
    format = restored_format(config, opened.tokenizer, folder)
    if config["method"]["kind"] == "full":
        load_weights(opened.model, tensors, folder)
        return Loaded(opened, format, None, config)
    kv = prefix_of(tensors, opened.model, folder).to(opened.model.device)
    prefix = on_base(kv, int(config.get("position_start", kv.shape[3])), opened.model)
    return Loaded(opened, format, prefix, config)


def _trained_in(config: Mapping[str, Any]) -> Dtype:
    """float32 stays float32, so that the answers are those of the report; bfloat16 is up to the machine."""
    return "float32" if config.get("dtype") == "float32" else "auto"


def restored_format(config: Mapping[str, Any], tokenizer: Any, folder: Path) -> ChatFormat:
    """The chat format of an adapter on this tokenizer.

    Raises:
        AdapterError: It renders in another way than in training.
    """
    wanted = config["format"]
    inner = make_format(_section(wanted, folder), tokenizer)
    ids = tuple(config.get("absorbed") or wanted.get("absorbed") or ())
    whole = Absorbed(inner, ids) if ids else inner
    # the description may be that of the whole or of the format inside
    check_format(config, (whole if "absorbed" in wanted else inner).describe(), folder)
    return whole


def _section(wanted: Mapping[str, Any], folder: Path) -> FormatConfig:
    """What a recipe would have to say for a described format."""
    sections: dict[str, type[Section]] = {
        section.model_fields["kind"].default: section for section in get_args(get_args(FormatConfig)[0])
    }
    section = sections.get(wanted["kind"])
    if section is None:
        raise AdapterError(
            f"{folder} was trained with a chat format {wanted['kind']!r}, known are {', '.join(sections)}",
            remedy="upgrade weitiao",
        )
    known: Any = section.model_validate({k: wanted[k] for k in section.model_fields if k in wanted})
    return known
