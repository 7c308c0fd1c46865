"""Patterns: every sentence has a number, none comes twice, labels are where they are said to be."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from weitiao.config import Recipe, Source
from weitiao.data import prepare
from weitiao.data.patterns import Grammar, PatternError, expand, load_plan, read_patterns
from weitiao.data.patterns.expand import quotas, shuffled
from weitiao.data.patterns.grammar import Choice, Slot, Term, parse
from weitiao.data.patterns.source import find_patterns
from weitiao.data.templates import load_library
from weitiao.errors import ConfigError, DataError

WORDS = Grammar(
    {"v": [Term(parse(w)) for w in ("甲", "乙", "丙")], "n": [Term((str(k),), k) for k in range(4)]}
)
PIECES = st.sampled_from(["请", "{v}", "{n}", "{w:v}", "(a|b)", "[c]", "({v}|x)", "[{n}y]", "(a|{v}[{n}])"])
GRID = find_patterns("power_grid", Path())

FILE = """\
vocabularies:
  site: [东站, 西站, {say: (南|南边的)站, means: 南站}]
  heads: {first: 1, last: 9}
classes:
  people: {patterns: ["{site}有几人", "查{site}的人数"], response: '{{ site }}'}
  report: {patterns: ["应到{due:heads}人，实到{heads}人"], share: 3}
