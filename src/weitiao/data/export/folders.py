"""What LLaMA-Factory and Hugging Face ``datasets`` want beside the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INFO = "dataset_info.json"
PARQUET = "data/{}-00000-of-00001.parquet"
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""Name of each part on the Hugging Face side."""

_ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
}


def dataset_info(files: Mapping[str, str], name: str, *, is_alpaca: bool) -> dict[str, Any]:
    """LLaMA-Factory's registry: ``NAME_train``, ``NAME_dev``, ``NAME_test``.

    Args:
        files: File by part.
        name: Of the data set.
        is_alpaca: Alpaca's shape, else ShareGPT's.
    """
    entry: dict[str, Any] = (
        {"formatting": "alpaca", "columns": {**_ALPACA, "history": "history", "system": "system"}}
        if is_alpaca
        else {
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
            "tags": _TAGS,
        }
    )
    return {f"{name}_{part}": {"file_name": file, **entry} for part, file in files.items()}


def readme(files: Mapping[str, str]) -> str:
    """The head of a ``README.md`` that tells ``load_dataset`` which file is which split."""
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for part, file in files.items():
        lines += [f"  - split: {SPLITS[part]}", f"    path: {file}"]
    return "\n".join([*lines, "---", ""])


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """OpenAI messages as parquet; schemas of functions are JSON text, since each has columns of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    call = pa.struct(
        [("id", text), ("type", text), ("function", pa.struct([("name", text), ("arguments", text)]))]
    )
    message = pa.struct(
        [
            ("role", text),
            ("content", text),
            ("tool_calls", pa.list_(call)),
            ("tool_call_id", text),
            ("weight", pa.int8()),
        ]
    )
    schema = pa.schema([("id", text), ("messages", pa.list_(message)), ("tools", text)])
    table = [
        {
            "id": None if row.get("id") is None else str(row["id"]),
            "messages": row["messages"],
            "tools": json.dumps(row["tools"], ensure_ascii=False) if "tools" in row else None,
        }
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(table, schema=schema), path)
