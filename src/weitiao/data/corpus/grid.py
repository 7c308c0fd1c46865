"""The power grid: work orders, defects, voice commands to a dispatch system."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

import json
from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import Document, Passage, chat, running, say
from weitiao.data.corpus.names import pick

DEVICES = [
    "主变压器",
    "断路器",
    "隔离开关",
    "电流互感器",
    "电压互感器",
    "避雷器",
    "电容器",
    "电抗器",
    "母线",
    "接地刀闸",
    "环网柜",
    "配电箱",
    "电缆终端",
    "绝缘子",
    "保护装置",
    "测控装置",
    "蓄电池",
    "充电机",
    "消弧线圈",
    "站用变",
    "光缆",
    "通信交换机",
    "熔断器",
    "电能表",
]
FAULTS = [
    "渗油",
    "过热",
    "异响",
    "跳闸",
    "接地",
    "短路",
    "漏气",
    "锈蚀",
    "放电",
    "断线",
    "通信中断",
    "指示灯不亮",
    "油位偏低",
    "压力低告警",
    "电压异常",
    "电流不平衡",
    "拒动",
    "误动",
    "绝缘破损",
    "温度过高",
]
LEVELS = ("10kV", "35kV", "110kV", "220kV", "500kV", "10千伏", "110千伏", "0.4kV")
CAUSES = [
    "雷击",
    "大风",
    "树障",
    "施工外破",
    "设备老化",
    "鸟害",
    "过负荷",
    "雨水进入",
    "小动物",
    "人为误碰",
    "原因不明",
]
COMMANDS = ("合上", "断开", "拉开", "投入", "退出", "查询", "打开", "关闭", "复归", "检查")
_TEXTS = (
    "{d}{c}，{l}{s}{v}[发生|出现]{f}，[值班员|巡视人员|调度员]{p}[已到现场|上报|前往处理][，原因为{u}|，初步判断为{u}|]。",
    "[工单|工单号|编号][：|]{k}[，|；]{l}{b}{v}{f}，[处理人|负责人|抢修人员]{p}，[联系电话|电话]{n}。",
    "[用户|客户]{p}反映{t}市{r}停电，[经查|检查发现]{b}{v}{f}[，{d}恢复供电|，预计{c}恢复]。",
    "[请|立即|马上|现在|]{o}{s}{b}的{v}[。|，执行人{p}。|，时间{c}。]",
    "{p}[汇报|报告][：|，]{s}{l}{v}[巡视完毕|检修工作结束|缺陷已消除|试验合格][，时间{c}|，日期{d}]。",
)
_KEYS = {
    "d": "日期",
    "s": "变电站",
    "v": "设备",
    "p": "人名",
    "k": "工单编号",
    "b": "线路",
    "n": "电话",
    "t": "城市",
    "c": "时刻",
    "r": "街道",
    "l": "电压等级",
}


def station(rng: Random) -> str:
    """A substation."""
    return names.chars(rng, names.BRAND, 2) + pick(rng, ("变电站", "变", "开关站", "变电所"))


def line(rng: Random) -> str:
    """A named line, at times with its number."""
    tail = (
        f"{rng.randint(1, 999)}线"
        if rng.random() < 0.4
        else pick(rng, ("线", "一线", "甲线", "二线", "乙线"))
    )
    return names.chars(rng, names.BRAND, 2) + tail


def passage(rng: Random) -> Passage:
    """A sentence of a work order or a command."""
    values = {
        "d": names.date(rng), "s": station(rng), "v": pick(rng, DEVICES), "p": names.person(rng), "k": names.code(rng), "b": line(rng),
        "n": names.phone(rng), "t": names.city(rng), "c": names.clock(rng), "r": names.street(rng), "l": pick(rng, LEVELS),
        "f": pick(rng, FAULTS), "u": pick(rng, CAUSES), "o": pick(rng, COMMANDS),
    }  # fmt: skip
    template = pick(rng, _TEXTS)
    text = say(rng, template, **values)
    slots = {
        noun: values[key] for key, noun in _KEYS.items() if f"{{{key}}}" in template and values[key] in text
    }
    return Passage(text, slots, pick(rng, ("工单", "句子", "指令", "记录", "文本")))


def work_order(rng: Random) -> Document:
    """A filled form: as text, or filled from a sentence, or asked for one of its fields."""
    source = passage(rng)
    form = rng.random()
    lines = "\n".join(f"{key}：{value}" for key, value in source.slots.items())
    if form < 0.3:
        return running("work_order", f"{source.text}\n{lines}")
    if form < 0.65:
        ask = say(
            rng,
            "[请||][把|将]下面的[记录|描述]填[成|入][表单|工单][，|：|。][字段|栏目][：|为]{k}\n{t}",
            k="、".join(source.slots),
            t=source.text,
        )
        return chat("work_order", ask, lines, spans=tuple(source.slots.values()))
    ask = say(rng, "{l}\n[问：|][写一段描述|把上面的字段写成一句话|根据表单写一句话]", l=lines)
    return chat("work_order", ask, source.text)


def command(rng: Random) -> Document:
    """A voice command becomes an action with its object."""
    action, device, place = (
        pick(rng, COMMANDS),
        pick(rng, DEVICES),
        station(rng) if rng.random() < 0.5 else line(rng),
    )
    spoken = (
        say(rng, "[请|帮我|现在|麻烦|立即|][把|将|]{p}[的|]{v}{a}[一下|][。|]", p=place, v=device, a=action)
        if rng.random() < 0.5
        else say(rng, "[请|帮我|现在|麻烦|立即|]{a}[一下|]{p}[的|]{v}[。|]", p=place, v=device, a=action)
    )
    system = say(
        rng, "[把语音指令解析为|将指令转换成|解析指令，输出]JSON[，字段为|：|，包含]操作、地点、设备[。|]"
    )
    answer = json.dumps({"操作": action, "地点": place, "设备": device}, ensure_ascii=False)
    if rng.random() < 0.5:
        return chat("grid_command", spoken, answer, system=system, spans=(action, place, device))
    return chat(
        "grid_command",
        f"{system}\n{pick(rng, ('指令：', '语音：', ''))}{spoken}",
        answer,
        spans=(action, place, device),
    )
