"""Probes for the forms of a reply: streamed, and held to a JSON schema.

A short reply is requested as a stream, with token counts at its end. For judges, a reply must be one that a
schema admits and that no model would give freely: so a field that is accepted and ignored is found out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from unswayed.backends.openai.client import EndpointClient, Failure
from unswayed.backends.openai.requests import (
    Dialect,
    RequestBuilder,
    SchemaForm,
    StreamForm,
    with_streaming,
)
from unswayed.backends.openai.responses import first_choice, read_uncut, usage
from unswayed.conditions import Prompt
from unswayed.model_io import Sampling

_MAX_TOKENS = 2048  # room for a model that thinks before it obeys a schema
_TEST_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["kestrel"]}, "sure": {"type": "boolean"}},
    "required": ["word", "sure"],
    "additionalProperties": False,
}
"""Uses the same features as the schema of verdicts."""


async def probe_streams(
    client: EndpointClient, builder: RequestBuilder, dialect: Dialect, prompt: Prompt, notes: list[str]
) -> Dialect:
    """The dialect with the form in which replies can be streamed; adds a note."""
    body = builder.generation(dialect, prompt, Sampling(max_tokens=4), 0)
    reason = "it replies whole"
    forms: tuple[StreamForm, ...] = ("counted", "plain")
    for form in forms:
        outcome = await client.complete(with_streaming(body, form), _counted, probing=True)
        if isinstance(outcome, Failure):
            reason = outcome.message
        elif outcome.value is not None:
            notes.append(f"streams: in events, tokens {'' if outcome.value else 'not '}counted")
            return replace(dialect, stream="counted" if outcome.value else "plain")
        else:
            break
    notes.append(f"streams: none ({reason})")
    return dialect


async def probe_schemas(
    client: EndpointClient, builder: RequestBuilder, dialect: Dialect, prompt: Prompt, notes: list[str]
) -> Dialect:
    """The dialect with the field that holds a reply to a schema; adds a note."""
    reason = "none of the fields has an effect"
    forms: tuple[SchemaForm, ...] = ("response_format", "structured_outputs", "guided_json")
    for form in forms:
        candidate = replace(dialect, schema=form)
        sampling = Sampling(max_tokens=_MAX_TOKENS, stop=())
        body = builder.generation(candidate, prompt, sampling, 0, _TEST_SCHEMA)
        outcome = await client.complete(body, lambda reply: read_uncut(reply, (), "").text, probing=True)
        if isinstance(outcome, Failure):
            reason = outcome.message
        elif _obeys(outcome.value):
            notes.append(f"schemas: replies are held to them ({form})")
            return candidate
    notes.append(f"schemas: none ({reason})")
    return dialect


def _counted(reply: dict[str, Any]) -> bool | None:
    """Whether a streamed reply came with token counts; None for one that came whole."""
    first_choice(reply)
    return None not in usage(reply) if reply.get("streamed") is True else None


def _obeys(text: str) -> bool:
    try:
        value = json.loads(text.rpartition("</think>")[2])
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == {"word", "sure"} and value["word"] == "kestrel"
