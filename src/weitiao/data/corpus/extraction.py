"""Chats that ask for spans of a text: one, several, as JSON, several times, or shown by examples."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

import json
from random import Random

from weitiao.data.corpus import finance, grid, hotel, papers, people
from weitiao.data.corpus.document import Document, Passage, chat, running, say
from weitiao.data.corpus.names import pick

PASSAGES = (
    (finance.question, 4.0),
    (finance.statement, 3.0),
    (hotel.passage, 2.0),
    (grid.passage, 2.0),
    (papers.passage, 1.5),
    (people.passage, 3.0),
    (people.passage_en, 3.0),
)
_MAKERS = tuple(maker for maker, _ in PASSAGES)
_WEIGHTS = tuple(weight for _, weight in PASSAGES)

_ASK = (
    "[请|请你|麻烦|帮我|请帮忙|你来|][从|在|][下面的|以下|下列|上述|给定的|]{n}[中|里|里面][提取|抽取|找出|摘出|识别|标出|读出|写出]{s}[||信息]",
    "[提取|抽取|找出|写出|指出|给出|摘出|识别|标出|挑出|列出|说出|找到]{n}[中|里|中出现|里提到|中包含]的{s}",
    "{n}[中|里]的{s}[是什么|是哪个|是啥|为][？|?|]",
    "{n}[提到|涉及|说到|出现]的{s}[是什么|是哪个|有什么][？|?]",
    "[只|仅|][输出|回答|返回|写]{n}[中|里]的{s}",
    "[请|][告诉我|回答][：|，||]{n}[中|里][的|]{s}是[什么|哪个]",
    "{s}[提取|抽取|识别]",
    "[任务|要求][：|:|][提取|抽取|找出|识别]{s}",
    "哪个{s}出现在{n}[中|里][？|?]",
    "[我需要|我要|需要][知道|得到|]{n}[中|里]的{s}[，请写出来|]",
)
_TAIL = (
    "",
    "",
    "",
    "。",
    "，只输出结果。",
    "，只写答案。",
    "，不要解释。",
    "，不要输出其他内容。",
    "，直接回答。",
    "：",
    "，原样抄写。",
    "。答案必须是原文。",
    "，不用说明理由。",
    "，照抄即可",
)
_LABEL = (
    "{n}：",
    "{n}:",
    "文本：",
    "输入：",
    "原文：",
    "内容：",
    "",
    "",
    "",
    "[{n}]",
    "###\n",
    "Text: ",
    "材料：",
    "问：",
)
_WRAP = (
    ("", ""),
    ("", ""),
    ("", ""),
    ("“", "”"),
    ('"', '"'),
    ("「", "」"),
    ("'", "'"),
    ("《", "》"),
    ("```\n", "\n```"),
    ("<", ">"),
    ("【", "】"),
)
_ASK_EN = (
    "[Please |][extract|find|copy|write down|give|name|output] the {s} [in|from|mentioned in] [the|this] [sentence|text|passage]",
    "[What|Which] {s} [is mentioned|appears|occurs] in [the|this] [sentence|text|passage]?",
    "What is the {s} in the [sentence|text|message|passage]?",
    "[Task: |][extract|find] {s}",
    "Only [output|answer|return] the {s}",
)
_TAIL_EN = ("", "", ".", ":", ". Answer only.", ". No explanation.", ", exactly as written.")
_SYSTEM = (
    "你是一个信息抽取助手。", "你是一个有用的助手。", "你只回答原文中出现的内容。", "你是文本处理工具，只输出结果。", "请按照要求完成任务。", "回答要简短。", "You are a helpful assistant.", "你是客服助手。",
)  # fmt: skip
_SYNONYMS = {
    "公司": ("公司", "公司名称", "公司名", "企业", "企业名称", "上市公司", "机构名称"),
    "年份": ("年份", "年度", "时间", "年", "报告年份"),
    "城市": ("城市", "城市名", "地点", "地名", "所在城市"),
    "人名": ("人名", "姓名", "人物", "人员姓名", "人的名字"),
    "日期": ("日期", "时间", "具体日期"),
    "金额": ("金额", "数额", "钱数", "价格"),
    "电话": ("电话", "电话号码", "联系方式", "联系电话"),
    "酒店": ("酒店", "酒店名称", "酒店名", "住宿地点"),
    "设备": ("设备", "设备名称", "设备名"),
    "线路": ("线路", "线路名称", "线路名"),
}
_RULES = (
    "答案必须是原文中的词", "不要解释", "不要输出多余的标点", "只输出一行", "不要改写", "不要回答{n}本身", "如果有多个，只写第一个", "保持原来的顺序和写法", "不要添加引号", "只输出答案",
)  # fmt: skip
_ROLE = "[你是一个|你是|你现在是|请扮演][信息抽取|文本处理|数据标注|资料整理][助手|专家|员|工具][，|。][请|你的任务是|你需要|负责][阅读|仔细阅读|处理][用户给的|下面的|一段][{n}|材料|文字]。"
_SHOT_MARKS = (
    ("输入：", "输出："),
    ("问：", "答："),
    ("句子：", "结果："),
    ("Input: ", "Output: "),
    ("", "-> "),
    ("", "=> "),
    ("原文：", "提取："),
)


def passage(rng: Random) -> Passage:
    """A passage of any domain that mentions at least one thing."""
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng)


def paragraph(rng: Random, source: Passage) -> Passage:
    """The passage among sentences that mention nothing of the same kind."""
    parts, taken = [source.text], set(source.slots)
    for _ in range(rng.randint(1, 3)):
        other = passage(rng)
        if other.english == source.english and not taken & set(other.slots) and len(other.text) < 120:
            parts.insert(rng.randint(0, len(parts)), other.text)
            taken |= set(other.slots)
    gap = " " if source.english else pick(rng, ("", "", "\n", " "))
    ended = [part if part[-1] in "。？?！.!" else part + (". " if source.english else "。") for part in parts]
    return Passage(
        gap.join(ended),
        source.slots,
        source.noun if len(parts) == 1 else "text" if source.english else "文字",
        source.english,
    )


def _source(rng: Random) -> Passage:
    source = passage(rng)
    return paragraph(rng, source) if rng.random() < 0.4 else source


def _name(rng: Random, slot: str) -> str:
    return pick(rng, _SYNONYMS.get(slot, (slot,)))


def _names(rng: Random, slots: list[str], avoid: dict[str, str]) -> list[str]:
    """What to call each slot; a synonym is not used where it would fit another slot of the passage."""
    ambiguous = "日期" in avoid and "年份" in avoid
    return [slot if ambiguous or rng.random() < 0.4 else _name(rng, slot) for slot in slots]


def instruction(rng: Random, what: str, source: Passage) -> str:
    """An order to copy ``what`` from the passage."""
    if source.english:
        order = say(rng, pick(rng, _ASK_EN), s=what)
        order += "" if order.endswith("?") else pick(rng, _TAIL_EN)
        return order[0].upper() + order[1:] if rng.random() < 0.8 else order
    noun = pick(rng, (source.noun, source.noun, "句子", "文本", "材料", "这句话", "文字"))
    order = say(rng, pick(rng, _ASK), n=noun, s=what)
    if rng.random() < 0.2:
        order = say(rng, _ROLE, n=source.noun) + order
    if rng.random() < 0.18:
        marks = pick(rng, ("1. ", "1、", "- ", "（1）"))
        rules = rng.sample(_RULES, rng.randint(2, 4))
        lines = [
            f"{marks.replace('1', str(at))}{rule}".replace("{n}", source.noun)
            for at, rule in enumerate(rules, 1)
        ]
        return order + pick(rng, ("\n要求：\n", "。注意：\n", "\n规则：\n")) + "\n".join(lines)
    tail = pick(rng, _TAIL)
    return order if order.endswith(("？", "?")) else order + tail


def present(rng: Random, order: str, source: Passage) -> str:
    """Order and text in one user turn, in either order, with or without labels and quotes."""
    if source.english:
        label, (left, right) = (
            pick(rng, ("Sentence: ", "Text: ", "", "", "Input: ")),
            pick(rng, ('""', "  ", "  ", "''")),
        )
        body = f"{label}{left.strip()}{source.text}{right.strip()}"
    else:
        label = pick(rng, _LABEL).replace("{n}", source.noun)
        left, right = _WRAP[int(rng.random() * len(_WRAP))]
        body = f"{label}{left}{source.text}{right}"
    gap = pick(rng, ("\n", "\n", "\n", "\n\n", " "))
    return f"{body}{gap}{order}" if rng.random() < 0.45 else f"{order}{gap}{body}"


def _system(rng: Random) -> str | None:
    return pick(rng, _SYSTEM) if rng.random() < 0.2 else None


def extract_one(rng: Random) -> Document:
    """One span, any domain."""
    source = _source(rng)
    slot = pick(rng, tuple(source.slots))
    span = source.slots[slot]
    what = _names(rng, [slot], source.slots)[0]
    order = instruction(rng, what, source)
    answer = span if rng.random() < 0.95 else f"{what}：{span}"
    if rng.random() < 0.1:
        return chat("extract_one", source.text, answer, system=order, spans=(span,))
    user = present(rng, order, source)
    return chat("extract_one", user, answer, system=_system(rng), spans=(span,))


def extract_question(rng: Random) -> Document:
    """Names and times from a question about reports (never what it asks for)."""
    source = finance.question(rng)
    slots = list(source.slots)
    if rng.random() < 0.4:
        return _joined("extract_question", rng, source, rng.sample(slots, len(slots)))
    slot = pick(rng, tuple(slots))
    user = present(rng, instruction(rng, _name(rng, slot), source), source)
    return chat(
        "extract_question", user, source.slots[slot], system=_system(rng), spans=(source.slots[slot],)
    )


def _joined(kind: str, rng: Random, source: Passage, slots: list[str]) -> Document:
    called = _names(rng, slots, source.slots)
    spans = [source.slots[slot] for slot in slots]
    mark = pick(rng, (",", ",", "、", "，", ";", " ", "\n", "/", "|"))
    shown = {" ": "空格", "\n": "换行"}.get(mark, f"{mark}")
    if source.english:
        order = instruction(rng, " and ".join(called), source)
        order += say(
            rng,
            " [Separate them with {m}|Separator: {m}|Join with {m}]",
            m={"\n": "a newline", " ": "a space"}.get(mark, mark),
        )
    else:
        order = instruction(rng, pick(rng, ("和", "、", "以及", "，")).join(called), source)
        order += say(rng, "[（|，|。|][用|以|结果用|多个结果用|答案之间用]{m}[隔开|分隔|分开|连接]", m=shown)
        order = (
            order.replace("：（", "（")
            .replace("：，", "，")
            .replace("。，", "，")
            .replace("。。", "。")
            .replace("？。", "？")
            .replace("?。", "?")
        )
        order += "）" if "（" in order[-14:] else ""
    return chat(kind, present(rng, order, source), mark.join(spans), system=_system(rng), spans=spans)


def extract_many(rng: Random) -> Document:
    """Several spans joined by a mark that the user names."""
    source = _source(rng)
    slots = list(source.slots)
    return _joined("extract_many", rng, source, rng.sample(slots, min(len(slots), rng.randint(2, 4))))


def extract_json(rng: Random) -> Document:
    """The spans as a JSON object with the keys that the user names."""
    source = _source(rng)
    keys = list(source.slots)
    keys = rng.sample(keys, min(len(keys), rng.randint(1, 4)))
    found = {key: source.slots[key] for key in keys}
    missing = rng.random() < 0.15
    if missing:
        extra = pick(rng, ("color", "ticket") if source.english else ("颜色", "天气", "航班号", "职业"))
        found[extra] = ""
    if source.english:
        order = say(
            rng,
            "[Return|Output|Answer with] [a JSON object|JSON] with the [keys|fields] {k}[.||:]",
            k=", ".join(found),
        )
        order += " Use an empty string if missing." if missing else ""
    else:
        order = say(
            rng,
            "[请||][抽取|提取|识别|整理][出|]{n}[中的|里的]{k}[，|并][以|用|按]JSON[格式|][输出|返回|回答|给出][。|]",
            k=pick(rng, ("、", "，", ",")).join(found), n=source.noun,
        )  # fmt: skip
        order += pick(rng, ("没有的填空字符串。", "缺少的字段留空。")) if missing else ""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":") if rng.random() < 0.3 else None)
    return chat(
        "extract_json", present(rng, order, source), text, system=_system(rng), spans=tuple(found.values())
    )


def extract_turns(rng: Random) -> Document:
    """The same text asked about several times, in one conversation."""
    source = passage(rng)
    slots = list(source.slots)
    slots = rng.sample(slots, min(len(slots), 3))
    turns: list[str] = []
    for index, slot in enumerate(slots):
        order = instruction(rng, slot, source)
        if index and not source.english:
            order = say(rng, "[{s}呢？|那{s}呢？|再写出{s}|{s}是什么？|还有{s}|接着写{s}]", s=slot)
        elif index:
            order = say(rng, "[And the {s}?|What about the {s}?|Now the {s}.]", s=slot)
        turns += [order if index else present(rng, order, source), source.slots[slot]]
    return chat("extract_turns", *turns, system=_system(rng), spans=(turns[-1],))


def few_shot(rng: Random) -> Document:
    """No instruction: a few pairs show what is wanted, then a new input."""
    maker = rng.choices(_MAKERS, _WEIGHTS)[0]
    first = maker(rng)
    slot = pick(rng, tuple(first.slots))
    shots = [first]
    for _ in range(40):
        if len(shots) == 4:
            break
        other = maker(rng)
        if slot in other.slots and len("".join(s.text for s in shots)) + len(other.text) < 380:
            shots.append(other)
    given, wanted = _SHOT_MARKS[int(rng.random() * len(_SHOT_MARKS))]
    shown = [f"{given}{s.text}\n{wanted}{s.slots[slot]}" for s in shots[:-1]]
    prompt = "\n".join([*shown, f"{given}{shots[-1].text}\n{wanted}".rstrip(" ")])
    answer = shots[-1].slots[slot]
    if rng.random() < 0.4 or len(shots) == 1:
        return running("few_shot", prompt + (" " if wanted.endswith(" ") else "") + answer)
    return chat("few_shot", prompt, answer, spans=(answer,))
