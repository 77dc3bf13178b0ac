"""Reads a stored run again: its raw texts, with the present answer grammar.

The raw texts never change. New readings are stored in ``readings/grammar-N.parquet`` beside the shards, the
columns that they replace in ``readings/before-grammar-N.parquet``; the manifest's entry ``reading`` names the
grammar of the columns. `reading_columns` puts the stored readings into the trials wherever a run is loaded.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unswayed.answers.parser import GRAMMAR, read
from unswayed.errors import BadInput
from unswayed.formats import Format
from unswayed.judges.rules import RuleJudge, judge_by_rules
from unswayed.pipeline import stored_reasons
from unswayed.pipeline.panel_columns import panel_columns, panel_names
from unswayed.pipeline.rejudge import judge_run
from unswayed.pipeline.stored_cases import build_case, has_thought
from unswayed.pipeline.trial_builder import stored_verdict_kind
from unswayed.question import LETTERS
from unswayed.store import RunEditor, verdicts
from unswayed.store.atomic_files import os_errors_as_bad_input
from unswayed.store.manifest import run_format
from unswayed.store.tables import write_tables
from unswayed.trial import SCHEMA

READ_STATES = ("ok", "truncated", "unparsable", "refused")
"""States that a reading gave; trials in other states have no text to read."""
_READING = ("state", "thought", "answer", "correct", "followed_cue")
_JUDGED = ("concluded", "concluded_words", "judged", "consistent", "under_cue", "acknowledges")
_NEW = pa.schema([SCHEMA.field(name) for name in ("key", *_READING)])
_BEFORE = pa.schema([SCHEMA.field(name) for name in ("key", *_READING, *_JUDGED)])
_BATCH = 1024
_VOID = "the thought is read differently since; judge it again"


@dataclass(frozen=True)
class RereadResult:
    """What the present grammar and rules change in a run."""

    trials: int
    """Trials with a text that was read."""
    changed: int
    """Trials whose state or answer changed."""
    thoughts_changed: int
    """Trials whose thought changed."""
    before: tuple[str, ...]
    """Grammars of the columns before."""
    moves: dict[tuple[str, str], int]
    """Number of changed trials by (before, after); each is a state, for `ok` with the letter: ``ok A``."""
    verdict_moves: dict[tuple[str, str], int]
    """Number of changed verdicts of the rules by (before, after): a kind of verdict, ``unjudged`` without
    one.

    Empty where other judges fill the columns.
    """
    correct: tuple[int, int]
    """Number of right answers before and after."""
    judges_rules: bool
    """The rules judged the run; otherwise its panel has to judge new and changed thoughts again."""
    written: bool


def run_grammars(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The answer grammars by which the columns of a run were read, sorted; usually one.

    Two runs with different grammars do not differ by their models alone.
    """
    reading = manifest.get("reading", {})
    sessions = (manifest.get("sessions") or [])[reading.get("sessions", 0) :]
    grammars = {str(s.get("versions", {}).get("grammar", "1")) for s in sessions}
    return tuple(sorted(grammars | ({str(reading["grammar"])} if reading else set())))


def run_rules(manifest: Mapping[str, Any]) -> str | None:
    """The rule judge whose verdicts fill the columns, e.g. ``rules-2``; None where other judges do."""
    names = panel_names(manifest) or (str(manifest["asks"].get("judge", "")),)
    return names[0] if len(names) == 1 and re.fullmatch(r"rules-\d+", names[0]) else None


def reading_columns(path: Path, manifest: Mapping[str, Any]) -> Callable[[pa.Table], pa.Table]:
    """A function that puts the stored readings of a run into its trials; they may be any part of them."""
    if "reading" not in manifest:
        return lambda trials: trials
    readings = _read_table(_readings_file(path, str(manifest["reading"]["grammar"])))
    return lambda trials: _apply(trials, readings)


async def reread_run(path: str | Path, *, write: bool = False) -> RereadResult:
    """Read the run in the folder `path` with the present grammar, and say what changes; store it with
    `write`.

    Where the rules judged the run, they judge it again in their present version. An interrupted call can be
    repeated. Raises `BadInput` when the folder holds no run or another process writes to it.
    """
    with RunEditor(path) as run:
        before = run_grammars(run.manifest)
        trials = panel_columns(run.path, run.manifest)(reading_columns(run.path, run.manifest)(run.trials))
        by_rules = run_rules(run.manifest)
        limit = int(run.manifest["asks"].get("sampling", {}).get("max_tokens", 0))
        readings, result = _compare(
            trials, limit, before, run_format(run.manifest), judged=by_rules is not None
        )
        if not write:
            return result
        if before != (GRAMMAR,):
            folder = run.path / "readings"
            with os_errors_as_bad_input(folder):
                folder.mkdir(exist_ok=True)
            earlier = folder / f"before-grammar-{GRAMMAR}.parquet"
            if not earlier.exists():
                write_tables([trials.select(_BEFORE.names).cast(_BEFORE)], _BEFORE, earlier)
            write_tables([readings], _NEW, _readings_file(run.path, GRAMMAR))
            run.manifest["reading"] = {
                "grammar": GRAMMAR,
                "before": list(before),
                "sessions": len(run.manifest["sessions"]),
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "changed": result.changed,
            }
            if by_rules is None:
                _void_votes(run.path, trials, readings)
            run.save(panel_columns(run.path, run.manifest)(_apply(trials, readings)))
        elif "finished" in run.manifest:
            run.save(trials)
    if by_rules is not None:
        await judge_run(path, [RuleJudge()])
    return replace(result, written=True)


