"""A model behind one or more OpenAI-compatible chat endpoints, as a `Backend`.

A trial gets its text, or a failure of its own with the server's message, and letters where the endpoint has
them. What ends a run is raised (see `client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unswayed.backends.base import BackendBase
from unswayed.backends.letter_tokens import BRACKET, NEGLIGIBLE
from unswayed.backends.openai.budget import Spend
from unswayed.backends.openai.credentials import ApiKey, base_url
from unswayed.backends.openai.logprobs import (
    MAX_IDS,
    LetterTokenIds,
    Position,
    letter_probs_by_text,
    probs_by_id,
)
from unswayed.backends.openai.options import EndpointOptions
from unswayed.backends.openai.requests import RequestBuilder
from unswayed.backends.openai.responses import Malformed, first_token_probs, read_generation
from unswayed.backends.stop_strings import StopPolicy
from unswayed.conditions import Prompt
from unswayed.errors import BadImage, BadInput, MissingExtra
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
)

try:
    import aiohttp  # noqa: F401
except ImportError as missing:
    raise MissingExtra(
        'models behind an endpoint need aiohttp; install it with: pip install "unswayed[http]"'
    ) from missing

from unswayed.backends.openai.client import EndpointClient, Failure, Success
from unswayed.backends.openai.model_info import identify
from unswayed.backends.openai.probe import Probe, ProbeResult, PromptSource
from unswayed.backends.openai.replicas import ReplicaPool
from unswayed.backends.openai.transport import Transport
from unswayed.backends.openai.watchdog import Watchdog


class OpenAIBackend(BackendBase):
    """MODEL as served at `options.base_urls`.

    Raises `BadInput` for addresses that are none. May be used in several event loops, one after the other.
    """

    _urls: tuple[str, ...]
    """Addresses of the replicas; their names in errors and in the manifest."""

    def __init__(self, model: str, options: EndpointOptions) -> None:
        if not model:
            raise BadInput("name the model as the endpoint calls it, e.g. openai:Qwen/Qwen2.5-VL-7B-Instruct")
        self._set_up(model, options)
        self._urls = tuple(dict.fromkeys(base_url(url) for url in options.base_urls))
        if not self._urls:
            raise BadInput("an endpoint needs its address; give --base-url, e.g. http://host:8000/v1")

    def _set_up(self, model: str, options: EndpointOptions) -> None:
        self.name, self.revision = model.rsplit("/", 1)[-1], ""
        self.concurrency = options.concurrency
        self.spend: Spend = Spend() if options.spend is None else options.spend
        """What this process sent and received so far."""
        self.facts: dict[str, Any] = {}
        """What the endpoint is and what the probe found; for the run's manifest."""
        self._model, self._options = model, options
        self._urls = ()
        self._key = ApiKey(options.key_env)
        # A picture is still encoded for its question's letters, however many questions are open.
        self._builder = RequestBuilder(
            model,
            max_images=max(256, 4 * options.concurrency),
            extra=options.extra,
            thinking_budget=options.thinking_budget,
        )
        self._ids = LetterTokenIds(self._tokenize)
        self._stops = StopPolicy()
        self._probed: ProbeResult | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: Transport

    @property
    def identity(self) -> str:
        """What decides the answers besides model and sampling: the dialect in which the endpoint is asked,
        and the fields that the user adds."""
        parts = [f"openai {self._probed.dialect if self._probed else 'unprobed'}"]
        if self._options.thinking_budget is not None:
            parts.append(f"thinking-budget={self._options.thinking_budget}")
        if self._options.extra:
            parts.append(f"extra={json.dumps(self._options.extra, sort_keys=True)}")
        return " ".join(parts)

    @property
    def constrains(self) -> bool:  # type: ignore[override]
        """Whether replies are held to the schema of their request."""
        return self._probed is not None and self._probed.dialect.schema != "none"

    async def capabilities(self) -> Capabilities:
        """Probes the endpoint, once."""
        return (await self._ready()).capabilities

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation per request. Raises `BackendError` when the run is over."""
        probed = await self._ready()
        if len(requests) == 1:
            return [await self._generate(probed, requests[0])]
        return list(await asyncio.gather(*(self._generate(probed, request) for request in requests)))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; None where the endpoint has none."""
        probed = await self._ready()
        if probed.capabilities.letters == "none":
            return [None for _ in prompts]
        return list(await asyncio.gather(*(self._score(probed, prompt) for prompt in prompts)))

    async def close(self) -> None:
        """Close all connections."""
        if self._loop is not None:
            self._loop = None
            self._watchdog.close()
            await self._transport.close()

    async def _ready(self) -> ProbeResult:
        loop = asyncio.get_running_loop()
        options = self._options
        if self._loop is not loop:
            abandoned = self._transport if self._loop is not None else None
            self._loop = loop
            self._transport = self._make_transport()
            rest = max(1e-3, options.retry.initial_pause)
            self._pool = ReplicaPool(
                self._urls, self.concurrency, first_rest=rest, max_rest=options.retry.max_pause
            )
            self._watchdog = Watchdog(", ".join(self._urls), options.patience)
            self._client = EndpointClient(self._transport, self._pool, self._watchdog, options, self.spend)
            self._ids.renew()
            self._probing = asyncio.Lock()
            if abandoned is not None:  # of a loop that ended without `close`
                with contextlib.suppress(RuntimeError):
                    await abandoned.close()
        if self._probed is None:
            async with self._probing:
                if self._probed is None:
                    await self._probe()
        assert self._probed is not None
        return self._probed

    async def _probe(self) -> None:
        options = self._options
        probe = Probe(
            self._client,
            self._builder,
            self._ids,
            PromptSource(self._detokenize, self._apply_template),
            schemas=options.schemas,
            assume=options.assume,
            extra=frozenset(options.extra),
            thinking_budget=options.thinking_budget,
        )
        result = await probe.run()
        if result.dialect.stream == "plain" and options.budget.counts_tokens:
            result = replace(result, dialect=replace(result.dialect, stream="none"))
        self.revision, served = await identify(self._client, self._urls, self._model, self._key.redact)
        self.facts = {"served": served, "seen": list(result.notes)}
        if options.assume:
            self.facts["assumed"] = sorted(options.assume)
        self.facts |= result.facts
        self._probed = result

    def _make_transport(self) -> Transport:
        """The connection to the servers; made anew in every event loop."""
        options = self._options
        return Transport(
            self._key, timeout=options.timeout, connect=options.connect, max_bytes=options.max_reply_bytes
        )

    async def _generate(self, probed: ProbeResult, request: Request) -> Generation:
        """Sends the stop strings where `StopPolicy` says so, and asks again without them after an early
        cut."""
        prompt, stop = request.prompt, request.sampling.stop
        send = probed.dialect.stop and self._stops.sends(request.sampling, probed.capabilities.seeded)
        generation = await self._generate_once(probed, request, send_stop=send)
        if not send or generation.finish != "stop":
            return generation
        if not self._stops.cut_too_early(
            generation.text, prompt.prefill, stop, template_known=False, format=prompt.format
        ):
            return generation
        again = await self._generate_once(probed, request, send_stop=False)
        return replace(again, attempts=again.attempts + generation.attempts)

    async def _generate_once(self, probed: ProbeResult, request: Request, *, send_stop: bool) -> Generation:
        prompt, stop = request.prompt, request.sampling.stop

        def read(reply: dict[str, Any]) -> Generation:
            return read_generation(reply, stop, prompt.prefill, prompt.format, echo=probed.dialect.echo)

        try:
            body = self._builder.generation(
                probed.dialect, prompt, request.sampling, request.seed, request.schema, send_stop=send_stop
            )
        except BadImage as problem:
            return Generation("", "error", error=str(problem))
        outcome = await self._client.complete(
            body, read, affinity=_affinity(prompt), stream=probed.dialect.stream
        )
        if isinstance(outcome, Failure):
            return Generation("", "error", attempts=outcome.attempts, error=outcome.message)
        # The gate sees one reply's strings one by one; joined (thought and text) they may hold the key again.
        text = self._key.scrub(outcome.value.text)
        answer = replace(outcome.value, text=text, seconds=outcome.seconds, attempts=outcome.attempts)
        return replace(answer, visibility="visible") if "thought" in self._options.assume else answer

    async def _score(self, probed: ProbeResult, prompt: Prompt) -> LetterScores:
        n = len(prompt.options)
        if probed.dialect.token_ids and not await self._ids.learn(n):
            return LetterScores((), error="the server's /tokenize does not answer any more")
        try:
            first = await self._letter_probs(probed, prompt, "first")
        except BadImage as problem:
            return LetterScores((), error=str(problem))
        if isinstance(first, Failure):
            return LetterScores((), error=first.message)
        p, brackets = first
        for text, mass in brackets.items():
            opened = replace(prompt, prefill=prompt.prefill + text)
            after = await self._letter_probs(probed, opened, "after bracket")
            if isinstance(after, Failure):
                return LetterScores((), error=after.message)
            p = [a + mass * b for a, b in zip(p, after[0], strict=True)]
        return LetterScores(tuple(min(1.0, v) for v in p))

    async def _letter_probs(
        self, probed: ProbeResult, prompt: Prompt, position: Position
    ) -> tuple[list[float], dict[str, float]] | Failure:
        """P(letter) of the next token, and P of the brackets worth following."""
        n = len(prompt.options)
        if not probed.dialect.token_ids:
            body = self._builder.first_token(probed.dialect, prompt)
            top = await self._client.complete(body, _alternatives, affinity=_affinity(prompt), paid=True)
            return top if isinstance(top, Failure) else letter_probs_by_text(top.value, n, position)
        p: list[float] = [0.0] * n
        brackets: dict[str, float] = {}
        wanted = list(self._ids.of(position, n).items())
        for begin in range(0, len(wanted), MAX_IDS):
            ids = dict(wanted[begin : begin + MAX_IDS])
            probs = await self._probs_of(probed, prompt, ids)
            if isinstance(probs, Failure):
                return probs
            for i, mass in probs.value.items():
                if ids[i] != BRACKET:
                    p[ids[i]] += mass
                elif mass > NEGLIGIBLE:
                    text = self._ids.brackets[i]
                    brackets[text] = brackets.get(text, 0.0) + mass
        return p, brackets

    async def _probs_of(
        self, probed: ProbeResult, prompt: Prompt, ids: dict[int, int]
    ) -> Success[dict[int, float]] | Failure:
        def read(reply: dict[str, Any]) -> dict[int, float]:
            probs = probs_by_id(first_token_probs(reply), ids)
            if probs is None:
                raise Malformed("the reply lacks log-probabilities of tokens that were requested")
            return probs

        body = self._builder.first_token(probed.dialect, prompt, sorted(ids))
        return await self._client.complete(body, read, affinity=_affinity(prompt), paid=True)

    async def _tokenize(self, text: str) -> list[int] | None:
        """Tokens of a text by vLLM's `/tokenize`; None where the server has no such thing."""
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        reply = await self._client.fetch_json(self._urls[0], "/tokenize", body)
        tokens = reply.get("tokens") if reply else None
        if isinstance(tokens, list) and all(type(i) is int and i >= 0 for i in tokens):
            return tokens
        return None

    async def _detokenize(self, tokens: list[int]) -> str | None:
        """Text of tokens by vLLM's `/detokenize`; None where the server has no such thing."""
        reply = await self._client.fetch_json(
            self._urls[0], "/detokenize", {"model": self._model, "tokens": tokens}
        )
        text = reply.get("prompt") if reply else None
        return text if isinstance(text, str) else None

    async def _apply_template(self, body: dict[str, Any]) -> str | None:
        """The prompt of a chat request by llama.cpp's `/apply-template`; None where the server has no such
        thing."""
        reply = await self._client.fetch_json(self._urls[0], "/apply-template", body, attempts=1)
        text = reply.get("prompt") if reply else None
        return text if isinstance(text, str) and text else None


def _alternatives(reply: dict[str, Any]) -> list[tuple[str, float]]:
    alternatives = first_token_probs(reply)
    if not alternatives:
        raise Malformed("the reply has no log-probabilities")
    return alternatives


def _affinity(prompt: Prompt) -> int:
    """What the conditions of one question have in common: its picture, where it has one."""
    return hash(prompt.images[0] if prompt.images else prompt.options)
