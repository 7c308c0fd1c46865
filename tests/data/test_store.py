"""Storing: load(save(x)) == x, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data import dataset_hash, load, read_examples, save
from weitiao.data.lines import example_dict, example_from
from weitiao.errors import DataError
from weitiao.types import ROLES, Dataset, Example, Message, Origin

messages = st.builds(Message, st.sampled_from(ROLES), st.text(max_size=20), st.booleans())
examples = st.builds(
    Example,
    id=st.text("0123456789abcdef", min_size=16, max_size=16),
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    group=st.text(max_size=5),
    origin=st.none()
    | st.builds(Origin, st.text(max_size=5), st.integers(1), st.none() | st.text(max_size=3)),
    meta=st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=5), max_size=2),
)
parts = st.lists(examples, max_size=4).map(tuple)
datasets = st.builds(Dataset, parts, parts, parts, st.just({"schema_version": 1, "注": ["甲"]}))


@settings(deadline=None, max_examples=50)
@given(dataset=datasets)
def test_round_trip(dataset: Dataset) -> None:
    with TemporaryDirectory() as folder:
        save(dataset, Path(folder))
        loaded = load(Path(folder))
    assert loaded == dataset
    assert dataset_hash(loaded) == dataset_hash(dataset)


def small(text: str = "q") -> Dataset:
    one = Example("id", (Message("user", text), Message("assistant", "a", train=True)))
    dataset = Dataset((one,), (), (), {})
    return Dataset((one,), (), (), {"sha256": dataset_hash(dataset)})


def test_hash_depends_on_content_and_part() -> None:
    a, b = small(), small("other")
    moved = Dataset((), a.train, (), {})
    assert len({dataset_hash(a), dataset_hash(b), dataset_hash(moved)}) == 3


def test_saving_again_replaces_and_leaves_no_other_files(tmp_path: Path) -> None:
    save(small("first"), tmp_path)
    save(small(), tmp_path)
    assert load(tmp_path) == small()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "card.html",
        "card.json",
        "dev.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]


def test_a_broken_save_leaves_what_was_there(tmp_path: Path) -> None:
    unwritable = Example("id", small().train[0].messages, meta={"x": object()})
    with pytest.raises(TypeError):
        save(Dataset((), (), (unwritable,), {}), tmp_path / "new")
    with pytest.raises(DataError, match="no complete data set"):
        load(tmp_path / "new")
    save(small(), tmp_path / "old")
    with pytest.raises(TypeError):
        save(Dataset((), (), (unwritable,), {}), tmp_path / "old")
    assert load(tmp_path / "old") == small()
    assert not list(tmp_path.rglob(".*"))


def test_changed_parts_are_refused(tmp_path: Path) -> None:
    save(small(), tmp_path)
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text().replace('"q"', '"Q"'))
    with pytest.raises(DataError, match="the parts were changed"):
        load(tmp_path)


def test_all_bad_lines_are_named(tmp_path: Path) -> None:
    good = json.dumps({"id": "1", "messages": [{"role": "user", "content": "q"}]})
    bad = [
        "{",
        "[]",
        '{"id": 1, "messages": [{"role": "user", "content": "q"}]}',
        '{"id": "1", "messages": [{"role": "boss", "content": "q"}]}',
        '{"id": "1", "messages": []}',
        '{"id": "1"}',
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([good, *bad]))
    with pytest.raises(DataError) as caught:
        list(read_examples(path))
    message = str(caught.value)
    assert "6 problems" in message
    for row, expected in (
        (4, "id: expected str"),
        (5, "unknown role 'boss'"),
        (6, "no messages"),
        (7, "'messages'"),
    ):
        assert f"row {row}: " in message
        assert expected in message
    with pytest.raises(DataError, match="no such file"):
        list(read_examples(tmp_path / "none.jsonl"))


def test_weights_are_kept_and_part_of_the_hash(tmp_path: Path) -> None:
    plain = Example("a", (Message("user", "q"), Message("assistant", "r", True)))
    weighted = replace(plain, weight=2.5)
    assert example_from(example_dict(weighted)) == weighted
    assert "weight" not in example_dict(plain)
    one, other = (Dataset((e,), (), (), {}) for e in (plain, weighted))
    assert dataset_hash(one) != dataset_hash(other)
    with pytest.raises(ValueError, match="weight"):
        example_from({**example_dict(plain), "weight": "heavy"})
