"""Noise: the error rate is the target, labels stay aligned, everything is repeatable."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.config import NoiseMix, NoiseStep
from weitiao.data.noise import Span, distance, noisy
from weitiao.data.noise.numerals import NUMBER, counted, spelled, swapped, value
from weitiao.data.noise.pinyin import folded, sound_index, syllables

KINDS = tuple(NoiseMix.model_fields)
ALPHABET = "请合上三号主变压器的开关今天十五点二零一九年查询工地人数 ab12,，。"
TEXTS = st.text(ALPHABET, min_size=1, max_size=60)


def only(kind: str, cer: float = 0.3, **more: object) -> NoiseStep:
    return NoiseStep.model_validate({"cer": cer, "mix": {kind: 1}, **more})


def plain_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        fresh = [i]
        for j, y in enumerate(b, 1):
            fresh.append(min(row[j] + 1, fresh[-1] + 1, row[j - 1] + (x != y)))
        row = fresh
    return row[-1]


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_distance_is_that_of_the_table(a: str, b: str) -> None:
    assert distance(a, b) == plain_distance(a, b)


@given(TEXTS, st.integers(0, 1000), st.sampled_from([0.05, 0.1, 0.2, 0.4]))
@settings(max_examples=150, deadline=None)
def test_never_more_than_asked_for_and_said_exactly(text: str, seed: int, cer: float) -> None:
    heard = noisy(text, NoiseStep(cer=cer), random.Random(seed))
    assert heard.distance == distance(text, heard.text) <= cer * len(text) + 1
    assert heard == noisy(text, NoiseStep(cer=cer), random.Random(seed))
    assert heard.text


@pytest.mark.parametrize("cer", [0.05, 0.1, 0.2, 0.3])
def test_the_mean_over_many_texts_is_the_target(cer: float) -> None:
    rng = random.Random(7)
    hanzi = "请帮我查询三号工地今天下午的施工人数情况并且汇报给调度中心值班人员"
    texts = ["".join(rng.choices(hanzi, k=rng.randint(8, 30))) for _ in range(250)]
    heard = [noisy(text, NoiseStep(cer=cer), rng) for text in texts]
    measured = sum(h.distance for h in heard) / sum(map(len, texts))
    assert measured == pytest.approx(cer, rel=0.1)


@given(TEXTS, st.integers(0, 1000), st.data())
@settings(max_examples=150, deadline=None)
def test_spans_stay_aligned(text: str, seed: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)))
    spans = [Span(a, b, "x") for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    heard = noisy(text, NoiseStep(cer=0.4), random.Random(seed), spans=spans)
    assert len(heard.spans) == len(spans)
    places = [(0, 0), *((s.start, s.end) for s in heard.spans), (len(heard.text),) * 2]
    assert all(a[1] <= b[0] for a, b in pairwise(places))
    # What lies inside and outside adds up: each part is the damage of its own part of the original.
    inside = sum(
        distance(text[a.start : a.end], heard.text[b.start : b.end])
        for a, b in zip(spans, heard.spans, strict=True)
    )
    assert all(b.start < b.end for b in heard.spans)
    assert inside <= sum(heard.edits.values()) * 8
    if not heard.edits:
        assert heard.spans == tuple(spans)


@given(st.integers(0, 500))
@settings(max_examples=80, deadline=None)
def test_an_undamaged_neighbour_of_a_span_is_where_it_was(seed: int) -> None:
    """All damage is outside: the text of each span is untouched."""
    text = "请把三号主变压器的开关合上谢谢你们"
    spans = [Span(2, 8, "device"), Span(9, 11, "part")]
    fixed = [k for span in spans for k in range(span.start, span.end)]
    heard = noisy(text, NoiseStep(cer=0.4), random.Random(seed), spans=spans, fixed=fixed)
    assert [heard.text[s.start : s.end] for s in heard.spans] == ["三号主变压器", "开关"]
    assert [s.label for s in heard.spans] == ["device", "part"]


@given(TEXTS, st.integers(0, 200))
@settings(max_examples=80, deadline=None)
def test_fixed_characters_stay(text: str, seed: int) -> None:
    config = only("mask", 0.5)
    fixed = range(0, len(text), 2)
    heard = noisy(text, config, random.Random(seed), fixed=fixed)
    assert [heard.text[k] for k in fixed] == [text[k] for k in fixed]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_does_what_it_says(kind: str) -> None:
    text = "请合上三号主变压器的开关然后查询2019年的十五个工地"
    heard = noisy(text, only(kind, 0.2), random.Random(3))
    assert set(heard.edits) == {kind}
    if kind in ("mask", "homophone", "near_homophone"):
        assert len(heard.text) == len(text)
    if kind == "mask":
        assert heard.text.count("*") == heard.distance
    if kind in ("homophone", "near_homophone"):
        pairs = [(a, b) for a, b in zip(syllables(text), syllables(heard.text), strict=True) if a and a != b]
        index = sound_index()
        changed = [(a, b) for a, b in zip(text, heard.text, strict=True) if a != b]
        assert changed
        for a, b in changed:
            sound = syllables(text)[text.index(a)]
            wanted = index.homophones(a, sound) if kind == "homophone" else index.near_homophones(a, sound)
            assert b in wanted
        assert kind == "homophone" or pairs
    if kind == "drop":
        assert len(heard.text) == len(text) - heard.distance
    if kind in ("repeat", "filler"):
        assert len(heard.text) == len(text) + heard.distance
    if kind == "numeral":
        assert "2019" not in heard.text or "十五" not in heard.text


def test_sounds_that_are_confused() -> None:
    assert folded("zhang") == folded("zan") == folded("zang")
    assert folded("li") == folded("ni") != folded("mi")
    assert folded("hu") == folded("fu")
    assert "京" in sound_index().homophones("经", "jing")
    assert "金" in sound_index().near_homophones("京", "jing")
    assert syllables("银行a行走")[1:4] == ["hang", "", "xing"]


@given(st.integers(0, 9999))
def test_numerals_are_read_back(number: int) -> None:
    assert value(counted(number)) == number
    assert swapped(spelled(f"{number:04d}"), random.Random(0)) in (f"{number:04d}", str(number))


@pytest.mark.parametrize(
    ("digits", "said"),
    [("15", "十五"), ("305", "三百零五"), ("110", "一百一十"), ("3.14", "三点一四"), ("007", "零零七")],
)
def test_digits_become_numerals(digits: str, said: str) -> None:
    assert NUMBER.fullmatch(digits)
    assert swapped(digits, random.Random(0)) == said


def test_words_that_are_no_numbers_stay() -> None:
    assert swapped("千千", random.Random(0)) is None
    assert [m.group() for m in NUMBER.finditer("统一的一些十分")] == ["十"]


def test_wrong_spans_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond the 2 characters"):
        noisy("合上", NoiseStep(), random.Random(0), spans=[Span(1, 3)])


def test_english_is_damaged_between_words() -> None:
    text = "please close the main switch of the station now"
    heard = noisy(text, only("filler", 0.3), random.Random(1))
    left = heard.text
    for filler in ("you know ", "well ", "uh ", "um ", "er "):
        left = left.replace(" " + filler, " ").removeprefix(filler)
    assert left == text != heard.text
