"""Forms and texts that give the label away are found, each kind; nothing is found where nothing tells."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.check.test_families import codes, findings_of, of
from weitiao.data.check.giveaway import frequent_texts

LETTERS = "公司报告收入利润资产现金流量年度分析问题方法影响评价管理风险控制内部投资项目研究开发技术人员"
Make = Callable[[random.Random, int], str]


def text(rng: random.Random, shortest: int = 15, longest: int = 40) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(shortest, longest)))


SPOILT: dict[str, Make] = {
    "tag in front": lambda rng, k: f"[{'NSAP'[k]}] {text(rng)}",
    "source in front": lambda rng, k: f"来源：{('新华', '人民', '光明', '中国')[k]}网。{text(rng)}",
    "mark behind": lambda rng, k: text(rng) + "。！？…"[k],
    "word behind": lambda rng, k: text(rng) + ("（完）", "（编）", "（记）", "（者）")[k],
    "length": lambda rng, k: text(rng, 10 + 20 * k, 25 + 20 * k),
    "separator inside": lambda rng, k: f"{text(rng)}{',;|/'[k]}{text(rng)}",
    "mark of one class": lambda rng, k: ("★" if k == 2 else "") + text(rng),
    "text of one class": lambda rng, k: text(rng) + ("【广告】" if k == 2 else "") + text(rng),
}


def rows_of(make: Make, rng: random.Random) -> list[dict[str, str]]:
    kinds = [rng.randrange(4) for _ in range(300)]
    return [{"q": make(rng, kind), "a": f"类{'甲乙丙丁'[kind]}"} for kind in kinds]


@pytest.mark.parametrize("kind", SPOILT)
def test_each_kind_is_found(kind: str, tmp_path: Path) -> None:
    finding = of(findings_of(tmp_path, rows_of(SPOILT[kind], random.Random(kind))), "give_away")
    assert finding.severity == ("warning" if "of one class" in kind else "serious")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_tells(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    assert "give_away" not in codes(findings_of(tmp_path, rows_of(lambda rng, _: text(rng), rng)))


def test_a_label_that_is_a_word_of_the_prompt_gives_nothing_away(tmp_path: Path) -> None:
    places = ("东门变电站", "西郊开关站", "南山配电房")
    rng = random.Random(1)
    rows = [
        {"q": f"{text(rng, 4, 9)}{place}{text(rng, 4, 9)}", "a": place} for place in places for _ in range(40)
    ]
    assert "give_away" not in codes(findings_of(tmp_path, rows))


def test_empty_targets_are_no_class(tmp_path: Path) -> None:
    rng = random.Random(2)
    rows = [{"q": text(rng), "a": "甲乙"[k % 2] if k % 10 else ""} for k in range(100)]
    found = findings_of(tmp_path, rows)
    assert set(of(found, "class_balance").numbers["labels"]) == {"甲", "乙"}
    empty = of(found, "empty")
    assert (empty.severity, empty.count) == ("serious", 10)


@given(
    st.lists(st.tuples(st.text(alphabet="abc", max_size=8), st.sampled_from("xy")), max_size=20),
    st.integers(1, 4),
)
def test_frequent_texts_are_those_that_counting_all_pieces_gives(
    rows: list[tuple[str, str]], least: int
) -> None:
    texts, labels = [row[0] for row in rows], [row[1] for row in rows]
    counts: dict[str, Counter[str]] = {}
    for one, label in rows:
        for piece in {one[i:j] for i in range(len(one)) for j in range(i + 1, min(i + 4, len(one) + 1))}:
            counts.setdefault(piece, Counter())[label] += 1
    expected = {piece: by_label for piece, by_label in counts.items() if by_label.total() >= least}
    assert frequent_texts(texts, labels, least=least, longest=3) == expected


def test_words_at_the_end_that_the_label_is_about_are_no_form(tmp_path: Path) -> None:
    items = {
        "营业收入": "甲",
        "净利润": "甲",
        "货币资金": "甲",
        "毛利率": "乙",
        "增长率": "乙",
        "负债比": "乙",
        "法定代表人": "丙",
    }
    rng = random.Random(4)
    rows = [{"q": f"{text(rng)}的{item}", "a": label} for item, label in items.items() for _ in range(30)]
    finding = of(findings_of(tmp_path, rows), "give_away")
    assert (finding.severity, set(finding.numbers["texts"])) == ("note", {"丙"})
