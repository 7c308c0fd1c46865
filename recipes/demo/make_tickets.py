"""Write the workbook of the tutorial "an Excel file becomes a data set": tickets of a made-up shop, kept by hand.

Two sheets, one a month. It has what such files have: rows copied twice, one text in two classes, labels with a stray
full stop, cells with an error of the spreadsheet, an empty label, telephone numbers in texts.

    python recipes/demo/make_tickets.py                # writes tickets.xlsx beside this file

Seeded: the same values every time.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from random import Random

WORKBOOK = Path(__file__).with_name("tickets.xlsx")
SEED = 4
HEAD = ("工单号", "客户", "内容", "类别")
GOODS = ("电饭煲", "台灯", "耳机", "书包", "雨伞", "保温杯", "键盘", "运动鞋", "扫地机", "风扇")
SAYINGS = {
    "物流": (
        "{goods}三天没有更新物流了，到哪儿了？",
        "显示签收，可是我没有拿到{goods}。",
        "{goods}的收货地址写错了，还能改吗？",
        "催一下{goods}，说好昨天到的。",
        "{goods}送到驿站了，能不能送上门？",
    ),
    "退款": (
        "{goods}不想要了，怎么退？",
        "{goods}退回去一周了，钱还没有到账。",
        "{goods}降价了，可以退差价吗？",
        "取消了{goods}的订单，优惠券会退吗？",
        "退{goods}的运费谁出？",
    ),
    "账户": (
        "登录不上去，买{goods}的订单看不到。",
        "密码忘了，没法付{goods}的款。",
        "换了手机号，怎么查{goods}的订单？",
        "买{goods}的积分没有到账。",
        "付{goods}的时候说账户有风险。",
    ),
    "商品": (
        "{goods}用了两天就坏了。",
        "收到的{goods}颜色和图片不一样。",
        "{goods}少了一个配件。",
        "{goods}有没有大一号的？",
        "{goods}的说明书看不懂，怎么用？",
    ),
}
Row = tuple[str, str, str, str]


def tickets(rng: Random) -> list[Row]:
    """A row for each saying and goods, shuffled; 60 customers."""
    pairs = [(label, saying) for label, sayings in SAYINGS.items() for saying in sayings]
    rows = [
        (f"客户{rng.randrange(60) + 1:02d}", saying.format(goods=goods), label)
        for (label, saying), goods in product(pairs, GOODS)
    ]
    rng.shuffle(rows)
    return [(f"T{number:04d}", *row) for number, row in enumerate(rows, start=1)]


def by_hand(rows: list[Row], rng: Random) -> list[Row]:
    """The same with what happens to a table that people keep: see the top of the file."""
    made = list(rows)

    def change(number: int, **cells: str) -> None:
        made[number] = tuple(cells.get(name, cell) for name, cell in zip(HEAD, made[number], strict=True))  # type: ignore[assignment]

    places = rng.sample(range(len(rows)), 20)
    for k in places[:4]:
        change(k, 类别=f"{made[k][3]}。")
    for k in places[4:6]:
        change(k, 类别="#N/A")
    change(places[6], 类别="")
    for k in places[7:9]:
        change(k, 内容=f"{made[k][2]}我的电话是139{rng.randrange(10**7, 10**8)}。")
    for k in places[9:12]:  # somebody else labelled the same text in another way
        other = rng.choice([label for label in SAYINGS if label != made[k][3]])
        made.append((f"T{len(made) + 1:04d}", f"客户{rng.randrange(60) + 1:02d}", made[k][2], other))
    for k in places[12:18]:  # copied twice
        made.append((f"T{len(made) + 1:04d}", *made[k][1:]))
    return made


def write(path: Path) -> None:
    """Write the workbook; two thirds of the rows are of the first month."""
    from openpyxl import Workbook

    rng = Random(SEED)
    rows = by_hand(tickets(rng), rng)
    book = Workbook()
    book.remove(book.worksheets[0])
    cut = len(rows) * 2 // 3
    for name, part in (("三月", rows[:cut]), ("四月", rows[cut:])):
        sheet = book.create_sheet(name)
        sheet.append(HEAD)
        for row in part:
            sheet.append(row)
        for column, width in zip("ABCD", (10, 10, 44, 8), strict=True):
            sheet.column_dimensions[column].width = width
    book.save(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=WORKBOOK)
    write(parser.parse_args().out)


if __name__ == "__main__":
    main()
