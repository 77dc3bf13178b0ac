"""Questions read from TSV files: what a row means, and what is refused with which words."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import pytest

from places import SAMPLE
from published import published
from tsv_files import b64, png, read_tsv, row, write
from unswayed import images
from unswayed.benchmarks.records import Skipped
from unswayed.errors import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.tsv"


def test_a_cell_longer_than_the_csv_modules_limit_is_read(path: Path) -> None:
    long = "x" * (2**17 + 1)  # the csv module stops at 2**17 characters unless told otherwise
    write(path, [row(question=long)])
    assert read_tsv(path)[0].text == long


def test_the_shipped_sample_is_read() -> None:
    questions = {q.uid: q for q in read_tsv(SAMPLE)}
    assert len(questions) == 13
    assert questions["2"].options[questions["2"].gold] == "A mug under a table"
    assert questions["202"].options == ("Doorway", "Toilet Paper")
    assert questions["118"].family == "logic"
    assert questions["118"].category == "geometry"
    assert {q.benchmark for q in questions.values()} == {"sample"}
    for question in questions.values():
        (image,) = question.images
        images.check(image.read(), image.name)


def test_circular_copies_share_group_picture_and_right_option() -> None:
    questions = {q.uid: q for q in read_tsv(SAMPLE)}
    base = questions["1"]
    for uid in ("1000001", "2000001"):
        copy = questions[uid]
        assert copy.group == base.group == "1"
        assert copy.images[0].read() == base.images[0].read()
        assert copy.options[copy.gold] == base.options[base.gold]
    assert questions["2"].group == "2"


@pytest.mark.parametrize("language", ["en", "cn"])
def test_mmbench_is_read_with_its_circular_copies(language: str) -> None:
    folder = published("mmbench")
    plain = {q.uid: q for q in read_tsv(folder / f"mmbench_sample_{language}.tsv")}
    assert len(plain) == 12
    assert "\n" in plain["1"].options[0]
    assert len(plain["2222"].options) == 3
    circular = read_tsv(folder / f"mmbench_sample_{language}_circular.tsv")
    assert len(circular) == 47
    assert {q.group for q in circular} == set(plain)
    for question in circular:
        base = plain[question.group]
        assert sorted(question.options) == sorted(base.options)
        assert question.options[question.gold] == base.options[base.gold]
        assert question.images[0].read() == base.images[0].read()
        assert question.family == base.family


@pytest.mark.parametrize("how", ["plain", "mark", "crlf", "gzip", "quoted"])
def test_encodings_of_the_same_rows_give_the_same_questions(path: Path, how: str) -> None:
    rows = [row(1, question="two\nlines\tand a tab"), row(2, A='a "cat"', hint="look twice")]
    expected = [(q, q.images[0].read()) for q in read_tsv(write(path, rows))]
    path = path.with_name("other.tsv")
    if how == "mark":
        write(path, rows, encoding="utf-8-sig")
    elif how == "crlf":
        write(path, rows, lineterminator="\r\n")
    elif how == "gzip":
        path = path.with_name("other.tsv.gz")
        path.write_bytes(gzip.compress(write(path, rows).read_bytes()))
    elif how == "quoted":
        write(path, rows, quoting=csv.QUOTE_ALL)  # type: ignore[arg-type]
    else:
        write(path, rows)
    found = [(q, q.images[0].read()) for q in read_tsv(path)]
    assert [(q.text, q.options, q.gold, q.hint, data) for q, data in found] == [
        (q.text, q.options, q.gold, q.hint, data) for q, data in expected
    ]
    assert found[0][0].benchmark == "other"


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["cat", "dog", "", ""], ("cat", "dog")),
        (["cat", "dog", "nan", "nan"], ("cat", "dog")),
        (["cat", "dog", "nan", ""], ("cat", "dog")),
        (["nan", "NaN-like", "null", "x"], ("nan", "NaN-like", "null", "x")),
        (["cat", "nan", "dog", "nan"], ("cat", "nan", "dog")),
        (["None", "NA", "N/A", "null"], ("None", "NA", "N/A", "null")),
        (["cat", "dog", "", "cow"], ("cat", "dog", "cow")),
    ],
)
def test_which_options_are_there(path: Path, cells: list[str], options: tuple[str, ...]) -> None:
    write(path, [row(**dict(zip("ABCD", cells, strict=True)))])
    assert read_tsv(path)[0].options == options


def test_the_answers_letter_is_that_of_the_file_even_behind_an_empty_option(path: Path) -> None:
    write(path, [row(C="", D="cow", answer="D")])
    question = read_tsv(path)[0]
    assert question.options[question.gold] == "cow"


@pytest.mark.parametrize(
    ("hint", "shown"), [("nan", ""), ("", ""), ("None of them is red.", "None of them is red.")]
)
def test_hints(path: Path, hint: str, shown: str) -> None:
    assert read_tsv(write(path, [row(hint=hint)]))[0].hint == shown


@pytest.mark.parametrize(
    ("cells", "family"),
    [
        ({"l2-category": "logic", "category": "leaf"}, "logic"),
        ({"L2-category": "logic", "category": "leaf"}, "logic"),
        ({"category": "leaf"}, "leaf"),
        ({"l2-category": "nan"}, "all"),
    ],
)
def test_families(path: Path, cells: dict[str, str], family: str) -> None:
    assert read_tsv(write(path, [row(**cells)]))[0].family == family


def test_up_to_twenty_five_options(path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXY"
    cells = {letter: f"number {k}" for k, letter in enumerate(letters)}
    question = read_tsv(write(path, [row(**{**cells, "answer": "Y"})]))[0]
    assert len(question.options) == 25
    assert question.gold == 24


def test_groups_follow_copies_only_where_the_original_is_there(path: Path) -> None:
    uids = ["5", "1000005", "1000006", "q-flip", "q", "q-flip-2", "r-flip", "7", "8"]
    rows = [row(uid) for uid in uids]
    rows[7]["image"] = rows[8]["image"] = b64(png(5000))  # the same picture, embedded twice
    groups = {q.uid: q.group for q in read_tsv(write(path, rows))}
    assert groups["1000005"] == groups["5"] == "5"
    assert groups["1000006"] == "1000006"
    assert groups["q-flip"] == groups["q"] == groups["q-flip-2"]
    assert groups["r-flip"] == "r-flip"
    assert groups["7"] == groups["8"]
    assert len(set(groups.values())) == 5


def test_split_and_limit(path: Path) -> None:
    write(path, [row(k, split="dev" if k % 2 else "val") for k in range(6)])
    assert [q.uid for q in read_tsv(path, split="val")] == ["0", "2", "4"]
    assert [q.uid for q in read_tsv(path, split="dev")][:2] == ["1", "3"]
    with pytest.raises(BadInput, match="splits there: dev, val"):
        read_tsv(path, split="test")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(1, answer=""), row(2, answer="nan")], r"hidden.*dev split"),
        ([row(1), row(2), row(1)], r"line 4: the index '1' stands already on line 2"),
        ([row("")], r"line 2: the index is empty"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_with_the_line(
    path: Path, rows: list[dict[str, str]], words: str
) -> None:
    write(path, rows)
    with pytest.raises(BadInput, match=words):
        read_tsv(path)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"answer": "C"}, r"the answer 'C' is not the letter of one of its options \(A, B\)"),
        ({"answer": "E", "C": "c", "D": "d"}, r"the answer 'E' .*\(A, B, C, D\)"),
        ({"answer": "cat"}, "the answer 'cat'"),
        ({"answer": "D", "C": "nan", "D": "nan"}, "the answer 'D'"),
        ({"answer": ""}, "it has no answer"),
        ({"answer": "nan"}, "it has no answer"),
        ({"A": "", "B": ""}, "fewer than two options"),
        ({"A": "only", "B": ""}, r"fewer than two options \(A\)"),
        ({"question": ""}, "it has no question"),
        ({"image": "77"}, "its picture cell '77' should be the index"),
        ({"image": "2"}, "its picture cell '2'"),
        ({"image": '["' + "x" * 90}, r"its picture cell begins with '\['"),
        ({"image": "", "image_path": "x" * 5000}, r"its image_path is no file name.*5,000 characters"),
        ({"image": "", "image_path": "x" * 500}, "is not there"),
        ({"image": "", "image_path": "a\0b"}, "its image_path is no file name"),
    ],
)
def test_one_row_that_cannot_be_right_is_left_out_and_the_others_are_read(
    path: Path, cells: dict[str, str], reason: str
) -> None:
    skipped: list[Skipped] = []
    questions = read_tsv(write(path, [row(1), row(2, **cells), row(3)]), on_skipped=skipped.append)
    assert [q.uid for q in questions] == ["1", "3"]
    assert [(s.uid, s.line) for s in skipped] == [("2", 3)]
    assert re.search(reason, skipped[0].reason)


def test_a_pointer_to_a_pointer_is_no_picture(path: Path) -> None:
    skipped: list[Skipped] = []
    write(path, [row(1), row(2, image="1"), row(3, image="2")])
    assert [q.uid for q in read_tsv(path, on_skipped=skipped.append)] == ["1", "2"]
    assert skipped[0].line == 4


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["index", "question", "A", "B", "image"], "answers are hidden.*dev split"),
        (["index", "question", "A", "B", "answer"], "no column image"),
        (["question", "A", "answer", "image"], "no column index, B; it has: question, A, answer, image"),
        (["index", "question", "A", "A", "B", "answer", "image"], "two columns are called 'A'"),
    ],
)
def test_missing_columns_are_named(path: Path, columns: list[str], words: str) -> None:
    write(path, [row()], columns)
    with pytest.raises(BadInput, match=words):
        read_tsv(path)


def test_a_cell_that_is_not_utf8_is_named(path: Path) -> None:
    write(path, [row(1), row(2, question="cafe\u0301")], encoding="utf-8")
    path.write_bytes(path.read_bytes().replace("e\u0301".encode(), b"\xe9"))
    with pytest.raises(BadInput, match="line 3: a cell is not UTF-8"):
        read_tsv(path)


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        read_tsv(tmp_path / name)


def test_rows_left_out_are_told_with_reasons(path: Path) -> None:
    skipped: list[Skipped] = []
    rows = [row(1, A="cat", B="cat"), row(2), row(3, image=""), row(4, image="nan"), row(5, image="[]")]
    assert [q.uid for q in read_tsv(write(path, rows), on_skipped=skipped.append)] == ["2"]
    assert [(s.uid, s.line) for s in skipped] == [("1", 2), ("3", 4), ("4", 5), ("5", 6)]
    assert str(skipped[0]) == "line 2 (index '1'): the option 'cat' stands there twice"
    assert all("picture" in s.reason for s in skipped[1:])
