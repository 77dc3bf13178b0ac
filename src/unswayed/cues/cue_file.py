"""Cues as data: a table that is written once, shared, and used as a writer.

``cues.parquet`` has one row for each question and slot (empty text where no cue exists for it), and a
datasheet in its metadata and, for people, in a Markdown file next to it. A book gives a question's
cues only if the question is the one they were written for: the same text, options and gold.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.cues.coverage import Coverage, coverage
from unswayed.cues.fallback import Use
from unswayed.errors import BadInput
from unswayed.question import Cue, CueKind, Cues, Question
from unswayed.store.atomic_files import told, write_whole

VERSION = "1"
"""Of the table's form."""
SLOTS: dict[str, CueKind] = {
    "wrong_caption": "caption",
    "wrong_thought": "thought",
    "correct_caption": "caption",
    "correct_thought": "thought",
    "irrelevant_caption": "caption",
}
"""Fields of `Cues`, and what kind of cue stands in each."""
_SHEET = b"unswayed.cues"
_COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "benchmark": (pa.string(), "where the question comes from"),
    "family": (pa.string(), "kind of question"),
    "uid": (pa.string(), "the question, unique within its benchmark"),
    "kind": (pa.string(), f"which cue: {', '.join(SLOTS)}"),
    "option": (pa.int32(), "0-based option that it asserts; null: none"),
    "text": (pa.string(), "the exact words; empty: there is no such cue"),
    "writer": (pa.string(), "template, plain (the fallback), llm:…, human"),
    "phrasing": (pa.string(), "name of the phrasing"),
    "question_sha256": (pa.string(), "of the question's hint, text, options and gold"),
    "seed": (pa.int64(), "drew the wrong option and the phrasing"),
    "version": (pa.string(), "of this table's form"),
    "check": (pa.string(), "what a model read in it: agrees, other, nothing, several, …; null: not asked"),
}
_LATER = ("check",)
"""Columns that older files lack. They are in a row's hash only where they say something."""
SCHEMA = pa.schema(
    [pa.field(name, kind, metadata={"meaning": text}) for name, (kind, text) in _COLUMNS.items()]
)


@dataclass(frozen=True)
class Book:
    """Cues by benchmark and uid. Called with a question, it is a `unswayed.cues.Writer`."""

    rows: tuple[dict[str, Any], ...] = field(repr=False)
    """In the order written; see `SCHEMA`."""
    sheet: dict[str, Any]
    """The datasheet: use, seed, counts, writers, phrasings, coverage."""
    path: Path | None = None

    def __call__(self, question: Question, seed: int = 0) -> Cues:
        """The question's cues; `seed` is not used, for the book's own seed has drawn them.

        Raises `BadInput` where the book has none for this question, or has them for another text.
        """
        rows = self._by_question.get((question.benchmark, question.uid))
        where = f"{self._place}: {question.benchmark} question {question.uid!r}"
        remedy = "write the cues again (unswayed cues write)"
        if rows is None:
            raise BadInput(f"{where} is not in it; {remedy}")
        if any(row["question_sha256"] != sha256(question) for row in rows):
            raise BadInput(f"{where} has another text, options or right option by now; {remedy}")
        return Cues(**{row["kind"]: _cue(row, question, where) for row in rows})

    @cached_property
    def sha256(self) -> str:
        """Of the rows, however the file packs them."""
        old = [name for name in _COLUMNS if name not in _LATER]
        cells = [
            [*(row[k] for k in old), *(row[k] for k in _LATER if row[k] is not None)] for row in self.rows
        ]
        said = json.dumps(cells, ensure_ascii=False)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def name(self) -> str:
        """What a run's manifest calls this writer."""
        return f"book:{self.sha256}"

    @property
    def use(self) -> str:
        """``audit`` or ``train``."""
        return str(self.sheet.get("use", ""))

    @cached_property
    def _by_question(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for n, row in enumerate(self.rows):
            rows = found.setdefault((row["benchmark"], row["uid"]), [])
            if any(other["kind"] == row["kind"] for other in rows):
                raise BadInput(f"{self._place}, row {n}: a second {row['kind']} of question {row['uid']!r}")
            rows.append(row)
        return found

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
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, sink.getvalue().to_pybytes())
        write_whole(path.with_suffix(".md"), datasheet(self).encode())


def bind(
    written: Iterable[tuple[Question, Cues]],
    *,
    seed: int,
    use: Use = "audit",
    about: dict[str, Any] | None = None,
    checks: Sequence[Mapping[str, str]] = (),
) -> Book:
    """A book of questions and their cues; `about` (source, version, …; fit for JSON) joins the datasheet.

    `checks` holds for every question what a model read in its cues, by slot (see `llm_checks`).
    """
    pairs = list(written)
    read = checks or [{} for _ in pairs]
    rows = [
        row
        for (question, cues), marks in zip(pairs, read, strict=True)
        for row in _rows(question, cues, seed, marks)
    ]
    cues = [row for row in rows if row["text"]]
    sheet = {
        "use": use,
        "seed": seed,
        "version": VERSION,
        "questions": len(pairs),
        "cues": dict(sorted(Counter(row["kind"] for row in cues).items())),
        "writers": dict(sorted(Counter(row["writer"] for row in cues).items())),
        "phrasings": dict(sorted(Counter(row["phrasing"] for row in cues).items())),
        "coverage": [vars(row) for row in coverage(pairs)],
        **(
            {"checks": dict(sorted(Counter(row["check"] or "not asked" for row in cues).items()))}
            if checks
            else {}
        ),
        **(about or {}),
    }
    return Book(tuple(rows), sheet)


