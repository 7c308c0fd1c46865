"""The recipe: small nested frozen models, one per section. No torch, no transformers.

Sources in order of precedence: defaults < recipe file < ``--set a.b=c``. Reading and merging is in
`weitiao.recipe`; this file only says what a recipe is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class BaseConfig(Section):
    """The base model."""

    path: str = Field(
        default="weitiao-tiny",
        description="`weitiao-tiny` (embedded), a local folder, a Hub id, or `modelscope:owner/name`.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Precision of the frozen weights; auto: bfloat16 on a GPU, float32 on a CPU.",
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, ...")
    device_map: Literal["auto"] | dict[str, str | int] | None = Field(
        default=None,
        description="Layers on several devices: auto, or module name -> device; instead of `device`.",
    )
    rotary: Literal["exact", "original"] = Field(
        default="exact",
        description="ChatGLM and ChatGLM2: original forms rotary angles in float16 as the release did.",
    )
    quantised: Literal["keep", "expand"] = Field(
        default="keep",
        description="Official int8 and int4 checkpoints: keep the integers, or expand them at load.",
    )
    revision: str | None = Field(default=None, description="Revision of a Hub or ModelScope id.")

    @model_validator(mode="after")
    def _one_place(self) -> BaseConfig:
        if self.device_map is not None and self.device != "auto":
            raise ValueError("give either `device` or `device_map`, not both")
        return self


ShapeName = Literal[
    "auto",
    "prompt_response",
    "messages",
    "sharegpt",
    "alpaca",
    "hotel_turns",
    "hotel_dialogue",
    "chatglm3_tools",
]


class Source(Section):
    """One file of records."""

    file: str = Field(default="", description="json, jsonl, csv, tsv, xlsx or parquet.")
    dataset_info: str | None = Field(
        default=None, description="Instead of file: LLaMA-Factory's dataset_info.json (or its folder)."
    )
    dataset: str | None = Field(default=None, description="With dataset_info: name of the data set in it.")
    shape: ShapeName | None = Field(default=None, description="Overrides data.shape for this source.")
    sheet: str | int | None = Field(
        default=None, description="Sheet name or number (0 = first); xlsx only. Default: first."
    )
    encoding: str | None = Field(
        default=None, description="Found out when not given (UTF-8, BOM, UTF-16, GB18030)."
    )
    prompt: str | None = Field(default=None, description="Overrides data.prompt for this source.")
    response: str | None = Field(default=None, description="Overrides data.response for this source.")
    system: str | None = Field(default=None, description="Overrides data.system for this source.")
    limit: int | None = Field(default=None, gt=0, description="Use the first N rows only.")

    @model_validator(mode="after")
    def _one_file(self) -> Source:
        if self.file and (self.dataset_info or self.dataset):
            raise ValueError("give either `file`, or `dataset_info` and `dataset`, not both")
        if not self.file and not (self.dataset_info and self.dataset):
            raise ValueError("no file: give `file`, or `dataset_info` and `dataset`")
        return self


class MaskConfig(Section):
    """What is taken out of a group key, so that variants of one template fall together."""

    digits: bool = Field(default=True, description="Replace runs of digits by `#`.")
    vocabulary: str | None = Field(
        default=None,
        description="Text file, one term a line (company names, cities); each is replaced by `*`.",
    )


class SplitConfig(Section):
    """How sources are split. Identical prompts never fall into two parts."""

    dev: float = Field(default=0.1, ge=0, lt=1, description="Share of the dev part.")
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the test part.")
    seed: int = Field(default=7, description="Seed of the split; adding rows later moves no old group.")
    group: str | None = Field(
        default=None,
        description="Column or template; rows with the same value stay in one part. Default: the prompt.",
    )
    mask: MaskConfig | None = Field(default=None, description="Masking applied to the group value.")

    @model_validator(mode="after")
    def _shares(self) -> SplitConfig:
        if self.dev + self.test >= 1:
            raise ValueError(f"dev + test must be below 1, got {self.dev} + {self.test}")
        return self


class DataConfig(Section):
    """Records to examples."""

    sources: tuple[Source, ...] = Field(default=(), description="Files that are split by `split`.")
    train: tuple[Source, ...] = Field(
        default=(), description="Instead of sources: files of the training part."
    )
    dev: tuple[Source, ...] = Field(default=(), description="Files of the dev part.")
    test: tuple[Source, ...] = Field(default=(), description="Files of the test part.")
    shape: ShapeName = Field(
        default="auto",
        description="What rows look like; auto: found out from the first row of each file (prompt and response when "
        "they are set or nothing else fits).",
    )
    dialogues: Literal["rounds", "whole"] = Field(
        default="rounds",
        description="rounds: every reply of a dialogue is learnt in a sample of its own that ends with it; whole: all "
        "replies are learnt in one sample.",
    )
    prompt: str = Field(default="prompt", description="A column, or a jinja2 template over the columns.")
    response: str = Field(default="response", description="A column, or a jinja2 template over the columns.")
    system: str | None = Field(
        default=None, description="System message: a text or a jinja2 template over the columns."
    )
    history: str | None = Field(
        default=None,
        description="Column of earlier rounds [[question, answer], ...] beside prompt and response. Default: a column "
        "`history` where it holds such lists.",
    )
    tools: str | None = Field(
        default=None,
        description="JSON file with a list of function schemas, for dialogues that bring none of their own.",
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="Used with `sources` only.")
    max_length: int | None = Field(
        default=None, gt=0, description="Longest rendered sample in tokens. Default: what the base allows."
    )
    truncate: Literal["error", "left", "right"] = Field(
        default="error",
        description="What to do with a prompt that makes a sample too long; cuts are counted in the card.",
    )
    on_empty: Literal["error", "drop"] = Field(
        default="error",
        description="A row whose prompt or response is empty: error, or dropped and counted in the card.",
    )
    on_conflict: Literal["keep", "error"] = Field(
        default="keep",
        description="Same prompt with different responses: keep (counted in the card) or error.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> DataConfig:
        if self.sources and (self.train or self.dev or self.test):
            raise ValueError("give either `sources` (split by `split`) or `train`/`dev`/`test`, not both")
        if not self.sources and not self.train:
            raise ValueError("no data: give `sources`, or `train` (and `dev`, `test`)")
        return self


class PlainFormat(Section):
    """Prompt and response as bare text, for bases without a chat format."""

    kind: Literal["plain"] = "plain"
    separator: str = Field(default="\n", description="Text between the turns and in front of the response.")


class TemplateFormat(Section):
    """The chat template of the tokenizer."""

    kind: Literal["template"] = "template"


class RolePrefixes(Section):
    """What stands in front of each kind of turn."""

    system: str = Field(default="system: ", description="In front of a system message.")
    tools: str = Field(default="tools: ", description="In front of the schemas of the functions, as JSON.")
    user: str = Field(default="user: ", description="In front of the user's text.")
    assistant: str = Field(
        default="assistant: ", min_length=1, description="In front of a reply; the model writes it."
    )
    tool_call: str = Field(
        default="{name}: ",
        min_length=1,
        description="In front of the JSON of a call; the model writes it. {name}: the function; without it "
        "the JSON holds name and arguments.",
    )
    tool: str = Field(default="return: ", description="In front of what a function found.")


class RolesFormat(Section):
    """Free prefixes for bases without a chat format; the model writes the prefix of its own turn."""

    kind: Literal["roles"] = "roles"
    prefixes: RolePrefixes = Field(default_factory=RolePrefixes, description="In front of the turns.")
    round: str = Field(
        default="[Round {n}]\n", description="In front of the user's turn, {n} counts from 1; empty: nothing."
    )
    separator: str = Field(default="\n", description="Text behind every turn.")


class ChatGLMFormat(Section):
    """ChatGLM-6B's rounds; the prompt sees itself in both directions."""

    kind: Literal["chatglm"] = "chatglm"


