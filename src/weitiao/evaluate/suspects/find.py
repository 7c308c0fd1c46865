"""Suspects: rows whose labels training contradicts, with the rows that resemble them and the steps they disturb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.data.card import said
from weitiao.data.check.text import common_segments, core
from weitiao.evaluate.suspects.neighbours import Neighbours, groups
from weitiao.evaluate.suspects.rank import By, Dynamics, complete_passes, dynamics
from weitiao.evaluate.suspects.spikes import Spike, Step, spikes_of, steps_of
from weitiao.types import Example

_NEIGHBOURS = 5


@dataclass(frozen=True)
class Row:
    """A training row as it is shown.

    Attributes:
        id: Of the example.
        origins: Where it stands; several where rows repeat each other.
        prompt: Its last question, with what was called for it, without what all prompts share.
        answer: What training was told to answer; several replies of a dialogue on lines of their own.
    """

    id: str
    origins: tuple[str, ...]
    prompt: str
    answer: str


@dataclass(frozen=True)
class Near:
    """A row that resembles a suspect.

    Attributes:
        row: The row.
        similarity: Cosine of the two prompts, 0 to 1.
        confidence: Of the row, 0 to 1.
        agrees: Whether its answer is that of the suspect.
    """

    row: Row
    similarity: float
    confidence: float
    agrees: bool


@dataclass(frozen=True)
class HeldOut:
    """What a model says about a row that it was not trained on.

    Attributes:
        answer: Its own.
        confidence: Probability of the given answer, geometric mean over its tokens, 0 to 1.
    """

    answer: str
    confidence: float


@dataclass(frozen=True)
class Suspect:
    """A row that is probably labelled wrongly.

    Attributes:
        rank: From 1 on.
        row: The row.
        suspicion: See `Dynamics`.
        confidence: See `Dynamics`.
        variability: See `Dynamics`.
        late_loss: See `Dynamics`.
        losses: Loss at each visit, nats per target.
        group: Suspects that resemble each other have the same number, from 1 on.
        neighbours: Rows that resemble it, nearest first.
        held_out: Of the fold that tested it, in a run over folds.
    """

    rank: int
    row: Row
    suspicion: float
    confidence: float
    variability: float
    late_loss: float
    losses: tuple[float, ...]
    group: int
    neighbours: tuple[Near, ...]
    held_out: HeldOut | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, as in ``suspects.jsonl``."""
        held_out = self.held_out and {
            "answer": self.held_out.answer,
            "confidence": round(self.held_out.confidence, 4),
        }
        return {
            "rank": self.rank,
            "id": self.row.id,
            "origins": list(self.row.origins),
            "prompt": self.row.prompt,
            "answer": self.row.answer,
            "suspicion": round(self.suspicion, 4),
            "confidence": round(self.confidence, 4),
            "variability": round(self.variability, 4),
            "late_loss": round(self.late_loss, 4),
            "losses": [round(loss, 4) for loss in self.losses],
            "group": self.group,
            **({"held_out": held_out} if held_out else {}),
            "neighbours": [
                {
                    "id": near.row.id,
                    "origins": list(near.row.origins),
                    "prompt": near.row.prompt,
                    "answer": near.row.answer,
                    "similarity": near.similarity,
                    "confidence": round(near.confidence, 4),
                }
                for near in self.neighbours
            ],
        }


