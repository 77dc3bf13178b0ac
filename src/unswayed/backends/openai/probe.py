"""What an endpoint does, seen on the wire: a few small requests before anything is asked.

Nothing is taken from a server's name or documentation. Fields that it refuses are left out one after
the other; that a field was accepted proves nothing, so its effect is looked for:

* **prefill**: the beginning of the model's own greedy text is put back as prefill. A model that goes
  on with it says the rest; one that starts afresh does not. Where the text does not tell, token counts
  may: a continued turn is shorter than a closed one followed by a new one.
* **closed thoughts**: a thought that is closed must cost the tokens that it costs while it is open. Some
  templates take out all that stands before ``</think>``.
* **stop strings**: a word of that text is made a stop string.
* **seeds**: each of some seeds must agree with itself, and not all with each other.
* **pictures**: they must cost tokens, where the server counts them.
* **letters**: log-probabilities must be there; those asked for by id must be those that come back.
* **streams and schemas**: see `forms`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from PIL import Image as PILImage

from unswayed.backends.openai.client import Answered, Caller, Failed
from unswayed.backends.openai.logprobs import Ids, told_by_id
from unswayed.backends.openai.probe_features import held, in_events
from unswayed.backends.openai.requests import (
    Bodies,
    Dialect,
    PictureForm,
    PrefillForm,
)
from unswayed.backends.openai.responses import (
    choice,
    first_token,
    restored,
    usage,
)
from unswayed.conditions import SYSTEM, Prompt
from unswayed.errors import BackendError
from unswayed.model_io import (
    Capabilities,
    Letters,
    Prefill,
    Sampling,
)

T = TypeVar("T")
_TEXT = "Which of these is a colour?\nSelect from the following choices:\n(A) red\n(B) seven"
_LENGTH = 24  # tokens of the text that is put back
_CLEAR = 6  # characters that must agree
_COUNTING = "<think>I count from one to twelve: 1, 2, 3, 4, 5, 6, 7, 8, 9,"
_FAR = 4  # tokens by which two prompts must differ before their counts tell anything
_STOPS = 3  # attempts at a stop string, which decides nothing: texts are cut here in any case
_LETTERS = "<think>Red is a colour.</think><answer>"
_NEW_LIMIT = "max_completion_tokens"
_SEEDS = 5  # by chance alone, few draws agree so often
_TOPS = (20, 10, 5, 2)


@dataclass(frozen=True)
class Seen:
    """What came of it."""

    dialect: Dialect
    capabilities: Capabilities
    notes: tuple[str, ...]
    """What was seen, one thing each, in words."""


class Probe:
    """One look at one endpoint."""

    def __init__(self, caller: Caller, bodies: Bodies, ids: Ids) -> None:
        self._caller = caller
        self._bodies = bodies
        self._ids = ids
        self._notes: list[str] = []

    async def run(self, *, schemas: bool = False) -> Seen:
        """`schemas`: also look whether replies can be held to one.

        Raises `BackendError` where the endpoint cannot be asked at all, in its own words."""
        dialect, text = await self._begin()
        dialect, prefill, closed = await self._prefill(dialect, text)
        dialect = await self._stop(dialect, text)
        dialect, seeded = await self._seeds(dialect)
        dialect = await self._pictures(dialect)
        letters: Letters = "none"
        if prefill != "continues":
            self._notes.append("letters: none, for they need a prefill that is continued")
        elif not closed:
            self._notes.append("letters: none, for they stand behind a closed thought")
        else:
            dialect, letters = await self._letters(dialect)
        plain = Prompt(SYSTEM, _TEXT, "", (), ())
        dialect = await in_events(self._caller, self._bodies, dialect, plain, self._notes)
        if schemas:
            dialect = await held(self._caller, self._bodies, dialect, plain, self._notes)
        can = Capabilities(prefill, letters, dialect.picture != "none", seeded, closed)
        return Seen(dialect, can, tuple(self._notes))

    async def _begin(self) -> tuple[Dialect, str]:
        """The first dialect in which a plain question is answered, and the answer."""
        own = Dialect(plain_sampling=False)
        new = replace(own, limit=_NEW_LIMIT)
        tries = [
            Dialect(),
            Dialect(system=False),
            own,
            replace(own, system=False),
            new,
            replace(new, heat=False),
        ]
        first: Failed | None = None
        for dialect in tries:
            found = await self._said(dialect)
            if isinstance(found, str):
                for name, what in _REFUSED.items():
                    if getattr(dialect, name) != getattr(Dialect(), name):
                        self._notes.append(what)
                return dialect, found
            first = first or found
            # The key, the address or the model is wrong: no other wording helps.
            if found.status in (0, 401, 403, 404) or not found.denied:
                break
        assert first is not None
        raise BackendError(f"the endpoint cannot be asked: {first.words}{_REMEDY.get(first.status, '')}")

    async def _prefill(self, dialect: Dialect, text: str) -> tuple[Dialect, Prefill, bool]:
        """How a turn is begun here, what becomes of it, and whether a closed thought survives."""
        refusals = []
        forms: tuple[PrefillForm, ...] = ("flags", "message")
        for form in forms:
            tried = replace(dialect, prefill=form)
            found = await self._continues(tried, text)
            if isinstance(found, Failed):
                refusals.append(found.words)
            elif found:
                self._notes.append(f"prefill: continues ({form}; {found})")
                return tried, "continues", await self._closed(tried)
        if len(refusals) == 2:
            self._notes.append(f"prefill: rejected ({refusals[-1]})")
            return replace(dialect, prefill="none"), "rejected", True
        self._notes.append("prefill: no sign that it is continued")
        return replace(dialect, prefill="none"), "restarts", True

    async def _continues(self, dialect: Dialect, text: str) -> str | Failed:
        """By which sign a prefill is seen to be continued; empty without any."""
        for at in _cuts(text):
            found = await self._said(dialect, prefill=text[:at])
            if isinstance(found, Failed):
                return found
            if _agree(found, text[at:]):
                return "it completes its own text"
        found = await self._said(dialect, prefill=_COUNTING)
        if isinstance(found, Failed):
            return found
        if found.lstrip().startswith("10"):
            return "it counts on"
        if dialect.prefill == "flags":
            flags = await self._count(dialect, _COUNTING)
            closed = await self._count(replace(dialect, prefill="message"), _COUNTING)
            nothing = await self._count(dialect, "")
            if flags and closed and nothing and nothing < flags < closed:
                return f"{flags} tokens, {closed} where the turn is closed"
        return ""

    async def _closed(self, dialect: Dialect) -> bool:
        """Whether a template lets a thought through that is opened and closed."""
        tag, begun = await self._count(dialect, "<think>"), await self._count(dialect, _COUNTING)
        closed = await self._tokens(dialect, _COUNTING + "</think>")
        if isinstance(closed, Failed):
            self._notes.append(f"closed thoughts: refused ({closed.words})")
            return False
        if not (tag and begun and closed) or begun - tag < _FAR:
            self._notes.append("closed thoughts: not checked, the server counts no tokens")
            return True
        # In its place may stand an empty one, of some tokens more than the opening tag.
        if 2 * (closed - tag) >= begun - tag:
            return True
        self._notes.append("closed thoughts: dropped by the chat template")
        return False

    async def _stop(self, dialect: Dialect, text: str) -> Dialect:
        """Whether stop strings end the text and can be kept."""
        for at in _cuts(text):
            word = text[at : at + 3]
            whole = text[: text.index(word) + len(word)]
            found = await self._said(replace(dialect, stop=True), stop=(word,), attempts=_STOPS)
            if isinstance(found, Failed):
                self._notes.append(f"stop strings: refused ({found.words}); texts are cut here")
                return dialect
            if found == whole != text:
                return replace(dialect, stop=True)
        self._notes.append("stop strings: not kept, so none are sent; texts are cut here")
        return dialect

    async def _seeds(self, dialect: Dialect) -> tuple[Dialect, bool]:
        hot = replace(dialect, stop=False, seed=True)
        first = await self._said(hot, seed=1, heat=1.0)
        if isinstance(first, Failed):
            self._notes.append(f"seeds: refused ({first.words})")
            return dialect, False
        seen = {first}
        for seed in range(1, 1 + _SEEDS):
            drawn = first if seed == 1 else await self._said(hot, seed=seed, heat=1.0)
            again = await self._said(hot, seed=seed, heat=1.0)
            if isinstance(drawn, Failed) or again != drawn:
                self._notes.append("seeds: not honoured")
                return replace(dialect, seed=True), False
            seen.add(drawn)
        shown = len(seen) > 1
        self._notes.append("seeds: honoured" if shown else "seeds: not shown, every draw was the same")
        return replace(dialect, seed=True), shown

    async def _pictures(self, dialect: Dialect) -> Dialect:
        out = io.BytesIO()
        PILImage.new("RGB", (64, 64), (200, 30, 30)).save(out, "PNG")
        without = await self._count(dialect, "")
        trouble = ""
        forms: tuple[PictureForm, ...] = ("object", "string")
        for form in forms:
            tried = replace(dialect, picture=form)
            found = await self._ask(tried, Prompt(SYSTEM, _TEXT, "", (out.getvalue(),), ()), 1, _counted)
            if isinstance(found, Failed):
                trouble = found.words
            elif found and without and found <= without:
                trouble = "accepted, but it costs no tokens: it does not reach the model"
            else:
                self._notes.append(f"pictures: data URL ({form})" + ("" if found else ", tokens not counted"))
                return tried
        self._notes.append(f"pictures: none ({trouble})")
        return replace(dialect, picture="none")

    async def _letters(self, dialect: Dialect) -> tuple[Dialect, Letters]:
        prompt = Prompt(SYSTEM, _TEXT, _LETTERS, (), ("red", "seven"))
        if await self._ids.learn(2):
            ids = self._ids.of("direct", 2)
            body = self._bodies.first_token(dialect, prompt, sorted(ids))
            found = await self._caller.ask(body, first_token, probing=True)
            if isinstance(found, Answered) and ids and told_by_id(dict(found.value), ids):
                self._notes.append("letters: exact, by token ids")
                return replace(dialect, ids=True), "exact"
        for top in _TOPS:
            body = self._bodies.first_token(dialect, prompt, top=top)
            found = await self._caller.ask(body, first_token, probing=True)
            if isinstance(found, Answered) and len(found.value) > 1:
                k = min(top, len(found.value))
                self._notes.append(f"letters: the {k} likeliest tokens")
                return replace(dialect, top=k), "top-k"
        self._notes.append("letters: none, no log-probabilities come back")
        return dialect, "none"

    async def _said(
        self,
        dialect: Dialect,
        *,
        prefill: str = "",
        stop: tuple[str, ...] = (),
        seed: int = 0,
        heat: float = 0.0,
        attempts: int | None = None,
    ) -> str | Failed:
        """Text of a short generation."""
        prompt = Prompt(SYSTEM, _TEXT, prefill, (), ())
        sampling = Sampling(heat, 1.0, _LENGTH, stop)
        body = self._bodies.generation(dialect, prompt, sampling, seed)

        def read(reply: dict[str, Any]) -> str:
            return restored(reply, stop, prefill).text

        found = await self._caller.ask(body, read, probing=True, attempts=attempts)
        return found.value if isinstance(found, Answered) else found

    async def _count(self, dialect: Dialect, prefill: str) -> int | None:
        """Tokens of a prompt, as counted by the server."""
        found = await self._tokens(dialect, prefill)
        return None if isinstance(found, Failed) else found or None

    async def _tokens(self, dialect: Dialect, prefill: str) -> int | Failed:
        """The same, 0 where the server does not count; or why it does not take the prompt."""
        return await self._ask(dialect, Prompt(SYSTEM, _TEXT, prefill, (), ()), 1, _counted)

    async def _ask(
        self, dialect: Dialect, prompt: Prompt, tokens: int, read: Callable[[dict[str, Any]], T]
    ) -> T | Failed:
        body = self._bodies.generation(dialect, prompt, Sampling(max_tokens=tokens, stop=()), 0)
        found = await self._caller.ask(body, read, probing=True)
        return found.value if isinstance(found, Answered) else found


_KEY = "; see to the key (--key-env names the variable that holds it)"
_REMEDY = {
    401: _KEY,
    403: _KEY,
    404: "; see that the model is served under this name, and that the address (--base-url) ends in /v1",
}
_REFUSED = {
    "plain_sampling": "refuses top_k, min_p, repetition_penalty or skip_special_tokens; its own stand",
    "limit": f"wants {_NEW_LIMIT}",
    "system": "has no system role: system text stands before the user's text",
    "heat": "takes no temperature",
}


def _counted(reply: dict[str, Any]) -> int:
    choice(reply)
    return usage(reply)[0] or 0


def _cuts(text: str) -> list[int]:
    """Up to three places where `text` is cut in two so that going on and starting afresh differ."""
    end = text.find("\ufffd")
    sound = text if end < 0 else text[:end]
    places = [i for i in range(1, len(sound) - _CLEAR) if sound[i] in " \n<" and sound[i - 1] not in " \n<"]
    places = [i for i in places if not _agree(text, text[i:])]
    return places[len(places) // 3 :: max(1, len(places) // 3)][:3]


def _agree(said: str, meant: str) -> bool:
    return len(said) >= _CLEAR and said[:_CLEAR] == meant[:_CLEAR]
