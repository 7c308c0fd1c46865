"""Our numbers are those of the libraries on the same strings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.words import cut
from weitiao.evaluate.metrics import METRICS, TITLES, accuracy, bleu, exact, rouge

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sacrebleu
    from rouge_chinese import Rouge
    from rouge_score.rouge_scorer import RougeScorer

CHINESE = [
    ("营业收入,净利润", "营业收入,净利润"),
    ("公司的注册地址在何处？请说明。", "公司注册地址在哪里？"),
    ("根据2019年年报，江河公司的研发费用是 1,234.5 元。", "2019年江河公司研发费用为1234.5元。增长了。"),
    ("完全无关", "货币资金"),
    ("第一句。第二句！\n第三句", "第一句。\n \n第三句！第二句？"),
]
ENGLISH = [
    ("The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log."),
    ("SELECT name FROM staff WHERE year = 2019", "SELECT name, age FROM staff WHERE year = 2020"),
    ("the the the", "the cat the"),
    ("nothing shared", "other words"),
]
text = st.text(alphabet="年报营业收入的是，。！？ \nab12,.", max_size=30)


@pytest.mark.parametrize("pairs", [CHINESE, ENGLISH, CHINESE + ENGLISH])
def test_bleu_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    found = bleu.aggregate([bleu.score(p, r) for p, r in pairs])
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    characters = sacrebleu.corpus_bleu(predictions, [references], tokenize="zh")
    words = sacrebleu.corpus_bleu(
        [" ".join(cut(p)) for p in predictions], [[" ".join(cut(r)) for r in references]], tokenize="none"
    )
    assert found["bleu_char"] == pytest.approx(characters.score, abs=1e-9)
    assert found["bleu_jieba"] == pytest.approx(words.score, abs=1e-9)
    assert characters.score > 5  # the comparison is not one of zeros


@given(st.lists(st.tuples(text, text), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_bleu_is_sacrebleus_with_effective_order(pairs: list[tuple[str, str]]) -> None:
    expected = sacrebleu.BLEU(tokenize="zh", effective_order=True).corpus_score(
        [p for p, _ in pairs], [[r for _, r in pairs]]
    )
    found = bleu.aggregate([bleu.score(p, r) for p, r in pairs])
    assert found["bleu_char"] == pytest.approx(min(expected.score, 100.0), abs=1e-9)


def test_bleu_of_perfect_labels_is_100_although_they_have_no_four_tokens() -> None:
    assert bleu.aggregate([bleu.score("A", "A"), bleu.score("是", "是")]) == {
        "bleu_char": 100.0,
        "bleu_jieba": 100.0,
    }


def _rouge_chinese(prediction: str, reference: str) -> tuple[float, ...]:
    scores = Rouge().get_scores(" ".join(cut(prediction)), " ".join(cut(reference)))[0]
    return tuple(scores[k]["f"] for k in ("rouge-1", "rouge-2", "rouge-l"))


@pytest.mark.parametrize(("prediction", "reference"), CHINESE)
def test_rouge_is_rouge_chineses(prediction: str, reference: str) -> None:
    assert rouge.score(prediction, reference) == pytest.approx(
        _rouge_chinese(prediction, reference), abs=1e-12
    )


@given(text.filter(str.strip), text.map(lambda t: t + "年"))
@settings(max_examples=80, deadline=None)
def test_rouge_is_rouge_chineses_on_any_text(prediction: str, reference: str) -> None:
    assert rouge.score(prediction, reference) == pytest.approx(
        _rouge_chinese(prediction, reference), abs=1e-12
    )


@pytest.mark.parametrize(("prediction", "reference"), ENGLISH)
def test_rouge_is_rouge_scores_for_english(prediction: str, reference: str) -> None:
    scores = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, prediction)
    expected = [scores[k].fmeasure for k in ("rouge1", "rouge2", "rougeL")]
    assert rouge.score(prediction, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_answer_scores_nothing(empty: str) -> None:
    for reference in ("营业收入", "some words"):
        assert rouge.score(empty, reference) == (0.0, 0.0, 0.0)
        assert exact.score(empty, reference) == (0.0,)
        assert set(bleu.aggregate([bleu.score(empty, reference)]).values()) == {0.0}


def test_long_answers_are_quick_and_right() -> None:
    a, b = list("营业收入净利润" * 600), list("净利润的营业" * 700)
    short_a, short_b = a[:40], b[:50]
    table = np.zeros((41, 51), dtype=int)
    for i, x in enumerate(short_a, 1):
        for j, y in enumerate(short_b, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if x == y else max(table[i - 1, j], table[i, j - 1])
    assert rouge.lcs_length(short_a, short_b) == table[-1, -1]
    assert 0 < rouge.lcs_length(a, b) <= 4200


def test_exact_counts_what_the_normalisation_says() -> None:
    assert exact.score("Ａ：营业  收入 ", "A:营业 收入") == (1.0,)
    assert exact.score("a", "A") == (0.0,)
    assert exact.score("是。", "是") == (0.0,)
    assert accuracy.score(" Ａ", "A") == (1.0,)
    assert exact.aggregate([(1.0,), (0.0,)]) == {"exact": 0.5}


def test_combine_of_sums_is_aggregate() -> None:
    pairs = CHINESE + ENGLISH
    for metric in METRICS.values():
        pieces = [metric.score(p, r) for p, r in pairs]
        combined = metric.combine(np.asarray(pieces).sum(axis=0), len(pieces))
        assert {k: float(v) for k, v in combined.items()} == pytest.approx(metric.aggregate(pieces))
        assert tuple(combined) == metric.NAMES
        assert set(metric.NAMES) <= set(TITLES)
