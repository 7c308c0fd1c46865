"""What an augmentation made and what it took, as a plain dict that json can write."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.budget import Prices
from weitiao.data.augment.item import Dropped
from weitiao.data.augment.job import Done

SCHEMA_VERSION = 1
_EXAMPLES = 5
_VOLATILE = ("budget", "cache")


def report_of(done: Done, config: AugmentConfig, *, rows: int, spent_before: float = 0.0) -> dict[str, Any]:
    """The report.

    Args:
        done: What was made.
        config: What was wanted.
        rows: Source rows.
        spent_before: Money that earlier runs of this job have spent.
    """
    tally, made = done.tally, done.made
    spent = tally.cost + tally.unconfirmed
    return {
        "schema_version": SCHEMA_VERSION,
        "generator": done.generator,
        "settings": settings_of(config),
        "rows": {"source": rows, "wanted": made.wanted, "made": len(made.variants)},
        "kinds": dict(sorted(Counter(variant.kind for variant in made.variants).items())),
        "stopped": made.stopped,
        "requests": {
            "sent": tally.sent,
            "answered": tally.answered,
            "from_cache": tally.cached,
            "retries": tally.retried,
            "failed": tally.failed,
        },
        "tokens": {"prompt": tally.prompt_tokens, "answer": tally.completion_tokens},
        "money": {
            "budget": config.budget,
            "spent": _money(spent),
            "of_which_unconfirmed": _money(tally.unconfirmed),
            "spent_before": _money(spent_before),
            "saved_by_cache": _money(tally.saved),
            "answers_without_token_counts": tally.unreported,
        },
        "dropped": drops_of(made.dropped),
    }


def cost_of(done: Done, prices: Prices) -> dict[str, Any]:
    """What the texts cost, whenever their answers were paid for: the same in each run of the same job."""
    tally = done.tally
    return {
        "answers": tally.answered + tally.cached,
        "prompt_tokens": tally.used.prompt,
        "answer_tokens": tally.used.completion,
        "answers_without_token_counts": tally.uncounted,
        "money": _money(prices.cost(tally.used)),
    }


def settings_of(config: AugmentConfig) -> dict[str, Any]:
    """The settings that decide what is made; not those of speed, money and places."""
    settings = config.model_dump(mode="json", exclude={*_VOLATILE, "endpoint", "base"})
    if config.base is not None:
        settings["base"] = config.base.model_dump(mode="json", exclude={"batch_size"})
    if config.endpoint is not None:
        asked = config.endpoint
        url = asked.url.partition("?")[0]
        settings["endpoint"] = {"url": url, "model": asked.model, "temperature": asked.temperature}
        settings["endpoint"]["max_tokens"] = asked.max_tokens
    return settings


def drops_of(dropped: Sequence[Dropped]) -> list[dict[str, Any]]:
    """By reason, the most frequent first: how many, and some of them."""
    by_reason: dict[str, list[Dropped]] = defaultdict(list)
    for drop in dropped:
        by_reason[drop.reason].append(drop)
    ranked = sorted(by_reason.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [
        {
            "reason": reason,
            "count": len(found),
            "examples": [{"row": drop.where, "text": drop.text} for drop in found[:_EXAMPLES]],
        }
        for reason, found in ranked
    ]


def summary_of(report: dict[str, Any]) -> str:
    """A few lines for people."""
    rows, requests, money = report["rows"], report["requests"], report["money"]
    lines = [
        f"{rows['made']:,} new rows of {rows['wanted']:,} wanted, from {rows['source']:,} rows"
        + (
            f" ({', '.join(f'{kind} {n:,}' for kind, n in report['kinds'].items())})"
            if report["kinds"]
            else ""
        ),
        f"requests: {requests['answered']:,} answered, {requests['from_cache']:,} from the cache, "
        f"{requests['retries']:,} retries, {requests['failed']:,} failed; "
        f"tokens: {report['tokens']['prompt']:,} in, {report['tokens']['answer']:,} out",
    ]
    if money["spent"] or money["spent_before"] or money["saved_by_cache"] or money["budget"] is not None:
        whole = money["spent"] + money["spent_before"]
        of = "" if money["budget"] is None else f" of {money['budget']:g}"
        before = f", {money['spent_before']:.4f} of it by earlier runs" if money["spent_before"] else ""
        open_ = f", {money['of_which_unconfirmed']:.4f} unconfirmed" if money["of_which_unconfirmed"] else ""
        lines.append(
            f"spent: {whole:.4f}{of}{before}{open_}; saved by the cache: {money['saved_by_cache']:.4f}"
        )
    lines += [f"dropped: {drop['count']:,} x {drop['reason']}" for drop in report["dropped"]]
    if report["stopped"] == "budget":
        lines.append(
            "stopped: the next request could exceed the budget; go on with --resume and a larger --budget"
        )
    return "\n".join(lines)


def _money(amount: float) -> float:
    return round(amount, 9)
