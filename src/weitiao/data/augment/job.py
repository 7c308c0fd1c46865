"""Augmentation from Python: items, examples or records in, new ones out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.asking import Notes, Policy, Session, Tally
from weitiao.data.augment.budget import Budget, Prices
from weitiao.data.augment.cache import AnswerCache, default_folder
from weitiao.data.augment.endpoint import Endpoint
from weitiao.data.augment.engine import Augmented, Progress, Words, augment
from weitiao.data.augment.item import Item
from weitiao.data.augment.request import Generator
from weitiao.data.augment.samples import examples_of, items_of_examples, texts_of
from weitiao.errors import ConfigError, DataError
from weitiao.types import Example

T = TypeVar("T")


class Done(NamedTuple):
    """What a run made, and what it took.

    Attributes:
        made: New texts and those that were dropped.
        tally: Requests, tokens, money.
        generator: Name of who wrote.
        last_failure: Why the last request failed that did; empty where none did.
    """

    made: Augmented
    tally: Tally
    generator: str
    last_failure: str


def write_texts(
    items: Sequence[Item],
    config: AugmentConfig,
    *,
    generator: Generator | None = None,
    root: Path | None = None,
    notes: Notes | None = None,
    spent: float = 0.0,
    held_out: Iterable[str] = (),
    progress: Progress | None = None,
) -> Done:
    """Write new texts for items; every answer is on disk before it is used.

    Args:
        items: The texts there are.
        config: What is wanted.
        generator: Who writes; default: the endpoint of the settings.
        root: Folder that relative paths of the settings start at; default: the working directory.
        notes: Where spending is noted.
        spent: Money that earlier runs of the same job have spent.
        held_out: Texts of dev and test, which no new text may nearly repeat.
        progress: Told about requests.

    Raises:
        ConfigError: The settings do not fit, or the endpoint refuses everything.
        KeyboardInterrupt: As it came; answers so far are in the cache.
    """
    root = root or Path()
    writer = generator if generator is not None else _endpoint(config)
    words = Words(_names(config, root), _glossary(config, root))
    cache = AnswerCache(default_folder() if config.cache is None else root / Path(config.cache).expanduser())
    session = Session(
        writer,
        cache,
        Budget(config.budget, spent),
        prices=prices_of(config),
        policy=_policy(config),
        notes=notes,
    )

    async def job() -> Augmented:
        async with writer:
            return await augment(items, config, session, words=words, held_out=held_out, progress=progress)

    made = _finish(job())
    return Done(made, session.tally, writer.name, session.last_failure)


def augment_examples(
    examples: Sequence[Example],
    config: AugmentConfig,
    *,
    generator: Generator | None = None,
    root: Path | None = None,
    held_out: Iterable[Example] = (),
    progress: Progress | None = None,
) -> tuple[list[Example], Done]:
    """New examples whose last question, or the value of ``column`` in it, is worded anew.

    The rest is that of their source. Meant for the training part alone, after the split; ``held_out`` are the examples
    of the others, which no new one may nearly repeat.

    Raises:
        ConfigError: As `write_texts`.
    """
    items = items_of_examples(examples, config)
    texts = texts_of(held_out, config.column)
    done = write_texts(items, config, generator=generator, root=root, held_out=texts, progress=progress)
    return examples_of(examples, done.made.variants, config), done


def _finish(job: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also where an event loop is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(job)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_run, job).result()


def _run(job: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(job)
    except BaseExceptionGroup as group:  # tasks fail in groups; the first failure is the reason
        raise group.exceptions[0] from None


def _endpoint(config: AugmentConfig) -> Endpoint:
    if config.endpoint is None:
        raise ConfigError(
            "nobody to write: neither an endpoint nor a generator is given",
            remedy="set `endpoint` (url and model), or pass a generator",
        )
    return Endpoint(config.endpoint)


def prices_of(config: AugmentConfig) -> Prices:
    """Of the endpoint; nothing costs anything where it names none."""
    found = config.endpoint
    return Prices() if found is None else Prices(found.price_in or 0.0, found.price_out or 0.0)


def _policy(config: AugmentConfig) -> Policy:
    found = config.endpoint
    if found is None:
        return Policy(concurrency=64, retries=0, seed=config.seed)  # a local model makes its batches of these
    return Policy(found.concurrency, found.retries, found.max_wait_s, config.seed)


def _names(config: AugmentConfig, root: Path) -> tuple[str, ...]:
    if config.filter.names is None:
        return ()
    return tuple(
        line for line in map(str.strip, _text(config.filter.names, root, "names").splitlines()) if line
    )


def _glossary(config: AugmentConfig, root: Path) -> dict[str, tuple[str, ...]]:
    if config.glossary is None:
        return {}
    try:
        value = yaml.safe_load(_text(config.glossary, root, "glossary"))
    except yaml.YAMLError as error:
        raise DataError(
            f"{config.glossary}: not YAML: {error}", remedy="write one `term: [other, other]` a line"
        ) from error
    pairs = value.items() if isinstance(value, dict) else ()
    found = {
        str(term): tuple(map(str, [o] if isinstance(o, str) else o))
        for term, o in pairs
        if isinstance(o, str | list)
    }
    if not found or len(found) < len(pairs):
        raise DataError(
            f"{config.glossary}: expected terms with lists of other terms",
            remedy="write one `term: [other, other]` a line",
        )
    return found


def _text(file: str, root: Path, name: str) -> str:
    try:
        return (root / Path(file).expanduser()).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DataError(f"{name}: {file} cannot be read: {why}", remedy="name another file") from error
