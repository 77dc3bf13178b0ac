"""Questions read from TSV files: what a row means, and what is refused with which words."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from places import SAMPLE
from published import published
from tsv_files import b64, png, row, write
from unswayed import images
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.errors import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.tsv"


def test_a_cell_longer_than_the_csv_modules_limit_is_read(path: Path) -> None:
    long = "x" * (csv.field_size_limit() + 1)
    write(path, [row(question=long)])
    assert next(vlmevalkit.load(path)).text == long


def test_the_shipped_sample_is_read() -> None:
    questions = {q.uid: q for q in vlmevalkit.load(SAMPLE)}
    assert len(questions) == 13
    assert questions["2"].options[questions["2"].gold] == "A mug under a table"
    assert questions["202"].options == ("Doorway", "Toilet Paper")
    assert questions["118"].family == "logic"
    assert questions["118"].meta["category"] == "geometry"
    assert {q.benchmark for q in questions.values()} == {"sample"}
    for question in questions.values():
        (image,) = question.images
        images.check(image.read(), image.name)


def test_circular_copies_share_group_picture_and_right_option() -> None:
    questions = {q.uid: q for q in vlmevalkit.load(SAMPLE)}
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
    plain = {q.uid: q for q in vlmevalkit.load(folder / f"mmbench_sample_{language}.tsv")}
    assert len(plain) == 12
    assert "\n" in plain["1"].options[0]
    assert len(plain["2222"].options) == 3
    circular = list(vlmevalkit.load(folder / f"mmbench_sample_{language}_circular.tsv"))
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
    expected = [(q, q.images[0].read()) for q in vlmevalkit.load(write(path, rows))]
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
    found = [(q, q.images[0].read()) for q in vlmevalkit.load(path)]
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
    assert next(vlmevalkit.load(path)).options == options


def test_the_answers_letter_is_that_of_the_file_even_behind_an_empty_option(path: Path) -> None:
    write(path, [row(C="", D="cow", answer="D")])
    question = next(vlmevalkit.load(path))
    assert question.options[question.gold] == "cow"


@pytest.mark.parametrize(
    ("hint", "shown"), [("nan", ""), ("", ""), ("None of them is red.", "None of them is red.")]
)
def test_hints(path: Path, hint: str, shown: str) -> None:
    assert next(vlmevalkit.load(write(path, [row(hint=hint)]))).hint == shown


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
    assert next(vlmevalkit.load(write(path, [row(**cells)]))).family == family


def test_up_to_twenty_five_options(path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXY"
    cells = {letter: f"number {k}" for k, letter in enumerate(letters)}
    question = next(vlmevalkit.load(write(path, [row(**{**cells, "answer": "Y"})])))
    assert len(question.options) == 25
    assert question.gold == 24


def test_groups_follow_copies_only_where_the_original_is_there(path: Path) -> None:
    uids = ["5", "1000005", "1000006", "q-flip", "q", "q-flip-2", "r-flip", "7", "8"]
    rows = [row(uid) for uid in uids]
    rows[7]["image"] = rows[8]["image"] = b64(png(5000))  # the same picture, embedded twice
    groups = {q.uid: q.group for q in vlmevalkit.load(write(path, rows))}
    assert groups["1000005"] == groups["5"] == "5"
    assert groups["1000006"] == "1000006"
    assert groups["q-flip"] == groups["q"] == groups["q-flip-2"]
    assert groups["r-flip"] == "r-flip"
    assert groups["7"] == groups["8"]
    assert len(set(groups.values())) == 5


def test_split_and_limit(path: Path) -> None:
    write(path, [row(k, split="dev" if k % 2 else "val") for k in range(6)])
    assert [q.uid for q in vlmevalkit.load(path, split="val")] == ["0", "2", "4"]
    assert [q.uid for q in vlmevalkit.load(path, split="dev", limit=2)] == ["1", "3"]
    with pytest.raises(BadInput, match="splits there: dev, val"):
        list(vlmevalkit.load(path, split="test"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(1), row(2, answer="C")], r"made\.tsv line 3: the answer 'C' is not the letter .*\(A, B\)"),
        ([row(1, answer="cat")], r"line 2: the answer 'cat'"),
        ([row(1, C="nan", D="nan", answer="D")], r"line 2: the answer 'D'"),
        ([row(1), row(2, answer="")], r"line 3: the answer ''"),
        ([row(1, answer=""), row(2, answer="nan")], r"hidden.*dev split"),
        ([row(1), row(2), row(1)], r"line 4: the index '1' stands already on line 2"),
        ([row("")], r"line 2: the index is empty"),
        ([row(1, A="", B="")], r"line 2: fewer than two options"),
        ([row(1, A="only", B="")], r"line 2: fewer than two options \(A\)"),
        ([row(1), row(2, image="77")], r"line 3: the picture cell '77' should be the index"),
        ([row(1, image="1")], r"line 2: the picture cell '1'"),
        ([row(1), row(2, image="1"), row(3, image="2")], r"line 4: the picture cell '2'"),
        ([row(1, image='["' + "x" * 90)], r"line 2: the picture cell begins with '\['"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(path: Path, rows: list[dict[str, str]], words: str) -> None:
    write(path, rows)
    with pytest.raises(BadInput, match=words):
        list(vlmevalkit.load(path))


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
        list(vlmevalkit.load(path))


def test_a_cell_that_is_not_utf8_is_named(path: Path) -> None:
    write(path, [row(1), row(2, question="cafe\u0301")], encoding="utf-8")
    path.write_bytes(path.read_bytes().replace("e\u0301".encode(), b"\xe9"))
    with pytest.raises(BadInput, match="line 3: a cell is not UTF-8"):
        list(vlmevalkit.load(path))


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        list(vlmevalkit.load(tmp_path / name))


def test_rows_left_out_are_told_with_reasons(path: Path) -> None:
    told: list[vlmevalkit.Skipped] = []
    rows = [row(1, A="cat", B="cat"), row(2), row(3, image=""), row(4, image="nan"), row(5, image="[]")]
    assert [q.uid for q in vlmevalkit.load(write(path, rows), skipped=told.append)] == ["2"]
    assert [(s.uid, s.line) for s in told] == [("1", 2), ("3", 4), ("4", 5), ("5", 6)]
    assert str(told[0]) == "line 2 (index '1'): the option 'cat' stands there twice"
    assert all("picture" in s.reason for s in told[1:])
