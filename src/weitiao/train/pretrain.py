"""Pretrain a small base from scratch: tokenizer, rows, training, model folder.

    recipe ──▶ tokenizer/ ──▶ data/ (rows) ──▶ checkpoints/ ──▶ model/ (bf16, model card), metrics.json

Each step is skipped where its result is already there and fits, so ``--resume`` is the same path again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast, TrainerCallback, set_seed
from transformers.utils import logging as transformers_logging

from weitiao.data.whole import fresh_file
from weitiao.errors import TrainError, collect
from weitiao.models.tokenizer_training import sample_texts, save_tokenizer, train_tokenizer
from weitiao.recipe import dump, load_recipe
from weitiao.train import pretrain_data as rows
from weitiao.train.checkpoint import differences
from weitiao.train.pretrain_card import write_card, write_curve
from weitiao.train.pretrain_config import RESUMABLE, ModelRecipe, PretrainRecipe
from weitiao.train.pretrain_text import texts_fingerprint, tokenizer_sample
from weitiao.train.pretrain_trainer import Clock, PretrainTrainer, StopWhenAsked
from weitiao.train.signals import Interrupts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Note = Callable[[str], None]


def pretrain(
    recipe: PretrainRecipe,
    out: Path,
    *,
    resume: bool = False,
    command: str = "",
    note: Note = print,
    callbacks: list[TrainerCallback] | None = None,
) -> Path | None:
    """Run a recipe.

    Args:
        recipe: The run.
        out: Folder of the run; made if missing.
        resume: Go on from the last whole checkpoint (from the start if there is none).
        command: Command line for the model card.
        note: Receives one line about each stage.
        callbacks: Further callbacks of the Trainer (progress).

    Returns:
        The model folder, or None if a signal ended the run before its last step.

    Raises:
        TrainError: ``out`` holds another run, or holds checkpoints and ``resume`` is False.
        ConfigError, DataError: Recipe or corpus are wrong.
    """
    transformers_logging.disable_progress_bar()
    checkpoint = _open_run(recipe, out, resume)
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    tokenizer = _tokenizer(recipe, out / "tokenizer", note)
    manifest = _rows(recipe, tokenizer, out, note, started=checkpoint is not None)
    set_seed(recipe.seed)
    model = build_model(recipe.model, tokenizer)
    note(f"model: {model.num_parameters():,} parameters, {recipe.model.family}")
    interrupts = Interrupts()
    trainer = PretrainTrainer(
        model,
        recipe,
        out / "checkpoints",
        rows=rows.training_rows(out / "data", manifest),
        validation=rows.validation_rows(out / "data", manifest),
        probes=rows.load_probes(out / "data"),
        callbacks=[Clock(), StopWhenAsked(interrupts), *(callbacks or [])],
    )
    if checkpoint:
        note(f"resuming from {checkpoint.name}")
    with interrupts.listening():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    trainer.state.save_to_json(str(out / "trainer_state.json"))
    if trainer.state.global_step < recipe.train.steps:
        note(f"stopped at step {trainer.state.global_step} with a checkpoint; go on with --resume")
        return None
    return _finish(trainer, tokenizer, manifest, out, command)


# ----------------------------------------------------------------------------------- run folder


def _open_run(recipe: PretrainRecipe, out: Path, resume: bool) -> Path | None:
    """Check that ``out`` belongs to this recipe; return the checkpoint to start from."""
    out.mkdir(parents=True, exist_ok=True)
    stored, checkpoint = out / "recipe.yaml", last_checkpoint(out / "checkpoints")
    if (out / "model").exists():
        raise TrainError(f"{out} holds a finished run", remedy="use another --out")
    if checkpoint and not resume:
        raise TrainError(
            f"{out} holds a run that was stopped at {checkpoint.name}",
            remedy="go on with --resume, or use another --out",
        )
    if checkpoint and stored.exists():
        changed = differences(_fixed(load_recipe(stored, (), PretrainRecipe).value), _fixed(recipe))
        if changed:
            raise TrainError(
                collect(changed, what=f"{out} was started with another recipe"),
                remedy="resume with the recipe of the run, or use another --out",
            )
    if not checkpoint:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    write_text(stored, dump(recipe))
    return checkpoint


def _fixed(recipe: PretrainRecipe) -> dict[str, Any]:
    """Values whose change would change data or weights."""
    exclude = {"name": True, "train": set(RESUMABLE), "data": {"folder", "card"}}
    return recipe.model_dump(mode="json", exclude=exclude)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end.

    The Trainer writes ``trainer_state.json`` last, so a checkpoint is whole when that file can be
    read and names the folder's own step.
    """
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            step = json.loads((path / "trainer_state.json").read_text("utf-8"))["global_step"]
        except (OSError, ValueError, KeyError):
            continue
        if path.name == f"checkpoint-{step}":
            found.append((step, path))
    return max(found)[1] if found else None


# ---------------------------------------------------------------------------------- the stages