"""


def plan(root: Path, text: str = FILE) -> Any:
    (root / "p.yaml").write_text(text, encoding="utf-8")
    return load_plan(root / "p.yaml")


def texts_of(nodes: Any, values: dict[str, str]) -> Iterator[str]:
    """All sentences, one after the other, without numbers."""
    if not nodes:
        yield ""
        return
    head, rest = nodes[0], nodes[1:]
    if isinstance(head, Choice):
        for option in head.options:
            yield from texts_of((*option, *rest), values)
    elif isinstance(head, Slot):
        terms = [t.nodes[0] for t in WORDS.vocabularies[head.vocabulary]]
        for said in [values[head.name]] if head.name in values else terms:
            yield from (said + more for more in texts_of(rest, {**values, head.name: str(said)}))
    else:
        yield from (head + more for more in texts_of(rest, values))


@given(st.lists(PIECES, min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_numbers_reach_every_sentence_once(pieces: list[str]) -> None:
    nodes = parse("".join(pieces))
    assume(WORDS.count(nodes) <= 500)
    sentences = [WORDS.sentence(nodes, k) for k in range(WORDS.count(nodes))]
    assert Counter(s.text for s in sentences) == Counter(texts_of(nodes, {}))
    for sentence in sentences:
        for start, end, name in sentence.spans:
            assert sentence.text[start:end] == str(sentence.slots[name])


def test_the_sentences_are_the_product_of_the_choices() -> None:
    nodes = parse(r"(请|麻烦)[您]查{v}的{n}号\[线\]")
    texts = {WORDS.sentence(nodes, k).text for k in range(WORDS.count(nodes))}
    wanted = {
        f"{a}{b}查{c}的{d}号[线]"
        for a, b, c, d in itertools.product(("请", "麻烦"), ("您", ""), "甲乙丙", range(4))
    }
    assert texts == wanted
    assert WORDS.count(nodes) == len(wanted)


def test_a_name_has_one_value_and_two_names_have_two() -> None:
    same, two = parse("{v}{v}"), parse("{a:v}{b:v}")
    assert (WORDS.count(same), WORDS.count(two)) == (3, 9)
    assert {WORDS.sentence(same, k).text for k in range(3)} == {"甲甲", "乙乙", "丙丙"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "not closed by"),
        ("a)", "closes nothing"),
        ("{}", "begins no slot"),
        ("[a)", "not closed"),
        ("{a", "slot"),
    ],
)
def test_patterns_that_cannot_be_read(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        parse(pattern)


@given(st.integers(1, 300), st.integers(0, 99))
def test_shuffled_is_a_permutation(total: int, seed: int) -> None:
    assert sorted(shuffled(total, random.Random(seed))) == list(range(total))


def test_a_huge_grammar_is_drawn_from_at_once() -> None:
    numbers = list(itertools.islice(shuffled(10**30, random.Random(0)), 1000))
    assert len(set(numbers)) == 1000


def test_counts_labels_and_values(tmp_path: Path) -> None:
    samples = list(expand(plan(tmp_path), 20, seed=3))
    assert Counter(s.label for s in samples) == {"people": 5, "report": 15}
    assert len({s.prompt for s in samples}) == 20
    assert samples == list(expand(plan(tmp_path), 20, seed=3)) != list(expand(plan(tmp_path), 20, seed=4))
    for sample in samples:
        if sample.label == "people":
            assert sample.response == sample.slots["site"]
            assert sample.response in ("东站", "西站", "南站")
        else:
            assert sample.response == "report"
            assert set(sample.slots) == {"due", "heads"}
        for start, end, name in sample.spans:
            assert sample.text[start:end] == str(sample.slots[name]) or sample.slots[name] == "南站"


@given(st.integers(0, 400), st.lists(st.floats(0.1, 9), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_quotas_add_up(tmp_path_factory: pytest.TempPathFactory, total: int, shares: list[float]) -> None:
    classes = {f"c{k}": {"patterns": ["{n}"], "share": share} for k, share in enumerate(shares)}
    file = {"vocabularies": {"n": {"first": 1, "last": 2}}, "classes": classes}
    made = plan(tmp_path_factory.mktemp("p"), json.dumps(file))
    found = quotas(made, total)
    assert sum(found.values()) == total
    exact = {f"c{k}": total * share / sum(shares) for k, share in enumerate(shares)}
    assert all(abs(found[name] - exact[name]) < 1 + 1e-6 for name in found)


def test_all_sentences_can_be_drawn_and_no_more(tmp_path: Path) -> None:
    text = 'classes: {x: {patterns: ["(a|b)[c]", "(a|d)"]}}'
    made = plan(tmp_path, text)
    assert {s.text for s in expand(made, 5)} == {"a", "b", "ac", "bc", "d"}  # "a" comes from both patterns
    with pytest.raises(DataError, match="class x has 5 different samples, 6 are wanted"):
        list(expand(made, 6))
    with pytest.raises(DataError, match="class x has 6 different samples, 7 are wanted"):
        expand(made, 7)


def test_one_prompt_in_two_classes_is_an_error(tmp_path: Path) -> None:
    made = plan(tmp_path, "classes: {x: {patterns: [a]}, y: {patterns: [a]}}")
    with pytest.raises(DataError, match='"a" is in two classes'):
        list(expand(made, 2))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{site}有几人",
            "{sit}有几人",
            r"classes.people.patterns.0: there is no vocabulary {sit}; did you mean",
        ),
        ("{site}有几人", "({site}有几人", "is not closed"),
        ("{site}有几人", "{text:site}", "the name is taken"),
        ("[东站,", "['{site}',", "lead back to {site}"),
        ("{first: 1, last: 9}", "{first: 1, last: 0}", "before first"),
        ("{first: 1, last: 9}", "{file: no.txt}", "no.txt: no such file"),
        ("share: 3", "shares: 3", "did you mean classes.report.share"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in FILE
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path, FILE.replace(old, new))


def test_counts_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="people, report have no count"):
        quotas(plan(tmp_path), None)
    with pytest.raises(ConfigError, match="2 samples in all, but the counts of its classes are 4"):
        quotas(plan(tmp_path, FILE.replace("share: 3", "count: 4")), 2)


def test_the_power_grid_file() -> None:
    samples = list(expand(load_plan(GRID), 300, seed=1))
    assert Counter(s.label for s in samples) == {
        "greet": 50,
        "people": 100,
        "device_state": 100,
        "report": 50,
    }
    assert {s.prompt.split("*")[0] for s in samples} == {
        "步骤#问候",
        "步骤#理解语音并拆分函数参数",
        "步骤#根据函数结果汇总",
    }
    for sample in samples:
        if sample.label in ("people", "device_state"):
            assert json.loads(sample.response)["arguments"] == dict(sample.slots)


def test_every_sentence_of_the_power_grid_has_one_prompt() -> None:
    made = load_plan(GRID)
    report = next(kind for kind in made.classes if kind.name == "report")
    samples = [s for s in expand(made, 200) if s.label == report.name]
    assert all(f"实到{s.slots['found']}人" in s.prompt for s in samples)
    assert any("人数一致" in s.response or "缺少" in s.response for s in samples)


def test_patterns_are_a_source(tmp_path: Path) -> None:
    plan(tmp_path)
    source = {"patterns": "p.yaml", "count": 30}
    recipe = Recipe.model_validate(
        {
            "seed": 5,
            "data": {"sources": [source], "split": {"group": "pattern", "dev": 0, "test": 0.4, "seed": 0}},
        }
    )
    dataset = prepare(recipe, root=tmp_path)
    assert len(dataset.train) + len(dataset.test) == 30
    assert dataset == prepare(recipe, root=tmp_path)
    patterns = [{e.group for e in part} for part in (dataset.train, dataset.test)]
    assert not patterns[0] & patterns[1]
    entry = dataset.card["sources"][0]
    assert (entry["file"], entry["rows"]) == ("p.yaml", 30)
    records = list(read_patterns(Source.model_validate(source), root=tmp_path))
    assert records[0].origin.row == 1
    with pytest.raises(DataError, match="did you mean"):
        read_patterns(Source(patterns="power_gird"), root=tmp_path)


def test_the_page_shows_a_file_that_works(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "data-making.md"
    shown = re.findall(r"^```text\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    library, patterns = shown
    samples = list(expand(plan(tmp_path, patterns), 60))
    assert Counter(s.label for s in samples) == {"people": 40, "report": 20}
    for sample in samples:
        if sample.label == "report":
            missing = sample.slots["due"] - sample.slots["found"]  # type: ignore[operator]
            assert sample.response == (f"缺{missing}人" if missing > 0 else "人已到齐")
        else:
            assert json.loads(sample.response)["site"] == sample.slots["site"]
    (tmp_path / "lib.yaml").write_text(library, encoding="utf-8")
    assert load_library(["lib.yaml"], root=tmp_path).find("mine/complaint").version == 2
