"""What a model said itself and was right in: trials of a stored run as examples (rejection sampling).

Decided here: a trial is learnt as it was asked, its prefill not learnt; only turns of one thought and one
answer count, so that a strict form is what is learnt; what was said twice in the same words counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run
from unswayed.question import Question
from unswayed.training.rewards.score import well_formed
from unswayed.training.sft.example import Example, Wording
from unswayed.training.sft.settings import Thoughts

_NEEDED = (
    "benchmark", "uid", "condition", "sample", "options", "gold", "question", "prompt", "prefill", "text",
    "state", "correct", "consistent",
)  # fmt: skip


def from_run(how: Thoughts, questions: Sequence[Question], counts: Counter[str]) -> Iterator[Example]:
    """The examples in the run `how.run`, in its order. Raises `BadInput` where it does not fit `data`."""
    run = Run.load(Path(how.run))
    templates = run.manifest["asks"]["templates"]
    for name in how.conditions:
        if name not in templates:
            raise BadInput(
                f"{how.run}: was not asked under {name!r}, only under {', '.join(templates)}; "
                "change thoughts.conditions"
            )
    known = {(question.benchmark, question.uid): question for question in questions}
    rows = [row for row in run.trials.select(list(_NEEDED)).to_pylist() if row["condition"] in how.conditions]
    asked = dict.fromkeys((row["benchmark"], row["uid"]) for row in rows)
    strange = [key for key in asked if key not in known]
    if strange and not how.partial:
        raise BadInput(
            f"{how.run}: {len(strange)} of its {len(asked)} questions are not among the {len(known)} of data "
            f"(the first is {strange[0][1]!r} of {strange[0][0]}); check data.benchmark, data.split, "
            "data.seed and data.limit, or set thoughts.partial = true to pass over them"
        )
    taken: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        question = known.get((row["benchmark"], row["uid"]))
        if question is None:
            counts["about other questions"] += 1
            continue
        _same(row, question, how.run)
        why = _unfit(row, how)
        said = (row["uid"], row["condition"], row["text"] or "")
        if why is None and said in seen:
            why = "said before in the same words"
        if why is None and how.most and taken[said[:2]] >= how.most:
            why = "beyond thoughts.most"
        if why is not None:
            counts[why] += 1
            continue
        seen.add(said)
        taken[said[:2]] += 1
        system = templates[row["condition"]]["system"]
        wording = Wording(system, row["prompt"], row["prefill"], tuple(row["options"]))
        where = f"{how.run}, {row['uid']} under {row['condition']}, sample {row['sample']}"
        yield Example(question, row["condition"], row["text"], where, wording)


def _unfit(row: Mapping[str, Any], how: Thoughts) -> str | None:
    """Why a trial is left out, if it is."""
    if row["state"] != "ok":
        return "without an answer"
    if not row["correct"]:
        return "answered wrongly"
    if not well_formed(row["prefill"] + row["text"]):
        return "not one thought and one answer"
    # Where the prefill itself closes the thought there is none of the model's own to look at.
    if how.consistent and "</think>" not in row["prefill"] and row["consistent"] is not True:
        return "not known to conclude the answer"
    return None


def _same(row: Mapping[str, Any], question: Question, run: str) -> None:
    """Raise `BadInput` where the run asked another question under this name."""
    asked = (row["question"], tuple(row["options"][: len(question.options)]), row["gold"])
    if asked != (question.text, question.options, question.gold):
        raise BadInput(
            f"{run}: {question.benchmark} question {question.uid!r} has another text, options or right "
            "option in data; give the data that the run was made of"
        )