def _tokenizer(recipe: PretrainRecipe, folder: Path, note: Note) -> PreTrainedTokenizerFast:
    made = {
        "tokenizer": recipe.tokenizer.model_dump(mode="json"),
        "max_position": recipe.model.max_position,
        "texts": texts_fingerprint(recipe),
    }
    stamp = folder.with_name("tokenizer.json")
    if folder.exists() and stamp.exists():
        if json.loads(stamp.read_text("utf-8"))["recipe"] == made:
            return AutoTokenizer.from_pretrained(str(folder))
        shutil.rmtree(folder)
    note(f"tokenizer: learning {recipe.tokenizer.vocab_size} tokens")
    sample = sample_texts(tokenizer_sample(recipe), recipe.tokenizer.sample_characters)
    tokenizer, coverage = train_tokenizer(
        sample,
        recipe.tokenizer.vocab_size,
        han_tokens=recipe.tokenizer.han_tokens,
        han_coverage=recipe.tokenizer.han_coverage,
        max_position=recipe.model.max_position,
    )
    shutil.rmtree(folder, ignore_errors=True)
    save_tokenizer(tokenizer, folder)
    write_text(stamp, json.dumps({"recipe": made, "coverage": coverage._asdict()}, indent=1))
    note(
        f"tokenizer: {len(tokenizer)} tokens, {coverage.han_tokens} Han characters "
        f"({coverage.share:.3%} of occurrences)"
    )
    return AutoTokenizer.from_pretrained(str(folder))


def _rows(
    recipe: PretrainRecipe,
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
    note: Note,
    *,
    started: bool,
) -> dict[str, Any]:
    digest = hashlib.sha256((out / "tokenizer" / "tokenizer.json").read_bytes()).hexdigest()
    fingerprint = rows.data_fingerprint(recipe, digest)
    if started and not rows.fits(out / "data", fingerprint):
        raise TrainError(
            f"{out / 'data'} does not hold the rows that the run was started with: "
            "the corpus or the tokenizer was changed",
            remedy="restore the corpus, or start again in another --out",
        )
    said = [-1]

    def progress(done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > said[0]:
            said[0] = tenth
            note(f"rows: {done:,} of {total:,} tokens")

    manifest = rows.prepare(recipe, tokenizer, out / "data", fingerprint, progress)
    note(f"rows: {manifest['train_rows']:,} x {manifest['row_tokens']} tokens, {manifest['train_tokens']}")
    for part in manifest["train_tokens"]:
        if not manifest["validation_rows"].get(part):
            note(f"rows: too little held-out text of {part} for one row: it is not scored")
    return manifest


def build_model(recipe: ModelRecipe, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A fresh model with tied embeddings in float32, sized to the tokenizer."""
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": recipe.initializer_range,
        "tie_word_embeddings": True,
    }
    if recipe.family == "llama":
        config: Any = LlamaConfig(
            hidden_size=recipe.hidden,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.kv_heads or recipe.heads,
            intermediate_size=recipe.intermediate,
            max_position_embeddings=recipe.max_position,
            rope_parameters={"rope_type": "default", "rope_theta": recipe.rope_theta},
            **common,
        )
    else:
        config = GPT2Config(
            n_embd=recipe.hidden,
            n_layer=recipe.layers,
            n_head=recipe.heads,
            n_inner=recipe.intermediate,
            n_positions=recipe.max_position,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **common,
        )
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")


# -------------------------------------------------------------------------------------- the end


def _finish(
    trainer: PretrainTrainer,
    tokenizer: PreTrainedTokenizerFast,
    manifest: dict[str, Any],
    out: Path,
    command: str,
) -> Path:
    """Score once more, then write ``metrics.json`` and the model folder."""
    recipe = trainer.recipe
    history = trainer.state.log_history
    scored = [e for e in history if e["step"] == recipe.train.steps and "eval_loss" in e]
    scores = scored[-1] if scored else trainer.evaluate()
    trainer.state.save_to_json(str(out / "trainer_state.json"))
    metrics = {
        "steps": trainer.state.global_step,
        "tokens": recipe.train_rows * recipe.data.row_tokens,
        "parameters": trainer.model.num_parameters(),  # type: ignore[union-attr, operator]
        "seconds": max(e.get("seconds", 0.0) for e in history),
        **{k.removeprefix("eval_"): v for k, v in scores.items() if k.startswith("eval_")},
        "data": {k: v for k, v in manifest.items() if k != "fingerprint"},
        "tokenizer": json.loads((out / "tokenizer.json").read_text("utf-8"))["coverage"],
    }
    write_text(out / "metrics.json", json.dumps(metrics, indent=1))
    write_curve(history, out)
    with tempfile.TemporaryDirectory(dir=out, prefix=".model-") as work:
        new = Path(work, "model")
        save_model(trainer.model, tokenizer, new)  # type: ignore[arg-type]
        shutil.copy(out / "loss_curve.png", new)
        write_card(new / "README.md", recipe, metrics, history, command)
        os.replace(new, out / "model")
    return out / "model"


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights in bfloat16, configs and tokenizer into ``folder``; ``model`` stays float32."""
    import copy

    stored = copy.deepcopy(model).to(torch.bfloat16)  # type: ignore[arg-type]
    stored.config.dtype = torch.bfloat16
    stored.generation_config.eos_token_id = tokenizer.eos_token_id  # type: ignore[union-attr]
    stored.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with fresh_file(path) as fresh:
        fresh.write_text(text, "utf-8")
