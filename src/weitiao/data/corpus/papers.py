"""Abstracts of made-up papers, Chinese and English, medical and other."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import Document, Passage, chat, running, say
from weitiao.data.corpus.names import pick
from weitiao.data.corpus.people import DISEASES

DRUGS_A, DRUGS_B = "阿苯博地伐格利美诺培瑞舒替托维西", "定平唑沙坦胺素酮霉宁他汀林"
METHODS = [
    "随机对照试验",
    "回顾性分析",
    "队列研究",
    "病例对照研究",
    "问卷调查",
    "有限元分析",
    "深度学习",
    "聚类分析",
    "回归分析",
    "遗传算法",
    "卷积神经网络",
    "支持向量机",
    "正交试验",
    "响应面法",
    "数值模拟",
    "现场试验",
]
SUBJECTS = [
    "水稻产量",
    "土壤含水量",
    "桥梁振动",
    "隧道渗漏",
    "图像分割",
    "文本分类",
    "语音识别",
    "短期负荷预测",
    "故障诊断",
    "路径规划",
    "城市交通流",
    "空气质量",
    "煤层气渗流",
    "钢材疲劳",
    "混凝土强度",
    "电池寿命",
    "农村教育",
    "消费意愿",
    "企业创新",
    "古籍数字化",
    "方言语音",
    "学生阅读能力",
]
MEASURES = [
    "准确率",
    "有效率",
    "复发率",
    "住院时间",
    "生存率",
    "不良反应发生率",
    "召回率",
    "均方误差",
    "血糖水平",
    "收缩压",
    "疼痛评分",
    "满意度",
    "运行效率",
    "能耗",
    "识别率",
]
SUBJECTS_EN = [
    "image segmentation",
    "soil moisture",
    "bridge vibration",
    "speech recognition",
    "traffic flow",
    "battery life",
    "crop yield",
    "text retrieval",
    "path planning",
    "air quality",
    "load forecasting",
    "steel fatigue",
    "graph matching",
    "code search",
]
DISEASES_EN = [
    "asthma",
    "diabetes",
    "hypertension",
    "stroke",
    "breast cancer",
    "lung cancer",
    "pneumonia",
    "arthritis",
    "depression",
    "anemia",
    "migraine",
    "hepatitis",
    "obesity",
    "osteoporosis",
    "epilepsy",
]
METHODS_EN = [
    "a randomized trial",
    "a cohort study",
    "a survey",
    "a neural network",
    "a genetic algorithm",
    "regression analysis",
    "finite element simulation",
    "a field experiment",
    "a retrospective review",
]


def drug(rng: Random) -> str:
    """A made-up drug."""
    return names.chars(rng, DRUGS_A, rng.randint(1, 3)) + names.chars(rng, DRUGS_B, 2)


def _zh(rng: Random) -> tuple[str, str, dict[str, str]]:
    n, m, x = str(rng.randint(20, 3000)), pick(rng, METHODS), pick(rng, MEASURES)
    p, q = names.percent(rng), names.percent(rng)
    if rng.random() < 0.5:
        d, g = pick(rng, DISEASES), drug(rng)
        title = say(
            rng,
            "{g}[治疗|联合常规疗法治疗|对]{d}[的疗效观察|患者{x}的影响|的临床研究|的效果与安全性]",
            g=g,
            d=d,
            x=x,
        )
        body = say(
            rng,
            "[目的：|目的 ||][探讨|观察|评价|研究]{g}[治疗|用于]{d}的[效果|疗效|安全性]。[方法：|方法 ||][选取|纳入|收集]{t}市[某医院|第一医院|中心医院]{d}患者{n}例，[采用{m}|随机分为两组|分为对照组和观察组]。"
            "[结果：|结果 ||]观察组{x}为{p}，[高于|低于]对照组的{q}[，差异有统计学意义(P<0.05)|(P<0.01)|]。[结论：|结论 ||]{g}[可改善|能够降低|有助于改善]{d}患者的{x}。",
            g=g, d=d, n=n, m=m, x=x, p=p, q=q, t=names.city(rng),
        )  # fmt: skip
        return title, body, {"疾病": d, "药物": g, "病例数": n}
    s = pick(rng, SUBJECTS)
    title = say(
        rng,
        "[基于{m}的{s}研究|{s}的{m}|一种用于{s}的新方法|{s}影响因素分析|{t}地区{s}研究]",
        m=m,
        s=s,
        t=names.city(rng),
    )
    body = say(
        rng,
        "[针对|为了解决|围绕]{s}[问题|中的难点|]，[本文|文中|我们][提出|采用|设计]了[基于{m}的方法|一种基于{m}的模型|一种{m}的改进方案|{m}方法]。[首先|][建立|构建]模型，[然后|再]用{n}[组|个|条][数据|样本][验证|检验]。[结果表明|实验显示|结果说明]，{x}[达到|为]{p}，[比|较][传统方法|已有方法][提高|降低]{q}。",
        s=s, m=m, n=n, x=x, p=p, q=q,
    )  # fmt: skip
    return title, body, {"研究方法": m, "研究对象": s, "样本数": n}


def _en(rng: Random) -> tuple[str, str, dict[str, str]]:
    n, m = str(rng.randint(20, 3000)), pick(rng, METHODS_EN)
    topic = pick(rng, DISEASES_EN if rng.random() < 0.5 else SUBJECTS_EN)
    title = say(
        rng,
        "[A study of {t}|Towards better {t}|On {t}: {m}|{t} and its causes|New results on {t}]",
        t=topic,
        m=m,
    )
    body = say(
        rng,
        "[Background: |]{t} [is|remains] [an important|a common|a difficult] problem. [We|In this paper we] [use|present|report] {m} [with|on] {n} [cases|samples|records]. "
        "[The results show|We find|It turns out] that the [rate|error|score] [was|is] {p}, [compared with|against] {q} [before|for the baseline|in the control group][.|, and discuss the limits.]",
        t=topic, m=m, n=n, p=names.percent(rng), q=names.percent(rng),
    )  # fmt: skip
    return (
        title[0].upper() + title[1:],
        body[0].upper() + body[1:],
        {"topic": topic, "sample size": n, "method": m},
    )


def passage(rng: Random) -> Passage:
    """An abstract with author, journal and what it is about; spans are unambiguous."""
    if rng.random() < 0.2:
        title, body, found = _en(rng)
        author = names.person_en(rng)
        slots = {"author": author, **{k: v for k, v in found.items() if v in body}}
        return Passage(f"{title}. {author}. {body}", slots, "abstract", english=True)
    title, body, found = _zh(rng)
    author, place = (
        names.person(rng),
        f"{names.city(rng)}{pick(rng, ('大学', '医学院', '理工大学', '研究所', '师范大学'))}",
    )
    if rng.random() < 0.5:
        text = say(rng, "{a}[（|(]{o}[）|)][：|，]{t}[。|]", a=author, o=place, t=title)
        return Passage(
            text, {"作者": author, "机构": place, "标题": title}, pick(rng, ("文献", "句子", "条目"))
        )
    slots = {"作者": author, **{k: v for k, v in found.items() if v in body}}
    return Passage(f"{title}\n{author}\n{body}", slots, pick(rng, ("摘要", "文本", "论文")))


def paper(rng: Random) -> Document:
    """An abstract as text, or questions about it."""
    english = rng.random() < 0.3
    title, body, _ = _en(rng) if english else _zh(rng)
    author = names.person_en(rng) if english else names.person(rng)
    head = (
        f"Title: {title}\nAuthor: {author}\nAbstract: {body}"
        if english
        else f"标题：{title}\n作者：{author}\n摘要：{body}"
    )
    form = rng.random()
    if form < 0.6:
        return running("paper", head)
    if form < 0.8:
        ask = (
            "Copy the title."
            if english
            else say(rng, "[这篇文章的标题是什么？|写出标题。|标题：？|题目是什么]")
        )
        return chat("paper", f"{head}\n{ask}", title, spans=(title,))
    medical = any(word in body for word in (*DISEASES, *DISEASES_EN))
    ask = (
        "Is this paper about medicine? Answer yes or no."
        if english
        else say(
            rng, "[这篇论文与医学有关吗？|是医学论文吗？|判断是否属于医学领域][回答是或否。|只答是或否|]"
        )
    )
    answer = ("yes" if medical else "no") if english else ("是" if medical else "否")
    return chat("paper", f"{head}\n{ask}" if rng.random() < 0.5 else f"{ask}\n{head}", answer)
