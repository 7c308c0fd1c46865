"""Texts read in a wrong encoding, invisible characters, personal data: found, and repaired letter by letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.check.test_families import codes, findings_of, of
from weitiao.data.check.damage import INVISIBLE, KINDS, repaired, without_markup
from weitiao.data.check.personal import is_identity, without_personal

#: Frequent characters of Chinese, as texts have them.
COMMON = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作"
CHINESE = st.text(alphabet=COMMON + "，。、：", min_size=4, max_size=40).filter(
    lambda text: re.search("[\u4e00-\u9fff]{4}", text) is not None
)
MISREAD = {kind.code: kind.find for kind in KINDS}["misread"]
NUMBERS = (
    "13812345678",
    "138-1234-5678",
    "138 1234 5678",
    "+86 13812345678",
    "8613812345678",
    "１３８１２３４５６７８",
)
IDENTITIES = ("11010519491231002X", "110105 19491231 002X")


@pytest.mark.parametrize(("wrote", "read"), [("utf-8", "latin-1"), ("gbk", "latin-1"), ("utf-8", "gb18030")])
@settings(deadline=None)
@given(text=CHINESE)
def test_what_was_read_in_a_wrong_encoding_is_found_and_read_back(wrote: str, read: str, text: str) -> None:
    try:
        damaged = text.encode(wrote).decode(read)
    except UnicodeDecodeError:
        assume(False)
        return
    assert MISREAD(damaged) is not None
    assert repaired(damaged) == text


@settings(deadline=None)
@given(
    CHINESE,
    st.sampled_from(["", "café créée", "naïve Übergrößen", "××公司", "××××", "10±2°C", "“……”", "—·—"]),
)
def test_what_was_read_well_stays(text: str, more: str) -> None:
    assert MISREAD(text + more) is None
    assert repaired(text + more) == text + more


@given(CHINESE, st.sampled_from("\u200b\ufeff\u202e\u00ad"), st.integers(0, 40))
def test_invisible_characters_go(text: str, mark: str, place: int) -> None:
    spoilt = text[:place] + mark + text[place:]
    assert INVISIBLE.search(spoilt)
    assert repaired(spoilt) == text


@pytest.mark.parametrize("lost", ["公司\ufffd收入", "公司锟斤拷收入", "公司????收入", "公司\x00收入"])
def test_what_is_lost_is_serious(tmp_path: Path, lost: str) -> None:
    assert of(findings_of(tmp_path, [{"t": "公司收入"}, {"t": lost}, {"t": "收入"}]), "encoding").count == 1


def test_markup_and_escapes(tmp_path: Path) -> None:
    texts = [
        '<img src="a.png">图',
        "&mdash;甲",
        "&#x4e2d;",
        "<p class='x'>乙",
        r"\u4f60\u597d",
        "甲%E4%BD%A0乙",
    ]
    found = findings_of(tmp_path, [{"t": text} for text in texts] + [{"t": f"第{k}句"} for k in range(20)])
    assert (of(found, "markup").count, of(found, "escapes").count) == (4, 2)
    assert [without_markup(text) for text in texts[:4]] == ["图", "—甲", "中", "乙"]
    for text in ("x<y 且 a>b", "AT&T; R&D", "https://a.cn/?q=%E4%BD%A0", '{"t": "\\u4f60\\u597d"}', "3<i"):
        assert not codes(findings_of(tmp_path, [{"t": text}, {"t": "x"}, {"t": "y"}])) & {"markup", "escapes"}


@pytest.mark.parametrize("number", [*NUMBERS, *IDENTITIES, "li.si@mail.cn", "a＠qq.com"])
def test_personal_data_are_found_however_written(tmp_path: Path, number: str) -> None:
    text = f"请联系{number}，谢谢"
    assert of(findings_of(tmp_path, [{"t": text}]), "personal_data").severity == "warning"
    masked = without_personal(text)
    assert len(masked) == len(text)
    assert "personal_data" not in codes(findings_of(tmp_path, [{"t": masked}]))


def test_a_landline_is_a_note(tmp_path: Path) -> None:
    for number in ("010-65250569", "（021）65250569"):
        finding = of(findings_of(tmp_path, [{"t": f"酒店电话{number}。"}]), "personal_data")
        assert (finding.severity, finding.numbers["kind"]) == ("note", "landline number")


@given(st.text(alphabet="0123456789 -.X年月元", max_size=40))
def test_masking_changes_digits_only_and_leaves_nothing_to_mask(text: str) -> None:
    masked = without_personal(text)
    assert without_personal(masked) == masked
    assert all(
        new == old or (new == "*" and (old.isdecimal() or old == "X"))
        for old, new in zip(text, masked, strict=True)
    )


def test_check_digit() -> None:
    assert is_identity("11010519491231002X")
    assert not is_identity("110105194912310021")
