"""Text that the project writes itself for pretraining the embedded base.

Most documents are chats whose answer is copied from the prompt: after pretraining, a small trained prefix
should be able to call that skill up. The rest is choosing by description and the words of the domains.

What is never made here: the labels of a demo task. No task sorts questions about company reports by type,
and none asks for the keywords of a question or for the financial item that a question is about. Companies,
years, cities, persons and dates may be extracted from such questions. Names are made up; no text is copied.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from weitiao.data.corpus import choices, copying, exams, extraction, finance, grid, hotel, papers, sql
from weitiao.data.corpus.document import Document

__all__ = ["DEFAULT_MIX", "KINDS", "Document", "generate"]

_TABLE: dict[str, tuple[Callable[[random.Random], Document], float]] = {
    "copy_repeat": (copying.repeat, 4.0),
    "copy_quoted": (copying.quoted, 4.0),
    "copy_between": (copying.between, 2.5),
    "copy_nth": (copying.nth, 3.0),
    "copy_lookup": (copying.lookup, 6.0),
    "copy_table": (copying.table, 4.0),
    "copy_delete": (copying.delete, 3.5),
    "copy_replace": (copying.replace, 2.0),
    "copy_reorder": (copying.reorder, 2.0),
    "copy_pattern": (copying.pattern, 1.0),
    "extract_one": (extraction.extract_one, 10.0),
    "extract_question": (extraction.extract_question, 8.0),
    "extract_many": (extraction.extract_many, 6.0),
    "extract_json": (extraction.extract_json, 3.5),
    "extract_turns": (extraction.extract_turns, 3.0),
    "few_shot": (extraction.few_shot, 4.0),
    "choice_letter": (choices.letter, 8.0),
    "choice_content": (choices.letter_by_content, 4.0),
    "choice_label": (choices.label, 3.0),
    "odd_one_out": (choices.odd_one_out, 1.0),
    "yes_no": (choices.yes_no, 2.5),
    "sentiment": (choices.sentiment, 1.5),
    "language": (choices.language, 0.5),
    "report_text": (finance.report_text, 5.0),
    "report_qa": (finance.report_qa, 3.0),
    "nl2sql": (sql.nl2sql, 4.0),
    "hotel_search": (hotel.search, 2.5),
    "work_order": (grid.work_order, 1.5),
    "grid_command": (grid.command, 1.5),
    "paper": (papers.paper, 2.5),
    "reading": (exams.reading, 3.5),
}
KINDS: dict[str, Callable[[random.Random], Document]] = {name: maker for name, (maker, _) in _TABLE.items()}
DEFAULT_MIX: dict[str, float] = {name: weight for name, (_, weight) in _TABLE.items()}


def generate(seed: int, *, mix: Mapping[str, float] | None = None) -> Iterator[Document]:
    """Endless documents, the same for the same seed and mix.

    Args:
        seed: Any integer.
        mix: Relative weight of each kind; kinds that are not named are left out. None takes ``DEFAULT_MIX``.

    Raises:
        ValueError: The mix names an unknown kind, has a negative weight, or no positive one.
    """
    weights = dict(DEFAULT_MIX if mix is None else mix)
    unknown = sorted(set(weights) - set(KINDS))
    if unknown:
        raise ValueError(f"mix: unknown kinds {unknown}; known are {sorted(KINDS)}")
    if any(weight < 0 for weight in weights.values()) or sum(weights.values()) <= 0:
        raise ValueError(f"mix: weights must be >= 0 with at least one > 0, got {weights}")
    return _stream(seed, tuple(weights), tuple(weights.values()))


def _stream(seed: int, kinds: tuple[str, ...], weights: tuple[float, ...]) -> Iterator[Document]:
    rng = random.Random(seed)
    makers = [KINDS[kind] for kind in kinds]
    while True:
        yield rng.choices(makers, weights)[0](rng)
