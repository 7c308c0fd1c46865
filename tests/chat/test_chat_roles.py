"""Free prefixes: the layout of the tutorial, what is trained, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from functions import CALL, TOOL
from pydantic import ValidationError

from builders import chat_tokenizer, sentencepiece_tokenizer
from weitiao.chat import RolesFormat, make_format, restore_format, show_plain
from weitiao.config import RolePrefixes
from weitiao.config import RolesFormat as RolesConfig
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Reply, ToolCall

SEARCH = ToolCall("search", {"facilities": ["吹风机"], "rating_range_lower": 4.0})
DIALOGUE = (
    Message("system", "Be kind."),
    Message("user", "推荐一家酒店"),
    Message("assistant", "", True, (SEARCH,)),
    Message("tool", '[{"name": "A"}]'),
    Message("assistant", "推荐您去A。", True),
    Message("user", "谢谢"),
    Message("assistant", "不客气", True),
)
TEXT = """system: Be kind.
[Round 1]
user: 推荐一家酒店
⟦search: {"facilities": ["吹风机"], "rating_range_lower": 4.0}<|endoftext|>⟧
return: [{"name": "A"}]
⟦assistant: 推荐您去A。<|endoftext|>⟧
[Round 2]
user: 谢谢
⟦assistant: 不客气<|endoftext|>⟧"""


@pytest.fixture(scope="module")
def fmt() -> Any:
    return make_format(RolesConfig(), chat_tokenizer(None))


def test_layout_and_targets(fmt: RolesFormat) -> None:
    rendered = fmt.render(Example("e", DIALOGUE))
    assert show_plain(rendered, fmt).split("\n", 1)[1] == TEXT
    listed = show_plain(fmt.render(Example("e", DIALOGUE, tools=(TOOL,))), fmt).split("\n", 1)[1]
    assert listed == f"tools: {json.dumps([TOOL['function']], ensure_ascii=False)}\n{TEXT}"


def test_prompt_ends_before_the_prefix(fmt: RolesFormat) -> None:
    text = "".join(p.text for p in fmt.pieces(fmt.render_prompt(DIALOGUE[:4])))
    assert text.endswith('return: [{"name": "A"}]\n')


def test_replies_lose_their_prefix_and_calls_keep_it(fmt: RolesFormat) -> None:
    reply, call = fmt.encode_text("assistant: 好 assistant: x"), fmt.encode_text('search: {"a": 1}')
    assert fmt.decode(reply) == "好 assistant: x"
    assert fmt.parse("好") == Reply("好")
    assert fmt.decode(call) == 'search: {"a": 1}'
    assert fmt.parse(fmt.decode(call)) == Reply("", (ToolCall("search", {"a": 1}),))
    assert fmt.parse('assistant: x: {"a"') == Reply('x: {"a"')
    assert fmt.parse('search: {"a"').problem


def test_growing_answers_only_grow(fmt: RolesFormat) -> None:
    for text in ("assistant: hello", "assist: {}", "a", 'search: {"a": 1}'):
        ids = fmt.encode_text(text)
        whole = fmt.decode(ids)
        assert all(whole.startswith(fmt.decode(ids[:k]).rstrip("\ufffd")) for k in range(len(ids)))
    assert fmt.decode(fmt.encode_text("assis")) == ""


def test_text_and_several_calls(fmt: RolesFormat) -> None:
    message = Message("assistant", "Let me see.", True, (SEARCH, CALL))
    text = fmt.reply_text(message)
    assert text.splitlines()[0] == "Let me see."
    assert fmt.parse(text) == fmt.parse("assistant: " + text) == Reply(message.content, message.tool_calls)


def test_own_prefixes() -> None:
    config = RolesConfig(
        prefixes=RolePrefixes(user="问：", assistant="答：", tool_call="调用：", tool="结果："),
        round="",
        separator="\n\n",
    )
    fmt = make_format(config, chat_tokenizer(None))
    shown = show_plain(fmt.render(Example("e", DIALOGUE[1:5])), fmt).split("\n", 1)[1]
    call = json.dumps(SEARCH.as_dict(), ensure_ascii=False)
    assert shown == (
        f'问：推荐一家酒店\n\n⟦调用：{call}<|endoftext|>⟧\n\n结果：[{{"name": "A"}}]\n\n⟦答：推荐您去A。<|endoftext|>⟧'
    )
    again = restore_format(json.loads(json.dumps(fmt.describe())), chat_tokenizer(None))
    assert again.render(Example("e", DIALOGUE)) == fmt.render(Example("e", DIALOGUE))
    assert again.fingerprint != make_format(RolesConfig(), chat_tokenizer(None)).fingerprint


def test_bos_stands_in_front() -> None:
    tokenizer = sentencepiece_tokenizer(None)
    fmt = make_format(RolesConfig(), tokenizer)
    rendered = fmt.render(Example("e", DIALOGUE))
    assert rendered.ids[0] == tokenizer.bos_token_id
    assert fmt.decode([i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t][-20:])


def test_neighbouring_questions_are_one_round(fmt: RolesFormat) -> None:
    text = "".join(
        p.text for p in fmt.pieces(fmt.render_prompt([Message("user", "a"), Message("user", "b")]))
    )
    assert text == "[Round 1]\nuser: a\nuser: b\n"


def test_what_cannot_be_told_apart_is_refused(fmt: RolesFormat) -> None:
    call = Message("assistant", "", True, (ToolCall("assistant", {}),))
    with pytest.raises(FormatError, match="like a reply"):
        fmt.render(Example("e", (Message("user", "q"), call)))
    with pytest.raises(FormatError, match="cannot be told apart"):
        make_format(RolesConfig(prefixes=RolePrefixes(tool_call="a", assistant="ab")), chat_tokenizer(None))
    with pytest.raises(ValidationError):
        RolePrefixes(assistant="")
    without = chat_tokenizer(None)
    without.eos_token = None
    with pytest.raises(FormatError, match="no end token"):
        make_format(RolesConfig(), without)
    with pytest.raises(FormatError, match="at least one message"):
        fmt.render_prompt([])
