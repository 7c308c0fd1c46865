"""Which texts pass: each reason for itself, and laws of numbers, near-duplicates and reading."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config.augment import AugmentFilter, AugmentKind
from weitiao.data.augment import sieve as reasons
from weitiao.data.augment.item import Item, Unit
from weitiao.data.augment.near import NearIndex, shingles, similarity
from weitiao.data.augment.numbers import han_value, numbers_of
from weitiao.data.augment.parse import texts_of
from weitiao.data.augment.script import script_of
from weitiao.data.augment.sieve import Sieve

SOURCE = "2020年华远股份《年报》里的研发费用是1,200.5万元吗？"
GOOD = "请问在华远股份的《年报》中，2020年的研发费用是不是1200.5万元？"
ENGLISH = 'How many people worked for Acme Ltd in 2019, according to "Our Year"?'


def reason(text: str, source: str = SOURCE, kind: AugmentKind = "paraphrase", **item: object) -> str | None:
    one = Item(0, source, **item)  # type: ignore[arg-type]
    names = ("华远股份", "Acme Ltd")
    return Sieve(AugmentFilter(), [one], names).reason(text, Unit(kind, (one,), 1, "zh"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD, None),
        ("", reasons.EMPTY),
        (" \n", reasons.EMPTY),
        ("作为一个人工智能语言模型，我无法回答2020年华远股份《年报》的问题", reasons.REFUSED),
        ("很抱歉，我不知道2020年华远股份《年报》里的研发费用是不是1200.5万元？", reasons.REFUSED),
        (f"改写如下：{GOOD}", reasons.TALK),
        (f"以下是改写：{GOOD}", reasons.TALK),
        ("Was the R&D cost in 《年报》 of 华远股份 for 2020 equal to 1200.5?", reasons.LANGUAGE),
        (GOOD + "另外也想知道" + "很多别的事情" * 30, reasons.LENGTH),
        ("请问在华远股份的《年报》中，2021年的研发费用是不是1200.5万元？", reasons.NUMBER_LOST),
        ("请问在华远股份的《年报》中，2020年的研发费用是不是1200.5万元，占8%？", reasons.NUMBER_NEW),
        ("请问在华源股份的《年报》中，2020年的研发费用是不是1200.5万元？", reasons.NAME_LOST),
        ("请问在华远股份的《季报》中，2020年的研发费用是不是1200.5万元？", reasons.NAME_LOST),
        ("华远股份在《年报》中2020年的研发费用正好1200.5万元。", reasons.NO_QUESTION),
        ("2020年华远股份《年报》里的研发费用是1,200.5万元吗?!", reasons.NEAR_SOURCE),
    ],
)
def test_reasons(text: str, why: str | None) -> None:
    assert reason(text) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('According to "Our Year", what was the head count of Acme Ltd in 2019?', None),
        ('I cannot help with "Our Year" and Acme Ltd in 2019, what is it?', reasons.REFUSED),
        ('Sure! According to "Our Year", what was the head count of Acme Ltd in 2019?', reasons.TALK),
        ("根据“Our Year”，2019年在 Acme Ltd 工作的一共有多少人呢？", reasons.LANGUAGE),
        (
            'According to "Our Year", how many people worked for Acme Ltd in 2019 and 2020?',
            reasons.NUMBER_NEW,
        ),
        ('According to "Our Years", what was the head count of Acme in 2019?', reasons.NAME_LOST),
        ('According to "Our Year", Acme Ltd had many people in 2019.', reasons.NO_QUESTION),
    ],
)
def test_reasons_in_english(text: str, why: str | None) -> None:
    assert reason(text, ENGLISH) == why


def test_an_answer_that_has_nothing_to_do_with_the_source() -> None:
    assert reason("天气怎样呀，要带伞？", "他的职业叫什么名字") == reasons.UNRELATED


def test_labels_and_entities_stay() -> None:
    text = "小明在腾讯公司做了多久的程序员"
    assert reason("腾讯公司里，小明当程序员多久了", text, keep=("小明", "腾讯公司")) is None
    assert reason("在鹅厂，小明当程序员多久了", text, keep=("小明", "腾讯公司")) == reasons.NAME_LOST
    assert reason("小明做码农多久了，在腾讯公司那里", text, label="程序员") == reasons.NAME_LOST
    assert reason("这件事好：手机的屏幕真清楚", "手机的屏幕真清楚啊", label="好评") is None
    assert reason("给好评：手机的屏幕真清楚", "手机的屏幕真清楚啊", label="好评") == reasons.GIVEN_AWAY


def test_near_duplicates_of_each_other() -> None:
    sources = [Item(0, SOURCE), Item(1, "云帆科技的注册地址在哪个城市，邮政编码是什么？")]
    sieve = Sieve(AugmentFilter(), sources)
    first = Unit("paraphrase", (sources[0],), 2, "zh")
    assert sieve.reason(GOOD, first) is None
    assert sieve.reason(GOOD + "！", first) == reasons.NEAR_OTHER
    new = Unit("expand", (sources[0],), 1, "zh")
    assert sieve.reason("云帆科技的注册地址在哪个城市？邮政编码是什么", new) == reasons.NEAR_OTHER


def test_a_text_of_a_class_may_have_other_numbers() -> None:
    assert reason("2015年宝泰集团的净利润有3亿元吗？", kind="expand") is None


# --- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2020年", "2020"),
        ("２０２０年", "2020"),
        ("二〇二〇年", "2020"),
        ("二零二零年第三季度", "2020 3"),
        ("一千二百万元", "12000000"),
        ("三亿五千万", "350000000"),
        ("十二家公司", "12"),
        ("两家公司", "2"),
        ("1,200.50", "1200.5"),
        ("1, 2, 3", "1 2 3"),
        ("第5章, 12.5%", "5 12.5"),
        ("twelve men and three dogs", "12 3"),
        ("一个人，一些事，万一，十分统一，千万不要", ""),
        ("one of them", ""),
        ("一点都不", ""),
        ("七万一千元，三十分", "71000 30"),
    ],
)
def test_numbers(text: str, values: str) -> None:
    assert numbers_of(text) == {Decimal(v).normalize() for v in values.split()}


def han(number: int) -> str:
    """As one says it: an independent way round."""
    if number < 10:
        return "零一二三四五六七八九"[number]
    for unit, name in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if number >= unit:
            high, low = divmod(number, unit)
            gap = "零" if low and low * 10 < unit else ""
            return han(high) + name + gap + (han(low) if low else "")
    raise AssertionError


@given(st.integers(1, 10**12 - 1))
def test_chinese_numerals_have_their_value(number: int) -> None:
    assert han_value(han(number)) == number
    if len(han(number)) > 1:
        assert (
            numbers_of(f"共{han(number)}元") == {Decimal(number).normalize()} == numbers_of(f"共{number:,}元")
        )


# --- near-duplicates ---------------------------------------------------------------------------------------


@given(
    st.lists(st.text("甲乙丙丁ab", min_size=0, max_size=14), max_size=12),
    st.text("甲乙丙丁ab", max_size=14),
    st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0]),
    st.integers(0, 12),
)
def test_the_index_finds_what_comparing_all_finds(
    texts: list[str], text: str, threshold: float, first: int
) -> None:
    index = NearIndex(threshold, texts[:first])
    for other in texts[first:]:
        index.add(other)
    close = [other for other in texts if similarity(shingles(other), shingles(text)) >= threshold]
    assert index.near(text) == (close[0] if close else None)


def test_a_look_up_meets_few_of_many_texts() -> None:
    """Questions of one template: the texts that a look-up goes through are counted."""
    draw = random.Random(1)
    names = [a + b for a in "华远宝江天林博云瑞金中东南北西长" for b in "远山泰河成海雅帆安石原港方域风盛"]
    aspects = ["净利润", "营业收入", "研发费用", "员工人数", "资产总额", "负债合计"]
    texts = [
        f"请问{draw.choice(names)}股份在{draw.randint(2001, 2024)}年的{draw.choice(aspects)}是多少元？"
        for _ in range(4000)
    ]
    index = NearIndex(0.8, texts)
    looked = [shingles(text.replace("请问", "请查一下")) for text in texts[:200]]
    met = [sum(len(index._by_shingle.get(s, ())) for s in index._prefix(found)) for found in looked]
    assert sum(met) / len(met) < len(texts) / 100
    alike = [text for text in texts if similarity(shingles(text), looked[0]) >= 0.8]
    assert index.near(texts[0].replace("请问", "请查一下")) == (alike[0] if alike else None)


# --- reading -------------------------------------------------------------------------------------------------

A, B = "第一种说法[注]", 'another "one"'


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps([A, B], ensure_ascii=False),
        json.dumps([A, B]),
        f"```json\n{json.dumps([A, B])}\n```",
        f"```\n{json.dumps([A, B])}\n```\n",
        f"<think>[hm, \n</think>\n{json.dumps([A, B])}",
        f"Here you are: {json.dumps([A, B])} Enjoy!",
        json.dumps({"texts": [A, B]}),
        json.dumps({"1": A, "2": B}),
        json.dumps([{"text": A}, {"text": B}]),
        json.dumps([A, B, "one too many"]),
        json.dumps([f" {A}\n", B]),
    ],
)
def test_answers_that_can_be_read(answer: str) -> None:
    assert texts_of(answer, 2) == [A, B]


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "{}", '["a", ', "[1, 2]", '[["a"]]', "one\ntwo", '["\\ud800", "b"]', '["a\\u0000", "b"]', "3"],
)
def test_answers_that_cannot_be_read(answer: str) -> None:
    assert texts_of(answer, 2) is None


def test_one_text_may_come_as_it_is() -> None:
    assert texts_of("换一种说法", 1) == ["换一种说法"]
    assert texts_of('"换一种说法"', 1) == ["换一种说法"]
    assert texts_of("换一种说法", 2) is None
    assert texts_of("[换一种说法", 1) is None


@given(st.text(max_size=40), st.integers(1, 3))
def test_reading_never_fails(answer: str, count: int) -> None:
    found = texts_of(answer, count)
    assert found is None or 1 <= len(found) <= count


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12), min_size=1, max_size=4
    )
)
def test_what_was_asked_for_is_read(texts: list[str]) -> None:
    assert texts_of(json.dumps(texts), len(texts)) == [text.strip() for text in texts]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("今天天气", "han"),
        ("The 3 dogs", "latin"),
        ("华远 ROE 是多少", "han"),
        ("What is 华远?", "latin"),
        ("これは何ですか", "hiragana"),
        ("이것은 무엇입니까", "hangul"),
        ("Что это", "cyrillic"),
        ("2020 !?", "none"),
        ("a52防抖", "han"),
    ],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script
