"""What the tests of function calls share: calls of every kind, and chat templates that know functions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from builders import chat_tokenizer
from weitiao.types import ToolCall

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "查询天气",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
CALL = ToolCall("get_weather", {"location": "北京", "days": 2})

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["'", '"', "\\", "\n", "```", "</tool_call>", "<tool_call>", "}", "; ", "北京", "[TOOL_CALLS]"]
    ),
    st.sampled_from(["<|assistant|>", "<|im_end|>", "</s>", "\\n", "''", "tool_call(a=1)", "ﬁ", "class"]),
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.from_regex(r"[\w.\-]{1,12}", fullmatch=True)
CALLS = st.builds(ToolCall, NAMES, st.dictionaries(TEXTS, VALUES, max_size=4))

# In each: schemas in front, calls in one of the four shapes, results under the role `tool`.
TEMPLATES: dict[str, str] = {
    "hermes": (
        "{% if tools %}<|im_start|>system\nFunctions:{% for t in tools %}\n{{ t | tojson }}{% endfor %}<|im_end|>\n"
        "{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}"
        "{% if m.content or not loop.first %}{{ '\\n' }}{% endif %}"
        "<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "llama3": (
        "{{ bos_token }}{% if tools %}<|start_header_id|>system<|end_header_id|>\n\n"
        "{% for t in tools %}{{ t | tojson(indent=4) }}\n{% endfor %}<|eot_id|>{% endif %}"
        "{% for m in messages %}{% set role = 'ipython' if m.role == 'tool' else m.role %}"
        "<|start_header_id|>{{ role }}<|end_header_id|>\n\n"
        "{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}{{ raise_exception('one call only') }}{% endif %}"
        "{% set f = m.tool_calls[0].function %}"
        '{"name": "{{ f.name }}", "parameters": {{ f.arguments | tojson }}}'
        "{% elif m.role == 'tool' %}{{ m.content | tojson }}{% else %}{{ m.content | trim }}{% endif %}<|eot_id|>"
        "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
    "glm4": (
        "{% if tools %}<|system|>\n{% for t in tools %}{{ t.function.name }}: {{ t.function | tojson }}\n{% endfor %}"
        "{% endif %}{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}"
        "<|assistant|>{{ c.function.name }}\n{{ c.function.arguments | tojson }}{% endfor %}"
        "{% else %}<|{{ 'observation' if m.role == 'tool' else m.role }}|>\n{{ m.content }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    ),
    "mistral": (
        "{{ bos_token }}{% for m in messages %}"
        "{% if m.role == 'user' %}{% if tools and loop.first %}[AVAILABLE_TOOLS] {{ tools | tojson }}"
        "[/AVAILABLE_TOOLS]{% endif %}[INST] {{ m.content }}[/INST]"
        "{% elif m.role == 'tool' %}[TOOL_RESULTS] {\"content\": {{ m.content | tojson }}, "
        '"call_id": "{{ m.tool_call_id }}"}[/TOOL_RESULTS]'
        "{% elif m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}"
        '{"name": {{ c.function.name | tojson }}, "arguments": {{ c.function.arguments | tojson }}, '
        '"id": "{{ c.id }}"}{{ ", " if not loop.last }}{% endfor %}]</s>'
        "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
    ),
}
_SPECIAL = {
    "hermes": ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"],
    "llama3": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"],
    "glm4": ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"],
    "mistral": ["</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"],
}
_EOS = {"hermes": "<|im_end|>", "llama3": "<|eot_id|>", "glm4": "<|endoftext|>", "mistral": "</s>"}


def functions_tokenizer(name: str) -> Any:
    """A tokenizer whose chat template knows functions."""
    tokenizer = chat_tokenizer(None)
    tokenizer.add_special_tokens({"additional_special_tokens": _SPECIAL[name]})
    tokenizer.eos_token = _EOS[name]
    tokenizer.chat_template = TEMPLATES[name].replace("{{ bos_token }}", "")
    return tokenizer
