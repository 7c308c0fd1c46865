"""Text of scanned papers: spaces between words, broken lines, blanks to fill in, letters of another alphabet."""

from __future__ import annotations

import re
import unicodedata

from weitiao.data.exam.marks import LETTERS, LOOK_ALIKES

# Lower-case and capital letters of the Cyrillic alphabet that look like Latin ones.
_CYRILLIC = str.maketrans("АВЕЗКМНОРСТУХЅІЈаеорсухіјѕԁһ", "ABE3KMHOPCTYXSIJaeopcyxijsdh")
_MIXED_WORD = re.compile(r"[A-Za-z\u0400-\u04ff]+")
_PURE_LATIN_LOOK = re.compile(r"\A[АВЕКМНОРСТУХЅІЈаеорсухіјѕԁһ]\Z")
_BLANK = re.compile(r"[_＿]{2,}|\u3000[ \u3000]{2,}\u3000?|[ ]{5,}(?=[.,;?。，？])")
_ANSWER_SLOT = re.compile(r"[（(][\s\u3000_]*[)）]\s*[。．.]?\s*$")
_HAN = "\u3400-\u9fff\u3000-\u303f\uff00-\uffef“”‘’—…"
_SCORE = re.compile(r"[（(〔\[【]\s*\d{1,2}(?:\.\d)?\s*分\s*[)）〕\]】]")
# A line of its own that belongs to the paper, not to the option in front of it.
_FOREIGN_LINE = re.compile(
    r"\A[ \t\u3000]*(?:本题考查.*|第[一二三四五六七八九十]+[节部]分?.*|[一二三四五六七八九十]{1,3}、.*"
    r"|[（(][一二三四五六七八九十]+[)）].*|(?:Passage|Text|Section|Part)[ ]+[A-Z0-9]{1,2}[ ]*|阅读下[面列].*)\Z"
)
# From here on a question is explained; what follows belongs to the explanation.
_SAID = r"(?:参考|正确)?(?:答案|解析|分析|点评|解答|考点|详解|试题解析)"
_EXPLANATION = re.compile(
    rf"(?:\A|\n)[ \t\u3000]*(?:【{_SAID}】|{_SAID}[ ]*[:：]|(?:Answers?|Keys?)[ ]*[:：])"
)
_MARK = LETTERS + LETTERS.lower() + "".join(LOOK_ALIKES)
_BULLET = re.compile(
    rf"(?:(?<=\n)|\A)[ \t\u3000]*[-*•·▪●][ \t]+(?=[（(\[【]?[ \t]*(?:[{_MARK}]|[0-9]{{1,3}}[.．、:：)）\]】]))"
    rf"|(?:(?<=\s)|\A)选项[ \t]*(?=[（(\[【]?[{_MARK}])"
)
_FILLED_SLOT = re.compile(r"[（(][\s\u3000_]*(?P<letters>[A-HＡ-Ｈ]{1,8})[\s\u3000_]*[)）]\s*[。．.]?\s*$")
BLANK = "____"


def is_chinese(text: str) -> bool:
    """Whether a text is Chinese rather than English."""
    han = sum("\u3400" <= c <= "\u9fff" for c in text)
    return han * 4 > sum(c.isascii() and c.isalpha() for c in text)


def latin_words(text: str) -> tuple[str, list[str]]:
    """Words in which Cyrillic look-alikes stand among Latin letters are written in Latin ones.

    Returns:
        The text, and the words that were changed, as they were.
    """
    changed: list[str] = []

    def mend(match: re.Match[str]) -> str:
        word = match[0]
        is_mixed = re.search(r"[A-Za-z]", word) and re.search(r"[\u0400-\u04ff]", word)
        if not (is_mixed or _PURE_LATIN_LOOK.match(word)):
            return word
        changed.append(word)
        return word.translate(_CYRILLIC)

    return _MIXED_WORD.sub(mend, text), changed


def without_foreign_lines(text: str) -> tuple[str, list[str]]:
    """A text without headings and explanations that the paper has between its questions.

    Returns:
        The text, and the lines that were taken out.
    """
    lines = text.split("\n")
    removed = [line.strip() for line in lines[1:] if _FOREIGN_LINE.match(line)]
    return "\n".join([*lines[:1], *(line for line in lines[1:] if not _FOREIGN_LINE.match(line))]), removed


