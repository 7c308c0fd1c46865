"""Recipes: the file, --set, origins, and one error that lists everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from weitiao.config import (
    FullConfig,
    InitAdapter,
    InitText,
    PlainFormat,
    PrefixConfig,
    Recipe,
    Section,
    TemplateRef,
)
from weitiao.errors import ConfigError
from weitiao.recipe import dump, load_recipe
from weitiao.recipe.chatglm import NAMES
from weitiao.recipe.shape import leaves
from weitiao.recipe.source import parse, write

MINIMAL = "data: {sources: [{file: a.json}]}\n"


@pytest.fixture
def recipe(tmp_path: Path):
    def write_recipe(text: str, name: str = "my.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_recipe


def problems(path: Path, *sets: str, model: type[BaseModel] = Recipe) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, sets, model)
    head, *lines = caught.value.message.splitlines()
    assert head == f"{path.name} has {len(lines)} problem{'s' * (len(lines) != 1)}:"
    return [line.removeprefix("  - ") for line in lines]


# --- the file -------------------------------------------------------------------------------------------


def test_values_and_origins(recipe) -> None:
    path = recipe("name: kw\ndata:\n  sources:\n    - file: a.json\n    - {file: b.csv,\n       limit: 5}\n")
    resolved = load_recipe(path, ["train.epochs=2"])
    assert [s.file for s in resolved.value.data.sources] == ["a.json", "b.csv"]
    assert resolved.value.train.epochs == 2
    assert resolved.root == path.parent
    origins = resolved.origins
    assert origins["name"] == "my.yaml:1"
    assert origins["data.sources.0.file"] == "my.yaml:4"
    assert origins["data.sources.1.limit"] == "my.yaml:6"
    assert origins["data.sources.0.limit"] == "default"
    assert origins["train.epochs"] == "--set"
    assert origins["train.batch_size"] == "default"


def test_every_leaf_has_an_origin(recipe) -> None:
    resolved = load_recipe(recipe(MINIMAL))
    dumped = resolved.value.model_dump(mode="json")

    def walk(value: Any, path: str) -> set[str]:
        if isinstance(value, dict):
            return {leaf for k, v in value.items() for leaf in walk(v, f"{path}.{k}" if path else k)}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return {leaf for i, v in enumerate(value) for leaf in walk(v, f"{path}.{i}")}
        return {path}

    assert set(resolved.origins) == walk(dumped, "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-3", 0.005),
        ("1E5", 1e5),
        (".5", 0.5),
        ("010", 10),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("true", True),
        ("[1, a]", [1, "a"]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    parsed = parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_learning_rate_without_a_dot(recipe) -> None:
    assert load_recipe(recipe(MINIMAL + "train: {learning_rate: 5e-4}")).value.train.learning_rate == 5e-4


def test_json_recipe_with_tabs_and_surrogate_pairs(recipe) -> None:
    path = recipe('{\n\t"data": {"sources": [{"file": "\\ud83d\\ude00.json"}]}\n}', "my.json")
    assert load_recipe(path).value.data.sources[0].file == "😀.json"


def test_anchors_and_merge_keys(recipe) -> None:
    text = "data:\n  train: [&s {file: a.json, prompt: q}]\n  test: [{<<: *s, file: b.json}]\n"
    resolved = load_recipe(recipe(text))
    assert resolved.value.data.test[0].model_dump(exclude_defaults=True) == {"file": "b.json", "prompt": "q"}
    assert resolved.origins["data.test.0.file"] == "my.yaml:3"
    assert resolved.origins["data.test.0.prompt"] == "my.yaml:2"


def test_a_value_that_contains_itself(recipe) -> None:
    with pytest.raises(ConfigError, match="contains itself"):
        load_recipe(recipe("data: &a {sources: [*a]}"))


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_recipe(path).value.name == "run"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["the recipe is empty"]),
        ("# nothing\n", ["the recipe is empty"]),
        ("- a\n", ["expected a mapping", "got a list", "data.sources"]),
        ("hello", ["expected a mapping", "a single value"]),
        ("a: [1\nb: 2\n", ["line 2", "not valid YAML", "| b: 2"]),
        ("data:\n\tsources: []\n", ["line 2", "spaces, not tabs"]),
        ("prompt: Q: {{ q }}\n", ["line 1", "quotes"]),
    ],
)
def test_text_that_is_no_recipe(recipe, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe(text))
    for word in words:
        assert word in str(caught.value)


def test_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes("name: x\n# 中文\n".encode("gb18030"))
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        load_recipe(path)


def test_missing_file_names_close_ones(recipe) -> None:
    path = recipe(MINIMAL, "keywords.yaml")
    with pytest.raises(ConfigError, match=r"no such recipe file") as caught:
        load_recipe(path.with_name("keyword.yml"))
    assert str(path) in str(caught.value)


def test_a_folder_and_a_huge_file(recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_recipe(tmp_path)
    with pytest.raises(ConfigError, match="too many for a recipe"):
        load_recipe(recipe("x" * 2_000_001))


# --- problems -------------------------------------------------------------------------------------------


def test_a_section_of_several_forms_is_told_by_its_keys(recipe) -> None:
    path = recipe("data: {sources: [{file: a.json}]}\nmethod: {init: {adapter: old/checkpoint-3000}}\n")
    assert load_recipe(path).value.method == PrefixConfig(init=InitAdapter(adapter="old/checkpoint-3000"))


def test_all_problems_at_once(recipe) -> None:
    path = recipe(
        "name: a b\n"
        "data:\n"
        "  sources: [{file: 3, fil: x}]\n"
        "  split: {dev: .6, test: .6}\n"
        "method: {init: {txt: x}, length: foo, projection: -1}\n"
        "format: {kind: plian}\n"
        "train:\n"
        "  lerning_rate: 1\n"
        "  learning_rate: 1e3\n"
        "  report_to: wandb\n"
        "evaluate:\n"
        "  metrics: [exact, blue]\n"
        "  decode:\n"
    )
    assert problems(path) == [
        r"name (my.yaml:1): expected text that matches ^[\w.\-]+$, got 'a b'",
        "data.sources.0.file (my.yaml:3): expected text, got the number 3; put it in quotes",
        "data.sources.0.fil (my.yaml:3): unknown key; did you mean data.sources.0.file?",
        "data.split (my.yaml:4): dev + test must be below 1, got 0.6 + 0.6",
        "method.init.txt (my.yaml:5): unknown key; did you mean method.init.text?",
        "method.init.text (my.yaml:5): missing, expected text that is not empty",
        "method.length (my.yaml:5): expected auto, or a whole number above 0, got 'foo'",
        "method.projection (my.yaml:5): expected a whole number above 0, or null, got the number -1",
        "format.kind (my.yaml:6): expected one of plain, template, roles, chatglm, chatglm2, chatglm3, "
        "got 'plian'; did you mean plain?",
        "train.lerning_rate (my.yaml:8): unknown key; did you mean train.learning_rate?",
        "train.learning_rate (my.yaml:9): expected a number above 0 and at most 1, got the number 1000.0",
        "train.report_to (my.yaml:10): expected a list of text, got 'wandb'; write [wandb]",
        "evaluate.metrics.1 (my.yaml:12): expected one of exact, bleu, rouge, accuracy, got 'blue'; "
        "did you mean bleu?",
        "evaluate.decode (my.yaml:13): expected a mapping (max_new_tokens, temperature, top_p, stop, "
        "batch_size), got nothing (null); leave the key out for the defaults",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("method: {length: 0}", "method.length (my.yaml:2): expected auto, or a whole number above 0, got"),
        ("train: {epochs: true}", "train.epochs (my.yaml:2): expected a number above 0, got true"),
        ("train: {epochs: .inf}", "train.epochs (my.yaml:2): expected a number above 0, got '.inf'"),
        ("train: {epochs: inf}", "train.epochs (my.yaml:2): expected a number above 0, got 'inf'"),
        ("train: {batch_size: 1.5}", "train.batch_size (my.yaml:2): expected a whole number above 0, got"),
        ("train: {micro_batch_size: 3}", "(my.yaml) train.micro_batch_size 3 does not divide train.batch"),
        ("evaluate: {metrics: []}", "expected a list of one of exact, bleu, rouge, accuracy, got an empty"),
        ("epochs: 3", "epochs (my.yaml:2): unknown key; did you mean train.epochs?"),
        (
            "method: {kind: full, length: 3}",
            "method.length (my.yaml:2): unknown key; known only with kind: p",
        ),
        ("pre_seq_len: 3", "the ChatGLM scripts' pre_seq_len is method.length here"),
        ("name: 3", "name (my.yaml:2): expected text"),
        ("name: a\nname: b", "name (my.yaml:3): given twice, first in line 2"),
        ("base: {path: {{ a }}}", "a key must be text"),
        ("format: tmplate", "format (my.yaml:2): expected auto, or a mapping with kind: plain or template"),
        ("seed: !!int x", "'x' is not a number"),
        ("method: [1]", "method (my.yaml:2): expected a mapping with kind: prefix or full, got a list of 1"),
    ],
)
def test_one_problem(recipe, text: str, said: str) -> None:
    found = problems(recipe(MINIMAL + text))
    assert any(said in line for line in found), found


def test_missing_data_and_both_ways_of_data(recipe) -> None:
    assert "data (my.yaml): missing" in problems(recipe("name: x"))[0]
    both = "data: {sources: [{file: a}], train: [{file: a}]}"
    assert "not both" in problems(recipe(both))[0]
    assert "no data: give `sources`" in problems(recipe("data: {prompt: a}"))[0]


def test_the_chatglm_table_names_keys_that_exist() -> None:
    known = {path for path, _, _ in leaves(Recipe)}
    for old, new in NAMES.items():
        key = new.partition(" ")[0]
        assert key.startswith("--") or key in known, (old, key)
        assert old not in Recipe.model_fields


# --- --set ----------------------------------------------------------------------------------------------


def test_set_reaches_lists_unions_and_absent_sections(recipe) -> None:
    value = load_recipe(
        recipe(MINIMAL),
        [
            "data.sources.0.file=x.csv",
            "data.sources.1.file=y.csv",
            "method.length=32",
            "method.init.text=你好: {{世界}}",
            "evaluate.metrics.1=accuracy",
            "evaluate.decode.stop=[a, b]",
            "train.learning_rate=5e-4",
        ],
    ).value
    assert [s.file for s in value.data.sources] == ["x.csv", "y.csv"]
    assert value.method == PrefixConfig(length=32, init=InitText(text="你好: {{世界}}"))
    assert value.evaluate.metrics == ("exact", "accuracy", "rouge")
    assert value.evaluate.decode.stop == ("a", "b")
    assert value.train.learning_rate == 5e-4


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [
        ("Q: {{ question }}", "Q: {{ question }}"),
        ("{{ question }}", "{{ question }}"),
        ("5", "5"),
        ("a#b: c", "a#b: c"),
        ('"quoted\\n"', "quoted\n"),
        ("a=b", "a=b"),
    ],
)
def test_set_takes_text_as_it_stands(recipe, typed: str, prompt: str) -> None:
    assert load_recipe(recipe(MINIMAL), [f"data.prompt={typed}"]).value.data.prompt == prompt


def test_set_of_an_optional_text_to_null(recipe) -> None:
    path = recipe("data: {sources: [{file: a}], system: hi}")
    assert load_recipe(path, ["data.system=null"]).value.data.system is None


def test_set_of_another_kind_replaces_the_section(recipe) -> None:
    path = recipe(MINIMAL + "method:\n  length: 32\n  dropout: 0.1\n")
    resolved = load_recipe(path, ["method.kind=full"])
    assert resolved.value.method == FullConfig()
    assert resolved.origins["method.kind"] == (
        "--set (instead of prefix in my.yaml:2, dropped length, dropout)"
    )


def test_set_of_the_same_kind_drops_nothing(recipe) -> None:
    path = recipe(MINIMAL + "method: {length: 32}")
    assert load_recipe(path, ["method.kind=prefix"]).value.method == PrefixConfig(length=32)


@pytest.mark.parametrize("turn", [1, -1])
def test_order_of_kind_and_key_does_not_matter(recipe, turn: int) -> None:
    path = recipe(MINIMAL + "method: {kind: full}")
    sets = ["method.kind=prefix", "method.length=8"][::turn]
    assert load_recipe(path, sets).value.method == PrefixConfig(length=8)


def test_set_makes_a_section_of_a_word(recipe) -> None:
    path = recipe(MINIMAL + "format: auto")
    assert load_recipe(path, ["format.kind=plain", "format.separator=x"]).value.format == PlainFormat(
        separator="x"
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("train", "--set train: expected a.b=value"),
        ("=3", "--set =3: expected a.b=value"),
        ("a..b=3", "--set a..b=3: expected a.b=value"),
        ("train.epochs=0", "train.epochs (--set): expected a number above 0, got the number 0"),
        ("train.lr=1", "train.lr (--set): unknown key"),
        ("foo.bar=1", "foo (--set): unknown key"),
        (
            "data.sources.5.file=x",
            "--set data.sources.5.file=x: data.sources has 1 entry; data.sources.1 wou",
        ),
        ("data.sources.a=x", "--set data.sources.a=x: data.sources is a list: give an index"),
        ("name.x=1", "--set name.x=1: name is 'abc' and has no part 'x'"),
        ("train.epochs=[", "--set train.epochs=[: '[' is not a YAML value"),
        (
            "method.kind=fll",
            "method.kind (--set): expected one of prefix, full, got 'fll'; did you mean full?",
        ),
        ("format.separator=x", "format (--set): which kind? add kind: plain or template"),
    ],
)
def test_a_wrong_set_is_named(recipe, typed: str, said: str) -> None:
    found = problems(recipe(MINIMAL + "name: abc\nmethod: {length: 3}"), typed)
    assert any(said in line for line in found), found


# --- writing --------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=30)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, plain, max_size=4))
@settings(max_examples=150, deadline=None)
def test_parse_is_the_inverse_of_write(value: dict[str, Any]) -> None:
    assert parse(write(value)) == value


class Anything(Section):
    """A section that can hold what is hard to write down."""

    text: str
    number: float
    texts: tuple[str, ...] = ()
    init: str | InitText | None = None


@given(texts, st.floats(allow_nan=False, allow_infinity=False), st.lists(texts, max_size=3))
@settings(max_examples=60, deadline=None)
def test_load_is_the_inverse_of_dump(tmp_path_factory, text: str, number: float, several: list[str]) -> None:
    value = Anything(text=text, number=number, texts=tuple(several), init=InitText(text="a" + text))
    path = tmp_path_factory.mktemp("dump") / "r.yaml"
    path.write_text(dump(value), encoding="utf-8", newline="")
    assert load_recipe(path, model=Anything).value == value


def test_a_dumped_recipe_loads_the_same(recipe) -> None:
    value = load_recipe(
        recipe(MINIMAL),
        ["method.init.text=甲\n乙", "format.kind=plain", "data.split.mask={}", "train.threads=2"],
    ).value
    text = dump(value)
    assert "甲" in text
    assert load_recipe(recipe(text, "again.yaml")).value == value


@pytest.mark.parametrize("text", ["{template: finance/classify}", '{"template": "finance/classify"}'])
def test_set_takes_a_reference_to_a_template(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("data: {sources: [{file: x.csv}]}", encoding="utf-8")
    prompt = load_recipe(path, [f"data.prompt={text}"]).value.data.prompt
    assert prompt == TemplateRef(template="finance/classify")
    prompt = load_recipe(
        path, ["data.prompt.template=grid/greet", "data.prompt.language=zh"]
    ).value.data.prompt
    assert prompt == TemplateRef(template="grid/greet", language="zh")
