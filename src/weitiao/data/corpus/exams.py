"""Reading texts made on the spot, with questions whose answers stand in the text."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import Document, chat, running, say
from weitiao.data.corpus.names import pick
from weitiao.data.corpus.people import date_en

Fact = tuple[str, str, tuple[str, str, str]]  # question, answer, three wrong answers

WEATHER = ["晴天", "下雨", "下雪", "刮风", "多云", "大雾"]
JOBS = [
    "医生",
    "教师",
    "工人",
    "农民",
    "司机",
    "厨师",
    "画家",
    "记者",
    "护士",
    "警察",
    "邮递员",
    "木匠",
    "园丁",
    "裁缝",
    "渔夫",
]
JOBS_EN = [
    "doctor",
    "teacher",
    "driver",
    "cook",
    "painter",
    "nurse",
    "baker",
    "farmer",
    "tailor",
    "pilot",
    "singer",
    "clerk",
]
PLACES = [
    "图书馆",
    "公园",
    "车站",
    "学校",
    "菜市场",
    "博物馆",
    "河边",
    "邮局",
    "书店",
    "医院",
    "操场",
    "电影院",
    "广场",
    "山顶",
]


def _others(rng: Random, pool: list[str], answer: str) -> tuple[str, str, str]:
    wrong = rng.sample([item for item in pool if item != answer], 3)
    return wrong[0], wrong[1], wrong[2]


def _story(rng: Random) -> tuple[str, list[Fact]]:
    p, q = names.person(rng), names.person(rng)
    x, y = names.words_zh(rng, 2)
    t, j, w, o = names.city(rng), pick(rng, JOBS), pick(rng, WEATHER), pick(rng, PLACES)
    n = rng.randint(2, 30)
    text = say(
        rng,
        "[{p}是{t}的一名{j}|{t}有个{j}叫{p}|{p}住在{t}，是一名{j}]。[{d}是{w}|那天是{w}|正好是{w}]，{p}[一早|吃过早饭|下午]来到{o}，[遇见|碰到|看见]了[老朋友|邻居|同学]{q}。"
        "[原来|据说|没想到]{q}[丢了|弄丢了]{x}，[正着急|十分着急|急得满头大汗]。{p}[找了|帮忙找了]{n}分钟，终于[找到了|把它找了回来]。[为了感谢|为表谢意|临走时]，{q}送给{p}{y}。[大家都说{p}是个热心人。|{p}高兴地回家了。|从此两人常常见面。|]",
        p=p, q=q, x=x, y=y, t=t, j=j, w=w, o=o, n=str(n), d=names.date(rng),
    )  # fmt: skip
    facts: list[Fact] = [
        (say(rng, "{p}[的职业是什么|是做什么工作的]？", p=p), j, _others(rng, JOBS, j)),
        (say(rng, "[那天|当天]天气[怎么样|如何]？"), w, _others(rng, WEATHER, w)),
        (say(rng, "{q}丢了什么？", q=q), x, _others(rng, [i for i in names.THINGS if i != y], x)),
        (say(rng, "{q}送给{p}什么？", p=p, q=q), y, _others(rng, [i for i in names.THINGS if i != x], y)),
        (say(rng, "[他们在哪里相遇|{p}在哪里遇见{q}]？", p=p, q=q), o, _others(rng, PLACES, o)),
        (say(rng, "{p}[住在哪个城市|是哪里人]？", p=p), t, _others(rng, names.CITIES, t)),
        (
            say(rng, "{p}找了多少分钟？", p=p),
            str(n),
            (str(n + rng.randint(1, 9)), str(n + rng.randint(10, 19)), str(n + 20)),
        ),
    ]
    return text, facts


def _story_en(rng: Random) -> tuple[str, list[Fact]]:
    p, q = names.person_en(rng).split()[0], names.person_en(rng)
    x, y = rng.sample(names.WORDS_EN, 2)
    t, j, d = pick(rng, names.CITIES_EN), pick(rng, JOBS_EN), date_en(rng)
    text = say(
        rng,
        "{p} is a {j} in {t}. [On {d}|One day, on {d},] {p} [met|visited|saw] {q}, who had lost a {x}. [They looked for it together|{p} helped at once] and [soon|at last] found it. [To say thanks|As a thank-you], {q} gave {p} a {y}.",
        p=p, q=q, x=x, y=y, t=t, j=j, d=d,
    )  # fmt: skip
    facts: list[Fact] = [
        (f"What is {p}'s job?", j, _others(rng, JOBS_EN, j)),
        (f"What had {q} lost?", x, _others(rng, [i for i in names.WORDS_EN if i != y], x)),
        (f"What did {q} give to {p}?", y, _others(rng, [i for i in names.WORDS_EN if i != x], y)),
        (f"Where does {p} work?", t, _others(rng, names.CITIES_EN, t)),
    ]
    return text, facts


def _multiple(rng: Random, fact: Fact) -> tuple[str, str]:
    ask, answer, wrong = fact
    options = names.shuffled(rng, [answer, *wrong])
    mark = pick(rng, (". ", "．", "、", ") "))
    gap = pick(rng, ("\n", "\n", "  "))
    return f"{ask}\n" + gap.join(
        f"{letter}{mark}{option}" for letter, option in zip("ABCD", options, strict=True)
    ), "ABCD"[options.index(answer)]


def reading(rng: Random) -> Document:
    """A text and questions: short answer, multiple choice, or a set of questions to be written."""
    english = rng.random() < 0.2
    text, facts = _story_en(rng) if english else _story(rng)
    fact = facts[int(rng.random() * len(facts))]
    form = rng.random()
    if form < 0.4:
        order = pick(
            rng,
            ("Read and answer: ", "", "Answer in one word. ")
            if english
            else ("阅读短文，回答问题。", "根据短文回答：", "", "用原文的词回答。"),
        )
        return chat("reading", f"{order}\n{text}\n{fact[0]}".strip(), fact[1], spans=(fact[1],))
    if form < 0.75:
        ask, letter = _multiple(rng, fact)
        order = pick(
            rng,
            ("Choose the right answer.", "Answer with a letter.")
            if english
            else ("阅读短文，选择正确答案。", "只回答字母。", "选择题：", "根据材料选出答案"),
        )
        return chat(
            "reading", f"{order}\n{text}\n{ask}" if rng.random() < 0.6 else f"{text}\n{ask}\n{order}", letter
        )
    chosen = rng.sample(facts, rng.randint(1, 3))
    if form < 0.9:
        made = [_multiple(rng, item) for item in chosen]
        answers = "\n".join(
            f"{index}. {ask}\n{'Answer: ' if english else '答案：'}{letter}"
            for index, (ask, letter) in enumerate(made, 1)
        )
        order = (
            f"Write {len(made)} multiple-choice questions about the text."
            if english
            else say(rng, "[根据短文|请根据材料|]出{n}道[单项|]选择题[，附答案|]。", n=str(len(made)))
        )
        return chat("reading", f"{order}\n{text}", answers)
    return running("reading", text + "\n" + "\n".join(f"{ask} {answer}" for ask, answer, _ in chosen))
