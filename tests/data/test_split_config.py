"""Section ``data.split``: one way to say the shares, and what goes with what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weitiao.config import DataConfig, SplitConfig
from weitiao.config.split import shares_of


@pytest.mark.parametrize("ratio", [[8, 1, 1], (80, 10, 10), "8/1/1", "8:1:1", "80% 10% 10%", "0.8, 0.1, 0.1"])
def test_ratios_are_shares(ratio: Any) -> None:
    config = SplitConfig(ratio=ratio)
    assert (config.dev, config.test) == (pytest.approx(0.1), pytest.approx(0.1))


@given(st.tuples(st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)))
def test_text_and_list_say_the_same(ratio: tuple[int, int, int]) -> None:
    dev, test = shares_of(list(ratio))
    assert shares_of("/".join(map(str, ratio))) == (dev, test)
    assert (1 - dev - test) * sum(ratio) == pytest.approx(ratio[0])


def test_a_stored_section_reads_back() -> None:
    for given_ in ({"ratio": "70/15/15"}, {"by": "time", "time": "date"}, {"same": True}, {"folds": 5}):
        config = SplitConfig.model_validate(given_)
        assert SplitConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"ratio": [8, 1, 1], "dev": 0.3}, "either `ratio` or `dev` and `test`"),
        ({"ratio": "8/2"}, "expected three numbers"),
        ({"ratio": "a/b/c"}, "expected three numbers"),
        ({"ratio": [0, 1, 1]}, "nothing is left for train"),
        ({"ratio": [-1, 1, 1]}, "expected three numbers"),
        ({"dev": 0.6, "test": 0.6}, "below 1"),
        ({"by": "time"}, "needs `time`"),
        ({"time": "date"}, "`time` goes with `by: time`"),
        ({"by": "time", "time": "t", "test_from": "2023"}, "give `dev_from` too, or `dev: 0`"),
        ({"stratify": "label"}, "goes with `by: stratified`"),
        ({"by": "time", "time": "t", "folds": 3}, "folds are dealt"),
        ({"fold": 1}, "fold 1 of no folds"),
        ({"by": "time", "time": "t", "exact": True}, "take out `exact`"),
        ({"folds": 3, "fold": 4}, "fold 4 of 3 folds"),
        ({"same": True, "by": "stratified", "near": 0.8}, "take out by, near"),
        ({"same": True, "ratio": "70/15/15"}, "take out ratio \\["),
        ({"same": True, "ratio": [8, 1, 1]}, "take out ratio \\["),
        ({"near": 1.5}, "less than or equal to 1"),
        ({"folds": 1}, "greater than or equal to 2"),
    ],
)
def test_what_does_not_fit_is_said(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SplitConfig.model_validate(given_)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"group": "company", "near": 0.8}, "`split.group` and `split.near` need `sources`"),
        ({"ratio": "80/10/10"}, "`split.ratio` need `sources`"),
        ({"same": True}, "`split.same` need `sources`"),
    ],
)
def test_a_split_of_files_that_are_parts_already_is_refused(given_: dict[str, Any], said: str) -> None:
    files = {"train": [{"file": "a.csv"}], "test": [{"file": "b.csv"}]}
    DataConfig.model_validate({**files, "split": {"seed": 3}})
    with pytest.raises(ValidationError, match=said):
        DataConfig.model_validate({**files, "split": given_})