class ChatGLM2Format(Section):
    """ChatGLM2-6B's rounds."""

    kind: Literal["chatglm2"] = "chatglm2"
    history: Literal["text", "pieces"] = Field(
        default="text",
        description="Earlier rounds: text (one text, as the original; only the last answer can be trained) or "
        "pieces (answers as they were generated, each with its end token; all can be trained).",
    )


class ChatGLM3Format(Section):
    """ChatGLM3-6B's role tokens and function calls."""

    kind: Literal["chatglm3"] = "chatglm3"
    calls: Literal["python", "json"] = Field(
        default="python",
        description="Arguments of a call: python (a code block tool_call(k='v'), the original) or json.",
    )


FormatConfig = Annotated[
    PlainFormat | TemplateFormat | RolesFormat | ChatGLMFormat | ChatGLM2Format | ChatGLM3Format,
    Field(discriminator="kind"),
]


class InitText(Section):
    """Start the prefix from the keys and values of this text."""

    text: str = Field(min_length=1)


class InitAdapter(Section):
    """Train on from this adapter."""

    adapter: str = Field(min_length=1, description="Folder of weitiao, of PEFT, or of the ChatGLM scripts.")


class PrefixConfig(Section):
    """P-Tuning v2: trained keys and values in front of every layer."""

    kind: Literal["prefix"] = "prefix"
    length: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        default="auto",
        description="Virtual tokens P; auto: the length of the text it starts from (64 when there is none).",
    )
    init: Literal["random", "zeros", "template"] | InitText | InitAdapter = Field(
        default="template",
        description="random, zeros, template (what all training prompts begin with), {text: ...}, or {adapter: folder} "
        "(of weitiao, of PEFT, or of the ChatGLM scripts: training goes on from there).",
    )
    absorb: bool = Field(
        default=True,
        description="With init template: take that beginning out of every sample, here and at prediction. With init "
        "{adapter: ...}: what that adapter has absorbed.",
    )
    projection: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Hidden size of the reparameterising MLP, null for a direct prefix."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout on the prefix in training.")


