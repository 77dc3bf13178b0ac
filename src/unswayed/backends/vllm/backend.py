"""A vision-language model in vLLM in this process, for those without a server.

Prompts are rendered here, by the same rule as for a transformers model, and reach vLLM as text that ends
in exactly the prefill; pictures go beside it (`multi_modal_data`). Texts are made of the tokens that come
back by the same rule, too, special tokens included. Letters are exact.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unswayed.backends.rendering import Rendered, Renderer, template_text
from unswayed.backends.transformers import loading
from unswayed.backends.transformers.checksum import folder_revision
from unswayed.backends.vllm.engine import Refused, VllmEngine, need_vllm
from unswayed.conditions import Prompt
from unswayed.errors import BackendError, BadImage, BadInput
from unswayed.model_io import (
    Capabilities,
    Finish,
    Generation,
    LetterScores,
    Request,
    first_stop,
)

_ONLY_SPEED = {"tensor_parallel_size", "gpu_memory_utilization", "max_num_seqs", "enforce_eager"}


@dataclass(frozen=True)
class _Ready:
    """A prompt as vLLM gets it."""

    rendered: Rendered
    pictures: list[Any]


class VllmBackend:
    """A model from a folder or the Hub; a `Backend`.

    `spec` is ``MODEL`` or ``MODEL:option=value,…``, the options being fields of vLLM's `AsyncEngineArgs`
    (`tensor_parallel_size`, `gpu_memory_utilization`, `max_model_len`, `quantization`, …); they may be
    given as `engine`, too. `batch_size`: most requests that vLLM computes at once. `dtype` as vLLM names
    them. vLLM chooses the device itself.

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
        **engine: Any,
    ) -> None:
        need_vllm()
        self._closed = False
        from unswayed.backends.transformers.batching import Album
        from unswayed.backends.transformers.decoding import Words
        from unswayed.backends.vllm.letters import Letters

        path, options = _parse(spec)
        options |= engine
        if device != "auto":
            raise BadInput(f"device is {device!r}: vLLM chooses it by itself; leave it at auto")
        if batch_size != "auto":
            options["max_num_seqs"] = batch_size
        config = loading.load_config(path, revision=revision, trust_remote_code=trust_remote_code)
        processor = loading.load_processor(path, revision=revision, trust_remote_code=trust_remote_code)
        folder = Path(path).expanduser()
        if folder.is_dir():
            path, source, found = str(folder), folder.resolve().name, folder_revision(folder)
        else:
            source, found = path.rsplit("/", 1)[-1], getattr(config, "_commit_hash", None) or revision or ""
        self.name, self.revision = name or source, found
        self._renderer = Renderer(processor, self.name)
        self.notes = self._renderer.notes
        """What the chat template made necessary, in words."""
        self._words = Words(processor.tokenizer, (), ())
        self._album = Album()
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="unswayed-prompts")
        self._engine = VllmEngine(
            path,
            {
                "dtype": dtype,
                "revision": revision,
                "trust_remote_code": trust_remote_code,
                # What is asked for by id are the model's own probabilities, whatever is drawn how.
                "logprobs_mode": "raw_logprobs",
                **options,
            },
        )
        self._letters = Letters(processor.tokenizer, self._engine.vocabulary)
        template = hashlib.sha256(template_text(processor).encode()).hexdigest()[:16]
        decides = "".join(f" {k}={v}" for k, v in sorted(options.items()) if k not in _ONLY_SPEED)
        self.identity = f"vllm {self._engine.dtype} template {template}{decides}"
        self.facts = {"vllm": _version(), "options": {k: str(v) for k, v in sorted(options.items())}}

    async def capabilities(self) -> Capabilities:
        """What was verified with the chat template and the tokenizer when the model was loaded."""
        return Capabilities("continues" if self._renderer.continues() else "rejected", "exact")

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation a request, in order. Raises `BackendError` when the engine dies."""
        return list(await asyncio.gather(*(self._generate(request) for request in requests)))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; where it cannot be shown to the model, why."""
        return list(await asyncio.gather(*(self._score(prompt) for prompt in prompts)))

    async def close(self) -> None:
        """Stop vLLM. The backend is of no use afterwards."""
        self._closed = True
        self._desk.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._engine.close)

    async def _generate(self, request: Request) -> Generation:
        sampling = request.sampling
        params: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop),
            "seed": request.seed,
            "skip_special_tokens": False,
        }
        began = time.perf_counter()
        try:
            ready = await self._prepare(request.prompt)
            prompt, out = await self._ask(ready, params, request.schema)
        except (Refused, BadInput, BadImage) as problem:
            return Generation("", "error", error=str(problem))
        seconds, tokens = time.perf_counter() - began, list(out.token_ids)
        if out.finish_reason not in ("stop", "length"):
            words = f"vLLM broke off ({out.finish_reason})"
            return Generation("", "error", len(prompt), len(tokens), seconds, error=words)
        finish: Finish = "length" if out.finish_reason == "length" else "stop"
        # Ended by a token rather than by a stop string: that token is no part of the text.
        ended = finish == "stop" and not isinstance(out.stop_reason, str)
        text = self._words.text(prompt, tokens[:-1] if ended else tokens)
        cut = first_stop(text, sampling.stop)
        if cut is not None:
            text, finish = text[:cut], "stop"
        return Generation(
            ready.rendered.given + text, finish, len(prompt), len(tokens), seconds, ids=tuple(tokens)
        )

    async def _score(self, prompt: Prompt) -> LetterScores:
        try:
            ready = await self._prepare(prompt)

            async def draw(params: Mapping[str, Any]) -> Any:
                return (await self._ask(ready, params))[1]

            p = await self._letters.score(draw, len(prompt.options))
        except (Refused, BadInput, BadImage) as problem:
            return LetterScores((), error=str(problem))
        except (KeyError, TypeError, IndexError):
            return LetterScores((), error="vLLM does not tell the probability of every token asked for")
        return LetterScores(tuple(min(1.0, v) for v in p))

    async def _prepare(self, prompt: Prompt) -> _Ready:
        """Raises `BadInput` or `BadImage` for what cannot be shown to the model."""
        if self._closed:
            raise BackendError(f"{self.name}: the model was closed")
        return await asyncio.get_running_loop().run_in_executor(self._desk, self._made, prompt)

    def _made(self, prompt: Prompt) -> _Ready:
        n = len(prompt.images)
        pictures = [self._album.open(data, f"{i + 1} of {n}") for i, data in enumerate(prompt.images)]
        return _Ready(self._renderer.render(prompt), pictures)

    async def _ask(
        self, ready: _Ready, params: Mapping[str, Any], schema: Mapping[str, Any] | None = None
    ) -> tuple[list[int], Any]:
        text = ready.rendered.text
        special = self._renderer.special(text)
        return await self._engine.ask(text, ready.pictures, special, params, schema)


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
