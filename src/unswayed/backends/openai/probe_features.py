"""In which forms a reply can be had: in events, and held to a JSON schema; seen on the wire like the rest.

A short reply is asked for in events, with token counts at its end. For judges, a reply must be the one
that a schema admits, which nobody would give freely: a field that is taken and ignored is found out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from unswayed.backends.openai.client import Caller, Failed
from unswayed.backends.openai.requests import (
    Bodies,
    Dialect,
    SchemaForm,
    StreamForm,
    streamed,
)
from unswayed.backends.openai.responses import choice, restored, usage
from unswayed.conditions import Prompt
from unswayed.model_io import Sampling

_ROOM = 2048  # tokens for a model that thinks before it obeys a schema
_BIRD = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["kestrel"]}, "sure": {"type": "boolean"}},
    "required": ["word", "sure"],
    "additionalProperties": False,
}
"""Made of what the schema of verdicts is made of."""


async def in_events(
    caller: Caller, bodies: Bodies, dialect: Dialect, prompt: Prompt, notes: list[str]
) -> Dialect:
    """The dialect with the form in which replies can be streamed; `notes` is told."""
    body = bodies.generation(dialect, prompt, Sampling(max_tokens=4), 0)
    words = "it replies whole"
    forms: tuple[StreamForm, ...] = ("counted", "plain")
    for form in forms:
        found = await caller.ask(streamed(body, form), _counted, probing=True)
        if isinstance(found, Failed):
            words = found.words
        elif found.value is not None:
            notes.append(f"streams: in events, tokens {'' if found.value else 'not '}counted")
            return replace(dialect, stream="counted" if found.value else "plain")
        else:
            break
    notes.append(f"streams: none ({words})")
    return dialect


async def held(caller: Caller, bodies: Bodies, dialect: Dialect, prompt: Prompt, notes: list[str]) -> Dialect:
    """The dialect with the field that holds a reply to a schema; `notes` is told."""
    words = "none of the fields has an effect"
    forms: tuple[SchemaForm, ...] = ("response_format", "structured_outputs", "guided_json")
    for form in forms:
        tried = replace(dialect, schema=form)
        body = bodies.generation(tried, prompt, Sampling(max_tokens=_ROOM, stop=()), 0, _BIRD)
        found = await caller.ask(body, lambda reply: restored(reply, (), "").text, probing=True)
        if isinstance(found, Failed):
            words = found.words
        elif _obeys(found.value):
            notes.append(f"schemas: replies are held to them ({form})")
            return tried
    notes.append(f"schemas: none ({words})")
    return dialect


def _counted(reply: dict[str, Any]) -> bool | None:
    """Whether a streamed reply came with counts; None for one that came whole."""
    choice(reply)
    return None not in usage(reply) if reply.get("streamed") is True else None


def _obeys(text: str) -> bool:
    try:
        found = json.loads(text.rpartition("</think>")[2])
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) == {"word", "sure"} and found["word"] == "kestrel"
