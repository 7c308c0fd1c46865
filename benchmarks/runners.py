"""The same optimizer step through PEFT, through the official script's padding, and through weitiao."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from sets import EOS, VOCAB
from weitiao.pack import pack
from weitiao.tuning.prefix import DeepPrefix
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

LEARNING_RATE = 5e-3


def base_model(dtype: torch.dtype) -> LlamaForCausalLM:
    """About 60 million parameters with ChatGLM2's vocabulary, random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=EOS,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).to(dtype).eval()


class Runner(Protocol):
    """One way to make an optimizer step."""

    name: str

    def step(self, samples: list[Rendered]) -> tuple[float, int]:
        """Mean loss per target token before the step, and how many token positions were computed."""
        ...

    def prefix(self) -> Tensor:
        """Trained values, [L, 2, K, P, D] float32."""
        ...


def _padded(samples: list[Rendered], width: int) -> dict[str, Tensor]:
    ids = torch.zeros(len(samples), width, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for r, sample in enumerate(samples):
        n = len(sample)
        ids[r, :n] = torch.tensor(sample.ids)
        mask[r, :n] = 1
        trained = torch.tensor(sample.trained)
        labels[r, :n][trained] = ids[r, :n][trained]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class PeftRunner:
    """PEFT PrefixTuning driven by the Hugging Face Trainer, right-padded.

    Args:
        start: [L, 2, K, P, D] starting values.
        dtype: Of the frozen base.
        width: Pad to this length; None for the longest of the batch.
        micro: Samples per forward pass (padding to a maximum does not fit into memory at once).
    """

    def __init__(self, start: Tensor, dtype: torch.dtype, *, width: int | None, micro: int | None) -> None:
        from peft import PrefixTuningConfig, TaskType, get_peft_model

        self.name = "official" if width else "peft"
        self.width, self.micro = width, micro
        layers, _, heads, length, size = start.shape
        config = PrefixTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=length)
        self.model = get_peft_model(base_model(dtype), config, autocast_adapter_dtype=False)
        embedding = next(p for n, p in self.model.named_parameters() if "prompt_encoder" in n)
        with torch.no_grad():
            embedding.copy_(start.permute(3, 0, 1, 2, 4).reshape(length, -1))
        self.embedding, self.shape = embedding, (length, layers, 2, heads, size)
        arguments = TrainingArguments(
            output_dir="unused", use_cpu=True, report_to=[], disable_tqdm=True, remove_unused_columns=False
        )
        self.trainer = Trainer(model=self.model, args=arguments)
        self.optimizer = torch.optim.AdamW([embedding], lr=LEARNING_RATE, weight_decay=0.0)

    def step(self, samples: list[Rendered]) -> tuple[float, int]:
        items = torch.tensor(sum(sum(s.trained) for s in samples))
        micro = self.micro or len(samples)
        loss, computed = 0.0, 0
        for start in range(0, len(samples), micro):
            part = samples[start : start + micro]
            inputs: Any = _padded(part, self.width or max(map(len, part)))
            computed += inputs["input_ids"].numel()
            loss += self.trainer.training_step(self.model, inputs, num_items_in_batch=items).item()
        torch.nn.utils.clip_grad_norm_([self.embedding], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss, computed

    def prefix(self) -> Tensor:
        return self.embedding.detach().view(self.shape).permute(1, 2, 3, 0, 4).float()


class OurRunner:
    """weitiao: tree packing, interval attention, loss on edges.

    Args:
        start: [L, 2, K, P, D] starting values.
        dtype: Of the frozen base.
        packing: auto, tree, pack or pad.
        row_tokens: Token budget of a row.
    """

    def __init__(
        self, start: Tensor, dtype: torch.dtype, *, packing: Any = "auto", row_tokens: int | None = None
    ) -> None:
        self.name = "ours"
        self.packing, self.row_tokens = packing, row_tokens
        self.tuned = Tuned(base_model(dtype), DeepPrefix(copy.deepcopy(start)))
        self.tuned.train()
        self.cost = self.tuned.cost_model()
        self.optimizer = torch.optim.AdamW(
            self.tuned.trainable().values(), lr=LEARNING_RATE, weight_decay=0.0
        )

    def step(self, samples: list[Rendered]) -> tuple[float, int]:
        batch = pack(samples, mode=self.packing, row_tokens=self.row_tokens, cost=self.cost)
        loss = self.tuned(batch).total / batch.weight.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.tuned.trainable().values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), batch.input_ids.numel()

    def prefix(self) -> Tensor:
        return self.tuned.export()["kv"].float()
