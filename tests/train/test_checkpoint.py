"""Checkpoint folders are there whole or not at all."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from weitiao.errors import TrainError
from weitiao.train import checkpoint


def write(root: Path, step: int, content: str = "weights") -> Path:
    with checkpoint.writing(root, step, needed=100) as folder:
        (folder / "a.bin").write_text(content)
        (folder / "b.bin").write_text(str(step))
    return root / f"checkpoint-{step}"


def names(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir())


def test_the_newest_is_found_by_number(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "nothing") is None
    for step in (9, 10, 100, 20):
        write(tmp_path, step)
    assert checkpoint.newest(tmp_path) == tmp_path / "checkpoint-100"


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "no marker", "marker cut"])
def test_a_damaged_one_is_never_taken(tmp_path: Path, damage: str) -> None:
    good, bad = write(tmp_path, 1), write(tmp_path, 2)
    marker = bad / checkpoint.COMPLETE
    if damage == "cut":
        (bad / "a.bin").write_text("weigh")
    elif damage == "changed":
        (bad / "a.bin").write_text("Weights")
    elif damage == "missing":
        (bad / "a.bin").unlink()
    elif damage == "no marker":
        marker.unlink()
    else:
        marker.write_text(marker.read_text()[:-20])
    assert checkpoint.newest(tmp_path) == good


def fail_while_writing(root: Path, step: int, error: BaseException) -> None:
    with checkpoint.writing(root, step, needed=5 * 2**20) as folder:
        (folder / "a.bin").write_text("half")
        raise error


def test_an_error_while_writing_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, 1, "old")
    with pytest.raises(KeyboardInterrupt):
        fail_while_writing(tmp_path, 1, KeyboardInterrupt())
    assert names(tmp_path) == ["checkpoint-1"]
    assert (tmp_path / "checkpoint-1" / "a.bin").read_text() == "old"


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    write(tmp_path, 1)
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(
        TrainError, match=r"checkpoint-2 cannot be written: .*No space left.*5\.0 MiB"
    ) as caught:
        fail_while_writing(tmp_path, 2, full)
    assert "keep_checkpoints" in str(caught.value)
    assert "--resume" in str(caught.value)
    assert names(tmp_path) == ["checkpoint-1"]
    assert checkpoint.newest(tmp_path) == tmp_path / "checkpoint-1"


def test_writing_again_replaces(tmp_path: Path) -> None:
    write(tmp_path, 1, "old")
    assert (write(tmp_path, 1, "new") / "a.bin").read_text() == "new"
    assert names(tmp_path) == ["checkpoint-1"]
    assert json.loads((tmp_path / "checkpoint-1" / checkpoint.COMPLETE).read_text())["step"] == 1


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    for step in range(1, 7):
        write(tmp_path, step)
    checkpoint.thin_out(tmp_path, keep=2, best=3)
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-5", "checkpoint-6"]
    checkpoint.thin_out(tmp_path, keep=1, best=None)
    assert names(tmp_path) == ["checkpoint-6"]


def test_leftovers_are_swept(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / ".checkpoint-2.partial").mkdir()
    (tmp_path / ".checkpoint-1.old.partial").mkdir()
    checkpoint.sweep(tmp_path)
    assert names(tmp_path) == ["checkpoint-1"]


def test_differences_name_the_path() -> None:
    old = {"train": {"batch_size": 16, "epochs": 3}, "seed": 1}
    assert checkpoint.differences(old, old) == []
    assert checkpoint.differences(old, {"train": {"batch_size": 8, "epochs": 3}, "seed": 1, "x": None}) == [
        "train.batch_size: was 16, is 8"
    ]
