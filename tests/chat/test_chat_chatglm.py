"""ChatGLM 1, 2 and 3 against what the original code made of the same conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from functions import CALL, TOOL
from glm import VERSIONS, real_tokenizer, small_tokenizer

from weitiao.chat import (
    ChatFormat,
    ChatGLM2Format,
    ChatGLM3Format,
    ChatGLMFormat,
    make_format,
    restore_format,
    show_plain,
)
from weitiao.config import ChatGLM2Format as ChatGLM2Config
from weitiao.config import ChatGLM3Format as ChatGLM3Config
from weitiao.config import ChatGLMFormat as ChatGLMConfig
from weitiao.config import RolesFormat as RolesConfig
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Origin, Reply, ToolCall

USER, ANSWER = Message("user", "你好"), Message("assistant", "你好！", True)
FOUND = Message("tool", '{"temperature": 20}')
CALLING = Message("assistant", "", True, (CALL,))


def reference(shared: Path, version: str) -> dict[str, Any]:
    return json.loads(
        (shared / "reference" / "tokenizers" / f"{version}-6b" / "tokens.json").read_text("utf-8")
    )


def history_of(pairs: Any) -> list[Message]:
    return [m for q, a in pairs or [] for m in (Message("user", q), Message("assistant", a))]


def trained_text(fmt: ChatFormat, *messages: Message, tools: Any = ()) -> list[str]:
    shown = show_plain(fmt.render(Example("e", messages, tools=tools)), fmt)
    return [part.split("⟧")[0] for part in shown.split("⟦")[1:]]


def trained_ids(fmt: ChatFormat, *messages: Message) -> list[int]:
    rendered = fmt.render(Example("e", messages))
    return [i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t]


def text_of(fmt: ChatFormat, ids: Any) -> str:
    return "".join(p.text for p in fmt.pieces(ids))


@pytest.mark.parametrize("version", ["chatglm", "chatglm2"])
def test_prompts_of_rounds_are_the_original_ones(shared: Path, version: str) -> None:
    fmt = make_format("auto", real_tokenizer(shared, version))
    assert fmt.kind == version
    cases = reference(shared, version)["prompts"]
    assert len(cases) >= 3
    for case in cases:
        messages = [*history_of(case["history"]), Message("user", case["query"])]
        assert fmt.render_prompt(messages) == tuple(case["input_ids"])


def test_chat_input_of_chatglm3_is_the_original_one(shared: Path) -> None:
    fmt = make_format("auto", real_tokenizer(shared, "chatglm3"))
    cases = reference(shared, "chatglm3")["build_chat_input"]
    checked = 0
    for case in cases:
        if any(" ```" in turn["content"] for turn in case["history"] or []):
            continue  # a call with a space in front, as a history of raw model output has it
        checked += 1
        messages: list[Message] = []
        tools: list[Any] = []
        for turn in [*(case["history"] or []), {"role": case["role"], "content": case["query"]}]:
            role = {"observation": "tool"}.get(turn["role"], turn["role"])
            tools += turn.get("tools", [])
            if turn.get("metadata"):
                code = turn["content"].removeprefix("```python\ntool_call(").removesuffix(")\n```")
                key, value = code.split("=", 1)
                call = ToolCall(turn["metadata"], {key: value.strip("'")})
                messages.append(Message("assistant", "", tool_calls=(call,)))
            else:
                messages.append(Message(role, turn["content"]))
        wrapped = [{"type": "function", "function": t} for t in tools]
        for form in (tools, wrapped):
            assert list(fmt.render_prompt(messages, form)) == case["output"]["input_ids"][0], case["query"]
    assert checked >= 8


def test_single_messages_of_chatglm3_are_the_original_ones(shared: Path) -> None:
    fmt = make_format("auto", real_tokenizer(shared, "chatglm3"))
    call = Message("assistant", "", tool_calls=(ToolCall("get_weather", {"location": "北京"}),))
    for case in reference(shared, "chatglm3")["build_single_message"]:
        role = {"observation": "tool"}.get(case["role"], case["role"])
        message = call if case["metadata"] else Message(role, case["message"])
        assert list(fmt.render_prompt([message])[2:-1]) == case["ids"]


@pytest.mark.parametrize("version", VERSIONS)
def test_supervised_pairs_are_the_original_ones(shared: Path, version: str) -> None:
    """The tokenizers' own pairs: the text as it is, so only where the format adds nothing to the question."""
    tokenizer = real_tokenizer(shared, version)
    fmt = make_format("auto", tokenizer)
    for case in reference(shared, version)["pairs"]:
        answer = tokenizer(case["b"], add_special_tokens=False)["input_ids"]
        trained = trained_ids(fmt, Message("user", case["a"]), Message("assistant", case["b"], True))
        eos = tokenizer.eos_token_id
        expected = {
            "chatglm": [tokenizer.convert_tokens_to_ids("<sop>"), *answer, eos],
            "chatglm2": [*answer, eos],
            "chatglm3": [30910, 13, *answer, eos],
        }[version]
        assert trained == expected
        if version == "chatglm":
            whole = fmt.render(
                Example("e", (Message("user", case["a"]), Message("assistant", case["b"], True)))
            )
            assert list(whole.ids) == case["build_inputs_with_special_tokens"]


