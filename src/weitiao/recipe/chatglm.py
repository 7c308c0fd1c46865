"""Arguments of the fine-tuning scripts that came with ChatGLM, and what they are called in a recipe."""

from __future__ import annotations

#: Argument of the scripts -> key of a recipe or option of the command line.
NAMES: dict[str, str] = {
    "model_name_or_path": "base.path",
    "model_revision": "base.revision",
    "train_file": "data.train.0.file",
    "validation_file": "data.dev.0.file",
    "test_file": "data.test.0.file",
    "prompt_column": "data.prompt",
    "response_column": "data.response",
    "history_column": "data.history",
    "source_prefix": "data.prompt (a template: 'the prefix{{ column }}')",
    "max_source_length": "data.max_length (prompt and response together)",
    "max_target_length": "data.max_length (when decoding: evaluate.decode.max_new_tokens)",
    "pre_seq_len": "method.length",
    "prefix_projection": "method.projection (its hidden size)",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.max_steps",
    "per_device_train_batch_size": "train.micro_batch_size",
    "gradient_accumulation_steps": "train.batch_size (samples per optimizer step, in all)",
    "per_device_eval_batch_size": "evaluate.decode.batch_size",
    "lr_scheduler_type": "train.scheduler",
    "warmup_ratio": "train.warmup",
    "predict_with_generate": "evaluate",
    "max_train_samples": "data.sources.0.limit",
    "max_predict_samples": "evaluate.limit",
    "output_dir": "--out",
    "ptuning_checkpoint": "--adapter",
    "resume_from_checkpoint": "--resume",
}
