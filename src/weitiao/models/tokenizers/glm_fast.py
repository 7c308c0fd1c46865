"""ChatGLM2 and ChatGLM3: their SentencePiece BPE as a fast tokenizer that needs nothing but transformers.

The file's algorithm joins, again and again, the leftmost pair whose joined piece has the best score. The fast form
joins the pair that stands first in a list of merges, so all ways to write a piece are listed in order of its score.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from weitiao.errors import ModelError
from weitiao.models.tokenizers.glm_templates import CHAT_TEMPLATES
from weitiao.models.tokenizers.sentencepiece_file import (
    Algorithm,
    PieceType,
    SentencePieceFile,
    read_sentencepiece,
)

VOCABULARY_FILE = "tokenizer.model"
SPACE = "▁"
PREFIX = ("[gMASK]", "sop")
"""Tokens that every sequence starts with."""

_ADDED = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
ADDED_TOKENS: dict[str, tuple[str, ...]] = {
    "chatglm2": _ADDED,
    "chatglm3": (*_ADDED, "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
}
"""Tokens that the original code appends to the file's pieces, in order of their ids."""


def load_glm_fast(folder: Path, version: Literal["chatglm2", "chatglm3"]) -> Any:
    """The tokenizer of a folder with the official ``tokenizer.model``.

    Raises:
        ModelError: No such file, or not that of ChatGLM2 or ChatGLM3.
    """
    from transformers import PreTrainedTokenizerFast

    path = folder / VOCABULARY_FILE
    file = read_sentencepiece(path)
    if file.algorithm is not Algorithm.BPE or any(p.type is PieceType.USER_DEFINED for p in file.pieces):
        raise ModelError(
            f"{path}: expected the BPE vocabulary of {version}, got a SentencePiece file of another kind",
            remedy="use the tokenizer.model that belongs to the checkpoint",
        )
    # The original names no bos token; unk fills up rows, as there.
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(file, version),
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<unk>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
        chat_template=CHAT_TEMPLATES[version],
        chatglm_version=version,
    )


def _backend(file: SentencePieceFile, version: str) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors

    ids = {piece.text: number for number, piece in enumerate(file.pieces)}
    tokenizer = Tokenizer(
        models.BPE(ids, _merges(file), unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]  # type: ignore[list-item]
    )
    control = [p.text for p in file.pieces if p.type in (PieceType.CONTROL, PieceType.UNKNOWN)]
    silent = [
        *control,
        *(ADDED_TOKENS[version] if version == "chatglm2" else ()),
    ]  # as in the original decode
    tokenizer.decoder = decoders.Sequence(  # type: ignore[assignment]
        [
            decoders.Replace(Regex(f"^(?:{'|'.join(map(re.escape, silent))})$"), ""),
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    names = [*control, *ADDED_TOKENS[version]]
    # sop and eop are parts of words ("philosophy", "people"), so they count only where they stand alone.
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False, single_word=name.isalpha()) for name in names]
    )
    start = " ".join(PREFIX)
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=f"{start} $A",
        pair=f"{start} $A $B </s>",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (*PREFIX, "</s>")],
    )
    return tokenizer


def _merges(file: SentencePieceFile) -> list[tuple[str, str]]:
    """All pairs of pieces that make a piece: best score of the whole first, then by the ids of the parts."""
    ids = {p.text: k for k, p in enumerate(file.pieces) if p.type is PieceType.NORMAL}
    ranked: list[tuple[float, int, int, str, str]] = []
    for piece in file.pieces:
        if piece.type is not PieceType.NORMAL:
            continue
        for cut in range(1, len(piece.text)):
            left, right = piece.text[:cut], piece.text[cut:]
            if left in ids and right in ids:
                ranked.append((-piece.score, ids[left], ids[right], left, right))
    return [(left, right) for *_, left, right in sorted(ranked)]
