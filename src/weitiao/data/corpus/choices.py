"""Choosing a letter, a label, yes or no from what the prompt itself describes.

The topics are everyday ones. None of them sorts questions about company reports: that is a demo task.
"""

from __future__ import annotations

from random import Random

from weitiao.data.corpus import extraction, names, people
from weitiao.data.corpus.document import Document, chat, say
from weitiao.data.corpus.names import pick
from weitiao.data.corpus.topics import TOPICS, Category, Topic

LETTERS = "ABCDEFGH"
_SYSTEM = ("你是一个分类助手。", "只回答选项字母。", "你是一个有用的助手。", "请做选择题。")
_TEXT = ("文本：", "句子：", "内容：", "", "输入：", "待分类：", "“", "描述：", "问：", "留言：")
_ASK = (
    "[请|请你|][判断|选择|选出|指出][下面的|以下|下列|这段|][内容|句子|文本|话|描述][属于|应归入|对应|说的是][哪一类|哪个选项|哪一项|哪个类别][？|。|，][只回答字母。|只输出选项字母。|回答一个字母|不要解释。|]",
    "[把|将][下面的|这句|以下][话|内容|文本|][分类|归类][到|为][下列|以下]选项之一[，|。][只写字母|输出字母|给出字母|只答字母][。|]",
    "[它|这句话|这段文字|上面的内容|该文本][属于|是]哪[一类|一项|个选项][？|?]",
    "[单选题|选择题|分类任务][：|:][选|给]出[最合适|正确|最接近]的[选项|答案|字母][。|]",
    "[根据|按照]选项[说明|描述|的含义][，||][为下面的文本选一个字母|选出对应的字母|判断类别][。|]",
)
_ASK_EN = (
    "[Choose|Pick|Select] the [letter|option] that [fits|describes] the text.",
    "Which [category|option] does the text belong to? [Answer with one letter.|Letter only.|]",
    "Classify the text. [Answer: one letter.|]",
)


def describe(rng: Random, category: Category) -> str:
    """One option's description; never the words of the text to be classified alone."""
    form = rng.random()
    some = rng.sample(category.words, 3)
    if form < 0.4:
        return category.about
    if form < 0.6:
        return category.name
    if form < 0.8:
        return say(rng, "{n}[，例如|，如|：|，包括]{w}[等|]", n=category.name, w="、".join(some))
    return say(
        rng,
        "[{n}（{a}）|{n}，{a}|{n}：{a}，如{w}|{n}。{a}。]",
        n=category.name,
        a=category.about,
        w="、".join(some),
    )


def sample_text(rng: Random, topic: Topic, category: Category) -> str:
    """A short text about one of the category's words."""
    return say(
        rng,
        pick(rng, topic.frames),
        w=pick(rng, category.words),
        p=names.person(rng),
        t=names.city(rng),
        d=names.date(rng),
    )


def _options(rng: Random, lines: list[str]) -> tuple[str, str]:
    """Lettered lines in one of the usual layouts, and the letters used."""
    letters = LETTERS[: len(lines)]
    mark = pick(rng, (". ", "．", "、", "：", ":", ") ", "）", " "))
    gap = pick(rng, ("\n", "\n", "\n", "；", "  ", "\n"))
    return gap.join(f"{letter}{mark}{line}" for letter, line in zip(letters, lines, strict=True)), letters


def letter(rng: Random) -> Document:
    """The letter of the option that fits."""
    topic = TOPICS[int(rng.random() * len(TOPICS))]
    chosen = rng.sample(topic.categories, min(len(topic.categories), rng.randint(2, 6)))
    answer = rng.randrange(len(chosen))
    text = sample_text(rng, topic, chosen[answer])
    options, letters = _options(rng, [describe(rng, category) for category in chosen])
    order = say(rng, pick(rng, _ASK))
    if rng.random() < 0.4:
        order = say(rng, _LEAD) + order
    if rng.random() < 0.25:
        options += _examples(rng, topic, chosen)
    return chat(
        "choice_letter",
        _arrange(rng, order, options, text),
        letters[answer],
        system=pick(rng, _SYSTEM) if rng.random() < 0.15 else None,
    )


