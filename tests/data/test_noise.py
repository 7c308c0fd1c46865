"""Noise: the error rate is the target, labels stay aligned, everything is repeatable."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from weitiao.config import NoiseMix, NoiseStep
from weitiao.data.noise import Span, noisy
from weitiao.data.noise.numerals import NUMBER, counted, spelled, swapped, value
from weitiao.data.noise.pinyin import (
    NUM_COMMON,
    Sound,
    confused,
    homophone_words,
    homophones,
    near_homophones,
    sounds,
)
from weitiao.data.words import cut, frequencies

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


@given(TEXTS, st.integers(0, 1000), st.sampled_from([0.05, 0.1, 0.2, 0.4]))
@settings(max_examples=150, deadline=None)
def test_never_more_than_asked_for_and_said_exactly(text: str, seed: int, cer: float) -> None:
    heard = noisy(text, NoiseStep(cer=cer), random.Random(seed))
    assert heard.distance == plain_distance(text, heard.text) <= cer * len(text) + 1
    assert heard == noisy(text, NoiseStep(cer=cer), random.Random(seed))
    assert heard.text


SENTENCES = (
    "请帮我查询三号工地今天下午的施工人数，并且汇报给调度中心的值班人员。",
    "南山配电房2019年一共停电15次，最长的一次是四个小时。",
    "把wifi密码发给我，谢谢",
    "明天几点开会",
    "打开窗户",
    "Please close the main switch of the north station and tell the crew that came at 9.",
)


@pytest.mark.parametrize("cer", [0.05, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize(
    "texts", [SENTENCES, SENTENCES[3:5], ("".join(SENTENCES),)], ids=["mixed", "short", "long"]
)
def test_the_mean_over_many_texts_is_the_target(texts: tuple[str, ...], cer: float) -> None:
    """Counted with a table of our own."""
    times = 1500 // sum(map(len, texts)) * 2 + 4
    pairs = [(t, noisy(t, NoiseStep(cer=cer), random.Random(n)).text) for n in range(times) for t in texts]
    edits, length = sum(plain_distance(a, b) for a, b in pairs), sum(len(a) for a, _ in pairs)
    error = 3 * (0.25 * len(pairs)) ** 0.5 / length  # each text is rounded up or down by less than one edit
    assert edits / length == pytest.approx(cer, abs=error + 0.03 * cer)


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
        plain_distance(text[a.start : a.end], heard.text[b.start : b.end])
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
        was, now = plain_syllables(text), plain_syllables(heard.text)
        assert (was == now) == (kind == "homophone")
        assert all(a == b or confused(a, b) for a, b in zip(was, now, strict=True))
    if kind == "drop":
        assert len(heard.text) == len(text) - heard.distance
    if kind in ("repeat", "filler"):
        assert len(heard.text) == len(text) + heard.distance
    if kind == "numeral":
        assert "2019" not in heard.text or "十五" not in heard.text


def plain_syllables(text: str) -> list[str]:
    """As pypinyin reads the words."""
    return [syllable for word in cut(text) for syllable in lazy_pinyin(word, style=Style.NORMAL)]


INITIALS, FINALS = (
    ("zh", "z", "ch", "c", "sh", "s", "n", "l", "f", "h", "r", "b"),
    ("an", "ang", "en", "ing", "u"),
)


@given(st.sampled_from(INITIALS), st.sampled_from(FINALS))
def test_one_thing_is_confused_and_both_ways(initial: str, final: str) -> None:
    swaps = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "f": "h", "r": "l"}
    syllable = initial + final
    assert not confused(syllable, syllable)
    for other in [
        *([swaps[initial] + final] if initial in swaps else []),
        *([initial + final.removesuffix("g")] if final.endswith("g") else []),
    ]:
        assert confused(syllable, other)
        assert confused(other, syllable)
    assert not confused("r" + final, "n" + final), "r is taken for l and l for n, but not r for n"
    assert not confused("zhang", "zan")


@pytest.mark.parametrize(("near", "alike"), [(False, homophones), (True, near_homophones)])
@pytest.mark.parametrize("character", "是京经人力长行了一四")
def test_substitutes_are_common_and_the_frequent_ones_likely(near: bool, alike: Any, character: str) -> None:
    (sound,) = sounds(character)
    assert sound is not None
    count: Counter[str] = Counter()
    for word, number in frequencies().items():
        count.update({c: number for c in set(word)})
    common = [c for c, _ in count.most_common() if "\u4e00" <= c <= "\u9fff"][: NUM_COMMON + 100]
    found = dict(alike(character, sound))
    assert set(found) <= set(common) - {character}
    for other in found:
        (heard,) = sounds(other)
        assert heard is not None
        assert confused(sound.syllable, heard.syllable) if near else sound.syllable == heard.syllable
    same_tone = [c for c in found if sounds(c) == [sound]]
    ranked = sorted(same_tone, key=lambda c: -found[c])
    assert all(count[c] >= count[d] * 0.9 for c, d in pairwise(ranked))


@pytest.mark.parametrize(
    ("word", "near", "other"),
    [("权力", False, "权利"), ("地址", False, "地质"), ("负债", True, "负载"), ("老师", True, "老四")],
)
def test_a_recogniser_writes_words(word: str, near: bool, other: str) -> None:
    read = tuple(sound for sound in sounds(word) if sound is not None)
    found = dict(homophone_words(word, read, near=near))
    assert other in found
    for said in found:
        assert frequencies()[said] > 0, "it is a word"
        heard = lazy_pinyin(said, style=Style.NORMAL)
        pairs = list(zip(lazy_pinyin(word, style=Style.NORMAL), heard, strict=True))
        assert all(a == b or confused(a, b) for a, b in pairs)
        assert any(a != b for a, b in pairs) == near


def test_most_damaged_words_become_other_words() -> None:
    said = []
    for seed in range(200):
        heard = noisy("公司的地址变了", only("homophone", 0.3), random.Random(seed), spans=[Span(3, 5)])
        (span,) = heard.spans
        said.append(heard.text[span.start : span.end])
    damaged = [word for word in said if word != "地址"]
    words = [word for word in damaged if frequencies().get(word)]
    assert len(damaged) > 50
    assert len(words) > len(damaged) / 2
    assert len(set(words)) > 1


def test_numbers_in_numerals_are_not_misheard_as_others() -> None:
    four = Sound("si", 4)
    assert "十" not in dict(near_homophones("四", four))
    assert "事" in dict(near_homophones("四", four))


@given(st.sampled_from(SENTENCES), st.integers(0, 500), st.sampled_from([0.1, 0.3, 0.5]))
@settings(max_examples=100, deadline=None)
def test_numbers_stay_or_are_written_the_other_way(text: str, seed: int, cer: float) -> None:
    kept = {"homophone": 3, "near_homophone": 2, "drop": 2, "repeat": 2, "filler": 1}
    heard = noisy(text, NoiseStep.model_validate({"cer": cer, "mix": kept}), random.Random(seed))
    assert re.findall(r"\d+", heard.text) == re.findall(r"\d+", text)


@given(st.sampled_from(SENTENCES), st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_fillers_stand_between_words(text: str, seed: int) -> None:
    heard = noisy(text, only("filler", 0.4, fillers=["#"]), random.Random(seed))
    starts = {sum(map(len, cut(text)[:k])) for k in range(len(cut(text)))}
    places, before = [], 0
    for character in heard.text:
        if character == "#":
            places.append(before)
        before += character != "#"
    assert set(places) <= starts
    assert heard.text.replace("#", "") == text


def test_words_of_letters_stay_whole_in_chinese() -> None:
    for seed in range(60):
        heard = noisy("把wifi密码发给Tom看看", only("drop", 0.5), random.Random(seed)).text
        assert set(re.findall("[A-Za-z]+", heard)) <= {"wifi", "Tom"}


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


def test_years_and_twos() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        assert swapped("2020", rng, behind="年") == "二零二零"
        assert swapped("2", rng, behind="个") == "两"
        assert swapped("2", rng, before="第", behind="个") == swapped("2", rng) == "二"
    assert {swapped("2020", random.Random(seed)) for seed in range(20)} == {"二零二零", "二千零二十"}


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
