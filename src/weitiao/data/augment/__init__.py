"""New rows written by a model: other wordings, and new texts of a class.

Units (`plan`) become requests (`prompts`), which are asked (`asking`) of an endpoint or a function, under a budget and
with all answers on disk; what comes back is read (`parse`), sifted (`sieve`) and made rows again (`rows`).
"""

from __future__ import annotations

from weitiao.data.augment.endpoint import Endpoint
from weitiao.data.augment.file import augment_file
from weitiao.data.augment.item import Item, Variant
from weitiao.data.augment.job import Done, augment_examples, write_texts
from weitiao.data.augment.local import Local
from weitiao.data.augment.report import report_of, summary_of
from weitiao.data.augment.request import Answer, ChatRequest, Generator
from weitiao.data.augment.step import Augment

__all__ = [
    "Answer",
    "Augment",
    "ChatRequest",
    "Done",
    "Endpoint",
    "Generator",
    "Item",
    "Local",
    "Variant",
    "augment_examples",
    "augment_file",
    "report_of",
    "summary_of",
    "write_texts",
]
