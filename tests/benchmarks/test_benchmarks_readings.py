"""Rows as people publish them: options inside texts or strings, nulls, broken rows, merged rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark_files import gold_texts, skip_reasons, write_json, write_parquet, write_png
from tsv_files import COLUMNS, b64, png, read_tsv, row, write
from unswayed.benchmarks import load
from unswayed.benchmarks.answer_parsing import parse_options, split_options, strip_instruction
from unswayed.benchmarks.records import Skipped, UnusableRow
from unswayed.errors import BadInput

# ── Options inside a text ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        (
            "Which is nearer to point (A)?\n(A) the cup\n(B) the lamp",
            "Which is nearer to point (A)?",
            ("the cup", "the lamp"),
        ),
        (
            "Which of (A) and (B) is nearer? (A) the first (B) the second",
            "Which of (A) and (B) is nearer?",
            ("the first", "the second"),
        ),
        (
            "Point (A) lies left of point (B).\nA. true\nB. false",
            "Point (A) lies left of point (B).",
            ("true", "false"),
        ),
        (
            "What is shown?\n(A) a cup\n(B) a lamp\n(C) both (A) and (B)",
            "What is shown?",
            ("a cup", "a lamp", "both (A) and (B)"),
        ),
        ("Shown? (A) a cup (B) a lamp (C) (A) and (B)", "Shown?", ("a cup", "a lamp", "(A) and (B)")),
        (
            "Is the cup at A. or at B. in the picture?\nA. left\nB. right",
            "Is the cup at A. or at B. in the picture?",
            ("left", "right"),
        ),
        (
            "Which of the points (A), (B) and (C) is nearest?\n(A) the red\n(B) the blue",
            "Which of the points (A), (B) and (C) is nearest?",
            ("the red", "the blue"),
        ),
        (
            "Which of the points (A), (B), (C) is red? (A) yes (B) no",
            "Which of the points (A), (B), (C) is red?",
            ("yes", "no"),
        ),
        (
            "Is point (A) nearer than (B) or (C)? (A) yes (B) no",
            "Is point (A) nearer than (B) or (C)?",
            ("yes", "no"),
        ),
        ("Four? (A) cup (B) lamp\n(C) sofa (D) box", "Four?", ("cup", "lamp", "sofa", "box")),
        ("Where? (A) left (B) right (C) both", "Where?", ("left", "right", "both")),
        ("Sum?\n(A) +\n(B) -", "Sum?", ("+", "-")),
        (
            "Point?\n(A) Point (A)\n(B) Point (B)\n(C) Point (C)",
            "Point?",
            ("Point (A)", "Point (B)", "Point (C)"),
        ),
    ],
)
def test_letters_in_the_question_are_no_options(text: str, question: str, options: tuple[str, ...]) -> None:
    assert split_options(text) == (question, options)


@pytest.mark.parametrize(
    "text",
    [
        "Point (A)?\n(A) cup\n(B) lamp (C) sofa",
        "Where?\nA. left\nB. right of (C) the box",
        "Points (A) and (B)?",
    ],
)
def test_options_that_can_be_read_in_two_ways_are_left_out(text: str) -> None:
    with pytest.raises(UnusableRow):
        split_options(text)


WORDS = st.text("abcdefg ", min_size=3, max_size=12).filter(lambda t: t.strip() == t and "  " not in t)


@given(
    question=WORDS,
    mention=st.lists(st.sampled_from("ABCD"), max_size=3),
    options=st.lists(WORDS, min_size=2, max_size=6, unique=True),
    inline=st.booleans(),
)
def test_options_behind_a_question_that_mentions_letters_are_found(
    question: str, mention: list[str], options: list[str], inline: bool
) -> None:
    asked = f"{question} {' '.join(f'({letter})' for letter in mention)}?"
    marked = [f"({letter}) {option}" for letter, option in zip("ABCDEF", options, strict=False)]
    text = f"{asked}{' ' if inline else chr(10)}{(' ' if inline else chr(10)).join(marked)}"
    assert split_options(text) == (asked, tuple(options))


@pytest.mark.parametrize(
    "question",
    [
        "Look at the table. Select the object that is nearest to the camera.",
        "Two cups stand here. Choose the larger one by its colour.",
        "A robot moves left. Pick the direction in which the lamp moves.",
        "Here are three boxes. Give the number of red ones.",
        "The scene is a kitchen. Select the option that shows what is on the table.",
        "Consider the image. Output the colour of the car.",
    ],
)
def test_a_request_that_is_the_question_is_kept(question: str) -> None:
    assert strip_instruction(question) == question


@pytest.mark.parametrize(
    "instruction",
    [
        "Select the best answer to the above question.",
        "Please select the correct answer from the options above.",
        "Choose the letter of the correct option.",
        "Choose the option that best answers the question.",
        "Select from the following choices.",
        "Give only the letter.",
        "Output the final answer as one letter.",
        "Pick one.",
        "Answer with the option's letter from the given choices directly.",
        "Respond with only the letter (A, B, C, D, or E) of the correct option.",
    ],
)
@pytest.mark.parametrize("separator", [" ", "\n"])
def test_a_request_about_the_form_of_the_answer_is_cut_off(instruction: str, separator: str) -> None:
    assert strip_instruction(f"What is it?{separator}{instruction}") == "What is it?"


# ── Options as a string, and nulls ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (["1", "2", "3"], ("1", "2", "3")),
        ("['1', '2', '3']", ("1", "2", "3")),
        ('["1", "2"]', ("1", "2")),
        ("('left', 'right')", ("left", "right")),
        ([1, 2.5], ("1", "2.5")),
        (["a", "b", None, None], ("a", "b")),
        (["None", "nan"], ("None", "nan")),
    ],
)
def test_options_as_a_list_or_as_text(value: object, options: tuple[str, ...]) -> None:
    assert parse_options(value) == options


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", "no list"),
        ("", "no options"),
        (None, "no options"),
        (float("nan"), "no options"),
        ("{'a': 1}", "no list"),
        ({"a": 1}, "no list"),
        (7, "no list"),
        (["a", None, "c"], "one of its options is null"),
        (["a", ["b"]], "no text"),
        ("[" * 5000, "no list"),
        ("__import__('os').getcwd()", "no list"),
    ],
)
def test_other_options_are_refused(value: object, reason: str) -> None:
    with pytest.raises(UnusableRow, match=reason):
        parse_options(value)


CVBENCH = {
    "idx": 0,
    "type": "2D",
    "task": "Count",
    "question": "How many?",
    "choices": "['1', '2', '3']",
    "answer": "(C)",
    "source": "COCO",
    "filename": "a.png",
}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"answer": None}, "it has no answer"),
        ({"choices": None}, "it has no options"),
        ({"choices": "abc"}, "its options are no list"),
        ({"answer": "(D)"}, "not the letter"),
        ({"question": None}, "it has no question"),
        ({"filename": None}, "it has no picture"),
    ],
)
def test_a_row_with_a_null_is_left_out_and_listed(tmp_path: Path, cells: dict[str, Any], reason: str) -> None:
    write_png(tmp_path / "a.png")
    write_parquet(tmp_path / "test_2d.parquet", [CVBENCH, {**CVBENCH, "idx": 1, **cells}])
    questions = load("cvbench-2d", data=str(tmp_path))  # a string is as good as a path
    assert gold_texts(questions) == {"0": "3"}
    assert questions[0].options == ("1", "2", "3")
    assert reason in skip_reasons(questions)["1"]


SAT = {"question": "Which?", "answers": ["left", "right"], "question_type": "other", "correct_answer": "left"}
ROWS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "geometry3k",
        "train.parquet",
        {"id": 1, "problem": "Find x.", "choices": ["1", "2"], "ground_truth": "B", "answer": "2"},
        {"id": 2, "ground_truth": None, "answer": None},
    ),
    ("sat", "SAT_test.parquet", SAT, {"correct_answer": None}),
    (
        "vstar",
        "test_questions.jsonl",
        {"image": "a.png", "text": "Colour?\n(A) red\n(B) blue", "label": "A", "question_id": "1"},
        {"label": None, "question_id": "2"},
    ),
    (
        "mme-realworld-lite",
        "a.json",
        {
            "Question_id": "1",
            "Image": "a.png",
            "Text": "How many?",
            "Answer choices": ["(A) 1", "(B) 2"],
            "Ground truth": "B",
            "Category": "c",
        },
        {"Question_id": "2", "Ground truth": None},
    ),
    (
        "spatial-mm-one-obj",
        "spatial_mm_one_obj.json",
        {"image_name": "a.png", "question": "Where?\nA. left\nB. right", "answer": "A. left"},
        {"answer": None},
    ),
    (
        "spatial-mm-multihop",
        "multihop_reasoning_309.json",
        {"image_name": "a.png", "question": "Is it red?", "answer": "yes"},
        {"answer": None},
    ),
    (
        "sat2-32k",
        "vigorl_sat2_train_RL.jsonl",
        {"problem": "Where?\nA. left\nB. right", "answer": "left", "images": ["a.png"]},
        {"answer": None},
    ),
]


@pytest.mark.parametrize(("name", "file", "good", "bad"), ROWS, ids=[row[0] for row in ROWS])
def test_a_null_answer_is_no_answer_in_every_reader(
    tmp_path: Path, name: str, file: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    write_png(tmp_path / "a.png")
    if file.endswith(".parquet"):
        column = "image_bytes" if name == "sat" else "images"
        rows = [{**good, column: [png(1)]}, {**good, column: [png(2)], **bad}]
        write_parquet(tmp_path / file, rows)
    else:
        write_json(tmp_path / file, [good, {**good, **bad}], lines=file.endswith("jsonl"))
    questions = load(name, data=tmp_path)
    assert len(questions) == 1
    assert [s.reason for s in questions.skipped] == ["it has no answer"]


def test_one_row_without_a_field_that_the_others_have_is_left_out(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png")
    rows = [
        {"image_name": "a.png", "question": f"Where {k}?\nA. left\nB. right", "answer": "A"} for k in "xyz"
    ]
    del rows[1]["answer"]
    write_json(tmp_path / "spatial_mm_one_obj.json", rows)
    questions = load("spatial-mm-one-obj", data=tmp_path)
    assert len(questions) == 2
    assert skip_reasons(questions) == {"one-obj-1": "it has no field 'answer'"}


@pytest.mark.parametrize("bad", [[], [1], ["x", "a"], "abc", [None, "a", "b"]])
def test_one_row_of_another_form_is_left_out_and_a_file_of_them_is_refused(tmp_path: Path, bad: Any) -> None:
    write_png(tmp_path / "val2017" / f"{7:012}.jpg")
    good = [7, "a dog on the left", "a dog on the right"]
    write_json(tmp_path / "coco_qa_one_obj.json", [good, bad, good])
    questions = load("whatsup-coco-one", data=tmp_path)
    assert [q.uid for q in questions] == ["0", "2"]
    assert [s.line for s in questions.skipped] == [2]
    write_json(tmp_path / "coco_qa_one_obj.json", [[], []])
    with pytest.raises(BadInput, match=r"coco_qa_one_obj\.json row 1 cannot be understood"):
        load("whatsup-coco-one", data=tmp_path)


# ── TSV files ──────────────────────────────────────────────────────────────────────────────────


def test_a_null_in_a_parquet_option_column_is_no_option(tmp_path: Path) -> None:
    cells = {"index": 1, "question": "Q?", "A": "x", "B": "y", "C": None, "answer": "B", "image": b64(png(1))}
    write_parquet(tmp_path / "en" / "dev-0.parquet", [cells, {**cells, "index": 2, "C": "z"}])
    questions = load("mmbench-en", data=tmp_path)
    assert [q.options for q in questions] == [("x", "y"), ("x", "y", "z")]


def unquoted_tsv(path: Path, rows: list[dict[str, str]]) -> Path:
    """Written as people write TSV files by hand: without any quoting."""
    lines = ["\t".join(COLUMNS), *("\t".join(r.get(c, "") for c in COLUMNS) for r in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('"Stop, it says', '"Go, it says'),
        ('"Stop, it says', 'a pipe of 5" width'),
        ('"Stop, it says', 'Go, it says"'),
        ('"', 'x"y'),
    ],
)
@pytest.mark.parametrize("apart", [1, 3])
def test_an_unbalanced_quote_that_merges_rows_is_refused_with_its_line(
    tmp_path: Path, first: str, second: str, apart: int
) -> None:
    rows = [row(k) for k in range(6)]
    rows[1]["question"], rows[1 + apart]["question"] = first, second
    path = unquoted_tsv(tmp_path / "made.tsv", rows)
    with pytest.raises(BadInput, match=rf"line 3: the quote .* merges {apart + 1} rows into one"):
        read_tsv(path)


def test_an_unbalanced_quote_in_other_columns_is_refused_with_the_line(tmp_path: Path) -> None:
    rows = [row(k) for k in range(4)]
    rows[1]["A"], rows[2]["question"] = '"x', 'y"'
    with pytest.raises(BadInput, match=r"line 3: has \d+ cells"):
        read_tsv(unquoted_tsv(tmp_path / "made.tsv", rows))


def test_cells_with_line_ends_tabs_and_quotes_are_no_merged_rows(tmp_path: Path) -> None:
    texts = ["a\tb\nc\td", "x\n\ty\n\tz", 'say "hi"\tand\n"bye"', "\t\n\t", "a\n" + "\t" * (len(COLUMNS) - 1)]
    path = write(tmp_path / "made.tsv", [row(k, question=text) for k, text in enumerate(texts)])
    skipped: list[Skipped] = []
    questions = read_tsv(path, on_skipped=skipped.append)
    assert [q.text for q in questions] == [text.strip() for text in texts if text.strip()]