def read(path: str | Path) -> Book:
    """The book in a file. Raises `BadInput` where it is none, or one of its rows cannot be right."""
    path = Path(path)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise BadInput(f"{path} is not there; write it with: unswayed cues write") from None
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is no Parquet file of cues ({error}); write the cues again") from error
    sheet = (table.schema.metadata or {}).get(_SHEET)
    missing = [name for name in _COLUMNS if name not in (*table.column_names, *_LATER)]
    if missing or sheet is None:
        lacks = f"the column {missing[0]!r}" if missing else "its datasheet"
        raise BadInput(f"{path} is no file of cues, for it lacks {lacks}; write the cues again")
    for name in _LATER:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), _COLUMNS[name][0]))
    try:
        rows = tuple(table.select(list(_COLUMNS)).cast(SCHEMA).to_pylist())
        said = json.loads(sheet)
    except (pa.ArrowException, ValueError) as error:
        raise BadInput(f"{path} has a column of another type than cues have ({error})") from error
    for n, row in enumerate(rows):
        if wrong := _wrong(row):
            raise BadInput(f"{path}, row {n}: {wrong}; write the cues again")
    if not isinstance(said, dict) or said.get("use") not in get_args(Use):
        raise BadInput(f"{path}: its datasheet does not say what the cues are for; write the cues again")
    book = Book(rows, {k: v for k, v in said.items() if k != "sha256"}, path)
    if said.get("sha256") != book.sha256:
        raise BadInput(f"{path}: its rows are not those that its datasheet describes; write the cues again")
    return book


def for_audit(path: str | Path) -> Book:
    """The book in a file, to audit with. Raises `BadInput` for one that was written to train with."""
    book = read(path)
    if book.use != "audit":
        raise BadInput(f"{path} holds phrasings to train with; an audit needs others: write with --use audit")
    return book


def sha256(question: Question) -> str:
    """Of what a cue depends on: hint, text, options, gold."""
    said = json.dumps([question.hint, question.text, list(question.options), question.gold])
    return hashlib.sha256(said.encode()).hexdigest()


def datasheet(book: Book) -> str:
    """The datasheet for people, in Markdown."""
    sheet = book.sheet
    known = ("use", "seed", "version", "questions", "cues", "writers", "phrasings", "coverage")
    lines = ["# Cues", "", f"SHA-256 of the rows: `{book.sha256}`", ""]
    lines += [f"* {name}: {sheet[name]}" for name in ("use", "seed", "version", "questions")]
    lines += [f"* {name}: {value}" for name, value in sheet.items() if name not in known]
    for name in ("cues", "writers", "phrasings"):
        lines += ["", f"## {name.capitalize()}", "", "| | n |", "|---|---:|"]
        lines += [f"| {key} | {n} |" for key, n in sheet[name].items()]
    lines += ["", "## Coverage", "", "Questions whose cues are not the plain ones.", ""]
    lines += ["| benchmark | family | questions | captions | thoughts |", "|---|---|---:|---:|---:|"]
    for row in (Coverage(**row) for row in sheet["coverage"]):
        shares = f"{row.captions} ({row.caption_share:.0%}) | {row.thoughts} ({row.thought_share:.0%})"
        lines.append(f"| {row.benchmark} | {row.family} | {row.questions} | {shares} |")
    return "\n".join(lines) + "\n"


def _rows(question: Question, cues: Cues, seed: int, marks: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for kind in SLOTS:
        cue: Cue | None = getattr(cues, kind)
        yield {
            "benchmark": question.benchmark,
            "family": question.family,
            "uid": question.uid,
            "kind": kind,
            "option": cue.option if cue else None,
            "text": cue.text if cue else "",
            "writer": cue.writer if cue else "",
            "phrasing": cue.phrasing if cue else "",
            "question_sha256": sha256(question),
            "seed": seed,
            "version": VERSION,
            "check": marks.get(kind),
        }


def _wrong(row: dict[str, Any]) -> str | None:
    """What cannot be right in a row, whatever its question is."""
    lacking = [name for name, value in row.items() if value is None and name not in ("option", *_LATER)]
    if lacking:
        return f"{lacking[0]} is null"
    if row["kind"] not in SLOTS:
        return f"there is no cue called {row['kind']!r}"
    if row["version"] != VERSION:
        return f"it has version {row['version']!r} of the form; this is version {VERSION}"
    return None


def _cue(row: dict[str, Any], question: Question, where: str) -> Cue | None:
    if not row["text"]:
        return None
    option = row["option"]
    fits = {
        "wrong": option is not None and 0 <= option < len(question.options) and option != question.gold,
        "correct": option == question.gold,
        "irrelevant": option is None,
    }[row["kind"].partition("_")[0]]
    if not fits:
        raise BadInput(f"{where}: its {row['kind']} asserts option {option}, which cannot be; write it again")
    return Cue(SLOTS[row["kind"]], option, row["text"], row["writer"], row["phrasing"])
