"""The words of the project: frozen values that pass between stages. No torch, no transformers.

Record --build--> Example --split--> Dataset --render--> Rendered --pack--> Batch (weitiao.pack)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from.

    Attributes:
        file: Path as the user wrote it.
        row: The number a user sees: line of a jsonl/csv file, row of a sheet (header is row 1), item of a JSON array.
        sheet: Sheet of a workbook, else None.
    """

    file: str
    row: int
    sheet: str | None = None

    def __str__(self) -> str:
        sheet = f', sheet "{self.sheet}"' if self.sheet is not None else ""
        return f"{self.file}{sheet}, row {self.row}"


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a user's file."""

    fields: Mapping[str, Any]
    origin: Origin


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call that the assistant makes.

    Attributes:
        name: Of the function.
        arguments: Names and values; JSON values only.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """``{"name": ..., "arguments": {...}}``."""
        return {"name": self.name, "arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn.

    Attributes:
        role: Who speaks; ``tool`` returns what a function call found.
        content: Text; of a tool, its result as text.
        train: True when it is to be learnt (assistant only).
        tool_calls: Calls that stand behind the content (assistant only).
    """

    role: Role
    content: str
    train: bool = False
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What an assistant's text says once its function calls are read out of it.

    Attributes:
        content: The text beside the calls.
        tool_calls: The calls, in order.
        problem: Why a call that was begun could not be read; None when all is well. The text is then in ``content``.
    """

    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One training or test case.

    Attributes:
        id: Stable: a hash of the content, the same in every run and machine.
        messages: At least one; the last one is the assistant's where there is a reference answer.
        group: Examples with the same group never fall into two parts of a split.
        origin: Where it comes from.
        meta: Free fields carried along to predictions (for instance the user's own id).
        tools: JSON schemas of the functions that the assistant may call (OpenAI's form), in the order given.
        weight: Of each of its targets in the training loss (class weights).
    """

    id: str
    messages: tuple[Message, ...]
    group: str = ""
    origin: Origin | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()
    weight: float = 1.0

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Messages before the final assistant turn."""
        return self.messages[:-1] if self.messages[-1].role == "assistant" else self.messages

    @property
    def reference(self) -> str | None:
        """Text of the final assistant turn, None when there is none."""
        last = self.messages[-1]
        return last.content if last.role == "assistant" else None


_json = json.JSONEncoder(ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring  # what `_json` writes of a text, several times as fast


def content_id(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> str:
    """Sixteen hex digits that depend on roles, contents, calls and tools only: of the SHA-256 of their JSON."""
    said: list[str] = []
    for m in messages:
        calls = f", {_json([c.as_dict() for c in m.tool_calls])}" if m.tool_calls else ""
        said.append(f"[{_quoted(m.role)}, {_quoted(m.content)}{calls}]")
    if tools:
        said.append(_json({"tools": list(tools)}))
    return hashlib.sha256(f"[{', '.join(said)}]".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in three parts and the card that says how they came about.

    A part is a tuple, or where it is large a sequence that reads from a file.
    """

    train: Sequence[Example]
    dev: Sequence[Example]
    test: Sequence[Example]
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids of one example in one model's chat format.

    Attributes:
        ids: Token ids, [T].
        trained: [T]; ``trained[k]`` is True when token k is a target (it is predicted from the tokens before it).
        example_id: Which example it renders.
        weight: Weight of each of its targets in the loss.
        context: How many of the first tokens all see each other, whatever their order (ChatGLM-6B: up to and with
            ``[gMASK]``); 0 for a causal sample.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    example_id: str = ""
    weight: float = 1.0
    context: int = 0

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.trained):
            raise ValueError(f"{len(self.ids)} ids but {len(self.trained)} trained flags")
        if self.trained and self.trained[0]:
            raise ValueError("the first token cannot be a target: nothing precedes it")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said to one prompt.

    Attributes:
        example_id: Which example.
        text: Decoded answer without special tokens.
        finish_reason: ``stop`` (end token or stop string) or ``length``.
        prompt_tokens: Tokens of the prompt as rendered (prefix not counted).
        completion_tokens: Tokens generated, end token included.
        logprobs: Log-probability of each generated token under the distribution it was drawn from at temperature 1.
    """

    example_id: str
    text: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number with its 95% bootstrap interval over n samples."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """The form used in ``report.json``."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
