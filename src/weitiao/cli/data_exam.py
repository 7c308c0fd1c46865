"""``weitiao data exam``: questions out of an exam paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weitiao.cli import shell

if TYPE_CHECKING:
    from weitiao.data.exam import Paper

_SHOWN = 20


def exam(
    context: typer.Context,
    paper: Annotated[
        Path,
        typer.Argument(metavar="PAPER", help="xlsx, csv or json: a reading text, questions, answers a row."),
    ],
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="One question a line (.jsonl).", dir_okay=False)
    ],
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet of a workbook, `*` for all. Default: first.")
    ] = None,
    passage: Annotated[
        str | None, typer.Option("--passage", metavar="NAME", help="Column of the reading text.")
    ] = None,
    questions: Annotated[
        str | None, typer.Option("--questions", metavar="NAME", help="Column of questions and options.")
    ] = None,
    answers: Annotated[
        str | None, typer.Option("--answers", metavar="NAME", help="Column of the answers.")
    ] = None,
    num_options: Annotated[
        int | None,
        typer.Option(
            "--num-options", metavar="N", min=2, max=8, help="Options a question has. Default: as most have."
        ),
    ] = None,
    per_text: Annotated[
        bool, typer.Option("--per-text", help="One reading text a line, with the list of its questions.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole report as JSON: problems, and what was mended.")
    ] = False,
) -> None:
    """Take the questions of an exam paper apart: stem, options and answer of each, one a line."""
    from weitiao.data.exam import read_paper
    from weitiao.data.lineage import write_lineage

    progress = shell.of(context).progress()
    with progress.status("reading") as status:
        found = read_paper(
            paper,
            sheet=sheet,
            passage=passage,
            questions=questions,
            answers=answers,
            num_options=num_options,
            progress=lambda rows: status.update(f"{rows:,} reading texts") if rows % 50 == 0 else None,
        )
    found.save(output, per_text=per_text)
    columns = {"sheet": sheet, "passage": passage, "questions": questions, "answers": answers}
    settings = columns | {"num_options": num_options, "per_text": per_text or None}
    write_lineage(output, "weitiao data exam", [(str(paper), Path(paper))], settings)
    if as_json:
        shell.print_json(found.report())
        return
    for line in _lines(found, output):
        shell.output().print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(found: Paper, output: Path) -> list[str]:
    from weitiao.data.check.finding import many

    total = len(found.questions) + len(found.problems)
    head = f"{many(found.rows, 'text')}, {len(found.questions):,} of {total:,} questions -> {output}"
    lines = [
        f"  not recovered: {p.origin}{f', question {p.number}' if p.number is not None else ''}: {p.reason}"
        for p in found.problems
    ]
    mended = sum(bool(question.notes) for question in found.questions)
    if mended:
        lines.append(f"  {mended} questions were mended on the way (see `notes` of each, or --json)")
    lines += [f"  {note}" for note in found.notes]
    more = [f"  ... and {len(lines) - _SHOWN} more lines, see --json"] if len(lines) > _SHOWN else []
    return [head, *lines[:_SHOWN], *more]
