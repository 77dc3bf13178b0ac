"""A vLLM engine with an event loop of its own, in a thread of its own.

vLLM's asynchronous engine belongs to the loop it was started in; a backend may be used in several, one
after the other. So the engine runs here, and callers wait for it from any loop. It batches continuously:
requests come in one by one and none waits for the slowest of a batch.

Written against vLLM 0.32 and 0.33: `AsyncEngineArgs`, `AsyncLLMEngine.generate`, `SamplingParams`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from threading import Thread
from typing import Any

from unswayed.errors import BackendError, BadInput, MissingExtra

MIN_VERSION = "0.32"


class RequestRefused(Exception):
    """The engine refuses this request and stays alive; the text is the reason."""


def require_vllm() -> None:
    """Raise `MissingExtra` unless a vLLM is installed that returns tokens' probabilities by id."""
    remedy = "pip install 'unswayed[vllm]' (into an environment of its own: it brings its own torch)"
    if find_spec("vllm") is None:
        raise MissingExtra(f"a model in vLLM in this process needs vllm: {remedy}")
    from vllm import SamplingParams

    try:
        SamplingParams(logprob_token_ids=[0])
    except TypeError as problem:
        raise MissingExtra(f"this vLLM is older than {MIN_VERSION}: {remedy}") from problem


class VllmEngine:
    """One model in vLLM. `options` are fields of `AsyncEngineArgs`.

    Raises `BadInput` where vLLM has no such option or cannot load the model, with its message.
    """

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        self._request_numbers = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="unswayed-vllm", daemon=True)
        self._thread.start()
        try:
            self._engine = self._run(self._start(model, options)).result()
        except BaseException:
            self._end()
            raise
        config = self._engine.model_config
        self.vocabulary = int(config.get_vocab_size())
        self.dtype = str(config.dtype).removeprefix("torch.")

    async def ask(
        self, text: str, images: list[Any], special: bool, params: Mapping[str, Any], schema: Any = None
    ) -> tuple[list[int], Any]:
        """Tokens of the prompt, and vLLM's `CompletionOutput`.

        `text` is the rendered prompt, `images`: PIL images; `special`: the tokenizer adds its own
        special tokens. `params` are fields of `SamplingParams`; with a JSON `schema`, the text obeys it.
        When the caller is cancelled, so is the request. Raises `RequestRefused`, or `BackendError` once the
        engine is dead.
        """
        return await asyncio.wrap_future(self._run(self._ask(text, images, special, params, schema)))

    def close(self) -> None:
        """Stop the engine and its processes."""
        if not self._loop.is_closed():
            self._run(self._stop()).result()
            self._end()

    def _run(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self, model: str, options: Mapping[str, Any]) -> Any:
        from vllm import AsyncEngineArgs, AsyncLLMEngine

        try:
            args = AsyncEngineArgs(model=model, **options)
        except TypeError as problem:
            raise BadInput(f"vllm:{model}: {problem}; give fields of vLLM's AsyncEngineArgs") from problem
        try:
            return AsyncLLMEngine.from_engine_args(args)
        except (OSError, ValueError, RuntimeError, ImportError) as problem:
            message = " ".join(str(problem).split()) or type(problem).__name__
            raise BadInput(f"vllm:{model}: vLLM cannot load the model: {message[:300]}") from problem

    async def _ask(
        self, text: str, images: list[Any], special: bool, params: Mapping[str, Any], schema: Any
    ) -> tuple[list[int], Any]:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        prompt: dict[str, Any] = {"prompt": text}
        if images:
            prompt["multi_modal_data"] = {"image": images}
        try:
            if schema is not None:
                params = {**params, "structured_outputs": StructuredOutputsParams(json=dict(schema))}
            stream = self._engine.generate(
                prompt,
                SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **params),
                f"unswayed-{next(self._request_numbers)}",
                tokenization_kwargs={"add_special_tokens": special},
            )
            output = None
            async for output in stream:  # noqa: B007 - the last one counts
                pass
        except Exception as problem:  # vLLM's classes of errors change from version to version
            cause = problem if str(problem) else problem.__cause__ or problem
            message = f"{type(cause).__name__}: {cause}"
            if self._engine.errored:
                raise BackendError(f"vLLM's engine is dead: {message}") from problem
            raise RequestRefused(message) from problem
        if output is None or not output.outputs:
            raise RequestRefused("vLLM gave no output")
        return list(output.prompt_token_ids or ()), output.outputs[0]

    async def _stop(self) -> None:
        engine, self._engine = self._engine, None
        engine.shutdown()
        del engine  # vLLM cleans up once more when it is deleted, while its modules are loaded
        # Its tasks must end in their own loop.
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
