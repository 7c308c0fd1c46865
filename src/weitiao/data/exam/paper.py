"""Questions of one reading text: stems, options and answers put together, and what could not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weitiao.data.exam import clean
from weitiao.data.exam.answers import Answer, read_answers
from weitiao.data.exam.marks import LETTERS, Mark, candidates, damage_of, option_marks
from weitiao.data.exam.numbers import Start, find_numbers, find_sequence
from weitiao.types import Origin

_SURE = 4.0  # score of a mark that is not in doubt
_FEW = 0.5  # with a smaller share of the answers' numbers in the text, the two are counted differently


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question.

    Attributes:
        passage: The reading text, its lines put together.
        stem: The question.
        options: Text by letter.
        answer: Letter of the right option; several letters where several are right.
        number: As the paper counts.
        language: ``zh`` or ``en``.
        origin: Row of the paper.
        notes: What was mended or taken out on the way, one sentence each.
    """

    passage: str
    stem: str
    options: Mapping[str, str]
    answer: str
    number: int
    language: str
    origin: Origin | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The form of a line of ``questions.jsonl``."""
        origin = self.origin
        row = f"{origin.row}-{self.number}" if origin else str(self.number)
        return {
            "id": row if origin is None or origin.sheet is None else f"{origin.sheet}-{row}",
            "passage": self.passage,
            "question": self.stem,
            "options": dict(self.options),
            "choices": "\n".join(f"{letter}. {text}" for letter, text in self.options.items()),
            "answer": self.answer,
            "answer_text": "\n".join(self.options[letter] for letter in self.answer),
            "number": self.number,
            "language": self.language,
            "origin": None
            if origin is None
            else {"file": origin.file, "sheet": origin.sheet, "row": origin.row},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """A question that could not be recovered.

    Attributes:
        origin: Row of the paper.
        number: Of the question, None where the whole row is meant.
        reason: In words.
        text: Beginning of what stands there.
    """

    origin: Origin | None
    number: int | None
    reason: str
    text: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The form used in the report."""
        where = None if self.origin is None else str(self.origin)
        return {"origin": where, "number": self.number, "reason": self.reason, "text": self.text}


