"""The fields with which a plain question is answered, and what the model shows of its thought.

A field that the server names as refused is left out, one after the other, and recorded. Where a refusal names
none, forms that other servers want are tried in turn. A model that spends its tokens on a thought before the
first visible one (a hidden reasoner) refuses a small limit, or returns an empty text cut off by it: every
request of the probe then gets `ROOM` tokens.
"""

from __future__ import annotations

import re
from dataclasses import replace

from unswayed.backends.openai.client import Failure
from unswayed.backends.openai.probe.asker import ROOM, Asker
from unswayed.backends.openai.requests import PLAIN_SAMPLING, Dialect
from unswayed.errors import BackendError
from unswayed.model_io import Generation

NEW_LIMIT = "max_completion_tokens"
_SAMPLING = (*PLAIN_SAMPLING, "top_p", "temperature")
"""What may be left out; `top_p` before `temperature`, where a server wants one of them."""
_TOO_SMALL = re.compile(
    r"could not finish|output limit|limit was reached|below (?:the )?minimum|must be (?:greater|larger)"
    r"|too (?:small|low)|at least \d+",
    re.IGNORECASE,
)
_FORMS: tuple[Dialect, ...] = (
    Dialect(),
    Dialect(system=False),
    Dialect(plain_sampling=False),
    Dialect(plain_sampling=False, system=False),
    Dialect(plain_sampling=False, max_tokens_field=NEW_LIMIT),
    Dialect(plain_sampling=False, max_tokens_field=NEW_LIMIT, refused=("temperature", "top_p")),
)
"""Tried in turn after refusals that name no field."""
_MOST_TRIES = 16
_KEY = "; check the key (--key-env names the variable that holds it)"
_REMEDY = {
    401: _KEY,
    403: _KEY,
    404: "; check that the model is served under this name, and that the address (--base-url) ends in /v1",
}


async def plain_question(asker: Asker, extra: frozenset[str]) -> tuple[Dialect, Generation]:
    """The first dialect in which a plain question is answered, and the answer.

    `extra`: fields that the user adds. Raises `BackendError` with the most telling refusal where there is
    none.
    """
    forms = list(_FORMS)
    dialect = forms.pop(0)
    failures: list[Failure] = []
    for _ in range(_MOST_TRIES):
        answer = await asker.reply(dialect)
        if isinstance(answer, Generation):
            if asker.room or not _starved(answer):
                _note(asker, dialect, answer)
                return dialect, answer
            asker.room = ROOM
            continue
        failures.append(answer)
        # The key, the address or the model is wrong: no other form helps.
        if answer.status in (0, 401, 403, 404) or not answer.denied:
            break
        if any(_names(answer.message, name) for name in extra):
            break
        if not asker.room and _TOO_SMALL.search(answer.message):
            asker.room = ROOM
            continue
        named = _without_named(dialect, answer.message)
        if named is None and not forms:
            break
        if named is None:
            form = forms.pop(0)
            kept = [name for name in dialect.refused if form.plain_sampling or name not in PLAIN_SAMPLING]
            dialect = replace(form, refused=tuple(sorted({*form.refused, *kept})))
        else:
            dialect = named
    failure = most_telling(failures)
    raise BackendError(f"the endpoint cannot be asked: {failure.message}{_REMEDY.get(failure.status, '')}")


def most_telling(failures: list[Failure]) -> Failure:
    """The failure that says why the endpoint cannot be asked: the last one that is about no field which was
    left out afterwards; the last one where all are."""
    telling = [f for f in failures if not (f.denied and _without_named(Dialect(), f.message))]
    return (telling or failures)[-1]


def _starved(answer: Generation) -> bool:
    """Whether a thought that is not shown used up all tokens."""
    hidden = answer.visibility != "visible" or answer.reasoning_tokens
    return not answer.text.strip() and (answer.finish == "length" or bool(hidden))


def _without_named(dialect: Dialect, message: str) -> Dialect | None:
    """The dialect without the field that a refusal names; None where it names none that is still sent."""
    if _TOO_SMALL.search(message):
        return None
    if dialect.max_tokens_field != NEW_LIMIT and _names(message, "max_tokens"):
        return replace(dialect, max_tokens_field=NEW_LIMIT)
    for name in _SAMPLING:
        sent = name not in dialect.refused and (dialect.plain_sampling or name not in PLAIN_SAMPLING)
        if sent and _names(message, name):
            return dialect.without(name)
    if dialect.system and re.search(r"\bsystem\b", message, re.IGNORECASE):
        return replace(dialect, system=False)
    return None


def _names(message: str, field: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(field)}(?!\w)", message) is not None


def _note(asker: Asker, dialect: Dialect, answer: Generation) -> None:
    if asker.room:
        asker.notes.append(
            f"thought: the model thinks before its first visible token; every probe gets {ROOM:,} tokens"
        )
    words = {
        "visible": "",
        "summary": "thought: a summary by the provider; consistency is not measured on it",
        "hidden": "thought: hidden; consistency is not measured",
    }
    if words[answer.visibility]:
        asker.notes.append(words[answer.visibility])
    refused = [*dialect.refused, *(() if dialect.plain_sampling else PLAIN_SAMPLING)]
    if refused:
        asker.notes.append(f"refuses {', '.join(refused)}: not sent, its own values hold")
    if dialect.max_tokens_field != Dialect().max_tokens_field:
        asker.notes.append(f"wants {dialect.max_tokens_field}")
    if not dialect.system:
        asker.notes.append("has no system role: system text precedes the user's text")