_LEAD = (
    "[你是一个|你现在是|请你扮演][分类助手|客服主管|文本分类器|值班员|编辑|老师]。[你的任务是|你需要|请]阅读[用户给出的|一段|下面的][内容|文字|文本]，"
    "[在给出的选项中找到与它最符合的一项|根据各选项的说明判断它属于哪一类|从几个选项里选出唯一正确的一个]。[每个选项后面是它的说明。|选项的顺序没有意义。|只能选一个。|][如果拿不准，选最接近的。|不要输出字母以外的内容。|]"
)


def _examples(rng: Random, topic: Topic, chosen: list[Category]) -> str:
    """A few solved cases below the options."""
    mark = pick(rng, (" -> ", "：", " => ", "\n答案：", "  选"))
    shown = []
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(chosen))
        shown.append(f"{sample_text(rng, topic, chosen[at])}{mark}{LETTERS[at]}")
    return pick(rng, ("\n例子：\n", "\n示例：\n", "\n例如：\n")) + "\n".join(shown)


def _arrange(rng: Random, order: str, options: str, text: str) -> str:
    label = pick(rng, _TEXT)
    body = f"{label}{text}{'”' if label == '“' else ''}"
    parts = [
        [order, options, body],
        [order, body, options],
        [body, order, options],
        [options, body, order],
        [body, options, order],
        [options, order, body],
    ]
    ending = pick(rng, ("", "", "", "\n答案：", "\n选项：", "\n类别："))
    return pick(rng, ("\n", "\n", "\n\n")).join(parts[int(rng.random() * len(parts))]) + ending


def letter_by_content(rng: Random) -> Document:
    """Options defined on the spot by what a text contains."""
    english = rng.random() < 0.25
    pool = rng.sample(names.WORDS_EN if english else names.THINGS, rng.randint(2, 6))
    answer = rng.randrange(len(pool))
    others = names.words_zh(rng, 2)
    if english:
        lines = [say(rng, "[about|mentions|the text with|contains] {w}", w=word) for word in pool]
        text = say(
            rng,
            "[{p} saw the {w} in {t}.|The {w} belongs to {p}.|There is a {w} near {t}.|{p} wants a {w}.]",
            p=names.person_en(rng),
            w=pool[answer],
            t=pick(rng, names.CITIES_EN),
        )
        order = say(rng, pick(rng, _ASK_EN))
    else:
        form = pick(rng, ("提到{w}", "与{w}有关", "含有“{w}”", "{w}", "说的是{w}的句子", "关于{w}"))
        lines = [form.replace("{w}", word) for word in pool]
        text = say(
            rng,
            "[{p}买了{w}。|{w}在{t}卖得很好|昨天我把{w}借给了{p}|{d}，{p}丢了{w}|这里有一些{w}|我想要{w}|{w}多少钱？|{p}说：请把{w}拿来]",
            p=names.person(rng),
            w=pool[answer],
            t=names.city(rng),
            d=names.date(rng),
        )
        order = say(rng, pick(rng, _ASK))
        if others[0] not in pool and rng.random() < 0.3:
            text += f"还有{others[0]}。"
    options, letters = _options(rng, lines)
    return chat("choice_content", _arrange(rng, order, options, text), letters[answer])


def label(rng: Random) -> Document:
    """The name of the category, from a list in the prompt."""
    topic = TOPICS[int(rng.random() * len(TOPICS))]
    chosen = rng.sample(topic.categories, min(len(topic.categories), rng.randint(2, 6)))
    right = chosen[rng.randrange(len(chosen))]
    listed = pick(rng, ("、", "，", "/", ", ", "；")).join(category.name for category in chosen)
    order = say(
        rng,
        "[请|][把|将][下面的|这段|][内容|文本|话][分类|归类][，|。][类别有|可选类别|候选|标签有|只能从以下选择][：|:]{l}[。只输出类别。|。|]",
        l=listed,
    )
    text = sample_text(rng, topic, right)
    user = f"{order}\n{pick(rng, _TEXT[:5])}{text}" if rng.random() < 0.6 else f"{text}\n{order}"
    return chat("choice_label", user, right.name, spans=(right.name,))