class FullConfig(Section):
    """All weights of the base train."""

    kind: Literal["full"] = "full"


MethodConfig = Annotated[PrefixConfig | FullConfig, Field(discriminator="kind")]


class TrainConfig(Section):
    """The training run."""

    epochs: float = Field(default=3, gt=0, description="Passes over the training part.")
    max_steps: int | None = Field(default=None, gt=0, description="Optimizer steps; overrides epochs.")
    batch_size: int = Field(default=16, gt=0, description="Samples per optimizer step.")
    micro_batch_size: int | None = Field(
        default=None,
        gt=0,
        description="Samples per forward pass; divides batch_size. Default: all, packed into rows.",
    )
    learning_rate: float = Field(default=5e-3, gt=0, le=1, description="Peak learning rate.")
    weight_decay: float = Field(default=0.0, ge=0)
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="After the warmup."
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps used for warming up.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradients are clipped to this norm.")
    packing: Literal["auto", "tree", "pack", "pad"] = Field(
        default="auto",
        description="tree: shared beginnings once; pack: side by side; pad: one sample a row; auto: cheapest.",
    )
    row_tokens: int | None = Field(
        default=None, gt=0, description="Token budget of a row; default: chosen by the cost model."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Of the computation; auto: bfloat16 where the processor has it in hardware.",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Recompute activations in the backward pass."
    )
    save_steps: int | None = Field(
        default=None, gt=0, description="Checkpoint every N steps; default: once an epoch."
    )
    keep_checkpoints: int = Field(default=2, gt=0, description="Newest checkpoints kept, beside the best.")
    early_stopping: int | None = Field(
        default=3, gt=0, description="Stop after N evaluations without a better dev metric."
    )
    dev_metric: str = Field(default="loss", description="loss, or a metric of evaluate.metrics.")
    dev_samples: int = Field(
        default=200, gt=0, description="At most so many dev samples are used during training."
    )
    logging_steps: int = Field(default=5, gt=0)
    report_to: tuple[str, ...] = Field(
        default=(), description="transformers integrations: tensorboard, wandb, ..."
    )
    threads: int | None = Field(default=None, gt=0, description="CPU threads; default: all cores.")


class DecodeConfig(Section):
    """How answers are decoded."""

    max_new_tokens: int = Field(default=128, gt=0)
    temperature: float = Field(default=0.0, ge=0, le=10, description="0 = greedy.")
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[str, ...] = Field(default=(), description="Stop strings, beside the format's own end token.")
    batch_size: int = Field(default=16, gt=0)


class EvaluateConfig(Section):
    """What is measured, before and after."""

    metrics: tuple[Literal["exact", "bleu", "rouge", "accuracy"], ...] = Field(
        default=("exact", "bleu", "rouge"), min_length=1
    )
    before: bool = Field(default=True, description="Also measure the untouched base with the full prompt.")
    limit: int | None = Field(default=None, gt=0, description="Score at most N test samples (seeded draw).")
    bootstrap: int = Field(default=1000, ge=100, description="Bootstrap resamples of the 95% interval.")
    decode: DecodeConfig = Field(default_factory=DecodeConfig)


class Recipe(Section):
    """A run: base, data, format, method, train, evaluate."""

    name: str = Field(default="run", pattern=r"^[\w.\-]+$")
    base: BaseConfig = Field(default_factory=BaseConfig)
    data: DataConfig
    format: Literal["auto"] | FormatConfig = Field(
        default="auto",
        description="auto: ChatGLM's own format for a ChatGLM, else the model's chat template, else plain.",
    )
    method: MethodConfig = Field(default_factory=PrefixConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    seed: int = Field(default=0, ge=0, description="Of initialisation, sample order and sampling.")

    @model_validator(mode="after")
    def _micro_batches(self) -> Recipe:
        micro = self.train.micro_batch_size
        if micro is not None and self.train.batch_size % micro:
            raise ValueError(
                f"train.micro_batch_size {micro} does not divide train.batch_size {self.train.batch_size}"
            )
        allowed = ("loss", *self.evaluate.metrics)
        if self.train.dev_metric not in allowed:
            raise ValueError(f"train.dev_metric {self.train.dev_metric!r} is not one of {', '.join(allowed)}")
        return self
