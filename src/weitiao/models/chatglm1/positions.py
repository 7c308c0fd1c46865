"""Context and positions of ChatGLM-6B.

A sample is a context, whose tokens all see each other, and an answer that begins with ``<sop>`` and is causal. A token
has two positions: its place in the context (answers: the place of the mask token), and its place in the answer
(1 for ``<sop>``; 0 in the context)::

    token       a  b  [gMASK]  <sop>  c  d
    place       0  1  2        3      4  5
    position    0  1  2        2      2  2
    block       0  0  0        1      2  3

Legend: R rows, T tokens, C tokens of a context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from weitiao.errors import FormatError
from weitiao.models.chatglm1.configuration import ChatGLM1Config

_REMEDY = "render prompts with the chat format of ChatGLM-6B: text, [gMASK], <sop>"


class Places(NamedTuple):
    """What the model finds out by itself from token ids.

    Attributes:
        position_ids: Long [R, 2, T].
        blocks: Long [R, T]; 0 for the tokens of the context, -1 for all others.
    """

    position_ids: Tensor
    blocks: Tensor


class ChatGLM1Positions:
    """Positions and contexts of samples in packed rows; see `weitiao.tuning.positions.PositionScheme`.

    A prefix takes no place: its keys are not turned, and text starts at 0.

    Args:
        config: Its special tokens.
    """

    bidirectional = True

    def __init__(self, config: ChatGLM1Config) -> None:
        self.sop, self.masks = config.bos_token_id, (config.gmask_token_id, config.mask_token_id)

    def start(self, prefix: int) -> int:
        """0: text starts where it starts without a prefix."""
        return 0

    def context_of(self, ids: Sequence[int]) -> int:
        """C of a prompt: all tokens before the first ``<sop>``.

        Raises:
            FormatError: No ``<sop>``, or the token in front of it is not ``[gMASK]`` (or ``[MASK]``).
        """
        ids = list(ids)
        if self.sop not in ids:
            raise FormatError(f"a prompt of {len(ids)} tokens has no <sop> (id {self.sop})", remedy=_REMEDY)
        context = ids.index(self.sop)
        # answers stand at the place of the mask token; behind another token the model would do something else
        if not context or ids[context - 1] not in self.masks:
            raise FormatError("the token in front of <sop> is not [gMASK]", remedy=_REMEDY)
        return context

    def position_ids(self, place: Tensor, context: Tensor) -> Tensor:
        """Positions of tokens of samples.

        Args:
            place: Long [R, T], place of a token in its sample; 0 for padding.
            context: Long [R, T], C of its sample; 0 for padding.

        Returns:
            Long [R, 2, T].

        Raises:
            FormatError: A token of a sample without a context.
        """
        if bool(((context == 0) & (place > 0)).any()):
            raise FormatError(
                "a sample has no context: ChatGLM-6B answers behind [gMASK] only", remedy=_REMEDY
            )
        last = (context - 1).clamp_min(0)
        return torch.stack([torch.minimum(place, last), (place - last).clamp_min(0)], dim=1)

    def of_prefix(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        """Positions [1, 2, P] of a text whose keys become a prefix: the places just before 0."""
        place = torch.arange(-length, 0, device=device)
        return torch.stack([place, torch.zeros_like(place)])[None]


def find_places(input_ids: Tensor, attention_mask: Tensor | None, config: ChatGLM1Config) -> Places:
    """What the original finds out from token ids, and for padded rows what its tokenizer does.

    Args:
        input_ids: Long [R, T].
        attention_mask: [R, T], 0 for padding; None: every token counts, as in the original.
        config: Special tokens.

    Raises:
        FormatError: A row without ``<sop>`` or without a mask token.
    """
    real = torch.ones_like(input_ids) if attention_mask is None else attention_mask.to(input_ids)
    place = (real.cumsum(-1) - 1).clamp_min(0)
    tokens = torch.where(real.bool(), input_ids, -1)
    context = _first(tokens, config.bos_token_id, place, "<sop>")
    has_gmask = (tokens == config.gmask_token_id).any(-1)
    wanted = torch.where(has_gmask, config.gmask_token_id, config.mask_token_id)[:, None]
    mask = _first(tokens, wanted, place, "[gMASK] or [MASK]")
    inside = place < context
    position = torch.where(inside, place, mask) * real
    block = (place - context + 1).clamp_min(0) * real
    blocks = torch.where(inside & real.bool(), 0, -1)
    return Places(torch.stack([position, block], dim=1), blocks)


def _first(tokens: Tensor, wanted: Tensor | int | None, place: Tensor, name: str) -> Tensor:
    """[R, 1] place of the first such token of each row."""
    found = tokens == wanted
    if not bool(found.any(-1).all()):
        row = int((~found.any(-1)).nonzero()[0, 0])
        raise FormatError(f"row {row} of input_ids has no {name}", remedy=_REMEDY)
    return place.gather(1, found.int().argmax(-1, keepdim=True))
