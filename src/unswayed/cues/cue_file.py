"""Cues as data: a table that is written once, shared, and used as a cue writer.

``cues.parquet`` has one row per question and slot (empty text where the slot has no cue), and a datasheet
in its metadata and, for people, in a Markdown file next to it. A `CueFile` gives a question's cues only if
the question is the one they were written for: the same text, options and gold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.cues import datasheet
from unswayed.cues.fallback import Use
from unswayed.errors import BadInput
from unswayed.question import Cue, CueKind, Cues, Question
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic

VERSION = "1"
"""Of the table's format."""
SLOTS: dict[str, CueKind] = {
    "wrong_caption": "caption",
    "wrong_thought": "thought",
    "correct_caption": "caption",
    "correct_thought": "thought",
    "irrelevant_caption": "caption",
}
"""Fields of `Cues`, and the kind of the cue in each."""
_SHEET = b"unswayed.cues"
_COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "benchmark": (pa.string(), "where the question comes from"),
    "family": (pa.string(), "kind of question"),
    "uid": (pa.string(), "the question, unique within its benchmark"),
    "kind": (pa.string(), f"the slot: {', '.join(SLOTS)}"),
    "option": (pa.int32(), "0-based option that the cue asserts; null: none"),
    "text": (pa.string(), "the exact words; empty: there is no such cue"),
    "writer": (pa.string(), "template, plain (the fallback), llm:…, human"),
    "phrasing": (pa.string(), "name of the phrasing"),
    "question_sha256": (pa.string(), "of the question's hint, text, options and gold"),
    "seed": (pa.int64(), "seed of the wrong option and the phrasing"),
    "version": (pa.string(), "of this table's format"),
    "check": (pa.string(), "a model's check: agrees, other, nothing, several, …; null: not checked"),
}
_ADDED_LATER = ("check",)
"""Columns that older files lack. They are part of a row's hash only where they are not null."""
SCHEMA = pa.schema(
    [pa.field(name, kind, metadata={"meaning": text}) for name, (kind, text) in _COLUMNS.items()]
)
_REMEDY = "write the cues again (unswayed cues write)"


