"""The one attention rule: key j is visible to query i of its row iff ``first[j] <= i <= last[j]``.

Three forms of the same rule, one law (tests/tuning/test_attention.py):

* ``dense``: one masked SDPA call per layer; decoding with a cache, and the reference.
* ``blocks``: for the CPU. Each row is cut into query blocks that see few keys, and only these keys are
  multiplied. A tree of samples in one long row then costs what is visible, not ``T^2``. FlexAttention has no
  backward on the CPU; this form has one of its own.
* ``flex``: FlexAttention with a block mask, for CUDA.

State travels as arguments: ``model(..., visibility=Visibility, prefix=tensor)`` reaches `attend` through the
keyword arguments of transformers' attention interface; nothing is stored on modules. Registering the mask
function of the same name matters: without it transformers would build no mask and drop causality in silence.

Drawn for a prompt ``ab`` with the answers ``c`` and ``de`` (rows: query, columns: key)::

    index    0 1 2 3 4        first 0 1 2 3 4
    token    a b c d e        last  4 4 2 4 4
        a    x . . . .
        b    x x . . .
        c    x x x . .
        d    x x . x .
        e    x x . x x

Legend: R rows, T queries of a row, S keys of a row, P prefix length, H query heads, K key/value heads,
G = H / K, D head size, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weitiao.tuning.blocks import Block, partition, worthwhile

NAME = "weitiao"
"""Name under which `attend` is registered; a model uses it after `use_interval_attention`."""

Form = Literal["auto", "dense", "blocks", "flex"]

_SPARSE_FROM = 64  # below so many queries a row (decoding steps) the dense form is always used


@dataclass(frozen=True)
class Visibility:
    """Who sees whom in a batch; made once per forward pass, read by every layer.

    Attributes:
        first: [R, S] first query index that sees key j (-1: every query).
        last: [R, S] last query index that sees key j.
        queries: T; the queries are the last T of the S indices (S > T when decoding with a cache).
        prefix_visible: [R, P] which prefix slots a row has; None: every row has all of them.
        form: Which form computes it; auto chooses by device and size.
    """

    first: Tensor
    last: Tensor
    queries: int
    prefix_visible: Tensor | None = None
    form: Form = "auto"

    @classmethod
    def causal(cls, rows: int, tokens: int, device: torch.device | str = "cpu") -> Visibility:
        """Plain causal rows of one sample each."""
        first = torch.arange(tokens, device=device).repeat(rows, 1)
        return cls(first, torch.full_like(first, tokens - 1), tokens)

    def dense_mask(self) -> Tensor:
        """Bool [R, T, S]; True = visible."""
        start = self.first.shape[1] - self.queries
        index = torch.arange(start, start + self.queries, device=self.first.device)[None, :, None]
        return (self.first[:, None, :] <= index) & (index <= self.last[:, None, :])

    @cached_property
    def blocks(self) -> tuple[tuple[Block, ...], ...]:
        """Query blocks of every row, see `weitiao.tuning.blocks`."""
        return tuple(partition(f, la) for f, la in zip(self.first.tolist(), self.last.tolist(), strict=True))

    @cached_property
    def _additive(self) -> dict[tuple[Any, ...], Tensor]:
        return {}

    def additive_mask(self, dtype: torch.dtype, prefix: int) -> Tensor:
        """[R, 1, T, P + S] with 0 where visible and -inf elsewhere; made once per dtype."""
        key = (dtype, prefix)
        if key not in self._additive:
            visible = self.dense_mask()
            if prefix:
                rows, queries = visible.shape[:2]
                slots = visible.new_ones(rows, prefix) if self.prefix_visible is None else self.prefix_visible
                visible = torch.cat([slots[:, None, :].expand(rows, queries, prefix), visible], dim=2)
            mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
            self._additive[key] = mask.masked_fill_(~visible, float("-inf"))[:, None]
        return self._additive[key]

    def block_mask(self, row: int, number: int, dtype: torch.dtype, prefix: int, groups: int) -> Tensor:
        """[1, 1, G * q, P + s] mask of one query block, repeated for the G query heads of a key head."""
        key = (row, number, dtype, prefix, groups)
        if key not in self._additive:
            block = self.blocks[row][number]
            keys = torch.tensor(block.keys)
            index = torch.arange(block.start, block.stop)[:, None]
            visible = (self.first[row][keys] <= index) & (index <= self.last[row][keys])
            mask = torch.zeros(block.stop - block.start, prefix + len(block.keys), dtype=dtype)
            mask[:, prefix:].masked_fill_(~visible, float("-inf"))
            self._additive[key] = mask.repeat(groups, 1)[None, None]
        return self._additive[key]


def _select(x: Tensor, row: int, block: Block) -> Tensor:
    """[1, K, s, D]: keys (or values) of one row that a block sees."""
    if block.contiguous:
        return x[row : row + 1, :, block.keys[0] : block.keys[-1] + 1]
    return x[row : row + 1].index_select(2, torch.tensor(block.keys))


def _with_prefix(prefix: Tensor | None, row: int, part: Tensor) -> Tensor:
    if prefix is None:
        return part
    return torch.cat([prefix[row % prefix.shape[0]][None].to(part.dtype), part], dim=2)


def _by_key_head(x: Tensor, row: int, block: Block, heads: int) -> Tensor:
    """Queries [R, H, T, D] -> [1, K, G * q, D] of one block."""
    part = x[row, :, block.start : block.stop]
    return part.reshape(1, heads, -1, part.shape[-1])


def _weights(query: Tensor, key: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Attention weights [K, G * q, s] of one block; for types other than float32."""
    return torch.baddbmm(mask[0], query[0], key[0].mT, alpha=scale).softmax(-1)


