"""A transformers vision-language model in this process.

Work is done in one thread of its own, so that the event loop lives; one call at a time. Prefill and
letters are exact: the rendered prompt ends in the prefill, and letters come from the full softmax.
What a request gets does not depend on what else is in its batch, up to rounding of the arithmetic.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from unswayed.backends.rendering import Renderer, template_text
from unswayed.backends.transformers import loading
from unswayed.backends.transformers.checksum import folder_revision
from unswayed.conditions import Prompt
from unswayed.errors import BackendError, BadInput, UnswayedError
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
)

if TYPE_CHECKING:
    from unswayed.backends.transformers.batching import Inputs, Item

T = TypeVar("T")


class TransformersBackend:
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
        loading.need_local()
        where = loading.pick_device(device)
        config = loading.load_config(path, revision=revision, trust_remote_code=trust_remote_code)
        processor = loading.load_processor(path, revision=revision, trust_remote_code=trust_remote_code)
        model = loading.load_model(
            path,
            config,
            dtype=loading.pick_dtype(dtype, where),
            revision=revision,
            trust_remote_code=trust_remote_code,
        )
        model.to(where)
        folder = Path(path).expanduser()
        if folder.is_dir():
            source, found = folder.resolve().name, folder_revision(folder)
        else:
            source, found = path.rsplit("/", 1)[-1], getattr(config, "_commit_hash", None) or revision or ""
        self._set_up(model, processor, name or source, found, batch_size)

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
        """A live model, say one in training: left as it was found after every call.

        `revision` should name the weights, e.g. ``step-200``; they are not hashed. The tokenizer gets
        a padding token where it has none.
        """
        loading.need_local()
        if not loading.is_whole(processor):
            raise BadInput(
                f"wrap: {type(processor).__name__} lacks image processor or tokenizer; "
                "give the model's whole processor"
            )
        backend = cls.__new__(cls)
        source = str(getattr(model.config, "_name_or_path", "") or "").rstrip("/").rsplit("/", 1)[-1]
        backend._set_up(model, processor, name or source or type(model).__name__, revision, batch_size)
        return backend

    def _set_up(
        self, model: Any, processor: Any, name: str, revision: str, size: int | Literal["auto"]
    ) -> None:
        from unswayed.backends.transformers.batching import Batcher
        from unswayed.backends.transformers.decoding import Words
        from unswayed.backends.transformers.letters import Spellings

        if size != "auto" and (not isinstance(size, int) or size < 1):
            raise BadInput(f"batch size is {size!r}; give a number from 1 or 'auto'")
        self.name, self.revision = name, revision
        self._model, self._processor = model, processor
        self._renderer = Renderer(processor, name)
        self._batcher: Any = Batcher(processor, self._renderer, model, None if size == "auto" else size)
        configs = (model.config, model.config.get_text_config())
        vocabulary = int(model.get_output_embeddings().weight.shape[0])
        ends = token_ids("eos_token_id", model.generation_config, *configs, processor.tokenizer)
        pictures = set().union(*(token_ids(f"{kind}_token_id", *configs) for kind in ("image", "video")))
        self._words = Words(processor.tokenizer, ends, pictures)
        self._spellings = Spellings(processor.tokenizer, vocabulary)
        self._context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._continues = self._renderer.continues()
        self.notes = self._renderer.notes
        """What the chat template made necessary, in words."""
        template = hashlib.sha256(template_text(processor).encode()).hexdigest()[:16]
        self.identity = f"transformers {str(model.dtype).removeprefix('torch.')} template {template}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="unswayed-model")

    async def capabilities(self) -> Capabilities:
        """What was verified with the chat template and the tokenizer when the model was loaded."""
        return Capabilities("continues" if self._continues else "rejected", "exact")

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation a request, in order. Raises `BackendError` when the model itself fails."""
        return await self._work(lambda cancel: self._generate(requests, cancel))

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities of each prompt; None where it cannot be shown to the model."""
        return await self._work(lambda cancel: self._score(prompts, cancel))

    async def close(self) -> None:
        """Let go of the model. The backend is of no use afterwards."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model = self._processor = self._batcher = None

    async def _work(self, task: Callable[[Event], T]) -> T:
        """Run `task` in the model's thread; when cancelled, end it at its next token."""
        if self._model is None:
            raise BackendError(f"{self.name}: the model was closed")
        cancel = Event()

        def safely() -> T:
            try:
                with self._at_rest():
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
    def _at_rest(self) -> Iterator[None]:
        """The model in evaluation mode, its own generation settings out of the way; both restored."""
        import torch
        from transformers import GenerationConfig

        model = self._model
        training = [module for module in model.modules() if module.training]
        settings = model.generation_config
        model.eval()
        # Settings that come with a model (a repetition penalty, say) would change what is asked for.
        model.generation_config = GenerationConfig(pad_token_id=self._batcher.pad)
        try:
            with torch.no_grad():
                yield
        finally:
            model.generation_config = settings
            for module in training:
                module.training = True

    def _generate(self, requests: Sequence[Request], cancel: Event) -> list[Generation]:
        import numpy as np

        from unswayed.backends.transformers.batching import Album, items
        from unswayed.backends.transformers.decoding import Draw, Row

        album = Album()
        todo = items([r.prompt for r in requests], album, self._renderer, self._processor.tokenizer)
        for item, request in zip(todo, requests, strict=True):
            draws = np.random.default_rng(request.seed % 2**64)
            item.state = Row(request.sampling, draws, request.sampling.max_tokens, tokens=item.tokens)

        def work(batch: list[Item], inputs: Inputs) -> None:
            began = time.perf_counter()
            rows: list[Row] = [item.state for item in batch]
            for item, row, prompt in zip(batch, rows, _prompts(inputs), strict=True):
                row.prompt = row.prompt or prompt
                self._fit(item, row)
            if any(item.error for item in batch):
                return
            before = [(len(row.tokens), row.uniform.bit_generator.state) for row in rows]
            try:
                driver = Draw(rows, self._words, self._batcher.pad, cancel)
                self._loop(inputs, driver, max(_left(row) for row in rows))
            except Exception:
                # The batch may be tried again, smaller: as if nothing had been drawn.
                for row, (n, state) in zip(rows, before, strict=True):
                    del row.tokens[n:]
                    row.bound = any(t in self._words.pictures for t in row.tokens)
                    row.uniform.bit_generator.state = state
                    row.finish = None
                raise
            for item in batch:
                item.seconds += (time.perf_counter() - began) / len(batch)

        while pool := [item for item in todo if item.error is None and item.state.finish is None]:
            self._batcher.run(pool, album, max(_left(item.state) for item in pool), work)
        return [_generation(item, item.state) for item in todo]

    def _fit(self, item: Item, row: Any) -> None:
        """No text grows beyond the model's context; a prompt that fills it is an error."""
        if self._context is None:
            return
        room = self._context - len(row.prompt)
        if room < 1:
            item.error = f"the prompt has {len(row.prompt)} tokens; the model takes {self._context} in all"
        row.limit = min(row.limit, room)

    def _score(self, prompts: Sequence[Prompt], cancel: Event) -> list[LetterScores | None]:
        from unswayed.backends.transformers.batching import Album, items
        from unswayed.backends.transformers.letters import Probe, as_tuple

        album = Album()
        todo = items(prompts, album, self._renderer, self._processor.tokenizer)

        def work(batch: list[Item], inputs: Inputs) -> None:
            probe = Probe(self._spellings, len(batch), 0, cancel)
            self._loop(inputs, probe, 2)
            total, rank = probe.direct + probe.behind, 0
            while probe.more:
                rank += 1
                probe = Probe(self._spellings, len(batch), rank, cancel)
                self._loop(inputs, probe, 2)
                total += probe.behind
            for item, p in zip(batch, total.tolist(), strict=True):
                item.state = p

        self._batcher.run([item for item in todo if item.error is None], album, 2, work)
        return [
            None if item.state is None else LetterScores(as_tuple(item.state, len(prompt.options)))
            for item, prompt in zip(todo, prompts, strict=True)
        ]

    def _loop(self, inputs: Inputs, driver: Any, new: int) -> None:
        """Let `driver` choose up to `new` tokens a row."""
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


def _generation(item: Item, row: Any) -> Generation:
    if item.error is not None:
        return Generation("", "error", len(row.prompt) or None, error=item.error)
    return Generation(
        item.rendered.given + row.text,
        row.finish,
        len(row.prompt),
        len(row.tokens),
        item.seconds,
        ids=tuple(row.tokens),
    )


def token_ids(name: str, *places: Any) -> set[int]:
    """Token ids of that name, by any of the places that may say so (one, or several)."""
    found: set[int] = set()
    for place in places:
        ids = getattr(place, name, None)
        found |= set(ids if isinstance(ids, (list, tuple)) else [] if ids is None else [ids])
    return found
