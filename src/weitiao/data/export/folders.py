"""What LLaMA-Factory and Hugging Face ``datasets`` want beside the rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

INFO = "dataset_info.json"
PARQUET = "data/{}-00000-of-00001.parquet"
_GROUP = 10_000  # rows of a row group
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""Name of each part on the Hugging Face side."""

_ALPACA = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": "history",
    "system": "system",
}
_SHAREGPT = {"messages": "conversations", "system": "system", "tools": "tools"}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
}


def dataset_info(
    files: Mapping[str, str], columns: Mapping[str, Collection[str]], name: str, *, is_alpaca: bool
) -> dict[str, Any]:
    """LLaMA-Factory's registry: ``NAME_train``, ``NAME_dev``, ``NAME_test``.

    A column is named only where the file has it: LLaMA-Factory looks each named one up in every row, and stops with a
    ``KeyError`` where no row of the file has it.

    Args:
        files: File by part.
        columns: Names that occur in the rows of each part.
        name: Of the data set.
        is_alpaca: Alpaca's shape, else ShareGPT's.
    """
    named = _ALPACA if is_alpaca else _SHAREGPT
    entry = {"formatting": "alpaca"} if is_alpaca else {"formatting": "sharegpt", "tags": _TAGS}
    return {
        f"{name}_{part}": {
            "file_name": file,
            **entry,
            "columns": {key: column for key, column in named.items() if column in columns[part]},
        }
        for part, file in files.items()
    }


def readme(files: Mapping[str, str]) -> str:
    """The head of a ``README.md`` that tells ``load_dataset`` which file is which split."""
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for part, file in files.items():
        lines += [f"  - split: {SPLITS[part]}", f"    path: {file}"]
    return "\n".join(
        [*lines, "---", "", "Where these rows come from and what was done to them: `card.html`.", ""]
    )


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
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
    fresh = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while group := [_parquet_row(row) for row in islice(fresh, _GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _parquet_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": None if row.get("id") is None else str(row["id"]),
        "messages": row["messages"],
        "tools": json.dumps(row["tools"], ensure_ascii=False) if "tools" in row else None,
    }
