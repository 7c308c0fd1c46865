"""Where pretraining text comes from: corpus files and our own generator, as endless seeded streams."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from weitiao.errors import ConfigError, DataError, collect
from weitiao.models.tokenizer_training import HAN
from weitiao.train.pretrain_config import CorpusRecipe, PretrainRecipe

T = TypeVar("T")

SHUFFLE_DOCUMENTS = 4096


class Text(NamedTuple):
    """One document: running text or a dialogue, and the part it is counted under."""

    part: str
    text: str | None
    messages: tuple[dict[str, str], ...] | None


def corpus_files(recipe: CorpusRecipe) -> dict[str, Path]:
    """Corpus files by name without ending, those of weight 0 left out.

    Raises:
        ConfigError: The folder is missing or empty, or a weight names no file.
    """
    if recipe.folder is None:
        return {}
    folder = recipe.folder
    found = {
        path.name.removesuffix(".gz").removesuffix(".jsonl"): path
        for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    }
    problems = [f"data.sources.{n}: no such file in {folder}" for n in recipe.sources if n not in found]
    problems += [f"data.sources.{n}: weight {w} is negative" for n, w in recipe.sources.items() if w < 0]
    if not found:
        problems.append(f"data.folder: no *.jsonl or *.jsonl.gz file in {folder}")
    if problems:
        raise ConfigError(
            collect(problems, what="the corpus cannot be read"), remedy="correct data.folder and data.sources"
        )
    return {name: path for name, path in found.items() if recipe.sources.get(name, 1.0) > 0}


def _lines(path: Path) -> Iterator[str]:
    """The texts of one file, over and over."""
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    while True:
        empty = True
        with opener(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    text = json.loads(line)["text"]
                except (ValueError, KeyError, TypeError) as error:
                    raise DataError(
                        f"{path}, line {number}: expected a JSON object with a field `text`, "
                        f"got {line[:60]!r}",
                        remedy="repair the line or leave the file out with data.sources",
                    ) from error
                empty = False
                yield text
        if empty:
            raise DataError(
                f"{path}: the file holds no document",
                remedy="fill it, or give it the weight 0 in data.sources",
            )


def _shuffled(items: Iterator[Any], rng: random.Random, size: int) -> Iterator[Any]:
    """Shuffle an endless stream through a buffer of ``size`` items."""
    buffer = list(itertools.islice(items, size))
    for item in items:
        k = rng.randrange(len(buffer))
        yield buffer[k]
        buffer[k] = item


def corpus_documents(recipe: CorpusRecipe, seed: int) -> Iterator[Text]:
    """Endless stream of corpus documents, mixed across all files in proportion to size and weight."""
    files = corpus_files(recipe)
    rng = random.Random(f"corpus-{seed}")
    names = sorted(files)
    weights = [files[n].stat().st_size * recipe.sources.get(n, 1.0) for n in names]
    streams = {n: _lines(files[n]) for n in names}

    def mixed() -> Iterator[str]:
        while True:
            for name in rng.choices(names, weights, k=1024):
                yield next(streams[name])

    for text in _shuffled(mixed(), rng, SHUFFLE_DOCUMENTS):
        yield Text(f"corpus_{language(text)}", text, None)


def language(text: str) -> str:
    """``zh`` where Han characters are at least a tenth of the first 2,000 characters, else ``en``."""
    head = text[:2000]
    return "zh" if len(re.findall(f"[{HAN}]", head)) >= 0.1 * len(head) else "en"


_ECHO = (
    "",
    "",
    "重复：",
    "照抄：",
    "原样复述下面的话：\n",
    "请把这段文字抄写一遍：\n",
    "Copy: ",
    "Repeat this text:\n",
)


def echoes(corpus: Iterator[Text], seed: int) -> Iterator[Text]:
    """Endless exercises in copying: an excerpt of the corpus, and the same again as the answer."""
    rng = random.Random(f"echo-{seed}")
    for document in corpus:
        text = document.text or ""
        length = rng.randint(12, 160)
        start = rng.randrange(max(1, len(text) - length))
        excerpt = text[start : start + length].strip()
        if excerpt:
            asked = rng.choice(_ECHO) + excerpt
            yield Text(
                "generated",
                None,
                ({"role": "user", "content": asked}, {"role": "assistant", "content": excerpt}),
            )


def generated_documents(
    seed: int, *, echo: float = 0.0, corpus: Iterator[Text] | None = None
) -> Iterator[Text]:
    """Endless stream of the project's own made-up documents.

    Args:
        seed: Of the generator.
        echo: Share of documents that are exercises in copying.
        corpus: Where their excerpts come from.
    """
    from weitiao.data.corpus import generate

    rng = random.Random(f"generated-{seed}")
    copied = None if corpus is None else echoes(corpus, seed)
    for document in generate(seed):
        while copied is not None and rng.random() < echo:
            yield next(copied)
        if document.messages is None:
            yield Text("generated", document.text, None)
        else:
            turns = tuple({"role": m.role, "content": m.content} for m in document.messages)
            yield Text("generated", None, turns)


def streams(recipe: PretrainRecipe) -> dict[bool, Iterator[Text]]:
    """The endless sources that the recipe uses: True is the generator, False the corpus."""
    share, found = recipe.data.generated.share, {}
    if share < 1:
        found[False] = corpus_documents(recipe.data, recipe.seed)
    if share > 0:
        made = recipe.data.generated
        # excerpts come from a pass of their own over the corpus, so that its main stream does not depend on `echo`
        corpus = _trained_corpus(recipe, recipe.seed + 1) if made.echo and recipe.data.folder else None
        found[True] = generated_documents(made.seed, echo=made.echo, corpus=corpus)
    return found


def _trained_corpus(recipe: PretrainRecipe, seed: int) -> Iterator[Text]:
    """Corpus documents that are not held out for validation."""
    for document in corpus_documents(recipe.data, seed):
        if not held_out(document, recipe.data.validation, recipe.seed):
            yield document


def interleave(sources: Mapping[bool, Iterator[T]], share: float, size: Callable[[T], int]) -> Iterator[T]:
    """One stream in which at any time the sizes of source True are as near to ``share`` as can be."""
    sizes = {False: 0, True: 0}
    while True:
        made = True in sources
        if len(sources) == 2:
            made = sizes[True] <= share * (sizes[True] + sizes[False])
        item = next(sources[made])
        sizes[made] += size(item)
        yield item


def tokenizer_sample(recipe: PretrainRecipe) -> Iterator[str]:
    """Endless plain texts for the tokenizer, both sources by share of characters."""
    texts = {made: map(plain, documents) for made, documents in streams(recipe).items()}
    return interleave(texts, recipe.data.generated.share, len)


def plain(document: Text) -> str:
    """The characters of a document without special tokens."""
    if document.messages is None:
        return document.text or ""
    return "\n".join(m["content"] for m in document.messages)


def held_out(document: Text, share: float, seed: int) -> bool:
    """Whether a document belongs to the validation part; equal texts are always on one side."""
    content = document.text or json.dumps(document.messages, ensure_ascii=False)
    digest = hashlib.sha256(f"{seed}\n{content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def texts_fingerprint(recipe: PretrainRecipe) -> str:
    """Which texts are read: files' content, weights, share, seeds. Not the code, not where files lie."""
    data = recipe.data
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in corpus_files(data).items()}
    generated = data.generated.model_dump(mode="json")
    return digest([files, data.sources, generated, recipe.seed])


def digest(content: Any) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
