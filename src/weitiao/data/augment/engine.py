"""Rounds of asking and sifting until every row or class has its new texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from weitiao.config.augment import AugmentConfig, EndpointConfig
from weitiao.data.augment import sieve as reasons
from weitiao.data.augment.asking import Reply, Session
from weitiao.data.augment.item import Dropped, Item, Unit, Variant, language_of
from weitiao.data.augment.parse import texts_of
from weitiao.data.augment.plan import Glossary, Quota, quotas_of, units_of
from weitiao.data.augment.prompts import judging_request, request_of
from weitiao.data.augment.request import Answer, ChatRequest, Failure
from weitiao.data.augment.sieve import Sieve
from weitiao.errors import ConfigError


class Progress(Protocol):
    """Told how many requests there are, how many are done, and how many answers are sifted."""

    def expect(self, requests: int) -> None: ...

    def done(self, requests: int) -> None: ...

    def sifted(self, answers: int) -> None: ...


class NoProgress:
    """Shows nothing."""

    def expect(self, requests: int) -> None:
        """Show nothing."""

    def done(self, requests: int) -> None:
        """Show nothing."""

    def sifted(self, answers: int) -> None:
        """Show nothing."""


_JUDGED = 8  # texts in one question to the judge
MAX_LABELS = 100


@dataclass(frozen=True)
class Words:
    """Word lists that a run uses.

    Attributes:
        names: That must stay.
        glossary: Other terms by term.
    """

    names: tuple[str, ...] = ()
    glossary: Glossary = field(default_factory=dict)


@dataclass
class Augmented:
    """What a run made.

    Attributes:
        variants: In the order of the sources, the same for the same answers.
        dropped: Texts and requests that came to nothing.
        wanted: Texts asked for in all.
        stopped: ``budget`` or ``failures`` where the run ended early, else None.
    """

    variants: list[Variant] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    wanted: int = 0
    stopped: str | None = None


@dataclass(frozen=True)
class _Candidate:
    quota: Quota
    unit: Unit
    text: str


async def augment(
    items: Sequence[Item],
    config: AugmentConfig,
    session: Session,
    *,
    words: Words | None = None,
    held_out: Iterable[str] = (),
    progress: Progress | None = None,
) -> Augmented:
    """Write new texts for items.

    Answers are sifted in the order of the items, however they arrive, so that the same answers make the same texts.

    Args:
        items: The texts there are.
        config: What is wanted.
        session: Asks the generator, which is entered already.
        words: Names and glossary.
        held_out: Texts of dev and test, which no new text may nearly repeat.
        progress: Told about requests.

    Raises:
        ConfigError: The endpoint answers nothing at all.
    """
    words, progress = words or Words(), progress or NoProgress()
    sieve = Sieve(config.filter, items, words.names, held_out)
    quotas = quotas_of(items, config)
    result = Augmented(wanted=sum(quota.wanted for quota in quotas))
    labels = models_of(items) if config.filter.verify else {}
    for attempt in range(config.rounds):
        asked = [
            (q, unit)
            for q in quotas
            if q.missing > 0
            for unit in units_of(q, config, words.glossary, attempt)
        ]
        if not asked:
            break
        requests = [_request(unit, config) for _, unit in asked]
        progress.expect(len(requests))
        replies = await session.ask_all(requests, progress.done)
        candidates = list(_sifted(asked, replies, sieve, result.dropped, progress))
        if labels:
            candidates = await _verified(candidates, labels, session, config, result.dropped, progress)
        for candidate in candidates:
            made = Variant(candidate.text, candidate.unit.kind, candidate.unit.sources[0])
            candidate.quota.made.append(made)
    result.variants = [variant for quota in quotas for variant in quota.made]
    tally = session.tally
    is_silent = tally.failed > 0 and not tally.answered and not tally.cached
    result.stopped = session.stopped or ("failures" if is_silent else None)
    return result


def _request(unit: Unit, config: AugmentConfig) -> ChatRequest:
    temperature, max_tokens = _limits(config)
    return request_of(unit, temperature=temperature, max_tokens=max_tokens)


def _limits(config: AugmentConfig) -> tuple[float, int]:
    """Temperature and longest answer; a generator without settings of its own has the endpoint's defaults."""
    writer = config.endpoint or config.base
    if writer is not None:
        return writer.temperature, writer.max_tokens
    fields = EndpointConfig.model_fields
    return fields["temperature"].default, fields["max_tokens"].default


