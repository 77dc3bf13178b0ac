"""A folder of labelled pictures as a benchmark: pictures and a CSV with labels in, a TSV of questions out.

Every picture becomes one multiple-choice question: its label is the right option, the other options are
labels of other pictures with the same question, drawn with a seed. The TSV has VLMEvalKit's form, which every
command reads.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unswayed.errors import BadInput
from unswayed.question import LETTERS, MAX_OPTIONS

LABELS, QUESTIONS = "labels.csv", "benchmark.tsv"
QUESTION = "What does the picture show?"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2"})
_NAMES = {
    "file": ("file", "image", "filename", "path", "image_path", "picture"),
    "label": ("label", "answer", "class"),
    "question": ("question",),
    "options": ("options", "choices"),
    "category": ("category",),
}
"""Columns, and the headings under which each is found."""
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class LabelledPicture:
    """One row of the labels."""

    file: str
    """Relative to the folder, with forward slashes."""
    label: str
    question: str
    options: tuple[str, ...] = ()
    """All options, where the row names them; otherwise they are drawn."""
    category: str = ""


def pictures_in(folder: Path) -> list[str]:
    """The picture files of a folder and its subfolders, sorted, relative to it."""
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    hidden = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(p.relative_to(folder).as_posix() for p in hidden)


def label_template(files: Iterable[str]) -> str:
    """A CSV to be filled in: one row a picture; its subfolder's name is the label, where it lies in one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "label"])
    writer.writerows([file, PurePosixPath(file).parent.name] for file in files)
    return out.getvalue()


def read_labels(file: Path, folder: Path, question: str = QUESTION) -> list[LabelledPicture]:
    """The rows of a CSV (commas, semicolons or tabs; UTF-8). `question` is asked where a row has none.

    Raises `BadInput`, with file and line, for a row without picture or label, a picture that is not in the
    folder or comes twice, or options without the label.
    """
    text = _text(file)
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[LabelledPicture] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        columns = _columns(next(reader, []), file)
        for cells in reader:
            where = f"{file} line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            row = _row(cells, columns, where, folder, question)
            if (row.file, row.question) in seen:
                line = seen[row.file, row.question]
                raise BadInput(
                    f"{where}: {row.file!r} has the same question in line {line}; remove one of the two"
                )
            seen[row.file, row.question] = reader.line_num
            rows.append(row)
    except csv.Error as problem:
        raise BadInput(
            f"{file} line {reader.line_num}: not CSV ({problem}); put cells with quotes in quotes"
        ) from None
    if not rows:
        raise BadInput(f"{file} has no rows; write one line a picture: file,label")
    return rows


def questions_table(rows: Sequence[LabelledPicture], file: Path, *, options: int = 4, seed: int = 0) -> str:
    """The TSV: one question a row, with up to `options` options in an order drawn with `seed`.

    Raises `BadInput` where a question has one label only. `file` is named in errors.
    """
    if not 2 <= options <= MAX_OPTIONS:
        raise BadInput(f"--options is {options}; give 2 to {MAX_OPTIONS}")
    labels: dict[str, list[str]] = {}
    for row in rows:
        if not row.options:
            known = labels.setdefault(row.question, [])
            if row.label not in known:
                known.append(row.label)
    for question, known in labels.items():
        if len(known) < 2:
            raise BadInput(
                f"{file}: every answer to {question!r} is {known[0]!r}, so there is no wrong option; label "
                "pictures of other kinds, or add a column 'options' (red|green|blue)"
            )
    shown = [_options(row, sorted(labels.get(row.question, [])), options, seed) for row in rows]
    letters = LETTERS[: max(map(len, shown))]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(["index", "question", *letters, "answer", "image_path", "category"])
    for number, (row, choice) in enumerate(zip(rows, shown, strict=True), 1):
        cells = [*choice, *[""] * (len(letters) - len(choice))]
        answer = LETTERS[choice.index(row.label)]
        writer.writerow([number, row.question, *cells, answer, row.file, row.category])
    return out.getvalue()


def _options(row: LabelledPicture, labels: list[str], most: int, seed: int) -> list[str]:
    draw = random.Random(f"{seed} {row.file} {row.question}")
    if row.options:
        choice = list(row.options)
    else:
        others = [label for label in labels if label != row.label]
        choice = [row.label, *draw.sample(others, min(most - 1, len(others)))]
    draw.shuffle(choice)
    return choice


def _columns(heading: Sequence[str], file: Path) -> dict[str, int]:
    """Where each known column stands. Raises `BadInput` without a picture or a label."""
    names = [cell.strip().lower() for cell in heading]
    found = {
        column: names.index(name)
        for column, known in _NAMES.items()
        for name in reversed(known)
        if name in names
    }
    for column in ("file", "label"):
        if column not in found:
            raise BadInput(f"{file} has no column {column!r}; its first line must be: file,label")
    return found


def _row(
    cells: Sequence[str], columns: dict[str, int], where: str, folder: Path, question: str
) -> LabelledPicture:
    values = {name: cells[i].strip() if i < len(cells) else "" for name, i in columns.items()}
    file, label = values["file"].replace("\\", "/").removeprefix("./"), values["label"]
    if not file or not label:
        raise BadInput(f"{where}: has no {'label' if file else 'file'}; fill it in, or remove the line")
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise BadInput(f"{where}: {file!r} lies outside the folder; put the picture into {folder}")
    if not (folder / path).is_file():
        raise BadInput(f"{where}: there is no picture {file!r} in {folder}")
    options = tuple(dict.fromkeys(o.strip() for o in values.get("options", "").split("|") if o.strip()))
    if options and label not in options:
        raise BadInput(f"{where}: the label {label!r} is not among its options {' | '.join(options)}")
    if options and not 2 <= len(options) <= MAX_OPTIONS:
        raise BadInput(f"{where}: has {len(options)} options; give 2 to {MAX_OPTIONS}, separated by |")
    return LabelledPicture(
        file, label, values.get("question") or question, options, values.get("category", "")
    )


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{file} has more than {_MOST_BYTES >> 20} MB; split it into several folders")
        return file.read_text("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not in UTF-8; save it as 'CSV UTF-8'") from None
    except OSError as problem:
        raise BadInput(f"cannot read {file}: {problem.strerror or problem}") from None
