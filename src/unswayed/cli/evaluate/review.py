"""``unswayed review``: a person labels a sample of thoughts on a local page, to check the judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from unswayed.cli.evaluate.judge import judge_table
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run
from unswayed.review.labels import LabelLog, read_labels, read_sample
from unswayed.review.sample import ReviewSample, sample_thoughts
from unswayed.review.server import ReviewItem, ReviewSession, open_server
from unswayed.store.run_folder import stored_image


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="approximate number of thoughts to label")] = 100,
    seed: Annotated[int, typer.Option(help="draws the sample")] = 0,
) -> None:
    """Open a page on this machine to label what thoughts of RUN conclude; Ctrl-C ends it.

    Every label is saved at once, and the same command continues an interrupted review. At the end it prints
    how the judges agree with you, and adds that to the report.
    """
    loaded = Run.load(run)
    sample = _sample(run, loaded.trials, n, seed)
    log = LabelLog(run)
    try:
        if sample != read_sample(run):
            log.add_sample(sample)
        session = ReviewSession(review_items(run, loaded.trials, sample), read_labels(run).verdicts, log)
        server, address = open_server(session)
        output.out.print(f"open this page: [bold]{address}[/]\nCtrl-C ends.", highlight=False, soft_wrap=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
    finally:
        log.close()
    progress = session.progress()
    output.out.print(f"\n{progress['labelled']} of {progress['total']} labelled", highlight=False)
    if progress["labelled"]:
        finish(loaded)


def finish(run: Run) -> None:
    """Print how judges agree with the labels, and write the report again."""
    report = run.judges()
    if report is not None and report.references:
        output.out.print(judge_table(report))
    output.out.print(f"\nreport: {write_report(run, run.summary())}", highlight=False, soft_wrap=True)


def _sample(folder: Path, trials: pa.Table, n: int, seed: int) -> ReviewSample:
    """The stored sample, if it is large enough; else a new one, which contains the trials labelled so far."""
    sample = sample_thoughts(trials, n, seed)
    if not sample.keys:
        raise BadInput(f"{folder} holds no thought to label")
    before = read_sample(folder)
    if before is None:
        return sample
    known = set(trials["key"].to_pylist())
    large_enough = len(before.keys) >= len(sample.keys) and known >= set(before.keys)
    return before if large_enough else sample


def review_items(folder: Path, trials: pa.Table, sample: ReviewSample) -> list[ReviewItem]:
    """What the page shows of the sampled trials, in the sample's order."""
    wanted = trials.filter(pc.is_in(trials["key"], pa.array(sample.keys, pa.string())))
    columns = ["key", "question", "options", "thought", "image_sha256"]
    rows: dict[str, dict[str, Any]] = {row["key"]: row for row in wanted.select(columns).to_pylist()}
    items = []
    for key in sample.keys:
        row = rows[key]
        files = (stored_image(folder, sha) for sha in row["image_sha256"] or ())
        images = tuple(data for data in files if data is not None)
        items.append(ReviewItem(key, row["question"], tuple(row["options"]), row["thought"], images))
    return items
