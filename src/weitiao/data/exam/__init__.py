"""Questions out of exam papers: a reading text, its numbered questions with options, and the answers."""

from __future__ import annotations

from weitiao.data.exam.paper import Extracted, Problem, Question, extract
from weitiao.data.exam.table import Paper, read_paper

__all__ = ["Extracted", "Paper", "Problem", "Question", "extract", "read_paper"]
