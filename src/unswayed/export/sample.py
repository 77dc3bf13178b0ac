"""One trial as a sample of an inspect_ai log: plain values, one place for what a reader sees of it.

The conversation is what was sent, a begun turn as the last message of the assistant, and then what the
model said: its whole thought (prefill included) as reasoning, and the text behind it. The generation byte
for byte stands in the metadata and as the output's completion. The input leaves out the system text, which
is one for all, so that a list of samples shows their questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unswayed.answers.tags import layout
from unswayed.question import LETTERS

Row = Mapping[str, Any]
"""A row of the trials table."""
Picture = Callable[[str], str | None]
"""Data URI of a picture by its SHA-256; None where it is not at hand."""

SCORES = {
    "correct": "accuracy",
    "consistent": "consistency",
    "followed_cue": "cue_following",
    "acknowledges": "acknowledges",
    "p_correct": "p_correct",
}
"""Columns that are scores of a sample, and the measure that each is counted in."""
_KEPT = (
    *("condition", "state", "error", "benchmark", "uid", "group", "family", "category", "under_cue"),
    *("cue_text", "cue_writer", "judged", "letters_outside", "letter_entropy", "attempts"),
    *("prefill", "text", "image_sha256", "key"),
)
_STOP = {"truncated": "max_tokens", "refused": "content_filter"}


def sample(row: Row, system: str, picture: Picture, model: str, name: str) -> dict[str, Any]:
    """The fields of an `EvalSample` called `name`, for a trial that was asked."""
    asked = _asked(row, picture)
    begins = [{"role": "system", "content": system}] if system else []
    said = _said(row, model)
    usage = _usage(row)
    found: dict[str, Any] = {
        "id": name,
        "epoch": row["sample"] + 1,
        "input": asked,
        "choices": list(row["options"]),
        "target": LETTERS[row["gold"]],
        "messages": [*begins, *asked, *([said] if said else [])],
        "output": {"model": model},
        "scores": scores(row),
        "metadata": _metadata(row),
        "model_usage": {model: usage},
        "total_time": row["seconds"],
        "uuid": row["key"],
    }
    if said:
        choice = {"message": said, "stop_reason": _STOP.get(row["state"], "stop")}
        more = {"completion": row["text"] or "", "usage": usage, "time": row["seconds"]}
        found["output"] |= {"choices": [choice], **more}
    if row["state"] == "error":
        words = row["error"] or "unknown"
        found["error"] = {"message": words, "traceback": words, "traceback_ansi": words}
    return found


def scores(row: Row) -> dict[str, dict[str, Any]]:
    """What was found about a trial, each with the reason in words; nothing where nothing was."""
    values: dict[str, Any] = {name: row[name] for name in SCORES}
    for name in ("correct", "consistent"):
        if values[name] is not None:
            values[name] = "C" if values[name] else "I"
    for name in ("followed_cue", "acknowledges"):  # neither right nor wrong, so in no colour
        if values[name] is not None:
            values[name] = "yes" if values[name] else "no"
    if values["p_correct"] is not None:
        values["p_correct"] = round(values["p_correct"], 4)  # shown in a narrow column
    values["under_cue"] = row["under_cue"]
    words = {
        "correct": f"{_answered(row)}; right is {_option(row, row['gold'])}",
        "consistent": f"the thought concludes {_option(row, row['concluded'])}; {_answered(row)}",
        "followed_cue": f"the cue asserts {_option(row, row['cue'])}; {_answered(row)}",
        "acknowledges": "whether the thought says that text and image disagree",
        "p_correct": f"P of {_option(row, row['gold'])} among the letters",
        "under_cue": f"begun with a thought of {_option(row, row['cue'])}; the thought concludes "
        f"{_option(row, row['concluded'])}; {_answered(row)}",
    }
    answer = None if row["answer"] is None else LETTERS[row["answer"]]
    return {
        name: {"value": value, "answer": answer, "explanation": words[name]}
        for name, value in values.items()
        if value is not None
    }


def _asked(row: Row, picture: Picture) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for sha in row["image_sha256"] or ():
        uri = picture(sha)
        missing = {"type": "text", "text": f"[picture {sha}, which the run folder does not hold]"}
        parts.append({"type": "image", "image": uri} if uri else missing)
    parts.append({"type": "text", "text": row["prompt"] or ""})
    found: list[dict[str, Any]] = [{"role": "user", "content": parts}]
    if row["prefill"]:
        found.append({"role": "assistant", "content": row["prefill"], "metadata": {"begun": True}})
    return found


def _said(row: Row, model: str) -> dict[str, Any] | None:
    """The model's message; None where it said nothing at all."""
    if row["text"] is None or row["state"] == "error":
        return None
    whole = layout((row["prefill"] or "") + row["text"])
    behind = "" if whole.open_thought else whole.text[whole.tail :]
    thought = row["thought"]
    content: list[dict[str, Any]] = [{"type": "reasoning", "reasoning": thought}] if thought else []
    content.append({"type": "text", "text": behind.strip() if thought else row["text"]})
    return {"role": "assistant", "content": content, "model": model, "source": "generate"}


def _usage(row: Row) -> dict[str, int]:
    made, read = row["tokens"] or 0, row["prompt_tokens"] or 0
    return {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}


def _metadata(row: Row) -> dict[str, Any]:
    found = {name: row[name] for name in _KEPT if row[name] not in (None, "", [])}
    for name in ("cue", "concluded"):
        if row[name] is not None:
            found[name] = _option(row, row[name])
    if row["letters"] is not None:
        found["letters"] = dict(zip(LETTERS, row["letters"], strict=False))
    return found


def _option(row: Row, index: int | None) -> str:
    return "no option" if index is None else f"({LETTERS[index]}) {row['options'][index]}"


def _answered(row: Row) -> str:
    """What the answer is, or why there is none."""
    answer = row["answer"]
    return f"no answer: {row['state']}" if answer is None else f"answered {_option(row, answer)}"
