"""``weitiao adapter show`` reads the files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = {
        "schema_version": 1,
        "base": {"path": "weitiao-tiny"},
        "method": {"kind": "prefix", "length": 4},
        "metrics": {"exact": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}},
        "absorbed": [1, 2],
    }
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    entry = {"dtype": "F32", "shape": [2, 2, 1, 4, 8], "data_offsets": [0, 512]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "kv": entry}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(512)
    (tmp_path / "adapter_model.safetensors").write_bytes(data)
    return tmp_path


def test_table(command, folder: Path) -> None:
    done = command("adapter", "show", folder)
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}
    assert rows["base.path"] == "weitiao-tiny"
    assert rows["metrics.exact"] == "0.500 [0.400, 0.600] n=10"
    assert rows["absorbed"] == "[1, 2]"
    assert rows["tensors.kv"] == "F32 [2, 2, 1, 4, 8]"


def test_json(command, folder: Path) -> None:
    plain = json.loads(command("adapter", "show", folder, "--json").stdout)
    assert plain["method"] == {"kind": "prefix", "length": 4}
    assert plain["tensors"] == {"kv": "F32 [2, 2, 1, 4, 8]"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adapter_config.json", None, "there is no adapter_config.json"),
        ("adapter_config.json", b"{", "not valid JSON"),
        ("adapter_config.json", b"[]", "expected a JSON object, got list"),
        ("adapter_config.json", b"\xff\xfe", "not valid JSON"),
        ("adapter_model.safetensors", None, "adapter_model.safetensors is missing"),
        ("adapter_model.safetensors", b"", "not a safetensors file"),
        ("adapter_model.safetensors", b"\xff" * 20, "not a safetensors file"),
        ("adapter_model.safetensors", b"\x02" + bytes(7) + b"[]", "not a safetensors file"),
    ],
)
def test_broken_folders(command, folder: Path, name: str, content: bytes | None, said: str) -> None:
    path = folder / name
    path.unlink() if content is None else path.write_bytes(content)
    done = command("adapter", "show", folder)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""
