"""The beginning that all prompts share."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import chat_tokenizer
from weitiao.chat import Absorbed, common_beginning, make_format, restore_format
from weitiao.config import RolesFormat
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Origin, Rendered, Reply, ToolCall

TASK = "Classify the question: "


def ask(question: str, answer: str = "yes") -> Example:
    return Example(
        "e9", (Message("user", question), Message("assistant", answer, True)), origin=Origin("a.csv", 4)
    )


@st.composite
def samples(draw: st.DrawFn) -> list[Rendered]:
    shared = draw(st.lists(st.integers(0, 2), max_size=4))
    out = []
    for _ in range(draw(st.integers(1, 5))):
        prompt = shared + draw(st.lists(st.integers(0, 1), min_size=1, max_size=4))
        answer = draw(st.lists(st.integers(0, 1), max_size=3))
        out.append(Rendered((*prompt, *answer), (False,) * len(prompt) + (True,) * len(answer)))
    return out


@given(rendered=samples())
def test_common_beginning_is_the_longest(rendered: list[Rendered]) -> None:
    common = common_beginning(rendered)
    n = len(common)
    prompts = [r.ids[: r.trained.index(True)] if True in r.trained else r.ids for r in rendered]
    assert all(p[:n] == common and len(p) > n for p in prompts)
    longer_is_shared = len({p[: n + 1] for p in prompts}) == 1
    assert not longer_is_shared or any(len(p) == n + 1 for p in prompts)


def test_no_samples_share_nothing() -> None:
    assert common_beginning([]) == ()


def test_absorbed_and_rest_make_up_the_sample(any_tokenizer: Any) -> None:
    fmt = make_format("auto", any_tokenizer)
    examples = [ask(TASK + q) for q in ("Where is it?", "谁?", "how much")]
    whole = [fmt.render(e) for e in examples]
    absorbed = Absorbed(fmt, common_beginning(whole))
    assert len(absorbed.ids) > 5
    for example, full in zip(examples, whole, strict=True):
        rest = absorbed.render(example)
        assert absorbed.ids + rest.ids == full.ids
        assert rest.trained == full.trained[len(absorbed.ids) :]
        prompt = absorbed.render_prompt(example.prompt)
        assert absorbed.ids + prompt == fmt.render_prompt(example.prompt)
        assert fmt.decode(rest.ids[len(prompt) :]) == "yes"


def test_other_prompt_names_example_and_difference(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    absorbed = Absorbed(fmt, common_beginning([fmt.render(ask(TASK + q)) for q in "ab"]))
    with pytest.raises(
        FormatError, match=r"example e9 \(a.csv, row 4\).*expected '.*question:', got ' answer: a"
    ) as caught:
        absorbed.render(ask("Classify the answer: a"))
    assert "absorb: false" in str(caught.value)
    with pytest.raises(FormatError, match="got 'Hello"):
        absorbed.render_prompt([Message("user", "Hello")])


def test_prompt_that_is_all_absorbed(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    whole = fmt.render(ask("a", "yes"))
    prompt = fmt.render_prompt([Message("user", "a")])
    with pytest.raises(FormatError, match="nothing of its prompt is left"):
        Absorbed(fmt, prompt).render(ask("a"))
    with pytest.raises(FormatError, match="nothing of its prompt is left"):
        Absorbed(fmt, whole.ids[: len(prompt) + 1]).render(ask("a"))
    with pytest.raises(FormatError, match="got the end"):
        Absorbed(fmt, prompt).render_prompt([Message("user", "a")])


def test_restore(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    absorbed = Absorbed(fmt, fmt.render_prompt([Message("user", "a")])[:2])
    description = json.loads(json.dumps(absorbed.describe()))
    for again in (Absorbed.restore(fmt, description), restore_format(description, tiny_tokenizer)):
        assert isinstance(again, Absorbed)
        assert (again.ids, again.fingerprint) == (absorbed.ids, absorbed.fingerprint)
        assert again.describe() == absorbed.describe()
    assert len({fmt.fingerprint, absorbed.fingerprint, Absorbed(fmt, absorbed.ids[:1]).fingerprint}) == 3
    other = make_format("auto", chat_tokenizer("chatml"))
    with pytest.raises(FormatError, match="expected the chat format"):
        Absorbed.restore(other, description)


def test_chat_loads_neither_torch_nor_transformers() -> None:
    code = "import sys, weitiao.chat; print({'torch', 'transformers'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )


def test_functions_go_through(tiny_tokenizer: Any) -> None:
    inner = make_format(RolesFormat(), tiny_tokenizer)
    tool, call = {"name": "look_up"}, Message("assistant", "", True, (ToolCall("look_up", {"k": 1}),))
    sample = Example("e", (Message("user", "q"), call), tools=(tool,))
    whole = inner.render(sample)
    absorbed = Absorbed(inner, whole.ids[:3])
    assert absorbed.render(sample).ids == whole.ids[3:]
    assert (
        absorbed.render_prompt(sample.prompt, sample.tools) == inner.render_prompt(sample.prompt, [tool])[3:]
    )
    assert absorbed.reply_text(call) == 'look_up: {"k": 1}'
    assert absorbed.parse(absorbed.reply_text(call)) == Reply("", call.tool_calls)