def _sifted(
    asked: Sequence[tuple[Quota, Unit]],
    replies: Sequence[Reply],
    sieve: Sieve,
    dropped: list[Dropped],
    progress: Progress,
) -> Iterable[_Candidate]:
    for (quota, unit), reply in zip(asked, replies, strict=True):
        progress.sifted(1)
        where = unit.sources[0].where
        if reply is None:  # not asked any more
            continue
        if isinstance(reply, Failure):
            dropped.append(Dropped(f"no answer: {reply.reason}", where))
            continue
        texts = _texts(reply, unit.count)
        if isinstance(texts, str):
            dropped.append(Dropped(texts, where, reply.text))
            continue
        for text in texts:
            reason = sieve.reason(text, unit)
            if reason is None:
                yield _Candidate(quota, unit, text)
                continue
            dropped.append(Dropped(reason, where, text))
            if reason in (reasons.NEAR_SOURCE, reasons.NEAR_OTHER, reasons.NEAR_HELD_OUT):
                quota.repeats.append(text)
        dropped.extend(Dropped(reasons.TOO_FEW, where) for _ in range(unit.count - len(texts)))


def _texts(reply: Answer, count: int) -> list[str] | str:
    """The texts of an answer, or why there are none."""
    if not reply.is_whole:
        return reasons.CUT_OFF
    if not reply.text.strip():
        return reasons.EMPTY
    texts = texts_of(reply.text, count)
    return reasons.UNREADABLE if texts is None else texts


def models_of(items: Sequence[Item]) -> Mapping[str, str]:
    """Each label and its first text, for the judge.

    Raises:
        ConfigError: The labels are no closed set that a model could choose from.
    """
    models: dict[str, str] = {}
    for item in items:
        models.setdefault(item.label, item.text)
    if not 1 < len(models) <= MAX_LABELS or "" in models:
        what = "some are empty" if "" in models else f"there are {len(models):,}"
        raise ConfigError(
            f"--verify: expected between 2 and {MAX_LABELS} labels to choose from, {what}",
            remedy="name the column of the labels with --label, or leave --verify out",
        )
    return models


async def _verified(
    candidates: Sequence[_Candidate],
    models: Mapping[str, str],
    session: Session,
    config: AugmentConfig,
    dropped: list[Dropped],
    progress: Progress,
) -> list[_Candidate]:
    """Those that the model gives the label of their source; what cannot be checked is dropped."""
    groups = [candidates[k : k + _JUDGED] for k in range(0, len(candidates), _JUDGED)]
    _, max_tokens = _limits(config)
    requests = []
    for group in groups:
        texts = [candidate.text for candidate in group]
        language = language_of(texts) if config.language == "auto" else config.language
        requests.append(judging_request(texts, list(models.items()), language, max_tokens=max_tokens))
    good: list[_Candidate] = []
    progress.expect(len(requests))
    replies = await session.ask_all(requests, progress.done)
    progress.sifted(len(requests))
    for group, reply in zip(groups, replies, strict=True):
        found = _texts(reply, len(group)) if isinstance(reply, Answer) else None
        labels = found if isinstance(found, list) and len(found) == len(group) else None
        for k, candidate in enumerate(group):
            if labels is not None and labels[k] == candidate.unit.label.strip():
                good.append(candidate)
                continue
            reason = reasons.UNJUDGED if labels is None else reasons.LABEL_CHANGED
            dropped.append(Dropped(reason, candidate.unit.sources[0].where, candidate.text))
    return good