def _forward(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Output [1, K, G * q, D] of one block, and in float32 the log-sum-exp of its scores.

    In float32 the fused kernel is fastest; in bfloat16 it is half as fast as plain matrix products, which use the
    processor's bfloat16 units, and its backward four to six times slower.
    """
    if query.dtype == torch.float32:
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, attn_mask=mask, scale=scale
        )
    return torch.bmm(_weights(query, key, mask, scale), value[0])[None], query.new_empty(0)


def _backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    log_sum: Tensor,
    mask: Tensor,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of one block's query, key and value."""
    if query.dtype == torch.float32:
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            grad, query, key, value, out, log_sum, 0.0, False, attn_mask=mask, scale=scale
        )
    weights = _weights(query, key, mask, scale)
    grad_value = torch.bmm(weights.mT, grad[0])
    centre = (grad[0].float() * out[0].float()).sum(-1, keepdim=True).to(grad.dtype)
    grad_scores = torch.baddbmm(centre, grad[0], value[0].mT, beta=-1).mul_(weights)
    grad_query = torch.bmm(grad_scores, key[0]).mul_(scale)
    grad_key = torch.bmm(grad_scores.mT, query[0]).mul_(scale)
    return grad_query[None], grad_key[None], grad_value[None]


class _BlockAttention(torch.autograd.Function):
    """Attention over query blocks, with a backward that adds every block's part into one buffer.

    Composing autograd's own slices would allocate a zero tensor of full size per block and layer.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        prefix_key: Tensor | None,
        prefix_value: Tensor | None,
        visibility: Visibility,
        scale: float,
    ) -> Tensor:
        rows, heads, tokens, size = query.shape
        key_heads = key.shape[1]
        prefix = 0 if prefix_key is None else prefix_key.shape[2]
        # [R, T, H, D] is the layout transformers wants back, so results are written into it directly
        out = query.new_empty(rows, tokens, heads, size)
        log_sums: list[Tensor] = []
        for row in range(rows):
            for number, block in enumerate(visibility.blocks[row]):
                part, log_sum = _forward(
                    _by_key_head(query, row, block, key_heads),
                    _with_prefix(prefix_key, row, _select(key, row, block)),
                    _with_prefix(prefix_value, row, _select(value, row, block)),
                    visibility.block_mask(row, number, query.dtype, prefix, heads // key_heads),
                    scale,
                )
                out[row, block.start : block.stop] = part.reshape(heads, -1, size).transpose(0, 1)
                log_sums.append(log_sum)
        ctx.save_for_backward(query, key, value, prefix_key, prefix_value, out, *log_sums)
        ctx.visibility, ctx.scale = visibility, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query, key, value, prefix_key, prefix_value, out, *log_sums = ctx.saved_tensors
        grad_out = grads[0]
        visibility: Visibility = ctx.visibility
        rows, heads, _, size = query.shape
        key_heads = key.shape[1]
        prefix = 0 if prefix_key is None else prefix_key.shape[2]
        grad_query = torch.empty_like(query)
        grad_key, grad_value = torch.zeros_like(key), torch.zeros_like(value)
        grad_prefix_key = None if prefix_key is None else torch.zeros_like(prefix_key, dtype=torch.float32)
        grad_prefix_value = None if prefix_key is None else torch.zeros_like(grad_prefix_key)  # type: ignore[arg-type]
        pieces = iter(log_sums)
        for row in range(rows):
            for number, block in enumerate(visibility.blocks[row]):
                span = slice(block.start, block.stop)
                dq, dk, dv = _backward(
                    grad_out[row, span].transpose(0, 1).reshape(1, key_heads, -1, size),
                    _by_key_head(query, row, block, key_heads),
                    _with_prefix(prefix_key, row, _select(key, row, block)),
                    _with_prefix(prefix_value, row, _select(value, row, block)),
                    out[row, span].transpose(0, 1).reshape(1, key_heads, -1, size),
                    next(pieces),
                    visibility.block_mask(row, number, query.dtype, prefix, heads // key_heads),
                    ctx.scale,
                )
                grad_query[row, :, span] = dq.reshape(heads, -1, size)
                _add(grad_key, row, block, dk[:, :, prefix:])
                _add(grad_value, row, block, dv[:, :, prefix:])
                if grad_prefix_key is not None and grad_prefix_value is not None:
                    slot = row % grad_prefix_key.shape[0]
                    grad_prefix_key[slot] += dk[0, :, :prefix]
                    grad_prefix_value[slot] += dv[0, :, :prefix]
        if prefix_key is not None and grad_prefix_key is not None and grad_prefix_value is not None:
            grad_prefix_key = grad_prefix_key.to(prefix_key.dtype)
            grad_prefix_value = grad_prefix_value.to(prefix_key.dtype)
        return grad_query, grad_key, grad_value, grad_prefix_key, grad_prefix_value, None, None


def _add(total: Tensor, row: int, block: Block, part: Tensor) -> None:
    if block.contiguous:
        total[row, :, block.keys[0] : block.keys[-1] + 1] += part[0]
    else:
        total[row].index_add_(1, torch.tensor(block.keys), part[0])


@lru_cache(maxsize=1)
def _flex() -> Any:
    """FlexAttention, compiled where that is possible (a GPU)."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if torch.cuda.is_available() else flex_attention


