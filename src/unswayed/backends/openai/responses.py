"""What a chat endpoint's reply contains. Raises `Malformed` for anything that is no reply of that form.

The text is what the server gave, byte for byte. Two things are put back that some servers take out, and only
where the reply itself says so: the stop string that ended the text (vLLM's `stop_reason`, SGLang's
`matched_stop`), and a thought that stands outside the text (see `thoughts`), which goes back between its
tags. What a reasoning parser misread is put right where the reply tells it (`_rejoin`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unswayed.answers.stopping import first_stop
from unswayed.backends.openai.thoughts import THOUGHT_PARTS, Thought, split_summary, thought_in
from unswayed.formats import COMMON, THINK, Format
from unswayed.model_io import Finish, Generation

_FINISH: dict[str, Finish] = {"length": "length", "max_tokens": "length", "content_filter": "refused"}
_LONGEST_ANSWER = 300  # characters of an answer at the end of a thought
_LONG_TOKEN = 8  # characters; texts have fewer a token
_MIN_ECHO = 8  # characters of a begun thought that a parser must repeat before they are taken for an echo


class Malformed(Exception):
    """No reply of a chat endpoint; the text says what is wrong with it."""


def error_in(reply: Mapping[str, Any]) -> Any:
    """The error object that a reply of status 200 carries, at its top, in its choice or message; None
    without.

    Gateways report a failure of the server behind them in this way, beside an empty or partial choice.
    """
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    for holder in (reply, choice, message):
        if isinstance(holder, dict) and is_error(holder.get("error")):
            return holder["error"]
    return None


def is_error(value: Any) -> bool:
    """Whether a field `error` reports one: some servers send it empty, or as an object of empty fields."""
    return any(value.values()) if isinstance(value, dict) else bool(value)


def first_choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice, which has a message."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("the reply has no choices")
    choice: dict[str, Any] = choices[0]
    if not isinstance(choice.get("message"), dict):
        raise Malformed("the reply's choice has no message")
    if choice.get("finish_reason") in ("error", "abort"):
        raise Malformed(f"the server broke off ({choice['finish_reason']})")
    return choice


def read_generation(
    reply: Mapping[str, Any],
    stop: tuple[str, ...],
    prefill: str,
    format: Format = COMMON,
    *,
    echo: bool = False,
) -> Generation:
    """What was generated after `prefill`, up to the first of `stop` that counts (`answers.stopping`)."""
    generation = read_uncut(reply, stop, prefill, format, echo=echo)
    cut = first_stop(generation.text, stop, prefill=prefill, format=format)
    if cut in (None, len(generation.text)):
        return generation
    return replace(generation, text=generation.text[:cut], finish="stop")


def read_uncut(
    reply: Mapping[str, Any],
    stop: tuple[str, ...],
    prefill: str,
    format: Format = COMMON,
    *,
    echo: bool = False,
) -> Generation:
    """The text as the server gave it, with what it says it took out; it may continue after a stop string.

    `format` has the marks between which a thought is put back. `echo`: the server repeats the prefill.
    """
    choice = first_choice(reply)
    message = choice["message"]
    refusal = message.get("refusal")
    prompt_tokens, tokens = usage(reply)
    parts, text = split_content(message.get("content"))
    if echo:
        text = text.removeprefix(prefill)
    thinking = reasoning_tokens(reply)
    thought = thought_in(message, parts, thinking)
    if not thought.text:
        summary, text = split_summary(message, text)
        thought = summary if summary.text else thought
    if thought == Thought("", "hidden") and _holds_thought(text, format, tokens, thinking):
        thought = Thought()
    if not text and not thought.text and isinstance(refusal, str) and refusal:
        return Generation(refusal, "refused", prompt_tokens, tokens, reasoning_tokens=thinking)
    reason = choice.get("finish_reason")
    finish: Finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    stopped_at = choice.get("stop_reason") or choice.get("matched_stop")
    if finish != "stop" or not isinstance(stopped_at, str) or stopped_at not in stop:
        stopped_at = ""
    ended = bool(stopped_at) or finish == "length"
    text = _rejoin(thought.text, text, prefill, format, cut=ended)
    if stopped_at and not text.endswith(stopped_at):
        text += stopped_at
    return Generation(
        text, finish, prompt_tokens, tokens, visibility=thought.visibility, reasoning_tokens=thinking
    )


def _holds_thought(text: str, format: Format, tokens: int | None, thinking: int | None) -> bool:
    """Whether the tokens that a server counts for a thought are those of the thought in the text itself.

    Then the text is far longer than the tokens that are left for it (a token has about four characters).
    SGLang counts so where it does not separate reasoning.
    """
    if tokens is None or not thinking or not any(closes in text for _, closes in format.thought_marks):
        return False
    return len(text) > _LONG_TOKEN * max(1, tokens - thinking)


def _rejoin(thought: str, text: str, prefill: str, format: Format, *, cut: bool) -> str:
    """Thought and text as the model wrote them; `cut`: a stop string or the token limit ended the text.

    * A thought begun in the prefill has its opening tag there; a parser that repeats the begun thought is
      undone.
    * A thought without a text behind it stays open where the text was cut, and where it ends in an answer:
      the server never saw it closed.
    * Behind a prefill that closed the thought, a "thought" without a text is the answer: vLLM's parser reads
      a whole reply without looking at its prompt.
    * A text that still holds the thought is whole.
    """
    opens, closes = format.thought or THINK
    begun, closed = prefill.rfind(opens.strip()), prefill.rfind(closes.strip())
    if begun >= 0:
        end = closed if closed > begun else len(prefill)
        words = prefill[begun + len(opens.strip()) : end].strip()
        if len(words) >= _MIN_ECHO and thought.lstrip().startswith(words):
            thought = thought.lstrip()[len(words) :]
    if not thought or thought.strip() in text:
        return text
    if closed > begun and not text.strip():
        return thought
    opening = "" if begun > closed else opens
    unfinished = not text.strip() and (cut or _ends_in_answer(thought, format))
    return opening + thought + ("" if unfinished else closes) + text


def _ends_in_answer(thought: str, format: Format) -> bool:
    """Whether a thought ends in a marked answer, closed or not, with nothing behind it."""
    for opened, closed in (*COMMON.answer_marks, *format.answer_marks):
        at = thought.rfind(opened.strip())
        if opened.strip() and at >= 0:
            answer = thought[at + len(opened.strip()) :].strip().removesuffix(closed.strip())
            if len(answer) <= _LONGEST_ANSWER and not set(answer) & set("<\n"):
                return True
    return False


def reasoning_tokens(reply: Mapping[str, Any]) -> int | None:
    """Tokens of the thought, as counted by the server; None where it does not."""
    counts = reply.get("usage")
    if not isinstance(counts, dict):
        return None
    details = counts.get("completion_tokens_details")
    for holder in (details, counts):
        count = holder.get("reasoning_tokens") if isinstance(holder, dict) else None
        if type(count) is int and 0 <= count < 2**31:
            return count
    return None


def usage(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the generation, as counted by the server; None where it does not."""
    counts = reply.get("usage")
    if not isinstance(counts, dict):
        return None, None
    values = [counts.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, tokens = (n if type(n) is int and 0 <= n < 2**31 else None for n in values)
    return prompt_tokens, tokens


def first_token_probs(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(token text, probability) of every alternative returned for the first token.

    Different tokens may have the same text; tokens that are parts of characters come with replacement
    characters. Empty where the server gave no alternatives: the sampled token alone tells nothing of the
    others.
    """
    logprobs = first_choice(reply).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return []
    entries = content[0].get("top_logprobs") or []
    if not isinstance(entries, list):
        raise Malformed("the reply's top_logprobs is no list")
    if not entries:
        return []
    alternatives = [_alternative(entry) for entry in entries]
    # vLLM lists the sampled token apart from those requested by id.
    sampled = _alternative(content[0])
    return alternatives if sampled[0] in {text for text, _ in alternatives} else [*alternatives, sampled]


def _alternative(entry: Any) -> tuple[str, float]:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        raise Malformed("an entry of the reply's log-probabilities has no token")
    value = entry.get("logprob")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value > 1e-3:
        raise Malformed(f"the reply gives {str(value)[:20]!r} for a log-probability")
    return entry["token"], min(1.0, math.exp(value))


def split_content(content: Any) -> tuple[list[Mapping[str, Any]], str]:
    """(parts that are thoughts, text) of a message's content: a string, none, or a list of parts.

    Parts are strings, objects with a `text` (a string, or an object with a `value`), refusals, or thoughts
    (see `thoughts`). Raises `Malformed` for anything else.
    """
    if content is None:
        return [], ""
    if isinstance(content, str):
        return [], content
    if not isinstance(content, list):
        raise Malformed("the reply's content is no text")
    thoughts: list[Mapping[str, Any]] = []
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type") in THOUGHT_PARTS:
            if len(part) == 1:
                raise Malformed("a thought of the reply has no text")
            thoughts.append(part)
        else:
            texts.append(_part_text(part))
    return thoughts, "".join(texts)


def _part_text(part: Any) -> str:
    value = (part.get("text", part.get("refusal"))) if isinstance(part, dict) else part
    if isinstance(value, dict):
        value = value.get("value")
    if not isinstance(value, str):
        raise Malformed("a part of the reply's content is no text")
    return value
