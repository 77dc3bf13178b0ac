"""Whether the beginning of the assistant's turn is continued, and reaches the model as it was sent.

* **continues**: the beginning of the model's own greedy text is put back as prefill. A model that continues
  says the rest; one that starts afresh does not. Where the text does not tell, token counts may: a continued
  turn is shorter than a closed one followed by a new one.
* **altered**: chat templates may put a closed, empty thought before the prefill (Qwen3, GLM-4), double the
  opening tag, or change the prefill. Where the server returns its prompt (vLLM: `return_prompt_text`;
  `return_token_ids` with ``/detokenize``; llama.cpp: ``/apply-template``), its end is compared byte for byte.
  Otherwise the tokens it counts must be those of the prefill.
* **closed thoughts**: a closed thought must cost the tokens that it costs while it is open. Some templates
  remove everything before ``</think>``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from unswayed.answers.marks import template_opening
from unswayed.backends.openai.client import Failure
from unswayed.backends.openai.probe.asker import Asker, plain_prompt
from unswayed.backends.openai.requests import Dialect, PrefillForm
from unswayed.backends.openai.responses import first_choice
from unswayed.formats import COMMON
from unswayed.model_io import Prefill, Sampling

_MIN_MATCH = 6  # characters that must agree
_COUNTING = COMMON.begin("I count from one to twelve: 1, 2, 3, 4, 5, 6, 7, 8, 9,")
_ECHO = "it repeats the prefill and goes on"
_MIN_DIFFERENCE = 4  # tokens by which two prompts must differ before their counts tell anything
_WORDS = " one two three"
_INSERTED = 3  # tokens before the prefill that are more than what a tokenizer joins differently
_SEEN = 60  # characters of a prompt that are shown
REMEDY = (
    "serve the model with a template that ends in the prefill (python -m unswayed.backends.openai.open_final "
    "MODEL > open.jinja; vllm serve MODEL --chat-template open.jinja), or ask it in this process "
    "(vllm:MODEL or MODEL), where the prompt is rendered exactly"
)


@dataclass(frozen=True)
class PromptSource:
    """Addresses beside the chat endpoint that tell what prompt it makes; each gives None where there is
    none."""

    detokenize: Callable[[list[int]], Awaitable[str | None]]
    """Text of tokens (vLLM)."""
    apply_template: Callable[[dict[str, Any]], Awaitable[str | None]]
    """The prompt of a chat request (llama.cpp)."""


async def probe_prefill(
    asker: Asker, dialect: Dialect, text: str, assumed: bool, source: PromptSource
) -> tuple[Dialect, Prefill, bool, str]:
    """The dialect that prefills, what becomes of a prefill, whether a closed thought survives, and how the
    template alters the prefill (empty: not). `text`: the model's own; `assumed`: the user says it is
    continued."""
    refusals: list[str] = []
    taken: list[PrefillForm] = []
    forms: tuple[PrefillForm, ...] = ("flags", "message")
    for form in forms:
        candidate = replace(dialect, prefill=form)
        sign = await _continues(asker, candidate, text)
        if isinstance(sign, Failure):
            refusals.append(sign.message)
            continue
        taken.append(form)
        candidate = replace(candidate, echo=sign == _ECHO)
        served = await _served_fault(asker, candidate, source)
        if served is not None and not served.fault:
            sign = "the served prompt ends in it, byte for byte"
        fault = served.fault if served else await _counted_fault(asker, candidate) if sign else ""
        if fault and (sign or (served and served.ends)) and not assumed:
            asker.notes.append(f"prefill: altered ({form}; {fault}); {REMEDY}")
            return replace(dialect, prefill="none"), "altered", True, f"{fault}; {REMEDY}"
        if sign:
            repeated = "; replies repeat it, which is taken out" if candidate.echo else ""
            asker.notes.append(f"prefill: continues ({form}; {sign}{repeated})")
            return candidate, "continues", await _closed(asker, candidate), ""
    if assumed:
        candidate = replace(dialect, prefill=taken[0] if taken else "flags")
        asker.notes.append(
            f"prefill: assumed to be continued ({candidate.prefill}); the probe saw no sign of it"
        )
        return candidate, "continues", await _closed(asker, candidate), ""
    if len(refusals) == len(forms):
        asker.notes.append(f"prefill: rejected ({refusals[-1]})")
        return replace(dialect, prefill="none"), "rejected", True, ""
    asker.notes.append("prefill: no sign that it is continued")
    return replace(dialect, prefill="none"), "restarts", True, ""


async def _continues(asker: Asker, dialect: Dialect, text: str) -> str | Failure:
    """The sign by which a prefill is seen to be continued; empty without any."""
    for at in split_places(text):
        rest = await asker.text(dialect, text[:at])
        if isinstance(rest, Failure):
            return rest
        if _same_start(rest, text[at:]):
            return "it completes its own text"
    rest = await asker.text(dialect, _COUNTING)
    if isinstance(rest, Failure):
        return rest
    if rest.startswith(_COUNTING):
        return _ECHO
    if rest.lstrip().startswith("10"):
        return "it counts on"
    if dialect.prefill == "flags":
        continued = await asker.count(dialect, _COUNTING)
        turn_closed = await asker.count(replace(dialect, prefill="message"), _COUNTING)
        nothing = await asker.count(dialect, "")
        if continued and turn_closed and nothing and nothing < continued < turn_closed:
            return f"{continued} tokens, {turn_closed} where the turn is closed"
    return ""


@dataclass(frozen=True)
class _Served:
    """What the prompt that the server returns says of a prefill."""

    fault: str
    """How it is altered; empty: not."""
    ends: bool
    """The prompt ends in the prefill."""


async def _served_fault(asker: Asker, dialect: Dialect, source: PromptSource) -> _Served | None:
    """None where the server does not return its prompt."""
    plain = await _served_prompt(asker, dialect, "", source)
    prefilled = await _served_prompt(asker, dialect, _COUNTING, source) if plain else None
    if not plain or not prefilled:
        return None
    return _Served(prompt_fault(plain, prefilled, _COUNTING), prefilled.endswith(_COUNTING))


async def _counted_fault(asker: Asker, dialect: Dialect) -> str:
    """The same by the tokens that the server counts: what words cost beyond those words stands before
    them."""
    nothing, once, twice = [await asker.count(dialect, _WORDS * n) for n in (0, 2, 4)]
    if not (nothing and once and twice) or twice - once < _MIN_DIFFERENCE:
        asker.notes.append(
            "prefill: not checked for changes; the server returns no prompt and counts no tokens"
        )
        return ""
    inserted = (once - nothing) - (twice - once)
    if inserted >= _INSERTED:
        return f"by its counts, {inserted} tokens stand between the assistant's header and the prefill"
    return ""


def prompt_fault(plain: str, prefilled: str, prefill: str) -> str:
    """What is wrong with a prompt that should end in `prefill`; empty: nothing.

    `plain` is the prompt of the same question without a prefill. Behind its header it may hold a thought tag
    that the template opens: a prefill takes that place.

    >>> prompt_fault("user:<think>", "user:<think>I see", "<think>I see")
    ''
    >>> prompt_fault("user:", "user:<think></think><think>I see", "<think>I see")
    "'user:<think></think>' stands before the prefill"
    """
    if not prefilled.endswith(prefill):
        return f"the prompt ends in {prefilled[-_SEEN:]!r}, not in the prefill"
    before = prefilled[: len(prefilled) - len(prefill)]
    if template_opening(before) or not plain.startswith(before.rstrip()):
        return f"{before[-_SEEN:]!r} stands before the prefill"
    return ""


async def _served_prompt(asker: Asker, dialect: Dialect, prefill: str, source: PromptSource) -> str | None:
    """The prompt as the server says that the model read it; None where it does not say."""
    fields = {"return_prompt_text": True, "return_token_ids": True}
    found = await asker.ask(dialect, plain_prompt(prefill), _prompt_of, fields)
    if isinstance(found, list):
        return await source.detokenize(found)
    if isinstance(found, str):
        return found
    sampling = Sampling(max_tokens=1, stop=())
    body = asker.builder.generation(dialect, plain_prompt(prefill), sampling, 0)
    return await source.apply_template(json.loads(body))


def _prompt_of(reply: dict[str, Any]) -> str | list[int] | None:
    first_choice(reply)
    text, ids = reply.get("prompt_text"), reply.get("prompt_token_ids")
    if isinstance(text, str) and text:
        return text
    return ids if isinstance(ids, list) and ids and all(type(i) is int for i in ids) else None


async def _closed(asker: Asker, dialect: Dialect) -> bool:
    """Whether the chat template keeps a thought that is opened and closed."""
    tag, thought = await asker.count(dialect, COMMON.open_thought), await asker.count(dialect, _COUNTING)
    closed = await asker.tokens(dialect, _COUNTING + COMMON.close_thought)
    if isinstance(closed, Failure):
        asker.notes.append(f"closed thoughts: refused ({closed.message})")
        return False
    if not (tag and thought and closed) or thought - tag < _MIN_DIFFERENCE:
        asker.notes.append("closed thoughts: not checked, the server counts no tokens")
        return True
    # In its place may stand an empty one, of some tokens more than the opening tag.
    if 2 * (closed - tag) >= thought - tag:
        return True
    asker.notes.append("closed thoughts: dropped by the chat template")
    return False


def split_places(text: str) -> list[int]:
    """Up to three places where `text` is split so that continuing and starting afresh differ."""
    end = text.find("\ufffd")
    sound = text if end < 0 else text[:end]
    places = [
        i for i in range(1, len(sound) - _MIN_MATCH) if sound[i] in " \n<" and sound[i - 1] not in " \n<"
    ]
    places = [i for i in places if not _same_start(text, text[i:])]
    return places[len(places) // 3 :: max(1, len(places) // 3)][:3]


def _same_start(generated: str, expected: str) -> bool:
    return len(generated) >= _MIN_MATCH and generated[:_MIN_MATCH] == expected[:_MIN_MATCH]
