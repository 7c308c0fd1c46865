"""From a resolved recipe to everything a run needs: base, format, data set, method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from weitiao.chat import Absorbed, ChatFormat, common_beginning, make_format
from weitiao.config import BaseConfig, FullConfig, InitAdapter, InitText, PrefixConfig, Recipe
from weitiao.data import Fit, make_fitter, prepare
from weitiao.data.augment.local import Batched
from weitiao.data.augment.step import needs_base
from weitiao.data.templates import resolve_templates
from weitiao.errors import ConfigError, DataError, ModelError, collect
from weitiao.models.load import EMBEDDED, Base, has_bfloat16, load_base
from weitiao.pipeline.converting import Source, read_adapter
from weitiao.pipeline.writing import base_writer, batch_size_of
from weitiao.recipe import Resolved
from weitiao.tuning.adapter import check_base
from weitiao.tuning.exchange.placing import check_shape, trainable
from weitiao.tuning.prefix import (
    DeepPrefix,
    PrefixShape,
    Start,
    check_absorbable,
    initial,
    keys_and_values,
    start_from,
)
from weitiao.tuning.tuned import Tuned
from weitiao.tuning.tuned import prepare as prepare_model
from weitiao.types import Dataset, Example, Rendered

_DEFAULT_LENGTH = 64  # of a prefix that starts from no text


@dataclass(frozen=True)
class Opened:
    """A recipe with its base and data.

    Attributes:
        recipe: The recipe.
        base: The untouched base.
        whole: Chat format of the base.
        format: The same, without the beginning that the prefix stands for.
        dataset: Examples in three parts, and their card.
        start: What the prefix starts from; None for other methods.
        earlier: The adapter that is trained on; None for other starts.
    """

    recipe: Recipe
    base: Base
    whole: ChatFormat
    format: ChatFormat
    dataset: Dataset
    start: Start | None
    earlier: Source | None = None

    @property
    def prefix_length(self) -> int:
        """Virtual tokens in front of every sample, 0 for other methods."""
        method = self.recipe.method
        if self.start is None or not isinstance(method, PrefixConfig):
            return 0
        return len(self.start.ids) or (_DEFAULT_LENGTH if method.length == "auto" else method.length)

    def rendered(self, part: Literal["train", "dev", "test"]) -> list[Rendered]:
        """The samples of a part as they are trained."""
        return [self.format.render(example) for example in getattr(self.dataset, part)]


def compute_dtype(recipe: Recipe) -> Literal["float32", "bfloat16"]:
    """Precision in which the base is held: frozen weights follow ``train.precision``, trained ones are float32."""
    if isinstance(recipe.method, FullConfig) or recipe.train.precision == "float32":
        return "float32"
    return "bfloat16" if recipe.train.precision == "bfloat16" or has_bfloat16() else "float32"


def open_recipe(resolved: Resolved[Recipe]) -> Opened:
    """Load the base, build the data set, find what the prefix starts from.

    Raises:
        WeitiaoError: Whatever is wrong with base, data or recipe.
    """
    recipe, earlier = _with_earlier(resolved)
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    base, whole = _load(recipe, resolved.root)
    prepare_model(base.model)
    if earlier is not None:
        _check_earlier(earlier, base)
    if isinstance(recipe.method, PrefixConfig) and recipe.method.init == "template" and recipe.method.absorb:
        check_absorbable(base.model)
    fitter = fitter_of(recipe, base, whole)
    writer = base_writer(base, whole, batch_size=batch_size_of(recipe)) if needs_base(recipe.data) else None
    dataset = prepare(recipe, root=resolved.root, fitter=fitter, generator=writer)
    # What the run stores needs no prompt library: references to templates are written out.
    recipe = recipe.model_copy(update={"data": resolve_templates(recipe.data, resolved.root)})
    start = _start(recipe, whole, dataset, earlier)
    format = Absorbed(whole, start.absorbed) if start is not None and start.absorbed else whole
    opened = Opened(recipe, base, whole, format, dataset, start, earlier)
    _check_room(opened)
    return opened


def _load(recipe: Recipe, root: Path) -> tuple[Base, ChatFormat]:
    """The base of a recipe, and its chat format."""
    base = load_base(_located(recipe, root), dtype=compute_dtype(recipe))
    return base, make_format(recipe.format, base.tokenizer)


def fitter_of(recipe: Recipe, base: Base, whole: ChatFormat) -> Callable[[Example], Fit]:
    """What measures, and where the recipe allows cuts, each sample of the recipe's data.

    Raises:
        ConfigError: `data.max_length` is more than the base can take.
    """
    room = _room(recipe, base, whole)
    return make_fitter(lambda example: len(whole.render(example)), room, recipe.data.truncate)


def token_counter(resolved: Resolved[Recipe]) -> tuple[Callable[[Example], int], int]:
    """Tokens of a rendered sample as the recipe's base counts them, and the most that one may have.

    Raises:
        WeitiaoError: The base cannot be loaded, or the format does not fit it.
    """
    recipe, _ = _with_earlier(resolved)
    base, whole = _load(recipe, resolved.root)
    return (lambda example: len(whole.render(example))), _room(recipe, base, whole)


def recipe_writer(resolved: Resolved[Recipe]) -> Batched | None:
    """The base of a recipe as the writer of its steps, loaded only where a step asks for it.

    Raises:
        WeitiaoError: The base cannot be loaded, or the format does not fit it.
    """
    recipe = resolved.value
    if not needs_base(recipe.data):
        return None
    return base_writer(*_load(recipe, resolved.root), batch_size=batch_size_of(recipe))


def _with_earlier(resolved: Resolved[Recipe]) -> tuple[Recipe, Source | None]:
    """The recipe with the length of the adapter it starts from, and that adapter.

    Raises:
        AdapterError: It cannot be read.
        ConfigError: The recipe asks for another length.
    """
    recipe = resolved.value
    method = recipe.method
    if not isinstance(method, PrefixConfig) or not isinstance(method.init, InitAdapter):
        return recipe, None
    path = method.init.adapter
    beside = resolved.root / path
    earlier = read_adapter(beside if beside.is_dir() else Path(path).expanduser())
    length = earlier.encoder.shape.length
    if method.length not in ("auto", length):
        raise ConfigError(
            f"method.length: {method.length}, but the adapter {path} has {length} virtual tokens",
            remedy="leave method.length at auto",
        )
    return recipe.model_copy(update={"method": method.model_copy(update={"length": length})}), earlier


def _check_earlier(earlier: Source, base: Base) -> None:
    check_shape(earlier.encoder.shape, base.model.config, str(earlier.folder))
    if earlier.carried is not None:
        check_base(earlier.carried, base.describe(), earlier.folder)


def _located(recipe: Recipe, root: Path) -> BaseConfig:
    """Section ``base`` with a local folder made absolute, so that the adapter finds it from anywhere.

    A relative folder is looked for beside the recipe first, then in the current folder.
    """
    path = recipe.base.path
    if path == EMBEDDED:
        return recipe.base
    folder = next((f for f in (root / path, Path(path).expanduser()) if f.is_dir()), None)
    return recipe.base if folder is None else recipe.base.model_copy(update={"path": str(folder.absolute())})


def _taken(recipe: Recipe, format: ChatFormat) -> int:
    """Virtual tokens as far as they are known before the data are: a shared beginning is not, nor what it takes out."""
    method = recipe.method
    if not isinstance(method, PrefixConfig):
        return 0
    if method.length != "auto":
        return 0 if method.init == "template" and method.absorb else method.length
    if isinstance(method.init, InitText):
        return len(format.encode_text(method.init.text))
    return 0 if method.init == "template" else _DEFAULT_LENGTH


def _check_room(opened: Opened) -> None:
    """A shared beginning makes the prefix longer, and the samples shorter where it is taken out of them.

    Raises:
        DataError: Samples that then need more positions than the base has.
    """
    limit, length = opened.base.max_positions, opened.prefix_length
    if limit is None or opened.start is None or not opened.start.ids:
        return
    examples = [e for part in ("train", "dev", "test") for e in getattr(opened.dataset, part)]
    sizes = [(len(opened.format.render(e)), e) for e in examples]
    long = [f"{e.origin or e.id}: {n} tokens" for n, e in sizes if n + length > limit]
    if long:
        what = f"{len(long)} samples are longer than the {limit} positions of the base less {length} of the prefix"
        raise DataError(
            collect(long, what=what),
            remedy=f"set data.max_length to {max(limit - length, 1) + len(opened.start.absorbed)} and data.truncate to "
            f"left or right{'' if opened.start.absorbed else ', or method.absorb to true'}",
        )


def _room(recipe: Recipe, base: Base, format: ChatFormat) -> int:
    """Tokens a sample may have: what the recipe says, within what the base can take beside the prefix.

    Raises:
        ConfigError: `data.max_length` is more than the base can take.
    """
    limit = base.max_positions
    taken = _taken(recipe, format)
    wanted = recipe.data.max_length
    if limit is None:
        return wanted or 2**31
    length = getattr(recipe.method, "length", 0)
    longest = max(taken, length if isinstance(length, int) else 0)
    if longest >= limit:
        raise ConfigError(
            f"method.length: a prefix of {longest} leaves no room, the base takes {limit} positions",
            remedy="choose a shorter prefix",
        )
    if wanted is not None and wanted > limit - taken:
        raise ConfigError(
            f"data.max_length: {wanted} tokens are more than the base can take: {limit} positions less {taken} of the "
            "prefix",
            remedy=f"set data.max_length to {limit - taken} or less",
        )
    return wanted or limit - taken


def _start(
    recipe: Recipe, format: ChatFormat, dataset: Dataset, earlier: Source | None = None
) -> Start | None:
    """Which text the prefix starts from.

    Raises:
        ConfigError: `init: template`, but the training prompts have no common beginning.
    """
    method = recipe.method
    if not isinstance(method, PrefixConfig):
        return None
    if earlier is not None:
        absorbed = (earlier.carried or {}).get("absorbed", ()) if method.absorb else ()
        return Start((), tuple(absorbed), "")
    length = None if method.length == "auto" else method.length
    if isinstance(method.init, InitText):
        return start_from(format.encode_text(method.init.text), length, absorb=False)
    if method.init != "template":
        return Start((), (), "")
    common = common_beginning([format.render(example) for example in dataset.train])
    if not common:
        raise ConfigError(
            "method.init: the training prompts share no beginning to start the prefix from",
            remedy="set method.init to {text: ...}, zeros or random, or begin data.prompt with a fixed instruction",
        )
    return start_from(common, length, absorb=method.absorb)


def attach(opened: Opened) -> Tuned:
    """The base with the recipe's method attached, before the first step."""
    recipe, model = opened.recipe, opened.base.model
    method = recipe.method
    if isinstance(method, FullConfig):
        return Tuned(model, None, trains_base=True)
    if opened.start is None:
        raise ModelError(f"method.kind {method.kind} is not known", remedy="use prefix or full")
    torch.manual_seed(recipe.seed)
    device = next(model.parameters()).device
    if opened.earlier is not None:
        earlier = opened.earlier.encoder
        prefix = trainable(earlier, model, projection=method.projection, dropout=method.dropout)
        return Tuned(model, prefix.to(device))
    if opened.start.ids:
        start = keys_and_values(model, opened.start.ids).cpu()
    else:
        start = initial(
            str(method.init), PrefixShape.of(model.config, opened.prefix_length), seed=recipe.seed
        )
    prefix = DeepPrefix(
        start,
        projection=method.projection,
        dropout=method.dropout,
        random_projection=method.projection is not None and method.init == "random",
    )
    return Tuned(model, prefix.to(device))


def notes(opened: Opened) -> list[str]:
    """Sentences the user should read before a run: what was filled, cut, absorbed."""
    found = [*opened.dataset.card.get("warnings", ())]
    start = opened.start
    if start is not None and start.note:
        found.append(f"method.length: {start.note}")
    if start is not None and start.absorbed:
        text = opened.whole.decode(start.absorbed)
        found.append(
            f"{len(start.absorbed)} tokens that all prompts begin with went into the prefix: {text[:60]!r}"
        )
    return found
