"""Annual reports of made-up companies: questions people ask, statements, tables, definitions.

What is deliberately absent: the type of a question, and the item that a question asks for. Both are demo tasks.
From a question only names and times are ever extracted (company, year, city, person, date).
"""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

from random import Random

from weitiao.data.corpus import names, reports
from weitiao.data.corpus.document import Document, Passage, chat, running, say
from weitiao.data.corpus.names import pick

_ASK_ITEM = (
    "{c}[在|][{y}|{y}的][|年报中|年度报告中|报告期内|末][的|]{i}[是多少|是多少元|为多少|有多少|是多少万元|多少|具体数值是多少|分别是多少|是多大|达到了多少][？|?||。]",
    "[请问|你好，请问|麻烦告诉我|请告诉我|想知道|能否告诉我|我想了解|请查询|帮忙查一下|查一下|请提供]{c}{y}[的|]{i}[|数据|金额|是多少|情况|为多少元][？|?|。|]",
    "[根据|依据|按照|结合]{c}{y}[年报|年度报告|的年度报告|的年报]，[请问|请说明|简述|请简要说明|][其|公司|该公司|]{i}[是多少|为多少|的情况|有什么变化|是什么][？|?|。]",
    "{y}[，|]{c}[的|]{i}[是多少|有多少|是什么|如何|怎么样][？|?]",
    "[在|]{y}[年报|报告|][里|中|]，{c}[披露的|公布的|的]{i}[是|为|达到]多少[元|][？|?|]",
    "{c}{y}{i}[和|与|、|以及]{i2}[分别|各|]是多少[元|][？|?|]",
    "[请|]计算{c}{y}[的|]{i}[，|。|][保留两位小数|结果保留两位小数|小数点后保留两位|四舍五入到小数点后两位|并列出计算公式|][。|？|]",
    "{c}{y}[的|]{i}[与|和|比|相比]上年[相比|][变化了多少|增长了多少|是增加还是减少|有何变化|是否发生变化][？|?]",
    "{i}[方面|上]，{c}{y}[表现如何|是多少|怎么样][？|?]",
)
_ASK_FACT = (
    "{c}[在|]{y}[的|]{f}[是什么|是谁|是多少|在哪里|是啥|有哪些|是][？|?|]",
    "[请问|请告诉我|能告诉我|麻烦提供|你知道]{c}{y}[年报中的|的|披露的]{f}[吗|是什么|是谁||是哪个][？|?]",
    "{c}{y}和{y2}[的|]{f}[是否相同|一样吗|相同吗|有变化吗|是否一致|有没有改变][？|?]",
    "{y}，{c}[登记的|公示的|][的|]{f}[为|是]何[？|?]",
)
_ASK_STATISTICS = (
    "{y}[注册在|注册地在|注册地址在|总部位于|在]{t}[市|][的|][上市公司|公司|企业][中|里|当中][，|]{i}[最高|最低|最多|排名靠前|最大]的[前|]{n}[家|个|][公司|上市公司|企业|][是|有|][哪些|谁|哪几家|什么][？|?]",
    "[在|]{t}[市|][注册|办公]的[上市公司|企业][中|里][，|]{y}{i}[超过|大于|低于|不低于]{a}的[有几家|有多少家|有哪些|公司数量是多少][？|?]",
    "{y}{t}[市|][上市公司|企业]的{i}[平均值|平均数|中位数|总和|合计]是多少[元|][？|?|]",
    "[请|帮我|]列出{y}[在|][注册地为|]{t}[市|]的[上市公司|公司]中{i}排[名|]第{n}的[公司|企业|][名称|简称|是哪家|是谁|][？|?|]",
    "{i}[超过|低于]{a}[，|并且|且]注册在{t}[市|]的[公司|上市公司]，{y}[一共|总共|]有[多少家|几家][？|?]",
)
_ASK_OPEN = (
    "[请|][简要|简单|具体|][分析|描述|介绍|说明|阐述|概括|总结]{c}{y}[的|年报中的|][{o}|{o}情况][。|？|]",
    "{c}{y}[的|]{o}[是什么|是怎样的|有哪些|如何|情况如何|发生了什么变化][？|?]",
    "[根据|结合|请根据]{c}{y}[的年报|的年度报告|年报|]，[请|][简要|][介绍|分析|说明|描述][一下|][公司|报告期内公司|企业][的|]{o}[。|？|]",
    "{c}[在|]{y}[有没有|是否存在|是否涉及|是否进行了]{o}[？|?|，请说明。]",
)
_ASK_TERM = (
    "[什么是|什么叫|请解释|解释一下|请问什么是|何谓|如何理解]{m}[？|?|。|]",
    "{m}[是什么|是什么意思|是指什么|指的是什么|的含义是什么|的定义是什么|如何计算|有什么作用][？|?]",
    "[请|][简述|介绍|说明|谈谈]{m}[的概念|的含义|的作用|对企业的影响|及其意义][。|]",
    "为什么[企业|上市公司|公司][要|会|需要][披露|关注|重视|管理]{m}[？|?]",
)


