"""``unswayed benchmarks new FOLDER``: labelled pictures in a folder become a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unswayed.benchmarks import registry
from unswayed.benchmarks.own import labelled_pictures as own
from unswayed.benchmarks.summary import check_images
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.store.atomic_files import os_errors_as_bad_input


def new(
    folder: Annotated[Path, typer.Argument(help="a folder with pictures, in subfolders if you like")],
    labels: Annotated[
        Path | None, typer.Option(help=f"CSV with the labels; default: FOLDER/{own.LABELS}")
    ] = None,
    question: Annotated[str, typer.Option(help="asked where a row has no question")] = own.QUESTION,
    options: Annotated[int, typer.Option(help="options of a question, the right one included", min=2)] = 4,
    seed: Annotated[int, typer.Option(help="draws the wrong options and their order")] = 0,
) -> None:
    """Make a benchmark of your own labelled pictures.

    Without a CSV, one is written to be filled in (file,label); pictures in subfolders are labelled by these.
    With it, FOLDER/benchmark.tsv is written: one question a picture, wrong options drawn from the other
    labels.

    Examples:

      unswayed benchmarks new pictures/                                 # writes pictures/labels.csv

      unswayed benchmarks new pictures/ --question "Which animal is it?"

      unswayed audit pebble --benchmark pictures/benchmark.tsv
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; give one with pictures")
    file = labels or folder / own.LABELS
    if labels is None and not file.exists():
        pictures = own.pictures_in(folder)
        if not pictures:
            raise BadInput(f"{folder} has no pictures; put PNG or JPEG files there")
        _write(file, own.label_template(pictures))
        output.out.print(
            f"{escape(str(file))}: {len(pictures)} pictures. Fill in the column 'label' (and, if you like, "
            "'question', 'options' as a|b|c, 'category'), then run the same command again.",
            highlight=False,
            soft_wrap=True,
        )
        return
    rows = own.read_labels(file, folder, question)
    made = folder / own.QUESTIONS
    _write(made, own.questions_table(rows, file, options=options, seed=seed))
    questions = registry.load(made)
    checked = check_images(questions)
    for uid, reason in checked.unreadable:
        output.err.print(f"[yellow]unreadable[/] {escape(visible(f'{uid}: {reason}'))}", highlight=False)
    for row in questions.skipped:
        output.err.print(f"[yellow]left out[/] {escape(visible(str(row)))}", highlight=False)
    output.out.print(
        f"{escape(str(made))}: {len(questions)} questions on {checked.distinct} pictures. Next:\n"
        f"  unswayed cues show {escape(str(made))}\n"
        f"  unswayed audit MODEL --benchmark {escape(str(made))}",
        highlight=False,
        soft_wrap=True,
    )


def _write(file: Path, text: str) -> None:
    with os_errors_as_bad_input(file):
        file.write_text(text, "utf-8")