def test_chatglm_context_ends_with_gmask() -> None:
    tokenizer = small_tokenizer("chatglm")
    fmt = make_format("auto", tokenizer)
    rendered = fmt.render(Example("e", (USER, ANSWER)))
    gmask, sop = tokenizer.convert_tokens_to_ids(["[gMASK]", "<sop>"])
    assert rendered.ids[rendered.context - 1 : rendered.context + 1] == (gmask, sop)
    assert rendered.trained.index(True) == rendered.context
    prompt = fmt.render(Example("e", (USER,)))
    assert prompt.ids == fmt.render_prompt([USER]) == rendered.ids[: len(prompt)]
    assert prompt.context == rendered.context
    assert not any(prompt.trained)
    still = fmt.render(Example("e", (USER, Message("assistant", "你好！"))))
    assert still.ids == rendered.ids
    assert not any(still.trained)


LAYOUTS = {
    "chatglm": "Be kind.\n[Round 0]\n问：hi\n答：get_weather\n{c}\n返回：20\n答：[gMASK]<sop>",
    "chatglm2": "[gMASK]sopBe kind.\n\n[Round 1]\n\n问：hi\n\n答：get_weather\n{c}\n\n返回：20\n\n答：",
}


@pytest.mark.parametrize("version", list(LAYOUTS))
def test_layout_of_what_the_originals_lack(shared: Path, version: str) -> None:
    fmt = make_format("auto", real_tokenizer(shared, version))
    messages = [Message("system", "Be kind."), Message("user", "hi"), CALLING, Message("tool", "20")]
    text = text_of(fmt, fmt.render_prompt(messages))
    expected = LAYOUTS[version].format(c=json.dumps(CALL.arguments, ensure_ascii=False))
    normal = (expected.replace("：", ":"), text.replace("：", ":"))  # ChatGLM-6B's vocabulary has one colon
    assert normal[0] == normal[1].lstrip()
    listed = text_of(fmt, fmt.render_prompt(messages, [TOOL]))
    assert "get_weather" in listed.split("[Round")[0]


@pytest.mark.parametrize("version", ["chatglm", "chatglm2"])
@pytest.mark.parametrize(
    "roles",
    [
        "assistant",
        "user user assistant",
        "user system assistant",
        "user tool assistant",
        "system",
        "tool assistant",
    ],
)
def test_rounds_refuse_other_orders(version: str, roles: str) -> None:
    fmt = make_format("auto", small_tokenizer(version))
    messages = tuple(Message(r, "x") for r in roles.split())  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=r"example e7 \(a.jsonl, row 3\).*(in turn|of the user)"):
        fmt.render(Example("e7", messages, origin=Origin("a.jsonl", 3)))


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_conversations_and_finished_ones(version: str) -> None:
    fmt = make_format("auto", small_tokenizer(version))
    with pytest.raises(FormatError):
        fmt.render_prompt([])
    if version != "chatglm3":
        with pytest.raises(FormatError, match="nothing to answer"):
            fmt.render_prompt([USER, ANSWER])


@pytest.mark.parametrize("version", ["chatglm", "chatglm2"])
def test_answers_in_the_middle_are_refused_where_the_original_writes_one_text(version: str) -> None:
    fmt = make_format("auto", small_tokenizer(version))
    with pytest.raises(FormatError, match="in the middle") as caught:
        fmt.render(Example("e", (USER, ANSWER, USER, ANSWER)))
    assert "data.dialogues: rounds" in str(caught.value)


def test_chatglm2_history_in_pieces() -> None:
    fmt = make_format(ChatGLM2Config(history="pieces"), small_tokenizer("chatglm2"))
    whole = fmt.render(Example("e", (USER, ANSWER, USER, CALLING, FOUND, ANSWER)))
    trained = trained_text(fmt, USER, ANSWER, USER, CALLING, FOUND, ANSWER)
    assert [t.removeprefix(" ") for t in trained] == [  # each begins with the tokenizer's space
        "你好！</s>",
        'get_weather\n{"location": "北京", "days": 2}</s>',
        "你好！</s>",
    ]
    first = fmt.render(Example("e", (USER, ANSWER)))
    assert whole.ids[: len(first)] == first.ids


