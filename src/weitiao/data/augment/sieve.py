"""Which of the texts that a model wrote are kept: the reasons for which one is dropped, in the order of asking."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from weitiao.config.augment import AugmentFilter
from weitiao.data.augment.item import Item, Unit
from weitiao.data.augment.near import NearIndex
from weitiao.data.augment.numbers import numbers_of
from weitiao.data.augment.script import script_of, words_of

UNREADABLE = "the answer is not the JSON list that was asked for"
CUT_OFF = "the answer was cut off at max_tokens"
TOO_FEW = "fewer texts than asked for"
EMPTY = "empty text"
REFUSED = "off task: the model refuses or speaks about itself"
TALK = "off task: words about the task instead of the text"
NO_QUESTION = "off task: the source asks, the new text does not"
UNRELATED = "off task: too little in common with the source"
LANGUAGE = "another language"
LENGTH = "much longer or shorter than the source"
GIVEN_AWAY = "the text gives its label away"
NUMBER_LOST = "a number is lost"
NUMBER_NEW = "a number is new"
NAME_LOST = "a name or quoted span is lost"
NEAR_SOURCE = "near-duplicate of its source"
NEAR_OTHER = "near-duplicate of another text"
NEAR_HELD_OUT = "near-duplicate of a row of dev or test"
LABEL_CHANGED = "the model gives it another label"
UNJUDGED = "the label could not be checked"

_REFUSAL = re.compile(
    r"作为一?[个名款]?\s*(?:AI|人工智能|语言模型|大模型)|我(?:无法|不能|没有办法)(?:提供|回答|完成|协助|改写|满足)|(?:很抱歉|对不起)[，,]\s*我"
    r"|as an? (?:ai|artificial|language model)|i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:no|')t|cannot) "
    r"(?:help|assist|provide|answer|fulfil|comply|rewrite)",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"^\s*(?:好的[，,。！]|当然[，,。！]?|以下是|下面是|改写(?:后|如下|为|结果)|改写文本|sure[,!.:]|certainly[,!.:]"
    r"|of course[,!.:]|here(?:'s| is| are) |rewritten(?: text)?\s*:|paraphrased?(?: text)?\s*:)|^```",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"[?？]|什么|多少|几[个家名年月天次种项位岁]|[吗呢么]\s*[。！!]?$|哪|谁|怎|如何|为何|为啥|是否|是不是|有没有|能否|能不能|可否|可不可以"
    r"|请|麻烦|帮|告诉|告知|说明|查|给出|列出|列举|介绍|计算|统计|分析|想知道|想了解|求|写出|解释"
    r"|\b(?:what|which|who|whom|whose|when|where|why|how|whether|please|tell|give|list|show|explain|describe|find|name|"
    r"state|compute|calculate|know|wonder(?:ing)?|report|provide|identify|let me)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[?？]\s*$")
_QUOTED = re.compile('“([^”]+)”|「([^」]+)」|『([^』]+)』|《([^》]+)》|【([^】]+)】|"([^"\n]+)"|‘([^’]{2,})’')
_PLACEHOLDER = re.compile(r"\{\{?\s*\w+\s*\}?\}|<\w+>|\[[A-Z_]{2,}\]")
_SLACK = 12  # characters by which any text may be longer or shorter


class Sieve:
    """The filters, with the memory of what is there already.

    Args:
        settings: Thresholds.
        items: All texts of the data set: nothing that is made may nearly repeat one of them.
        names: Names that must stay wherever a source holds them.
        held_out: Texts of other parts of the data set, which must not come back in this one.
    """

    def __init__(
        self,
        settings: AugmentFilter,
        items: Sequence[Item],
        names: Sequence[str] = (),
        held_out: Iterable[str] = (),
    ) -> None:
        self.settings, self.names = settings, tuple(names)
        self._near = NearIndex(settings.near, (item.text for item in items))
        self._held_out = NearIndex(settings.near, held_out)

    def reason(self, text: str, unit: Unit) -> str | None:
        """Why a text is dropped; None for a good one, which is remembered."""
        if not text.strip():
            return EMPTY
        checks = _CLASS_CHECKS if unit.kind == "expand" else _REWRITE_CHECKS
        for check in checks:
            reason = check(self, text, unit)
            if reason is not None:
                return reason
        self._near.add(text)
        return None

    def spans(self, item: Item) -> Iterator[str]:
        """What a new wording of an item holds word by word."""
        for match in _QUOTED.finditer(item.text):
            yield next(filter(None, match.groups()))
        for match in _PLACEHOLDER.finditer(item.text):
            yield match[0]
        yield from item.keep
        yield from (name for name in self.names if name in item.text)
        if item.label and item.label in item.text:
            yield item.label

    def _talk(self, text: str, unit: Unit) -> str | None:
        if any(_REFUSAL.search(item.text) for item in unit.sources):
            return None
        return REFUSED if _REFUSAL.search(text) else TALK if _TALK.search(text) else None

    def _language(self, text: str, unit: Unit) -> str | None:
        scripts = {script_of(item.text) for item in unit.sources}
        return None if scripts & {script_of(text), "none"} else LANGUAGE

    def _length(self, text: str, unit: Unit) -> str | None:
        lengths = [len(item.text) for item in unit.sources]
        most = max(lengths) * self.settings.length_ratio + _SLACK
        least = min(lengths) / self.settings.length_ratio - _SLACK
        return None if least <= len(text) <= most else LENGTH

    def _given_away(self, text: str, unit: Unit) -> str | None:
        label = unit.label
        is_said = len(label) > 1 and not label.isdecimal() and label in text
        return GIVEN_AWAY if is_said and not any(label in item.text for item in unit.sources) else None

    def _numbers(self, text: str, unit: Unit) -> str | None:
        wanted, found = numbers_of(unit.sources[0].text), numbers_of(text)
        return NUMBER_LOST if wanted - found else NUMBER_NEW if found - wanted else None

    def _names(self, text: str, unit: Unit) -> str | None:
        written = _folded(text)
        return (
            NAME_LOST if any(_folded(span) not in written for span in self.spans(unit.sources[0])) else None
        )

    def _asks(self, text: str, unit: Unit) -> str | None:
        asked = _QUESTION.search(unit.sources[0].text)
        return NO_QUESTION if asked and not _ASKING.search(text) else None

    def _related(self, text: str, unit: Unit) -> str | None:
        ours, theirs = words_of(text), words_of(unit.sources[0].text)
        smaller = min(len(ours), len(theirs))
        shared = len(ours & theirs) / smaller if smaller else 1.0
        return UNRELATED if shared < self.settings.overlap else None

    def _is_new(self, text: str, unit: Unit) -> str | None:
        other = self._near.near(text)
        if other is None:
            return NEAR_HELD_OUT if self._held_out.near(text) is not None else None
        return NEAR_SOURCE if any(other == item.text for item in unit.sources) else NEAR_OTHER


_Check = Callable[[Sieve, str, Unit], str | None]
_CLASS_CHECKS: tuple[_Check, ...] = (
    Sieve._talk,
    Sieve._language,
    Sieve._length,
    Sieve._given_away,
    Sieve._is_new,
)
_REWRITE_CHECKS: tuple[_Check, ...] = (
    Sieve._talk,
    Sieve._language,
    Sieve._length,
    Sieve._given_away,
    Sieve._numbers,
    Sieve._names,
    Sieve._asks,
    Sieve._related,
    Sieve._is_new,
)


def _folded(text: str) -> str:
    """Without case, width and white space: a name broken by a space is still that name."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