@dataclass(frozen=True)
class Extracted:
    """What one reading text gave.

    Attributes:
        questions: Whole ones.
        problems: The others, with reasons.
        notes: What was left aside in the row, one sentence each.
    """

    questions: tuple[Question, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Block:
    """A question before its options are looked at."""

    number: int
    answer: str | None
    text: str
    notes: list[str] = field(default_factory=list)
    fault: str | None = None


def extract(
    passage: str,
    questions: str,
    answers: str,
    origin: Origin | None = None,
    *,
    num_options: int | None = None,
) -> Extracted:
    """Questions of one reading text.

    Args:
        passage: The reading text.
        questions: Stems and options, as a cell of the paper holds them.
        answers: The answers, see `read_answers`.
        origin: Row of the paper.
        num_options: Options a question has; one with fewer has lost a mark. None: any number from two.
    """
    questions = clean.without_markup(questions.replace("\r\n", "\n").replace("\r", "\n"))
    if not questions.strip():
        return Extracted(problems=(Problem(origin, None, "no questions: the cell is empty"),))
    blocks, problems, notes = _blocks(questions, read_answers(answers), origin)
    for block in blocks:
        _take_explanation(block)
    marks = [option_marks(block.text) for block in blocks]
    clear_passage, passage_notes = _passage(passage)
    language = "zh" if clean.is_chinese(questions) else "en"
    whole: list[Question] = []
    for block, found in zip(blocks, marks, strict=True):
        made = _question(block, found, num_options or 2)
        if isinstance(made, str):
            problems.append(Problem(origin, block.number, made, _short(block.text)))
            continue
        stem, options = made
        whole.append(
            Question(
                clear_passage,
                stem,
                options,
                block.answer or "",
                block.number,
                language,
                origin,
                tuple([*block.notes, *passage_notes]),
            )
        )
    return Extracted(tuple(whole), tuple(problems), tuple(notes))


def _passage(text: str) -> tuple[str, list[str]]:
    latin, changed = clean.latin_words(text)
    notes = [f"Cyrillic letters in the text: {', '.join(changed[:5])}"] if changed else []
    return clean.reflow(latin), notes


def _blocks(
    text: str, answers: Sequence[Answer], origin: Origin | None
) -> tuple[list[_Block], list[Problem], list[str]]:
    """Cut a cell in front of each question; questions without an answer and answers without one are problems."""
    letters = {a.number: a for a in answers if a.number is not None}
    counts = Counter(a.number for a in answers)
    twice = {n: Answer(n, "", "the answers name this number twice") for n in letters if counts[n] > 1}
    letters |= twice
    found = find_numbers(text, list(letters)) if letters else []
    placed = [(number, start) for number, start in zip(letters, found, strict=True) if start is not None]
    notes: list[str] = []
    problems: list[Problem] = []
    if len(placed) < _FEW * max(len(answers), 1) or not placed:
        run = find_sequence(text, len(answers) or None)
        if run and len(run) == len(answers):
            placed = [(start.number, start) for start in run]
            if letters:
                notes.append("the answers are counted in another way than the questions: paired in order")
            letters = {start.number: a for start, a in zip(run, answers, strict=True)}
        elif len(run) > len(placed):
            placed = [(start.number, start) for start in run]
            letters = {}
        elif not run and not placed and len(option_marks(text)) > 1:
            return _without_number(text, answers, origin)
    known = {number for number, _ in placed}
    problems += [
        Problem(origin, number, a.fault or "no question with this number in front of options", _short(text))
        for number, a in letters.items()
        if number not in known
    ]
    blocks = _cut(text, placed, letters)
    blocks = [piece for block in blocks for piece in _unanswered(block)]
    if not blocks and not problems:
        problems.append(Problem(origin, None, "no numbered questions", _short(text)))
    if placed and text[: placed[0][1].start].strip():
        notes.append(f"in front of the first question: {_short(text[: placed[0][1].start])}")
    return blocks, problems, notes


def _without_number(
    text: str, answers: Sequence[Answer], origin: Origin | None
) -> tuple[list[_Block], list[Problem], list[str]]:
    """A cell that is one question without a number; letters without numbers are then all its own."""
    num_questions = sum(mark.letter == "A" and mark.score >= _SURE for mark in candidates(text))
    if num_questions > 1 or (len(answers) > 1 and {a.number for a in answers} != {None}):
        reason = "the questions have no numbers, so the answers cannot be told apart"
        return [], [Problem(origin, None, reason, _short(text))], []
    number = next((a.number for a in answers if a.number is not None), 1)
    said = "".join(a.letter for a in answers)
    fault = next((a.fault for a in answers if a.fault), None)
    if list(said) != sorted(set(said)):
        fault = f"{said} is no answer to one question, and the questions have no numbers"
    return [_Block(number, None if fault else said or None, text, [], fault)], [], []


def _cut(text: str, placed: Sequence[tuple[int, Start]], letters: Mapping[int, Answer]) -> list[_Block]:
    blocks = []
    ends = [*(start.start for _, start in placed), len(text)][1:]
    for (number, start), end in zip(placed, ends, strict=True):
        notes = [start.damage] if start.damage else []
        answer = letters.get(number)
        block = _Block(number, None, text[start.end : end], notes)
        if answer is not None:
            block.answer, block.fault = answer.letter or None, answer.fault
        blocks.append(block)
    return blocks


def _take_explanation(block: _Block) -> None:
    """What the paper says behind a question is no part of its last option; it answers where nothing else does."""
    block.text, explanation = clean.without_explanation(block.text)
    if not explanation:
        return
    block.notes.append(f"left out: {_short(explanation)}")
    said = read_answers(explanation)
    if block.answer is None and block.fault is None and len(said) == 1 and said[0].letter:
        block.answer = said[0].letter
        block.notes.append(f"the answer {block.answer} stands behind the question")


def _unanswered(block: _Block) -> list[_Block]:
    """A block in two where a question without an answer hides behind its options."""
    marks = option_marks(block.text)
    if len(marks) < 2:
        return [block]
    tail = block.text[marks[-1].end :]
    hidden = find_numbers(tail, [block.number + 1])[0]
    if hidden is None or len(option_marks(tail[hidden.end :])) < 3:
        return [block]
    cut = marks[-1].end + hidden.start
    first = _Block(block.number, block.answer, block.text[:cut], block.notes, block.fault)
    rest = _Block(block.number + 1, None, tail[hidden.end :])
    return [first, *_unanswered(rest)]


def _question(block: _Block, marks: Sequence[Mark], num_options: int) -> tuple[str, dict[str, str]] | str:
    """Stem and options; a reason where they are not whole. Notes go to the block."""
    stem, filled = clean.without_filled_slot(block.text[: marks[0].start] if marks else "")
    slot_fault = _take_slot(block, filled)
    if block.fault or slot_fault or block.answer is None:
        return block.fault or slot_fault or "no answer"
    if len(marks) < 2:
        return f"{'no' if not marks else 'only one'} option mark found"
    if len(marks) < num_options:
        lacking = ", ".join(LETTERS[len(marks) : num_options])
        return f"option {lacking} not found: the questions of this paper have {num_options}"
    if _num_outside(block.text, marks) > 1:
        return "options of two questions: the number between them is not found"
    stem, removed = clean.without_foreign_lines(stem)
    options: dict[str, str] = {}
    ends = [*(mark.start for mark in marks), len(block.text)][1:]
    for mark, end in zip(marks, ends, strict=True):
        text, lines = clean.without_foreign_lines(block.text[mark.end : end])
        removed += lines
        options[mark.letter] = _mended(clean.clean_line(text), block)
    clear = _mended(clean.clean_stem(stem), block)
    removed += clean.points_in(stem)
    block.notes += [*damage_of(marks), *(f"left out: {_short(line)}" for line in removed)]
    return _fault(clear, options, block.answer) or (clear, options)


def _num_outside(text: str, marks: Sequence[Mark]) -> int:
    """Sure marks in front of the first option or inside the last one: those of another question."""
    begin, end = marks[0].start, marks[-1].end
    sure = [mark for mark in candidates(text) if mark.score >= _SURE]
    return sum(mark.end <= begin or mark.start >= end for mark in sure)


def _take_slot(block: _Block, filled: str) -> str | None:
    """Letters that are written into the question would give its answer away: noted, or a reason where they differ."""
    if not filled:
        return None
    if block.answer is not None and block.answer != filled:
        return f"the question says {filled}, the answers {block.answer}"
    if block.answer is None and block.fault is None:
        block.answer = filled
    block.notes.append(f"the answer {filled} stood in the question, and was taken out")
    return None


def _mended(text: str, block: _Block) -> str:
    latin, changed = clean.latin_words(text)
    if changed:
        block.notes.append(f"Cyrillic letters: {', '.join(changed[:5])}")
    return latin


def _fault(stem: str, options: Mapping[str, str], answer: str) -> str | None:
    empty = [letter for letter, text in options.items() if not text]
    if not stem:
        return "no question in front of the options"
    if empty:
        return f"option {', '.join(empty)} is empty"
    if len(set(options.values())) < len(options):
        return "two options are the same"
    if not set(answer) <= set(options):
        return f"the answer {answer} is none of the options {', '.join(options)}"
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."