def _item(rng: Random) -> str:
    form = rng.random()
    if form < 0.5:
        return pick(rng, reports.ITEMS)
    if form < 0.7:
        return pick(rng, tuple(reports.RATIOS))
    if form < 0.85:
        return pick(rng, reports.ITEMS) + pick(rng, reports.GROWTH)
    return pick(rng, reports.STAFF)


def question(rng: Random) -> Passage:
    """A question about reports with the names and times it mentions; what it asks for is not marked."""
    form = rng.random()
    y, c, t = names.year(rng), names.company(rng), names.city(rng)
    y2 = names.year(rng)
    if form < 0.5:
        text = say(rng, pick(rng, _ASK_ITEM), c=c, y=y, i=_item(rng), i2=_item(rng))
        slots = {"公司": c, "年份": y}
    elif form < 0.65:
        text = say(rng, pick(rng, _ASK_FACT), c=c, y=y, y2=y2, f=pick(rng, reports.FACTS))
        slots = {"公司": c, "年份": y}
    elif form < 0.85:
        n = pick(rng, ("3", "5", "10", "三", "五", "十", "二", "20", "8", "一"))
        text = say(rng, pick(rng, _ASK_STATISTICS), y=y, t=t, i=_item(rng), n=n, a=names.amount(rng))
        slots = {"城市": t, "年份": y}
    else:
        text = say(rng, pick(rng, _ASK_OPEN), c=c, y=y, o=pick(rng, reports.TOPICS))
        slots = {"公司": c, "年份": y}
    if y2 in text and y2 != y:
        del slots["年份"]  # two years: "the year" would be ambiguous
    return Passage(text.replace("年度年度", "年度"), slots, "问题")


def term_question(rng: Random) -> str:
    """A general question about a financial term."""
    term = pick(rng, reports.TERMS if rng.random() < 0.6 else tuple(reports.RATIOS))
    return say(rng, pick(rng, _ASK_TERM), m=term)


