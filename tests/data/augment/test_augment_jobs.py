"""What is asked and what becomes of the rows: kinds, classes, labels, files, the local generator, the command."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chat_server import Chat, Job, asked_count, questions, read_rows, rewritten, user_of, write_rows
from pydantic import ValidationError
from typer.testing import CliRunner

from weitiao.cli import app
from weitiao.config.augment import AugmentConfig
from weitiao.data.augment import Augment, Item, Local, augment_examples, write_texts
from weitiao.data.augment import sieve as reasons
from weitiao.data.steps.step import Account
from weitiao.errors import ConfigError, DataError, ModelError
from weitiao.types import Example, Message, content_id


def drops(report: dict[str, Any]) -> dict[str, int]:
    return {drop["reason"]: drop["count"] for drop in report["dropped"]}


def expanded(body: dict[str, Any]) -> str:
    """New questions, each time others."""
    salt = sum(map(ord, user_of(body))) % 9973
    texts = [
        f"第{salt + 7 * k}号门店的{chr(0x4E00 + salt * 3 % 9000 + k)}{chr(0x5000 + salt + k)}库存够吗？"
        for k in range(5)
    ]
    return json.dumps(texts[: asked_count(body)], ensure_ascii=False)


# --- kinds and classes -------------------------------------------------------------------------------------


def test_kinds_take_turns(job: Job) -> None:
    kinds = ["paraphrase", "terms", "tone", "order"]
    rows, report = job(questions(24), per_row=2, kinds=kinds)
    assert report["rows"]["made"] == 48
    counts = Counter(row["augment"] for row in rows)
    assert set(counts) == {"source", *kinds}
    assert min(counts[kind] for kind in kinds) >= 6
    for number in range(1, 25):
        of_row = [row["augment"] for row in rows if row["source_row"] == number]
        assert len(set(of_row)) == 3, "two texts of a row are of two kinds"


def test_more_rows_ask_nothing_anew(chat: Chat, job: Job) -> None:
    """What is asked for a row depends on the row alone."""
    job(questions(8), per_row=2, kinds=["paraphrase", "tone"])
    before = len(chat.bodies)
    job(questions(10)[::-1], per_row=2, kinds=["paraphrase", "tone"])
    assert len(chat.bodies) - before == 4


def test_the_instructions_are_in_the_language_of_the_row(chat: Chat, job: Job) -> None:
    rows = [{"prompt": "今天华远股份的股价是多少？"}, {"prompt": "What is the price of a share of Acme?"}]
    job(rows, rounds=1)
    said = {user_of(body).splitlines()[0][:3] for body in chat.bodies}
    assert said == {"换一种", "Rew"}
    chat.bodies.clear()
    job(rows, rounds=1, language="en")
    assert {user_of(body)[:3] for body in chat.bodies} == {"Rew"}


def test_the_glossary_is_shown_where_it_fits(chat: Chat, job: Job) -> None:
    (job.folder / "terms.yaml").write_text("净利润: [净收益, 税后利润]\n营业额: 收入\n", "utf-8")
    job(questions(4), kinds=["terms"], glossary=str(job.folder / "terms.yaml"), rounds=1)
    shown = ["税后利润" in user_of(body) for body in chat.bodies]
    assert shown == ["净利润是" in user_of(body) for body in chat.bodies]
    assert any(shown)
    assert not any("营业额" in user_of(body) for body in chat.bodies)
    (job.folder / "terms.yaml").write_text("- 净利润\n", "utf-8")
    with pytest.raises(DataError, match=r"terms\.yaml"):
        job(questions(4), kinds=["terms"], glossary=str(job.folder / "terms.yaml"))


@pytest.mark.parametrize("kinds", [["paraphrase"], ["expand"], ["paraphrase", "expand", "tone"]])
def test_classes_are_filled_up(chat: Chat, job: Job, kinds: list[str]) -> None:
    chat.write = lambda body: (
        expanded(body) if '类别"' in user_of(body) or "同一类别" in user_of(body) else rewritten(body)
    )
    source = [{**row, "label": "AAAAAAAB"[k % 8]} for k, row in enumerate(questions(16))]
    rows, report = job(source, label="label", target_per_class=9, kinds=kinds, rounds=4)
    assert Counter(row["label"] for row in rows) == {"A": 14, "B": 9}
    assert report["rows"]["wanted"] == report["rows"]["made"] == 7
    for row in rows[16:]:
        assert row["label"] == "B"
        assert ("company" in row) == (row["augment"] != "expand")
    assert len({row["prompt"] for row in rows}) == 23


def test_answers_are_no_classes_to_fill_up(chat: Chat, job: Job) -> None:
    source = [{**row, "label": f"answer {k}"} for k, row in enumerate(questions(101))]
    with pytest.raises(ConfigError, match="101 different labels"):
        job(source, label="label", target_per_class=9, kinds=["expand"])
    assert not chat.bodies


def test_rows_that_miss_texts_are_asked_for_again(chat: Chat, job: Job) -> None:
    def write(body: dict[str, Any]) -> str:
        first = sum(user_of(b) == user_of(body) for b in chat.bodies) == 1
        return "no list\nat all" if first else rewritten(body)

    chat.write = write
    rows, report = job(questions(5), rounds=1)
    assert (len(rows), drops(report)) == (5, {reasons.UNREADABLE: 5})
    rows, report = job(questions(5), rounds=2)
    assert (len(rows), drops(report)) == (10, {reasons.UNREADABLE: 5})
    assert report["requests"]["from_cache"] == 5


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda body: '["Please tell me about the net profit of that company?"]', reasons.LANGUAGE),
        (lambda body: '["对不起，我不能改写这个问题"]', reasons.REFUSED),
        (lambda body: json.dumps([json.loads(rewritten(body))[0].replace("20", "21")]), reasons.NUMBER_LOST),
        (lambda body: "[]", reasons.UNREADABLE),
        (lambda body: "", reasons.EMPTY),
        (lambda body: json.dumps([""]), reasons.EMPTY),
    ],
)
def test_bad_answers_are_dropped_with_their_reason(chat: Chat, job: Job, write: Any, reason: str) -> None:
    chat.write = write
    rows, report = job(questions(4), rounds=1)
    assert len(rows) == 4
    assert drops(report) == {reason: 4}
    assert report["rows"] == {"source": 4, "wanted": 4, "made": 0}


def test_an_answer_that_is_cut_off(chat: Chat, job: Job) -> None:
    chat.misbehave = lambda handler, body, number: handler.good(body, finish="length") or True
    _, report = job(questions(2), rounds=1)
    assert drops(report) == {reasons.CUT_OFF: 2}


def test_labels_are_verified(chat: Chat, job: Job) -> None:
    """The judge finds that every text about 2003 changed its class."""

    def write(body: dict[str, Any]) -> str:
        said = user_of(body)
        if "文本：[" not in said:
            return rewritten(body)
        texts = json.loads(said.rpartition("文本：")[2])
        right = {row["prompt"][:4]: row["label"] for row in questions(8)}
        found = [right[next(y for y in right if y in text)] for text in texts]
        return json.dumps(
            ["A" if "2004" in text else label for text, label in zip(texts, found, strict=True)]
        )

    chat.write = write
    rows, report = job(questions(8), label="label", filter={"verify": True}, rounds=1)
    assert drops(report) == {reasons.LABEL_CHANGED: 1}
    assert len(rows) == 15
    assert not any(row["augment"] != "source" and "2004" in row["prompt"] for row in rows)


def test_progress_covers_asking_judging_and_sifting(chat: Chat, tmp_path: Path) -> None:
    told: Counter[str] = Counter()

    class Progress:
        def expect(self, requests: int) -> None:
            told["expected"] += requests

        def done(self, requests: int) -> None:
            told["done"] += requests

        def sifted(self, answers: int) -> None:
            told["sifted"] += answers

    chat.write = lambda body: "[]" if "文本：[" in user_of(body) else rewritten(body)
    config = Job(tmp_path, chat.url).config(filter={"verify": True}, rounds=1)
    items = [Item(k, row["prompt"], row["label"]) for k, row in enumerate(questions(9))]
    write_texts(items, config, progress=Progress())
    assert told == {"expected": 9 + 2, "done": 9 + 2, "sifted": 9 + 2}, "two questions to the judge"


def test_verifying_needs_labels_to_choose_from(job: Job) -> None:
    with pytest.raises(ConfigError, match="--label"):
        job(questions(4), filter={"verify": True})
    with pytest.raises(ConfigError, match="between 2 and 100 labels"):
        job(questions(1), filter={"verify": True}, label="label")


# --- rows ----------------------------------------------------------------------------------------------------


def test_rows_without_text_stay_and_are_counted(job: Job) -> None:
    rows, report = job([*questions(2), {"prompt": "  ", "label": "A"}])
    assert len(rows) == 5
    assert report["source"]["rows_without_text"] == 1


def test_new_rows_alone(job: Job) -> None:
    rows, _ = job(questions(3), new_only=True)
    assert [row["augment"] for row in rows] == ["paraphrase"] * 3


def test_two_equal_rows_have_different_new_texts(job: Job) -> None:
    rows, report = job([questions(1)[0], questions(1)[0]], rounds=3)
    assert report["rows"]["made"] == 2
    assert len({row["prompt"] for row in rows}) == 3


def test_entities_in_columns_stay(chat: Chat, job: Job) -> None:
    chat.write = lambda body: json.dumps([json.loads(rewritten(body))[0].replace("华远股份", "华远公司")])
    _, report = job(questions(3), keep=["company"], rounds=1)
    assert drops(report) == {reasons.NAME_LOST: 1}
    assert any('必须原样保留：["华远股份"]' in user_of(body) for body in chat.bodies)


@pytest.mark.parametrize(
    "label",
    [
        {"name": {"华远": [[5, 6]]}},
        [{"type": "name", "start": 5, "end": 7}],
        {"entities": [{"start_offset": 5, "end_offset": 7}]},
    ],
)
def test_offsets_into_the_text_are_refused(job: Job, label: Any) -> None:
    with pytest.raises(DataError, match="offsets"):
        job([{**questions(1)[0], "label": label}], label="label")


def test_numbers_in_columns_are_no_offsets(job: Job) -> None:
    rows, _ = job([{**questions(1)[0], "history": [["a", "b"]], "size": [1, 3], "label": {"x": 1}}])
    assert len(rows) == 2


def test_columns_and_paths_are_checked(job: Job, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no column "promt"; did you mean "prompt".*no column "lable"'):
        job(questions(1), column="promt", label="lable")
    with pytest.raises(ConfigError, match="is the input"):
        job(questions(1), output="in.jsonl")
    with pytest.raises(ConfigError, match=r"expected a \.jsonl file"):
        job(questions(1), output="out.csv")
    (tmp_path / "mine.jsonl").write_text("precious", "utf-8")
    with pytest.raises(ConfigError, match="no augmentation wrote it"):
        job(questions(1), output="mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text("utf-8") == "precious"


def test_an_unfinished_run_belongs_to_its_settings(chat: Chat, job: Job) -> None:
    prices = {"price_in": 1, "price_out": 1, "concurrency": 1}
    down = lambda handler, body, number: handler.reply(429, "{}", Retry_After="9999") or True  # noqa: E731
    chat.misbehave = down
    with pytest.raises(ModelError):
        job(questions(3), endpoint=prices)
    assert not (job.folder / "out.jsonl.unfinished").exists(), "nothing was spent"
    chat.misbehave = lambda handler, body, number: len(chat.answered) == 2 and down(handler, body, number)
    with pytest.raises(ModelError):
        job(questions(3), endpoint=prices)
    chat.misbehave = None
    with pytest.raises(ConfigError, match="unfinished is there"):
        job(questions(3), endpoint=prices)
    with pytest.raises(ConfigError, match="another input or other settings"):
        job(questions(3), endpoint=prices, per_row=2, resume=True)
    rows, _ = job(questions(3), endpoint={"concurrency": 2, "timeout_s": 9}, resume=True)
    assert len(rows) == 6


def test_a_damaged_cache_is_asked_again(chat: Chat, job: Job) -> None:
    first, _ = job(questions(3))
    entries = sorted((job.folder / "cache").rglob("*.json"))
    assert len(entries) == 3
    entries[0].write_text(entries[0].read_text("utf-8")[:20], "utf-8")
    second, _ = job(questions(3))
    assert second == first
    assert len(chat.bodies) == 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kinds": ["expand"]}, "target_per_class"),
        ({"budget": 1.0}, "price_in"),
        ({"kinds": ["tone", "tone"]}, "twice"),
        ({"kinds": ["haiku"]}, "paraphrase"),
        ({"glossary": "x"}, "terms"),
        ({"endpoint": {"price_in": 1.0}}, "price_out"),
    ],
)
def test_settings_that_do_not_fit(job: Job, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        job(questions(1), **settings)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://me:secret@localhost/v1"])
def test_addresses_that_are_none(job: Job, url: str) -> None:
    job.url = url
    with pytest.raises(ConfigError, match="--endpoint") as caught:
        job(questions(1))
    assert "secret" not in str(caught.value)


# --- a function as generator -------------------------------------------------------------------------------


def examples(number: int) -> list[Example]:
    made = []
    for row in questions(number):
        messages = (
            Message("system", "s"),
            Message("user", row["prompt"]),
            Message("assistant", row["label"], train=True),
        )
        made.append(Example(content_id(messages), messages, meta={"id": row["id"]}))
    return made


def test_a_local_generator(tmp_path: Path) -> None:
    calls: list[int] = []

    def answer(prompts: Sequence[Sequence[Message]]) -> list[str]:
        calls.append(len(prompts))
        return [rewritten({"messages": [{"content": m.content} for m in prompt]}) for prompt in prompts]

    config = AugmentConfig(cache=str(tmp_path), per_row=2)
    sources = examples(10)
    made, done = augment_examples(sources, config, generator=Local(answer, name="tiny", batch_size=4))
    assert len(made) == 20
    assert calls == [4, 4, 2]
    assert done.tally.sent == 10
    by_group = Counter(example.group for example in made)
    assert by_group == {example.id: 2 for example in sources}
    for example in made:
        source = next(s for s in sources if s.id == example.group)
        assert example.reference == source.reference
        assert example.messages[0] == source.messages[0]
        assert example.messages[-1].train
        assert example.id == content_id(example.messages) != source.id
    again, done = augment_examples(sources, config, generator=Local(answer, name="tiny"))
    assert again == made
    assert (done.tally.sent, len(calls)) == (0, 3)


def test_a_local_generator_that_fails(tmp_path: Path) -> None:
    def answer(prompts: Sequence[Sequence[Message]]) -> list[str]:
        raise MemoryError("no memory")

    with pytest.raises(MemoryError, match="no memory"):
        augment_examples(examples(3), AugmentConfig(cache=str(tmp_path)), generator=Local(answer, name="x"))
    short = Local(lambda prompts: [], name="x")
    with pytest.raises(ValueError, match="3 prompts and returned 0"):
        augment_examples(examples(3), AugmentConfig(cache=str(tmp_path)), generator=short)


def test_within_a_running_loop(tmp_path: Path) -> None:
    import asyncio

    async def notebook() -> int:
        local = Local(lambda prompts: ['["x"]'] * len(prompts), name="x")
        _, done = augment_examples(examples(2), AugmentConfig(cache=str(tmp_path)), generator=local)
        return done.tally.answered

    assert asyncio.run(notebook()) == 4, "two rounds"


def local_writer() -> Local:
    return Local(
        lambda prompts: [rewritten({"messages": [{"content": m.content} for m in p]}) for p in prompts],
        name="tiny",
    )


def test_a_step_of_the_recipe(tmp_path: Path) -> None:
    """The column is worded anew, the instruction around it is not."""
    sources = []
    for row in questions(4):
        messages = (
            Message("user", f"分类下面的问题。问题：{row['prompt']} 类别："),
            Message("assistant", row["label"], train=True),
        )
        sources.append(Example(content_id(messages), messages, meta={"fields": {"question": row["prompt"]}}))
    config = AugmentConfig(cache=str(tmp_path), column="question", per_row=2)
    account = Account()
    found = list(Augment(config, local_writer()).apply(sources, account))
    assert found[:4] == sources
    assert len({example.id for example in found}) == 12
    for example in found[4:]:
        source = next(s for s in sources if s.id == example.meta["augment"]["of"])
        text = example.meta["fields"]["question"]
        assert example.prompt[-1].content == f"分类下面的问题。问题：{text} 类别："
        assert text != source.meta["fields"]["question"]
        assert example.reference == source.reference
    assert account.facts["kinds"] == {"paraphrase": 8}
    assert len(account.changes) == 8
    json.dumps(account.entry("augment", "train"))
    with pytest.raises(DataError, match='does not hold the value of column "query"'):
        list(Augment(AugmentConfig(column="query"), local_writer()).apply(sources, Account()))
    with pytest.raises(ConfigError, match="label"):
        list(Augment(AugmentConfig(label="label"), local_writer()).apply(sources, Account()))


def test_a_step_makes_all_or_nothing(chat: Chat, job: Job) -> None:
    asked = {"price_in": 1000, "price_out": 1000, "max_tokens": 200}
    config = job.config(asked, budget=1.3)
    with pytest.raises(ModelError, match=r"could exceed the budget of 1\.3"):
        list(Augment(config).apply(examples(8), Account()))
    found, runs = None, 0
    while found is None:
        runs += 1
        with contextlib.suppress(ModelError):  # each run gets further, with a budget of its own
            found = list(Augment(config).apply(examples(8), Account()))
    assert runs <= 8
    assert len(found) == 16
    assert len(chat.bodies) == 8


def test_nobody_to_write() -> None:
    with pytest.raises(ConfigError, match="nobody to write"):
        augment_examples(examples(1), AugmentConfig())


# --- the command -------------------------------------------------------------------------------------------


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["data", "augment", *map(str, arguments)], prog_name="weitiao")


def test_the_command(chat: Chat, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", questions(4))
    words = [source, "--endpoint", chat.url, "--model", "m", "--output", tmp_path / "o.jsonl"]
    words += ["--cache", tmp_path / "c", "--kinds", "paraphrase,tone", "--per-row", 2, "--label", "label"]
    words += [
        "--keep",
        "company,label",
        "--price-in",
        1,
        "--price-out",
        2,
        "--budget",
        1,
        "--max-tokens",
        300,
    ]
    done = call(*words)
    assert done.exit_code == 0, done.stderr
    assert "8 new rows of 8 wanted, from 4 rows (paraphrase 4, tone 4)" in done.stdout
    assert "spent: 0.0016 of 1" in done.stdout
    assert len(read_rows(tmp_path / "o.jsonl")) == 12
    assert all(body["model"] == "m" and body["max_tokens"] == 300 for body in chat.bodies)
    done = call(*words, "--new-only")
    assert done.exit_code == 0, done.stderr
    assert "0 answered, 8 from the cache" in done.stdout


def test_wrong_options_are_told_together(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", questions(1))
    words = [source, "--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--output", tmp_path / "o.jsonl"]
    done = call(*words, "--kinds", "haiku", "--concurrency", 0, "--timeout", -1)
    assert done.exit_code == 2
    for name in ("--kinds", "--concurrency", "--timeout"):
        assert name in done.stderr
    done = call(*words, "--budget", 1)
    assert done.exit_code == 2
    assert "price_in" in done.stderr or "--price-in" in done.stderr
