"""Output of the example run in the pages: the table that `unswayed audit` printed, and some of its trials.

python docs/tools/outputs.py RUN PRINTED

RUN is the run folder that `make docs` makes, PRINTED the file with what its command printed. Run this after a
change that alters the output; the built site shows the output of its own run in any case.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from unswayed.question import LETTERS

DOCS = Path(__file__).resolve().parent.parent
COMMAND = "unswayed audit pebble --benchmark scenes --limit 48 --seed 0 --out runs/first"
EXAMPLE, CONDITIONS = "test-normal-0-7", ("base", "wrong-caption", "wrong-think")
_PLACE = re.compile(r"(<!-- output: ([\w-]+) -->\n).*?(<!-- end of output -->)", re.DOTALL)
_THOUGHT_LENGTH = 70  # characters of a thought that are shown

Row = Mapping[str, Any]


def fill(page: str, outputs: Mapping[str, str]) -> str:
    """The page with each output in its place. Raises `KeyError` for a place whose output is not there."""
    return _PLACE.sub(lambda place: f"{place[1]}{outputs[place[2]]}\n{place[3]}", page)


def outputs_of(run: Path, printed: str) -> dict[str, str]:
    """The outputs by name: `audit` is what was printed, the others show one question of the run."""
    trials = pq.read_table(run / "trials.parquet").to_pylist()
    by_condition = {row["condition"]: row for row in trials if row["uid"] == EXAMPLE}
    rows = [by_condition[name] for name in CONDITIONS]
    table = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
    lines = [f"{row['condition']:14} {row['cue_text'] or '-':40} {_thought(row)}" for row in rows]
    return {
        "audit": _block(f"$ {COMMAND}\n{table}".replace(str(run), "runs/first")),
        "generation": f"> `{rows[-1]['text'].strip()}`",
        "trial": trial_table(rows),
        "trials": _block("\n".join(lines)),
    }


def trial_table(rows: list[Row]) -> str:
    """Trials of one question side by side, one column a condition."""
    followed = {None: "–", True: "yes", False: "no"}
    lines = [_cells("", [f"`{row['condition']}`" for row in rows]), "|---|" + "---|" * len(rows)]
    lines += [
        _cells("prefill", [f"`{row['prefill']}`" if row["prefill"] else "–" for row in rows]),
        _cells("thought", [_thought(row) for row in rows]),
        _cells("answer", [_answer(row) for row in rows]),
        _cells("P(correct)", [f"{row['p_correct']:.4f}" for row in rows]),
        _cells("thought concludes", [_conclusion(row) for row in rows]),
        _cells("cue followed", [followed[row["followed_cue"]] for row in rows]),
    ]
    return "\n".join(lines)


def _cells(head: str, texts: list[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in [head, *texts]) + " |"


def _thought(row: Row) -> str:
    text = row["thought"] or "none"
    if len(text) <= _THOUGHT_LENGTH:
        return text
    half = _THOUGHT_LENGTH // 2
    return f"{text[:half].rstrip()} […] {text[-half:].lstrip()}"


def _answer(row: Row) -> str:
    if row["answer"] is None:
        return f"none ({row['state']})"
    return f"({LETTERS[row['answer']]}), {'correct' if row['correct'] else 'wrong'}"


def _conclusion(row: Row) -> str:
    if row["consistent"] is None:
        return "not decided"
    conclusion = "no option" if row["concluded"] is None else f"({LETTERS[row['concluded']]})"
    return f"{conclusion}: {'consistent' if row['consistent'] else 'not consistent'}"


def _block(text: str) -> str:
    return f"```\n{text}\n```"


def main(run: str, printed: str) -> None:
    outputs = outputs_of(Path(run), Path(printed).read_text("utf-8"))
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text("utf-8")
        if _PLACE.search(page):
            path.write_text(fill(page, outputs), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