_STATEMENTS = (
    "{c}{y}[实现|共实现|取得][了|]{i}{a}，[同比|较上年|比上年同期][增长|下降|增加|减少]{p}[。|]",
    "[截至|截止]{d}，{c}[的|][{i}|{i}余额][为|达|达到|是]{a}[。|，比年初[增长|下降]{p}。]",
    "{c}[成立于|创立于|设立于]{d}，[总部|注册地|办公地][位于|在]{t}[市|]，[法定代表人|董事长|总经理][为|是]{h}[。|，注册资本{a}。]",
    "{y}，位于{t}[市|]的{c}[宣布|公告|披露][，|]{i}为{a}，[公司负责人|董事长|财务总监|董事会秘书]{h}[对此作了说明|出席了说明会|签署了报告]。",
    "{h}[自|从]{d}起[担任|出任]{c}[的|][董事长|总经理|财务总监|董事会秘书|独立董事|监事]，[办公地址|联系地址][为|在]{l}。",
    "{c}[的|][电子信箱|邮箱][是|为]{e}，[公司网址|网址][是|为]{w}，[联系电话|电话][是|为]{k}。",
    "[经|由]{h}[审议|审核|批准]，{c}[于|在]{d}向{t}[市|]的[子公司|分公司|项目]投资{a}[，占{i}的{p}|]。",
    "据{c}{y}[年报|年度报告]，[其|公司]{i}[为|是]{a}，{i2}为{b}。",
    "{t}[市|]{c}[近日|日前|]公告称，{d}[收到|取得][政府补助|订单|货款]{a}，[经办人|负责人][为|是]{h}。",
)
_SLOT_OF = {
    "c": "公司", "y": "年份", "a": "金额", "p": "百分比", "d": "日期", "t": "城市", "h": "人名",
    "l": "地址", "e": "邮箱", "w": "网址", "k": "电话",
}  # fmt: skip


def statement(rng: Random) -> Passage:
    """A statement from a report with names, times and sums."""
    template = pick(rng, _STATEMENTS)
    values = {
        "c": names.company(rng), "y": names.year(rng), "i": pick(rng, reports.ITEMS), "i2": pick(rng, reports.ITEMS),
        "a": names.amount(rng), "b": names.amount(rng), "p": names.percent(rng), "d": names.date(rng),
        "t": names.city(rng), "h": names.person(rng), "l": names.address(rng), "e": names.email(rng),
        "w": names.website(rng), "k": names.phone(rng),
    }  # fmt: skip
    text = say(rng, template, **values).replace("年度年度", "年度")
    slots = {
        noun: values[key]
        for key, noun in _SLOT_OF.items()
        if f"{{{key}}}" in template and values[key] in text
    }
    if "{b}" in template:
        del slots["金额"]  # two sums: the question would be ambiguous
    return Passage(text, slots, pick(rng, ("句子", "文字", "文本", "一段话", "内容")))


def _table(rng: Random) -> tuple[str, list[tuple[str, str]]]:
    rows = [(item, names.number(rng)) for item in rng.sample(reports.ITEMS, rng.randint(3, 8))]
    form = pick(rng, ("：", ":", " ", " | ", "，", "\t"))
    return "\n".join(f"{item}{form}{value}" for item, value in rows), rows


def report_text(rng: Random) -> Document:
    """Running text of a report: paragraphs, a table, facts, staff or a definition."""
    form = rng.random()
    c, y = names.company_full(rng), names.year(rng)
    if form < 0.35:
        count = rng.randint(2, 5)
        return running("report_text", "".join(statement(rng).text.rstrip("。") + "。" for _ in range(count)))
    if form < 0.5:
        head = say(
            rng,
            "{c}{y}[合并|母公司|][资产负债表|利润表|现金流量表|主要会计数据|财务数据][（单位：元）||（万元）]",
            c=c,
            y=y,
        )
        return running("report_text", f"{head}\n{_table(rng)[0]}")
    if form < 0.65:
        return running(
            "report_text", f"{c}\n" + "\n".join(f"{key}：{value}" for key, value in company_card(rng))
        )
    if form < 0.8:
        return running("report_text", _staff_paragraph(rng, c, y))
    if form < 0.9:
        lines = [
            question(rng).text if rng.random() < 0.7 else term_question(rng) for _ in range(rng.randint(2, 6))
        ]
        return running("report_text", "\n".join(lines))
    chosen = rng.sample(list(reports.RATIOS.items()), rng.randint(1, 5))
    mark = pick(rng, ("=", " = ", "＝", "等于"))
    return running(
        "report_text",
        pick(rng, ("\n", "；", "。")).join(f"{name}{mark}{formula}" for name, formula in chosen),
    )