@dataclass(frozen=True)
class Suspects:
    """The most suspicious rows of a run, and what they stand against.

    Attributes:
        found: In the order asked for.
        rows: All rows of the training part, rows that repeat each other once.
        dynamics: Of `rows`.
        passes: Passes over the training part, all of it.
        by: What they are ordered by.
        steps: All optimizer steps.
        spikes: Steps whose loss stands out; their rows are numbers of training samples.
        samples: [N] the row in `rows` of each training sample.
        notes: What the reader should know: the run is not finished.
    """

    found: tuple[Suspect, ...]
    rows: tuple[Row, ...]
    dynamics: Dynamics
    passes: int
    by: By = "suspicion"
    steps: tuple[Step, ...] = ()
    spikes: tuple[Spike, ...] = ()
    samples: tuple[int, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    def row_of(self, sample: int) -> Row:
        """The row of a training sample."""
        return self.rows[self.samples[sample]]


def find_suspects(
    examples: Sequence[Example],
    mean: NDArray[np.float32],
    *,
    limit: int = 50,
    by: By = "suspicion",
    targets: NDArray[np.int64] | None = None,
    orders: Sequence[Sequence[int]] = (),
    batch_size: int = 1,
    held_out: Mapping[str, HeldOut] = MappingProxyType({}),
) -> Suspects:
    """Rank the rows of a training part by what training said about their labels.

    A last pass that was not finished counts for the steps only.

    Args:
        examples: [N] training part, in the order of the samples.
        mean: [V, N] loss in nats per target token, NaN where a sample was not visited.
        limit: At most so many suspects.
        by: Order, see `Dynamics.order`.
        targets: [N] targets of each sample; with `orders`, for the loss of each step.
        orders: [V] order of the samples of each pass.
        batch_size: Samples of a step.
        held_out: By id of the examples, what a model says that was not trained on them.
    """
    samples, firsts = _distinct(examples)
    merged = complete_passes(_merged(mean, samples, len(firsts)))
    rows = _rows(examples, samples, firsts)
    found = dynamics(merged)
    ranked = found.order(by)[:limit]
    near = Neighbours([row.prompt for row in rows]).of(ranked, _NEIGHBOURS)
    numbers = groups(near, ranked)
    suspects = tuple(
        Suspect(
            rank=k + 1,
            row=rows[n],
            suspicion=float(found.suspicion[n]),
            confidence=float(found.confidence[n]),
            variability=float(found.variability[n]),
            late_loss=float(found.late_loss[n]),
            losses=tuple(float(loss) for loss in merged[:, n] if not np.isnan(loss)),
            group=numbers[k] + 1,
            neighbours=tuple(
                Near(rows[o], s, float(found.confidence[o]), rows[o].answer == rows[n].answer)
                for o, s in near[k]
            ),
            held_out=held_out.get(rows[n].id),
        )
        for k, n in enumerate(ranked)
    )
    steps: list[Step] = []
    spikes: list[Spike] = []
    if targets is not None and len(orders):
        weights = np.array([example.weight for example in examples])
        steps = steps_of(mean, targets, weights, orders, batch_size)
        spikes = spikes_of(steps, mean, targets, weights)
    return Suspects(
        suspects, tuple(rows), found, len(merged), by, tuple(steps), tuple(spikes), tuple(samples)
    )


def _distinct(examples: Sequence[Example]) -> tuple[list[int], list[int]]:
    """For each sample the number of its row, and for each row its first sample: equal examples are one row."""
    first: dict[str, int] = {}
    samples = [first.setdefault(example.id, len(first)) for example in examples]
    firsts = [0] * len(first)
    for sample, row in reversed(list(enumerate(samples))):
        firsts[row] = sample
    return samples, firsts


def _merged(mean: NDArray[np.float32], samples: Sequence[int], count: int) -> NDArray[np.float32]:
    """[V, rows] mean over the samples of a row, NaN where none was visited."""
    at = np.asarray(samples)
    result = np.full((len(mean), count), np.nan, dtype=np.float32)
    for visit, losses in enumerate(mean):
        known = ~np.isnan(losses)
        total = np.bincount(at[known], weights=losses[known], minlength=count)
        number = np.bincount(at[known], minlength=count)
        result[visit, number > 0] = total[number > 0] / number[number > 0]
    return result


def _rows(examples: Sequence[Example], samples: Sequence[int], firsts: Sequence[int]) -> list[Row]:
    origins: list[dict[str, None]] = [{} for _ in firsts]
    for example, row in zip(examples, samples, strict=True):
        origins[row].setdefault(str(example.origin or example.id))
    prompts = [_question(examples[n]) for n in firsts]
    common = common_segments(prompts)
    return [
        Row(examples[n].id, tuple(where), core(prompt, common), _answer(examples[n]))
        for n, where, prompt in zip(firsts, origins, prompts, strict=True)
    ]


def _question(example: Example) -> str:
    """What the user said last, and the results of calls since then: without it they say nothing to a reader."""
    turns = list(example.prompt)
    asked = [k for k, message in enumerate(turns) if message.role == "user"]
    since = turns[asked[-1] :] if asked else turns[-1:]
    return "\n".join(message.content for message in since if message.content)


def _answer(example: Example) -> str:
    """All replies that the losses of the sample are about."""
    turns = list(enumerate(example.messages))
    learnt = [k for k, message in turns if message.train] or [turns[-1][0]]
    replies = [said(replace(example, messages=example.messages[: k + 1])) for k in learnt]
    return "\n".join(reply for reply in replies if reply)
