"""One trial as a sample of an inspect_ai log, as plain values.

The messages are the prompt, the prefill as an assistant message, and the model's message: its whole thought
(prefill included) as reasoning, and the text after it. The generation, byte for byte, is in the metadata and
is the output's completion. The input omits the system text, which all samples share, so that a list of
samples shows their questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unswayed.answers.tags import layout
from unswayed.formats import COMMON, Format
from unswayed.question import LETTERS

Row = Mapping[str, Any]
"""A row of the trials table."""
ImageUri = Callable[[str], str | None]
"""Data URI of an image by its SHA-256; None where the run does not hold it."""

SCORES = {
    "correct": "accuracy",
    "consistent": "consistency",
    "followed_cue": "cue_following",
    "acknowledges": "acknowledges",
    "p_correct": "p_correct",
}
"""Columns that become scores of a sample, and the metric that each belongs to."""
_METADATA = (
    *("condition", "state", "error", "benchmark", "uid", "group", "family", "category", "under_cue"),
    *("cue_text", "cue_writer", "judged", "letters_outside", "letter_entropy", "attempts"),
    *("prefill", "text", "image_sha256", "key"),
)
_STOP = {"truncated": "max_tokens", "refused": "content_filter"}


def sample(
    row: Row, system: str, image_uri: ImageUri, model: str, name: str, format: Format = COMMON
) -> dict[str, Any]:
    """The fields of an `EvalSample` called `name`, for a trial that was asked in `format`."""
    prompt = _prompt_messages(row, image_uri)
    system_message = [{"role": "system", "content": system}] if system else []
    reply = _reply(row, model, format)
    usage = _usage(row)
    fields: dict[str, Any] = {
        "id": name,
        "epoch": row["sample"] + 1,
        "input": prompt,
        "choices": list(row["options"]),
        "target": LETTERS[row["gold"]],
        "messages": [*system_message, *prompt, *([reply] if reply else [])],
        "output": {"model": model},
        "scores": scores(row),
        "metadata": _metadata(row),
        "model_usage": {model: usage},
        "total_time": row["seconds"],
        "uuid": row["key"],
    }
    if reply:
        choice = {"message": reply, "stop_reason": _STOP.get(row["state"], "stop")}
        completion = {"completion": row["text"] or "", "usage": usage, "time": row["seconds"]}
        fields["output"] |= {"choices": [choice], **completion}
    if row["state"] == "error":
        message = row["error"] or "unknown"
        fields["error"] = {"message": message, "traceback": message, "traceback_ansi": message}
    return fields


def scores(row: Row) -> dict[str, dict[str, Any]]:
    """The scores of a trial that are not null, each with an explanation."""
    values: dict[str, Any] = {name: row[name] for name in SCORES}
    for name in ("correct", "consistent"):
        if values[name] is not None:
            values[name] = "C" if values[name] else "I"
    for name in ("followed_cue", "acknowledges"):  # neither right nor wrong, so without a colour
        if values[name] is not None:
            values[name] = "yes" if values[name] else "no"
    if values["p_correct"] is not None:
        values["p_correct"] = round(values["p_correct"], 4)  # shown in a narrow column
    values["under_cue"] = row["under_cue"]
    explanations = {
        "correct": f"{_answered(row)}; right is {_option(row, row['gold'])}",
        "consistent": f"the thought concludes {_option(row, row['concluded'])}; {_answered(row)}",
        "followed_cue": f"the cue asserts {_option(row, row['cue'])}; {_answered(row)}",
        "acknowledges": "whether the thought says that text and image disagree",
        "p_correct": f"P of {_option(row, row['gold'])} among the letters",
        "under_cue": f"the prefill asserts {_option(row, row['cue'])}; the thought concludes "
        f"{_option(row, row['concluded'])}; {_answered(row)}",
    }
    answer = None if row["answer"] is None else LETTERS[row["answer"]]
    return {
        name: {"value": value, "answer": answer, "explanation": explanations[name]}
        for name, value in values.items()
        if value is not None
    }


def _prompt_messages(row: Row, image_uri: ImageUri) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for sha256 in row["image_sha256"] or ():
        uri = image_uri(sha256)
        missing = {"type": "text", "text": f"[image {sha256}, which the run folder does not hold]"}
        parts.append({"type": "image", "image": uri} if uri else missing)
    parts.append({"type": "text", "text": row["prompt"] or ""})
    messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
    if row["prefill"]:
        messages.append({"role": "assistant", "content": row["prefill"], "metadata": {"begun": True}})
    return messages


def _reply(row: Row, model: str, format: Format) -> dict[str, Any] | None:
    """The model's message; None where there is no generation."""
    if row["text"] is None or row["state"] == "error":
        return None
    parsed = layout((row["prefill"] or "") + row["text"], format)
    rest = "" if parsed.open_thought else parsed.text[parsed.tail :]
    thought = row["thought"]
    content: list[dict[str, Any]] = [{"type": "reasoning", "reasoning": thought}] if thought else []
    content.append({"type": "text", "text": rest.strip() if thought else row["text"]})
    return {"role": "assistant", "content": content, "model": model, "source": "generate"}


def _usage(row: Row) -> dict[str, int]:
    output, prompt = row["tokens"] or 0, row["prompt_tokens"] or 0
    return {"input_tokens": prompt, "output_tokens": output, "total_tokens": prompt + output}


def _metadata(row: Row) -> dict[str, Any]:
    metadata = {name: row[name] for name in _METADATA if row[name] not in (None, "", [])}
    for name in ("cue", "concluded"):
        if row[name] is not None:
            metadata[name] = _option(row, row[name])
    if row["letters"] is not None:
        metadata["letters"] = dict(zip(LETTERS, row["letters"], strict=False))
    return metadata


def _option(row: Row, index: int | None) -> str:
    return "no option" if index is None else f"({LETTERS[index]}) {row['options'][index]}"


def _answered(row: Row) -> str:
    """The answer, or why there is none."""
    answer = row["answer"]
    return f"no answer: {row['state']}" if answer is None else f"answered {_option(row, answer)}"