def _flex_attention(
    query: Tensor, key: Tensor, value: Tensor, visibility: Visibility, prefix: int, scale: float
) -> Tensor:
    """[R, T, H, D]; key and value have the prefix in front already."""
    from torch.nn.attention.flex_attention import create_block_mask

    cache = visibility._additive
    name = ("flex", prefix)
    if name not in cache:
        start = visibility.first.shape[1] - visibility.queries
        first, last = (F.pad(x, (prefix, 0), value=-1) for x in (visibility.first, visibility.last))
        last[:, :prefix] = visibility.first.shape[1]
        if visibility.prefix_visible is not None:
            last[:, :prefix].masked_fill_(~visibility.prefix_visible, -1)

        def visible(r: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return (first[r, k] <= q + start) & (q + start <= last[r, k])

        cache[name] = create_block_mask(  # type: ignore[assignment]
            visible, query.shape[0], None, query.shape[2], key.shape[2], device=query.device
        )
    out = _flex()(query, key, value, block_mask=cache[name], scale=scale, enable_gqa=True)
    return out.transpose(1, 2)


def _dense(
    query: Tensor, key: Tensor, value: Tensor, visibility: Visibility, prefix: int, scale: float
) -> Tensor:
    """[R, T, H, D]; key and value have the prefix in front already."""
    mask = visibility.additive_mask(query.dtype, prefix)
    gqa = query.shape[1] != key.shape[1]
    out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=gqa)
    return out.transpose(1, 2)


def _choose(visibility: Visibility, query: Tensor) -> Form:
    if visibility.form != "auto":
        return visibility.form
    if visibility.queries < _SPARSE_FROM or visibility.queries != visibility.first.shape[1]:
        return "dense"
    if query.device.type == "cuda":
        return "flex"
    if query.device.type != "cpu" or visibility.prefix_visible is not None:
        return "dense"
    return "blocks" if worthwhile(visibility.blocks, query.shape[0], query.shape[2]) else "dense"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    visibility: Visibility | None = None,
    prefix: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls in every layer.

    Args:
        module: The attention module; its ``layer_idx`` picks the layer of `prefix`.
        query: [R, H, T, D].
        key: [R, K, S, D], rotated and normed, cached keys in front.
        value: [R, K, S, D].
        attention_mask: Always None; our mask function returns it.
        scaling: Factor of the scores; default ``D ** -0.5``.
        dropout: Must be 0: a dropped key would break packed = separate.
        visibility: Who sees whom; required.
        prefix: [L, 2, K, P, D] for all rows, or [L, 2, R, K, P, D], or None.
        kwargs: What transformers also passes; a soft cap on scores is refused.

    Returns:
        Output [R, T, H, D] and None (no weights).
    """
    if visibility is None:
        raise ValueError("interval attention needs `visibility=`: who sees whom is not guessed")
    if attention_mask is not None or dropout or kwargs.get("softcap") is not None:
        raise ValueError("interval attention takes no attention_mask, no dropout and no softcap")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if query.dtype != value.dtype:  # autocast: the rotation made float32 of queries and keys
        query, key = query.to(value.dtype), key.to(value.dtype)
    prefix_key = prefix_value = None
    length = 0
    if prefix is not None:
        layer = prefix[int(module.layer_idx)]  # type: ignore[arg-type]
        prefix_key, prefix_value = layer if layer.dim() == 5 else layer[:, None]  # [R or 1, K, P, D]
        length = prefix_key.shape[2]
    form = _choose(visibility, query)
    if form == "blocks":
        return _BlockAttention.apply(query, key, value, prefix_key, prefix_value, visibility, scale), None  # type: ignore[return-value]
    if prefix_key is not None and prefix_value is not None:
        rows = query.shape[0]
        key = torch.cat([prefix_key.to(key.dtype).expand(rows, -1, -1, -1), key], dim=2)
        value = torch.cat([prefix_value.to(value.dtype).expand(rows, -1, -1, -1), value], dim=2)
    run = _flex_attention if form == "flex" else _dense
    return run(query, key, value, visibility, length, scale), None


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """Mask function of our name: `attend` owns the rule, so transformers builds no mask."""


def use_interval_attention(model: nn.Module) -> None:
    """Make a transformers model compute attention with `attend`."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.set_attn_implementation(NAME)  # type: ignore[operator]