def odd_one_out(rng: Random) -> Document:
    """The word that is not of the others' kind."""
    topic = TOPICS[int(rng.random() * len(TOPICS))]
    first, second = rng.sample(topic.categories, 2)
    words = rng.sample(first.words, rng.randint(2, 4))
    odd = pick(rng, [word for word in second.words if word not in first.words])
    mixed = names.shuffled(rng, [*words, odd])
    order = say(
        rng,
        "[[哪个|哪一个|下面哪个词|找出哪个][和|与]其他[几个|][不同类|不是一类|不一样][？|?]|[找出|挑出|写出][与众不同|不同类|不属于同一类]的[词|一项|那个]]",
    )
    gap = pick(rng, ("、", "，", " ", "\n"))
    return chat(
        "odd_one_out",
        f"{order}\n{gap.join(mixed)}" if rng.random() < 0.6 else f"{gap.join(mixed)}\n{order}",
        odd,
        spans=(odd,),
    )


def yes_no(rng: Random) -> Document:
    """Whether a statement about the given text is true."""
    source = extraction.passage(rng)
    slot = pick(rng, tuple(source.slots))
    true = rng.random() < 0.5
    span = source.slots[slot]
    claim = span
    if not true:
        while claim == span:
            claim = (
                extraction.passage(rng).slots.get(slot, span) if rng.random() < 0.8 else names.nonsense(rng)
            )
    if source.english:
        ask = say(
            rng,
            "[Is the {s} {v}?|True or false: the {s} is {v}.|Does the text mention {v}?]",
            s=slot,
            v=claim,
        )
        yes, no = ("true", "false") if ask.startswith("True") else ("yes", "no")
    else:
        ask = say(
            rng,
            "[{s}是{v}吗？|文中的{s}是“{v}”，对吗？|判断：{s}为{v}。|文中提到{v}了吗？|下面的说法是否正确：{s}是{v}。]",
            s=slot,
            v=claim,
        )
        yes, no = ("正确", "错误") if ask.startswith("判断") else ("是", "否")
        ask += (
            say(rng, "[（回答{y}或{n}）|回答{y}/{n}。|]", y=yes, n=no)
            if yes == "是" or rng.random() < 0.7
            else ""
        )
    return chat("yes_no", f"{source.text}\n{ask}", yes if claim in source.text else no)


GOOD = [
    "非常满意",
    "很好",
    "味道不错",
    "服务热情",
    "干净整洁",
    "值得推荐",
    "物美价廉",
    "速度很快",
    "质量可靠",
    "体验很棒",
    "下次还来",
    "超出预期",
]
BAD = [
    "非常失望",
    "太差",
    "味道难吃",
    "服务冷淡",
    "又脏又乱",
    "不推荐",
    "价格太贵",
    "等了很久",
    "质量太差",
    "体验糟糕",
    "再也不来",
    "让人生气",
]


def sentiment(rng: Random) -> Document:
    """Whether a review is good or bad, in the words the prompt asks for."""
    good = rng.random() < 0.5
    pool = GOOD if good else BAD
    first, second = rng.sample(pool, 2)
    text = say(
        rng,
        "[{h}|{t}的{h}|{d}在{h}|给{p}买的{x}|{x}][，|：|：整体]{a}[，{b}|，而且{b}|][。|！|]",
        h=names.hotel(rng),
        t=names.city(rng),
        d=names.date(rng),
        p=names.person(rng),
        x=pick(rng, names.THINGS),
        a=first,
        b=second,
    )
    pair = (
        ("正面", "负面"),
        ("好评", "差评"),
        ("积极", "消极"),
        ("positive", "negative"),
        ("满意", "不满意"),
        ("1", "0"),
    )[int(rng.random() * 6)]
    shown = f"{pair[0]}/{pair[1]}" if pair[0] != "1" else "1表示好，0表示不好"
    order = say(rng, "[判断|这条|][评论|评价]的[情感|态度|倾向][是|：|，回答]{s}[？|。|]", s=shown)
    return chat(
        "sentiment",
        f"{order}\n{text}" if rng.random() < 0.5 else f"{text}\n{order}",
        pair[0] if good else pair[1],
        spans=(),
    )


def language(rng: Random) -> Document:
    """Which language or script a text is in."""
    form = rng.randrange(3)
    text = (
        people.passage(rng).text,
        people.passage_en(rng).text,
        names.chars(rng, "0123456789", rng.randint(4, 16)),
    )[form]
    order = say(rng, "[下面的[内容|文字|字符]是|判断：|选择：|][中文、英文还是数字|中文/英文/数字][？|]")
    return chat(
        "language",
        f"{order}\n{text}" if rng.random() < 0.5 else f"{text}\n{order}",
        ("中文", "英文", "数字")[form],
    )
