"""The chat template of a tokenizer: what is trained, what is refused, what the fingerprint tells apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import TEMPLATES, chat_tokenizer, sentencepiece_tokenizer
from weitiao.chat import ChatFormat, TemplateFormat, make_format, restore_format, show_plain
from weitiao.chat.align import align
from weitiao.config import PlainFormat
from weitiao.config import TemplateFormat as TemplateConfig
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Origin

USER, ANSWER = Message("user", "hi 你"), Message("assistant", "Fine.\n谢谢", True)
AGAIN = (Message("user", "why?"), Message("assistant", "So 3.", True))
NORMAL = [
    ("Hello there", "Fine, thanks."),
    ("净利润增长了多少?", "百分之十二。"),
    ("a\nb  c 1.5", "SELECT name\nFROM company;"),
    ("今天天气 very 好😀", "是的!\n\nYes"),
]


def dialogue(*messages: Message) -> Example:
    return Example("e7", messages, origin=Origin("a.jsonl", 3))


def trained_text(fmt: ChatFormat, example: Example) -> list[str]:
    shown = show_plain(fmt.render(example), fmt)
    return [part.split("⟧")[0] for part in shown.split("⟦")[1:]]


@pytest.mark.parametrize(("question", "answer"), NORMAL)
def test_ids_are_those_of_apply_chat_template(template_tokenizer: Any, question: str, answer: str) -> None:
    fmt = make_format("auto", template_tokenizer)
    arguments = fmt.describe()["arguments"]
    turns = [Message("user", question), Message("assistant", answer), Message("user", answer)]
    sample = dialogue(*turns, Message("assistant", question, True))
    whole = [{"role": m.role, "content": m.content} for m in sample.messages]
    ids = template_tokenizer.apply_chat_template(whole, return_dict=False, **arguments)
    rendered = fmt.render(sample)
    assert rendered.ids == tuple(ids[: len(rendered)])
    assert template_tokenizer.decode(ids[len(rendered) :]).strip() == ""
    asked = template_tokenizer.apply_chat_template(
        whole[:-1], add_generation_prompt=True, return_dict=False, **arguments
    )
    assert fmt.render_prompt(sample.prompt) == tuple(asked)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("roles", "Fine.\n谢谢<|end|>"),
        ("chatml", "Fine.\n谢谢<|im_end|>"),
        ("thinking", "Fine.\n谢谢<|im_end|>"),
        ("llama3", "Fine.\n谢谢<|eot_id|>"),
        ("llama2", " Fine.\n谢谢 </s>"),  # the template's own spaces
    ],
)
def test_answer_and_its_end_are_trained(template: str, expected: str) -> None:
    fmt = make_format("auto", chat_tokenizer(template))
    rendered = fmt.render(dialogue(USER, ANSWER))
    assert trained_text(fmt, dialogue(USER, ANSWER)) == [expected]
    assert rendered.trained[-1]
    assert rendered.ids[-1] in fmt.stop_ids


def test_several_answers_are_trained() -> None:
    fmt = make_format("auto", chat_tokenizer("chatml"))
    assert trained_text(fmt, dialogue(USER, ANSWER, *AGAIN)) == ["Fine.\n谢谢<|im_end|>", "So 3.<|im_end|>"]
    only_last = dialogue(USER, Message("assistant", ANSWER.content), *AGAIN)
    assert trained_text(fmt, only_last) == ["So 3.<|im_end|>"]
    assert fmt.render(only_last).ids == fmt.render(dialogue(USER, ANSWER, *AGAIN)).ids


def test_ids_do_not_depend_on_what_is_trained(template_tokenizer: Any) -> None:
    fmt = make_format("auto", template_tokenizer)
    spaced = Message("assistant", " \n odd beginning")
    sample = dialogue(USER, spaced, *AGAIN)
    prompt = fmt.render_prompt([USER, spaced, AGAIN[0]])
    assert fmt.render(sample).ids[: len(prompt)] == prompt
    assert fmt.render_prompt([USER, Message("assistant", spaced.content, True), AGAIN[0]]) == prompt


def test_example_without_answer_is_its_prompt(template_tokenizer: Any) -> None:
    fmt = make_format("auto", template_tokenizer)
    rendered = fmt.render(dialogue(USER))
    assert rendered.ids == fmt.render_prompt([USER])
    assert not any(rendered.trained)


def test_system_message_inside_the_user_turn() -> None:
    fmt = make_format("auto", sentencepiece_tokenizer("llama2"))
    sample = dialogue(Message("system", "Be <s>kind</s>"), USER, ANSWER)
    assert "<<SYS>>\nBe <s>kind</s>\n<</SYS>>\n\nhi 你 [/INST]" in show_plain(fmt.render(sample), fmt)


def test_template_that_strips() -> None:
    fmt = make_format("auto", chat_tokenizer("llama3"))
    ragged = dialogue(Message("user", "\n hi  "), Message("assistant", "  yes \n", True))
    smooth = dialogue(Message("user", "hi"), Message("assistant", "yes", True))
    assert fmt.render(ragged).ids == fmt.render(smooth).ids


def test_thinking_is_switched_off_where_the_answer_demands_it() -> None:
    fmt = make_format("auto", chat_tokenizer("thinking"))
    assert fmt.describe()["arguments"] == {"enable_thinking": False}
    shown = show_plain(fmt.render(dialogue(USER, ANSWER)), fmt)
    assert "assistant\n<think>\n\n</think>\n\n⟦Fine.\n谢谢<|im_end|>⟧" in shown


def test_thinking_in_the_middle_cannot_be_trained() -> None:
    fmt = make_format("auto", chat_tokenizer("thinking"))
    with pytest.raises(
        FormatError, match=r"example e7 \(a.jsonl, row 3\).*message 2, in the middle"
    ) as caught:
        fmt.render(dialogue(USER, ANSWER, *AGAIN))
    assert "one example per round" in str(caught.value)
    fmt.render(dialogue(USER, Message("assistant", "Fine."), *AGAIN))


def test_template_that_changes_contents_is_refused() -> None:
    fmt = make_format("auto", chat_tokenizer("thinking"))
    with pytest.raises(FormatError, match="does not write the contents of the messages as they are"):
        fmt.render(dialogue(USER, Message("assistant", "hm</think>yes", True)))


REFUSED = {
    "no generation prompt": (
        "<|user|>{{ messages[0].content }}<|assistant|>{{ messages[1].content }}",
        "refuses|in front",
    ),
    "text in between": (
        "{% for m in messages %}{{ m.role + ': ' + m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}",
        None,
    ),
    "other header": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>think: ' }}{% endif %}",
        "asked with the other",
    ),
    "drops users": (
        "{% for m in messages if m.role == 'assistant' %}{{ m.content }}{% endfor %}",
        "leaves out message 1",
    ),
    "repeats": ("{% for m in messages %}{{ m.content + m.content }}{% endfor %}", "more than once"),
    "upper case": ("{% for m in messages %}<|user|>{{ m.content | upper }}{% endfor %}", "as they are"),
    "broken": (
        "{% for m in messages %}{{ m.nothing.more }}{% endfor %}",
        "refuses a conversation with the roles user",
    ),
}


@pytest.mark.parametrize("name", [name for name, (_, error) in REFUSED.items() if error])
def test_unusable_templates_are_refused_with_a_reason(name: str) -> None:
    template, error = REFUSED[name]
    with pytest.raises(FormatError, match=error):
        TemplateFormat(chat_tokenizer("roles"), template)


def test_white_space_in_front_of_an_answer_belongs_to_it() -> None:
    fmt = TemplateFormat(chat_tokenizer("roles"), REFUSED["text in between"][0])
    assert trained_text(fmt, dialogue(USER, ANSWER)) == [" Fine.\n谢谢<|end|>"]
    ids = fmt.render(dialogue(USER, ANSWER)).ids
    assert fmt.decode(ids[len(fmt.render_prompt([USER])) :]) == ANSWER.content


def test_turn_without_end_token_gets_eos() -> None:
    endless = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}\n\n{% endfor %}"
    endless += "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    fmt = TemplateFormat(chat_tokenizer("roles"), endless)
    # in the middle the next role ends the turn, and it stops generation too
    assert trained_text(fmt, dialogue(USER, ANSWER, *AGAIN)) == [
        "Fine.\n谢谢\n\n<|user|>",
        "So 3.<|endoftext|>",
    ]
    tokenizer = chat_tokenizer("roles")
    names = tokenizer.convert_ids_to_tokens(list(fmt.stop_ids))
    assert set(names) == {"<|user|>", "<|endoftext|>"}


def test_middle_of_a_dialogue_without_any_end_token() -> None:
    bare = "{% for m in messages %}{{ m.role + ':' + m.content + ';' }}{% endfor %}"
    bare += "{% if add_generation_prompt %}assistant:{% endif %}"
    fmt = TemplateFormat(chat_tokenizer(None), bare)
    assert trained_text(fmt, dialogue(USER, ANSWER)) == ["Fine.\n谢谢<|endoftext|>"]
    with pytest.raises(FormatError, match="no token that ends an answer in the middle"):
        fmt.render(dialogue(USER, ANSWER, *AGAIN))


def test_refused_roles_name_the_example() -> None:
    fmt = make_format("auto", chat_tokenizer("llama2"))
    with pytest.raises(FormatError, match=r"example e7 .*roles must alternate"):
        fmt.render(dialogue(USER, USER, ANSWER))


def test_clock_of_a_template_stands_still() -> None:
    dated = "\n{{ strftime_now('%d %b %Y') }} " + TEMPLATES["roles"]
    fmt = TemplateFormat(chat_tokenizer("roles"), dated)
    shown = show_plain(fmt.render(dialogue(USER, ANSWER)), fmt)
    assert "\n\n26 Jul 2024 <|user|>" in shown
    assert fmt.describe()["template"] == dated


def test_kinds() -> None:
    with_template, without = chat_tokenizer("roles"), chat_tokenizer(None)
    assert make_format("auto", with_template).kind == "template"
    assert make_format(TemplateConfig(), with_template).kind == "template"
    assert make_format(PlainFormat(), with_template).kind == "plain"
    assert make_format("auto", without).kind == "plain"
    with pytest.raises(FormatError, match="no chat template"):
        make_format(TemplateConfig(), without)


def test_fingerprint_is_equal_iff_rendering_is() -> None:
    same = {make_format("auto", chat_tokenizer("chatml")).fingerprint for _ in range(2)}
    assert len(same) == 1
    renamed = chat_tokenizer("chatml")
    renamed.chat_template = renamed.chat_template.replace("\\n", " ")
    other_vocabulary = chat_tokenizer("chatml", vocab=300)
    other_end = chat_tokenizer("chatml")
    other_end.eos_token = "<|endoftext|>"
    others = [renamed, other_vocabulary, other_end, chat_tokenizer("roles")]
    assert len(same | {make_format("auto", t).fingerprint for t in others}) == 5


def test_describe_and_restore(any_tokenizer: Any) -> None:
    fmt = make_format("auto", any_tokenizer)
    description = json.loads(json.dumps(fmt.describe()))
    again = restore_format(description, any_tokenizer)
    assert again.fingerprint == fmt.fingerprint
    assert again.render(dialogue(USER, ANSWER)) == fmt.render(dialogue(USER, ANSWER))
    with pytest.raises(FormatError, match="expected the chat format"):
        restore_format({**description, "fingerprint": "0" * 16}, any_tokenizer)


def test_stored_template_wins_over_the_tokenizers_own() -> None:
    tokenizer = chat_tokenizer("roles")
    fmt = make_format("auto", tokenizer)
    tokenizer.chat_template = TEMPLATES["chatml"]
    assert restore_format(fmt.describe(), tokenizer).render_prompt([USER]) == fmt.render_prompt([USER])


STRIPS = [str, str.strip, str.lstrip, str.rstrip]
RAGGED = st.text(st.sampled_from("a\n b"), max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    contents=st.lists(RAGGED, min_size=1, max_size=4),
    strip=st.sampled_from(STRIPS),
    between=st.sampled_from(["|", "\n", ": "]),
)
def test_alignment_finds_contents(contents: list[str], strip: Any, between: str) -> None:
    def render(some: Any) -> str:
        return "".join(f"{k}{between}{strip(c)}{between}" for k, c in enumerate(some))

    parts = align(render, contents, keep=[True] * len(contents), template="")
    assert "".join(p.text for p in parts) == render(contents)
    found = [p.text.strip() for p in parts if p.message is not None]
    assert found == [c.strip() for c in contents]
