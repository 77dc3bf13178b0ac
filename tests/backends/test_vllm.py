"""vLLM in this process: the wiring, against a stand-in with vLLM's names and signatures; where vLLM itself
is installed, that these are its own, and that texts and letters are those of the transformers backend."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import fake_vllm  # noqa: E402
import unswayed  # noqa: E402
from fake_vllm import State  # noqa: E402
from places import ROOT  # noqa: E402
from tiny_asks import prompt, token_of  # noqa: E402
from unswayed.backends import open_backend  # noqa: E402
from unswayed.backends.transformers.backend import TransformersBackend  # noqa: E402
from unswayed.backends.vllm.backend import VllmBackend  # noqa: E402
from unswayed.conditions import Prompt  # noqa: E402
from unswayed.errors import BackendError, BadInput, MissingExtra  # noqa: E402
from unswayed.model_io import Request, Sampling  # noqa: E402

pytest_plugins = ["tiny_fixtures"]
REAL = find_spec("vllm") is not None


@pytest.fixture
def vllm(
    loaded: dict[str, TransformersBackend], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[VllmBackend]:
    for name, module in fake_vllm.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name, value in {"backend": loaded["llava"], "engine": None, "fails": "", "finish": ""}.items():
        monkeypatch.setattr(State, name, value)
    backend = open_backend(f"vllm:{folders['llava']}:max_model_len=400")
    assert isinstance(backend, VllmBackend)
    yield backend
    asyncio.run(backend.close())


def asks(sampling: Sampling) -> list[Request]:
    """With and without prefill; no, one and two pictures."""
    begun = ("", "<think>I think the circle", "<think>look</think>")
    return [
        Request(prompt(i, begun[i % 3], pictures=(1, 2, 0)[i // 3 % 3]), sampling, seed=i) for i in range(9)
    ]


@contextmanager
def likely(backend: TransformersBackend, asked: Prompt, token: int, times: float = 1.0) -> Iterator[None]:
    """While it lasts, `token` weighs as much behind a prompt as the likeliest one, or more."""
    head = backend._model.get_output_embeddings()
    before = head.weight[token].detach().clone()
    (result,) = asyncio.run(backend.generate([Request(asked, Sampling(max_tokens=1))]))
    with torch.no_grad():
        head.weight[token] = times * head.weight[result.ids[0]]
        try:
            yield
        finally:
            head.weight[token] = before


class TestWiring:
    def test_greedy_texts_and_counts_are_those_of_the_transformers_backend(
        self, vllm: VllmBackend, llava: TransformersBackend
    ) -> None:
        requests = [*asks(Sampling(max_tokens=24)), *asks(Sampling(max_tokens=24, stop=("e", "a", "#")))]
        inside, result = asyncio.run(llava.generate(requests)), asyncio.run(vllm.generate(requests))
        assert len({g.text for g in result}) > 5
        assert {g.finish for g in result} == {"stop", "length"}
        for one, other in zip(result, inside, strict=True):
            assert replace(one, seconds=None) == replace(other, seconds=None)

    def test_letters_are_those_of_the_full_softmax(
        self, vllm: VllmBackend, llava: TransformersBackend
    ) -> None:
        prompts = [prompt(i, "<think>the</think><answer>", 1 + i % 2, options=4) for i in range(3)]
        inside, result = asyncio.run(llava.score_letters(prompts)), asyncio.run(vllm.score_letters(prompts))
        for one, other in zip(result, inside, strict=True):
            assert one is not None
            assert other is not None
            assert one.p == pytest.approx(other.p, abs=1e-6)
            assert sum(one.p) > 0

    def test_brackets_are_followed_token_by_token(
        self, vllm: VllmBackend, llava: TransformersBackend
    ) -> None:
        asked = prompt(2, "<think>the</think><answer>")
        bracket = token_of(llava, "(")
        with likely(llava, asked, bracket):
            (other,), (one,) = (asyncio.run(b.score_letters([asked])) for b in (llava, vllm))
        assert [bracket] in [params.allowed_token_ids for _, params, _ in State.engine.asked]
        assert one is not None
        assert other is not None
        assert one.p == pytest.approx(other.p, abs=1e-6)

    def test_the_end_token_is_no_part_of_the_text(
        self, vllm: VllmBackend, llava: TransformersBackend
    ) -> None:
        request = Request(prompt(2, "<think>red"), Sampling(max_tokens=8))
        with likely(llava, request.prompt, llava._processor.tokenizer.eos_token_id, 1.5):
            (other,), (one,) = (asyncio.run(b.generate([request])) for b in (llava, vllm))
        assert (one.text, one.finish, one.tokens) == ("", "stop", 1)
        assert replace(one, seconds=None) == replace(other, seconds=None)

    def test_many_spellings_are_asked_for_in_parts(
        self, vllm: VllmBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = prompt(1, "<answer>")
        (whole,) = asyncio.run(vllm.score_letters([asked]))
        monkeypatch.setattr("unswayed.backends.vllm.letters.MAX_IDS", 2)
        (parts,) = asyncio.run(vllm.score_letters([asked]))
        assert whole is not None
        assert parts is not None
        assert parts.p == pytest.approx(whole.p, abs=1e-9)

    def test_what_is_sent(self, vllm: VllmBackend) -> None:
        sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=3)
        asked = prompt(1, "<think>red", pictures=2)
        asyncio.run(vllm.generate([Request(asked, sampling, seed=5)]))
        sent, params, words = State.engine.asked[-1]
        assert sent["prompt"].endswith("<think>red")
        assert [picture.size for picture in sent["multi_modal_data"]["image"]] == [(52, 40), (52, 47)]
        assert (params.temperature, params.top_p, params.seed, params.max_tokens) == (0.7, 0.9, 5, 3)
        assert params.stop == ["</answer>"]
        assert not params.skip_special_tokens
        assert words == {"add_special_tokens": True}  # its template writes no token of the beginning
        assert State.engine.args.logprobs_mode == "raw_logprobs"
        assert State.engine.args.max_model_len == 400

    def test_a_schema_reaches_vllm(self, vllm: VllmBackend) -> None:
        schema = {"type": "object"}
        asyncio.run(vllm.generate([Request(prompt(), Sampling(max_tokens=2), schema=schema)]))
        assert State.engine.asked[-1][1].structured_outputs.json == schema
        assert vllm.constrains

    def test_the_same_seed_draws_the_same(self, vllm: VllmBackend) -> None:
        requests = [Request(prompt(), Sampling(1.0, max_tokens=12), seed) for seed in (1, 1, 2, 3)]
        first, again, *others = (g.text for g in asyncio.run(vllm.generate(requests)))
        assert first == again
        assert any(text != first for text in others)

    def test_requests_are_open_at_once_and_loops_may_change(self, vllm: VllmBackend) -> None:
        asyncio.run(vllm.generate(asks(Sampling(max_tokens=1))))
        asyncio.run(vllm.generate(asks(Sampling(max_tokens=1))))
        assert State.engine.most_open > 1
        assert vllm.chunk == 1
        assert vllm.concurrency > 1

    def test_capabilities(self, vllm: VllmBackend, folders: dict[str, Path]) -> None:
        can = asyncio.run(vllm.capabilities())
        assert (can.prefill, can.letters, can.images, can.seeded) == ("continues", "exact", True, True)
        assert vllm.revision.startswith("sha256:")
        assert vllm.name == folders["llava"].name
        assert "max_model_len=400" in vllm.identity


class TestFailures:
    def test_one_request_fails_alone(self, vllm: VllmBackend) -> None:
        good = prompt()
        bad = [
            replace(good, images=(b"no picture",)),
            replace(good, text="a <image> in the text"),
            replace(good, text="word " * 500),
        ]
        requests = [Request(p, Sampling(max_tokens=2)) for p in (*bad, good)]
        requests.append(Request(good, Sampling(temperature=3.0)))
        result = asyncio.run(vllm.generate(requests))
        assert [g.finish == "error" for g in result] == [True, True, True, False, True]
        assert all(g.error for g in result if g.finish == "error")
        assert "maximum context length" in str(result[2].error)
        scores = asyncio.run(vllm.score_letters(bad))
        assert [bool(s and s.error) for s in scores] == [True, True, True]

    def test_an_aborted_generation_is_an_error(
        self, vllm: VllmBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(State, "finish", "abort")
        (result,) = asyncio.run(vllm.generate([Request(prompt(), Sampling(max_tokens=2))]))
        assert (result.finish, result.text) == ("error", "")

    def test_a_dead_engine_ends_the_run(self, vllm: VllmBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(State, "fails", "dead")
        with pytest.raises(BackendError, match="dead"):
            asyncio.run(vllm.generate([Request(prompt(), Sampling(max_tokens=2))]))
        with pytest.raises(BackendError, match="dead"):
            asyncio.run(vllm.score_letters([prompt(0, "<answer>")]))

    def test_cancelling_the_caller_cancels_the_request(
        self, vllm: VllmBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(State, "fails", "hangs")

        async def go() -> None:
            task = asyncio.create_task(vllm.generate([Request(prompt(), Sampling(max_tokens=2))]))
            while not State.engine.open:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while State.engine.open:
                await asyncio.sleep(0.01)

        asyncio.run(go())
        assert State.engine.aborted == 1

    def test_closed_is_closed(self, vllm: VllmBackend) -> None:
        asyncio.run(vllm.close())
        assert State.engine.shut
        with pytest.raises(BackendError, match="closed"):
            asyncio.run(vllm.generate([Request(prompt(0, pictures=0), Sampling(max_tokens=2))]))

    @pytest.mark.parametrize(
        ("spec", "options", "words"),
        [
            ("{}:tensor_parallel_size", {}, "option=value"),
            ("{}:tensor_parallel=2", {}, "tensor_parallel"),
            ("{}", {"device": "cuda:1"}, "device"),
            ("", {}, "name the model"),
            ("no/such/folder", {}, "no such folder"),
        ],
    )
    def test_bad_input(
        self, vllm: VllmBackend, folders: dict[str, Path], spec: str, options: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(BadInput, match=words):
            VllmBackend(spec.format(folders["llava"]), **options)

    def test_the_error_of_a_model_that_vllm_cannot_load(self, vllm: VllmBackend) -> None:
        from unswayed.backends.vllm.engine import VllmEngine

        with pytest.raises(BadInput, match="cannot be inspected"):
            VllmEngine("broken", {})

    def test_an_old_vllm(self, vllm: VllmBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules["vllm"], "SamplingParams", lambda max_tokens=16: None)
        with pytest.raises(MissingExtra, match="older"):
            VllmBackend("any")

    @pytest.mark.skipif(REAL, reason="vLLM is installed")
    def test_without_vllm(self) -> None:
        with pytest.raises(MissingExtra, match=r"unswayed\[vllm\]"):
            open_backend("vllm:any/model")


def test_pebble_is_renamed_as_documented(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from unswayed.pebble import weights

    before, after = (load_file(d / "model.safetensors") for d in (weights(), _for_vllm(tmp_path)))
    older = {name for name in after if name.startswith("vision_tower.vision_model.")}
    assert older
    assert older == {name for name in after if "vision_tower" in name}
    result = {name.replace(".vision_model.", "."): value for name, value in after.items()}
    assert result.keys() == before.keys()
    assert all(torch.equal(result[name], before[name]) for name in before)


@pytest.mark.skipif(not REAL, reason="vLLM is not installed (extra: vllm)")
class TestRealVllm:
    def test_the_stand_in_has_its_names(self) -> None:
        import vllm
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        own = {f.name for f in fields(fake_vllm.SamplingParams)}
        assert own <= set(inspect.signature(vllm.SamplingParams).parameters)
        assert {f.name for f in fields(fake_vllm.AsyncEngineArgs)} <= {
            f.name for f in fields(vllm.AsyncEngineArgs)
        }
        assert "json" in {f.name for f in fields(StructuredOutputsParams)}
        assert RequestOutputKind.FINAL_ONLY.value == fake_vllm.RequestOutputKind.FINAL_ONLY.value
        ours = list(inspect.signature(fake_vllm.AsyncLLMEngine.generate).parameters.values())
        theirs = inspect.signature(vllm.AsyncLLMEngine.generate).parameters
        assert [p.name for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD] == list(theirs)[:4]
        assert all(p.name in theirs for p in ours)

    @pytest.mark.slow
    def test_texts_and_letters_of_pebble_equal_those_in_transformers(self, tmp_path: Path) -> None:
        folder = str(_for_vllm(tmp_path))
        options = "max_model_len=512,enforce_eager=true,max_num_seqs=16"
        inside = TransformersBackend(folder, device="cpu")
        outside = VllmBackend(f"{folder}:{options}", dtype="float32")
        questions = unswayed.load_questions("scenes", limit=12, seed=7)
        names = ["base", "stop-think", "wrong-think", "wrong-caption"]

        async def go() -> list[Any]:
            try:
                return [(await unswayed.audit(b, questions, names)).trials for b in (inside, outside)]
            finally:
                await outside.close()

        ours, theirs = asyncio.run(go())
        for name in ("text", "state", "prompt_tokens", "tokens"):
            assert theirs[name].to_pylist() == ours[name].to_pylist(), name
        for one, other in zip(theirs["letters"].to_pylist(), ours["letters"].to_pylist(), strict=True):
            assert one == pytest.approx(other, abs=1e-4)


def _for_vllm(home: Path) -> Path:
    """Pebble with its vision weights under the names that vLLM 0.32 knows, made as docs/engine.md says."""
    page = (ROOT / "docs" / "engine.md").read_text("utf-8")
    script = page.partition("## Pebble in vLLM")[2].partition("```python\n")[2].partition("```")[0]
    subprocess.run([sys.executable, "-c", script], cwd=home, check=True)
    return home / "pebble-vllm"