def _void_votes(path: Path, trials: pa.Table, readings: pa.Table) -> None:
    """Replace the votes on thoughts that are read differently by abstentions, which are asked again."""
    index = pc.index_in(trials["key"], readings["key"])
    same = _equal(trials["thought"], readings["thought"].take(index))
    changed = set(trials["key"].filter(pc.and_(pc.is_valid(index), pc.invert(same))).to_pylist())
    log = verdicts.VoteLog(path)
    try:
        for by_key in verdicts.read_votes(path).values():
            log.add(
                replace(vote, found="abstains", option=None, words=None, raw=None, error=_VOID)
                for key, vote in by_key.items()
                if key in changed
            )
    finally:
        log.close()
    if (path / "verdicts").exists():
        verdicts.write_table(path)


def _readings_file(path: Path, grammar: str) -> Path:
    return path / "readings" / f"grammar-{grammar}.parquet"


def _read_table(file: Path) -> pa.Table:
    try:
        return pq.read_table(file, schema=_NEW)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(
            f"{file}: cannot be read ({error}); fetch it again, or remove the entry 'reading' of the "
            "manifest to see the run as it was read first"
        ) from error


def _apply(trials: pa.Table, readings: pa.Table) -> pa.Table:
    """`trials` with the columns of `readings`, matched by key. A trial that has no reading keeps its own."""
    index = pc.index_in(trials["key"], readings["key"])
    has = pc.is_valid(index)
    if not pc.any(has).as_py():
        return trials
    fields = {name: readings[name].take(index) for name in _READING}
    same = pc.and_(_equal(trials["answer"], fields["answer"]), _equal(trials["thought"], fields["thought"]))
    kept = pc.or_(pc.invert(has), pc.and_(same, pc.equal(fields["state"], "ok")))
    columns = {name: pc.if_else(has, fields[name], trials[name]) for name in _READING}
    # A verdict on a thought whose reading changed is void until the thought is judged again.
    voided = (*_JUDGED, *stored_reasons.COLUMNS)
    columns |= {name: pc.if_else(pc.fill_null(kept, False), trials[name], None) for name in voided}
    for name, values in columns.items():
        at = trials.schema.get_field_index(name)
        trials = trials.set_column(at, SCHEMA.field(name), pc.cast(values, SCHEMA.field(name).type))
    return trials


def _equal(a: pa.ChunkedArray, b: pa.ChunkedArray) -> pa.ChunkedArray:
    both_null = pc.and_(pc.is_null(a), pc.is_null(b))
    return pc.or_(both_null, pc.fill_null(pc.equal(a, b), False))


def _compare(
    trials: pa.Table, limit: int, before: tuple[str, ...], format: Format, *, judged: bool
) -> tuple[pa.Table, RereadResult]:
    """The new readings as a table, and how they differ from the columns."""
    moves: Counter[tuple[str, str]] = Counter()
    verdict_moves: Counter[tuple[str, str]] = Counter()
    rows: list[dict[str, Any]] = []
    thoughts = right_before = right_after = 0
    for row in _rows(trials):
        reading = read(
            row["text"],
            row["options"],
            prefill=row["prefill"] or "",
            finish=finish_of(row, limit),
            format=format,
        )
        visible = row["thought_visibility"] in (None, "visible")
        new = {
            "key": row["key"],
            "state": reading.state,
            "thought": reading.thought if visible else None,
            "answer": reading.answer,
            "correct": reading.answer == row["gold"],
            "followed_cue": None if row["cue"] is None else reading.answer == row["cue"],
        }
        rows.append(new)
        old_label, new_label = _label(row["state"], row["answer"]), _label(reading.state, reading.answer)
        if old_label != new_label:
            moves[old_label, new_label] += 1
        thoughts += row["thought"] != new["thought"]
        right_before += bool(row["correct"])
        right_after += new["correct"]
        if judged:
            change = _verdict_label(row), _new_verdict_label({**row, **new})
            if change[0] != change[1]:
                verdict_moves[change] += 1
    result = RereadResult(
        trials=len(rows),
        changed=sum(moves.values()),
        thoughts_changed=thoughts,
        before=before,
        moves=dict(moves.most_common()),
        verdict_moves=dict(verdict_moves.most_common()),
        correct=(right_before, right_after),
        judges_rules=judged,
        written=False,
    )
    return pa.Table.from_pylist(rows, schema=_NEW), result


def _rows(trials: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in trials.to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            if row["state"] in READ_STATES and row["text"] is not None:
                yield row


def finish_of(row: Mapping[str, Any], limit: int) -> str:
    """How a stored generation ended. Older runs did not store it; there it follows from state and length.

    `limit` is the largest number of tokens that could be generated.
    """
    if row["finish"] is not None:
        return str(row["finish"])
    if row["state"] == "truncated" or (limit and (row["tokens"] or 0) >= limit):
        return "length"
    # A refusal that the server reported; one in words is found in the text again.
    return "refused" if row["state"] == "refused" else "stop"


def _label(state: str, answer: int | None) -> str:
    return f"ok {LETTERS[answer]}" if state == "ok" and answer is not None else state


def _verdict_label(row: Mapping[str, Any]) -> str:
    if row["judged"] is None:
        return "unjudged"
    kind = stored_verdict_kind(row)
    return f"option {LETTERS[row['concluded']]}" if kind == "option" else kind


def _new_verdict_label(row: Mapping[str, Any]) -> str:
    if not has_thought(row):
        return "unjudged"
    verdict = judge_by_rules(build_case(row))
    return f"option {LETTERS[verdict.option]}" if verdict.option is not None else verdict.kind
