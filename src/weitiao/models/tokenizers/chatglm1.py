"""ChatGLM-6B: its SentencePiece unigram model, with the white space that the original writes as pieces.

Line ends, tabs and runs of 2 to 80 spaces are pieces of their own (``<n>``, ``<|tab|>``, ``<|blank_k|>``), which the
original puts into the text by name. So a text that contains such a name becomes white space there, and the names of
five special tokens become these tokens. With ``split_special_tokens=True`` this class takes text as text instead: the
names match nothing, and where they would the white space travels through SentencePiece as a private character.

The Rust unigram has no pieces that are matched before the text is normalised, so this tokenizer is a slow one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import AddedToken, PreTrainedTokenizer

from weitiao.errors import FormatError, ModelError
from weitiao.models.tokenizers.sentencepiece_file import (
    Algorithm,
    PieceType,
    SentencePieceFile,
    read_sentencepiece,
)

VOCABULARY_FILE = "ice_text.model"
_NAMED = {
    "bos_token": "<sop>",
    "eos_token": "<eop>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "[MASK]",
}
_LONGEST_BLANK = 80  # spaces
_WHITE_SPACE = re.compile(rf"\n|\t| {{2,{_LONGEST_BLANK}}}")
_PRIVATE = range(0xE000, 0xF900)  # characters without a meaning, one of which stands for white space


def _name_of(space: str) -> str:
    """The piece that the original writes for white space."""
    return {"\n": "<n>", "\t": "<|tab|>"}.get(space) or f"<|blank_{len(space)}|>"


class ChatGLM1Tokenizer(PreTrainedTokenizer):
    """Tokenizer of ChatGLM-6B; ids as the original code gives them.

    A text gets ``[gMASK] <sop>`` behind it; a pair is text, ``[gMASK] <sop>``, answer, ``<eop>``. Rows are padded on
    the left. The attention mask is the usual one of two dimensions (the model makes its own of it).

    Args:
        vocab_file: The official ``ice_text.model``.
        options: As of every tokenizer.

    Raises:
        ModelError: The file is not that of ChatGLM-6B.
    """

    vocab_files_names = {"vocab_file": VOCABULARY_FILE}  # noqa: RUF012 - the name and form that transformers asks for
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, vocab_file: str, **options: Any) -> None:
        import sentencepiece

        self.vocab_file = vocab_file
        file = read_sentencepiece(Path(vocab_file))
        self._ids = {piece.text: number for number, piece in enumerate(file.pieces)}
        _check(file, self._ids, vocab_file)
        self._spaces = {
            number: _space_of(piece.text)
            for number, piece in enumerate(file.pieces)
            if piece.type is PieceType.USER_DEFINED
        }
        self._original = sentencepiece.SentencePieceProcessor(model_proto=file.data)
        self._added_tokens_decoder = {
            number: AddedToken(piece.text, special=True, normalized=False)
            for number, piece in enumerate(file.pieces)
            if piece.type in (PieceType.CONTROL, PieceType.UNKNOWN)
        }
        defaults = {
            "padding_side": "left",
            "clean_up_tokenization_spaces": False,
            "chatglm_version": "chatglm",
        }
        super().__init__(vocab_file=vocab_file, **{**_NAMED, **defaults, **options})

    @property
    def vocab_size(self) -> int:
        """Number of pieces; the model's table is longer."""
        return len(self._ids)

    def get_vocab(self) -> dict[str, int]:
        """Id of every piece."""
        return dict(self._ids)

    def tokenize(self, text: str, **options: Any) -> list[str]:
        """Pieces of a text.

        Args:
            text: Any text.
            options: ``split_special_tokens=True`` takes names of special tokens and of white space as text.

        Raises:
            FormatError: The text uses all 6,400 private characters of Unicode's first plane.
        """
        if options.get("split_special_tokens", self.split_special_tokens):
            return self._as_text(text)
        pieces: list[str] = []
        parts = re.split(f"({'|'.join(map(re.escape, _NAMED.values()))})", text)
        for k, part in enumerate(parts):
            if k % 2:
                pieces.append(part)
            elif part:
                # The original strips what stands beside a special token.
                part = part.lstrip() if k else part
                part = part.rstrip() if k + 1 < len(parts) else part
                pieces.extend(self._tokenize(part))
        return pieces

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """``a [gMASK] <sop>``, or ``a [gMASK] <sop> b <eop>``."""
        ids = [*token_ids_0, self._ids["[gMASK]"], self._ids["<sop>"]]
        return ids if token_ids_1 is None else [*ids, *token_ids_1, self._ids["<eop>"]]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Copy the model file."""
        name = VOCABULARY_FILE if filename_prefix is None else f"{filename_prefix}-{VOCABULARY_FILE}"
        target = Path(save_directory) / name
        if not (target.exists() and target.samefile(self.vocab_file)):
            shutil.copyfile(self.vocab_file, target)
        return (str(target),)

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        named = _WHITE_SPACE.sub(lambda match: _name_of(match.group()), text)
        return self._original.encode(named, out_type=str)

    @cached_property
    def _nameless(self) -> Any:
        """The same model, in which names of white space match nothing."""
        import sentencepiece

        data = read_sentencepiece(Path(self.vocab_file)).with_types(
            {PieceType.USER_DEFINED: PieceType.CONTROL}
        )
        return sentencepiece.SentencePieceProcessor(model_proto=data)

    def _as_text(self, text: str) -> list[str]:
        spaces = [_name_of(space) for space in _WHITE_SPACE.findall(text)]
        pieces = self._tokenize(text)
        if [p for p in pieces if self._ids[p] in self._spaces] == spaces:
            return pieces  # nothing in the text looks like the name of white space
        stand_in = next((chr(c) for c in _PRIVATE if chr(c) not in text), None)
        if stand_in is None:
            raise FormatError(
                "a text contains every private character (U+E000 to U+F8FF)", remedy="mend the text"
            )
        pieces = self._nameless.encode(_WHITE_SPACE.sub(stand_in, text), out_type=str)
        mark = [f"<0x{byte:02X}>" for byte in stand_in.encode()]
        out: list[str] = []
        rest = iter(spaces)
        k = 0
        while k < len(pieces):
            if pieces[k : k + len(mark)] == mark:
                out.append(next(rest))
                k += len(mark)
            else:
                out.append(pieces[k])
                k += 1
        return out

    def _convert_token_to_id(self, token: str) -> int:
        return self._ids.get(token, self._ids["<unk>"])

    def _convert_id_to_token(self, index: int) -> str:
        return self._original.id_to_piece(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Text of pieces; special tokens have none."""
        return self._text_of([self._convert_token_to_id(token) for token in tokens])

    def _decode(
        self,
        token_ids: int | list[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **options: Any,
    ) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else list(token_ids)
        dropped = {self._ids[str(self.pad_token)], *(self.all_special_ids if skip_special_tokens else ())}
        text = self._text_of([i for i in ids if i not in dropped])
        return self.clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    def _text_of(self, ids: Sequence[int]) -> str:
        spaces = [self._spaces[i] for i in ids if i in self._spaces]
        if not spaces:
            return self._original.decode(list(ids))
        for code in _PRIVATE:
            mark = [self._ids[f"<0x{byte:02X}>"] for byte in chr(code).encode()]
            marked = [m for i in ids for m in (mark if i in self._spaces else [i])]
            parts = self._original.decode(marked).split(chr(code))
            if len(parts) == len(spaces) + 1:  # else the text has this character itself
                return parts[0] + "".join(s + p for s, p in zip(spaces, parts[1:], strict=True))
        raise FormatError("tokens spell every private character (U+E000 to U+F8FF)")


def _space_of(name: str) -> str:
    return {"<n>": "\n", "<|tab|>": "\t"}.get(name) or " " * int(
        name.removeprefix("<|blank_").removesuffix("|>")
    )


def _check(file: SentencePieceFile, ids: dict[str, int], path: str) -> None:
    expected = [*_NAMED.values(), "[gMASK]", "<n>", "<|tab|>", f"<|blank_{_LONGEST_BLANK}|>", "<0x00>"]
    missing = [name for name in expected if name not in ids]
    if missing or file.algorithm is not Algorithm.UNIGRAM:
        raise ModelError(
            f"{path}: expected the vocabulary of ChatGLM-6B, got one without {', '.join(missing) or 'unigrams'}",
            remedy="use the ice_text.model that belongs to the checkpoint",
        )
