"""Values, intervals and what is measured when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from weitiao.errors import DataError
from weitiao.evaluate import closed_set as closed
from weitiao.evaluate import compare, score
from weitiao.evaluate.bootstrap import Measured, estimate, resample
from weitiao.evaluate.closed_set import find_closed_set

ALL = ["exact", "bleu", "rouge", "accuracy"]
REFERENCES = ["A", "B", "C"] * 8
PREDICTIONS = [" Ａ", "B", "B", "A", "B", "C", "A", "A: 公司信息", "C", "D", "", "C"] * 2
answers = st.lists(
    st.sampled_from(["营业收入", "净利润", "营业收入,净利润", "", "A"]), min_size=1, max_size=12
)


@given(answers, st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_interval_holds_the_value_and_depends_on_the_seed_only(references: list[str], seed: int) -> None:
    predictions = references[1:] + references[:1]
    found = score(predictions, references, ALL, bootstrap=100, seed=seed)
    assert {"exact", "bleu_char", "bleu_jieba", "rouge_1", "rouge_2", "rouge_l"} <= set(found)
    for e in found.values():
        assert e.low <= e.value <= e.high
        assert e.n == len(references)
    assert found == score(predictions, references, ALL, bootstrap=100, seed=seed)


def test_interval_is_about_that_of_a_binomial_and_moves_with_the_seed() -> None:
    references, predictions = ["x"] * 400, ["x"] * 100 + ["y"] * 300
    found = score(predictions, references, ["exact"], bootstrap=2000)["exact"]
    half = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.value == 0.25
    assert found.low == pytest.approx(0.25 - half, abs=0.008)
    assert found.high == pytest.approx(0.25 + half, abs=0.008)
    other = score(predictions, references, ["bleu"], bootstrap=150, seed=1)
    assert other != score(predictions, references, ["bleu"], bootstrap=150, seed=2)


def test_blocks_of_resamples_are_one_draw_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from weitiao.evaluate import bootstrap

    measured = Measured(np.arange(10.0)[:, None], lambda sums, n: {"mean": sums[..., 0] / n})
    whole = resample([measured], resamples=50, seed=3)[0]["mean"]
    monkeypatch.setattr(bootstrap, "_CELLS", 70)
    assert np.array_equal(resample([measured], resamples=50, seed=3)[0]["mean"], whole)
    assert whole.std() > 0


def test_bleu_is_resampled_as_a_corpus() -> None:
    """Every resampled value is the BLEU of a multiset of samples; of two samples there are three."""
    pairs = [("营业收入是多少元", "营业收入是多少元"), ("净利润为多少", "净利润的金额是多少元")]
    found = score([p for p, _ in pairs], [r for _, r in pairs], ["bleu"], bootstrap=300)["bleu_char"]
    only = [score([p] * 2, [r] * 2, ["bleu"], bootstrap=100)["bleu_char"].value for p, r in pairs]
    assert found.low == pytest.approx(min(only))
    assert found.high == pytest.approx(max(only))


def test_accuracy_and_macro_f1_are_sklearns() -> None:
    found = score(PREDICTIONS, REFERENCES, ["exact"], bootstrap=100)
    given_labels = [p.strip().replace("Ａ", "A") for p in PREDICTIONS]
    assert list(found) == ["exact", "accuracy", "macro_f1"]
    assert found["accuracy"].value == accuracy_score(REFERENCES, given_labels)
    expected = f1_score(REFERENCES, given_labels, labels=["A", "B", "C"], average="macro", zero_division=0)
    assert found["macro_f1"].value == pytest.approx(expected)


def test_confusion_is_sklearns() -> None:
    comparison = compare(None, PREDICTIONS, REFERENCES, ["accuracy"], bootstrap=100)
    assert comparison.confusion is not None
    found = comparison.confusion["after"]
    given_labels = ["other" if p.strip() not in "ＡABC" or not p else p.strip() for p in PREDICTIONS]
    given_labels = [p.replace("Ａ", "A") for p in given_labels]
    expected = confusion_matrix(REFERENCES, given_labels, labels=["A", "B", "C", "other"])[:3]
    assert found["matrix"] == expected.tolist()
    assert found["per_label"][1]["recall"] == pytest.approx(expected[1, 1] / 8)
    assert found["per_label"][2]["support"] == 8


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        (["A"] * 9, "the same"),
        (["A", "B"] * 2, "fewer than 3"),
        ([str(k) for k in range(closed.MAX_LABELS + 1)] * 3, "more than 50"),
        (["A" * (closed.MAX_LABEL_LENGTH + 1), "B"] * 5, "longer than 20"),
    ],
)
def test_no_closed_set(references: list[str], reason: str) -> None:
    found = find_closed_set(references)
    assert not found
    assert reason in found.reason
    comparison = compare(None, references, references, ["accuracy", "exact"], bootstrap=100)
    assert list(comparison.after) == ["exact"]
    assert comparison.confusion is None
    assert reason in comparison.notes[0]


def test_closed_set_after_normalisation() -> None:
    assert find_closed_set(["A", " Ａ", "B"] * 2).labels == ("A", "B")


def test_difference_is_paired() -> None:
    """Where every sample gains, so does every resample, although both sides spread widely."""
    rng = np.random.default_rng(0)
    right = rng.random(60) < 0.5
    references = ["年报"] * 60
    before = ["年报" if ok else "x" for ok in right]
    after = ["年报" if ok or k % 3 == 0 else "x" for k, ok in enumerate(right)]
    found = compare(before, after, references, ["exact", "rouge"], bootstrap=500, seed=4)
    assert found.before is not None
    assert found.difference is not None
    gain = found.difference["exact"]
    assert gain.value == pytest.approx(found.after["exact"].value - found.before["exact"].value)
    assert 0 < gain.low <= gain.value <= gain.high
    assert gain.high - gain.low < found.after["exact"].high - found.after["exact"].low
    same = compare(before, before, references, ["exact"], bootstrap=100).difference
    assert same is not None
    assert same["exact"].as_dict() == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 60}


def test_compare_scores_as_score_does() -> None:
    found = compare(None, PREDICTIONS, REFERENCES, ["exact", "bleu", "rouge"], bootstrap=120, seed=5)
    assert found.before is None
    assert found.difference is None
    assert found.after == score(PREDICTIONS, REFERENCES, ["exact", "bleu", "rouge"], bootstrap=120, seed=5)
    assert found.as_report()["metrics"]["before"] is None
    assert set(found.as_report()["metrics"]["after"]["test"]["exact"]) == {"value", "low", "high", "n"}


def test_one_sample() -> None:
    found = compare([""], ["营业收入"], ["营业收入"], ["exact", "bleu", "rouge"], bootstrap=100)
    assert found.after["exact"].as_dict() == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert found.difference is not None
    assert found.difference["exact"].low == 1.0


def test_misuse() -> None:
    with pytest.raises(DataError, match="found none") as caught:
        score([], [], ["exact"])
    assert "data.split.test" in str(caught.value)
    with pytest.raises(ValueError, match="2 predictions but 1 references"):
        score(["a", "b"], ["a"], ["exact"])
    with pytest.raises(ValueError, match="unknown metric 'meteor'"):
        score(["a"], ["a"], ["meteor"])


def test_estimate_is_widened_to_the_value() -> None:
    assert estimate(0.5, np.array([0.6, 0.7]), 2).low == 0.5


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC")), min_size=4, max_size=12),
    times=st.integers(2, 4),
    seed=st.integers(0, 9),
)
def test_rows_that_say_the_same_again_narrow_no_interval(
    rows: list[tuple[str, str]], times: int, seed: int
) -> None:
    """Each row several times, as one group, is as good as each row once; without groups it looks better."""
    after, references = [a for a, _ in rows], [r for _, r in rows]
    asked = (["exact", "bleu"], 300, seed)
    once = compare(None, after, references, *asked)
    groups = [str(n) for n in range(len(rows))]
    again = compare(None, after * times, references * times, *asked, groups=groups * times)
    for name in set(once.after) & set(again.after):  # more rows can make the labels a closed set
        one, more = once.after[name], again.after[name]
        assert (more.value, more.low, more.high) == pytest.approx((one.value, one.low, one.high), abs=1e-9)
    alone = compare(None, after, references, *asked, groups=groups)
    assert alone == once
    assert f"{len(rows) * times} rows are {len(rows)} groups" in again.notes[-1]


def test_groups_that_are_right_or_wrong_as_a_whole_widen_the_interval() -> None:
    answers = [str(n // 10 % 2) for n in range(2000)]
    groups = [str(n // 10) for n in range(2000)]
    by_row, by_group = (
        compare(None, answers, ["0"] * 2000, ["exact"], groups=found).after["exact"]
        for found in (None, groups)
    )
    width = (by_group.high - by_group.low) / (by_row.high - by_row.low)
    assert width == pytest.approx(10**0.5, rel=0.15)  # 200 witnesses, not 2,000


def test_one_group_does_not_make_a_value_certain() -> None:
    asked: tuple[Any, ...] = (None, ["1", "0"] * 20, ["0"] * 40, ["exact"])
    by_row, one = compare(*asked), compare(*asked, groups=["one"] * 40)
    assert one.after == by_row.after
    assert one.after["exact"].low < 0.5 < one.after["exact"].high
    assert "All 40 rows are one group" in one.notes[-1]
