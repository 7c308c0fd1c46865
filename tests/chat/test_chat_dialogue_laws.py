"""Laws of the formats that know functions, on small tokenizers and on those of the real ChatGLM models."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from functions import CALLS, TEMPLATES, functions_tokenizer
from glm import VERSIONS, real_tokenizer, small_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import chat_tokenizer, sentencepiece_tokenizer
from weitiao.chat import ChatFormat, make_format
from weitiao.config import ChatGLM2Format, ChatGLM3Format, RolesFormat
from weitiao.data.shapes.hotel import HotelDialogue
from weitiao.types import Example, Message, Reply, ToolCall

LAWS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FRAGMENTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Co"]), max_size=8),
    st.sampled_from(
        ["你好", "😀", "\n", "  ", " ", "\t", "▁", "[gMASK]", "sop", "<sop>", "<eop>", "</s>", "<n>"]
    ),
    st.sampled_from(
        ["<|user|>", "<|assistant|>", "<|observation|>", "[MASK]", "<|blank_3|>", "<unk>", "答："]
    ),
)
CONTENTS = st.lists(FRAGMENTS, max_size=5).map("".join)
FORMATS: dict[str, tuple[Any, Any]] = {
    "roles-bytes": (RolesFormat(), lambda: chat_tokenizer(None)),
    "roles-pieces": (RolesFormat(), lambda: sentencepiece_tokenizer(None)),
    **{version: ("auto", lambda v=version: small_tokenizer(v)) for version in VERSIONS},
    "chatglm2-pieces": (ChatGLM2Format(history="pieces"), lambda: small_tokenizer("chatglm2")),
    "chatglm3-json": (ChatGLM3Format(calls="json"), lambda: small_tokenizer("chatglm3")),
}
REAL = {f"real-{v}": v for v in VERSIONS}


@pytest.fixture(scope="module", params=[*FORMATS, *REAL])
def case(request: pytest.FixtureRequest) -> tuple[str, ChatFormat, Any]:
    """Name, format, tokenizer."""
    name = request.param
    if name in REAL:
        tokenizer = real_tokenizer(request.getfixturevalue("shared"), REAL[name])
        return name, make_format("auto", tokenizer), tokenizer
    config, build = FORMATS[name]
    tokenizer = build()
    return name, make_format(config, tokenizer), tokenizer


def spelt(name: str, tokenizer: Any, text: str) -> str:
    """What the tokenizer keeps of a text: SentencePiece takes its space sign for a space."""
    if name == "real-chatglm":
        return tokenizer.decode(
            tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        )
    return text.replace("▁", " ") if "▁" in tokenizer.get_vocab() else text


def said(fmt: ChatFormat, *messages: Message) -> list[int]:
    """Trained tokens."""
    rendered = fmt.render(Example("e", messages))
    return [i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t]


def middle_trained(name: str) -> bool:
    """Whether answers in the middle of a sample may be trained."""
    return name not in ("chatglm", "chatglm2", "real-chatglm", "real-chatglm2")


def dialogue(contents: list[str], call: ToolCall | None, *, train: bool) -> list[Message]:
    question, first, again, second = contents
    turns = [Message("user", question), Message("assistant", first, train)]
    if call is not None:
        turns[1:1] = [Message("assistant", "", train, (call,)), Message("tool", again)]
    return [*turns, Message("user", again), Message("assistant", second, True)]


def is_plain(fmt: ChatFormat, text: str) -> bool:
    """Whether a text is no call: what is written exactly as a call is written is one."""
    found = fmt.parse(text)
    return not found.tool_calls and found.problem is None


@LAWS
@given(question=CONTENTS, answer=CONTENTS)
def test_answers_are_read_back(case: Any, question: str, answer: str) -> None:
    name, fmt, tokenizer = case
    trained = said(fmt, Message("user", question), Message("assistant", answer, True))
    assert trained[-1] in fmt.stop_ids
    text = fmt.decode(trained)
    assert text == spelt(name, tokenizer, answer)
    if is_plain(fmt, text):
        assert fmt.parse(text) == Reply(text)


@LAWS
@given(question=CONTENTS, call=CALLS)
def test_calls_are_read_back(case: Any, question: str, call: ToolCall) -> None:
    name, fmt, tokenizer = case
    if call.name == "assistant" and name.startswith("roles"):
        return
    message = Message("assistant", "", True, (call,))
    written = fmt.reply_text(message)
    assert fmt.parse(written) == Reply("", (call,))
    trained = said(fmt, Message("user", question), message)
    assert trained[-1] in fmt.stop_ids
    assert fmt.decode(trained) == spelt(name, tokenizer, written)


@LAWS
@given(contents=st.lists(CONTENTS, min_size=4, max_size=4), call=st.none() | CALLS)
def test_turn_by_turn_is_the_whole(case: Any, contents: list[str], call: ToolCall | None) -> None:
    name, fmt, _ = case
    if call is not None and call.name == "assistant":
        return
    messages = dialogue(contents, call, train=middle_trained(name))
    whole = fmt.render(Example("e", tuple(messages)))
    expected: list[bool] = [False] * len(whole)
    for k, message in enumerate(messages):
        if message.role != "assistant" or not message.train:
            continue
        prompt = fmt.render_prompt(messages[:k])
        part = fmt.render(Example("e", tuple(messages[: k + 1])))
        assert whole.ids[: len(prompt)] == part.ids[: len(prompt)] == prompt
        # ChatGLM3 says who speaks next where others say that the answer ends
        upto = len(part) - 1 if k + 1 < len(messages) and "chatglm3" in name else len(part)
        assert whole.ids[:upto] == part.ids[:upto]
        begin = part.trained.index(True, 0 if fmt.kind == "chatglm" else len(prompt))
        expected[begin : len(part)] = [True] * (len(part) - begin)
    assert list(whole.trained) == expected


@LAWS
@given(contents=st.lists(CONTENTS, min_size=4, max_size=4))
def test_contents_add_no_special_token(case: Any, contents: list[str]) -> None:
    _, fmt, tokenizer = case
    special = set(tokenizer.added_tokens_decoder) - {tokenizer.unk_token_id}

    def structure(some: list[str]) -> list[int]:
        ids = fmt.render(Example("e", tuple(dialogue(some, ToolCall("f", {"k": some[0]}), train=False)))).ids
        return [i for i in ids if i in special]

    assert structure(contents) == structure(["q", "a", "q", "a"])


def test_every_lookalike_stays_text(case: Any) -> None:
    _, fmt, tokenizer = case
    special = set(tokenizer.added_tokens_decoder) - {tokenizer.unk_token_id}
    names = [t.content for t in tokenizer.added_tokens_decoder.values()]
    for token, disguise in itertools.product(names, ("{n}", "x{n}y", " {n} ", "{n}{n}")):
        text = disguise.format(n=token)
        assert not set(fmt.encode_text(text)) & special, text
        turns = [Message("system", text), *dialogue([text] * 4, ToolCall("f", {text: text}), train=False)]
        tool = {"name": "f", "description": text}
        ids = fmt.render(Example("e", tuple(turns), tools=(tool,))).ids
        plain = [Message("system", "x"), *dialogue(["x"] * 4, ToolCall("f", {"x": "x"}), train=False)]
        tool = {"name": "f", "description": "x"}
        bare = fmt.render(Example("e", tuple(plain), tools=(tool,))).ids
        assert [i for i in ids if i in special] == [i for i in bare if i in special], text


@LAWS
@given(answer=CONTENTS)
def test_growing_answers_only_grow(case: Any, answer: str) -> None:
    _, fmt, _ = case
    trained = said(fmt, Message("user", "q"), Message("assistant", answer, True))
    whole = fmt.decode(trained)
    for k in range(len(trained)):
        begun = fmt.decode(trained[:k]).rstrip("\ufffd")
        assert whole.startswith(begun) or "\ufffd" in begun


HOTEL: dict[str, tuple[Any, Any]] = {
    **{f"real-{v}": ("auto", v) for v in VERSIONS},
    "real-chatglm2-pieces": (ChatGLM2Format(history="pieces"), "chatglm2"),
    "roles": (RolesFormat(), lambda: chat_tokenizer(None)),
    **{f"auto-{name}": ("auto", lambda n=name: functions_tokenizer(n)) for name in TEMPLATES},
}


@pytest.mark.parametrize("name", list(HOTEL))
def test_hotel_dialogues(name: str, shared: Path) -> None:
    """Every reply and every search of the hotel lab is learnt, and read back from its tokens."""
    config, source = HOTEL[name]
    fmt = make_format(config, real_tokenizer(shared, source) if isinstance(source, str) else source())
    lines = (shared / "data" / "hotel_dialogues" / "dev_dialogues.jsonl").read_text("utf-8").splitlines()
    for line in lines[:6]:
        messages = HotelDialogue().read(json.loads(line)).messages
        for k, message in enumerate(messages):
            if message.role != "assistant":
                continue
            turns = [replace(m, train=k == at) for at, m in enumerate(messages[: k + 1])]
            rendered = fmt.render(Example("e", tuple(turns)))
            assert rendered.ids[: len(fmt.render_prompt(turns[:k]))] == fmt.render_prompt(turns[:k])
            trained = [i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t]
            reply = fmt.parse(fmt.decode(trained))
            assert reply.tool_calls == message.tool_calls
            if name != "real-chatglm":  # its vocabulary has no full-width punctuation
                assert reply.content.strip() == message.content.strip()
