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


# --------------------------------------------------------------------------------- other systems


@pytest.fixture
def official(tmp_path: Path) -> Path:
    config = {"model_type": "chatglm", "pre_seq_len": 8, "prefix_projection": False, "num_layers": 28}
    folder = tmp_path / "output" / "checkpoint-300"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def peft(tmp_path: Path) -> Path:
    config = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 8, "base_model_name_or_path": "owner/base"}
    (tmp_path / "peft").mkdir()
    (tmp_path / "peft" / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path / "peft"


def test_show_says_what_an_official_folder_is(command, official: Path) -> None:
    said = json.loads(command("adapter", "show", official, "--json").stdout)
    assert "official ChatGLM P-Tuning v2" in said["kind"]
    assert said["pre_seq_len"] == 8
    assert said["convert"] == f"weitiao adapter convert {official} OUT --to weitiao --base BASE"


def test_show_says_what_a_peft_folder_is(command, peft: Path) -> None:
    said = json.loads(command("adapter", "show", peft, "--json").stdout)
    assert said["kind"] == "an adapter of PEFT"
    assert said["base"] == "owner/base"
    assert said["convert"] == f"weitiao adapter convert {peft} OUT --to weitiao"
    config = {"peft_type": "LORA"}
    (peft / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    said = json.loads(command("adapter", "show", peft, "--json").stdout)
    assert said["convert"] == "only PREFIX_TUNING can be converted"


def test_the_folder_above_a_checkpoint_names_the_newest(command, official: Path) -> None:
    (official.parent / "checkpoint-2000").mkdir()
    done = command("adapter", "show", official.parent)
    assert done.exit_code == 2
    assert f"give one of its checkpoints: {official.parent / 'checkpoint-2000'}" in done.stderr


@pytest.mark.parametrize("name", ["chat", "eval"])
def test_other_systems_are_told_how_to_convert(command, official: Path, peft: Path, name: str) -> None:
    rest = ["--data", "x.jsonl"] if name == "eval" else []
    for folder in (official, peft):
        done = command(name, "--adapter", folder, *rest)
        assert done.exit_code == 2
        assert f"weitiao adapter convert {folder} OUT --to weitiao" in done.stderr


def test_convert(command, folder: Path, tmp_path: Path) -> None:
    """There and back; a base is not needed where nothing has to be turned."""
    torch = pytest.importorskip("torch")
    from weitiao.tuning.adapter import save_adapter

    config = {"base": {"path": "weitiao-tiny"}, "method": {"kind": "prefix"}, "absorbed": [7]}
    save_adapter(folder / "ours", {"kv": torch.randn(2, 2, 1, 4, 8)}, {**config, "position_start": 4})
    done = command("adapter", "convert", folder / "ours", tmp_path / "out", "--to", "peft")
    assert done.exit_code == 0, done.stderr
    assert "an adapter of PEFT, 128 numbers, from an adapter of weitiao" in done.stdout
    assert "first 1 token of every prompt" in done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "weitiao_adapter.json",
    }
    again = command("adapter", "convert", folder / "ours", tmp_path / "out", "--to", "peft")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
