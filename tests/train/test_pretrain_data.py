"""Rows of pretraining tokens: shares, order, what is held out, and when they are used again."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from weitiao.errors import ConfigError, DataError
from weitiao.models.tokenizer_training import sample_texts, train_tokenizer
from weitiao.train import pretrain_data as rows
from weitiao.train.pretrain_config import PretrainRecipe
from weitiao.train.pretrain_text import (
    Text,
    corpus_documents,
    corpus_files,
    echoes,
    generated_documents,
    held_out,
    interleave,
    language,
    texts_fingerprint,
    tokenizer_sample,
)


def write_corpus(folder: Path, documents: int = 60) -> Path:
    folder.mkdir(parents=True)
    with gzip.open(folder / "zh.jsonl.gz", "wt", encoding="utf-8") as stream:
        for k in range(documents):
            stream.write(json.dumps({"text": f"第{k}号公司的营业收入是{k * 7}元，同比增长。"}) + "\n")
    lines = [json.dumps({"text": f"Company {k} had revenue of {k * 7} dollars."}) for k in range(documents)]
    (folder / "en.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


def make_recipe(folder: Path | None, **changes: Any) -> PretrainRecipe:
    data = {"folder": folder, "row_tokens": 16, "validation": 0.2, "validation_rows": 4, "probe_documents": 3}
    data |= changes.pop("data", {})
    content = {
        "tokenizer": {"vocab_size": 600, "han_tokens": 40, "han_coverage": 0, "sample_characters": 5000},
        "model": {"hidden": 32, "layers": 2, "heads": 2, "intermediate": 48, "max_position": 64},
        "data": data,
        "train": {"steps": 8, "batch_rows": 4},
    }
    return PretrainRecipe.model_validate(content | changes)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "files")


@pytest.fixture(scope="module")
def tokenizer(corpus: Path) -> PreTrainedTokenizerFast:
    texts = sample_texts(tokenizer_sample(make_recipe(corpus)), 5000)
    return train_tokenizer(texts, 600, han_tokens=40, han_coverage=0)[0]


@given(st.floats(0.05, 0.95), st.lists(st.integers(1, 50), min_size=2, max_size=40))
def test_shares_are_kept_to_within_one_document(share: float, sizes: list[int]) -> None:
    sources = {made: zip(itertools.repeat(made), itertools.cycle(sizes)) for made in (False, True)}
    taken = list(itertools.islice(interleave(sources, share, lambda item: item[1]), 60))
    for stop in range(1, 61):
        made = sum(size for kind, size in taken[:stop] if kind)
        total = sum(size for _, size in taken[:stop])
        assert abs(made - share * total) <= max(sizes)


def test_the_corpus_stream_is_seeded_and_mixes_files(corpus: Path) -> None:
    recipe = make_recipe(corpus).data
    first, again, other = (
        [d.text for d in itertools.islice(corpus_documents(recipe, seed), 100)] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert {language(str(text)) for text in first[:20]} == {"zh", "en"}


def test_weights_leave_files_out_and_unknown_ones_are_all_named(corpus: Path) -> None:
    assert list(corpus_files(make_recipe(corpus, data={"sources": {"en": 0}}).data)) == ["zh"]
    with pytest.raises(ConfigError, match=r"(?s)sources\.fr: no such file.*sources\.en: weight -1"):
        corpus_files(make_recipe(corpus, data={"sources": {"fr": 1, "en": -1}}).data)
    with pytest.raises(ConfigError, match=r"no \*\.jsonl or \*\.jsonl\.gz file"):
        corpus_files(make_recipe(corpus / "absent").data)


@pytest.mark.parametrize("line", ['{"text": "a"', '["a"]', '{"txt": "a"}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n\n' + line, "utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl, line 3: expected a JSON object with a field `text`"):
        list(itertools.islice(corpus_documents(make_recipe(tmp_path).data, 0), 5))


@given(st.text(), st.floats(0.01, 0.49), st.integers(0, 9))
def test_equal_texts_fall_on_one_side(text: str, share: float, seed: int) -> None:
    sides = {held_out(Text(part, text, None), share, seed) for part in ("a", "b")}
    assert len(sides) == 1


def test_about_the_share_asked_for_is_held_out() -> None:
    held = sum(held_out(Text("a", str(k), None), 0.2, 0) for k in range(2000))
    assert 320 < held < 480


def test_encoding_is_the_chat_template(tokenizer: PreTrainedTokenizerFast) -> None:
    encode = rows.Encoder(tokenizer)
    messages = ({"role": "user", "content": "公司？"}, {"role": "assistant", "content": "收入 7"})
    chat, text = encode([Text("a", None, messages), Text("b", "收入", None)])
    assert chat == tokenizer.apply_chat_template(list(messages))["input_ids"]
    assert tokenizer.decode(text) == "<|begin|>收入<|end|>"
    probe = encode.probe(Text("a", None, messages), chat)
    assert probe is not None
    assert tokenizer.decode(probe.ids[probe.answer :]) == "收入 7<|end|>"
    long = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "7" * 40})
    assert encode.probe(Text("a", None, long), encode([Text("a", None, long)])[0]) is None
    assert encode.probe(Text("b", "收入", None), text) is None


def read_tokens(folder: Path, pattern: str) -> list[int]:
    return [int(i) for f in sorted(folder.glob(pattern)) for i in np.fromfile(f, "<u2")]


def test_rows_are_the_documents_end_to_end(
    corpus: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "SHARD_ROWS", 5)
    recipe = make_recipe(corpus, data={"generated": {"share": 0.5}})
    manifest = rows.prepare(recipe, tokenizer, tmp_path / "data", "f")
    train = rows.training_rows(tmp_path / "data", manifest)
    assert len(train) == 32 == manifest["train_rows"]
    assert len(list((tmp_path / "data").glob("train-*.bin"))) == 7
    tokens = [int(i) for k in range(len(train)) for i in train[k]["input_ids"]]
    assert tokens == read_tokens(tmp_path / "data", "train-*.bin")
    documents = tokenizer.decode(tokens).split("<|begin|>")
    assert documents[0] == ""
    assert all(d.endswith("<|end|>") for d in documents[1:-1])
    with pytest.raises(IndexError):
        train[32]
    written = sum(manifest["train_tokens"].values())
    assert 0 <= written - len(tokens) < 600
    assert manifest["train_tokens"]["generated"] / written == pytest.approx(0.5, abs=0.25)
    held = rows.validation_rows(tmp_path / "data", manifest)
    assert all(0 < len(part) <= 4 for part in held.values())
    for probe in rows.load_probes(tmp_path / "data"):
        text = tokenizer.decode(probe.ids)
        assert text not in tokenizer.decode(tokens)


def test_held_out_documents_are_not_trained_on(
    corpus: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    recipe = make_recipe(corpus, data={"generated": {"share": 0}})
    rows.prepare(recipe, tokenizer, tmp_path / "data", "f")
    sides = [
        {
            d
            for d in tokenizer.decode(read_tokens(tmp_path / "data", pattern)).split("<|begin|>")
            if "<|end|>" in d
        }
        for pattern in ("train-*.bin", "validation-*.bin")
    ]
    assert all(sides)
    assert not sides[0] & sides[1]


def test_rows_are_made_once_and_again_when_something_changed(
    corpus: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder = make_recipe(corpus, data={"generated": {"share": 0}}), tmp_path / "data"
    first = rows.prepare(recipe, tokenizer, folder, "f")
    before = read_tokens(folder, "*.bin")
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_write", lambda *_: pytest.fail("made again"))
        assert rows.prepare(recipe, tokenizer, folder, "f") == first
    assert rows.prepare(recipe, tokenizer, folder, "g")["fingerprint"] == "g"
    assert read_tokens(folder, "*.bin") == before


def test_an_interrupted_preparation_leaves_no_folder(
    corpus: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    recipe = make_recipe(corpus, data={"generated": {"share": 0}})

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows.prepare(recipe, tokenizer, tmp_path / "data", "f", stop)
    assert not (tmp_path / "data").exists()
    assert rows.prepare(recipe, tokenizer, tmp_path / "data", "f")["train_rows"] == 32
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_the_fingerprint_follows_content_not_place(corpus: Path, tmp_path: Path) -> None:
    moved = write_corpus(tmp_path / "elsewhere")
    one, two = make_recipe(corpus), make_recipe(moved)
    assert (moved / "en.jsonl").read_bytes() == (corpus / "en.jsonl").read_bytes()
    (moved / "zh.jsonl.gz").write_bytes((corpus / "zh.jsonl.gz").read_bytes())
    assert rows.data_fingerprint(one, "t") == rows.data_fingerprint(two, "t")
    assert rows.data_fingerprint(one, "t") != rows.data_fingerprint(one, "u")
    longer = make_recipe(corpus, train={"steps": 9, "batch_rows": 4})
    assert rows.data_fingerprint(one, "t") != rows.data_fingerprint(longer, "t")
    (moved / "en.jsonl").write_text('{"text": "changed"}', "utf-8")
    assert texts_fingerprint(one) != texts_fingerprint(two)


def test_generated_documents_are_seeded() -> None:
    first, again, other = (list(itertools.islice(generated_documents(s), 30)) for s in (1, 1, 2))
    assert first == again != other
    assert any(d.messages for d in first)
    assert any(d.text for d in first)


def test_echoes_answer_with_what_they_were_given(corpus: Path) -> None:
    recipe = make_recipe(corpus).data
    first, again = (list(itertools.islice(echoes(corpus_documents(recipe, 1), seed=3), 40)) for _ in range(2))
    assert first == again
    for document in first:
        assert document.messages is not None
        question, answer = document.messages
        assert (question["role"], answer["role"]) == ("user", "assistant")
        assert answer["content"].strip()
        assert question["content"].endswith(answer["content"])


def test_the_share_of_echoes(corpus: Path) -> None:
    documents = corpus_documents(make_recipe(corpus).data, 1)
    mixed = list(itertools.islice(generated_documents(1, echo=0.3, corpus=documents), 600))
    plain = list(itertools.islice(generated_documents(1), 600))
    assert 130 < sum(d not in plain for d in mixed) < 230