@dataclass(frozen=True)
class CueFile:
    """Cues by benchmark and uid. Called with a question, it is a `unswayed.cues.CueWriter`."""

    rows: tuple[dict[str, Any], ...] = field(repr=False)
    """In the order written; see `SCHEMA`."""
    sheet: dict[str, Any]
    """The datasheet: use, seed, counts, writers, phrasings, coverage."""
    path: Path | None = None

    def __call__(self, question: Question, seed: int = 0) -> Cues:
        """The question's cues; `seed` is ignored: the cues were written with the file's own seed.

        Raises `BadInput` where the file has no cues for this question, or has them for another text.
        """
        rows = self._by_question.get((question.benchmark, question.uid))
        where = f"{self._place}: {question.benchmark} question {question.uid!r}"
        if rows is None:
            raise BadInput(f"{where} is not in it; {_REMEDY}")
        if any(row["question_sha256"] != question_sha256(question) for row in rows):
            raise BadInput(f"{where} now has another text, options or right option; {_REMEDY}")
        return Cues(**{row["kind"]: _cue(row, question, where) for row in rows})

    @cached_property
    def sha256(self) -> str:
        """Of the rows, independent of the file's compression."""
        first = [name for name in _COLUMNS if name not in _ADDED_LATER]
        cells = [
            [*(row[name] for name in first), *(row[n] for n in _ADDED_LATER if row[n] is not None)]
            for row in self.rows
        ]
        text = json.dumps(cells, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def name(self) -> str:
        """The name of this writer in a run's manifest."""
        return f"book:{self.sha256}"

    @property
    def use(self) -> str:
        """``audit`` or ``train``."""
        return str(self.sheet.get("use", ""))

    @cached_property
    def _by_question(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        by_question: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for number, row in enumerate(self.rows):
            rows = by_question.setdefault((row["benchmark"], row["uid"]), [])
            if any(other["kind"] == row["kind"] for other in rows):
                raise BadInput(
                    f"{self._place}, row {number}: a second {row['kind']} of question {row['uid']!r}"
                )
            rows.append(row)
        return by_question

    @property
    def _place(self) -> str:
        return str(self.path or "the cues")

    def save(self, path: Path) -> None:
        """Write the table and, next to it, the datasheet. Raises `BadInput` where that cannot be done."""
        sheet = json.dumps(self.sheet | {"sha256": self.sha256}, ensure_ascii=False, sort_keys=True)
        table = pa.Table.from_pylist(list(self.rows), schema=SCHEMA)
        table = table.replace_schema_metadata({_SHEET: sheet.encode()})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        with os_errors_as_bad_input(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, sink.getvalue().to_pybytes())
        write_atomic(path.with_suffix(".md"), datasheet.to_markdown(self.sheet, self.sha256).encode())


def build(
    written: Iterable[tuple[Question, Cues]],
    *,
    seed: int,
    use: Use = "audit",
    about: dict[str, Any] | None = None,
    checks: Sequence[Mapping[str, str]] = (),
) -> CueFile:
    """A cue file of questions and their cues.

    `about` (source, version, …; serialisable as JSON) is added to the datasheet. `checks` has, for every
    question, the result of a model's check of its cues by slot (see `llm.checker`).
    """
    pairs = list(written)
    results = checks or [{} for _ in pairs]
    rows = [
        row
        for (question, cues), result in zip(pairs, results, strict=True)
        for row in _rows(question, cues, seed, result)
    ]
    sheet = {
        "use": use,
        "seed": seed,
        "version": VERSION,
        **datasheet.counts(pairs, rows, checked=bool(checks)),
        **(about or {}),
    }
    return CueFile(tuple(rows), sheet)


def read(path: str | Path) -> CueFile:
    """The cue file at `path`. Raises `BadInput` where it is none, or one of its rows cannot be right."""
    path = Path(path)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist; write it with: unswayed cues write") from None
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a Parquet file of cues ({error}); {_REMEDY}") from error
    metadata = (table.schema.metadata or {}).get(_SHEET)
    missing = [name for name in _COLUMNS if name not in (*table.column_names, *_ADDED_LATER)]
    if missing or metadata is None:
        lacking = f"the column {missing[0]!r}" if missing else "its datasheet"
        raise BadInput(f"{path} is not a cue file: it lacks {lacking}; {_REMEDY}")
    for name in _ADDED_LATER:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), _COLUMNS[name][0]))
    try:
        rows = tuple(table.select(list(_COLUMNS)).cast(SCHEMA).to_pylist())
        sheet = json.loads(metadata)
    except (pa.ArrowException, ValueError, RecursionError) as error:
        raise BadInput(f"{path} has a column or a datasheet of another type ({error}); {_REMEDY}") from error
    for number, row in enumerate(rows):
        if problem := _row_problem(row):
            raise BadInput(f"{path}, row {number}: {problem}; {_REMEDY}")
    if not isinstance(sheet, dict) or sheet.get("use") not in get_args(Use):
        raise BadInput(f"{path}: its datasheet does not say what the cues are for; {_REMEDY}")
    cues = CueFile(rows, {name: value for name, value in sheet.items() if name != "sha256"}, path)
    if sheet.get("sha256") != cues.sha256:
        raise BadInput(f"{path}: its rows are not those that its datasheet describes; {_REMEDY}")
    return cues


def read_for_audit(path: str | Path) -> CueFile:
    """The cue file at `path`, to audit with. Raises `BadInput` for one that was written for training."""
    cues = read(path)
    if cues.use != "audit":
        raise BadInput(f"{path} holds phrasings for training; an audit needs others: write with --use audit")
    return cues


def question_sha256(question: Question) -> str:
    """Of what a cue depends on: hint, text, options, gold."""
    text = json.dumps([question.hint, question.text, list(question.options), question.gold])
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(question: Question, cues: Cues, seed: int, checks: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for slot in SLOTS:
        cue: Cue | None = getattr(cues, slot)
        yield {
            "benchmark": question.benchmark,
            "family": question.family,
            "uid": question.uid,
            "kind": slot,
            "option": cue.option if cue else None,
            "text": cue.text if cue else "",
            "writer": cue.writer if cue else "",
            "phrasing": cue.phrasing if cue else "",
            "question_sha256": question_sha256(question),
            "seed": seed,
            "version": VERSION,
            "check": checks.get(slot),
        }


def _row_problem(row: dict[str, Any]) -> str | None:
    """What cannot be right in a row, whatever its question is."""
    null = [name for name, value in row.items() if value is None and name not in ("option", *_ADDED_LATER)]
    if null:
        return f"{null[0]} is null"
    if row["kind"] not in SLOTS:
        return f"there is no cue called {row['kind']!r}"
    if row["version"] != VERSION:
        return f"it has version {row['version']!r} of the format; this is version {VERSION}"
    return None


def _cue(row: dict[str, Any], question: Question, where: str) -> Cue | None:
    if not row["text"]:
        return None
    option = row["option"]
    possible = {
        "wrong": option is not None and 0 <= option < len(question.options) and option != question.gold,
        "correct": option == question.gold,
        "irrelevant": option is None,
    }[row["kind"].partition("_")[0]]
    if not possible:
        raise BadInput(f"{where}: its {row['kind']} asserts option {option}, which is impossible; {_REMEDY}")
    return Cue(SLOTS[row["kind"]], option, row["text"], row["writer"], row["phrasing"])
