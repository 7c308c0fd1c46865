"""Chats whose answer is copied from the user's words: repeat, quote, cut, look up, edit."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

import json
from random import Random

from weitiao.data.corpus import extraction, finance, names
from weitiao.data.corpus.document import Document, Passage, chat, running, say
from weitiao.data.corpus.names import pick

QUOTES = (
    ("“", "”", "双引号"),
    ('"', '"', "引号"),
    ("「", "」", "直角引号"),
    ("（", "）", "括号"),
    ("(", ")", "括号"),
    ("【", "】", "方括号"),
    ("[", "]", "方括号"),
    ("《", "》", "书名号"),
    ("<", ">", "尖括号"),
    ("{", "}", "花括号"),
    ("*", "*", "星号"),
)
_SEP = ("，", "、", " ", ",", "；", "|", " / ", "\n", "-")


def _any_text(rng: Random) -> tuple[str, bool]:
    """Something to copy and whether it is English: a sentence of a domain or a string without sense."""
    if rng.random() < 0.45:
        text = names.nonsense(rng)
        return text, text.isascii() and " " in text
    source = extraction.passage(rng)
    text = source.text
    return (text, source.english) if len(text) < 150 else (text[: text.find("。") + 1 or 60], source.english)


def repeat(rng: Random) -> Document:
    """Say it again."""
    text, english = _any_text(rng)
    if english:
        order = say(
            rng,
            "[Please |][repeat|copy|echo|write out|type] [the following|this|the text][ exactly| word for word| as it is|]",
        )
    else:
        order = say(
            rng,
            "[请|请你|麻烦|][原样|逐字|一字不差地|完整地|][重复|复述|照抄|抄写|复制|输出|返回|重写][一遍|一次|][下面的|以下|这段|][文字|内容|文本|话|字符串][，不要改动|，不要加标点|，只输出原文|]",
        )
    mark = pick(rng, ("：", ":", "\n", "：\n", ":\n", "\n\n"))
    left, right = pick_pair(rng)
    user = f"{order}{mark}{left}{text}{right}"
    if rng.random() < 0.35:
        user = f"{left}{text}{right}\n{order}{pick(rng, ('。', '', '！'))}"
    return chat("copy_repeat", user, text, spans=(text,))


def pick_pair(rng: Random) -> tuple[str, str]:
    """Quotes around a text, often none."""
    return ("", "") if rng.random() < 0.5 else QUOTES[int(rng.random() * 3)][:2]


def quoted(rng: Random) -> Document:
    """What stands inside the quotes or brackets."""
    left, right, called = QUOTES[int(rng.random() * len(QUOTES))]
    before, after = names.nonsense(rng), names.nonsense(rng)
    inner = (
        names.nonsense(rng)
        if rng.random() < 0.6
        else pick(rng, (names.company(rng), names.hotel(rng), names.person(rng), pick(rng, names.THINGS)))
    )
    text = (
        f"{before}{left}{inner}{right}{after}"
        if rng.random() < 0.6
        else say(
            rng,
            "[他说|文中写道|标题是|名称为|我最喜欢|昨天看到了|请打开|门上写着]{q}[，大家都笑了|，然后离开|。|，时间是{d}|]",
            q=f"{left}{inner}{right}",
            d=names.date(rng),
        )
    )
    if rng.random() < 0.15:
        order = say(
            rng,
            "[Write|Copy|Give|Output] [what is|the text|the part] [inside|between] {a} and {b}",
            a=left,
            b=right,
        )
    else:
        order = say(
            rng,
            "[请|][写出|提取|输出|找出|抄写|给出|告诉我][下文|文中|句子里|下面|][{a}{b}|{n}][里|中|里面|内|之间][的内容|的文字|写了什么|的部分]",
            a=left,
            b=right,
            n=called,
        )
    return chat("copy_quoted", _place(rng, order, text), inner, spans=(inner,))


def _place(rng: Random, order: str, text: str) -> str:
    mark = pick(rng, ("：", ":", "。", "\n", "：\n", "。\n"))
    return (
        f"{order}{mark}{text}"
        if rng.random() < 0.6
        else f"{text}\n{order}{pick(rng, ('', '。', '：', '？'))}"
    )


def between(rng: Random) -> Document:
    """What stands between two marks or words of the text."""
    words = (
        names.words_zh(rng, rng.randint(5, 14))
        if rng.random() < 0.7
        else rng.sample(names.WORDS_EN, rng.randint(5, 9))
    )
    start = rng.randint(0, len(words) - 3)
    stop = rng.randint(start + 2, min(len(words) - 1, start + 4))
    gap = " " if words[0].isascii() else pick(rng, ("", " ", "，", "、"))
    inner = gap.join(words[start + 1 : stop])
    if words[0].isascii() and rng.random() < 0.5:
        order = say(
            rng,
            "[Which words are|Write the words|Copy what is] between {a} and {b}",
            a=words[start],
            b=words[stop],
        )
    else:
        left, right = pick_pair(rng)
        order = say(
            rng,
            "[写出|找出|提取|输出|抄写|][在|]{q}{a}{r}[和|与|到]{q}{b}{r}[之间|中间]的[内容|词|文字|部分]",
            a=words[start],
            b=words[stop],
            q=left,
            r=right,
        )
    return chat("copy_between", _place(rng, order, gap.join(words)), inner, spans=(inner,))


ORDINALS = "一二三四五六七八九十"


def nth(rng: Random) -> Document:
    """First, last or n-th items of a list, or characters of a string."""
    english = rng.random() < 0.2
    form = rng.random()
    if english:
        items, gap = rng.sample(names.WORDS_EN, rng.randint(3, 8)), pick(rng, (" ", ", ", "; "))
    elif form < 0.5:
        items, gap = names.words_zh(rng, rng.randint(3, 8)), pick(rng, _SEP)
    elif form < 0.8:
        items, gap = (
            [
                names.person(rng) if form < 0.65 else names.company_short(rng)
                for _ in range(rng.randint(3, 6))
            ],
            pick(rng, _SEP),
        )
    else:
        items, gap = list(names.chars(rng, names.CHARACTERS, rng.randint(4, 12))), ""
    unit = "字" if gap == "" else pick(rng, ("词", "项", "个"))
    n = rng.randint(1, min(3, len(items) - 1))
    place = rng.random()
    if place < 0.3:
        chosen, zh, en = items[:n], f"前{ORDINALS[n - 1].replace('二', '两')}个{unit}", f"the first {n} words"
    elif place < 0.6:
        chosen, zh, en = (
            items[-n:],
            f"最后{ORDINALS[n - 1].replace('二', '两')}个{unit}",
            f"the last {n} words",
        )
    else:
        index = rng.randrange(min(len(items), 8))
        chosen, zh, en = (
            items[index : index + 1],
            f"第{ORDINALS[index] if rng.random() < 0.6 else index + 1}个{unit}",
            f"word number {index + 1}",
        )
    zh = zh.replace("个个", "个")
    order = (
        say(rng, "[Write|Copy|Give|Output] {w} of the [list|text|line]", w=en)
        if english
        else say(rng, "[请|][写出|输出|给出|抄写|返回|取]{w}", w=zh)
    )
    answer = gap.join(chosen)
    return chat("copy_nth", _place(rng, order, gap.join(items)), answer, spans=(answer,))


def _pairs(rng: Random) -> list[tuple[str, str]]:
    form = rng.random()
    if form < 0.3:
        return finance.company_card(rng)
    if form < 0.5:
        return [
            (person, pick(rng, names.THINGS))
            for person in [names.person(rng) for _ in range(rng.randint(3, 7))]
        ]
    if form < 0.65:
        return [(word, names.number(rng)) for word in names.words_zh(rng, rng.randint(3, 8))]
    if form < 0.8:
        return [(word, names.code(rng)) for word in rng.sample(names.WORDS_EN, rng.randint(3, 7))]
    source = extraction.passage(rng)
    return [*source.slots.items(), ("备注", names.nonsense(rng)), ("编码", names.code(rng))]


def lookup(rng: Random) -> Document:
    """The value of one key among several, from lines, JSON or one long line."""
    pairs = sorted(dict(_pairs(rng)).items())
    rng.shuffle(pairs)
    key, value = pairs[int(rng.random() * len(pairs))]
    form = rng.random()
    if form < 0.25:
        table = json.dumps(dict(pairs), ensure_ascii=False, indent=rng.choice((None, None, 2)))
    else:
        mark = pick(rng, ("：", ":", "=", " ", " -> ", "是", "为", ": ", " | ", "\t"))
        table = pick(rng, ("\n", "\n", "\n", "；", "，", "; ")).join(f"{k}{mark}{v}" for k, v in pairs)
    if key.isascii() and rng.random() < 0.7:
        order = say(
            rng,
            "[What is the value of {k}?|Give the value of {k}|{k}?|Look up {k}|Which value belongs to {k}?]",
            k=key,
        )
    else:
        order = say(
            rng,
            "[{k}是什么？|{k}的值是多少？|请给出{k}的值|查找{k}|{k}对应的[内容|值]是？|[写出|告诉我|返回|查一下]{k}|{k}：|{k}?|键为“{k}”的值是什么|只输出{k}的内容。]",
            k=key,
        )
    user = f"{table}\n{order}" if rng.random() < 0.65 else f"{order}\n{table}"
    return chat("copy_lookup", user, value, spans=(value,))


_ROWS = ("公司", "人员", "城市", "物品")
_COLUMNS = {
    "年份": names.year,
    "金额": names.amount,
    "城市": names.city,
    "负责人": names.person,
    "日期": names.date,
    "编号": names.code,
    "电话": names.phone,
    "比例": names.percent,
    "数量": names.number,
}
_FIRST = {
    "公司": names.company,
    "人员": names.person,
    "城市": names.city,
    "物品": lambda rng: pick(rng, names.THINGS),
}


def table(rng: Random) -> Document:
    """A cell of a small table written as lines."""
    head = pick(rng, _ROWS)
    columns = rng.sample([name for name in _COLUMNS if name != head], rng.randint(2, 3))
    rows = {
        _FIRST[head](rng): [_COLUMNS[column](rng) for column in columns] for _ in range(rng.randint(2, 5))
    }
    mark = pick(rng, (" | ", ",", "，", "\t", " ", "|"))
    body = "\n".join(
        [mark.join([head, *columns]), *(mark.join([name, *cells]) for name, cells in rows.items())]
    )
    chosen = pick(rng, tuple(rows))
    at = rng.randrange(len(columns))
    value = rows[chosen][at]
    if rng.random() < 0.2:
        order = say(rng, "[哪个{h}|谁|{h}中哪一个]的{c}是{v}？", h=head, c=columns[at], v=value)
        return chat(
            "copy_table", f"{body}\n{order}", next(name for name, cells in rows.items() if cells[at] == value)
        )
    order = say(
        rng,
        "[{r}的{c}[是多少|是什么|是]？|[查询|写出|请给出|查表：|]{r}[的|，|对应的]{c}|表中{r}这一行的{c}是？]",
        r=chosen,
        c=columns[at],
    )
    return chat(
        "copy_table", f"{body}\n{order}" if rng.random() < 0.7 else f"{order}\n{body}", value, spans=(value,)
    )


def delete(rng: Random) -> Document:
    """The text without the named parts."""
    source = finance.question(rng) if rng.random() < 0.5 else extraction.passage(rng)
    slots = rng.sample(list(source.slots), rng.randint(1, min(2, len(source.slots))))
    answer = source.text
    for slot in slots:
        answer = answer.replace(source.slots[slot], "")
    if source.english:
        order = say(rng, "[Remove|Delete|Drop] the {s} from the sentence", s=" and the ".join(slots))
        answer = answer.replace("  ", " ").strip()
    else:
        order = say(
            rng,
            "[请|][去掉|删除|删掉|去除|拿掉|删去]{n}[中|里][的|]{s}[，|][写出|输出|给出|返回][剩下的[内容|部分|文字]|其余部分|结果]",
            s=pick(rng, ("和", "、", "与")).join(slots),
            n=source.noun,
        )
        if rng.random() < 0.3:
            order = say(rng, "[写出|给出|输出|]去掉{s}后的{n}", s="和".join(slots), n=source.noun)
    return chat("copy_delete", extraction.present(rng, order, source), answer)


def replace(rng: Random) -> Document:
    """The text with one name exchanged for another."""
    source: Passage = extraction.passage(rng)
    slot = pick(rng, tuple(source.slots))
    old = source.slots[slot]
    new = (
        names.nonsense(rng)
        if rng.random() < 0.3
        else (
            names.person_en(rng)
            if source.english
            else pick(rng, (names.person(rng), names.city(rng), names.company(rng), names.date(rng)))
        )
    )
    if source.english:
        order = say(rng, "[Replace|Change|Exchange] {o} [with|by|to] {n}", o=old, n=new)
    else:
        order = say(
            rng,
            "[请|]把[文中的|句子里的|下面的|]{q}[换成|改成|替换为|改为]“{n}”",
            q=f"“{old}”" if rng.random() < 0.7 else f"{slot}{old}",
            n=new,
        )
    return chat("copy_replace", extraction.present(rng, order, source), source.text.replace(old, new))


def reorder(rng: Random) -> Document:
    """A list turned round, sorted, joined or split."""
    english = rng.random() < 0.2
    items = (
        rng.sample(names.WORDS_EN, rng.randint(3, 6)) if english else names.words_zh(rng, rng.randint(3, 6))
    )
    old, new = rng.sample(("，", "、", " ", ",", "；", "|", "/", "\n"), 2)
    called = {" ": "空格", "\n": "换行"}
    form = rng.random()
    if form < 0.35:
        answer, order = (
            old.join(reversed(items)),
            "Reverse the list"
            if english
            else say(rng, "[请||]把[顺序|下面的列表|这些词][颠倒|倒过来|反过来][写|]"),
        )
    elif form < 0.7:
        answer, order = (
            new.join(items),
            say(rng, "[把|将][下面的词|各项|列表]改用{m}[隔开|分隔|连接]", m=called.get(new, new)),
        )
    else:
        gone = pick(rng, items)
        answer, order = (
            old.join(item for item in items if item != gone),
            f"Remove {gone} from the list"
            if english
            else say(rng, "[去掉|删除|不要][列表中的|其中的|]{g}[，写出其余的|]", g=gone),
        )
    return chat(
        "copy_reorder", _place(rng, order, old.join(items)), answer, spans=tuple(items) if form < 0.7 else ()
    )


def pattern(rng: Random) -> Document:
    """Running text in which lines of one form repeat and the last one can be foretold."""
    rows = [(names.person(rng), names.nonsense(rng)) for _ in range(rng.randint(2, 4))]
    mark = pick(rng, (" -> ", "：", " = ", "，", " "))
    lines = [f"{a}{mark}{b}" for a, b in rows]
    again = rows[int(rng.random() * len(rows))]
    lines += rng.sample(lines, len(lines)) if rng.random() < 0.5 else [f"{again[0]}{mark}{again[1]}"]
    return running("copy_pattern", "\n".join(lines))
