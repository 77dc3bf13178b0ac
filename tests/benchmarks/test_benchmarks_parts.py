"""What readers share: options inside texts, golds of all kinds, orders, groups, numbers, places, archives."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark_files import write_json, write_png, write_tar, write_zip
from tsv_files import png
from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.clustering import connected_rows
from unswayed.benchmarks.distractors import nearby_numbers
from unswayed.benchmarks.files import archives
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.records import UnusableRow
from unswayed.errors import BadImage, BadInput

GLOVE = "What is the material of the glove?"


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        (
            f"{GLOVE}\n(A) rubber\n(B) cotton\n(C) kevlar\n(D) leather\n"
            "Answer with the option's letter from the given choices directly.",
            GLOVE,
            ("rubber", "cotton", "kevlar", "leather"),
        ),
        ("Where is it?\nA. left\nB. right", "Where is it?", ("left", "right")),
        ("Where is it? (A) left (B) right", "Where is it?", ("left", "right")),
        ("Which? \nA. the cup (A) on top\nB. the plate", "Which?", ("the cup (A) on top", "the plate")),
        ("Which?\n(A) red (dark)\n(B) blue (B side)", "Which?", ("red (dark)", "blue (B side)")),
        (
            "Question? The choices are listed below:\n(A) x\n(B) y\nSelect the best answer to the above "
            "question. Respond with only the letter.\nThe best answer is:",
            "Question?",
            ("x", "y"),
        ),
        (
            "How many?  Answer Choices:\nA. 1\nB. 2\nAnswer with the text of the option.",
            "How many?",
            ("1", "2"),
        ),
        ("Is vitamin A. good?\nA. yes\nB. no", "Is vitamin A. good?", ("yes", "no")),
        (
            "Six?\n" + "\n".join(f"({c}) {c.lower()}{c.lower()}" for c in "ABCDEF"),
            "Six?",
            ("aa", "bb", "cc", "dd", "ee", "ff"),
        ),
    ],
)
def test_options_inside_a_text(text: str, question: str, options: tuple[str, ...]) -> None:
    assert answer_parsing.split_options(text) == (question, options)


@pytest.mark.parametrize("text", ["What is it?", "A. only one", "Q?\nA. x\nB. y\nThe sky is wide."])
def test_a_text_without_options_or_with_more_behind_is_left_out(text: str) -> None:
    with pytest.raises(UnusableRow):
        answer_parsing.split_options(text)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("How many cats? Select from the following choices.", "How many cats?"),
        ("Which one should you choose to sit on?", "Which one should you choose to sit on?"),
        (
            "What is the correct answer to the sum on the board?",
            "What is the correct answer to the sum on the board?",
        ),
        ("Select the best answer.", "Select the best answer."),
        ("Where is the dog?\nAnswer with the option's letter.", "Where is the dog?"),
    ],
)
def test_instructions_are_cut_off_and_questions_are_not(text: str, rest: str) -> None:
    assert answer_parsing.strip_instruction(text) == rest


OPTIONS = ("left", "right", "Upwards", "nan")


@pytest.mark.parametrize(
    ("read", "answer", "gold"),
    [
        (answer_parsing.parse_letter, "C", 2),
        (answer_parsing.parse_letter, "(C)", 2),
        (answer_parsing.parse_letter, "c.", 2),
        (answer_parsing.match_text, "right", 1),
        (answer_parsing.match_text, "nan", 3),
        (answer_parsing.match_text, "upwards.", 2),
        (answer_parsing.parse_answer, "C. upwards", 2),
        (answer_parsing.parse_answer, "(A) left", 0),
        (answer_parsing.parse_answer, "B", 1),
        (answer_parsing.parse_answer, "right", 1),
    ],
)
def test_right_answers_of_all_kinds(read: object, answer: str, gold: int) -> None:
    assert read(answer, OPTIONS) == gold  # type: ignore[operator]


@pytest.mark.parametrize(
    ("read", "answer", "words"),
    [
        (answer_parsing.parse_letter, "E", "not the letter"),
        (answer_parsing.parse_letter, "left", "not the letter"),
        (answer_parsing.match_text, "down", "none of its options"),
        (answer_parsing.parse_answer, "A. right", "letter and words of its answer disagree"),
        (answer_parsing.parse_answer, "F. left", "not the letter"),
    ],
)
def test_answers_that_are_no_option_are_left_out(read: object, answer: str, words: str) -> None:
    with pytest.raises(UnusableRow, match=words):
        read(answer, OPTIONS)  # type: ignore[operator]


def test_labels_of_any_width_are_taken_off_and_others_stay() -> None:
    assert [
        answer_parsing.strip_label(o, k) for k, o in enumerate(["(A) a dog", "B. cat", "(C)cow", "(A) x"])
    ] == [
        "a dog",
        "cat",
        "cow",
        "(A) x",
    ]


@given(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=6, unique=True), st.integers(0, 99))
def test_a_shuffle_keeps_the_options_and_the_right_one_and_can_be_undone(
    options: list[str], key: int
) -> None:
    gold = key % len(options)
    shown, place, meta = shuffling.shuffled(options, gold, "x", key)
    assert shown[place] == options[gold]
    assert [options[k] for k in meta["order"]] == list(shown)
    assert shuffling.shuffled(options, gold, "x", key) == (shown, place, meta)


def test_a_shuffle_puts_the_first_option_everywhere_alike() -> None:
    places = Counter(shuffling.shuffled("abcd", 0, "row", k)[1] for k in range(4000))
    assert min(places.values()) > 900


def test_an_option_about_the_others_keeps_its_place() -> None:
    options = ("a", "b", "c", "None of the above")
    shown = {shuffling.shuffled(options, 0, k)[0] for k in range(50)}
    assert {s[3] for s in shown} == {"None of the above"}
    assert len(shown) == 6


def test_what_is_joined_over_others_is_one_thing() -> None:
    rng = random.Random(seed := 5)
    rows = [[rng.randrange(60) for _ in range(rng.randrange(4))] for _ in range(80)]
    first = connected_rows(rows)
    for a in range(80):
        for b in range(80):
            if set(rows[a]) & set(rows[b]):
                assert first[a] == first[b], f"seed {seed}"
    assert all(first[root] == root <= row for row, root in enumerate(first))
    assert first[rows.index([])] == rows.index([])


def test_numbers_beside_a_count_do_not_say_which_it_is() -> None:
    places: Counter[int] = Counter()
    for key in range(4000):
        options, gold = nearby_numbers(7, key)
        assert options[gold] == "7"
        assert [int(o) for o in options] == list(range(7 - gold, 11 - gold))
        places[gold] += 1
    assert min(places.values()) > 900
    assert all(int(o) >= 0 for key in range(50) for o in nearby_numbers(key % 3, key)[0])


@pytest.mark.parametrize("form", ["folder", "tar", "tar.gz", "zip"])
def test_a_picture_is_found_by_the_end_of_its_path_wherever_it_lies(tmp_path: Path, form: str) -> None:
    files = {"img/a/one.png": png(1), "img/b/one.png": png(2), "img/two.jpg": png(3), "notes/two.txt": b"x"}
    if form == "folder":
        for name, data in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    elif form == "zip":
        write_zip(tmp_path / "data.zip", files)
    else:
        write_tar(tmp_path / f"data.{form}", files, "w:gz" if form.endswith("gz") else "w")
    for local in (
        LocalFiles(tmp_path),
        *([] if form == "folder" else [LocalFiles(tmp_path / f"data.{form}")]),
    ):
        image = local.image("elsewhere/b/one.png")
        assert image is not None
        assert image.read() == png(2)
        other_ending = local.image("two.png")
        assert other_ending is not None
        assert other_ending.read() == png(3)
        assert local.image("three.png") is None
        assert local.image("../../etc/passwd") is None
        with pytest.raises(UnusableRow, match="two files could be"):
            local.image("one.png")


def test_only_members_are_read_and_by_offset(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {f"{k}.bin": bytes([k]) * 5000 for k in range(50)})
    members = archives.members(path)
    assert all(members[f"{k}.bin"]() == bytes([k]) * 5000 for k in (49, 0, 25))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadImage, match="written to"):
        members["3.bin"]()


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.zip"])
def test_a_broken_archive_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8bnonsense" * 100)
    with pytest.raises(BadInput, match=rf"{name} is not a whole archive"):
        archives.members(tmp_path / name)


def test_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    write_png(tmp_path / ".cache" / "one.png")
    write_json(tmp_path / "rows.json", [])
    files = LocalFiles(tmp_path)
    assert files.image("one.png") is None
    assert [entry.name for entry in files.match("*.json")] == ["rows.json"]
