"""What an endpoint can do, measured with a few small requests before anything is asked.

Nothing is taken from a server's name or documentation. Fields that it refuses are left out one after
the other; an accepted field proves nothing, so its effect is looked for:

* **prefill**: the beginning of the model's own greedy text is put back as prefill. A model that continues
  says the rest; one that starts afresh does not. Where the text does not tell, token counts may: a continued
  turn is shorter than a closed one followed by a new one.
* **closed thoughts**: a thought that is closed must cost the tokens that it costs while it is open. Some
  templates remove everything before ``</think>``.
* **stop strings**: a word of that text is made a stop string.
* **seeds**: each of some seeds must reproduce its text, and not all of them the same text.
* **pictures**: they must cost tokens, where the server counts them.
* **letters**: log-probabilities must be returned; those requested by id must be those that are returned.
* **streams and schemas**: see `probe_features`.

Pictures and prefill may be assumed by the user, against what the probe finds; that is recorded.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from PIL import Image as PILImage

from unswayed.backends.openai.client import EndpointClient, Failure, Success
from unswayed.backends.openai.logprobs import LetterTokenIds, probs_by_id
from unswayed.backends.openai.probe_features import probe_schemas, probe_streams
from unswayed.backends.openai.requests import (
    Dialect,
    ImageForm,
    PrefillForm,
    RequestBuilder,
)
from unswayed.backends.openai.responses import first_choice, first_token_probs, read_uncut, usage
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
_MIN_MATCH = 6  # characters that must agree
_COUNTING = "<think>I count from one to twelve: 1, 2, 3, 4, 5, 6, 7, 8, 9,"
_MIN_DIFFERENCE = 4  # tokens by which two prompts must differ before their counts tell anything
_STOP_ATTEMPTS = 3  # at a stop string, which decides nothing: texts are cut here in any case
_LETTERS = "<think>Red is a colour.</think><answer>"
_NEW_LIMIT = "max_completion_tokens"
_SEEDS = 5  # by chance alone, few samples agree so often
_TOP_LOGPROBS = (20, 10, 5, 2)


@dataclass(frozen=True)
class ProbeResult:
    """What the probe found."""

    dialect: Dialect
    capabilities: Capabilities
    notes: tuple[str, ...]
    """The findings in words, one each."""


class Probe:
    """One look at one endpoint."""

    def __init__(
        self,
        client: EndpointClient,
        builder: RequestBuilder,
        ids: LetterTokenIds,
        *,
        schemas: bool = False,
        assume: frozenset[str] = frozenset(),
    ) -> None:
        """`schemas`: also probe whether replies can be held to one. `assume`: see `EndpointOptions`."""
        self._client = client
        self._builder = builder
        self._ids = ids
        self._schemas = schemas
        self._assume = assume
        self._notes: list[str] = []

    async def run(self) -> ProbeResult:
        """Raises `BackendError` where the endpoint cannot be asked at all, with its own message."""
        dialect, text = await self._plain_question()
        dialect, prefill, closed = await self._prefill(dialect, text)
        dialect = await self._stop(dialect, text)
        dialect, seeded = await self._seeds(dialect)
        dialect = await self._pictures(dialect)
        letters: Letters = "none"
        if prefill != "continues":
            self._notes.append("letters: none, for they need a prefill that is continued")
        elif not closed:
            self._notes.append("letters: none, for they stand after a closed thought")
        else:
            dialect, letters = await self._letters(dialect)
        plain = Prompt(SYSTEM, _TEXT, "", (), ())
        dialect = await probe_streams(self._client, self._builder, dialect, plain, self._notes)
        if self._schemas:
            dialect = await probe_schemas(self._client, self._builder, dialect, plain, self._notes)
        assumed = tuple(sorted(self._assume))
        images = dialect.picture != "none"
        capabilities = Capabilities(prefill, letters, images, seeded, closed, assumed)
        return ProbeResult(dialect, capabilities, tuple(self._notes))

    async def _plain_question(self) -> tuple[Dialect, str]:
        """The first dialect in which a plain question is answered, and the answer."""
        own = Dialect(plain_sampling=False)
        new = replace(own, max_tokens_field=_NEW_LIMIT)
        candidates = [
            Dialect(),
            Dialect(system=False),
            own,
            replace(own, system=False),
            new,
            replace(new, temperature=False),
        ]
        first: Failure | None = None
        for dialect in candidates:
            text = await self._generate(dialect)
            if isinstance(text, str):
                for name, note in _REFUSED.items():
                    if getattr(dialect, name) != getattr(Dialect(), name):
                        self._notes.append(note)
                return dialect, text
            first = first or text
            # The key, the address or the model is wrong: no other form helps.
            if text.status in (0, 401, 403, 404) or not text.denied:
                break
        assert first is not None
        raise BackendError(f"the endpoint cannot be asked: {first.message}{_REMEDY.get(first.status, '')}")

    async def _prefill(self, dialect: Dialect, text: str) -> tuple[Dialect, Prefill, bool]:
        """How a turn is prefilled here, what becomes of it, and whether a closed thought survives."""
        refusals: list[str] = []
        taken: list[PrefillForm] = []
        forms: tuple[PrefillForm, ...] = ("flags", "message")
        for form in forms:
            candidate = replace(dialect, prefill=form)
            sign = await self._continues(candidate, text)
            if isinstance(sign, Failure):
                refusals.append(sign.message)
                continue
            taken.append(form)
            if sign:
                self._notes.append(f"prefill: continues ({form}; {sign})")
                return candidate, "continues", await self._closed(candidate)
        if "prefill" in self._assume:
            candidate = replace(dialect, prefill=taken[0] if taken else "flags")
            self._notes.append(
                f"prefill: assumed to be continued ({candidate.prefill}); the probe saw no sign of it"
            )
            return candidate, "continues", await self._closed(candidate)
        if len(refusals) == len(forms):
            self._notes.append(f"prefill: rejected ({refusals[-1]})")
            return replace(dialect, prefill="none"), "rejected", True
        self._notes.append("prefill: no sign that it is continued")
        return replace(dialect, prefill="none"), "restarts", True

    async def _continues(self, dialect: Dialect, text: str) -> str | Failure:
        """The sign by which a prefill is seen to be continued; empty without any."""
        for at in _split_places(text):
            rest = await self._generate(dialect, prefill=text[:at])
            if isinstance(rest, Failure):
                return rest
            if _same_start(rest, text[at:]):
                return "it completes its own text"
        rest = await self._generate(dialect, prefill=_COUNTING)
        if isinstance(rest, Failure):
            return rest
        if rest.lstrip().startswith("10"):
            return "it counts on"
        if dialect.prefill == "flags":
            continued = await self._count(dialect, _COUNTING)
            turn_closed = await self._count(replace(dialect, prefill="message"), _COUNTING)
            nothing = await self._count(dialect, "")
            if continued and turn_closed and nothing and nothing < continued < turn_closed:
                return f"{continued} tokens, {turn_closed} where the turn is closed"
        return ""

    async def _closed(self, dialect: Dialect) -> bool:
        """Whether the chat template keeps a thought that is opened and closed."""
        tag, thought = await self._count(dialect, "<think>"), await self._count(dialect, _COUNTING)
        closed = await self._tokens(dialect, _COUNTING + "</think>")
        if isinstance(closed, Failure):
            self._notes.append(f"closed thoughts: refused ({closed.message})")
            return False
        if not (tag and thought and closed) or thought - tag < _MIN_DIFFERENCE:
            self._notes.append("closed thoughts: not checked, the server counts no tokens")
            return True
        # In its place may stand an empty one, of some tokens more than the opening tag.
        if 2 * (closed - tag) >= thought - tag:
            return True
        self._notes.append("closed thoughts: dropped by the chat template")
        return False

    async def _stop(self, dialect: Dialect, text: str) -> Dialect:
        """Whether stop strings end the text and are kept."""
        for at in _split_places(text):
            word = text[at : at + 3]
            expected = text[: text.index(word) + len(word)]
            with_stop = replace(dialect, stop=True)
            generated = await self._generate(with_stop, stop=(word,), attempts=_STOP_ATTEMPTS)
            if isinstance(generated, Failure):
                self._notes.append(f"stop strings: refused ({generated.message}); texts are cut here")
                return dialect
            if generated == expected != text:
                return with_stop
        self._notes.append("stop strings: not kept, so none are sent; texts are cut here")
        return dialect

    async def _seeds(self, dialect: Dialect) -> tuple[Dialect, bool]:
        seeding = replace(dialect, stop=False, seed=True)
        first = await self._generate(seeding, seed=1, temperature=1.0)
        if isinstance(first, Failure):
            self._notes.append(f"seeds: refused ({first.message})")
            return dialect, False
        texts = {first}
        for seed in range(1, 1 + _SEEDS):
            sample = first if seed == 1 else await self._generate(seeding, seed=seed, temperature=1.0)
            again = await self._generate(seeding, seed=seed, temperature=1.0)
            if isinstance(sample, Failure) or again != sample:
                self._notes.append("seeds: not honoured")
                return replace(dialect, seed=True), False
            texts.add(sample)
        shown = len(texts) > 1
        self._notes.append("seeds: honoured" if shown else "seeds: not shown, every sample was the same")
        return replace(dialect, seed=True), shown

    async def _pictures(self, dialect: Dialect) -> Dialect:
        out = io.BytesIO()
        PILImage.new("RGB", (64, 64), (200, 30, 30)).save(out, "PNG")
        without = await self._count(dialect, "")
        reason = ""
        taken: list[ImageForm] = []
        forms: tuple[ImageForm, ...] = ("object", "string")
        for form in forms:
            candidate = replace(dialect, picture=form)
            prompt = Prompt(SYSTEM, _TEXT, "", (out.getvalue(),), ())
            tokens = await self._ask(candidate, prompt, 1, _counted)
            if isinstance(tokens, Failure):
                reason = tokens.message
                continue
            taken.append(form)
            if tokens and without and tokens <= without:
                reason = "accepted, but it costs no tokens: it does not reach the model"
                continue
            self._notes.append(f"pictures: data URL ({form})" + ("" if tokens else ", tokens not counted"))
            return candidate
        if "pictures" in self._assume:
            form = taken[0] if taken else "object"
            self._notes.append(f"pictures: assumed (data URL, {form}); the probe found: {reason}")
            return replace(dialect, picture=form)
        self._notes.append(f"pictures: none ({reason})")
        return replace(dialect, picture="none")

    async def _letters(self, dialect: Dialect) -> tuple[Dialect, Letters]:
        prompt = Prompt(SYSTEM, _TEXT, _LETTERS, (), ("red", "seven"))
        if await self._ids.learn(2):
            ids = self._ids.of("first", 2)
            body = self._builder.first_token(dialect, prompt, sorted(ids))
            outcome = await self._client.complete(body, first_token_probs, probing=True)
            if isinstance(outcome, Success) and ids and probs_by_id(outcome.value, ids):
                self._notes.append("letters: exact, by token ids")
                return replace(dialect, token_ids=True), "exact"
        for top in _TOP_LOGPROBS:
            body = self._builder.first_token(dialect, prompt, top_logprobs=top)
            outcome = await self._client.complete(body, first_token_probs, probing=True)
            if isinstance(outcome, Success) and len(outcome.value) > 1:
                k = min(top, len(outcome.value))
                self._notes.append(f"letters: the {k} likeliest tokens")
                return replace(dialect, top_logprobs=k), "top-k"
        self._notes.append("letters: none, no log-probabilities are returned")
        return dialect, "none"

    async def _generate(
        self,
        dialect: Dialect,
        *,
        prefill: str = "",
        stop: tuple[str, ...] = (),
        seed: int = 0,
        temperature: float = 0.0,
        attempts: int | None = None,
    ) -> str | Failure:
        """Text of a short generation."""
        prompt = Prompt(SYSTEM, _TEXT, prefill, (), ())
        body = self._builder.generation(dialect, prompt, Sampling(temperature, 1.0, _LENGTH, stop), seed)

        def read(reply: dict[str, Any]) -> str:
            return read_uncut(reply, stop, prefill).text

        outcome = await self._client.complete(body, read, probing=True, attempts=attempts)
        return outcome.value if isinstance(outcome, Success) else outcome

    async def _count(self, dialect: Dialect, prefill: str) -> int | None:
        """Tokens of a prompt, as counted by the server."""
        tokens = await self._tokens(dialect, prefill)
        return None if isinstance(tokens, Failure) else tokens or None

    async def _tokens(self, dialect: Dialect, prefill: str) -> int | Failure:
        """The same, 0 where the server does not count; or why it does not take the prompt."""
        return await self._ask(dialect, Prompt(SYSTEM, _TEXT, prefill, (), ()), 1, _counted)

    async def _ask(
        self, dialect: Dialect, prompt: Prompt, tokens: int, read: Callable[[dict[str, Any]], T]
    ) -> T | Failure:
        body = self._builder.generation(dialect, prompt, Sampling(max_tokens=tokens, stop=()), 0)
        outcome = await self._client.complete(body, read, probing=True)
        return outcome.value if isinstance(outcome, Success) else outcome


_KEY = "; check the key (--key-env names the variable that holds it)"
_REMEDY = {
    401: _KEY,
    403: _KEY,
    404: "; check that the model is served under this name, and that the address (--base-url) ends in /v1",
}
_REFUSED = {
    "plain_sampling": "refuses top_k, min_p, repetition_penalty or skip_special_tokens; its own values hold",
    "max_tokens_field": f"wants {_NEW_LIMIT}",
    "system": "has no system role: system text precedes the user's text",
    "temperature": "takes no temperature",
}


def _counted(reply: dict[str, Any]) -> int:
    first_choice(reply)
    return usage(reply)[0] or 0


def _split_places(text: str) -> list[int]:
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
