"""Everything that is probed of one endpoint, in order.

* **stop strings**: a word of the model's own text is made a stop string.
* **seeds**: each of some seeds must reproduce its text, and not all of them the same text.
* **pictures**: they must cost tokens, where the server counts them.
* **letters**: log-probabilities must be returned; those requested by id must be those that are returned.

Pictures and prefill may be assumed by the user, against what the probe finds; that is recorded.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image as PILImage

from unswayed.backends.openai.client import EndpointClient, Failure, Success
from unswayed.backends.openai.logprobs import LetterTokenIds, probs_by_id
from unswayed.backends.openai.probe.asker import TEXT, Asker, counted, plain_prompt
from unswayed.backends.openai.probe.features import probe_budget, probe_schemas, probe_streams
from unswayed.backends.openai.probe.fields import plain_question
from unswayed.backends.openai.probe.prefill import PromptSource, probe_prefill, split_places
from unswayed.backends.openai.probe.repeats import probe_repeats
from unswayed.backends.openai.requests import PLAIN_SAMPLING, Dialect, ImageForm, RequestBuilder
from unswayed.backends.openai.responses import first_token_probs
from unswayed.conditions import SYSTEM, Prompt
from unswayed.formats import COMMON
from unswayed.model_io import Capabilities, Letters

_STOP_ATTEMPTS = 3  # at a stop string, which decides nothing: texts are cut here in any case
_LETTERS = COMMON.up_to_letter("Red is a colour.")
_SEEDS = 5  # by chance alone, few samples agree so often
_TOP_LOGPROBS = (20, 10, 5, 2)


@dataclass(frozen=True)
class ProbeResult:
    """What the probe found."""

    dialect: Dialect
    capabilities: Capabilities
    notes: tuple[str, ...]
    """The findings in words, one each."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Findings in numbers, for the manifest."""


