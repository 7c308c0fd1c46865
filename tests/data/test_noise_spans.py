"""Tags of characters: they come back as they were, and follow a text that is damaged."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.config import NoiseStep
from weitiao.data.noise import noisy
from weitiao.data.noise.file import noise_file
from weitiao.data.noise.spans import read_spans, write_spans
from weitiao.errors import ConfigError, DataError

SENTENCE = "请把南山变电站的三号开关合上，然后告诉李明"
ENTITIES = [(2, 7, "PLACE"), (8, 12, "DEVICE"), (12, 13, "ACT"), (19, 21, "NAME")]


def tagged(length: int, entities: list[tuple[int, int, str]], scheme: str) -> list[str]:
    """Tags of entities, written down plainly."""
    tags = ["O"] * length
    for start, end, kind in entities:
        for place in range(start, end):
            tags[place] = f"{'M' if scheme == 'BMES' else 'I'}-{kind}"
        tags[start] = f"B-{kind}"
        if scheme != "BIO":
            tags[end - 1] = f"E-{kind}"
            if end - start == 1:
                tags[start] = f"S-{kind}"
    return tags


def entities_of(tags: list[str]) -> list[tuple[int, int, str]]:
    """The other way round, for tags that begin with B or S."""
    found: list[tuple[int, int, str]] = []
    for place, tag in enumerate(tags):
        if tag[0] in "BS":
            found.append((place, place + 1, tag[2:]))
        elif tag != "O":
            assert found
            assert found[-1][1:] == (place, tag[2:]), "an entity without a gap"
            found[-1] = (found[-1][0], place + 1, tag[2:])
    return found


@given(
    st.lists(st.sampled_from(["O", "B-X", "I-X", "I-Y", "M-X", "E-X", "E-Y", "S-X"]), min_size=1, max_size=14)
)
def test_tags_come_back_as_they_were(tags: list[str]) -> None:
    """Whatever is odd about them."""
    text = "合" * len(tags)
    assert write_spans(tags, read_spans(tags, text), text) == tags


@given(st.sampled_from(["BIO", "BIOES", "BMES"]), st.integers(0, 1000), st.sampled_from([0.1, 0.3, 0.5]))
@settings(deadline=None)
def test_tags_follow_the_damage(scheme: str, seed: int, cer: float) -> None:
    tags = tagged(len(SENTENCE), ENTITIES, scheme)
    heard = noisy(SENTENCE, NoiseStep(cer=cer), random.Random(seed), spans=read_spans(tags, SENTENCE))
    moved = write_spans(tags, heard.spans, heard.text)
    found = entities_of(moved)
    assert found == [(span.start, span.end, span.label) for span in heard.spans]
    assert moved == tagged(len(heard.text), found, scheme)
    assert [kind for _, _, kind in found] == [kind for _, _, kind in ENTITIES]


def test_a_file_with_tags(tmp_path: Path) -> None:
    tags = tagged(len(SENTENCE), ENTITIES, "BIO")
    rows = [
        {"text": SENTENCE, "tags": tags},
        {"text": SENTENCE, "tags": json.dumps(tags)},
        {"text": "", "tags": []},
    ]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    noise_file(source, output, NoiseStep(cer=0.4), spans="tags")
    first, second, empty = (json.loads(line) for line in output.read_text("utf-8").splitlines())
    assert len(first["tags"]) == len(first["text"])
    assert first["text"] != SENTENCE
    assert len(json.loads(second["tags"])) == len(second["text"])
    assert empty["tags"] == []


def test_tags_of_words_are_refused(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"text": "to Paris", "tags": ["O", "B-LOC"]}), "utf-8")
    with pytest.raises(DataError, match='column "tags": expected a tag for each of the 8 characters, got 2'):
        noise_file(source, output, NoiseStep(), spans="tags")
    assert not output.exists()


def test_the_input_is_not_written_over(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "合上"}', "utf-8")
    with pytest.raises(ConfigError, match="is the input"):
        noise_file(source, source, NoiseStep())
    assert source.read_text("utf-8") == '{"text": "合上"}'
    with pytest.raises(DataError) as caught:
        noise_file(tmp_path / "im.jsonl", tmp_path / "out.jsonl", NoiseStep())
    assert 'did you mean "in.jsonl"' in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]
