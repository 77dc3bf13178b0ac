"""Written thoughts as examples: read from a file by uid, or generated from a scene's ground truth.

A turn is one closed thought and one answer, in the audit's tags; without an answer the correct option's
letter is used. A thought that holds a tag, or no word, is refused with its line: it would teach another
format. Thoughts whose answer is wrong, or which do not conclude it where that is required, are left out and
counted.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unswayed.answers.parser import read
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.judges import base, rules
from unswayed.judges.base import Case
from unswayed.pebble.slips import SlipSettings, caption_kind, slipping_thought
from unswayed.question import LETTERS, Question
from unswayed.scenes import SceneTruth
from unswayed.training.augmentation import build_prompt, hash_fraction
from unswayed.training.config.sft import ThoughtSettings
from unswayed.training.rewards.turn_format import well_formed
from unswayed.training.sft.example import Example, PromptText

FileRow = tuple[str, Mapping[str, Any]]
"""Where a row is, in words, and its fields."""


def from_file(
    settings: ThoughtSettings, questions: Sequence[Question], counts: Counter[str], format: Format = COMMON
) -> Iterator[Example]:
    """The examples in `settings.file`, in its order; counts what is left out. Raises `BadInput` for a bad
    row."""
    known = {question.uid: question for question in questions}
    path = Path(settings.file)
    rows = list(_rows(path))
    if not rows:
        raise BadInput(f"{path}: holds no thoughts; give a line for each, with uid and thought")
    with_uid = [(source, row, _uid(source, row)) for source, row in rows]
    unknown = [(source, uid) for source, _, uid in with_uid if uid not in known]
    if unknown and not settings.partial:
        source, uid = unknown[0]
        raise BadInput(
            f"{len(unknown)} of {len(rows)} thoughts are about questions that are not among the {len(known)} "
            f"of data (the first is {uid!r}, {source}); check data.benchmark, data.split and data.limit, or "
            "set thoughts.partial = true to skip them"
        )
    counts["about other questions"] += len(unknown)
    for source, row, uid in with_uid:
        if uid not in known:
            continue
        example = _example(source, row, known[uid], settings.consistent, format)
        if isinstance(example, str):
            counts[example] += 1
        else:
            yield example


def _example(
    source: str, row: Mapping[str, Any], question: Question, consistent: bool, format: Format
) -> Example | str:
    """The example in a row, or the reason why it is left out."""
    thought, answer = row.get("thought"), row.get("answer")
    if not isinstance(thought, str) or not thought.strip():
        raise BadInput(f"{source}: thought is {thought!r}; give its words")
    if answer is None:
        answer = f"({LETTERS[question.gold]})"
    if not isinstance(answer, str) or not answer.strip():
        raise BadInput(f"{source}: answer is {answer!r}; give an option's letter or words, or leave it out")
    turn = format.write(thought, answer)
    if not well_formed(turn, format=format):
        marks = ", ".join(mark.strip() for mark in (*(format.thought or ()), *format.answer) if mark.strip())
        raise BadInput(
            f"{source}: thought or answer holds a tag ({marks}) or no word; give the bare words, the tags "
            "are added"
        )
    reading = read(turn, question.options, format=format)
    if reading.answer is None:
        raise BadInput(f"{source}: the answer {answer!r} is none of the options {list(question.options)}")
    if reading.answer != question.gold:
        return "answered wrongly"
    verdict = rules.judge_by_rules(Case(question, question.options, thought))
    if consistent and base.consistent(verdict, reading.answer) is not True:
        return "not known to conclude the answer"
    return Example(question, "base", turn, source, format=format)


def from_truth(
    questions: Sequence[Question],
    seed: int,
    slips: SlipSettings | None = None,
    format: Format = COMMON,
) -> Iterator[Example]:
    """One example per generated scene, in the bundled model's language, with the slips that are wanted.

    Raises `BadInput` for other questions.
    """
    from unswayed.pebble import lesson_text

    for question in questions:
        truth = question.scene
        if not isinstance(truth, SceneTruth):
            raise BadInput(
                f"thoughts.scenes writes about generated scenes, and {question.benchmark} question "
                f"{question.uid!r} has none; set data.benchmark = 'scenes', or give thoughts.file"
            )
        if slips is not None and slips.any:
            yield _with_slips(question, truth, seed, slips, format)
            continue
        scene, asked = truth.scene, truth.question
        lettered = hash_fraction(question, seed, "lettered") < lesson_text.LessonMix.lettered
        pieces = [
            *lesson_text.describe_cells(scene, asked),
            *lesson_text.conclusion(scene, asked, asked.gold, lettered),
        ]
        thought = "Look:" + "".join(text for text, _ in pieces)
        turn = format.write(thought, f"({LETTERS[asked.gold]})")
        yield Example(question, "base", turn, f"scene {question.uid}", format=format)


def _with_slips(
    question: Question, truth: SceneTruth, seed: int, slips: SlipSettings, format: Format
) -> Example:
    """The example of one question. Its slips depend on (seed, question) alone."""
    rng = random.Random(f"slips/{seed}/{question.benchmark}/{question.uid}")
    put = build_prompt(question, caption_kind(rng, slips), seed, (), format)
    cue = put.prompt.cue
    thought = slipping_thought(rng, truth, slips, cue.option if cue else None)
    turn = format.write(thought, f"({LETTERS[question.gold]})")
    prompt = put.prompt
    stored = PromptText(prompt.system, prompt.text, prompt.prefill, prompt.options) if cue else None
    return Example(question, put.condition, turn, f"scene {question.uid}", stored, format)


def _uid(source: str, row: Mapping[str, Any]) -> str:
    uid = row.get("uid")
    if isinstance(uid, bool) or not isinstance(uid, (str, int)) or uid == "":
        raise BadInput(f"{source}: uid is {uid!r}; give the question's")
    return str(uid)


def _rows(path: Path) -> Iterator[FileRow]:
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise BadInput(f"{path}: thoughts are read from {' or '.join(_READERS)} files; give one of these")
    try:
        yield from reader(path)
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(f"{path}: cannot be read ({reason}); give the path of a file of thoughts") from error


def _json_lines(path: Path) -> Iterator[FileRow]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        source = f"{path}, line {n}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadInput(f"{source}: is not valid JSON ({error}); give one object per line") from error
        if not isinstance(row, dict):
            raise BadInput(f"{source}: is not an object; give {{'uid': …, 'thought': …}}")
        yield source, row


def _parquet(path: Path) -> Iterator[FileRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        missing = [name for name in ("uid", "thought") if name not in file.schema_arrow.names]
        if missing:
            raise BadInput(f"{path}: has no column {missing[0]!r}; give uid, thought and optionally answer")
        columns = [name for name in ("uid", "thought", "answer") if name in file.schema_arrow.names]
        rows = file.read(columns).to_pylist()
    except pa.ArrowException as error:
        raise BadInput(f"{path}: is not a Parquet file ({error}); write it again") from error
    for n, row in enumerate(rows, 1):
        yield f"{path}, row {n}", row


_READERS: dict[str, Callable[[Path], Iterator[FileRow]]] = {".jsonl": _json_lines, ".parquet": _parquet}
