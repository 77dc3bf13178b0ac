"""Failures concern no other request; a live model is restored after every call."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_asks import ask, inputs_of, prompt, score, sized  # noqa: E402
from unswayed.backends.transformers import batching  # noqa: E402
from unswayed.backends.transformers.backend import TransformersBackend  # noqa: E402
from unswayed.backends.transformers.batching import Batcher  # noqa: E402
from unswayed.backends.transformers.decoding import TokenSampler  # noqa: E402
from unswayed.errors import BackendError  # noqa: E402
from unswayed.model_io import Generation, Request, Sampling  # noqa: E402

pytest_plugins = ["tiny_fixtures"]


class TestFailures:
    def test_a_bad_picture_concerns_its_request_only(self, llava: TransformersBackend) -> None:
        good = [Request(prompt(i), Sampling(max_tokens=5)) for i in range(3)]
        bad = replace(good[1], prompt=replace(good[1].prompt, images=(b"no picture",)))
        result = ask(llava, [good[0], bad, good[2]])
        assert [g.finish == "error" for g in result] == [False, True, False]
        assert "not a picture" in str(result[1].error)
        assert [result[0].text, result[2].text] == [g.text for g in ask(llava, [good[0], good[2]])]
        assert [s is None for s in score(llava, [r.prompt for r in (good[0], bad)])] == [False, True]

    def test_a_prompt_that_the_processor_refuses(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Batcher._inputs

        def picky(self: Batcher, batch: Any, album: Any) -> Any:
            if any(item.index == 2 for item in batch):
                raise TypeError("no such picture")
            return real(self, batch, album)

        requests = [Request(prompt(i), Sampling(max_tokens=5)) for i in range(5)]
        whole = ask(llava, requests)
        monkeypatch.setattr(Batcher, "_inputs", picky)
        result = ask(llava, requests)
        assert result[2].error == "the model's processor refuses this prompt: no such picture"
        assert [g.text for i, g in enumerate(result) if i != 2] == [
            g.text for i, g in enumerate(whole) if i != 2
        ]

    @pytest.mark.parametrize("sampling", [Sampling(max_tokens=9), Sampling(1.0, max_tokens=9)])
    def test_out_of_memory_halves_the_batch(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch, sampling: Sampling
    ) -> None:
        requests = [Request(prompt(i % 3), sampling, i) for i in range(7)]
        whole = ask(llava, requests)
        backend, sizes = sized(llava, 7), []
        real, steps = TokenSampler.logits, Counter[int]()

        def small(self: TokenSampler, ids: Any, scores: Any) -> Any:
            steps[id(self)] += 1
            sizes.append(len(ids))
            if len(ids) > 2 and steps[id(self)] == 3:  # half-way through a text
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(self, ids, scores)

        monkeypatch.setattr(TokenSampler, "logits", small)
        assert [g.text for g in ask(backend, requests)] == [g.text for g in whole]
        assert max(sizes) == 7
        assert sizes[-1] <= 2

    def test_out_of_memory_with_one_prompt(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(llava._model, "generate", never)
        result = ask(sized(llava, 4), [Request(prompt(i), Sampling(max_tokens=5)) for i in range(3)])
        assert {g.finish for g in result} == {"error"}
        assert all("use a smaller dtype" in str(g.error) for g in result)

    def test_a_model_that_fails_is_an_error_of_the_backend(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("device-side assert")

        monkeypatch.setattr(llava._model, "generate", broken)
        with pytest.raises(BackendError, match="device-side assert"):
            ask(llava, [Request(prompt(0), Sampling(max_tokens=5))])

    def test_no_text_leaves_the_context(self, llava: TransformersBackend) -> None:
        long = replace(prompt(0), text="red " * 600)
        short = replace(prompt(0), text="red " * 240, prefill="x" * 245)
        result = ask(llava, [Request(p, Sampling(max_tokens=500, stop=())) for p in (long, short)])
        assert result[0].finish == "error"
        assert "the model takes 512 in all" in str(result[0].error)
        assert result[1].finish in ("length", "stop")
        assert result[1].prompt_tokens is not None
        assert result[1].tokens is not None
        total = result[1].prompt_tokens + result[1].tokens
        assert total == 512 if result[1].finish == "length" else total <= 512

    def test_each_picture_is_decoded_once(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, opened = batching.open_rgb, []

        def counted(data: bytes, name: str) -> Any:
            opened.append(data)
            return real(data, name)

        monkeypatch.setattr(batching, "open_rgb", counted)
        requests = [Request(prompt(i % 3, "<think>" * (i % 2)), Sampling(max_tokens=2)) for i in range(12)]
        result = ask(llava, requests)
        assert len(opened) == 3
        monkeypatch.setattr(batching, "MAX_PIXELS", 10)  # no room for two
        assert [g.text for g in ask(llava, requests)] == [g.text for g in result]

    def test_nothing_asked(self, llava: TransformersBackend) -> None:
        assert ask(llava, []) == []
        assert score(llava, []) == []


class TestLiveModel:
    def test_the_model_is_restored_after_a_call(self, llava: TransformersBackend) -> None:
        model = llava._model
        settings = model.generation_config
        model.train()
        frozen = model.model.vision_tower.eval()
        before = {name: module.training for name, module in model.named_modules()}
        try:
            backend = TransformersBackend.wrap(model, llava._processor, revision="step-1", batch_size=2)
            trained = ask(backend, [Request(prompt(0), Sampling(max_tokens=5))])
            assert {n: m.training for n, m in model.named_modules()} == before
            assert not frozen.training
            assert model.training
            assert model.generation_config is settings
            loss = model(**inputs_of(llava, prompt(0))).logits.sum()
            loss.backward()
            assert model.get_output_embeddings().weight.grad is not None
        finally:
            model.zero_grad()
            model.eval()
        assert trained == [
            replace(g, seconds=trained[0].seconds)
            for g in ask(llava, [Request(prompt(0), Sampling(max_tokens=5))])
        ]
        assert backend.revision == "step-1"

    def test_the_event_loop_lives(self, llava: TransformersBackend) -> None:
        async def both() -> int:
            task = asyncio.create_task(
                llava.generate([Request(prompt(i), Sampling(max_tokens=40)) for i in range(4)])
            )
            beats = 0
            while not task.done():
                beats += 1
                await asyncio.sleep(0.001)
            return beats

        assert asyncio.run(both()) > 1

    def test_cancelling_ends_the_work(self, llava: TransformersBackend) -> None:
        async def cancel() -> list[Generation]:
            endless = Request(prompt(0), Sampling(max_tokens=10**6, stop=()))
            task = asyncio.create_task(llava.generate([endless] * 8))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await llava.generate([Request(prompt(0), Sampling(max_tokens=2))])

        assert asyncio.run(cancel())[0].tokens == 2

    def test_closed(self, folders: dict[str, Path]) -> None:
        backend = TransformersBackend(str(folders["llava"]))
        asyncio.run(backend.close())
        with pytest.raises(BackendError, match="was closed"):
            ask(backend, [])

    def test_capabilities_were_verified(self, loaded: dict[str, TransformersBackend]) -> None:
        for backend in loaded.values():
            result = asyncio.run(backend.capabilities())
            assert (result.prefill, result.letters, result.images, result.seeded) == (
                "continues",
                "exact",
                True,
                True,
            )
