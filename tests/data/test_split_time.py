"""Splits by time: what can be read, where the cuts are, and who stands behind them."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import SplitConfig
from weitiao.config.split import TIME_FIELD
from weitiao.config.steps import FIELDS
from weitiao.data.split import assign, plan_split
from weitiao.data.split_time import TimeReader, read_date, read_number
from weitiao.errors import DataError
from weitiao.types import Example, Message, Origin, content_id


def dated(time: str, n: int, group: str | None = None) -> Example:
    messages = (Message("user", f"question {n}"), Message("assistant", "a", train=True))
    return Example(
        content_id(messages), messages, group or f"g{n}", Origin("a.csv", n + 2), {FIELDS: {TIME_FIELD: time}}
    )


def config_of(**more: Any) -> SplitConfig:
    return SplitConfig.model_validate({"by": "time", "time": "t", "dev": 0.2, "test": 0.2, **more})


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2021", "2021-01-01"),
        ("2021年", "2021-01-01"),
        ("2021-03", "2021-03-01"),
        ("202103", "2021-03-01"),
        ("2021年3月", "2021-03-01"),
        ("2021年 3月 4日", "2021-03-04"),
        ("2021/3/4", "2021-03-04"),
        ("2021.03.04", "2021-03-04"),
        ("20210304", "2021-03-04"),
        (" 2021-03-04 ", "2021-03-04"),
        ("2021-03-04T00:00:00", "2021-03-04"),
        ("2021-03-04T08:00+08:00", "2021-03-04"),
        ("2021-03-03 23:00:00 -01:00", "2021-03-04"),
        ("2021-03-04T12:30:15.5Z", "2021-03-04T12:30:15.5"),
    ],
)
def test_ways_to_write_a_date(text: str, same: str) -> None:
    moment = datetime.datetime.fromisoformat(same)
    seconds = (moment - datetime.datetime.min).total_seconds() + 86400
    assert read_date(text) == read_date(same) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "2021-13", "2021-02-30", "21-03-04", "2021-03-04 25:00", "12", "3.5"]
)
def test_what_is_no_date(text: str) -> None:
    assert math.isnan(read_date(text))


@given(st.dates(), st.dates())
def test_dates_keep_their_order(a: datetime.date, b: datetime.date) -> None:
    assert (read_date(a.isoformat()) < read_date(b.isoformat())) == (a < b)


@given(st.datetimes(min_value=datetime.datetime(1900, 1, 1)).map(lambda d: d.replace(microsecond=0)))
def test_a_cut_of_the_card_reads_back(moment: datetime.datetime) -> None:
    reader = TimeReader()
    reader.add(moment.isoformat(), "row 1")
    times = reader.times()
    assert times.read("test_from", times.text(times.values[0])) == times.values[0]


@given(st.lists(st.integers(1, 40), min_size=8, max_size=60), st.randoms())
def test_the_parts_are_in_order_and_the_cuts_hold(days: list[int], order: Any) -> None:
    examples = [dated(f"2021-{1 + day // 28:02}-{1 + day % 28:02}", n) for n, day in enumerate(days)]
    if len(set(days)) < 3:
        with pytest.raises(DataError, match="different times"):
            assign(examples, config_of())
        return
    plan = plan_split(examples, config_of())
    assert set(plan.parts.tolist()) == {0, 1, 2}
    ages = {p: [d for d, q in zip(days, plan.parts, strict=True) if q == p] for p in range(3)}
    assert max(ages[0]) < min(ages[1]) <= max(ages[1]) < min(ages[2])
    again = config_of(dev_from=plan.facts["dev_from"], test_from=plan.facts["test_from"])
    assert assign(examples, again).tolist() == plan.parts.tolist()


@given(
    st.lists(st.integers(2000, 2020), min_size=1, max_size=30),
    st.lists(st.integers(1990, 2030), max_size=30),
)
def test_with_given_cuts_added_rows_move_none(old: list[int], new: list[int]) -> None:
    config = config_of(dev_from=2010, test_from="2015年")
    examples = [dated(str(year), n) for n, year in enumerate([2001, 2011, 2016, *old, *new])]
    end = 3 + len(old)
    assert assign(examples[:end], config).tolist() == assign(examples, config)[:end].tolist()


def test_a_group_stands_where_its_newest_row_stands() -> None:
    examples = [dated(str(year), n) for n, year in enumerate(range(2000, 2020))]
    examples += [dated("2001", 90, "tied"), dated("2019", 91, "tied")]
    plan = plan_split(examples, config_of(dev_from=2014, test_from=2017))
    assert plan.parts[-2:].tolist() == [2, 2]
    assert plan.facts["rows_with_a_newer_row_of_their_group"] == 1


def test_whole_numbers_are_times_too() -> None:
    examples = [dated(str(n), n) for n in range(10)]
    plan = plan_split(examples, config_of(ratio="6/2/2", dev=0.2, test=0.2))
    assert plan.parts.tolist() == [0] * 6 + [1] * 2 + [2] * 2
    assert (plan.facts["dev_from"], plan.facts["test_from"]) == ("6", "8")
    with pytest.raises(DataError, match="which holds whole numbers"):
        assign(examples, config_of(dev_from="5", test_from="2021-03-04"))


def test_rows_that_cannot_be_read_are_named_all_at_once() -> None:
    examples = [dated("2021-03-04", n) for n in range(5)] + [dated("soon", 7), dated("", 8)]
    with pytest.raises(DataError, match="the time of 2 rows cannot be read") as caught:
        assign(examples, config_of())
    assert "a.csv, row 9: 'soon'" in str(caught.value)
    assert "a.csv, row 10: empty" in str(caught.value)
    with pytest.raises(DataError, match="the time of 1 row cannot be read"):
        assign(examples[:6], config_of())


@pytest.mark.parametrize("text", ["7", "-3", "1700000000", "3.0"])
def test_numbers(text: str) -> None:
    assert read_number(text) == float(text)
    assert math.isnan(read_number("3.5"))
    assert math.isnan(read_number("x"))


def test_cuts_in_the_wrong_order() -> None:
    examples = [dated(str(year), year) for year in range(2000, 2020)]
    with pytest.raises(DataError, match="is not before"):
        assign(examples, config_of(dev_from=2015, test_from=2010))
    with pytest.raises(DataError, match="leaves test empty"):
        assign(examples, config_of(dev_from=2015, test_from=2030))
    with pytest.raises(DataError, match="from 2000-01-01 to 2019-01-01"):
        assign(examples, config_of(dev_from=2020, test_from=2030))
