"""A vision-language model in vLLM in this process, for those without a server.

Prompts are rendered here, by the same rule as for a transformers model, and reach vLLM as text that ends in
exactly the prefill; pictures are passed beside it (`multi_modal_data`). Texts are decoded from the returned
tokens by the same rule, too, special tokens included. Letters are exact.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from unswayed.answers.stopping import first_stop
from unswayed.backends.base import BackendBase
from unswayed.backends.rendering import Rendered, Renderer, template_text
from unswayed.backends.stop_strings import StopPolicy
from unswayed.backends.transformers import loading
from unswayed.backends.vllm.engine import RequestRefused, VllmEngine, require_vllm
from unswayed.conditions import Prompt
from unswayed.errors import BackendError, BadImage, BadInput
from unswayed.formats import Format
from unswayed.model_io import (
    Capabilities,
    Finish,
    Generation,
    LetterScores,
    Request,
)

_ONLY_SPEED = {"tensor_parallel_size", "gpu_memory_utilization", "max_num_seqs", "enforce_eager"}


@dataclass(frozen=True)
class _PreparedPrompt:
    """A prompt as vLLM gets it."""

    rendered: Rendered
    images: list[Any]


class VllmBackend(BackendBase):
    """A model from a folder or the Hub; a `Backend`.

    `spec` is ``MODEL`` or ``MODEL:option=value,…``, the options being fields of vLLM's `AsyncEngineArgs`
    (`tensor_parallel_size`, `gpu_memory_utilization`, `max_model_len`, `quantization`, …); they may be
    given as keyword arguments, too. `batch_size`: maximal number of requests that vLLM computes at once.
    `dtype` as vLLM names them. vLLM chooses the device itself.

    Raises `MissingExtra` without vLLM, `BadInput` for what is no vision-language model with a chat template.
    """

    chunk = 1
    concurrency = 256
    constrains = True

    def __init__(
        self,
        spec: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | Literal["auto"] = "auto",
        revision: str | None = None,
        trust_remote_code: bool = False,
        name: str = "",
        **engine_args: Any,
    ) -> None:
        require_vllm()
        self._closed = False
        from unswayed.backends.transformers.batching import ImageCache
        from unswayed.backends.transformers.decoding import TokenDecoder
        from unswayed.backends.vllm.letters import VllmLetters

        path, options = _parse(spec)
        options |= engine_args
        if device != "auto":
            raise BadInput(f"device is {device!r}: vLLM chooses it by itself; leave it at auto")
        if batch_size != "auto":
            options["max_num_seqs"] = batch_size
        source = loading.load_source(path, name=name, revision=revision, trust_remote_code=trust_remote_code)
        self.name, self.revision = source.name, source.revision
        self._renderer = Renderer(source.processor, self.name)
        self.notes = self._renderer.notes
        """How the chat template was accommodated, in words."""
        self._decoder = TokenDecoder(source.processor.tokenizer, (), ())
        self._images = ImageCache()
        self._stops = StopPolicy()
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="unswayed-prompts")
        self._engine = VllmEngine(
            source.path,
            {
                "dtype": dtype,
                "revision": revision,
                "trust_remote_code": trust_remote_code,
                # Probabilities requested by id are the model's own, however tokens are sampled.
                "logprobs_mode": "raw_logprobs",
                **options,
            },
        )
        self._letters = VllmLetters(source.processor.tokenizer, self._engine.vocabulary)
        self.chat_template = template_text(source.processor)
        template = hashlib.sha256(self.chat_template.encode()).hexdigest()[:16]
        deciding = "".join(f" {k}={v}" for k, v in sorted(options.items()) if k not in _ONLY_SPEED)
        self._identity = f"vllm {self._engine.dtype} template {template}{deciding}"
        self.facts = {"vllm": _version(), "options": {k: str(v) for k, v in sorted(options.items())}}

    @property
    def identity(self) -> str:
        """Precision, chat template, and the engine options that decide answers."""
        return self._identity

    def check_format(self, format: Format) -> None:
        """Raises `BadInput` where the chat template does not fit a prompt format."""
        self._renderer.check_format(format)

    async def capabilities(self) -> Capabilities:
        """What was verified with the chat template and the tokenizer when the model was loaded."""
        return Capabilities("continues" if self._renderer.continues() else "rejected", "exact", turns=True)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation per request, in order. Raises `BackendError` when the engine dies."""
        return list(await asyncio.gather(*(self._generate(request) for request in requests)))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; where it cannot be shown to the model, why."""
        return list(await asyncio.gather(*(self._score(prompt) for prompt in prompts)))

    async def close(self) -> None:
        """Stop vLLM. The backend cannot be used afterwards."""
        self._closed = True
        self._preparing.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._engine.close)

    async def _generate(self, request: Request) -> Generation:
        """vLLM cuts at plain strings: what it cut inside the thought is asked for again (`StopPolicy`)."""
        try:
            prepared = await self._prepare(request.prompt)
            send = self._stops.sends(request.sampling, seeded=True)
            generation = await self._sample(prepared, request, send_stop=send)
            turn, format = request.prompt.prefill, request.prompt.format
            if send and generation.finish == "stop":
                stop = request.sampling.stop
                if self._stops.cut_too_early(generation.text, turn, stop, template_known=True, format=format):
                    generation = await self._sample(prepared, request, send_stop=False)
        except (RequestRefused, BadInput, BadImage) as problem:
            return Generation("", "error", error=str(problem))
        cut = first_stop(generation.text, request.sampling.stop, prefill=turn, format=format)
        return generation if cut is None else replace(generation, text=generation.text[:cut], finish="stop")

    async def _sample(self, prepared: _PreparedPrompt, request: Request, *, send_stop: bool) -> Generation:
        """One generation, with the template's opening in front; it may continue after a stop string."""
        sampling = request.sampling
        params: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) if send_stop else [],
            "seed": request.seed,
            "skip_special_tokens": False,
        }
        began = time.perf_counter()
        prompt, out = await self._ask(prepared, params, request.schema)
        seconds, tokens = time.perf_counter() - began, list(out.token_ids)
        if out.finish_reason not in ("stop", "length"):
            message = f"vLLM broke off ({out.finish_reason})"
            return Generation("", "error", len(prompt), len(tokens), seconds, error=message)
        finish: Finish = "length" if out.finish_reason == "length" else "stop"
        # Where a token ended it rather than a stop string, that token is no part of the text.
        ended_by_token = finish == "stop" and not isinstance(out.stop_reason, str)
        text = self._decoder.text(prompt, tokens[:-1] if ended_by_token else tokens)
        if isinstance(out.stop_reason, str):
            # The last token may reach beyond the stop string.
            text = text[: text.find(out.stop_reason) + len(out.stop_reason)]
        opening = prepared.rendered.template_opening
        return Generation(opening + text, finish, len(prompt), len(tokens), seconds, ids=tuple(tokens))

    async def _score(self, prompt: Prompt) -> LetterScores:
        try:
            prepared = await self._prepare(prompt)

            async def sample(params: Mapping[str, Any]) -> Any:
                return (await self._ask(prepared, params))[1]

            p = await self._letters.score(sample, len(prompt.options))
        except (RequestRefused, BadInput, BadImage) as problem:
            return LetterScores((), error=str(problem))
        except (KeyError, TypeError, IndexError):
            return LetterScores((), error="vLLM does not return the probability of every requested token")
        return LetterScores(tuple(min(1.0, v) for v in p))

    async def _prepare(self, prompt: Prompt) -> _PreparedPrompt:
        """Raises `BadInput` or `BadImage` for what cannot be shown to the model."""
        if self._closed:
            raise BackendError(f"{self.name}: the model was closed")
        return await asyncio.get_running_loop().run_in_executor(self._preparing, self._render, prompt)

    def _render(self, prompt: Prompt) -> _PreparedPrompt:
        n = len(prompt.images)
        images = [self._images.open(data, f"{i + 1} of {n}") for i, data in enumerate(prompt.images)]
        return _PreparedPrompt(self._renderer.render(prompt), images)

    async def _ask(
        self, prepared: _PreparedPrompt, params: Mapping[str, Any], schema: Mapping[str, Any] | None = None
    ) -> tuple[list[int], Any]:
        text = prepared.rendered.text
        special = self._renderer.adds_special_tokens(text)
        return await self._engine.ask(text, prepared.images, special, params, schema)


def _parse(spec: str) -> tuple[str, dict[str, Any]]:
    """Model and options of ``MODEL:option=value,…``. Raises `BadInput` for options of another form."""
    path, _, text = spec.partition(":") if not Path(spec).expanduser().is_dir() else (spec, "", "")
    if not path:
        raise BadInput("name the model, e.g. vllm:Qwen/Qwen2.5-VL-7B-Instruct")
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier():
            raise BadInput(f"vllm:{spec}: {part!r} is no option; write option=value, with commas between")
        options[key] = _value(value)
    return path, options


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _version() -> str:
    import vllm

    return str(getattr(vllm, "__version__", ""))