def test_chatglm3_trains_what_follows_an_answer() -> None:
    fmt = make_format("auto", small_tokenizer("chatglm3"))
    assert trained_text(fmt, USER, ANSWER) == ["\n 你好！</s>"]  # pieces begin with the tokenizer's space
    many = trained_text(fmt, USER, CALLING, FOUND, ANSWER, USER, ANSWER)
    assert len(many) == 3
    assert many[0].endswith("```<|observation|>")
    assert "get_weather\n ```python\ntool_call(location='北京', days=2)\n```" in many[0]
    assert many[1].endswith("你好！<|user|>")
    assert many[2].endswith("你好！</s>")
    only_last = trained_text(fmt, USER, Message("assistant", "你好！"), USER, ANSWER)
    assert len(only_last) == 1


def test_chatglm3_call_as_the_last_message_ends_with_observation() -> None:
    fmt = make_format("auto", small_tokenizer("chatglm3"))
    ids = fmt.render(Example("e", (USER, CALLING), tools=(TOOL,))).ids
    observation = small_tokenizer("chatglm3").convert_tokens_to_ids("<|observation|>")
    assert ids[-1] == observation
    assert observation in fmt.stop_ids


def test_chatglm3_text_and_several_calls_in_one_turn() -> None:
    fmt = make_format("auto", small_tokenizer("chatglm3"))
    turn = Message("assistant", "Let me see.\n好", True, (CALL, ToolCall("b", {})))
    ids = trained_ids(fmt, USER, turn)
    text = fmt.decode(ids)
    assert text == fmt.reply_text(turn)
    assert fmt.parse(text) == Reply(turn.content, turn.tool_calls)
    assert ids.count(small_tokenizer("chatglm3").convert_tokens_to_ids("<|assistant|>")) == 2


def test_chatglm3_calls_as_json() -> None:
    fmt = make_format(ChatGLM3Config(calls="json"), small_tokenizer("chatglm3"))
    text = fmt.decode(trained_ids(fmt, USER, CALLING))
    assert text == 'get_weather\n{"location": "北京", "days": 2}'
    assert fmt.parse(text) == Reply("", (CALL,))
    assert fmt.parse("get_weather\n{").problem
    assert fmt.parse("get_weather\n{} x").problem


@pytest.mark.parametrize("text", ["get_weather\n```python\ntool_call(", "f\n```python\ntool_call(a=b)\n```"])
def test_chatglm3_malformed_calls(text: str) -> None:
    found = make_format("auto", small_tokenizer("chatglm3")).parse(text)
    assert (found.content, found.tool_calls) == (text, ())
    assert found.problem


@pytest.mark.parametrize(
    "text", ["", "hello", "a\nb", "f\n```python\nprint(1)\n```", "a<|assistant|>b", "{}"]
)
def test_chatglm3_plain_replies(text: str) -> None:
    assert make_format("auto", small_tokenizer("chatglm3")).parse(text) == Reply(text)


def test_a_tokenizer_without_the_special_tokens_is_refused(tiny_tokenizer: Any) -> None:
    for make in (ChatGLMFormat, ChatGLM2Format, ChatGLM3Format):
        with pytest.raises(FormatError, match=r"lacks \[gMASK\]"):
            make(tiny_tokenizer)


def test_kinds_and_restoring() -> None:
    configs = [
        ("chatglm", ChatGLMConfig()),
        ("chatglm2", ChatGLM2Config()),
        ("chatglm2", ChatGLM2Config(history="pieces")),
        ("chatglm3", ChatGLM3Config()),
        ("chatglm3", ChatGLM3Config(calls="json")),
    ]
    seen = set()
    for version, config in configs:
        fmt = make_format(config, small_tokenizer(version))
        seen.add(fmt.fingerprint)
        again = restore_format(json.loads(json.dumps(fmt.describe())), small_tokenizer(version))
        assert (again.kind, again.fingerprint) == (version, fmt.fingerprint)
        assert again.describe() == fmt.describe()
        assert again.render(Example("e", (USER, CALLING))) == fmt.render(Example("e", (USER, CALLING)))
    assert len(seen) == len(configs)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_weight_goes_into_the_sample(version: str) -> None:
    fmt = make_format("auto", small_tokenizer(version))
    assert fmt.render(Example("e", (USER, ANSWER), weight=2.5)).weight == 2.5
    roles = make_format(RolesConfig(), small_tokenizer(version))
    assert roles.render(Example("e", (USER, ANSWER), weight=0.5)).weight == 0.5
