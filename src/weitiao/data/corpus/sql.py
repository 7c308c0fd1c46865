"""Questions and SQL (SQLite dialect) over made-up tables that the prompt describes."""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from weitiao.data.corpus import names, reports
from weitiao.data.corpus.document import Document, chat, say
from weitiao.data.corpus.names import pick


@dataclass(frozen=True, slots=True)
class Table:
    """A made-up table: a name, text columns with their makers, number columns."""

    name: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def ddl(self) -> str:
        """The CREATE statement."""
        columns = [f"{column} TEXT" for column in self.texts] + [f"{column} REAL" for column in self.numbers]
        return f"CREATE TABLE {self.name} ({', '.join(columns)});"


_VALUES = {
    "公司名称": names.company_full, "公司简称": names.company_short, "注册城市": names.city, "城市": names.city, "年份": lambda rng: str(rng.randint(2015, 2024)),
    "姓名": names.person, "负责人": names.person, "酒店名称": names.hotel, "商品": lambda rng: pick(rng, names.THINGS), "订单号": names.code,
    "name": names.person_en, "city": lambda rng: pick(rng, names.CITIES_EN), "company": names.company_en, "item": lambda rng: pick(rng, names.WORDS_EN),
}  # fmt: skip
_SHAPES = (
    (
        ("公司年报", "年报数据", "company_report", "report", "财务表"),
        ("公司名称", "注册城市", "年份"),
        reports.ITEMS,
    ),
    (("公司年报", "finance", "上市公司"), ("公司简称", "年份"), reports.ITEMS),
    (("员工", "staff", "职工表"), ("姓名", "城市"), ["年龄", "工资", "工龄", "奖金", "绩效分"]),
    (("酒店", "hotel", "酒店信息"), ("酒店名称", "城市"), ["价格", "评分", "房间数", "评论数"]),
    (("订单", "orders", "销售记录"), ("订单号", "商品", "负责人", "城市"), ["数量", "单价", "金额", "折扣"]),
    (("people", "employees"), ("name", "city"), ["age", "salary", "score", "height"]),
    (("sales", "orders_en"), ("item", "company", "city"), ["price", "quantity", "discount", "total"]),
)
_BAD = "、（），"


def table(rng: Random) -> Table:
    """A table with two to five number columns."""
    titles, texts, numbers = _SHAPES[int(rng.random() * len(_SHAPES))]
    usable = [column for column in numbers if not any(mark in column for mark in _BAD)]
    return Table(pick(rng, titles), texts, tuple(rng.sample(usable, rng.randint(2, min(5, len(usable))))))


def _query(rng: Random, source: Table) -> tuple[str, str]:
    """A question about the table and its SQL."""
    english = source.texts[0].isascii()
    key = pick(rng, source.texts)
    value, number, other = _VALUES[key](rng), pick(rng, source.numbers), pick(rng, source.numbers)
    first, limit, bound = source.texts[0], rng.randint(1, 10), rng.randint(1, 1000) * 10
    top, down = (("最高", "DESC"), ("最低", "ASC"))[rng.random() < 0.4]
    en_top = "highest" if down == "DESC" else "lowest"
    agg, zh, en = (
        ("AVG", "平均", "average"),
        ("SUM", "总", "total"),
        ("MAX", "最大", "largest"),
        ("MIN", "最小", "smallest"),
    )[int(rng.random() * 4)]
    slots = {
        "k": key,
        "v": value,
        "n": number,
        "o": other,
        "f": first,
        "l": str(limit),
        "b": str(bound),
        "t": source.name,
        "T": top,
        "z": zh,
        "e": en,
        "E": en_top,
    }
    form = int(rng.random() * 6)
    ask_zh, ask_en, query = (
        ("[{k}为{v}的|{v}的]{n}[是多少|是]？", "What is the {n} [where|when] {k} is {v}?", f"SELECT {number} FROM {source.name} WHERE {key} = '{value}'"),
        ("{k}[是|为]{v}的[有多少条|记录有几条|共有多少][？|?]", "How many rows have {k} {v}?", f"SELECT COUNT(*) FROM {source.name} WHERE {key} = '{value}'"),
        ("{n}{T}的[前|]{l}个{f}[是哪些|有哪些|是][？|]", "Which {l} {f} have the {E} {n}?", f"SELECT {first} FROM {source.name} ORDER BY {number} {down} LIMIT {limit}"),
        ("{k}为{v}的{z}{n}[是多少|为多少]？", "What is the {e} {n} for {k} {v}?", f"SELECT {agg}({number}) FROM {source.name} WHERE {key} = '{value}'"),
        ("[列出|查询|找出]{n}[大于|超过|高于]{b}的{f}[和{n}|]", "List the {f} with {n} above {b}", f"SELECT {first}, {number} FROM {source.name} WHERE {number} > {bound}"),
        ("[按|每个]{k}[统计|计算|的]{z}{n}", "The {e} {n} [by|per] {k}", f"SELECT {key}, {agg}({number}) FROM {source.name} GROUP BY {key}"),
    )[form]  # fmt: skip
    ask = say(rng, ask_en if english else ask_zh, **slots)
    if form == 4:
        query = (
            f"SELECT {first} FROM {source.name} WHERE {number} > {bound}"
            if f"和{number}" not in ask
            else query
        )
    if rng.random() < 0.5 and form in (0, 1):
        ask += say(
            rng,
            " [Only where {o} is above {b}.]" if english else "[只看{o}大于{b}的|（{o}超过{b}）]",
            o=other,
            b=str(bound),
        )
        query += f" AND {other} > {bound}"
    return ask, query


def nl2sql(rng: Random) -> Document:
    """A question, the table, and the query."""
    source = table(rng)
    ask, query = _query(rng, source)
    if rng.random() < 0.5:
        shown = source.ddl
    else:
        shown = say(
            rng,
            "[表名|数据表|表]：{t}\n[字段|列名|列]：{c}",
            t=source.name,
            c=pick(rng, (", ", "、", ",", "，")).join((*source.texts, *source.numbers)),
        )
    order = say(
        rng,
        "[请|][[根据|按照][表结构|数据表|表的字段]|][写出|生成|写][SQL|SQL语句|查询语句|sqlite语句|对应的SQL][。只输出SQL。|：|。|，不要解释]",
    )
    if source.texts[0].isascii() and rng.random() < 0.7:
        order = say(rng, "[Write|Give] [the SQL query|a SQLite query|SQL][.| for the question.|. SQL only.]")
    body = say(rng, "[问题：|问：|Q: |]{a}", a=ask)
    parts = [[order, shown, body], [shown, body, order], [shown, order, body], [body, shown, order]]
    user = "\n".join(parts[int(rng.random() * 4)])
    return chat("nl2sql", user, query + (";" if rng.random() < 0.3 else ""), spans=(source.name,))


def schema(document: Document) -> Table | None:
    """The table that a document of ``nl2sql`` describes by a CREATE statement, else None (for tests)."""
    content = document.messages[0].content if document.messages else ""
    if "CREATE TABLE " not in content:
        return None
    head, _, rest = content.split("CREATE TABLE ", 1)[1].partition(" (")
    columns = [column.split(" ") for column in rest.split(");", 1)[0].split(", ")]
    return Table(
        head,
        tuple(n for n, kind in columns if kind == "TEXT"),
        tuple(n for n, kind in columns if kind == "REAL"),
    )
