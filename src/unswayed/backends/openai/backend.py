"""A model behind one or more OpenAI-compatible chat endpoints, as a `Backend`.

What a trial gets here: its text, or its own failure in the server's words; letters where the endpoint
has them. What ends a run is raised (see `caller`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unswayed.backends.letter_tokens import BRACKET, NEGLIGIBLE
from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.credentials import Key, base_url
from unswayed.backends.openai.logprobs import (
    MOST_IDS,
    Ids,
    Place,
    by_text,
    told_by_id,
)
from unswayed.backends.openai.prices import Price
from unswayed.backends.openai.requests import Bodies
from unswayed.backends.openai.responses import Malformed, first_token, generation
from unswayed.conditions import Prompt
from unswayed.errors import BadInput, MissingExtra
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
)
from unswayed.retry import Retry

try:
    import aiohttp  # noqa: F401
except ImportError as missing:
    raise MissingExtra(
        'models behind an endpoint need aiohttp; install it with: pip install "unswayed[http]"'
    ) from missing

from unswayed.backends.openai.client import Caller, Failed
from unswayed.backends.openai.model_info import who
from unswayed.backends.openai.probe import Probe, Seen
from unswayed.backends.openai.replicas import Replicas
from unswayed.backends.openai.transport import Transport

RETRY = Retry(attempts=8, first=0.5, ceiling=60.0)


class OpenAIBackend:
    """MODEL as served at `base_urls` (replicas of one model, each ending in ``/v1``).

    The key is taken from the environment variable `key_env`, if set. `concurrency`: questions open at
    once, over all replicas. `timeout`: seconds for one exchange; `connect`: for its connection.
    `patience`: seconds without a sign of life, or of a pause asked for, before the run ends; it can then
    be resumed. `first`: so many refusals without one answer end it, too. `most_bytes`: of one reply.

    `price` makes `spend` show money, and a budget of it possible. Several backends may share a `spend`, and
    with it a budget. `stream`: stream every reply where the endpoint can; otherwise only those that did not
    come whole in time. `schemas`: see whether replies can be held to a JSON schema, and do so.

    Raises `BadInput` for addresses that are none. May be used in several event loops, one after the other.
    """

    chunk = 1

    def __init__(
        self,
        model: str,
        base_urls: Sequence[str],
        *,
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 64,
        timeout: float = 600.0,
        connect: float = 10.0,
        patience: float = 300.0,
        retry: Retry = RETRY,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        first: int = 8,
        most_bytes: int = 16 << 20,
        price: Price | None = None,
        spend: Spend | None = None,
        stream: bool = False,
        schemas: bool = False,
    ) -> None:
        if not model:
            raise BadInput("name the model as the endpoint calls it, e.g. openai:Qwen/Qwen2.5-VL-7B-Instruct")
        if not base_urls:
            raise BadInput("an endpoint needs its address; give --base-url, e.g. http://host:8000/v1")
        if concurrency < 1:
            raise BadInput(f"--concurrency is {concurrency}; give 1 or more")
        if budget.cost is not None and price is None:
            raise BadInput("--max-cost needs to know what tokens cost; give --price in=…,out=… or --prices")
        self.name, self.revision = model.rsplit("/", 1)[-1], ""
        self.concurrency = concurrency
        self.spend = Spend() if spend is None else spend
        """What this process sent and got so far."""
        self.facts: dict[str, Any] = {}
        """What the endpoint was seen to be and to do; for the run's manifest."""
        self._model = model
        self._urls = tuple(dict.fromkeys(base_url(url) for url in base_urls))
        self._key = Key(key_env)
        self._timeout, self._connect, self._most = timeout, connect, most_bytes
        self._patience, self._retry, self._budget, self._first = patience, retry, budget, first
        self._price, self._stream, self._schemas = price, stream, schemas
        # A picture is still there for its question's letters, however many questions are open.
        self._bodies = Bodies(model, pictures=max(256, 4 * concurrency))
        self._ids = Ids(self._tokenize)
        self._seen: Seen | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: Transport

    @property
    def identity(self) -> str:
        """What decides the answers besides model and sampling: how the endpoint is spoken to."""
        return f"openai {self._seen.dialect if self._seen else 'unprobed'}"

    @property
    def constrains(self) -> bool:
        """Whether replies are held to the schema of their request."""
        return self._seen is not None and self._seen.dialect.schema != "none"

    async def capabilities(self) -> Capabilities:
        """Probes the endpoint, once."""
        return (await self._ready()).capabilities

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation a request. Raises `BackendError` when the run is over."""
        seen = await self._ready()
        if len(requests) == 1:
            return [await self._generate(seen, requests[0])]
        return list(await asyncio.gather(*(self._generate(seen, request) for request in requests)))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; None where the endpoint has none."""
        seen = await self._ready()
        if seen.capabilities.letters == "none":
            return [None for _ in prompts]
        return list(await asyncio.gather(*(self._score(seen, prompt) for prompt in prompts)))

    async def close(self) -> None:
        """Close all connections."""
        if self._loop is not None:
            self._loop = None
            await self._transport.close()

    async def _ready(self) -> Seen:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            left = self._transport if self._loop is not None else None
            self._loop = loop
            self._transport = self._link()
            pause = max(1e-3, self._retry.first)
            self._replicas = Replicas(self._urls, self.concurrency, first=pause, ceiling=self._retry.ceiling)
            self._caller = Caller(
                self._transport,
                self._replicas,
                retry=self._retry,
                patience=self._patience,
                budget=self._budget,
                spend=self.spend,
                first=self._first,
                price=self._price,
                stream=self._stream,
            )
            self._ids.renew()
            self._probing = asyncio.Lock()
            if left is not None:  # of a loop that ended without `close`
                with contextlib.suppress(RuntimeError):
                    await left.close()
        if self._seen is None:
            async with self._probing:
                if self._seen is None:
                    seen = await Probe(self._caller, self._bodies, self._ids).run(schemas=self._schemas)
                    if seen.dialect.stream == "plain" and self._budget.counts_tokens:
                        seen = replace(seen, dialect=replace(seen.dialect, stream="none"))
                    self.revision, served = await who(self._caller, self._urls, self._model)
                    self.facts = {"served": served, "seen": list(seen.notes)}
                    self._seen = seen
        return self._seen

    def _link(self) -> Transport:
        """What requests go through; made anew in every event loop."""
        return Transport(self._key, timeout=self._timeout, connect=self._connect, most_bytes=self._most)

    async def _generate(self, seen: Seen, request: Request) -> Generation:
        prompt, stop = request.prompt, request.sampling.stop
        body = self._bodies.generation(seen.dialect, prompt, request.sampling, request.seed, request.schema)

        def read(reply: dict[str, Any]) -> Generation:
            return generation(reply, stop, prompt.prefill)

        found = await self._caller.ask(body, read, home=_home(prompt), stream=seen.dialect.stream)
        if isinstance(found, Failed):
            return Generation("", "error", attempts=found.attempts, error=found.words)
        said = found.value
        text = self._key.keep_out(said.text)
        return replace(said, text=text, seconds=found.seconds, attempts=found.attempts)

    async def _score(self, seen: Seen, prompt: Prompt) -> LetterScores:
        n = len(prompt.options)
        if seen.dialect.ids and not await self._ids.learn(n):
            return LetterScores((), error="the server's /tokenize does not answer any more")
        found = await self._mass(seen, prompt, "direct")
        if isinstance(found, Failed):
            return LetterScores((), error=found.words)
        p, brackets = found
        for text, mass in brackets.items():
            opened = replace(prompt, prefill=prompt.prefill + text)
            found = await self._mass(seen, opened, "behind")
            if isinstance(found, Failed):
                return LetterScores((), error=found.words)
            p = [a + mass * b for a, b in zip(p, found[0], strict=True)]
        return LetterScores(tuple(min(1.0, v) for v in p))

    async def _mass(
        self, seen: Seen, prompt: Prompt, place: Place
    ) -> tuple[list[float], dict[str, float]] | Failed:
        """P(letter) of the next token, and the brackets worth following."""
        n = len(prompt.options)
        if not seen.dialect.ids:
            body = self._bodies.first_token(seen.dialect, prompt)
            told = await self._caller.ask(body, _some, home=_home(prompt), paid=True)
            return told if isinstance(told, Failed) else by_text(told.value, n, place)
        p, brackets = [0.0] * n, {}
        wanted = list(self._ids.of(place, n).items())
        for begin in range(0, len(wanted), MOST_IDS):
            ids = dict(wanted[begin : begin + MOST_IDS])

            def read(reply: dict[str, Any], ids: dict[int, int] = ids) -> dict[int, float]:
                masses = told_by_id(dict(first_token(reply)), ids)
                if masses is None:
                    raise Malformed("the reply lacks log-probabilities of tokens that were asked for")
                return masses

            body = self._bodies.first_token(seen.dialect, prompt, sorted(ids))
            found = await self._caller.ask(body, read, home=_home(prompt), paid=True)
            if isinstance(found, Failed):
                return found
            for i, mass in found.value.items():
                if ids[i] != BRACKET:
                    p[ids[i]] += mass
                elif mass > NEGLIGIBLE:
                    brackets[self._ids.brackets[i]] = mass
        return p, brackets

    async def _tokenize(self, text: str) -> list[int] | None:
        """Tokens of a text by vLLM's `/tokenize`; None where there is no such thing."""
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        found = await self._caller.aside(self._urls[0], "/tokenize", body)
        tokens = found.get("tokens") if found else None
        if isinstance(tokens, list) and all(type(i) is int and i >= 0 for i in tokens):
            return tokens
        return None


def _some(reply: dict[str, Any]) -> list[tuple[str, float]]:
    found = first_token(reply)
    if not found:
        raise Malformed("the reply has no log-probabilities")
    return found


def _home(prompt: Prompt) -> int:
    """What the conditions of one question have in common; its picture, where it has one."""
    return hash(prompt.images[0] if prompt.images else prompt.options)
