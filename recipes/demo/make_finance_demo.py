"""Write the demo workbook: questions about annual reports of made-up companies.

Two sheets. In the first each question has the letter of its kind, in the second the things it asks for, copied
from the question and joined by commas. Column 模板 names the template a question was made from: splits by it
test on wordings that were never trained on.

    python recipes/demo/make_finance_demo.py                # writes finance_demo.xlsx beside this file

Seeded: the same values every time. Templates are in the notation of `weitiao.data.corpus.document.say`:
``[a|b]`` is one of several wordings, ``{c}`` is filled (see `KINDS` and `_context`).
"""

# ruff: noqa: E501, SIM905 - a template or a list of words is read best on one line

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from weitiao.data.corpus import names
from weitiao.data.corpus.document import say

SEED = 20
ROWS_OF_TEMPLATE = {"分类": 2, "关键词": 5}
WORKBOOK = Path(__file__).with_name("finance_demo.xlsx")

BALANCE = (
    "货币资金 交易性金融资产 应收票据 应收账款 应收款项融资 预付款项 其他应收款 应收股利 存货 合同资产 持有待售资产 "
    "其他流动资产 流动资产合计 债权投资 长期应收款 长期股权投资 投资性房地产 固定资产 在建工程 工程物资 生产性生物资产 "
    "使用权资产 无形资产 开发支出 商誉 长期待摊费用 递延所得税资产 其他非流动资产 非流动资产合计 资产总额 短期借款 应付票据 "
    "应付账款 预收款项 合同负债 应付职工薪酬 应交税费 其他应付款 流动负债合计 长期借款 应付债券 租赁负债 预计负债 递延收益 "
    "递延所得税负债 非流动负债合计 负债总额 股本 资本公积 库存股 其他综合收益 专项储备 盈余公积 未分配利润 少数股东权益 净资产"
).split()
INCOME = (
    "营业总收入 营业收入 主营业务收入 其他业务收入 利息收入 营业总成本 营业成本 税金及附加 销售费用 管理费用 研发费用 财务费用 利息支出 "
    "其他收益 投资收益 公允价值变动收益 信用减值损失 资产减值损失 资产处置收益 营业利润 营业外收入 营业外支出 利润总额 所得税费用 "
    "净利润 扣非净利润 少数股东损益 综合收益总额 基本每股收益 稀释每股收益"
).split()
CASH = (
    "收到的税费返还 经营活动现金流入小计 购买商品支付的现金 支付的各项税费 经营活动现金流出小计 经营活动现金流量净额 "
    "收回投资收到的现金 投资支付的现金 投资活动现金流量净额 吸收投资收到的现金 取得借款收到的现金 偿还债务支付的现金 "
    "筹资活动现金流量净额 现金净增加额 期末现金余额"
).split()
ITEMS = [*BALANCE, *INCOME, *CASH]
RATIOS = (
    "资产负债率 流动比率 速动比率 现金比率 毛利率 净利率 营业利润率 营业成本率 净资产收益率 总资产报酬率 销售费用率 管理费用率 研发费用率 "
    "财务费用率 期间费用率 应收账款周转率 存货周转率 总资产周转率 权益乘数 产权比率 利息保障倍数 流动负债比率 有效税率 研发投入强度 "
    "股利支付率 净利润增长率 营业收入增长率 总资产增长率 净资产增长率 固定资产增长率 存货增长率 货币资金增长率 利润总额增长率 研发费用增长率"
).split()
EXPENSES = "销售费用 管理费用 研发费用 财务费用 税金及附加 利息支出".split()
FACTS = (
    "法定代表人 注册地址 办公地址 公司网址 电子信箱 证券代码 证券简称 外文名称 英文缩写 董事会秘书 证券事务代表 联系电话 传真号码 "
    "邮政编码 上市交易所 信息披露网站 统一社会信用代码 中文名称 成立日期 年报备置地点"
).split()
STAFF = (
    "生产人员 销售人员 技术人员 研发人员 财务人员 行政人员 采购人员 质检人员 售后人员 管理人员 博士员工 硕士员工 本科员工 大专员工 "
    "高中及以下员工 离退休职工 在职员工 派遣员工"
).split()
TOPICS = (
    "主营业务 经营模式 行业地位 核心竞争力 重大诉讼 关联交易 对外担保 募集资金使用 股权激励 内部控制 社会责任 环境保护 分红政策 研发投入 "
    "销售渠道 主要客户 供应商集中度 产能利用 安全生产 数字化转型 海外业务 品牌建设 人才培养 存货管理 风险因素 发展战略 资产重组 会计估计变更"
).split()
TERMS = (
    "商誉 公允价值 现金等价物 合同负债 关联方 非经常性损益 库存股 盈余公积 政府补助 融资租赁 债务重组 持续经营 存货跌价准备 坏账准备 "
    "资本公积 综合收益 审计意见 独立董事 控股股东 实际控制人 可转换债券 摊余成本 递延收益 预计负债 永续债 股份回购 套期保值 资本化支出"
).split()
CITIES = "南京 杭州 成都 武汉 西安 苏州 长沙 青岛 厦门 合肥 宁波 郑州 福州 济南 昆明 沈阳".split()

