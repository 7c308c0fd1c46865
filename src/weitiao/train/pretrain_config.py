"""The recipe of a pretraining run: ``weitiao pretrain recipe.yaml``.

Every value has a default that suits a base of about 10 million parameters on two processor cores, so that a
recipe says only what it changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Values that may differ between a run and its continuation: they change neither data nor weights.
RESUMABLE = ("save_steps", "keep_checkpoints", "eval_steps", "log_steps", "threads")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerRecipe(_Strict):
    """How the byte-level BPE vocabulary is made."""

    vocab_size: int = Field(8192, ge=320, le=65_535, description="Tokens in all, specials included.")
    sample_characters: int = Field(
        12_000_000, gt=0, description="Characters of text that the vocabulary is learned from."
    )
    han_tokens: int = Field(5000, ge=0, description="At least so many Han characters are one token.")
    han_coverage: float = Field(
        0.999, ge=0, le=1, description="Share of Han occurrences in the sample that are one token."
    )


class ModelRecipe(_Strict):
    """Shape of the decoder."""

    family: Literal["llama", "gpt2"] = Field("llama", description="Architecture.")
    hidden: int = Field(320, gt=0, description="Width of the residual stream.")
    layers: int = Field(6, gt=0, description="Number of blocks.")
    heads: int = Field(5, gt=0, description="Attention heads.")
    kv_heads: int | None = Field(None, gt=0, description="Key-value heads (llama); all when empty.")
    intermediate: int = Field(896, gt=0, description="Width of the feed-forward layer.")
    max_position: int = Field(2048, gt=0, description="Longest input in tokens.")
    rope_theta: float = Field(10_000.0, gt=0, description="Base of the rotary angles (llama).")
    initializer_range: float = Field(0.02, gt=0, description="Standard deviation of fresh weights.")

    @model_validator(mode="after")
    def _heads_divide(self) -> ModelRecipe:
        problems = []
        if self.hidden % self.heads:
            problems.append(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        if self.kv_heads is not None and self.heads % self.kv_heads:
            problems.append(f"heads {self.heads} is not a multiple of kv_heads {self.kv_heads}")
        if self.family == "gpt2" and self.kv_heads not in (None, self.heads):
            problems.append("gpt2 has no grouped key-value heads; leave kv_heads empty")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class GeneratedRecipe(_Strict):
    """Text that the project writes itself (``weitiao.data.corpus``)."""

    share: float = Field(0.55, ge=0, le=1, description="Share of the training tokens.")
    seed: int = Field(20, description="Seed of the generator.")
    echo: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of these documents that ask to repeat an excerpt of the corpus word for word: half of "
        "their tokens can only be predicted by copying, which is learnt much sooner that way.",
    )


class CorpusRecipe(_Strict):
    """What is read, in which shares, and how it is cut."""

    folder: Path | None = Field(None, description="Folder of *.jsonl.gz / *.jsonl files with a field `text`.")
    sources: dict[str, float] = Field(
        default_factory=dict,
        description="Weight of a file by its name without ending; 1 by default, 0 leaves it out.",
    )
    generated: GeneratedRecipe = Field(default_factory=lambda: GeneratedRecipe.model_validate({}))
    row_tokens: int = Field(1024, ge=8, description="Tokens of a row; documents run on across rows.")
    validation: float = Field(
        0.01, gt=0, lt=0.5, description="Share of the documents held out, by a hash of their text."
    )
    validation_rows: int = Field(32, gt=0, description="Most rows scored of each part.")
    probe_documents: int = Field(64, ge=0, description="Held-out dialogues of the copy probe.")
    card: str = Field("", description="Sources and licences (Markdown) for the model card.")

    @model_validator(mode="after")
    def _some_text(self) -> CorpusRecipe:
        if self.folder is None and self.generated.share < 1:
            raise ValueError("without a folder all text is generated: set generated.share to 1")
        return self


class OptimizerRecipe(_Strict):
    """The optimizer and its learning rates."""

    kind: Literal["muon", "adamw"] = Field("muon", description="muon: Muon for hidden matrices.")
    learning_rate: float = Field(3.0e-3, gt=0, lt=1, description="AdamW: embeddings, norms, biases.")
    muon_learning_rate: float = Field(0.02, gt=0, lt=1, description="Muon: hidden matrices.")
    momentum: float = Field(0.95, ge=0, lt=1, description="Momentum of Muon.")
    betas: tuple[float, float] = Field((0.9, 0.95), description="Betas of AdamW.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled decay of the matrices.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")


class PretrainTrainRecipe(_Strict):
    """The run."""

    steps: int = Field(1150, gt=0, description="Optimizer steps.")
    batch_rows: int = Field(8, gt=0, description="Rows of a step.")
    micro_rows: int = Field(
        2, gt=0, description="Rows computed at a time; few rows stay in the processor's cache."
    )
    warmup_steps: int = Field(60, ge=0, description="Linear warm-up.")
    decay: float = Field(0.4, ge=0, le=1, description="Last share of the steps: linear to 0.")
    bf16: bool = Field(True, description="bfloat16 autocast; the master weights stay float32.")
    save_steps: int = Field(50, gt=0, description="Steps between checkpoints.")
    keep_checkpoints: int = Field(2, gt=0, description="Checkpoints kept.")
    eval_steps: int = Field(200, gt=0, description="Steps between validations.")
    log_steps: int = Field(5, gt=0, description="Steps between log entries.")
    loss_chunk: int = Field(2048, gt=0, description="Tokens whose logits exist at a time.")
    guidance: float = Field(
        0.0,
        ge=0,
        description="Weight of the loss that guides four heads to what copying needs (llama, at least three layers); "
        "it acts until the learning rate begins to fall.",
    )
    threads: int | None = Field(None, gt=0, description="Processor threads; torch's own if empty.")

    @model_validator(mode="after")
    def _micro_divides(self) -> PretrainTrainRecipe:
        if self.batch_rows % self.micro_rows:
            raise ValueError(
                f"batch_rows {self.batch_rows} is not a multiple of micro_rows {self.micro_rows}"
            )
        return self


class PretrainRecipe(_Strict):
    """A whole pretraining run."""

    name: str = Field("weitiao-tiny", min_length=1, description="Name in the model card.")
    seed: int = Field(7, ge=0, description="Seed of everything but the generator.")
    tokenizer: TokenizerRecipe = Field(default_factory=lambda: TokenizerRecipe.model_validate({}))
    model: ModelRecipe = Field(default_factory=lambda: ModelRecipe.model_validate({}))
    data: CorpusRecipe = Field(default_factory=lambda: CorpusRecipe.model_validate({"folder": "corpus"}))
    optimizer: OptimizerRecipe = Field(default_factory=lambda: OptimizerRecipe.model_validate({}))
    train: PretrainTrainRecipe = Field(default_factory=lambda: PretrainTrainRecipe.model_validate({}))

    @model_validator(mode="after")
    def _parts_fit(self) -> PretrainRecipe:
        if self.data.row_tokens > self.model.max_position:
            raise ValueError(
                f"data.row_tokens {self.data.row_tokens} is longer than "
                f"model.max_position {self.model.max_position}"
            )
        shape = self.model
        if self.train.guidance and (shape.family != "llama" or shape.layers < 3 or shape.heads < 2):
            raise ValueError("train.guidance needs the family llama, at least three layers and two heads")
        if self.train.guidance and shape.kv_heads not in (None, shape.heads):
            raise ValueError("train.guidance needs as many model.kv_heads as model.heads")
        return self

    def rooted(self, root: Path) -> PretrainRecipe:
        """The recipe with a relative corpus folder taken from ``root``, the folder of the recipe file."""
        if self.data.folder is None:
            return self
        data = self.data.model_copy(update={"folder": root / self.data.folder})
        return self.model_copy(update={"data": data})

    @property
    def train_rows(self) -> int:
        """Rows that the run reads, each once."""
        return self.train.steps * self.train.batch_rows
