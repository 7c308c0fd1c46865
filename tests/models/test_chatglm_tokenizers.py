"""Tokenizers of the ChatGLM family against ids that the original code gave."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.chat.codec import TextCodec
from weitiao.errors import ModelError
from weitiao.models.tokenizers import Version, load_chatglm
from weitiao.models.tokenizers.sentencepiece_file import PieceType, read_sentencepiece

VERSIONS = get_args(Version)
V1_NAMES = ("<sop>", "<eop>", "[MASK]", "<pad>", "<unk>", "<n>", "<|tab|>", "<|blank_3|>")
NAMES = (*V1_NAMES, "[gMASK]", "sop", "eop", "[sMASK]", "</s>", "<s>", "<|user|>", "<|system|>", "<ENC>")


def files(shared: Path, version: str) -> Path:
    return shared / "reference" / "tokenizers" / f"{version}-6b"


@cache
def opened(folder: Path, version: Version) -> tuple[Any, dict[str, Any]]:
    return load_chatglm(folder, version), json.loads((folder / "tokens.json").read_text(encoding="utf-8"))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Version:
    return request.param


@pytest.fixture
def pair(shared: Path, version: Version) -> tuple[Any, dict[str, Any]]:
    return opened(files(shared, version), version)


def ids_of(tokenizer: Any, text: str, *, as_text: bool, special: bool = False) -> list[int]:
    return tokenizer(text, add_special_tokens=special, split_special_tokens=as_text)["input_ids"]


def test_text_as_text_gives_the_ids_of_the_original(pair: tuple[Any, dict[str, Any]], version: str) -> None:
    tokenizer, expected = pair
    compared = 0
    for case in expected["strings"]:
        if version == "chatglm" and case["text"] in V1_NAMES:
            continue  # the hole of the original; a test of its own
        assert ids_of(tokenizer, case["text"], as_text=True) == case["ids"], case["text"]
        assert ids_of(tokenizer, case["text"], as_text=True, special=True) == case["ids_with_special"]
        compared += 1
    assert compared >= 90


def test_without_names_in_the_text_both_ways_to_encode_agree(pair: tuple[Any, dict[str, Any]]) -> None:
    tokenizer, expected = pair
    for case in expected["strings"]:
        if not any(name in case["text"] for name in NAMES) and "<|" not in case["text"]:
            assert ids_of(tokenizer, case["text"], as_text=False) == case["ids"], case["text"]


def test_v1_takes_names_by_itself_as_the_original_does_but_not_as_text(shared: Path) -> None:
    tokenizer, expected = opened(files(shared, "chatglm"), "chatglm")
    for case in expected["strings"]:
        assert ids_of(tokenizer, case["text"], as_text=False) == case["ids"], case["text"]
    white_space = {i for i in range(130008, 130088)} | {4}
    for name in V1_NAMES:
        ids = ids_of(tokenizer, f"你好 {name}，{name}", as_text=True)
        assert not set(ids) & (white_space | set(tokenizer.added_tokens_decoder)), name
        assert tokenizer.decode(ids) == f"你好 {name},{name}"
    # SentencePiece's normaliser makes names of full-width letters too, and drops what has no width.
    for text in ("＜n＞\n", "<\u200bn>\n", "a\n<|ｔａｂ|>"):
        assert sum(i in white_space for i in ids_of(tokenizer, text, as_text=True)) == 1, text


def test_decoding_equals_the_original(pair: tuple[Any, dict[str, Any]], version: str) -> None:
    tokenizer, expected = pair
    for case in expected["strings"]:
        assert tokenizer.decode(case["ids"]) == case["decoded"]
        assert tokenizer.decode(case["ids_with_special"]) == case["decoded_with_special"]
        # ChatGLM3's original shows special tokens even where they are to be skipped.
        skipped = case["decoded"] if version == "chatglm3" else case["decoded_with_special_skip"]
        assert tokenizer.decode(case["ids_with_special"], skip_special_tokens=True) == skipped


def test_pairs_batches_and_prompts(pair: tuple[Any, dict[str, Any]], version: str) -> None:
    tokenizer, expected = pair
    for case in expected["pairs"]:
        assert tokenizer(case["a"], case["b"])["input_ids"] == case["call"]["input_ids"]
    for case in expected["batches"]:
        batch = tokenizer(case["texts"], **case["kwargs"])
        assert batch["input_ids"] == case["output"]["input_ids"]
        if version != "chatglm":  # v1's own mask has four dimensions; ours is left to the model
            assert batch["attention_mask"] == case["output"]["attention_mask"]
        pads = [row.count(tokenizer.pad_token_id) for row in batch["input_ids"]]
        assert [row.count(0) for row in batch["attention_mask"]] == pads
    for case in expected.get("prompts", []):
        assert tokenizer(case["prompt"])["input_ids"] == case["input_ids"]


def test_special_tokens_have_their_ids(pair: tuple[Any, dict[str, Any]], version: str) -> None:
    tokenizer, expected = pair
    assert len(tokenizer) == expected["len"]
    assert tokenizer.is_fast == (version != "chatglm")
    assert tokenizer.padding_side == expected["padding_side"]
    for name, number in expected["special_ids"].items():
        if isinstance(number, int):
            assert tokenizer.convert_tokens_to_ids(name) == number, name
    for key in ("eos_token", "pad_token"):
        assert getattr(tokenizer, f"{key}_id") == expected["special_ids"][key][1]
    names = {token.content for token in tokenizer.added_tokens_decoder.values()}
    assert {"[MASK]", "[gMASK]", "[sMASK]", "</s>", "<unk>"} <= names
    assert ("<|observation|>" in names) == (version == "chatglm3")


def test_a_word_with_sop_or_eop_in_it_stays_a_word(shared: Path) -> None:
    tokenizer, _ = opened(files(shared, "chatglm3"), "chatglm3")
    text = "philosophy for people"
    assert ids_of(tokenizer, text, as_text=False) == ids_of(tokenizer, text, as_text=True)


def test_the_codec_never_gives_markup_for_text(pair: tuple[Any, dict[str, Any]], version: str) -> None:
    tokenizer, expected = pair
    codec = TextCodec(tokenizer)
    for text in [case["text"] for case in expected["strings"]] + [
        f"见{a}{b} 。" for a in NAMES for b in NAMES
    ]:
        for fresh in (True, False):
            ids = codec.encode(text, fresh=fresh)
            assert not set(ids) & set(codec.markup), text
            if version != "chatglm" and "▁" not in text:  # v1 normalises, and ▁ is SentencePiece's space
                assert codec.decode(ids, fresh=fresh) == text


def test_chat_templates_give_the_original_prompts(shared: Path) -> None:
    tokenizer, expected = opened(files(shared, "chatglm2"), "chatglm2")
    for case in expected["prompts"]:
        turns = [
            turn for pair in case["history"] or [] for turn in zip(("user", "assistant"), pair, strict=True)
        ]
        messages = [{"role": role, "content": text} for role, text in [*turns, ("user", case["query"])]]
        assert tokenizer.apply_chat_template(messages)["input_ids"] == case["input_ids"]
    tokenizer, expected = opened(files(shared, "chatglm3"), "chatglm3")
    compared = 0
    for case in expected["build_chat_input"]:
        if "[gMASK]" in case["query"]:
            continue  # a template makes special tokens of names
        messages = [*(case["history"] or []), {"role": case["role"], "content": case["query"]}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
        assert ids == case["output"]["input_ids"][0]
        compared += 1
    assert compared >= 8


PROBE = "你好 [gMASK]sop\n  <n> world"


@pytest.mark.parametrize("fast", ["chatglm2", "chatglm3"])
def test_a_saved_fast_tokenizer_opens_without_us(shared: Path, tmp_path: Path, fast: Version) -> None:
    tokenizer, _ = opened(files(shared, fast), fast)
    tokenizer.save_pretrained(tmp_path)
    assert "auto_map" not in (tmp_path / "tokenizer_config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "glm"}), encoding="utf-8")
    code = (
        "import sys; sys.modules['weitiao'] = None\n"
        "from transformers import AutoTokenizer\n"
        f"t = AutoTokenizer.from_pretrained({str(tmp_path)!r})\n"
        f"print([t({PROBE!r}, split_special_tokens=True)['input_ids'], t.init_kwargs['chatglm_version']])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ids = ids_of(tokenizer, PROBE, as_text=True, special=True)
    assert done.stdout.strip().splitlines()[-1] == str([ids, fast])


def test_a_saved_v1_tokenizer_opens_once_we_are_imported(shared: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer, _ = opened(files(shared, "chatglm"), "chatglm")
    tokenizer.save_pretrained(tmp_path / "one")
    again = AutoTokenizer.from_pretrained(tmp_path / "one")
    again.save_pretrained(tmp_path / "two")
    again = AutoTokenizer.from_pretrained(tmp_path / "two")
    assert type(again) is type(tokenizer)
    assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
    assert again.init_kwargs["chatglm_version"] == "chatglm"
    for as_text in (True, False):
        assert ids_of(again, PROBE, as_text=as_text) == ids_of(tokenizer, PROBE, as_text=as_text)


ALPHABET = [
    "  ",
    "\n",
    "a",
    "=",
    "😀",
    "你",
    "，",
    "\u2581",
    "\x00",
    "\u3000",
    "e\u0301",
    "\u200d",
    "0",
    "\r",
    "\ue000",
]
texts = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(NAMES),
        st.builds(lambda c, n: c * n, st.sampled_from(ALPHABET), st.integers(1, 90)),
    ),
    max_size=6,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_fast_equals_sentencepiece_on_any_text(shared: Path, text: str) -> None:
    spm = pytest.importorskip("sentencepiece")
    folder = files(shared, "chatglm2")
    tokenizer, _ = opened(folder, "chatglm2")
    processor = _processor(spm, folder / "tokenizer.model")
    ids = ids_of(tokenizer, text, as_text=True)
    assert ids == processor.encode(text)
    assert tokenizer.decode(ids) == processor.decode(ids)


def test_fast_equals_sentencepiece_where_ways_to_write_a_piece_overlap(shared: Path) -> None:
    """The merge list has several entries a piece; the order among them must not matter."""
    spm = pytest.importorskip("sentencepiece")
    folder = files(shared, "chatglm2")
    tokenizer, _ = opened(folder, "chatglm2")
    processor = _processor(spm, folder / "tokenizer.model")
    pieces = [
        p.text for p in read_sentencepiece(folder / "tokenizer.model").pieces if p.type is PieceType.NORMAL
    ]
    overlapping = [p + p[k:] for p in pieces for k in range(1, len(p)) if p.startswith(p[-k:])]
    texts = [t.replace("▁", " ") for t in overlapping]
    for text in random.Random(0).sample(texts, min(2000, len(texts))):
        assert ids_of(tokenizer, text, as_text=True) == processor.encode(text), text


@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_v1_text_as_text_never_gives_special_ids_and_keeps_white_space(shared: Path, text: str) -> None:
    tokenizer, _ = opened(files(shared, "chatglm"), "chatglm")
    ids = ids_of(tokenizer, text, as_text=True)
    assert not set(ids) & set(tokenizer.added_tokens_decoder)
    assert tokenizer.decode(ids).count("\n") == text.count("\n")
    if not any(name in text for name in NAMES) and "<" not in text and "＜" not in text:
        assert ids == ids_of(tokenizer, text, as_text=False)


@cache
def _processor(spm: Any, path: Path) -> Any:
    return spm.SentencePieceProcessor(model_file=str(path))


def test_errors_say_which_file_is_missing_or_wrong(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"ice_text\.model of chatglm, it is not there"):
        load_chatglm(tmp_path, "chatglm")
    (tmp_path / "tokenizer.model").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(ModelError, match="Git LFS pointer"):
        load_chatglm(tmp_path, "chatglm2")
    (tmp_path / "tokenizer.model").write_bytes((files(shared, "chatglm") / "ice_text.model").read_bytes())
    with pytest.raises(ModelError, match="BPE vocabulary of chatglm3"):
        load_chatglm(tmp_path, "chatglm3")
    (tmp_path / "ice_text.model").write_bytes((files(shared, "chatglm2") / "tokenizer.model").read_bytes())
    with pytest.raises(ModelError, match="expected the vocabulary of ChatGLM-6B"):
        load_chatglm(tmp_path, "chatglm")


def test_changed_types_leave_all_else_of_a_model_file_alone(shared: Path) -> None:
    path = files(shared, "chatglm") / "ice_text.model"
    file = read_sentencepiece(path)
    assert file.with_types({}) == file.data
    back = file.with_types({PieceType.USER_DEFINED: PieceType.CONTROL})
    assert len(back) == len(file.data)
    assert sum(a != b for a, b in zip(back, file.data, strict=True)) == 81