#: Slots and the lists they are dealt from. Slots of one question are never filled alike.
KINDS: dict[str, str] = {
    **dict.fromkeys("ijk", "items"), "b": "balance", "v": "income", "x": "cash", "e": "expenses",
    **dict.fromkeys("rs", "ratios"), **dict.fromkeys("fg", "facts"), **dict.fromkeys("pq", "staff"), "o": "topics",
    **dict.fromkeys("mw", "terms"), **dict.fromkeys("tu", "cities"),
}  # fmt: skip
LISTS = {
    "items": ITEMS, "balance": BALANCE, "income": INCOME, "cash": CASH, "expenses": EXPENSES, "ratios": RATIOS,
    "facts": FACTS, "staff": STAFF, "topics": TOPICS, "terms": TERMS, "cities": CITIES,
}  # fmt: skip
#: Slots that are the answer in the sheet of keywords.
ASKED = frozenset(KINDS) - set("tu")

CLASSES: dict[str, tuple[str, ...]] = {
    "A": (  # facts about the company
        "{c}{y}年的{f}是什么[？|?]",
        "请告诉我{c}在{y}年年报里登记的{f}[。|]",
        "我想查{c}的{f}，以{y}年[年报|的报告]为准。",
        "{c}{y}年和{y2}年的{f}一样吗？",
        "{y}年{c}的{f}和{g}分别是什么？",
        "从{y}年到{y3}年，{c}的法定代表人[有没有换过|换过人吗]？",
        "翻开{c}{y}年的年度报告，[上面|首页]写的{f}是什么[？|?]",
        "{y}年，{c}对外公布的{f}[是哪个|是什么|怎么写]？",
        "和{y}年相比，{c}{y2}年的{f}变了没有？",
        "要给{c}寄材料，{y}年年报上的办公地址和邮政编码[各|分别]是什么？",
        "{y}年担任{c}法定代表人的是哪一位[？|?]",
        "{c}的{f}在{y}年[有没有|是否]改过？",
        "告诉我{y}年{c}的{f}。",
        "{c}{y}年年报封面上的{f}写的是哪个？",
        "{y}年的年报里，{c}的{f}登记为什么？",
        "怎样联系{c}？请给出{y}年的联系电话和电子信箱。",
        "{c}在{y}年用的{f}是不是和{y2}年的一致？",
        "我要核对{c}的{f}，请按{y}年年报回答。",
        "{y}年{c}的董事会秘书叫什么名字[？|?]",
        "{c}{y}年在哪个交易所上市？",
        "请查找{c}的{f}和{g}，年份是{y}年。",
        "{c}{y}年的网址[是多少|是什么]？",
        "{y}年末{c}的{f}登记的是什么内容？",
        "麻烦提供{c}的{f}（{y}年）。",
        "{c}公司{y}年的{f}，请直接写出来。",
        "投资者想知道{c}{y}年的{f}是什么。",
        "{y}年{c}的注册地址搬到哪里去了？",
        "在{y}年年报的公司简介里，{c}的{f}是怎么写的？",
    ),
    "B": (  # staff
        "{c}{y}年有多少名{p}[？|?]",
        "{y}年末{c}的{p}一共[有|是]多少人？",
        "请说出{c}{y}年{p}和{q}各有几人。",
        "{c}{y}年年报披露的{p}人数是多少[？|?]",
        "{y}年{c}的员工按岗位怎么分，{p}有几个？",
        "{c}{y}年员工的[学历|专业|年龄]构成是怎样的？",
        "{y}年到{y2}年，{c}的{p}多了还是少了[|几个人]？",
        "我想了解{c}{y}年[的|]{p}规模，给个人数就行。",
        "{c}在{y}年领取薪酬的员工[总共|]有多少？",
        "截至{y}年底，在{c}工作的{p}有多少位？",
        "{c}的{y}年年报里，{p}这一栏填的人数是[？|]",
        "{c}{y}年[员工|职工]总数是多少人？",
        "{y}年{c}拥有{p}几名？",
        "{c}{y}年的{p}比{y2}年少几个人吗？",
        "请列出{c}{y}年各类员工的人数。",
        "{c}在{y}年雇了多少{p}？",
        "{y}年底，{c}的{p}与{q}加起来有多少人？",
        "{c}的{p}，{y}年是几位？",
        "请问{y}年{c}有几位{p}[？|?]",
        "{c}{y}年的队伍里有多少{p}？",
        "{y}年{c}[在岗|在职]的{p}人数，请告诉我。",
        "按年报披露，{c}{y}年{p}的数量是多少？",
        "{c}{y}年母公司和子公司在职员工合计多少人？",
        "{y}年{c}{p}的人数变化了多少人？",
        "查询{c}{y}年的{p}人数。",
        "{c}{y}年有没有{p}，有多少人？",
        "{y}年{c}的{p}和{q}哪个人数多？",
        "{c}{y}年需要承担费用的离退休职工有多少人？",
    ),
    "C": (  # items of the statements
        "{c}{y}年的{i}是多少元[？|?]",
        "{y}年{c}的{i}和{j}各是多少？",
        "请给出{c}{y}年{i}的[金额|具体金额]。",
        "查一下{c}{y}年[报表|年报]里的{i}[。|]",
        "{c}在{y}年和{y2}年的{i}分别为多少[？|?]",
        "截至{y}年末，{c}账上的{b}有多少？",
        "{y}年度{c}[披露|公布]的{i}为多少元？",
        "麻烦报一下{c}{y}年的{i}，单位[用|是]万元。",
        "按照{y}年年报，{c}的{i}达到多少元[？|?]",
        "{c}{y}年{b}的期末余额是多少？",
        "{y}年{c}的合并报表中，{i}填的是什么数？",
        "{c}{y}年{i}有多少钱？",
        "我要{c}{y}年{i}的数。",
        "{y}年{c}的{i}是几亿元？",
        "{c}的{i}在{y}年是多少万元[？|?]",
        "{y}年，{c}的现金流量表上{x}为多少元？",
        "{c}{y}年的利润表里，{v}是多少？",
        "请问{c}{y}年的{i}金额。",
        "{y}年末{c}的{b}余额为多少？",
        "{c}{y}年的{i}、{j}分别是多少元？",
        "告诉我{y}年{c}{i}的数额。",
        "{c}{y}年年报上的{i}写着多少元？",
        "帮忙找出{c}{y}年的{i}，以元为单位。",
        "{c}{y}年实现的{v}是多少元？",
        "查询{y}年{c}的{b}和{v}。",
        "{c}{y}年{i}的账面金额有多大？",
        "{y}年{c}{x}这一项是多少元？",
        "根据资产负债表，{c}{y}年的{b}为多少元？",
    ),
    "D": (  # figures that must be computed
        "{c}{y}年的{r}是多少？保留[两|2]位小数。",
        "请计算{c}{y}年的{r}[。|]",
        "{y}年{c}的{e}占营业收入的[比例|比重]是多少？",
        "{c}{y}年的{i}比上一年增长了百分之几[？|?]",
        "按年报数据算一算，{y}年{c}的{r}有多高？",
        "{c}{y}年{p}占员工总数的百分比是多少？",
        "{y}年与{y2}年{c}的{r}各是多少，结果用百分数表示。",
        "求{c}{y}年的{r}，[四舍五入到|精确到]小数点后两位。",
        "{c}{y}年{i}的同比增幅是多少[？|?]",
        "{y}年{c}的{r}和{s}分别算出来是多少？",
        "用{y}年的数据，{c}的{r}等于多少？",
        "{c}{y}年的{r}[有多高|是几成]？",
        "算出{c}{y}年的{r}，写成百分数。",
        "{y}年{c}的{r}为百分之多少？",
        "{c}{y}年{e}占营业总收入的比率是多少？",
        "{y}年{c}的{i}增长率是多少[？|?]",
        "{c}{y}年的{r}保留两位小数等于多少？",
        "{c}的{r}，{y}年比{y2}年高几个百分点？",
        "{y}年{c}{p}在全体员工中的占比是多少？",
        "请用公式求出{c}{y}年的{r}。",
        "{c}{y}年{i}相对上年的变动幅度是多少？",
        "想知道{c}{y}年{r}的计算结果。",
        "{y}年{c}的{e}与营业收入之比是多少？",
        "{c}{y}年{b}占总资产的比例是多少？",
        "计算并回答：{y}年{c}的{r}。",
        "{c}{y}年的{r}算下来是多少，精确到0.01%。",
        "{y}年{c}{v}的同比增长率是多少？",
        "根据年报数据，求出{c}{y}年{i}的增长速度。",
    ),
    "E": (  # statistics over companies
        "{y}年注册在{t}的上市公司中，{i}最高的是哪一家[？|?]",
        "{y}年{i}排在前{n}名的公司有哪些？",
        "{y}年{t}的上市公司{i}的[平均值|中位数]是多少？",
        "{i}超过{a}的上市公司，{y}年一共有几家[？|?]",
        "把{y}年{t}和{u}的公司按{i}从大到小排，第{n}名是谁？",
        "{y}年所有上市公司的{i}合计是多少元？",
        "{y}年{p}最多的{n}家公司是哪些[？|?]",
        "在{t}注册的企业里，{y}年{i}低于{a}的有多少家？",
        "{y}年{t}和{u}两地的上市公司，哪边的{i}总和更大？",
        "列出{y}年{r}最低的{n}家公司[|的名称]。",
        "{y}年有几家公司的{i}和{j}都高于{a}？",
        "{y}年哪家上市公司的{i}最多？",
        "请按{i}给{t}的公司排名，{y}年前{n}名是谁？",
        "{y}年{i}最低的{n}家上市公司是谁[？|?]",
        "统计{y}年{t}上市公司的数量。",
        "{y}年{i}在{a}以上的企业有多少家？",
        "{t}的上市公司{y}年{i}之和是多少元？",
        "{y}年{p}超过1000人的公司有几家？",
        "找出{y}年{r}最高的{n}家企业。",
        "{y}年有多少家公司注册在{t}？",
        "{y}年{t}上市公司里，{i}第{n}高的是哪家？",
        "全部上市公司{y}年{i}的平均数是多少？",
        "{y}年{i}高于{a}并且在{t}注册的公司有哪些？",
        "请问{y}年{u}和{t}哪个城市的上市公司更多？",
        "{y}年{i}为负数的公司共有多少家？",
        "把{y}年所有公司按{p}人数排序，列出前{n}家。",
        "{y}年{i}介于500万元和{a}之间的公司有几家？",
        "{t}有几家上市公司{y}年的{i}不到{a}？",
    ),
    "F": (  # open questions
        "请介绍一下{c}{y}年的{o}[情况|]。",
        "什么是{m}[？|?]",
        "{c}{y}年的{o}怎么样，请作简要分析。",
        "{m}的变化对企业有什么影响？",
        "根据{y}年年报，说说{c}的{o}[|情况]。",
        "[如何|怎样]理解{m}？",
        "{y}年{c}在{o}方面做了[哪些工作|什么]？",
        "为什么投资者要关注{m}[？|?]",
        "{m}和{w}有什么区别？",
        "结合同行业情况，评价{c}{y}年的{o}。",
        "{c}{y}年年报对{o}是怎样描述的？",
        "解释一下{m}这个概念[。|]",
        "{c}{y}年的{o}有哪些特点？",
        "请概括{c}{y}年{o}的内容。",
        "{m}是什么意思[？|?]",
        "谈谈你对{c}{y}年{o}的看法。",
        "{m}一般包括哪些内容？",
        "{c}{y}年为什么重视{o}？",
        "简述{y}年{c}的{o}。",
        "从{o}来看，{c}{y}年的经营状况如何？",
        "{m}对股东来说意味着什么？",
        "请用通俗的话说明{m}。",
        "{c}在{y}年的{o}存在哪些问题？",
        "分析{c}{y}年{o}的主要变化及原因。",
        "企业应当怎样处理{m}？",
        "{y}年{c}面临的{o}压力体现在哪里？",
        "请总结{c}{y}年年报中关于{o}的要点。",
        "哪些因素会影响{m}？",
    ),
}
KEYWORDS = (
    # one item of the statements
    "{c}{y}年的{i}是多少[？|?]", "请提供{c}{y}年{i}的数据。", "{y}年，{c}的{i}为多少元？", "想知道{c}在{y}年的{i}[。|]",
    "{c}{y}年年报披露的{i}是几万元？", "帮我查{y}年{c}的{i}，精确到[元|分]。", "截至{y}年末，{c}的{b}余额是多少？",
    "{c}{y}年{i}有没有超过{a}？", "{y}年报里{c}的{i}这一项填了多少？", "{c}的{i}，{y}年和{y2}年各多少？",
    "对比{y}年，{c}{y2}年的{i}增加了吗？", "{h}问：{c}{y}年的{i}[到底|]是多少？", "位于{t}的{c}，{y}年{i}是多少？",
    "在{c}{y}年的现金流量表中，{x}是多少元？", "{c}{y}年利润表上的{v}是多少[？|?]", "{y}年末{c}资产负债表里{b}记了多少？",
    "麻烦把{c}{y}年的{i}发给我[。|]", "单位万元，{c}{y}年{i}是多少？", "先看{i}：{c}{y}年是多少？",
    "关于{i}，{c}在{y}年的年报里怎么写？",
    # two or three
    "{c}{y}年的{i}和{j}分别是多少[？|?]", "{y}年{c}的{i}、{j}各是多少元？", "请同时给出{c}{y}年的{i}与{j}。",
    "{c}{y}年{i}是多少，{j}又是多少？", "除了{i}，{c}{y}年的{j}也请列出来。", "{c}{y}年的{i}高还是{j}高？",
    "{y}年{c}的{i}以及{j}有多少？", "{c}{y}年{i}减去{j}还剩多少？", "{c}{y}年的{e}、{v}和{x}分别是多少？",
    "需要{c}{y}年三个数：{b}，{v}，{x}。",
    # ratios
    "{c}{y}年的{r}是多少？保留[两|2]位小数。", "请计算{y}年{c}的{r}[。|]", "{c}在{y}年的{r}达到百分之几？",
    "算一下{c}{y}年的{r}和{s}。", "{y}年{c}的{r}与上一年相比如何[？|?]", "{c}{y}年{r}的计算结果是多少，写成百分数。",
    "根据年报，{c}{y}年{r}是升了还是降了？", "以{y}年数据为准，{c}的{r}等于多少？",
    # facts about the company
    "{c}{y}年的{f}是什么[？|?]", "请告诉我{c}的{f}，以{y}年为准。", "{y}年{c}登记的{f}和{g}是什么？",
    "{c}{y}年与{y2}年的{f}是否一致？", "{c}的{f}在{y}年有没有变更[？|?]", "年报第一页上，{c}{y}年的{f}写的是什么？",
    "怎么找到{c}{y}年的{f}？",
    # staff
    "{c}{y}年{p}有多少人[？|?]", "{y}年末，{c}的{p}和{q}各有几名？", "{c}{y}年一共有几位{p}？", "请统计{c}{y}年的{p}数量。",
    "{p}方面，{c}{y}年有多少人？", "{c}{y}年的{p}比{q}多多少？",
    # statistics
    "{y}年{t}的上市公司里，{i}最高的是哪家[？|?]", "{y}年{i}排名前{n}的公司是哪些？", "注册在{t}的企业，{y}年{i}的平均值是多少？",
    "{y}年{i}超过{a}的公司有几家？", "{y}年{t}和{u}的公司中，{i}最低的{n}家叫什么？", "所有公司{y}年的{i}加起来是多少？",
    "{y}年{t}有哪些公司的{i}和{j}都高于{a}？",
    # open questions
    "什么是{m}[？|?]", "请简要分析{c}{y}年的{o}。", "{m}对公司有什么意义？", "根据{y}年年报，{c}的{o}是怎样的？",
    "{m}和{w}有什么区别？", "请描述{c}{y}年{o}的情况。", "为什么要披露{m}[？|?]", "{c}{y}年在{o}上有什么变化？",
)  # fmt: skip

