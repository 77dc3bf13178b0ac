"""Conditions of two turns: the model answers, a second user turn follows, and the model answers again.

What is read, judged and measured is the second answer; the first is kept beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from unswayed.conditions import Prompt
from unswayed.model_io import Generation, Request

Generate = Callable[[list[Request]], Awaitable[list[Generation]]]


async def generate_turns(generate: Generate, requests: Sequence[Request]) -> list[Generation]:
    """One generation per request; of prompts with a `follow_up`, that of the second turn.

    A first turn that fails, is refused or is cut off is the result itself, for nothing can follow it. Tokens
    and seconds of both turns are added.
    """
    first = await generate([_first_turn(request) for request in requests])
    again = [
        i
        for i, (request, answer) in enumerate(zip(requests, first, strict=True))
        if request.prompt.follow_up and answer.finish == "stop"
    ]
    if not again:
        return first
    asked = [with_first_answer(requests[i], first[i].text) for i in again]
    results = list(first)
    for i, answer in zip(again, await generate(asked), strict=True):
        results[i] = _joined(first[i], answer)
    return results


def with_first_answer(request: Request, answer: str) -> Request:
    """The request for the second turn."""
    return replace(request, prompt=second_turn(request.prompt, answer))


def second_turn(prompt: Prompt, answer: str) -> Prompt:
    """The prompt of the second turn, behind the model's first answer."""
    return replace(prompt, first_answer=answer)


def _first_turn(request: Request) -> Request:
    return (
        replace(request, prompt=replace(request.prompt, follow_up=""))
        if request.prompt.follow_up
        else request
    )


def _joined(first: Generation, second: Generation) -> Generation:
    def total(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a + b

    def count(a: int | None, b: int | None) -> int | None:
        return None if a is None or b is None else a + b

    return replace(
        second,
        first_turn=first.text,
        prompt_tokens=count(first.prompt_tokens, second.prompt_tokens),
        tokens=count(first.tokens, second.tokens),
        reasoning_tokens=count(first.reasoning_tokens, second.reasoning_tokens),
        seconds=total(first.seconds, second.seconds),
        attempts=first.attempts + second.attempts - 1,
    )
