"""Many requests at a time: cache, budget, retries, and a clean stop."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from weitiao.data.augment.budget import Budget, Prices
from weitiao.data.augment.cache import AnswerCache
from weitiao.data.augment.request import Answer, ChatRequest, Failure, Generator, Refused, TryAgain, Usage
from weitiao.errors import WeitiaoError

_FIRST_WAIT_S = 0.5
_FAILURES_IN_A_ROW = 5  # then the endpoint is taken to be down
_NOTHING = Usage(0, 0)
Reply = Answer | Failure | None


class Notes(Protocol):
    """Where spending is noted, so that another run knows of it (see `Ledger`)."""

    def sent(self, most: float) -> int: ...

    def settled(self, number: int, cost: float) -> None: ...


class NoNotes:
    """For runs that nobody goes on with."""

    def sent(self, most: float) -> int:
        """Note nothing."""
        return 0

    def settled(self, number: int, cost: float) -> None:
        """Note nothing."""


@dataclass
class Tally:
    """Counts of one run.

    Attributes:
        sent: Attempts that went out.
        answered: Requests with an answer that was paid for now.
        cached: Requests whose answer was on disk.
        retried: Attempts after the first of their request.
        failed: Requests given up.
        unanswered: Those of them that may be answered another time.
        prompt_tokens, completion_tokens: As the generator counts them.
        cost: Money of answers.
        unconfirmed: Money set down for attempts whose answer never arrived; it may not be on the bill.
        unreported: Answers without a count of tokens; they are charged with the most they can cost.
        saved: Money that the answers on disk did cost when they were made.
        used: Tokens of all answers, those on disk too: the same in each run of the same job.
        uncounted: Answers, those on disk too, whose generator did not count tokens.
    """

    sent: int = 0
    answered: int = 0
    cached: int = 0
    retried: int = 0
    failed: int = 0
    unanswered: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unconfirmed: float = 0.0
    unreported: int = 0
    saved: float = 0.0
    used: Usage = _NOTHING
    uncounted: int = 0

    def use(self, answer: Answer) -> None:
        """Count an answer, wherever it comes from."""
        if answer.usage is None:
            self.uncounted += 1
        else:
            self.used = Usage(
                self.used.prompt + answer.usage.prompt, self.used.completion + answer.usage.completion
            )


@dataclass(frozen=True)
class Policy:
    """How requests are sent.

    Attributes:
        concurrency: Requests at a time.
        retries: Attempts after the first.
        max_wait_s: Longest wait between two attempts.
        seed: Of the jitter.
    """

    concurrency: int = 4
    retries: int = 5
    max_wait_s: float = 120.0
    seed: int = 7


class Session:
    """Asks a generator.

    Args:
        generator: Who answers; entered by the caller.
        cache: Answers on disk; every answer is stored before it is used.
        budget: What may be spent.
        prices: Money for tokens.
        policy: Concurrency and retries.
        notes: Where spending is noted.

    Attributes:
        tally: What was done so far.
        stopped: ``budget`` or ``failures`` once nothing more is sent, else None.
    """

    def __init__(
        self,
        generator: Generator,
        cache: AnswerCache,
        budget: Budget,
        *,
        prices: Prices | None = None,
        policy: Policy | None = None,
        notes: Notes | None = None,
    ) -> None:
        self.generator, self.cache, self.budget = generator, cache, budget
        self.prices, self.policy, self.notes = prices or Prices(), policy or Policy(), notes or NoNotes()
        self.tally = Tally()
        self.stopped: str | None = None
        self.last_failure = ""
        self._in_a_row = 0
        self._not_before = 0.0  # monotonic seconds; a Retry-After holds for all
        self._random = random.Random(self.policy.seed)

    async def ask_all(
        self, requests: Sequence[ChatRequest], progress: Callable[[int], None] | None = None
    ) -> list[Reply]:
        """Answers in the order of the requests; equal requests are sent once.

        Args:
            requests: What to ask.
            progress: Called with the number of requests that are done since its last call.

        Returns:
            An answer, why there is none, or None where the run was stopped before it.

        Raises:
            ConfigError: Nothing will ever be answered (wrong key, no such model).
        """
        keys = [request.key(self.generator.name) for request in requests]
        by_key = dict(zip(keys, requests, strict=True))
        counts = Counter(keys)
        replies: dict[str, Reply] = {}
        errors: list[Exception] = []
        jobs = iter(by_key.items())

        async def work() -> None:
            for key, request in jobs:
                if errors:
                    return
                try:
                    replies[key] = await self._ask(key, request)
                except Exception as error:
                    errors.append(error)  # the others finish what is on its way: it is paid for
                    return
                if progress is not None and replies[key] is not None:
                    progress(counts[key])

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.policy.concurrency, len(by_key))):
                group.create_task(work())
        if errors:
            raise next((e for e in errors if isinstance(e, WeitiaoError)), errors[0])
        return [replies.get(key) for key in keys]

    async def _ask(self, key: str, request: ChatRequest) -> Reply:
        stored = self.cache.get(key)
        if stored is not None:
            self.tally.cached += 1
            self.tally.use(stored)
            self.tally.saved += self.prices.cost(stored.usage) if stored.usage else 0.0
            return stored  # also when nothing more is sent
        reason = ""
        for attempt in range(self.policy.retries + 1):
            if not await self._may_send(request):
                return None
            self.tally.retried += attempt > 0
            try:
                answer = await self._attempt(key, request)
            except Refused as refusal:
                return self._failed(str(refusal), is_final=True)
            except TryAgain as problem:
                reason = problem.reason
                wait_s = self._wait(attempt, problem)
                if wait_s is None:
                    return self._failed(f"{reason}; asked to wait {problem.wait_s:,.0f} s", is_last=True)
                if attempt < self.policy.retries:
                    await asyncio.sleep(wait_s)
            else:
                self._in_a_row = 0
                return answer
        return self._failed(f"{reason} ({self.policy.retries + 1} tries)")

    async def _may_send(self, request: ChatRequest) -> bool:
        """Wait until the server wants to hear of us and there is money; False when the run is to stop."""
        most = self.prices.bound(request)
        if self.stopped or not await self.budget.reserve(most):
            self.stopped = self.stopped or "budget"
            return False
        while (left := self._not_before - time.monotonic()) > 0 and not self.stopped:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                self.budget.settle(most, 0.0)
                raise
        if self.stopped:  # somebody else found out while this one waited
            self.budget.settle(most, 0.0)
            return False
        return True

    async def _attempt(self, key: str, request: ChatRequest) -> Answer:
        """Send once; whatever happens, the money set aside is settled."""
        most = self.prices.bound(request)
        cost, number = most, self.notes.sent(most)
        self.tally.sent += 1
        is_known = False
        try:
            answer = await self.generator.complete(request)
            cost, is_known = self._cost(answer, most), True
            self.cache.put(key, answer, generator=self.generator.name, request=request.content())
            return answer
        except TryAgain as problem:
            cost = most if problem.is_charged else 0.0
            raise
        except asyncio.CancelledError:
            raise  # it was sent: it may be on the bill
        except Exception:
            cost = cost if is_known else 0.0
            raise
        finally:
            self.budget.settle(most, cost)
            self.notes.settled(number, cost)
            if is_known:
                self.tally.cost += cost
            else:
                self.tally.unconfirmed += cost

    def _cost(self, answer: Answer, most: float) -> float:
        self.tally.answered += 1
        self.tally.use(answer)
        if answer.usage is None:
            self.tally.unreported += 1
            return most
        self.tally.prompt_tokens += answer.usage.prompt
        self.tally.completion_tokens += answer.usage.completion
        return self.prices.cost(answer.usage)

    def _wait(self, attempt: int, problem: TryAgain) -> float | None:
        """Seconds until the next attempt; None where the server asks for more than is waited."""
        backoff = min(_FIRST_WAIT_S * 2**attempt * self._random.uniform(0.5, 1.0), self.policy.max_wait_s)
        if problem.wait_s is None:
            return backoff
        if problem.wait_s > self.policy.max_wait_s:
            return None
        self._not_before = max(self._not_before, time.monotonic() + problem.wait_s)
        return problem.wait_s

    def _failed(self, reason: str, *, is_last: bool = False, is_final: bool = False) -> Failure:
        """Give a request up; one that is refused after others were answered is refused alone."""
        self.tally.failed += 1
        self.tally.unanswered += not is_final
        self._in_a_row += not (is_final and self.tally.answered > 0)
        if not (is_final and self.tally.unanswered):
            self.last_failure = reason
        if is_last or self._in_a_row >= _FAILURES_IN_A_ROW:
            self.stopped = self.stopped or "failures"
        return Failure(reason, is_final)
