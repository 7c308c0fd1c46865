"""Masks: terms and digits out of group keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import MaskConfig
from weitiao.data.mask import Vocabulary, make_mask
from weitiao.errors import DataError

terms = st.lists(st.text("甲乙丙a", min_size=1, max_size=4), min_size=1, max_size=8)


@given(terms=terms, text=st.text("甲乙丙a1", max_size=20))
def test_vocabulary_equals_an_alternation_longest_first(terms: list[str], text: str) -> None:
    pattern = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    assert Vocabulary(terms).mask(text) == re.sub(pattern, "*", text)


def test_mask_of_variants_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes("甲公司\r\n甲公司集团\n\n 3乙 \n".encode("gb18030"))
    mask = make_mask(MaskConfig(vocabulary="names.txt"), root=tmp_path)
    variants = {
        mask(f"{name}{year}年的收入") for name in ("甲公司", "甲公司集团", "3乙") for year in (2019, 20)
    }
    assert variants == {"*#年的收入"}
    assert make_mask(MaskConfig(digits=False), root=tmp_path)("1a") == "1a"
    assert make_mask(None, root=tmp_path)("1a") == "1a"


def test_bad_vocabularies(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n")
    for name, expected in (("none.txt", "no such file"), ("blank.txt", "no terms")):
        with pytest.raises(DataError, match=f"data.split.mask.vocabulary: {name}: {expected}"):
            make_mask(MaskConfig(vocabulary=name), root=tmp_path)


class Counting(frozenset[str]):
    """A set that counts how often it is asked."""

    asked = 0

    def __contains__(self, term: object) -> bool:
        self.asked += 1
        return super().__contains__(term)


@pytest.mark.parametrize("number", [3_000, 12_000])
def test_look_ups_do_not_grow_with_the_vocabulary(number: int) -> None:
    vocabulary = Vocabulary(f"{chr(0x4E00 + k % 3000)}{chr(0x4E00 + k // 3)}公司" for k in range(number))
    counting = vocabulary._terms = Counting(vocabulary._terms)
    text = "".join(chr(0x4E00 + k) for k in range(300))
    assert vocabulary.mask(f"{text}丁一公司") == f"{text}*"
    assert counting.asked == len(text) + 1, "one for each place, as all terms have one length"