def without_explanation(text: str) -> tuple[str, str]:
    """A question, and the answer and explanation that the paper has behind it (empty where it has none)."""
    match = _EXPLANATION.search(text)
    return (text, "") if match is None else (text[: match.start()], text[match.start() :].strip())


def without_markup(text: str) -> str:
    """A cell without signs of lists and bold type in front of numbers and option marks."""
    return _BULLET.sub("", re.sub(r"\*\*(?=\S)|(?<=\S)\*\*", "", text))


def without_filled_slot(stem: str) -> tuple[str, str]:
    """A question without the letters that are written into its slot, ``（B）``, and those letters."""
    match = _FILLED_SLOT.search(stem)
    return (stem, "") if match is None else (stem[: match.start()], _capital(match["letters"]))


def _capital(letters: str) -> str:
    return unicodedata.normalize("NFKC", letters)


def points_in(text: str) -> list[str]:
    """What a text says about the points a question gives: ``（3分）``; `clean_stem` takes it out."""
    return _SCORE.findall(text)


def clean_stem(text: str) -> str:
    """A question: one line, its blank written ``____``, without an empty answer slot and the points it gives."""
    text = _SCORE.sub("", text)
    text = _BLANK.sub(f" {BLANK} ", text)
    text = clean_line(_ANSWER_SLOT.sub("", text.strip()))
    # The place for the answer's letter behind a whole question is no blank to fill in.
    return re.sub(rf"(?<=[?？项是])\s*{BLANK}[\s.。]*$", "", text).strip()


def clean_line(text: str) -> str:
    """A text as one line, see `clean_spaces`."""
    return clean_spaces(join_lines(text)).strip()


def join_lines(text: str) -> str:
    """Lines put together: without a space between Chinese, with one between words."""
    text = re.sub(rf"(?<=[{_HAN}])[ \t\u3000\u00a0]*\n\s*", "", text)
    text = re.sub(rf"[ \t\u3000\u00a0]*\n\s*(?=[{_HAN}])", "", text)
    return re.sub(r"\s*\n\s*", " ", text)


def clean_spaces(text: str) -> str:
    """Single spaces between words, none in front of stops, inside brackets and between Chinese characters."""
    text = re.sub(r"[ \t\u00a0\u3000]+", " ", text)
    text = re.sub(rf"(?<=[{_HAN}]) (?=[{_HAN}])", "", text)
    text = re.sub(r" (?=[,.;:?!，。；：？！、）》”’](?![\w.]))", "", text)
    text = re.sub(r"(?<=\w) (?=[’'](?:s|t|re|ve|ll|d|m)\b)", "", text)
    text = re.sub(r"(?<=[A-Za-z]) -(?=[A-Za-z])", "-", text)
    text = re.sub(r"(?<=[（《“‘(]) ", "", text)
    return re.sub(r"(?<=[，。；：？！、）》]) ", "", text)


def reflow(text: str) -> str:
    """A reading text with its lines put together into paragraphs.

    A line goes on in the next one unless it is short, ends a sentence, or the next one is indented.
    """
    lines = [line.rstrip(" \t\u3000\u00a0") for line in text.replace("\r\n", "\n").split("\n")]
    full = sorted(len(line) for line in lines if line.strip())
    width = full[len(full) * 3 // 4] if full else 0
    paragraphs: list[list[str]] = [[]]
    for index, line in enumerate(lines):
        if not line.strip():
            paragraphs.append([])
            continue
        if re.match(r"[ \t\u3000\u00a0]{4,}|\u3000{2}", line) and paragraphs[-1]:
            paragraphs.append([])
        paragraphs[-1].append(line.strip())
        ends = re.search(r"[.!?。！？”’）)…:：\"]\Z", line) is not None
        if (ends and len(line) < 0.9 * width) or len(line) < 0.5 * width or index == len(lines) - 1:
            paragraphs.append([])
    return "\n".join(clean_line("\n".join(lines)) for lines in paragraphs if lines)
