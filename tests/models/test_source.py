"""Where a base comes from: files that are here are used; what is missing is said with a way out."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from bases import tiny_base
from weitiao.errors import ModelError
from weitiao.models import source
from weitiao.models.source import folder_of, is_complete, wanted_files


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    tiny_base("llama").save_pretrained(folder)
    return folder


def test_a_folder_is_itself(base_folder: Path) -> None:
    assert folder_of(str(base_folder)) == base_folder


@pytest.mark.parametrize("path", ["./nothing", "/nothing/here", "a/b/c", "nothing"])
def test_a_path_that_is_not_there(path: str) -> None:
    with pytest.raises(ModelError, match="is no folder"):
        folder_of(path)


def test_the_embedded_base_may_be_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source, "embedded_folder", lambda: tmp_path / "weitiao-tiny")
    with pytest.raises(ModelError, match="built without") as caught:
        folder_of("weitiao-tiny")
    assert caught.value.remedy is not None
    assert "base.path" in caught.value.remedy


def test_no_code_no_subfolders_one_form_of_weights() -> None:
    names = [
        "config.json",
        "modeling_chatglm.py",
        "tokenizer.model",
        "pytorch_model-00001-of-00002.bin",
        "training_args.bin",
        "model.safetensors",
        "original/consolidated.safetensors",
        "README.md",
    ]
    assert wanted_files(names, weights=True) == ["config.json", "model.safetensors", "tokenizer.model"]
    assert wanted_files(names, weights=False) == ["config.json", "tokenizer.model"]
    old = [n for n in names if not n.endswith("safetensors")]
    assert "pytorch_model-00001-of-00002.bin" in wanted_files(old, weights=True)
    assert "training_args.bin" not in wanted_files(old, weights=True)


def test_half_a_download_is_not_complete(base_folder: Path) -> None:
    assert is_complete(base_folder, weights=True)
    (base_folder / "model.safetensors").unlink()
    assert is_complete(base_folder, weights=False)
    assert not is_complete(base_folder, weights=True)


def hub_cache(home: Path, name: str, files: Path) -> None:
    """A Hub cache as huggingface_hub lays it out."""
    repo = home / f"models--{name.replace('/', '--')}"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    for file in files.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())


def test_a_hub_id_in_the_cache_needs_no_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_folder: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    hub_cache(tmp_path / "hub", "owner/name", base_folder)

    def forbidden(*args: Any, **kwargs: Any) -> Path:
        raise AssertionError("asked the network")

    monkeypatch.setattr(source, "_download", forbidden)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert is_complete(folder_of("owner/name"), weights=True)


def test_a_hub_id_that_is_not_here_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        folder_of("owner/name")


def test_an_unreachable_hub_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    class Broken:
        def list_repo_files(self, *args: Any, **kwargs: Any) -> list[str]:
            raise OSError("no route to host\nmore")

    monkeypatch.setattr(huggingface_hub, "HfApi", Broken)
    with pytest.raises(ModelError, match=r"cannot be fetched: no route to host\n") as caught:
        source._download("owner/name", None, weights=True)
    assert "modelscope:owner/name" in str(caught.value.remedy)


class FakeModelScope(types.ModuleType):
    """The one function of modelscope that is used."""

    def __init__(self, folder: Path, *, here: bool) -> None:
        super().__init__("modelscope")
        self.folder, self.here = folder, here
        self.calls: list[dict[str, Any]] = []

    def snapshot_download(self, name: str, **options: Any) -> str:
        self.calls.append({"name": name, **options})
        if options.get("local_files_only") and not self.here:
            raise ValueError("not cached")
        return str(self.folder)


@pytest.mark.parametrize("here", [True, False])
def test_modelscope(monkeypatch: pytest.MonkeyPatch, base_folder: Path, here: bool) -> None:
    fake = FakeModelScope(base_folder, here=here)
    monkeypatch.setitem(sys.modules, "modelscope", fake)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert folder_of("modelscope:owner/name", revision="v1") == base_folder
    assert fake.calls[0] == {"name": "owner/name", "revision": "v1", "local_files_only": True}
    assert len(fake.calls) == (1 if here else 3)
    if not here:
        assert "*.py" in fake.calls[-1]["ignore_file_pattern"]


def test_modelscope_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(ModelError, match="not installed") as caught:
        folder_of("modelscope:owner/name")
    assert "weitiao[modelscope]" in str(caught.value.remedy)


def test_modelscope_id_is_checked() -> None:
    with pytest.raises(ModelError, match="no ModelScope id"):
        folder_of("modelscope:name")
