"""Hotels: sentences, and dialogues in which wishes become the arguments of a search."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

import json
from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import Document, Passage, chat, say
from weitiao.data.corpus.names import pick

FACILITIES = [
    "免费停车",
    "无线网络",
    "早餐",
    "健身房",
    "游泳池",
    "会议室",
    "洗衣服务",
    "接机服务",
    "叫醒服务",
    "行李寄存",
    "吹风机",
    "残疾人设施",
    "宠物友好",
    "桑拿",
    "棋牌室",
    "中餐厅",
    "商务中心",
    "看护小孩服务",
    "暖气",
    "24小时热水",
]
ROOMS = [
    "标准间",
    "大床房",
    "双人间",
    "单人间",
    "家庭房",
    "豪华套房",
    "商务房",
    "亲子房",
    "三人间",
    "海景房",
    "行政套房",
]
KINDS = ["经济型", "舒适型", "高档型", "豪华型"]
_TEXTS = (
    "[我|我们][想|要|打算|准备]{d}[入住|住]{t}[市|]的{h}[，订一间{r}|，要{r}][。|，谢谢。|，{n}元以内可以吗？|？]",
    "{h}[位于|在|坐落于]{t}市{s}，[电话|联系电话|前台电话][是|为|：]{k}[，评分{g}分|][，{r}{a}起|]。",
    "[预订成功|已为您预订]：{h}，{r}，{d}入住，[总价|房费]{a}[，联系人{p}|，预订人{p}]。",
    "[帮我|请|麻烦]在{t}[{w}附近|{w}区|]找一家[有{f}的|带{f}的|评分{g}以上的|][酒店|宾馆|住处][，最好是{h}|，预算{a}|]。",
    "{p}[对|给]{h}的{r}[不满意|很满意|打了{g}分]，[认为|说]{f}[很好|太差|不错|没有]。",
)
_KEYS = {
    "h": "酒店",
    "t": "城市",
    "d": "日期",
    "r": "房型",
    "s": "街道",
    "k": "电话",
    "a": "金额",
    "p": "人名",
    "f": "设施",
    "g": "评分",
}


def _values(rng: Random) -> dict[str, str]:
    return {
        "h": names.hotel(rng), "t": names.city(rng), "d": names.date(rng), "r": pick(rng, ROOMS), "s": names.street(rng),
        "k": names.phone(rng), "a": f"{rng.randint(80, 3000)}元", "p": names.person(rng), "f": pick(rng, FACILITIES),
        "g": f"{rng.randint(30, 50) / 10}", "w": pick(rng, names.DISTRICTS), "n": str(rng.randint(1, 20) * 100),
    }  # fmt: skip


def passage(rng: Random) -> Passage:
    """A sentence about a hotel or a booking."""
    template, values = pick(rng, _TEXTS), _values(rng)
    text = say(rng, template, **values)
    slots = {
        noun: values[key]
        for key, noun in _KEYS.items()
        if f"{{{key}}}" in template and text.count(values[key]) == 1
    }
    if "城市" in slots and slots["城市"] in slots.get("酒店", ""):
        del slots["城市"]
    return Passage(
        text,
        slots or {"酒店": values["h"]} if values["h"] in text else slots or {"城市": values["t"]},
        pick(rng, ("句子", "内容", "消息", "评论")),
    )


_WISHES = {
    "name": "[叫|名字是|名叫]{v}的[酒店|]",
    "type": "[类型是|属于|要]{v}的",
    "facilities": "[有|带|提供|含]{v}[的|]",
    "price_upper": "[价格|每晚|预算][不超过|在{v}元以内，最多|低于|最高]{v}[元|块]",
    "price_lower": "[价格|每晚][不低于|至少|高于]{v}[元|块]",
    "rating_lower": "[评分|分数|口碑][在{v}以上|不低于{v}|至少{v}分]",
    "address": "[在|位于|靠近]{v}[附近|一带|]",
}
_TOOL = (
    "你是订房助手。需要时用JSON给出查询参数，可用的字段：{k}。",
    "把用户的要求写成查询参数（JSON），字段有{k}。",
    "根据用户的话输出search的参数。字段：{k}",
    "You help to find hotels. Fields: {k}. Answer with JSON.",
)


def _wish(rng: Random) -> tuple[str, dict[str, str | int | float]]:
    chosen = rng.sample(list(_WISHES), rng.randint(1, 3))
    values: dict[str, str | int | float] = {}
    parts = []
    for key in chosen:
        value: str | int | float
        if key.startswith("price"):
            value = rng.randint(1, 30) * 50
        elif key == "rating_lower":
            value = rng.randint(30, 49) / 10
        else:
            value = {
                "name": names.hotel(rng),
                "type": pick(rng, KINDS),
                "facilities": pick(rng, FACILITIES),
                "address": f"{pick(rng, names.STREETS)}路",
            }[key]
        values[key] = value
        parts.append(say(rng, _WISHES[key], v=str(value)))
    body = pick(rng, ("，", "、", "，而且", "，")).join(parts)
    return say(
        rng,
        "[你好，|您好，||][帮我|请帮我|我想|麻烦|我要|][找|订|推荐|查]一[家|个][酒店|宾馆|住的地方]，{b}[。|，谢谢|，有吗？|]",
        b=body,
    ), values


def search(rng: Random) -> Document:
    """A wish, its search arguments, then perhaps results and a question about them."""
    ask, arguments = _wish(rng)
    call = json.dumps(arguments, ensure_ascii=False)
    system = say(rng, pick(rng, _TOOL), k=pick(rng, ("、", ", ")).join(_WISHES))
    spans = [str(value) for value in arguments.values()]
    if rng.random() < 0.4:
        return chat("hotel_search", ask, call, system=system, spans=spans)
    found = [
        {
            "name": names.hotel(rng),
            "price": rng.randint(80, 1500),
            "rating": rng.randint(30, 50) / 10,
            "phone": names.phone(rng),
        }
        for _ in range(rng.randint(1, 3))
    ]
    result = say(
        rng,
        "[查询结果|结果|返回]：\n",
    ) + "\n".join(json.dumps(hotel, ensure_ascii=False) for hotel in found)
    first = found[0]
    offer = say(
        rng,
        "[为您找到|推荐|有]{h}，[每晚|价格]{p}元，评分{g}[。|，您看可以吗？|，需要预订吗？]",
        h=str(first["name"]),
        p=str(first["price"]),
        g=str(first["rating"]),
    )
    turns = [ask, call, result, offer]
    spans = [str(first["name"])]
    if rng.random() < 0.6:
        key, word = pick_fact(rng)
        turns += [say(rng, "[它的|这家的|那里的|请问]{w}是[什么|啥]？", w=word), str(first[key])]
        spans = [str(first[key])]
    return chat("hotel_search", *turns, system=system, spans=spans)


def pick_fact(rng: Random) -> tuple[str, str]:
    """Field of a found hotel and what a guest calls it."""
    return (("phone", "电话"), ("price", "价格"), ("rating", "评分"), ("name", "名字"))[int(rng.random() * 4)]
