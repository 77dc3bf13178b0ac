"""Probes for the forms of a reply: streamed, held to a JSON schema, with a limited thought.

A short reply is requested as a stream, with token counts at its end. For judges, a reply must be one that a
schema admits and that no model would give freely: so a field that is accepted and ignored is found out. A
limit of the thought must show in the counted tokens of the thought, where the server counts them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from unswayed.answers.tags import layout
from unswayed.backends.openai.client import Failure
from unswayed.backends.openai.probe.asker import LENGTH, ROOM, Asker, plain_prompt
from unswayed.backends.openai.requests import (
    BudgetForm,
    Dialect,
    SchemaForm,
    StreamForm,
    with_streaming,
)
from unswayed.backends.openai.responses import first_choice, read_uncut, usage
from unswayed.errors import BackendError
from unswayed.model_io import Generation, Sampling

_TEST_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["kestrel"]}, "sure": {"type": "boolean"}},
    "required": ["word", "sure"],
    "additionalProperties": False,
}
"""Uses the same features as the schema of verdicts."""


async def probe_streams(asker: Asker, dialect: Dialect) -> Dialect:
    """The dialect with the form in which replies can be streamed; adds a note."""
    body = asker.builder.generation(dialect, plain_prompt(), Sampling(max_tokens=max(4, asker.room)), 0)
    reason = "it replies whole"
    forms: tuple[StreamForm, ...] = ("counted", "plain")
    for form in forms:
        outcome = await asker.client.complete(with_streaming(body, form), _counted, probing=True)
        if isinstance(outcome, Failure):
            reason = outcome.message
        elif outcome.value is not None:
            asker.notes.append(f"streams: in events, tokens {'' if outcome.value else 'not '}counted")
            return replace(dialect, stream="counted" if outcome.value else "plain")
        else:
            break
    asker.notes.append(f"streams: none ({reason})")
    return dialect


async def probe_schemas(asker: Asker, dialect: Dialect) -> Dialect:
    """The dialect with the field that holds a reply to a schema; adds a note."""
    reason = "none of the fields has an effect"
    forms: tuple[SchemaForm, ...] = ("response_format", "structured_outputs", "guided_json")
    for form in forms:
        candidate = replace(dialect, schema=form)
        sampling = Sampling(max_tokens=ROOM, stop=())
        body = asker.builder.generation(candidate, plain_prompt(), sampling, 0, _TEST_SCHEMA)
        outcome = await asker.client.complete(
            body, lambda reply: read_uncut(reply, (), "").text, probing=True
        )
        if isinstance(outcome, Failure):
            reason = outcome.message
        elif _obeys(outcome.value):
            asker.notes.append(f"schemas: replies are held to them ({form})")
            return candidate
    asker.notes.append(f"schemas: none ({reason})")
    return dialect


async def probe_budget(asker: Asker, dialect: Dialect, budget: int | None) -> Dialect:
    """The dialect with the field that limits the thought to `budget` tokens; adds a note.

    Of the fields that are accepted, the first one under which the thought keeps the limit, and was longer
    without; where no difference can be seen, the first that is accepted.
    """
    if budget is None:
        return dialect
    room = max(ROOM, 2 * budget, LENGTH)
    free = await asker.reply(dialect, tokens=room)
    before = free.reasoning_tokens if isinstance(free, Generation) else None
    accepted: list[BudgetForm] = []
    refusal = ""
    forms: tuple[BudgetForm, ...] = (
        "thinking_token_budget", "thinking", "reasoning", "google", "thinking_budget",
    )  # fmt: skip
    for form in forms:
        reply = await asker.reply(replace(dialect, budget=form), tokens=room)
        if isinstance(reply, Failure):
            refusal = reply.message
            continue
        accepted.append(form)
        after = reply.reasoning_tokens
        if before is not None and after is not None and after <= budget < before:
            asker.notes.append(f"thinking budget: {form}; {after} tokens of thought, {before} without")
            return replace(dialect, budget=form)
    if not accepted:
        raise BackendError(
            f"the endpoint takes no thinking budget: {refusal}; leave out --thinking-budget, or send the "
            "field that it takes with --extra-body"
        )
    asker.notes.append(
        f"thinking budget: {accepted[0]} is accepted; whether it has an effect could not be seen "
        f"({'no' if before is None else before} tokens of thought counted without it)"
    )
    return replace(dialect, budget=accepted[0])


def _counted(reply: dict[str, Any]) -> bool | None:
    """Whether a streamed reply came with token counts; None for one that came whole."""
    first_choice(reply)
    return None not in usage(reply) if reply.get("streamed") is True else None


def _obeys(text: str) -> bool:
    try:
        value = json.loads(text[layout(text).tail :])
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == {"word", "sure"} and value["word"] == "kestrel"
