"""Cues as data: what is written is read again, and only for the questions that it was written for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from places import SAMPLE
from unswayed.benchmarks import load
from unswayed.cues import cue_file, write
from unswayed.cues.cue_file import CueFile
from unswayed.errors import BadInput
from unswayed.question import Question


def questions() -> list[Question]:
    made = [
        Question(str(n), "made", "How many cats are in the image?", ("1", "2", "3"), n % 3, family="count")
        for n in range(4)
    ]
    return [*made, *load("scenes", limit=2), *load(SAMPLE)]


def bound(seed: int = 0) -> CueFile:
    return cue_file.build([(q, write(q, seed)) for q in questions()], seed=seed, about={"source": "made"})


def test_a_cue_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cues.parquet"
    made = bound()
    made.save(path)
    found = cue_file.read(path)
    for question in questions():
        assert found(question, 99) == write(question, 0)
    assert found.sha256 == made.sha256
    assert found.sheet == made.sheet
    assert found.use == "audit"


def test_the_hash_is_of_the_content_and_of_nothing_else(tmp_path: Path) -> None:
    assert bound().sha256 == bound().sha256
    assert bound(1).sha256 != bound().sha256
    made = bound()
    made.save(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table, tmp_path / "b.parquet", compression="none")
    assert cue_file.read(tmp_path / "b.parquet").sha256 == made.sha256


def test_the_datasheet_counts_what_is_in_the_book(tmp_path: Path) -> None:
    made = bound()
    made.save(tmp_path / "cues.parquet")
    sheet = made.sheet
    assert sheet["questions"] == len(questions())
    assert sum(sheet["writers"].values()) == sum(sheet["cues"].values()) == sum(sheet["phrasings"].values())
    counts = {(row["benchmark"], row["family"]): row for row in sheet["coverage"]}
    assert counts["made", "count"]["captions"] == 4
    text = (tmp_path / "cues.md").read_text()
    assert made.sha256 in text
    assert "| made | count | 4 | 4 (100%) | 4 (100%) |" in text
    assert "* source: made" in text


def test_a_question_that_is_not_in_the_file_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'new' is not in it; write the cues again"):
        bound()(replace(questions()[0], uid="new"))


@pytest.mark.parametrize(
    "change", [{"text": "How many dogs?"}, {"options": ("1", "2", "4")}, {"gold": 2}, {"hint": "Look."}]
)
def test_a_question_that_has_changed_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="another text, options or right option"):
        bound()(replace(questions()[0], **change))  # type: ignore[arg-type]


def _tamper(path: Path, **columns: object) -> None:
    table = pq.read_table(path)
    for name, value in columns.items():
        field = table.schema.field(name)
        values = [value, *table[name].to_pylist()[1:]]
        table = table.set_column(table.column_names.index(name), field, pa.array(values, field.type))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"text": "Another one."}, "not those that its datasheet describes"),
        ({"kind": "evil"}, "row 0: there is no cue called 'evil'"),
        ({"version": "9"}, "row 0: it has version '9'"),
        ({"uid": None}, "row 0: uid is null"),
    ],
)
def test_a_cue_file_that_was_changed_by_hand_is_refused(
    tmp_path: Path, columns: dict[str, object], why: str
) -> None:
    path = tmp_path / "cues.parquet"
    bound().save(path)
    _tamper(path, **columns)
    with pytest.raises(BadInput, match=why):
        cue_file.read(path)


def test_a_cue_that_asserts_what_it_cannot_is_refused() -> None:
    made = bound()
    question = questions()[0]
    for option in (question.gold, 7, -1, None):
        row = made.rows[0] | {"option": option}
        with pytest.raises(BadInput, match="wrong_caption asserts option"):
            CueFile((row, *made.rows[1:]), made.sheet)(question)


def test_two_cues_for_one_slot_are_refused() -> None:
    made = bound()
    with pytest.raises(BadInput, match="a second wrong_caption"):
        CueFile((made.rows[0], *made.rows), made.sheet)(questions()[0])


def test_what_is_no_cue_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        cue_file.read(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(BadInput, match="not a Parquet file of cues"):
        cue_file.read(tmp_path / "text.parquet")
    pq.write_table(pa.table({"uid": ["1"]}), tmp_path / "other.parquet")
    with pytest.raises(BadInput, match="lacks the column 'benchmark'"):
        cue_file.read(tmp_path / "other.parquet")


def test_a_cue_file_to_train_with_is_not_audited_with(tmp_path: Path) -> None:
    question = questions()[0]
    cue_file.build([(question, write(question, 0, "train"))], seed=0, use="train").save(
        tmp_path / "t.parquet"
    )
    with pytest.raises(BadInput, match="phrasings for training"):
        cue_file.read_for_audit(tmp_path / "t.parquet")


def test_a_file_from_before_cues_were_read_by_models_is_still_read(tmp_path: Path) -> None:
    made = bound()
    made.save(tmp_path / "new.parquet")
    table = pq.read_table(tmp_path / "new.parquet")
    pq.write_table(table.drop_columns(["check"]), tmp_path / "old.parquet")
    assert cue_file.read(tmp_path / "old.parquet").sha256 == made.sha256


def test_what_a_model_read_is_kept_and_is_part_of_the_hash(tmp_path: Path) -> None:
    pairs = [(q, write(q, 0)) for q in questions()]
    checks = [{"wrong_caption": "agrees", "correct_thought": "other"} for _ in pairs]
    made = cue_file.build(pairs, seed=0, checks=checks)
    made.save(tmp_path / "cues.parquet")
    found = cue_file.read(tmp_path / "cues.parquet")
    assert found.rows == made.rows
    assert found.sha256 != cue_file.build(pairs, seed=0).sha256
    assert found.sheet["checks"]["other"] == len(pairs)
    assert "* checks: " in (tmp_path / "cues.md").read_text()
