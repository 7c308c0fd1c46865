"""The tokenizers on which the laws of chat formats are tested."""

from __future__ import annotations

from typing import Any

import pytest

from builders import TEMPLATES, chat_tokenizer, sentencepiece_tokenizer

BUILDERS: dict[str, Any] = {
    **{f"bytes-{t}": (lambda t=t: chat_tokenizer(t)) for t in TEMPLATES},
    "bytes-plain": lambda: chat_tokenizer(None),
    "pieces-plain": lambda: sentencepiece_tokenizer(None),
    "pieces-llama2": sentencepiece_tokenizer,
    "pieces-llama2-first": lambda: sentencepiece_tokenizer(prefix="first"),
    "pieces-roles": lambda: sentencepiece_tokenizer("roles"),
    "pieces-chatml-first": lambda: sentencepiece_tokenizer("chatml", prefix="first"),
}


@pytest.fixture(scope="session", params=list(BUILDERS))
def any_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each of the tokenizers, with and without chat template."""
    return BUILDERS[request.param]()


@pytest.fixture(scope="session", params=[name for name in BUILDERS if "plain" not in name])
def template_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each of the tokenizers with a chat template."""
    return BUILDERS[request.param]()


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """One tokenizer where any will do."""
    return chat_tokenizer("roles")