class Probe:
    """One look at one endpoint."""

    def __init__(
        self,
        client: EndpointClient,
        builder: RequestBuilder,
        ids: LetterTokenIds,
        source: PromptSource,
        *,
        schemas: bool = False,
        assume: frozenset[str] = frozenset(),
        extra: frozenset[str] = frozenset(),
        thinking_budget: int | None = None,
    ) -> None:
        """`schemas`: also probe whether replies can be held to one. `assume`, `thinking_budget`: see
        `EndpointOptions`; `extra`: names of the fields that the user adds."""
        self._asker = Asker(client, builder)
        self._ids = ids
        self._source = source
        self._schemas = schemas
        self._assume = assume
        self._extra = extra
        self._thinking_budget = thinking_budget

    async def run(self) -> ProbeResult:
        """Raises `BackendError` where the endpoint cannot be asked at all, with its own message."""
        asker, notes = self._asker, self._asker.notes
        dialect, answer = await plain_question(asker, self._extra)
        dialect = await probe_budget(asker, dialect, self._thinking_budget)
        text = answer.text
        dialect, prefill, closed, altered = await probe_prefill(
            asker, dialect, text, "prefill" in self._assume, self._source
        )
        dialect = await self._stop(dialect, text)
        dialect, seeded = await self._seeds(dialect)
        dialect = await self._pictures(dialect)
        letters: Letters = "none"
        if prefill != "continues":
            notes.append("letters: none, for they need a prefill that is continued")
        elif not closed:
            notes.append("letters: none, for they stand after a closed thought")
        else:
            dialect, letters = await self._letters(dialect)
        dialect = await probe_streams(asker, dialect)
        if self._schemas:
            dialect = await probe_schemas(asker, dialect)
        turns = await self._turns(dialect)
        repeats = await probe_repeats(asker, dialect)
        refused = {*dialect.refused, *(() if dialect.plain_sampling else PLAIN_SAMPLING)}
        capabilities = Capabilities(
            prefill,
            letters,
            images=dialect.picture != "none",
            seeded=seeded,
            closed=closed,
            assumed=tuple(sorted(self._assume)),
            thought="visible" if "thought" in self._assume else answer.visibility,
            refused=tuple(sorted(refused)),
            turns=turns,
            altered=altered,
        )
        facts = {"greedy_repeats": repeats} if repeats else {}
        return ProbeResult(dialect, capabilities, tuple(notes), facts)

    async def _turns(self, dialect: Dialect) -> bool:
        """Whether a second user turn behind an answer of the model is taken, and read."""
        prompt = replace(plain_prompt(), follow_up="Are you sure?", first_answer=COMMON.write_answer("(A)"))
        once = await self._asker.count(dialect, "")
        tokens = await self._asker.ask(dialect, prompt, counted)
        if isinstance(tokens, Failure):
            self._note(f"second turns: refused ({tokens.message})")
            return False
        if once and tokens and tokens <= once:
            self._note("second turns: accepted, but they cost no tokens")
            return False
        return True

    async def _stop(self, dialect: Dialect, text: str) -> Dialect:
        """Whether stop strings end the text and are kept."""
        for at in split_places(text):
            word = text[at : at + 3]
            expected = text[: text.index(word) + len(word)]
            with_stop = replace(dialect, stop=True)
            generated = await self._asker.text(with_stop, stop=(word,), attempts=_STOP_ATTEMPTS)
            if isinstance(generated, Failure):
                self._note(f"stop strings: refused ({generated.message}); texts are cut here")
                return dialect
            if generated == expected != text:
                return with_stop
        self._note("stop strings: not kept, so none are sent; texts are cut here")
        return dialect

    async def _seeds(self, dialect: Dialect) -> tuple[Dialect, bool]:
        seeding = replace(dialect, stop=False, seed=True)
        first = await self._asker.text(seeding, seed=1, temperature=1.0)
        if isinstance(first, Failure):
            self._note(f"seeds: refused ({first.message})")
            return dialect, False
        texts = {first}
        for seed in range(1, 1 + _SEEDS):
            sample = first if seed == 1 else await self._asker.text(seeding, seed=seed, temperature=1.0)
            again = await self._asker.text(seeding, seed=seed, temperature=1.0)
            if isinstance(sample, Failure) or again != sample:
                self._note("seeds: not honoured")
                return replace(dialect, seed=True), False
            texts.add(sample)
        shown = len(texts) > 1
        self._note("seeds: honoured" if shown else "seeds: not shown, every sample was the same")
        return replace(dialect, seed=True), shown

    async def _pictures(self, dialect: Dialect) -> Dialect:
        out = io.BytesIO()
        PILImage.new("RGB", (64, 64), (200, 30, 30)).save(out, "PNG")
        without = await self._asker.count(dialect, "")
        reason = ""
        taken: list[ImageForm] = []
        forms: tuple[ImageForm, ...] = ("object", "string")
        for form in forms:
            candidate = replace(dialect, picture=form)
            prompt = Prompt(SYSTEM, TEXT, "", (out.getvalue(),), ())
            tokens = await self._asker.ask(candidate, prompt, counted)
            if isinstance(tokens, Failure):
                reason = reason or tokens.message
                continue
            taken.append(form)
            if tokens and without and tokens <= without:
                reason = "accepted, but it costs no tokens: it does not reach the model"
                continue
            self._note(f"pictures: data URL ({form})" + ("" if tokens else ", tokens not counted"))
            return candidate
        if "pictures" in self._assume:
            form = taken[0] if taken else "object"
            self._note(f"pictures: assumed (data URL, {form}); the probe found: {reason}")
            return replace(dialect, picture=form)
        self._note(f"pictures: none ({reason})")
        return replace(dialect, picture="none")

    async def _letters(self, dialect: Dialect) -> tuple[Dialect, Letters]:
        client, builder = self._asker.client, self._asker.builder
        prompt = Prompt(SYSTEM, TEXT, _LETTERS, (), ("red", "seven"))
        if await self._ids.learn(2):
            ids = self._ids.of("first", 2)
            body = builder.first_token(dialect, prompt, sorted(ids))
            outcome = await client.complete(body, first_token_probs, probing=True)
            if isinstance(outcome, Success) and ids and probs_by_id(outcome.value, ids):
                self._note("letters: exact, by token ids")
                return replace(dialect, token_ids=True), "exact"
        for top in _TOP_LOGPROBS:
            body = builder.first_token(dialect, prompt, top_logprobs=top)
            outcome = await client.complete(body, first_token_probs, probing=True)
            if isinstance(outcome, Success) and len(outcome.value) > 1:
                k = min(top, len(outcome.value))
                self._note(f"letters: the {k} likeliest tokens")
                return replace(dialect, top_logprobs=k), "top-k"
        self._note("letters: none, no log-probabilities are returned")
        return dialect, "none"

    def _note(self, text: str) -> None:
        self._asker.notes.append(text)
