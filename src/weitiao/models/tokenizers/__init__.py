"""Tokenizers of the ChatGLM family from the official data files alone; the code that came with them is never run.

ChatGLM2 and 3 become fast tokenizers of plain transformers. ChatGLM-6B is a class of ours, which `AutoTokenizer` finds
once this package is imported.

One way to encode a text as text holds for all of them: ``tokenizer(text, split_special_tokens=True)`` gives no id of a
special token, whatever the text says. Without it the names of special tokens in a text become these tokens (chat
templates need that).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from weitiao.errors import ModelError

Version = Literal["chatglm", "chatglm2", "chatglm3"]


def register() -> None:
    """Let `AutoTokenizer` open saved tokenizers of ChatGLM-6B."""
    from transformers.models.auto.tokenization_auto import REGISTERED_TOKENIZER_CLASSES

    from weitiao.models.tokenizers.chatglm1 import ChatGLM1Tokenizer

    REGISTERED_TOKENIZER_CLASSES[ChatGLM1Tokenizer.__name__] = ChatGLM1Tokenizer


def load_chatglm(folder: str | Path, version: Version) -> Any:
    """The tokenizer of an official ChatGLM folder.

    Ids, special tokens and left padding are those of the original code. ``save_pretrained`` writes a folder that
    `AutoTokenizer` opens without remote code (for ``chatglm`` after ``import weitiao.models.tokenizers``).

    Args:
        folder: Has ``ice_text.model`` (chatglm) or ``tokenizer.model`` (chatglm2, chatglm3). The class and the code
            that its ``tokenizer_config.json`` names are not used.
        version: Which of the three.

    Returns:
        A tokenizer of transformers; its ``init_kwargs["chatglm_version"]`` says which it is, also once saved.

    Raises:
        ModelError: The file is missing, or belongs to another model.
    """
    from weitiao.models.tokenizers import glm_fast

    if version not in get_args(Version):
        raise ValueError(f"version {version!r}, expected one of {', '.join(get_args(Version))}")
    folder = Path(folder)
    name = "ice_text.model" if version == "chatglm" else glm_fast.VOCABULARY_FILE
    if not (folder / name).is_file():
        raise ModelError(
            f"{folder}: expected the tokenizer file {name} of {version}, it is not there",
            remedy="download the tokenizer files into the checkpoint's folder",
        )
    if version != "chatglm":
        return glm_fast.load_glm_fast(folder, version)
    from weitiao.models.tokenizers.chatglm1 import ChatGLM1Tokenizer

    register()
    return ChatGLM1Tokenizer(str(folder / name))