HEADERS = {"分类": ("编号", "模板", "问题", "类别"), "关键词": ("编号", "模板", "问题", "关键词")}
_WIDTHS = (8, 9, 62, 30)
_SLOT = re.compile(r"\{(\w+)\}")
Row = tuple[int, str, str, str]


@dataclass
class Deck:
    """Deals the words of a list in random order, each once before any comes again."""

    words: Sequence[str]
    rng: Random

    def __post_init__(self) -> None:
        self._left: list[str] = []

    def deal(self, taken: set[str]) -> str:
        """A word that is not in ``taken``."""
        if not set(self._left) - taken:
            self._left = self.rng.sample(self.words, len(self.words)) + self._left
        at = max(n for n, word in enumerate(self._left) if word not in taken)
        return self._left.pop(at)


class Writer:
    """Fills templates."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._decks = {name: Deck(words, self._rng) for name, words in LISTS.items()}

    def fill(self, template: str) -> tuple[str, list[str]]:
        """A question, and what it asks for in the order of the question."""
        slots = list(dict.fromkeys(_SLOT.findall(template)))
        values = self._context()
        for slot in slots:
            if slot in KINDS:
                taken = {values[other] for other in slots if other in values}
                values[slot] = self._decks[KINDS[slot]].deal(taken)
        question = say(self._rng, template, **values)
        return question, [values[slot] for slot in slots if slot in ASKED]

    def _context(self) -> dict[str, str]:
        rng = self._rng
        year = rng.randint(2017, 2022)
        amount = rng.choice(("500万元", "3000万元", "8000万元", "1亿元", "2.5亿元", "10亿元", "5000000元"))
        return {
            "c": names.company(rng), "y": str(year), "y2": str(year + 1), "y3": str(year + 2), "a": amount,
            "n": rng.choice(("三", "五", "八", "十", "3", "5", "10")), "h": names.person(rng),
        }  # fmt: skip

    def number(self, rows: list[tuple[str, str, str]], num_twice: int) -> list[Row]:
        """Shuffled and numbered; a few questions came in twice, as they do."""
        rows = rows + self._rng.sample(rows, num_twice)
        return [(number, *row) for number, row in enumerate(self._rng.sample(rows, len(rows)), start=1)]


def make_rows() -> dict[str, list[Row]]:
    """The rows of each sheet, without the header."""
    writer = Writer(SEED)
    kinds: list[tuple[str, str, str]] = []
    lettered = [(letter, template) for letter, templates in CLASSES.items() for template in templates]
    # The parts of a split hang on these names: with M-1, M-2, ... and seed 7 every class is in every part.
    for number, (letter, template) in enumerate(lettered, start=1):
        filled = (writer.fill(template)[0] for _ in range(ROWS_OF_TEMPLATE["分类"]))
        kinds += [(f"M-{number}", question, letter) for question in filled]
    words: list[tuple[str, str, str]] = []
    for number, template in enumerate(KEYWORDS, start=1):
        for _ in range(ROWS_OF_TEMPLATE["关键词"]):
            question, asked = writer.fill(template)
            words.append((f"K{number:02d}", question, ",".join(asked)))
    return {"分类": writer.number(kinds, 2), "关键词": writer.number(words, 3)}


def write_workbook(path: Path) -> None:
    """Write the workbook; it appears whole or not at all."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill

    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in make_rows().items():
        sheet = workbook.create_sheet(title)
        sheet.append(HEADERS[title])
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            cell.fill = PatternFill("solid", fgColor="DDE7F3")
            cell.alignment = Alignment(horizontal="center")
        for column, width in zip("ABCD", _WIDTHS, strict=True):
            sheet.column_dimensions[column].width = width
        sheet.freeze_panes = "A2"
        sheet.auto_filter.ref = sheet.dimensions
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.xlsx")
    try:
        workbook.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main() -> None:
    """Write the workbook from the command line."""
    parser = argparse.ArgumentParser(description="Write the demo workbook.")
    parser.add_argument("--out", type=Path, default=WORKBOOK, help="default: %(default)s")
    write_workbook(parser.parse_args().out)


if __name__ == "__main__":
    main()