def company_card(rng: Random) -> list[tuple[str, str]]:
    """Some of the basic facts of a company, in random order."""
    facts = [
        ("法定代表人", names.person(rng)), ("注册地址", names.address(rng)), ("办公地址", names.address(rng)),
        ("电子信箱", names.email(rng)), ("公司网址", names.website(rng)), ("证券代码", str(rng.randint(100000, 699999))),
        ("公司简称", names.company_short(rng)), ("董事会秘书", names.person(rng)), ("联系电话", names.phone(rng)),
        ("邮政编码", str(rng.randint(100000, 859999))), ("注册资本", names.amount(rng)), ("成立日期", names.date(rng)),
        ("外文名称", names.company_en(rng)), ("所属行业", pick(rng, names.INDUSTRIES)), ("职工总数", str(rng.randint(50, 30000))),
    ]  # fmt: skip
    return rng.sample(facts, rng.randint(3, 8))


def _staff_paragraph(rng: Random, c: str, y: str) -> str:
    counts = {kind: rng.randint(3, 5000) for kind in rng.sample(reports.STAFF[4:], rng.randint(3, 6))}
    listed = pick(rng, ("，", "、", "；")).join(f"{kind}{count}人" for kind, count in counts.items())
    return say(
        rng,
        "[截至|]{y}末，{c}[共有|拥有|在职][员工|职工]{n}人[，其中|。其中，|：|，按专业构成分为]{listed}[。|，占比最高的是{k}。]",
        c=c, y=y, n=str(sum(counts.values()) + rng.choice((0, 0, 57, 360))), listed=listed, k=max(counts, key=lambda kind: counts[kind]),
    )  # fmt: skip


def report_qa(rng: Random) -> Document:
    """Questions with answers: a formula, a figure from a given table, or whether two facts agree."""
    form = rng.random()
    if form < 0.25:
        name, formula = pick_pair(rng)
        ask = say(
            rng,
            "[{n}怎么算|{n}的计算公式是什么|如何计算{n}|{n}等于什么|请写出{n}的公式|{n}公式][？|?]",
            n=name,
        )
        return chat("report_qa", ask, say(rng, "{n}[=|等于|的计算公式是：{n}=]{f}[。|]", n=name, f=formula))
    if form < 0.5:
        term = pick(rng, tuple(reports.DEFINITIONS))
        return chat(
            "report_qa",
            say(rng, pick(rng, _ASK_TERM[:2]), m=term),
            say(rng, "{m}[是指|是|，是|指的是]{d}。", m=term, d=reports.DEFINITIONS[term]),
        )
    if form < 0.8:
        table, rows = _table(rng)
        item, value = rows[int(rng.random() * len(rows))]
        c, y = names.company(rng), names.year(rng)
        ask = say(
            rng,
            "[已知|资料：|以下是|根据]{c}{y}[的|][财务数据|报表|部分数据][：|如下：|]\n{table}\n[请问|问：|回答：|][{c}|该公司|公司|]{y}[的|]{i}[是多少|为多少][？|?]",
            c=c, y=y, table=table, i=item,
        )  # fmt: skip
        answer = say(rng, "[{v}|{v}|{c}{y}的{i}[为|是]{v}。|{i}是{v}。]", v=value, c=c, y=y, i=item)
        return chat("report_qa", ask, answer, spans=(value,))
    c, y1, y2 = names.company(rng), "2019年", "2020年"
    first, second = names.person(rng), names.person(rng)
    same = rng.random() < 0.5
    ask = f"{y1}{c}的法定代表人：{first}\n{y2}{c}的法定代表人：{first if same else second}\n两年的法定代表人{pick(rng, ('相同吗？', '是否相同？', '一样吗'))}"
    return chat(
        "report_qa",
        ask,
        f"{'相同' if same else '不相同'}，{y1}是{first}，{y2}是{first if same else second}。",
        spans=(first,),
    )


def pick_pair(rng: Random) -> tuple[str, str]:
    """A ratio and its formula."""
    name = pick(rng, tuple(reports.RATIOS))
    return name, reports.RATIOS[name]
