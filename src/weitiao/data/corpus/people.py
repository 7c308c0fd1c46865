"""Everyday sentences about people, places, things and events, Chinese and English."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import Passage, say
from weitiao.data.corpus.names import pick

_ZH = (
    "{p}[在|于|]{d}[从|由]{t}[坐|乘]{o}[回家|出发|离开][。|，随身带着{x}。]",
    "{d}，{p}[在{t}|在{t}的一家商店]买了{x}，[花了|付了|一共]{a}。",
    "[昨天|上周|前天|今天早上|刚才][，|]{p}[给{t}的朋友|往{t}|向{t}的同事][寄了|送去了|带去]{x}[。|，单号是{k}。|，订单号{k}。]",
    "[您好，|你好，|]我叫{p}，[住在|家住]{t}市{s}，[电话是|手机号|联系电话]{n}[。|，想订购{x}。|，我的{x}坏了。]",
    "{p}[是|，]{t}[人|大学的老师|医院的医生|报社的记者|一所中学的校长]，[出生于|生于]{d}[，喜欢收集{x}|，{m}岁]。",
    "[会议|讲座|比赛|展览|演出|培训][定于|将在|安排在]{d}{c}[举行|开始|举办]，[地点|地址][为|在|是]{t}市{s}，[联系人|负责人]{p}。",
    "快递单{k}[：|，]收件人{p}，[地址|收货地址]{t}市{s}，[电话|手机]{n}。",
    "{p}[把|将]{x}[忘在|落在|丢在]了{t}[火车站|机场|地铁站|图书馆]，[失物招领|工作人员]的[电话|号码]是{n}。",
    "[据报道|据悉|消息称]，{t}[市|]{d}[迎来|举办]了[音乐节|马拉松|书展|车展]，[组织者|主办人]{p}[说|表示]，[投入|总费用]{a}。",
    "{p}，{m}岁，[因|由于][咳嗽|发热|胸闷|头晕]于{d}[就诊|入院]，[诊断为|确诊]{z}，[费用|花费]{a}。",
)
_KEYS = {
    "p": "人名",
    "d": "日期",
    "t": "城市",
    "x": "物品",
    "a": "金额",
    "n": "电话",
    "s": "街道",
    "k": "单号",
    "c": "时刻",
    "z": "疾病",
}
_EN = (
    "{p} [bought|ordered|sold|lost] a {x} in {t} on {d}[.| for {a}.]",
    "[On|Since] {d}[,|] {p} [works|worked] for {c} in {t}[.|, and the phone number is {n}.]",
    "[Dear team, |Hello, |]my name is {p}[.|,] [I live at|my address is] {s}, {t}[.|. You can call me at {n}.]",
    "{c}[, based in {t},|] [reported|announced] [revenue|a profit|sales] of {a} [in|for] {y}[.|, said {p}.]",
    "The [meeting|concert|lecture|match] [starts|is] on {d} at {s}, {t}[.|; contact {p}.]",
    "[Order|Ticket|Parcel] {k} [was sent|was shipped|goes] to {p} in {t}[.| on {d}.]",
    "{p} [joined|left|founded] {c} in {y}[.| and moved to {t}.]",
    "[A|The] {x} [costs|is sold for] {a} at {c} in {t}[.|, according to {p}.]",
)
_KEYS_EN = {
    "p": "person",
    "d": "date",
    "t": "city",
    "x": "item",
    "a": "amount",
    "n": "phone number",
    "s": "street",
    "k": "number",
    "c": "company",
    "y": "year",
}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def date_en(rng: Random) -> str:
    """A day in English."""
    month, day = pick(rng, MONTHS), rng.randint(1, 28)
    return f"{month} {day}" if rng.random() < 0.5 else f"{day} {month} {rng.randint(1990, 2025)}"


def _passage(
    rng: Random, template: str, values: dict[str, str], called: dict[str, str], noun: str
) -> Passage:
    text = say(rng, template, **values)
    slots = {
        called[key]: value
        for key, value in values.items()
        if key in called and f"{{{key}}}" in template and value in text
    }
    return Passage(text, slots, noun, english=noun.isascii())


def passage(rng: Random) -> Passage:
    """A Chinese sentence about everyday life."""
    values = {
        "p": names.person(rng), "d": names.date(rng), "t": names.city(rng), "x": pick(rng, names.THINGS), "a": names.amount(rng),
        "n": names.phone(rng), "s": names.street(rng), "k": names.code(rng), "c": names.clock(rng), "m": str(rng.randint(6, 90)),
        "o": pick(rng, ("火车", "高铁", "飞机", "大巴", "地铁", "轮船")), "z": pick(rng, DISEASES),
    }  # fmt: skip
    return _passage(
        rng, pick(rng, _ZH), values, _KEYS, pick(rng, ("句子", "句子", "文字", "文本", "消息", "内容"))
    )


def passage_en(rng: Random) -> Passage:
    """An English sentence about everyday life."""
    values = {
        "p": names.person_en(rng), "d": date_en(rng), "t": pick(rng, names.CITIES_EN), "x": pick(rng, names.WORDS_EN),
        "a": f"${rng.randint(3, 90000):,}" if rng.random() < 0.7 else f"{rng.randint(2, 900)} million euros",
        "n": f"{rng.randint(200, 999)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}",
        "s": f"{rng.randint(1, 999)} {pick(rng, names.LAST_EN)} {pick(rng, ('Street', 'Road', 'Avenue', 'Lane'))}",
        "k": names.code(rng), "c": names.company_en(rng), "y": str(rng.randint(1980, 2025)),
    }  # fmt: skip
    return _passage(rng, pick(rng, _EN), values, _KEYS_EN, "sentence")


DISEASES = [
    "高血压",
    "糖尿病",
    "冠心病",
    "肺炎",
    "支气管炎",
    "哮喘",
    "胃炎",
    "胃溃疡",
    "肝炎",
    "胆囊炎",
    "肾炎",
    "肾结石",
    "关节炎",
    "骨折",
    "骨质疏松",
    "颈椎病",
    "腰椎间盘突出",
    "贫血",
    "白血病",
    "肺癌",
    "胃癌",
    "肝癌",
    "乳腺癌",
    "结肠癌",
    "脑梗死",
    "脑出血",
    "癫痫",
    "帕金森病",
    "抑郁症",
    "焦虑症",
    "失眠",
    "湿疹",
    "银屑病",
    "荨麻疹",
    "白内障",
    "青光眼",
    "近视",
    "中耳炎",
    "鼻炎",
    "咽炎",
    "甲亢",
    "痛风",
    "心律失常",
    "心力衰竭",
    "肺结核",
    "流感",
    "水痘",
    "麻疹",
]
