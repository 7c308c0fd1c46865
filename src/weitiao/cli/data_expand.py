"""``weitiao data expand``: samples drawn from a file of patterns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell


def expand(
    context: typer.Context,
    patterns: Annotated[
        str, typer.Argument(metavar="PATTERNS", help="YAML file of patterns, or a shipped one: power_grid.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="A .jsonl file.")],
    count: Annotated[
        int | None,
        typer.Option(
            "--count", metavar="N", min=1, help="Samples in all. Default: the counts of the classes."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
) -> None:
    """Draw labelled samples from patterns with slots and vocabularies, none of them twice."""
    from weitiao.data.jsonl import check_output, write_jsonl
    from weitiao.data.lineage import write_lineage
    from weitiao.data.patterns import expand as draw
    from weitiao.data.patterns import load_plan
    from weitiao.data.patterns.source import find_patterns

    check_output(output)
    plan = load_plan(find_patterns(patterns, Path()), name=patterns)
    labels: Counter[str] = Counter()
    with shell.of(context).progress().status("drawing") as status:

        def rows() -> Iterator[dict[str, Any]]:
            for number, sample in enumerate(draw(plan, count, seed), start=1):
                labels[sample.label] += 1
                if number % 1000 == 0:
                    status.update(f"{number:,} samples")
                yield sample.as_dict()

        total = write_jsonl(output, rows())
        write_lineage(output, "weitiao data expand", [(patterns, plan.path)], {"count": count, "seed": seed})
    said = ", ".join(f"{label} {number:,}" for label, number in sorted(labels.items()))
    shell.output().print(
        f"{total:,} samples ({said}) -> {output}", soft_wrap=True, highlight=False, markup=False
    )
