"""Labelled pictures in a folder as a benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as PILImage

from unswayed.benchmarks import registry
from unswayed.benchmarks.own.labelled_pictures import (
    label_template,
    pictures_in,
    questions_table,
    read_labels,
)
from unswayed.errors import BadInput

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 200), "black": (0, 0, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, (name, colour) in enumerate(COLOURS.items()):
        (tmp_path / name).mkdir()
        for copy in range(2):
            PILImage.new("RGB", (8 + number, 8 + copy), colour).save(tmp_path / name / f"{copy}.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "no.png").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_pictures_in_subfolders_become_questions_that_the_registry_reads(folder: Path) -> None:
    files = pictures_in(folder)
    assert len(files) == 8
    labels = folder / "labels.csv"
    labels.write_text(label_template(files))
    rows = read_labels(labels, folder, "Which colour is it?")
    table = folder / "benchmark.tsv"
    table.write_text(questions_table(rows, labels, options=3, seed=1))
    questions = registry.load(table)
    assert not questions.skipped
    assert len(questions) == 8
    for question, file in zip(questions, files, strict=True):
        assert question.text == "Which colour is it?"
        assert question.options[question.gold] == file.split("/")[0]
        assert len(question.options) == 3
        assert set(question.options) <= set(COLOURS)
        assert question.images[0].read() == (folder / file).read_bytes()
    assert len({question.gold for question in questions}) > 1
    assert questions_table(rows, labels, options=3, seed=1) == table.read_text()
    assert questions_table(rows, labels, options=3, seed=2) != table.read_text()


def test_a_row_may_have_its_own_question_options_and_category(folder: Path) -> None:
    labels = folder / "mine.csv"
    labels.write_text(
        "\ufeffImage;Answer;Question;Options;Category\n"
        'red/0.png;red;"What ""colour""?";red|green|blue|red;paint\n'
        "\n"
        "red/1.png;2;How many, please?;1|2;count\n"
    )
    rows = read_labels(labels, folder)
    (folder / "b.tsv").write_text(questions_table(rows, labels))
    first, second = registry.load(folder / "b.tsv")
    assert first.text == 'What "colour"?'
    assert sorted(first.options) == ["blue", "green", "red"]
    assert first.options[first.gold] == "red"
    assert (second.text, second.family) == ("How many, please?", "count")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'file'"),
        ("file,kind\nred/0.png,red\n", "no column 'label'"),
        ("file,label\n", "has no rows"),
        ("file,label\nred/0.png,\n", "line 2: has no label"),
        ("file,label\n,red\n", "line 2: has no file"),
        ("file,label\nred/9.png,red\n", "line 2: there is no picture 'red/9.png'"),
        ("file,label\n../red/0.png,red\n", "lies outside the folder"),
        ("file,label\n/etc/passwd,red\n", "lies outside the folder"),
        (
            "file,label\nred/0.png,red\nred/0.png,blue\n",
            "line 3: 'red/0.png' has the same question in line 2",
        ),
        ("file,label,options\nred/0.png,red,blue|green\n", "label 'red' is not among its options"),
        ("file,label\nred/0.png,red\nred/1.png,red\n", "every answer to .* is 'red'"),
        ('file,label\nred/0.png,"red\n', "not CSV"),
    ],
)
def test_what_cannot_be_a_question_is_one_error_with_file_and_line(
    folder: Path, text: str, words: str
) -> None:
    labels = folder / "bad.csv"
    labels.write_text(text)
    with pytest.raises(BadInput, match=words) as error:
        questions_table(read_labels(labels, folder), labels)
    assert "bad.csv" in str(error.value)


def test_the_command_writes_the_labels_first_and_then_the_questions(folder: Path) -> None:
    from typer.testing import CliRunner

    from unswayed.cli.data.benchmarks import app

    first = CliRunner().invoke(app, ["new", str(folder)])
    assert first.exit_code == 0, first.output
    assert "8 pictures" in first.output
    then = CliRunner().invoke(app, ["new", str(folder), "--question", "Which colour?"])
    assert then.exit_code == 0, then.output
    assert "8 questions on 8 pictures" in then.output.replace("\n", " ")
    assert len(registry.load(folder / "benchmark.tsv")) == 8
