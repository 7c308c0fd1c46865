"""Prompt libraries: what ships works, references become whole templates, mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weitiao.config import DataConfig, Recipe, TemplateRef
from weitiao.data import prepare
from weitiao.data.check import material_of
from weitiao.data.template import compile_expression
from weitiao.data.templates import expanded, load_library, resolve_templates, shipped_library
from weitiao.errors import ConfigError, DataError

LIBRARY = """\
templates:
  - id: mine/ask
    version: 1
    variables: {a: first, b: second}
    languages:
      zh: {prompt: "一 {{ a }} {{ b }}", system: "你是助手"}
  - id: mine/ask
    version: 2
    variables: {a: first, b: second}
    languages:
      zh:
        prompt: "二 {% for o in options %}{{ o.label }}{% endfor %} {{ a }} {{ b }}"
        options: [{label: '%}"{{'}]
      en: {prompt: "two {{ a }} {{ b }}"}
"""


def library(root: Path, text: str = LIBRARY) -> Any:
    (root / "lib.yaml").write_text(text, encoding="utf-8")
    return load_library(["lib.yaml"], root=root)


def rendered(text: str, row: dict[str, Any]) -> str:
    return compile_expression(text, name="prompt", columns=list(row)).text_of(row)


CASES = [(t.id, language) for t in shipped_library().templates for language in t.languages]


@pytest.mark.parametrize(("name", "language"), CASES)
def test_every_shipped_template_prints_its_variables(name: str, language: str) -> None:
    lib = shipped_library()
    template = lib.find(name)
    asked = {"question": "<stem>", "options": {"A": "<one>", "B": "<two>"}, "answer": "B"}
    known: dict[str, Any] = {"expected": 5, "found": 3, "questions": [asked]}
    row = {key: known.get(key, f"<{key}>") for key in template.variables}
    parts = ["prompt"] + (["response"] if template.languages[language].response else [])
    texts = [rendered(expanded(TemplateRef(template=name, language=language), p, lib), row) for p in parts]
    printed = [
        *(v for k, v in row.items() if k != "questions"),
        *(["<stem>", "<one>"] if "questions" in row else []),
    ]
    assert all(str(value) in "".join(texts) for value in printed)
    for option in template.languages[language].options:
        assert option.label in texts[0]
        assert option.description in texts[0]


def test_what_changes_from_row_to_row_comes_last() -> None:
    """All prompts of a template begin alike up to its question: the common part is computed once."""
    text = expanded(TemplateRef(template="finance/classify"), "prompt", shipped_library())
    one, two = (rendered(text, {"question": q}) for q in ("甲", "乙"))
    assert one[: one.index("甲")] == two[: two.index("乙")]
    assert len(one) - one.index("甲") < 10


def test_variables_are_columns_templates_or_values(tmp_path: Path) -> None:
    lib = library(tmp_path)

    def say(row: dict[str, Any], **ref: Any) -> str:
        return rendered(expanded(TemplateRef(template="mine/ask", version=1, **ref), "prompt", lib), row)

    assert say({"a": 1, "b": 2}) == "一 1 2"
    assert say({"a": 1, "b": 2}, variables={"a": "b", "b": "a"}) == "一 2 1"
    assert say({"问 题": "x", "b": 2}, variables={"a": "问 题"}) == "一 x 2"
    assert say({"q": "x", "b": 2}, variables={"a": "{{ q }}/{{ b }}"}) == "一 x/2 2"
    assert say({"b": 2}, values={"a": '"引号" {{ b }}'}) == '一 "引号" {{ b }} 2'


def test_versions_languages_and_options_with_marks(tmp_path: Path) -> None:
    lib = library(tmp_path)
    row = {"a": 1, "b": 2}
    assert rendered(expanded(TemplateRef(template="mine/ask"), "prompt", lib), row) == '二 %}"{{ 1 2'
    assert (
        rendered(expanded(TemplateRef(template="mine/ask", language="en"), "prompt", lib), row) == "two 1 2"
    )
    assert rendered(expanded(TemplateRef(template="mine/ask", version=1), "system", lib), {}) == "你是助手"


@pytest.mark.parametrize(
    ("ref", "part", "message"),
    [
        ({"template": "mine/asc"}, "prompt", 'did you mean "mine/ask"'),
        ({"template": "mine/ask", "version": 3}, "prompt", "no version 3, only 1, 2"),
        ({"template": "mine/ask", "language": "de"}, "prompt", 'not written in "de"'),
        ({"template": "mine/ask"}, "response", "has no response"),
        ({"template": "mine/ask", "variables": {"c": "x"}}, "prompt", 'no variable "c"'),
    ],
)
def test_wrong_references(tmp_path: Path, ref: dict[str, Any], part: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        expanded(TemplateRef.model_validate(ref), part, library(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIBRARY.replace("version: 2", "version: 1"), "has its version 1 twice"),
        (LIBRARY.replace("一 {{ a }}", "一 {{ c }}"), 'mine/ask, zh, prompt: "c" is no variable'),
        (LIBRARY.replace("一 {{ a }}", "一 {{ a"), "does not parse"),
        (LIBRARY.replace("{a: ", "{options: y, a: "), 'a variable "options" would be hidden'),
        (LIBRARY.replace("languages:", "langauges:", 1), "did you mean templates.0.languages"),
    ],
)
def test_wrong_libraries(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        library(tmp_path, text)


def test_a_recipe_with_a_template_and_its_line_in_the_card(tmp_path: Path) -> None:
    table = [{"问题": f"{k}年的营业收入", "类": "C"} for k in range(30)]
    (tmp_path / "x.json").write_text(json.dumps(table), encoding="utf-8")
    data = {
        "sources": [{"file": "x.json"}],
        "prompt": {"template": "finance/classify", "variables": {"question": "问题"}},
        "response": "类",
    }
    dataset = prepare(Recipe.model_validate({"data": data}), root=tmp_path)
    assert dataset.train[0].messages[0].content.startswith("下面是一个关于上市公司年报的问题")
    assert "年的营业收入" in dataset.train[0].messages[0].content
    (facts,) = dataset.card["templates"]
    assert (facts["template"], facts["version"], facts["language"]) == ("finance/classify", 1, "zh")
    data["prompt"] = {"template": "finance/classify", "variables": {"question": "题"}}
    with pytest.raises(DataError, match='unknown field "题"'):
        prepare(Recipe.model_validate({"data": data}), root=tmp_path)


def test_resolved_data_need_no_library(tmp_path: Path) -> None:
    library(tmp_path)
    data = DataConfig.model_validate(
        {
            "sources": [{"file": "x", "prompt": {"template": "mine/ask"}}, {"file": "y"}],
            "system": {"template": "mine/ask", "version": 1},
            "templates": ["lib.yaml"],
        }
    )
    done = resolve_templates(data, tmp_path)
    assert isinstance(done.sources[0].prompt, str)
    assert isinstance(done.system, str)
    assert (done.prompt, done.sources[1].prompt) == ("prompt", None)
    with pytest.raises(ConfigError, match="no such file"):
        resolve_templates(data, tmp_path / "elsewhere")


def test_a_library_of_ones_own_is_known_to_the_checks(tmp_path: Path) -> None:
    library(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps([{"甲": "问", "乙": "题", "答": "是"}] * 2), encoding="utf-8")
    reference = {"template": "mine/ask", "version": 2, "variables": {"a": "甲", "b": "乙"}}
    data = DataConfig.model_validate(
        {
            "templates": ["lib.yaml"],
            "sources": [{"file": "x.json", "prompt": reference}],
            "prompt": {"template": "finance/classify", "variables": {"question": "甲"}},
            "response": "答",
        }
    )
    material = material_of(data, root=tmp_path)
    assert [case.asked for case in material.cases] == ['二 %}"{{ 问 题'] * 2


def test_the_checks_know_a_library_of_the_recipe(tmp_path: Path) -> None:
    library(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps([{"q": "a", "y": "b"}]), encoding="utf-8")
    data = DataConfig.model_validate(
        {
            "sources": [{"file": "x.json"}],
            "prompt": {"template": "mine/ask", "language": "en", "variables": {"a": "q", "b": "y"}},
            "response": "y",
            "templates": ["lib.yaml"],
        }
    )
    (case,) = material_of(data, root=tmp_path).cases
    assert case.example.messages[0].content == "two a b"
