"""Labels as people type them: whatever is written untidily still counts as the label that is meant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from data.check.test_families import findings_of, of
from weitiao.data.check.answers import no_data_phrase
from weitiao.data.check.targets import errors_among, label_typos


def test_labels_of_the_same_sound_are_typos() -> None:
    """An input method offers characters of one sound; in the other script a label sounds as it does in its own."""
    meant = {"报修": 70, "缴费": 40, "选课": 30, "其他": 20}
    assert label_typos(Counter({**meant, "抱修": 1, "缴費": 1, "其它": 2})) == {
        "抱修": "报修",
        "缴費": "缴费",
        "其它": "其他",
    }
    others = {"宝绣": 1, "报销": 1, "修": 1, "缴纳": 1}  # no character in common, another sound, too short
    assert label_typos(Counter({**meant, **others})) == {}
    assert label_typos(Counter({"权利": 30, "权力": 25})) == {}  # both are in use


def test_errors_of_a_spreadsheet_are_no_class_however_many() -> None:
    assert errors_among(["#N/A", "a", "b"] * 30) == [True, False, False] * 30
    assert no_data_phrase("#N/A") is None
    assert no_data_phrase("N/A") == "n/a"


def test_many_untidy_labels_in_a_small_file_are_found(tmp_path: Path) -> None:
    """The less tidy the labels are, the more it matters that they are looked at."""
    rows = [{"q": f"第{k}张工单写了什么", "a": ("报修", "缴费", "选课")[k % 3]} for k in range(100)]
    untidy = ["报修。", "报 修", "“缴费”", " 选课", "选课；", "【报修】", "缴费 "]
    rows += [{"q": f"另{k}张工单写了什么", "a": label} for k, label in enumerate(untidy)]
    corrections = of(findings_of(tmp_path, rows), "label_typo").numbers["corrections"]
    assert set(corrections) == {*untidy}
    assert set(corrections.values()) == {"报修", "缴费", "选课"}


@given(st.integers(3, 60), st.sampled_from(["。", " ", "；", "”", "》"]))
def test_a_label_and_its_untidy_form_are_one(times: int, mark: str) -> None:
    labels = Counter({"报修": 10 * times, "缴费": 10 * times, f"报修{mark}": times})
    assert label_typos(labels) == {f"报修{mark}": "报修"}
