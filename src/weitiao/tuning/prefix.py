"""P-Tuning v2: per layer P trained keys and values that every query may see.

``kv`` [L, 2, K, P, D] is exactly what the key/value cache of P virtual tokens at positions 0..P-1 would hold (after
key norm and rotation), so text starts at position P. A prefix that is started from a real text therefore makes the
model behave exactly as with that text in context.

Where contexts look both ways (ChatGLM-6B) a prefix takes no places, as in the original: its keys are not turned and
text starts at 0. A prefix from a text is then that text in front of every context, at the places before 0, which the
context sees and which does not see the context; the text inside the context would see it.

Source: P-Tuning v2 (Liu et al. 2022, arXiv 2110.07602), sections 3.1 to 3.3; reparameterisation from prefix tuning
(Li and Liang 2021, arXiv 2101.00190), section 4.3.

Legend: L layers, K key/value heads, P prefix length, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weitiao.errors import ConfigError
from weitiao.tuning.attention import Visibility
from weitiao.tuning.positions import scheme_of


class PrefixShape(NamedTuple):
    """Sizes of a prefix: L, K, P, D."""

    layers: int
    heads: int
    length: int
    size: int

    @classmethod
    def of(cls, config: Any, length: int) -> PrefixShape:
        """Sizes for a transformers configuration."""
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        return cls(
            config.num_hidden_layers, getattr(config, "num_key_value_heads", None) or heads, length, size
        )

    @property
    def tensor(self) -> tuple[int, int, int, int, int]:
        """Shape [L, 2, K, P, D]."""
        return self.layers, 2, self.heads, self.length, self.size


class DeepPrefix(nn.Module):
    """The trained tensors of a prefix; float32 whatever the base is.

    Direct: ``kv`` itself trains. Projected: ``kv = start + MLP(embedding)`` trains through a small MLP whose last
    layer starts at zero when there is a start, so that the first step begins exactly there; with a random start the
    MLP is initialised as usual and ``start`` is zero.

    Args:
        start: [L, 2, K, P, D] initial keys and values.
        projection: Hidden size of the MLP, None for a direct prefix.
        dropout: Dropout on the prefix in training.
        random_projection: With `projection`: initialise the last layer randomly and ignore `start`.
    """

    kv: nn.Parameter
    start: Tensor
    embedding: nn.Parameter
    mlp: nn.Sequential

    def __init__(
        self,
        start: Tensor,
        *,
        projection: int | None = None,
        dropout: float = 0.0,
        random_projection: bool = False,
    ) -> None:
        super().__init__()
        start = start.detach().float()
        self.length = start.shape[3]
        self.dropout = dropout
        if projection is None:
            self.kv = nn.Parameter(start.clone())
            return
        layers, _, heads, length, size = start.shape
        width = heads * size
        self.register_buffer("start", torch.zeros_like(start) if random_projection else start.clone())
        self.embedding = nn.Parameter(torch.randn(length, width))
        self.mlp = nn.Sequential(
            nn.Linear(width, projection), nn.Tanh(), nn.Linear(projection, layers * 2 * width)
        )
        if not random_projection:
            nn.init.zeros_(self.mlp[2].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.mlp[2].bias)  # type: ignore[arg-type]

    @property
    def is_projected(self) -> bool:
        """Whether the keys and values come out of an MLP."""
        return hasattr(self, "mlp")

    def folded(self) -> Tensor:
        """[L, 2, K, P, D] float32 without dropout: what an adapter file holds."""
        if not self.is_projected:
            return self.kv
        layers, two, heads, length, size = self.start.shape
        out = self.mlp(self.embedding).view(length, layers, two, heads, size)
        return self.start + out.permute(1, 2, 3, 0, 4)

    def forward(self) -> Tensor:
        """[L, 2, K, P, D] float32 for one step."""
        return F.dropout(self.folded(), self.dropout, self.training) if self.dropout else self.folded()


@torch.no_grad()
def keys_and_values(model: nn.Module, ids: Sequence[int]) -> Tensor:
    """What the cache of the base holds after reading `ids` where a prefix stands (positions 0..P-1).

    Args:
        model: A causal model that uses interval attention, or one whose contexts look both ways.
        ids: P token ids.

    Returns:
        Float32 [L, 2, K, P, D].
    """
    device = next(model.parameters()).device
    tokens = torch.tensor([list(ids)], device=device)
    length, scheme = tokens.shape[1], scheme_of(model)
    visibility = Visibility.causal(1, length, device)
    if scheme.bidirectional:
        visibility = Visibility(torch.zeros_like(visibility.first), visibility.last, length)
    out = model.base_model(  # type: ignore[operator]
        input_ids=tokens,
        position_ids=scheme.of_prefix(length, device),
        use_cache=True,
        visibility=visibility,
    )
    layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in out.cache.layers]
    return torch.stack(layers).float()


def check_absorbable(model: nn.Module) -> None:
    """Refuse to take the beginning of contexts that look both ways out of the samples.

    Its states depend on what stands behind it, so no prefix can hold them.

    Raises:
        ConfigError: Contexts of the model look both ways.
    """
    if scheme_of(model).bidirectional:
        raise ConfigError(
            f"method.absorb: in {type(model).__name__} all tokens of a prompt see each other, so the beginning that "
            "prompts share is another one for each of them and cannot go into the prefix",
            remedy="set method.absorb to false: the prefix then starts from the beginning, which stays in the prompts",
        )


class Start(NamedTuple):
    """Which ids a prefix starts from, and what that leaves out.

    Attributes:
        ids: P token ids, empty for random and zeros.
        absorbed: Leading ids that are taken out of every sample.
        note: What was filled up or cut, for the user; empty when nothing was.
    """

    ids: tuple[int, ...]
    absorbed: tuple[int, ...]
    note: str


def start_from(text: Sequence[int], length: int | None, *, absorb: bool) -> Start:
    """Fit a text of n tokens to a prefix of P.

    * P = n (or `length` None): the text itself.
    * P > n: the text is repeated in front of itself, so that its last copy keeps its place next to the prompt.
    * P < n: the first P tokens. With `absorb` nothing is lost: only these are taken out of the samples and the
      rest stays in the prompts.

    Args:
        text: n >= 1 token ids.
        length: P, None for n.
        absorb: Whether the samples begin with `text` and lose it.
    """
    ids = tuple(text)
    n = len(ids)
    target = n if length is None else length
    if target >= n:
        filler = (ids * (-(-(target - n) // n)))[: target - n]
        note = f"the text of {n} tokens is repeated to fill a prefix of {target}" if target > n else ""
        return Start(filler + ids, ids if absorb else (), note)
    rest = "stay in every prompt" if absorb else "are left out of the start"
    note = f"a prefix of {target} holds the first {target} of {n} tokens; the other {n - target} {rest}"
    return Start(ids[:target], ids[:target] if absorb else (), note)


def initial(kind: str, shape: PrefixShape, *, seed: int) -> Tensor:
    """Zeros, or the standard normal start of the original, [L, 2, K, P, D].

    Args:
        kind: ``zeros`` or ``random``.
        shape: Sizes.
        seed: Of the random start.
    """
    if kind == "zeros":
        return torch.zeros(shape.tensor)
    return torch.randn(shape.tensor, generator=torch.Generator().manual_seed(seed))
