"""``unswayed review``: a person labels a sample of thoughts on a local page, to check the judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from unswayed.cli.evaluate.judge import table
from unswayed.cli.evaluate.report import picture, write_report
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run
from unswayed.review.labels import Book, read, read_sample
from unswayed.review.sample import Sample, draw
from unswayed.review.server import Item, Room, open_server


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="thoughts to label, about")] = 100,
    seed: Annotated[int, typer.Option(help="draws the sample")] = 0,
) -> None:
    """Open a page on this machine to label what thoughts of RUN conclude; Ctrl-C ends it.

    Every label is saved at once, and the same command goes on where it was left. At the end it prints
    how the judges agree with you, which then stands in the report too.
    """
    opened = Run.load(run)
    sample = _sample(run, opened.trials, n, seed)
    book = Book(run)
    try:
        if sample != read_sample(run):
            book.sample(sample)
        room = Room(items(run, opened.trials, sample), read(run).said, book)
        server, address = open_server(room)
        output.out.print(f"open this page: [bold]{address}[/]\nCtrl-C ends.", highlight=False, soft_wrap=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
    finally:
        book.close()
    progress = room.progress()
    output.out.print(f"\n{progress['labelled']} of {progress['total']} labelled", highlight=False)
    if progress["labelled"]:
        finish(opened)


def finish(run: Run) -> None:
    """Print how judges agree with the labels, and write the report anew."""
    found = run.judges()
    if found is not None and found.references:
        output.out.print(table(found))
    output.out.print(f"\nreport: {write_report(run, run.summary())}", highlight=False, soft_wrap=True)


def _sample(folder: Path, trials: pa.Table, n: int, seed: int) -> Sample:
    """The sample begun before, if it is large enough; else a new one, which holds what was labelled."""
    drawn = draw(trials, n, seed)
    if not drawn.keys:
        raise BadInput(f"{folder} holds no thought to label")
    before = read_sample(folder)
    if before is None:
        return drawn
    here = set(trials["key"].to_pylist())
    return before if len(before.keys) >= len(drawn.keys) and here >= set(before.keys) else drawn


def items(folder: Path, trials: pa.Table, sample: Sample) -> list[Item]:
    """What the page shows of the sampled trials, in the sample's order."""
    wanted = trials.filter(pc.is_in(trials["key"], pa.array(sample.keys, pa.string())))
    columns = ["key", "question", "options", "thought", "image_sha256"]
    rows: dict[str, dict[str, Any]] = {row["key"]: row for row in wanted.select(columns).to_pylist()}
    found = []
    for key in sample.keys:
        row = rows[key]
        files = (picture(folder, sha) for sha in row["image_sha256"] or ())
        images = tuple(data for data in files if data is not None)
        found.append(Item(key, row["question"], tuple(row["options"]), row["thought"], images))
    return found
