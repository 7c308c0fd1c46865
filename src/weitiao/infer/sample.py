"""Choosing the next token.

Each request draws from its own stream of random numbers, one number a token, and the number picks from the
distribution in the order of the vocabulary. So an answer does not depend on who else is in the batch.

Legend: N rows, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from weitiao.config import DecodeConfig


def random_stream(seed: int, number: int) -> torch.Generator:
    """Random numbers of request `number`."""
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def distribution(logits: Tensor, *, temperature: float, top_p: float) -> Tensor:
    """Probabilities at a temperature, outside the nucleus zero.

    The nucleus is the smallest set of most probable tokens that holds at least `top_p`.

    Args:
        logits: Float [N, V].
        temperature: Above 0.
        top_p: In (0, 1].

    Returns:
        Float64 [N, V]; rows sum to 1 when `top_p` is 1, else to the mass of the nucleus.

    Source: nucleus sampling, Holtzman et al. 2020 (arXiv 1904.09751), section 3.1.
    """
    scaled = logits.double()
    scaled = (scaled - scaled.amax(dim=-1, keepdim=True)) / temperature
    probabilities = scaled.softmax(dim=-1)
    if top_p < 1:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        outside = ordered.cumsum(dim=-1) - ordered >= top_p
        probabilities = probabilities.masked_fill(outside.scatter(1, order, outside), 0.0)
    return probabilities


def choose(logits: Tensor, config: DecodeConfig, streams: Sequence[torch.Generator]) -> Tensor:
    """The next token of each row.

    Args:
        logits: Float [N, V].
        config: Temperature (0: the most probable token) and top-p.
        streams: [N] random numbers of each row; not touched at temperature 0.

    Returns:
        Long [N].
    """
    if config.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = distribution(logits, temperature=config.temperature, top_p=config.top_p)
    mass = probabilities.cumsum(dim=-1)
    drawn = torch.stack([torch.rand((), generator=g, dtype=torch.float64) for g in streams]).to(mass.device)
    picked = torch.searchsorted(mass, (drawn * mass[:, -1])[:, None], right=True)[:, 0]
    # rounding can put the number at the very end, behind the last token with any probability
    final = (probabilities > 0).cumsum(dim=-1).argmax(dim=-1)
    return torch.minimum(picked, final)
