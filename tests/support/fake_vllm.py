"""A stand-in for the `vllm` package: its names and signatures, answered by a model in this process.

Only what the backend uses, and strictly: a field that vLLM 0.32 and 0.33 do not have is refused as there
(`TypeError` by the dataclass, `ValueError` by equivalent checks). Sampled tokens and raw probabilities
are those of the transformers model in the folder `model`, so that mistakes (a tag twice, a letter at the
wrong place, a picture lost) show as other texts and numbers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any

import torch

MAX_LOGPROB_TOKEN_IDS = 128


class RequestOutputKind(Enum):
    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class StructuredOutputsParams:
    json: str | dict[str, Any] | None = None


@dataclass(kw_only=True)
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: list[str] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprob_token_ids: list[int] | None = None
    skip_special_tokens: bool = True
    output_kind: RequestOutputKind = RequestOutputKind.CUMULATIVE
    structured_outputs: StructuredOutputsParams | None = None
    allowed_token_ids: list[int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must be in [0, 2], got {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}.")
        if any(not s for s in self.stop or ()):
            raise ValueError("stop cannot contain an empty string.")
        if len(self.logprob_token_ids or ()) > MAX_LOGPROB_TOKEN_IDS:
            raise ValueError("Requested logprob_token_ids is longer than max allowed")


@dataclass
class AsyncEngineArgs:
    model: str
    dtype: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    logprobs_mode: str = "raw_logprobs"
    max_logprobs: int = 20
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.92
    enforce_eager: bool = False
    quantization: str | None = None


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


@dataclass
class RequestOutput:
    request_id: str
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    finished: bool = True


@dataclass
class ModelConfig:
    rows: int
    dtype: Any = torch.float32

    def get_vocab_size(self) -> int:
        return self.rows


@dataclass
class AsyncLLMEngine:
    """Serves `BACKEND`, a `TransformersBackend` that the test puts there."""

    args: AsyncEngineArgs
    loop: Any
    model_config: ModelConfig
    errored: bool = False
    asked: list[tuple[dict[str, Any], SamplingParams, dict[str, Any]]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    aborted: int = 0
    shut: bool = False
    names: set[str] = field(default_factory=set)

    @classmethod
    def from_engine_args(cls, engine_args: AsyncEngineArgs) -> AsyncLLMEngine:
        if engine_args.model == "broken":
            raise ValueError("1 validation error for ModelConfig\n  it cannot be inspected")
        rows = int(State.backend._model.get_output_embeddings().weight.shape[0])
        State.engine = cls(engine_args, asyncio.get_running_loop(), ModelConfig(rows))
        return State.engine

    async def generate(
        self,
        prompt: dict[str, Any],
        sampling_params: SamplingParams,
        request_id: str,
        *,
        tokenization_kwargs: dict[str, Any] | None = None,
    ) -> AsyncIterator[RequestOutput]:
        assert asyncio.get_running_loop() is self.loop, "an engine belongs to the loop it was started in"
        assert set(prompt) <= {"prompt", "multi_modal_data"}
        assert request_id not in self.names
        self.names.add(request_id)
        self.asked.append((prompt, sampling_params, dict(tokenization_kwargs or {})))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(0.01)
            if State.fails == "dead":
                self.errored = True
                raise RuntimeError("EngineCore encountered an issue.")
            if State.fails == "hangs":
                await asyncio.sleep(60)
            yield self._answer(prompt, sampling_params, request_id)
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted += 1
            raise
        finally:
            self.open -= 1

    def shutdown(self, timeout: float | None = None) -> None:
        self.shut = True

    def _answer(self, prompt: dict[str, Any], params: SamplingParams, name: str) -> RequestOutput:
        backend, words = State.backend, State.backend._processor.tokenizer
        pictures = prompt.get("multi_modal_data", {}).get("image") or None
        inputs = dict(
            backend._processor(
                text=[prompt["prompt"]], images=[pictures] if pictures else None, return_tensors="pt"
            )
        )
        begun = inputs["input_ids"][0].tolist()
        if self.args.max_model_len is not None and len(begun) >= self.args.max_model_len:
            raise ValueError(f"This model's maximum context length is {self.args.max_model_len} tokens.")
        draws = torch.Generator().manual_seed(params.seed or 0)
        made: list[int] = []
        reported: list[dict[int, Logprob]] = []
        finish, stopped = "length", None
        while len(made) < (params.max_tokens or 16):
            with torch.no_grad():
                logits = backend._model(**_longer(inputs, made)).logits[0, -1].double()
            raw = torch.log_softmax(logits, -1)
            if params.allowed_token_ids is not None:
                keep = torch.full_like(logits, float("-inf"))
                keep[params.allowed_token_ids] = logits[params.allowed_token_ids]
                logits = keep
            if params.temperature == 0:
                token = int(logits.argmax())
            else:
                p = torch.softmax(logits / params.temperature, -1)
                token = int(torch.multinomial(p, 1, generator=draws))
            made.append(token)
            if params.logprob_token_ids is not None:
                reported.append({i: Logprob(float(raw[i])) for i in {token, *params.logprob_token_ids}})
            if token == words.eos_token_id and not params.ignore_eos:
                finish = "stop"
                break
            text = words.decode(made, skip_special_tokens=params.skip_special_tokens)
            result = next((s for s in params.stop or () if s in text), None)
            if result is not None:
                finish, stopped = "stop", result
                break
        text = words.decode(made, skip_special_tokens=params.skip_special_tokens)
        cut = None if stopped is None else text.find(stopped) + len(stopped)
        text = text if stopped is None or cut is None else text[: cut - len(stopped)]
        out = CompletionOutput(0, text, made, None, reported or None, State.finish or finish, stopped)
        return RequestOutput(name, begun, [out])


class State:
    """What the engine does, set by the test."""

    backend: Any = None
    engine: Any = None
    fails: str = ""
    finish: str = ""


def _longer(inputs: dict[str, Any], made: list[int]) -> dict[str, Any]:
    from unswayed.backends.transformers.batching import extend_inputs

    return extend_inputs(inputs, [made], 0) if made else inputs


def modules() -> dict[str, ModuleType]:
    """What stands in `sys.modules`."""
    top, params = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    for thing in (AsyncEngineArgs, AsyncLLMEngine, SamplingParams):
        setattr(top, thing.__name__, thing)
    for other in (RequestOutputKind, SamplingParams, StructuredOutputsParams):
        setattr(params, other.__name__, other)
    top.__version__ = "0.0-fake"  # type: ignore[attr-defined]
    top.__spec__ = sys.__spec__
    return {"vllm": top, "vllm.sampling_params": params}
