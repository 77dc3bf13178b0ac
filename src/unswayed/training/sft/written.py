"""Thoughts that somebody wrote: read from a file by question, or written here from a scene's exact truth.

Decided here: a turn is one thought, closed, and one answer, in the audit's own tags; an answer that is not
told is the right option's letter. A thought that holds a tag, or says nothing, is refused with its line: it
would teach another grammar. Thoughts whose answer is wrong, or which do not conclude it where that is asked
for, are left out and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unswayed.answers.parser import read
from unswayed.errors import BadInput
from unswayed.judges import base, rules
from unswayed.judges.base import Case
from unswayed.question import LETTERS, Question
from unswayed.training.augmentation import draw
from unswayed.training.rewards.score import well_formed
from unswayed.training.sft.example import Example
from unswayed.training.sft.settings import Thoughts

Place = tuple[str, Mapping[str, Any]]
"""Where a row stands, in words, and its fields."""


def from_file(how: Thoughts, questions: Sequence[Question], counts: Counter[str]) -> Iterator[Example]:
    """The examples in `how.file`, in its order. Raises `BadInput` for the first row that cannot be right."""
    known = {question.uid: question for question in questions}
    path = Path(how.file)
    rows = list(_rows(path))
    if not rows:
        raise BadInput(f"{path}: holds no thoughts; give a line for each, with uid and thought")
    named = [(where, row, _uid(where, row)) for where, row in rows]
    strange = [(where, uid) for where, _, uid in named if uid not in known]
    if strange and not how.partial:
        where, uid = strange[0]
        raise BadInput(
            f"{len(strange)} of {len(rows)} thoughts are about questions that are not among the {len(known)} "
            f"of data (the first is {uid!r}, {where}); check data.benchmark, data.split and data.limit, or "
            "set thoughts.partial = true to pass over them"
        )
    counts["about other questions"] += len(strange)
    for where, row, uid in named:
        if uid not in known:
            continue
        found = _example(where, row, known[uid], how.consistent)
        if isinstance(found, str):
            counts[found] += 1
        else:
            yield found


def _example(where: str, row: Mapping[str, Any], question: Question, consistent: bool) -> Example | str:
    """The example in a row, or why it is left out."""
    thought, answer = row.get("thought"), row.get("answer")
    if not isinstance(thought, str) or not thought.strip():
        raise BadInput(f"{where}: thought is {thought!r}; give its words")
    if answer is None:
        answer = f"({LETTERS[question.gold]})"
    if not isinstance(answer, str) or not answer.strip():
        raise BadInput(f"{where}: answer is {answer!r}; give an option's letter or words, or leave it out")
    turn = f"<think>{thought}</think><answer>{answer}</answer>"
    if not well_formed(turn):
        raise BadInput(
            f"{where}: thought or answer holds a tag (<think>, </think>, <answer>, …) or no word; "
            "give the bare words, the tags are put around them"
        )
    found = read(turn, question.options)
    if found.answer is None:
        raise BadInput(f"{where}: the answer {answer!r} is none of the options {list(question.options)}")
    if found.answer != question.gold:
        return "answered wrongly"
    verdict = rules.verdict(Case(question, question.options, thought))
    if consistent and base.consistent(verdict, found.answer) is not True:
        return "not known to conclude the answer"
    return Example(question, "base", turn, where)


def from_truth(questions: Sequence[Question], seed: int) -> Iterator[Example]:
    """One example a drawn scene, as the bundled model is taught to look. Raises `BadInput` for others."""
    from unswayed.pebble import lesson_text

    lettered = lesson_text.Diet.lettered
    for question in questions:
        scene, asked = question.meta.get("scene"), question.meta.get("asked")
        if scene is None or asked is None:
            raise BadInput(
                f"thoughts.scenes writes about drawn scenes, and {question.benchmark} question "
                f"{question.uid!r} is none; set data.benchmark = 'scenes', or give thoughts.file"
            )
        says = draw(question, seed, "lettered") < lettered
        pieces = [*lesson_text.look(scene, asked), *lesson_text.conclude(scene, asked, asked.gold, says)]
        answer = "".join(text for text, _ in lesson_text.answer(asked, asked.gold, lesson_text.LETTER))
        thought = "Look:" + "".join(text for text, _ in pieces)
        yield Example(question, "base", f"<think>{thought}</think>{answer}", f"scene {question.uid}")


def _uid(where: str, row: Mapping[str, Any]) -> str:
    uid = row.get("uid")
    if isinstance(uid, bool) or not isinstance(uid, (str, int)) or uid == "":
        raise BadInput(f"{where}: uid is {uid!r}; give the question's")
    return str(uid)


def _rows(path: Path) -> Iterator[Place]:
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise BadInput(f"{path}: thoughts are read from {' or '.join(_READERS)} files; give one of these")
    try:
        yield from reader(path)
    except OSError as error:
        why = error.strerror or error
        raise BadInput(f"{path}: cannot be read ({why}); give the path of a file of thoughts") from error


def _lines(path: Path) -> Iterator[Place]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {n}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadInput(f"{where}: is no JSON ({error}); give one object a line") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where}: is no object; give {{'uid': …, 'thought': …}}")
        yield where, row


def _table(path: Path) -> Iterator[Place]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        missing = [name for name in ("uid", "thought") if name not in file.schema_arrow.names]
        if missing:
            raise BadInput(f"{path}: has no column {missing[0]!r}; give uid, thought and, if wanted, answer")
        wanted = [name for name in ("uid", "thought", "answer") if name in file.schema_arrow.names]
        rows = file.read(wanted).to_pylist()
    except pa.ArrowException as error:
        raise BadInput(f"{path}: is no Parquet file ({error}); write it anew") from error
    for n, row in enumerate(rows, 1):
        yield f"{path}, row {n}", row


_READERS: dict[str, Callable[[Path], Iterator[Place]]] = {".jsonl": _lines, ".parquet": _table}
