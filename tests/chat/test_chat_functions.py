"""Function calls in chat templates: equality with the template, what is trained, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from functions import CALL, CALLS, TEMPLATES, TOOL, functions_tokenizer
from hypothesis import given, settings

from builders import TEMPLATES as PLAIN_TEMPLATES
from builders import chat_tokenizer
from weitiao.chat import TemplateFormat, make_format, restore_format, show_plain
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Reply, ToolCall

LAWS = settings(max_examples=25, deadline=None)
USER, ANSWER = Message("user", "天气? q"), Message("assistant", "好 20 degrees.", True)
CALLING = Message("assistant", "", True, (CALL,))
FOUND = Message("tool", "sunny 晴")
DIALOGUE = (USER, CALLING, FOUND, ANSWER, Message("user", "ok"), Message("assistant", "Bye.", True))
STOPS = {"hermes": "<|im_end|>", "llama3": "<|eot_id|>", "mistral": "</s>"}


@pytest.fixture(scope="module", params=list(TEMPLATES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def tokenizer(name: str) -> Any:
    return functions_tokenizer(name)


@pytest.fixture(scope="module")
def fmt(tokenizer: Any) -> TemplateFormat:
    made = make_format("auto", tokenizer)
    assert isinstance(made, TemplateFormat)
    return made


def as_template_takes(messages: Any) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for m in messages:
        out.append({"role": m.role, "content": m.content})
        if m.tool_calls:
            out[-1]["tool_calls"] = [
                {"id": f"call{k:05d}", "type": "function", "function": c.as_dict()}
                for k, c in enumerate(m.tool_calls, start=1)
            ]
        if m.role == "tool":
            out[-1] |= {"tool_call_id": "call00001", "name": "get_weather"}
    return out


def trained_text(fmt: Any, *messages: Message, tools: Any = ()) -> list[str]:
    shown = show_plain(fmt.render(Example("e", messages, tools=tools)), fmt)
    return [part.split("⟧")[0] for part in shown.split("⟦")[1:]]


def test_ids_are_those_of_apply_chat_template(fmt: TemplateFormat, tokenizer: Any, name: str) -> None:
    for k in (2, 4, 6):
        messages = DIALOGUE[:k]
        rendered = fmt.render(Example("e", messages, tools=(TOOL,)))
        whole = tokenizer.apply_chat_template(as_template_takes(messages), tools=[TOOL], return_dict=False)
        if name == "glm4":  # nothing ends a last turn there
            assert list(rendered.ids[:-1]) == whole
        else:
            assert list(rendered.ids) == whole[: len(rendered)]
            assert tokenizer.decode(whole[len(rendered) :]).strip() == ""
        asked = tokenizer.apply_chat_template(
            as_template_takes(messages[:-1]), tools=[TOOL], add_generation_prompt=True, return_dict=False
        )
        prompt = fmt.render_prompt(messages[:-1], [TOOL])
        assert list(prompt) == asked
        assert rendered.ids[: len(prompt)] == prompt


def test_shapes(fmt: TemplateFormat, name: str) -> None:
    written = {
        "hermes": '<tool_call>\n{"name": "get_weather", "arguments": {"location": "北京", "days": 2}}\n</tool_call>',
        "llama3": '{"name": "get_weather", "parameters": {"location": "北京", "days": 2}}',
        "glm4": 'get_weather\n{"location": "北京", "days": 2}',
        "mistral": '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"location": "北京", "days": 2}, '
        '"id": "call00001"}]',
    }[name]
    assert fmt.reply_text(CALLING) == written
    assert fmt.parse(written) == Reply("", (CALL,))
    assert fmt.parse(written[:-3]).problem
    assert fmt.reply_text(ANSWER) == ANSWER.content


def test_calls_and_answers_are_trained_with_their_ends(fmt: TemplateFormat, name: str) -> None:
    trained = trained_text(fmt, *DIALOGUE, tools=(TOOL,))
    texts = [fmt.reply_text(m) for m in DIALOGUE if m.role == "assistant"]
    if name == "glm4":
        ends = ["<|observation|>", "<|user|>", "<|endoftext|>"]
        assert trained == [
            t + e for t, e in zip([texts[0], "\n" + texts[1], "\n" + texts[2]], ends, strict=True)
        ]
    else:
        lead = " " if name == "mistral" else ""
        assert trained == [(lead if k else "") + t + STOPS[name] for k, t in enumerate(texts)]
    assert len(trained_text(fmt, USER, CALLING, tools=(TOOL,))) == 1


def test_a_last_call_stops_as_one_in_the_middle(fmt: TemplateFormat, name: str) -> None:
    middle = trained_text(fmt, *DIALOGUE[:4], tools=(TOOL,))[0]
    assert trained_text(fmt, *DIALOGUE[:2], tools=(TOOL,)) == [middle]
    assert fmt.render(Example("e", DIALOGUE[:2], tools=(TOOL,))).ids[-1] in fmt.stop_ids


def test_turn_by_turn_is_the_whole(fmt: TemplateFormat) -> None:
    whole = fmt.render(Example("e", DIALOGUE, tools=(TOOL,)))
    for i, message in enumerate(DIALOGUE):
        if message.role == "assistant":
            part = fmt.render(Example("e", DIALOGUE[: i + 1], tools=(TOOL,)))
            prompt = fmt.render_prompt(DIALOGUE[:i], [TOOL])
            assert whole.ids[: len(prompt)] == part.ids[: len(prompt)] == prompt
            body = len(part) - 1
            assert whole.ids[:body] == part.ids[:body]
            assert whole.trained[len(prompt) : body] == part.trained[len(prompt) : body]
    untrained = [Message(m.role, m.content, tool_calls=m.tool_calls) for m in DIALOGUE[:-1]]
    again = fmt.render(Example("e", (*untrained, DIALOGUE[-1]), tools=(TOOL,)))
    assert again.ids == whole.ids


@LAWS
@given(call=CALLS)
def test_calls_survive_rendering(fmt: TemplateFormat, name: str, call: ToolCall) -> None:
    message = Message("assistant", "", True, (call,))
    rendered = fmt.render(Example("e", (USER, message)))
    trained = [i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t]
    assert fmt.parse(fmt.decode(trained)) == Reply("", (call,))
    assert fmt.decode(trained) == fmt.reply_text(message)


@pytest.mark.parametrize("disguise", ["{n}", "x{n}{n}", "{n}\n"])
def test_names_of_special_tokens_stay_text(fmt: TemplateFormat, tokenizer: Any, disguise: str) -> None:
    special = set(tokenizer.added_tokens_decoder)

    def structure(text: str) -> list[int]:
        call = Message("assistant", "", True, (ToolCall("f", {"k": text, text: 1}),))
        tool = {"name": "f", "description": text, "parameters": {}}
        messages = (Message("user", text), call, Message("tool", text), Message("assistant", text, True))
        return [i for i in fmt.render(Example("e", messages, tools=(tool,))).ids if i in special]

    expected = structure("x")
    for token in tokenizer.added_tokens_decoder.values():
        assert structure(disguise.format(n=token.content)) == expected, token


def test_restoring(fmt: TemplateFormat, tokenizer: Any) -> None:
    again = restore_format(json.loads(json.dumps(fmt.describe())), tokenizer)
    sample = Example("e", DIALOGUE, tools=(TOOL,))
    assert again.render(sample) == fmt.render(sample)
    assert again.fingerprint == fmt.fingerprint


def test_several_calls() -> None:
    two = Message("assistant", "Both.", True, (CALL, ToolCall("b", {})))
    fmt = make_format("auto", functions_tokenizer("hermes"))
    assert fmt.parse(fmt.reply_text(two)) == Reply("Both.", two.tool_calls)
    bare = Message("assistant", "", True, two.tool_calls)
    with pytest.raises(FormatError, match="cannot be read back"):
        make_format("auto", functions_tokenizer("glm4")).render(Example("e", (USER, bare)))
    for name, error in (("llama3", "one call only"), ("glm4", "leaves out"), ("mistral", "leaves out")):
        with pytest.raises(FormatError, match=error):
            make_format("auto", functions_tokenizer(name)).render(Example("e", (USER, two)))


@pytest.mark.parametrize("template", list(PLAIN_TEMPLATES))
def test_templates_that_know_no_functions_refuse_them(template: str) -> None:
    fmt = make_format("auto", chat_tokenizer(template))
    for sample in (Example("e", (USER, ANSWER), tools=(TOOL,)), Example("e", (USER, CALLING))):
        with pytest.raises(FormatError, match="knows no functions") as caught:
            fmt.render(sample)
        assert "kind: roles" in str(caught.value)
    with pytest.raises(FormatError, match="knows no functions"):
        fmt.render_prompt([USER], [TOOL])
    assert fmt.parse('<tool_call>{"name": "f"}</tool_call>').tool_calls == ()


def test_plain_text_refuses_functions() -> None:
    fmt = make_format("auto", chat_tokenizer(None))
    with pytest.raises(FormatError, match="no place for functions"):
        fmt.render(Example("e", (USER, CALLING)))
    with pytest.raises(FormatError, match="no place for functions"):
        fmt.render_prompt([USER], [TOOL])
    with pytest.raises(FormatError, match="no place for functions"):
        fmt.reply_text(CALLING)
    assert fmt.parse("x") == Reply("x")


MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}"
    "{% if m['role'] == 'assistant' %}\n  {%- generation %}\n{{ m['content'] | upper + '<|im_end|>' }}"
    "{%- endgeneration %}{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_generation_tags_say_what_is_trained() -> None:
    tokenizer = chat_tokenizer("chatml")
    fmt = TemplateFormat(tokenizer, MARKED.replace(" | upper", ""))
    bare = MARKED.replace(" | upper", "").replace("{%- generation %}", "").replace("{%- endgeneration %}", "")
    messages = (USER, ANSWER, Message("user", "<|im_end|>"), Message("assistant", "Bye.", True))
    rendered = fmt.render(Example("e", messages))
    assert trained_text(fmt, *messages) == ["好 20 degrees.<|im_end|>", "Bye.<|im_end|>"]
    whole = tokenizer.apply_chat_template(
        as_template_takes(messages[:2]),
        chat_template=fmt.template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    first = fmt.render(Example("e", messages[:2]))
    assert whole["input_ids"][: len(first)] == list(first.ids)
    assert [bool(m) for m in whole["assistant_masks"][: len(first)]] == list(first.trained)
    assert len(bare) < len(fmt.template)
    assert rendered.ids[: len(first)] == first.ids


def test_generation_tags_that_leave_answers_out_are_refused() -> None:
    template = MARKED.replace(" | upper", "").replace(
        "{% if m['role'] == 'assistant' %}", "{% if m['role'] == 'assistant' and loop.last %}"
    )
    fmt = TemplateFormat(chat_tokenizer("chatml"), template)
    with pytest.raises(FormatError, match="marks 1 generations in a conversation with 2 answers"):
        fmt.render(Example("e", (USER, ANSWER, USER, ANSWER)))


def test_reserved_characters_are_refused() -> None:
    fmt = make_format("auto", functions_tokenizer("hermes"))
    with pytest.raises(FormatError, match="reserved character"):
        fmt.render(Example("e", (Message("user", "\ue0b1"), ANSWER)))


def test_a_template_that_loses_contents_is_refused() -> None:
    tokenizer = functions_tokenizer("hermes")
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ m.content }}", "{{ m.content[:20] }}")
    fmt = make_format("auto", tokenizer)
    with pytest.raises(FormatError, match="leaves out message 1"):
        fmt.render(Example("e", (Message("user", "x" * 30), ANSWER)))


def changed(name: str, *pairs: tuple[str, str]) -> TemplateFormat:
    """The format of a template in which some text is replaced."""
    tokenizer = functions_tokenizer(name)
    for old, new in pairs:
        assert old in tokenizer.chat_template
        tokenizer.chat_template = tokenizer.chat_template.replace(old, new)
    return TemplateFormat(tokenizer)


def test_a_thinking_block_in_front_of_the_last_answer_only() -> None:
    block = "<think></think>"
    fmt = changed(
        "hermes",
        ("{{ m.content }}", "{{ '" + block + "' if m.role == 'assistant' and loop.last }}{{ m.content }}"),
        (
            "assistant\n{% endif %}",
            "assistant\n{% if enable_thinking is false %}" + block + "{% endif %}{% endif %}",
        ),
    )
    assert fmt.describe()["arguments"] == {"enable_thinking": False}
    (last,) = trained_text(fmt, *DIALOGUE[:2], tools=(TOOL,))
    assert last == fmt.reply_text(CALLING) + "<|im_end|>"
    with pytest.raises(FormatError, match="message 2, in the middle of the dialogue") as caught:
        fmt.render(Example("e", DIALOGUE, tools=(TOOL,)))
    assert "one example per round" in str(caught.value)
    earlier = [Message(m.role, m.content, tool_calls=m.tool_calls) for m in DIALOGUE[:-1]]
    rendered = fmt.render(Example("e", (*earlier, DIALOGUE[-1]), tools=(TOOL,)))
    assert rendered.ids[: len(fmt.render_prompt(earlier, [TOOL]))] == fmt.render_prompt(earlier, [TOOL])


def test_turns_without_an_end_token() -> None:
    names = [(f"<|{n}|>", f"{n}:") for n in ("assistant", "system")]
    fmt = changed("glm4", *names, ("<|{{", "{{"), ("}}|>", "}}:"))
    assert trained_text(fmt, USER, CALLING, tools=(TOOL,)) == [fmt.reply_text(CALLING) + "<|endoftext|>"]
    with pytest.raises(FormatError, match="no token that ends an answer in the middle"):
        fmt.render(Example("e", DIALOGUE, tools=(TOOL,)))
    last = [Message(m.role, m.content, tool_calls=m.tool_calls) for m in DIALOGUE[:-1]] + [DIALOGUE[-1]]
    assert trained_text(fmt, *last, tools=(TOOL,)) == ["\nBye.<|endoftext|>"]


def test_a_template_that_writes_calls_but_no_schemas_knows_no_functions() -> None:
    fmt = changed("hermes", ("{% if tools %}", "{% if false %}"))
    with pytest.raises(FormatError, match="knows no functions"):
        fmt.render(Example("e", (USER, CALLING), tools=(TOOL,)))


def test_schemas_that_a_template_leaves_out_are_missed() -> None:
    fmt = changed("hermes", ("{% for t in tools %}", "{% for t in tools[:1] %}"))
    with pytest.raises(FormatError, match=r"does not write the functions \(other\)"):
        fmt.render_prompt([USER], [TOOL, {"name": "other"}])


def test_a_template_that_reads_contents_is_refused_where_it_changes_them() -> None:
    fmt = changed("hermes", ("{{ m.content }}", "{{ m.content.split('<tool_call>')[0] }}"))
    with pytest.raises(FormatError, match="contains the name of a special token"):
        fmt.render(Example("e", (Message("user", "a <tool_call> b"), ANSWER)))


def test_an_answer_needs_a_prompt(fmt: TemplateFormat) -> None:
    with pytest.raises(FormatError, match="the first message is the assistant's"):
        fmt.render(Example("e", (ANSWER,)))
    with pytest.raises(FormatError, match="at least one message"):
        fmt.render_prompt([])


def test_an_untrained_answer_in_front_is_context(fmt: TemplateFormat, name: str) -> None:
    greeting = Message("assistant", "Hello!")
    rendered = fmt.render(Example("e", (Message("user", "hi"), greeting, USER, ANSWER)))
    assert len(trained_text(fmt, Message("user", "hi"), greeting, USER, ANSWER)) == 1
    assert rendered.trained[-1]
