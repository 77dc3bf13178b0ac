"""A transformers vision-language model in this process.

Work is done in a thread of its own, so that the event loop is not blocked; one call at a time. Prefill and
letters are exact: the rendered prompt ends in the prefill, and letters come from the full softmax.
The result of a request does not depend on what else is in its batch, up to rounding.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from unswayed.backends.base import BackendBase, OnBatch
from unswayed.backends.rendering import Renderer, template_text
from unswayed.backends.transformers import loading
from unswayed.conditions import Prompt
from unswayed.errors import BackendError, BadInput, UnswayedError
from unswayed.formats import Format
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
)

if TYPE_CHECKING:
    from unswayed.backends.transformers.batching import BatchItem, Inputs

T = TypeVar("T")


class TransformersBackend(BackendBase):
    """A model from a folder or the Hub, or a live one (`wrap`); a `Backend`.

    `device`: ``auto`` (CUDA, else MPS, else CPU) or a torch device. `dtype`: ``auto`` (bfloat16 on
    CUDA and MPS, float32 on the CPU) or a torch dtype's name. `batch_size`: rows of a batch;
    ``auto`` asks the free memory. Either is halved when memory runs out. `name`: what to call it
    instead of the last part of `path`.

    Raises `MissingExtra` without torch and transformers, `BadInput` for a folder or name that is no
    vision-language model with a chat template.
    """

    chunk = 256
    concurrency = 1

    def __init__(
        self,
        path: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | Literal["auto"] = "auto",
        revision: str | None = None,
        trust_remote_code: bool = False,
        name: str = "",
    ) -> None:
        loading.require_transformers()
        device = loading.pick_device(device)
        source = loading.load_source(path, name=name, revision=revision, trust_remote_code=trust_remote_code)
        model = loading.load_model(
            path,
            source.config,
            dtype=loading.pick_dtype(dtype, device),
            revision=revision,
            trust_remote_code=trust_remote_code,
        )
        model.to(device)
        self._set_up(model, source.processor, source.name, source.revision, batch_size)

    @classmethod
    def wrap(
        cls,
        model: Any,
        processor: Any,
        *,
        name: str = "",
        revision: str = "",
        batch_size: int | Literal["auto"] = "auto",
    ) -> Self:
        """A live model, e.g. one in training; its modes and settings are restored after every call.

        `revision` should name the weights, e.g. ``step-200``; they are not hashed. The tokenizer gets
        a padding token where it has none.
        """
        loading.require_transformers()
        if not loading.is_complete(processor):
            raise BadInput(
                f"wrap: {type(processor).__name__} lacks image processor or tokenizer; "
                "give the model's whole processor"
            )
        backend = cls.__new__(cls)
        source = str(getattr(model.config, "_name_or_path", "") or "").rstrip("/").rsplit("/", 1)[-1]
        backend._set_up(model, processor, name or source or type(model).__name__, revision, batch_size)
        return backend

    def _set_up(
        self, model: Any, processor: Any, name: str, revision: str, batch_size: int | Literal["auto"]
    ) -> None:
        from unswayed.backends.transformers.batching import Batcher
        from unswayed.backends.transformers.decoding import TokenDecoder
        from unswayed.backends.transformers.letters import LetterTokens

        if batch_size != "auto" and (not isinstance(batch_size, int) or batch_size < 1):
            raise BadInput(f"batch size is {batch_size!r}; give a number from 1 or 'auto'")
        self.name, self.revision = name, revision
        self._model, self._processor = model, processor
        self._renderer = Renderer(processor, name)
        self._batcher: Any = Batcher(
            processor, self._renderer, model, None if batch_size == "auto" else batch_size
        )
        configs = (model.config, model.config.get_text_config())
        vocabulary = int(model.get_output_embeddings().weight.shape[0])
        ends = token_ids("eos_token_id", model.generation_config, *configs, processor.tokenizer)
        images = set().union(*(token_ids(f"{kind}_token_id", *configs) for kind in ("image", "video")))
        self._decoder = TokenDecoder(processor.tokenizer, ends, images)
        self._letter_tokens = LetterTokens(processor.tokenizer, vocabulary)
        self._context_length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._continues = self._renderer.continues()
        self.notes = self._renderer.notes
        """What the chat template made necessary, in words."""
        self.chat_template = template_text(processor)
        template = hashlib.sha256(self.chat_template.encode()).hexdigest()[:16]
        self._identity = f"transformers {str(model.dtype).removeprefix('torch.')} template {template}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="unswayed-model")

    @property
    def identity(self) -> str:
        """Precision and chat template."""
        return self._identity

    def check_format(self, format: Format) -> None:
        """Raises `BadInput` where the chat template does not fit a prompt format."""
        self._renderer.check_format(format)

    async def capabilities(self) -> Capabilities:
        """What was verified with the chat template and the tokenizer when the model was loaded."""
        return Capabilities("continues" if self._continues else "rejected", "exact", turns=True)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation per request, in order. Raises `BackendError` when the model itself fails."""
        return await self.generate_in_batches(requests, lambda results: None)

    async def generate_in_batches(self, requests: Sequence[Request], on_batch: OnBatch) -> list[Generation]:
        """As `generate`; `on_batch` gets every batch as soon as it is finished."""
        loop = asyncio.get_running_loop()

        def deliver(results: Mapping[int, Generation]) -> None:
            loop.call_soon_threadsafe(on_batch, results)

        return await self._work(lambda cancel: self._generate(requests, cancel, deliver))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; None where it cannot be shown to the model."""
        return await self._work(lambda cancel: self._score(prompts, cancel))

    async def close(self) -> None:
        """Release the model. The backend cannot be used afterwards."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model = self._processor = self._batcher = None

    async def _work(self, task: Callable[[Event], T]) -> T:
        """Run `task` in the model's thread; when cancelled, stop it at its next token."""
        if self._model is None:
            raise BackendError(f"{self.name}: the model was closed")
        cancel = Event()

        def safely() -> T:
            try:
                with self._in_evaluation_mode():
                    return task(cancel)
            except UnswayedError:
                raise
            except Exception as problem:
                raise BackendError(f"{self.name}: {type(problem).__name__}: {problem}") from problem

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, safely)
        except asyncio.CancelledError:
            cancel.set()
            raise

    @contextlib.contextmanager
    def _in_evaluation_mode(self) -> Iterator[None]:
        """The model in evaluation mode, without its own generation settings; both are restored afterwards."""
        import torch
        from transformers import GenerationConfig

        model = self._model
        training = [module for module in model.modules() if module.training]
        settings = model.generation_config
        model.eval()
        # A model's own settings (e.g. a repetition penalty) would change the requested sampling.
        model.generation_config = GenerationConfig(pad_token_id=self._batcher.pad)
        try:
            with torch.no_grad():
                yield
        finally:
            model.generation_config = settings
            for module in training:
                module.training = True

    def _generate(self, requests: Sequence[Request], cancel: Event, deliver: OnBatch) -> list[Generation]:
        import numpy as np

        from unswayed.backends.transformers.batching import ImageCache, prepare_items
        from unswayed.backends.transformers.decoding import RowState, TokenSampler

        images = ImageCache()
        todo = prepare_items([r.prompt for r in requests], images, self._renderer, self._processor.tokenizer)
        for item, request in zip(todo, requests, strict=True):
            item.state = RowState(
                request.sampling,
                np.random.default_rng(request.seed % 2**64),
                request.sampling.max_tokens,
                turn=request.prompt.prefill + item.rendered.template_opening,
                format=request.prompt.format,
                tokens=item.tokens,
            )

        def work(batch: list[BatchItem], inputs: Inputs) -> None:
            began = time.perf_counter()
            rows: list[RowState] = [item.state for item in batch]
            for item, row, prompt in zip(batch, rows, _prompts(inputs), strict=True):
                row.prompt = row.prompt or prompt
                self._limit_to_context(item, row)
            if any(item.error for item in batch):
                return
            before = [(len(row.tokens), row.uniform.bit_generator.state) for row in rows]
            try:
                driver = TokenSampler(rows, self._decoder, self._batcher.pad, cancel)
                self._loop(inputs, driver, max(_left(row) for row in rows))
            except Exception:
                # The batch may be tried again, smaller: undo all that was sampled.
                for row, (n, state) in zip(rows, before, strict=True):
                    del row.tokens[n:]
                    row.has_image_token = any(t in self._decoder.image_tokens for t in row.tokens)
                    row.uniform.bit_generator.state = state
                    row.finish = None
                raise
            for item in batch:
                item.seconds += (time.perf_counter() - began) / len(batch)
            ended = [item for item in batch if item.state.finish is not None]
            deliver({index[id(item)]: _generation(item, item.state) for item in ended})

        index = {id(item): number for number, item in enumerate(todo)}
        while pool := [item for item in todo if item.error is None and item.state.finish is None]:
            self._batcher.run(pool, images, max(_left(item.state) for item in pool), work)
        return [_generation(item, item.state) for item in todo]

    def _limit_to_context(self, item: BatchItem, row: Any) -> None:
        """Limit the text to the model's context; a prompt that fills it is an error."""
        if self._context_length is None:
            return
        room = self._context_length - len(row.prompt)
        if room < 1:
            item.error = (
                f"the prompt has {len(row.prompt)} tokens; the model takes {self._context_length} in all"
            )
        row.limit = min(row.limit, room)

    def _score(self, prompts: Sequence[Prompt], cancel: Event) -> list[LetterScores | None]:
        from unswayed.backends.transformers.batching import ImageCache, prepare_items
        from unswayed.backends.transformers.letters import LetterProbe, as_tuple

        images = ImageCache()
        todo = prepare_items(prompts, images, self._renderer, self._processor.tokenizer)

        def work(batch: list[BatchItem], inputs: Inputs) -> None:
            probe = LetterProbe(self._letter_tokens, len(batch), 0, cancel)
            self._loop(inputs, probe, 2)
            total, rank = probe.direct + probe.behind, 0
            while probe.more:
                rank += 1
                probe = LetterProbe(self._letter_tokens, len(batch), rank, cancel)
                self._loop(inputs, probe, 2)
                total += probe.behind
            for item, p in zip(batch, total.tolist(), strict=True):
                item.state = p

        self._batcher.run([item for item in todo if item.error is None], images, 2, work)
        return [
            None if item.state is None else LetterScores(as_tuple(item.state, len(prompt.options)))
            for item, prompt in zip(todo, prompts, strict=True)
        ]

    def _loop(self, inputs: Inputs, driver: Any, new: int) -> None:
        """Let `driver` choose up to `new` tokens per row."""
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        self._model.generate(
            **inputs,
            generation_config=GenerationConfig(
                max_new_tokens=new, do_sample=False, use_cache=True, pad_token_id=self._batcher.pad
            ),
            logits_processor=LogitsProcessorList([driver.logits]),
            stopping_criteria=StoppingCriteriaList([driver.stop]),
        )


def _prompts(inputs: Inputs) -> list[tuple[int, ...]]:
    ids, mask = inputs["input_ids"].cpu(), inputs["attention_mask"].cpu().bool()
    return [tuple(row[keep].tolist()) for row, keep in zip(ids, mask, strict=True)]


def _left(row: Any) -> int:
    return max(1, int(row.limit) - len(row.tokens))


def _generation(item: BatchItem, row: Any) -> Generation:
    if item.error is not None:
        return Generation("", "error", len(row.prompt) or None, error=item.error)
    return Generation(
        item.rendered.template_opening + row.text,
        row.finish,
        len(row.prompt),
        len(row.tokens),
        item.seconds,
        ids=tuple(row.tokens),
    )


def token_ids(name: str, *configs: Any) -> set[int]:
    """The token ids (one or several) in the attribute `name` of any of the configurations that have it."""
    all_ids: set[int] = set()
    for config in configs:
        ids = getattr(config, name, None)
        all_ids |= set(ids if isinstance(ids, (list, tuple)) else [] if ids is None else [ids])
    return all_ids
