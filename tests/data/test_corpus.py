"""Laws of the generated pretraining text."""

from __future__ import annotations

import itertools
import json
import random
import re
import sqlite3

import pytest

from weitiao.data.corpus import DEFAULT_MIX, KINDS, Document, generate
from weitiao.data.corpus.document import say
from weitiao.data.corpus.finance import question
from weitiao.data.corpus.reports import BALANCE, CASH, INCOME, RATIOS, STAFF
from weitiao.data.corpus.sql import schema
from weitiao.data.corpus.topics import TOPICS

COPIED = {kind for kind in KINDS if kind.startswith(("copy_", "extract_"))} - {
    "copy_pattern",
    "extract_turns",
}


def documents(count: int, seed: int = 1) -> list[Document]:
    return list(itertools.islice(generate(seed), count))


def flat(document: Document) -> str:
    if document.text is not None:
        return document.text
    return "\n".join(f"{m.role}: {m.content}" for m in document.messages or ())


def before(document: Document) -> str:
    return "\n".join(m.content for m in (document.messages or ())[:-1])


@pytest.fixture(scope="module")
def many() -> list[Document]:
    return documents(5000)


def test_same_seed_same_documents_other_seed_others() -> None:
    assert documents(200, 7) == documents(200, 7)
    assert set(map(flat, documents(200, 7))).isdisjoint(map(flat, documents(200, 8)))


def test_every_maker_names_its_kind() -> None:
    for kind, maker in KINDS.items():
        assert {maker(random.Random(seed)).kind for seed in range(20)} == {kind}
    assert KINDS.keys() == DEFAULT_MIX.keys()


def test_documents_are_well_formed(many: list[Document]) -> None:
    for document in many:
        assert (document.text is None) != (document.messages is None)
        if document.text is not None:
            assert document.text.strip()
            continue
        roles = [m.role for m in document.messages or ()]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns == ["user", "assistant"] * (len(turns) // 2)
        assert all(m.content.strip() for m in document.messages or ())
        assert all(m.train == (m.role == "assistant") for m in document.messages or ())


def test_no_mark_of_the_phrase_grammar_is_left(many: list[Document]) -> None:
    left = re.compile(r"\{[a-zA-Z]2?\}|\|\]|\[\||\]\?\[")
    assert not [flat(document) for document in many if left.search(flat(document))]


def test_claimed_spans_stand_in_the_prompt(many: list[Document]) -> None:
    claimed = 0
    for document in many:
        for span in document.spans:
            assert span in before(document), flat(document)
            claimed += bool(span)
    assert claimed > 3000


def test_single_turn_copying_is_at_least_half(many: list[Document]) -> None:
    assert sum(document.kind in COPIED for document in many) >= len(many) / 2


def test_answers_of_extraction_are_joins_of_spans(many: list[Document]) -> None:
    for document in many:
        if document.kind in {"extract_many", "extract_question", "copy_lookup", "copy_quoted"}:
            answer = (document.messages or ())[-1].content
            rest = answer
            for span in document.spans:
                assert rest.startswith(span)
                rest = re.sub(r"^[,、，; \n/|]", "", rest[len(span) :])
            assert rest == ""


def test_json_answers_parse(many: list[Document]) -> None:
    parsed = 0
    for document in many:
        for message in document.messages or ():
            if message.role == "assistant" and message.content.startswith('{"'):
                assert isinstance(json.loads(message.content), dict)
                parsed += 1
        if document.kind in {"extract_json", "grid_command"}:
            assert isinstance(json.loads((document.messages or ())[-1].content), dict)
    assert parsed > 100


def test_sql_runs_on_its_table() -> None:
    run = 0
    for seed in range(400):
        document = KINDS["nl2sql"](random.Random(seed))
        table = schema(document)
        if table is None:
            continue
        with sqlite3.connect(":memory:") as database:
            database.execute(table.ddl)
            database.execute((document.messages or ())[-1].content)
        run += 1
    assert run > 100


def test_letters_are_offered_and_balanced() -> None:
    answers = []
    for seed in range(1500):
        document = KINDS["choice_letter"](random.Random(seed))
        letter = (document.messages or ())[-1].content
        assert re.search(rf"{letter}[.．、：:)） ]", before(document))
        answers.append(letter)
    assert set(answers) == set("ABCDEF")
    assert max(map(answers.count, "AB")) < 1.3 * min(map(answers.count, "AB"))


def test_no_task_asks_for_keywords(many: list[Document]) -> None:
    for document in many:
        assert not re.search(r"关键词|关键字|关键信息|key ?words?\b", flat(document), re.IGNORECASE)


def test_no_option_set_sorts_questions_about_reports() -> None:
    forbidden = re.compile(r"年报|财务|报表|比率|统计|增长率|法定代表人|职工|员工人数|开放|财报")
    for topic in TOPICS:
        described = [category.name + category.about for category in topic.categories]
        assert sum(bool(forbidden.search(text)) for text in described) <= 1, described
    asked = " ".join(template for topic in TOPICS for template in topic.frames)
    assert not re.search(r"年报|公司的|上市公司|报告中", asked)


def test_from_a_report_question_only_names_and_times_are_taken() -> None:
    items = set(BALANCE) | set(INCOME) | set(CASH) | set(RATIOS) | set(STAFF)
    rng = random.Random(3)
    for _ in range(2000):
        passage = question(rng)
        assert set(passage.slots) <= {"公司", "年份", "城市"}
        assert not items & set(passage.slots.values())
        assert all(span in passage.text for span in passage.slots.values())


def test_documents_are_distinct_and_of_moderate_length(many: list[Document]) -> None:
    assert len(set(map(flat, many))) > 0.95 * len(many)
    lengths = sorted(len(flat(document)) for document in many)
    assert lengths[0] >= 15
    assert 80 <= lengths[len(lengths) // 2] <= 160
    assert lengths[int(0.99 * len(lengths))] <= 700


def test_mostly_chinese_some_english(many: list[Document]) -> None:
    english = sum(len(re.findall(r"[一-鿿]", flat(d))) < 5 for d in many) / len(many)
    assert 0.06 < english < 0.25


@pytest.mark.parametrize("mix", [{"nonsense": 1.0}, {"paper": -1.0}, {"paper": 0.0}])
def test_bad_mix_is_refused(mix: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="mix"):
        generate(1, mix=mix)


def test_mix_chooses_kinds() -> None:
    assert {d.kind for d in itertools.islice(generate(1, mix={"paper": 1.0, "yes_no": 2.0}), 50)} == {
        "paper",
        "yes_no",
    }


def test_phrases_expand_choices_and_keep_values_as_they_are() -> None:
    rng = random.Random(0)
    assert {say(rng, "a[b|[c|d]|]{x}", x="[p|q]") for _ in range(200)} == {
        "ab[p|q]",
        "ac[p|q]",
        "ad[p|q]",
        "a[p|q]",
    }
    with pytest.raises(ValueError, match="unclosed"):
        say(rng, "a[b")
