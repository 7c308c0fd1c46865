"""``weitiao data noise``: a file as a speech recogniser would have written it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import shell
from weitiao.errors import ConfigError

_KINDS = "mask, homophone, near_homophone, drop, repeat, filler, numeral"


_File = Annotated[Path, typer.Argument(metavar="FILE", help="json, jsonl, csv, tsv, xlsx or parquet.")]
_Output = Annotated[Path, typer.Option("--output", metavar="FILE", help="A .jsonl file.")]
_Cer = Annotated[
    float, typer.Option("--cer", metavar="RATE", min=0.001, max=0.5, help="Character error rate to reach.")
]
_Column = Annotated[
    str | None,
    typer.Option("--column", help="The text to damage. Default: text, prompt, question, sentence or input."),
]
_Spans = Annotated[
    str | None,
    typer.Option(
        "--spans", metavar="COLUMN", help="Labelled spans, or a tag for each character; they move along."
    ),
]
_Mix = Annotated[
    list[str] | None,
    typer.Option("--mix", metavar="KIND=WEIGHT", help=f"What is done how often; several allowed: {_KINDS}."),
]
_Mask = Annotated[str, typer.Option("--mask", metavar="CHARACTER", help="For the kind mask.")]
_Filler = Annotated[
    list[str] | None,
    typer.Option(
        "--filler", metavar="WORD", help="For the kind filler, instead of 嗯, 那个, uh ...; several allowed."
    ),
]
_Share = Annotated[
    float, typer.Option("--share", min=0.001, max=1, help="Share of the rows that are damaged.")
]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all choices.")]


def noise(
    context: typer.Context,
    file: _File,
    output: _Output,
    cer: _Cer = 0.1,
    column: _Column = None,
    spans: _Spans = None,
    mix: _Mix = None,
    mask: _Mask = "*",
    filler: _Filler = None,
    share: _Share = 1.0,
    seed: _Seed = 0,
) -> None:
    """Damage a column as speech recognition does; the undamaged text stays in COLUMN_clean."""
    from weitiao.config import NoiseStep
    from weitiao.data.lineage import write_lineage
    from weitiao.data.noise.file import noise_file

    if len(mask) != 1:
        raise ConfigError(f"--mask: expected one character, got {mask!r}", remedy="write --mask '*'")
    given: dict[str, object] = {"mix": _weights(mix)} if mix else {}
    if filler:
        given["fillers"] = filler
    config = NoiseStep.model_validate({"cer": cer, "column": column, "share": share, "mask": mask, **given})
    with shell.of(context).progress().status("reading") as status:
        done = noise_file(
            file,
            output,
            config,
            spans=spans,
            seed=seed,
            progress=lambda rows: status.update(f"{rows:,} rows") if rows % 100 == 0 else None,
        )
    settings = config.model_dump(mode="json", exclude_unset=True) | {"spans": spans, "seed": seed}
    write_lineage(output, "weitiao data noise", [(str(file), file)], settings)
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(done.kinds.items())) or "none"
    shell.output().print(
        f"{done.damaged:,} of {done.rows:,} rows damaged in {done.column} -> {output}\n"
        f"  character error rate {done.cer:.4f} (asked for {cer:g}); edits: {kinds}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _weights(mix: list[str]) -> dict[str, float]:
    """``homophone=4`` as a weight."""
    from weitiao.config import NoiseMix
    from weitiao.data.problems import nearest

    found: dict[str, float] = {}
    for entry in mix:
        name, _, weight = entry.partition("=")
        if name not in NoiseMix.model_fields:
            raise ConfigError(
                f'--mix: there is no kind "{name}"{nearest(name, NoiseMix.model_fields)}',
                remedy=f"kinds: {_KINDS}",
            )
        try:
            found[name] = float(weight or 1)
        except ValueError:
            found[name] = -1
        if not 0 < found[name] < float("inf"):
            raise ConfigError(f"--mix: {entry}: expected a weight above 0", remedy="write homophone=4")
    return found
