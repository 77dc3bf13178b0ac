"""A model in this process: what a request gets is its own, exact, and independent of its neighbours."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models  # noqa: E402
from unswayed.backends import batches, processors  # noqa: E402
from unswayed.backends.base import Generation, LetterScores, Request, Sampling  # noqa: E402
from unswayed.backends.batches import Batcher  # noqa: E402
from unswayed.backends.decoding import Draw, Row, Words, draw, first_stop  # noqa: E402
from unswayed.backends.letters_local import Spellings  # noqa: E402
from unswayed.backends.local import TransformersBackend  # noqa: E402
from unswayed.backends.processors import load_processor  # noqa: E402
from unswayed.backends.render import Renderer  # noqa: E402
from unswayed.backends.weights import _hashed, folder_revision  # noqa: E402
from unswayed.conditions import Prompt  # noqa: E402
from unswayed.errors import BackendError, BadInput, MissingExtra  # noqa: E402

KINDS: dict[str, Callable[[Path], Path]] = {
    "llava": tiny_models.llava,
    "idefics": tiny_models.idefics,
    "qwen": tiny_models.qwen,
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: make(root / name) for name, make in KINDS.items()}


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, TransformersBackend]:
    return {name: TransformersBackend(str(folder), device="cpu") for name, folder in folders.items()}


@pytest.fixture
def llava(loaded: dict[str, TransformersBackend]) -> TransformersBackend:
    return loaded["llava"]


def prompt(i: int = 0, prefill: str = "", pictures: int = 1, options: int = 4) -> Prompt:
    """Prompts of differing length, pictures of differing size."""
    images = tuple(tiny_models.picture(10 * i + j, 40 + 12 * i, 40 + 7 * j) for j in range(pictures))
    words = "how many red circle left of the blue square " * (1 + i % 3)
    return Prompt("look.", words, prefill, images, tuple(f"o{k}" for k in range(options)))


def ask(backend: TransformersBackend, requests: list[Request]) -> list[Generation]:
    return asyncio.run(backend.generate(requests))


def score(backend: TransformersBackend, prompts: list[Prompt]) -> list[LetterScores | None]:
    return asyncio.run(backend.score_letters(prompts))


def sized(backend: TransformersBackend, rows: int) -> TransformersBackend:
    """The same model, asked in batches of `rows`."""
    return TransformersBackend.wrap(backend._model, backend._processor, name=backend.name, batch_size=rows)


def mixed(sampling: Sampling) -> list[Request]:
    """Long and short, with and without prefill, no, one and two pictures, all limits different."""
    requests = []
    for i in range(11):
        asked = prompt(i, "<think>I think the circle" if i % 2 else "", pictures=(1, 1, 2, 0)[i % 4])
        requests.append(Request(asked, replace(sampling, max_tokens=3 + 4 * i), seed=i))
    return requests


class TestIndependence:
    """Batched equals one by one."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_greedy_texts(self, loaded: dict[str, TransformersBackend], kind: str) -> None:
        requests = mixed(Sampling())
        alone = [ask(loaded[kind], [request])[0] for request in requests]
        assert all(g.finish in ("stop", "length") for g in alone)
        assert len({g.text for g in alone}) > 8
        for backend in (loaded[kind], sized(loaded[kind], 3), sized(loaded[kind], 1)):
            together = ask(backend, requests)
            assert [(g.text, g.finish, g.tokens) for g in together] == [
                (g.text, g.finish, g.tokens) for g in alone
            ]
            assert [g.prompt_tokens for g in together] == [g.prompt_tokens for g in alone]

    @pytest.mark.parametrize("kind", KINDS)
    def test_letter_probabilities(self, loaded: dict[str, TransformersBackend], kind: str) -> None:
        prompts = [prompt(i, "<think>the " * (i + 1) + "</think><answer>", i % 3) for i in range(8)]
        together = score(loaded[kind], prompts)
        for one, asked in zip(together, prompts, strict=True):
            alone = score(loaded[kind], [asked])[0]
            assert one is not None
            assert alone is not None
            assert one.p == pytest.approx(alone.p, abs=1e-5)
            assert len(one.p) == 4
            assert 0 < sum(one.p) <= 1

    @pytest.mark.parametrize("kind", KINDS)
    def test_draws(self, loaded: dict[str, TransformersBackend], kind: str) -> None:
        requests = mixed(Sampling(temperature=0.8, top_p=0.9))
        alone = [ask(loaded[kind], [request])[0].text for request in requests]
        assert [g.text for g in ask(loaded[kind], requests)] == alone
        assert [g.text for g in ask(sized(loaded[kind], 4), requests[::-1])] == alone[::-1]
        others = [replace(request, seed=request.seed + 100) for request in requests]
        different = [a != b.text for a, b in zip(alone, ask(loaded[kind], others), strict=True)]
        assert sum(different) >= len(different) - 2

    def test_long_texts_do_not_hold_up_short_ones(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        requests = [Request(prompt(i), Sampling(max_tokens=3, stop=()), i) for i in range(20)]
        requests[7] = replace(requests[7], sampling=Sampling(1.0, max_tokens=300, stop=()))
        sizes = []
        real = Draw.logits

        def counted(self: Draw, ids: Any, scores: Any) -> Any:
            sizes.append(len(ids))
            return real(self, ids, scores)

        monkeypatch.setattr(Draw, "logits", counted)
        found = ask(llava, requests)
        assert found[7].tokens is not None
        assert found[7].tokens > 20
        assert sum(sizes) < 20 * found[7].tokens / 2

    @pytest.mark.parametrize("kind", KINDS)
    def test_pictures_are_seen(self, loaded: dict[str, TransformersBackend], kind: str) -> None:
        one = prompt(0)
        other = replace(one, images=(tiny_models.picture(99),))
        p, q = score(loaded[kind], [replace(p, prefill="<answer>") for p in (one, other)])
        assert p is not None
        assert q is not None
        assert p.p != pytest.approx(q.p, rel=1e-3)


class TestExactness:
    """The same numbers as the model gives without this backend."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_greedy_is_the_models_own(self, loaded: dict[str, TransformersBackend], kind: str) -> None:
        backend = loaded[kind]
        asked = prompt(1, "<think>look")
        inputs = _inputs(backend, asked)
        out = backend._model.generate(**inputs, max_new_tokens=20, do_sample=False, repetition_penalty=1.0)
        tokens = out[0, inputs["input_ids"].shape[1] :].tolist()
        end = backend._processor.tokenizer.eos_token_id
        if end in tokens:
            tokens = tokens[: tokens.index(end)]
        (found,) = ask(backend, [Request(asked, Sampling(max_tokens=20, stop=()))])
        assert found.text == backend._processor.tokenizer.decode(tokens)
        assert found.prompt_tokens == inputs["input_ids"].shape[1]

    @pytest.mark.parametrize("bracket", [0.0, 0.7])
    @pytest.mark.parametrize("kind", KINDS)
    def test_letters_from_the_full_softmax(
        self, loaded: dict[str, TransformersBackend], kind: str, bracket: float
    ) -> None:
        backend, asked = loaded[kind], prompt(2, "<think>the</think><answer>")
        head, token = backend._model.get_output_embeddings(), _token(backend, "(")
        before = head.weight[token].detach().clone()
        with torch.no_grad():
            if bracket:  # the bracket of its own becomes as likely as that
                found = backend._model(**_inputs(backend, asked), output_hidden_states=True)
                hidden, logits = found.hidden_states[-1][0, -1], found.logits[0, -1]
                rest = torch.cat([logits[:token], logits[token + 1 :]]).logsumexp(0)
                wanted = rest + torch.tensor(bracket / (1 - bracket)).log()
                head.weight[token] += (wanted - logits[token]) * hidden / hidden.dot(hidden)
            try:
                expected = _letters_by_hand(backend, asked)
                (scores,) = score(backend, [asked])
            finally:
                head.weight[token] = before
        assert scores is not None
        assert scores.p == pytest.approx(expected, abs=1e-6)
        assert sum(expected) > 0

    def test_spellings(self) -> None:
        tokenizer = tiny_models.tokenizer()
        found = Spellings(tokenizer, len(tokenizer) + 3)
        ids = tokenizer.convert_tokens_to_ids
        assert [int(found.direct[ids(t)]) for t in ("A", "B", "(A)", " (B)")] == [0, 1, 0, 1]
        assert [int(found.behind[ids(t)]) for t in ("A", "(A)")] == [0, 27]
        assert ids("(") in found.brackets.tolist()
        assert int(found.direct[ids("a")]) == int(found.direct[-1]) == 27


class TestDraw:
    def test_frequencies_follow_the_model(self, llava: TransformersBackend) -> None:
        seed, n = 20, 600
        print("seed", seed)
        asked = prompt(0)
        hot = Sampling(temperature=1.5, max_tokens=1, stop=())
        with torch.no_grad():
            logits = llava._model(**_inputs(llava, asked)).logits[0, -1]
        p = torch.softmax(logits.double() / hot.temperature, -1).numpy()
        rows = [Row(hot, np.random.default_rng(seed + i), 1) for i in range(n)]
        counts = Counter(draw(logits.expand(n, -1), rows))
        drawn = ask(llava, [Request(asked, hot, seed + i) for i in range(60)])
        likely = [int(i) for i in np.argsort(-p) if n * p[i] >= 5]
        seen = [counts[i] for i in likely]
        expected = [n * p[i] for i in likely]
        seen.append(n - sum(seen))
        expected.append(n - sum(expected))
        assert stats.chisquare(seen, expected).pvalue > 1e-3
        alone = draw(logits.expand(60, -1), [Row(hot, np.random.default_rng(seed + i), 1) for i in range(60)])
        assert [g.text for g in drawn if g.tokens == 1 and g.finish == "length"] == [
            llava._words.text((), [t]) for t in alone if t not in llava._words.ends
        ]

    def test_top_p_keeps_the_smallest_sufficient_set(self) -> None:
        p = torch.tensor([[0.05, 0.5, 0.3, 0.15]]).log()
        for top_p, kept in ((1e-9, {1}), (0.5, {1}), (0.79, {1, 2}), (0.9, {1, 2, 3}), (1.0, {0, 1, 2, 3})):
            rows = [Row(Sampling(1.0, top_p), np.random.default_rng(i), 1) for i in range(300)]
            assert set(draw(p.expand(300, -1), rows)) == kept

    def test_improbable_tokens_are_never_drawn(self) -> None:
        logits = torch.full((1, 50), -1e9)
        logits[0, 7] = 0.0
        rows = [Row(Sampling(1.0), np.random.default_rng(i), 1) for i in range(50)]
        assert set(draw(logits.expand(50, -1), rows)) == {7}


def scripted(tokenizer: Any, texts: list[str], sampling: Sampling, end: bool = False) -> list[Row]:
    """Rows that `Draw` has led through given texts."""
    tokens = [tokenizer(t)["input_ids"] + [tokenizer.eos_token_id] * end for t in texts]
    rows = [Row(sampling, np.random.default_rng(0), sampling.max_tokens) for _ in texts]
    driver = Draw(rows, Words(tokenizer, {tokenizer.eos_token_id}, ()), tokenizer.pad_token_id, Event())
    for step in range(max(map(len, tokens))):
        scores = torch.zeros(len(rows), len(tokenizer))
        for i, ids in enumerate(tokens):
            scores[i, ids[min(step, len(ids) - 1)]] = 9.0
        driver.logits(torch.zeros(len(rows), 1), scores)
    return rows


class TestEnd:
    """Where a text ends, byte for byte."""

    @pytest.mark.parametrize("stop", ["</answer>", "</a", "é", " of"])
    def test_cut_behind_the_first_stop_string(self, stop: str) -> None:
        text = f"<think> é\n is </think > <answer>(A){stop}"
        (row,) = scripted(tiny_models.tokenizer(), [text + " is left"], Sampling(stop=(stop,)))
        assert row.text == text[: text.find(stop) + len(stop)]
        assert row.finish == "stop"

    def test_each_row_has_its_own_end(self) -> None:
        texts = ["the </answer> red", "the red circle is </answer>", "of"]
        rows = scripted(tiny_models.tokenizer(), texts, Sampling(), end=True)
        assert [row.text for row in rows] == ["the </answer>", "the red circle is </answer>", "of"]
        assert {row.finish for row in rows} == {"stop"}

    def test_tags_that_are_special_tokens_stay_and_the_end_token_goes(self) -> None:
        tokenizer = tiny_models.tokenizer()
        text = "<think>red</think><answer>(A)"
        skipped = tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True)
        assert "<think>" not in skipped
        (row,) = scripted(tokenizer, [text], Sampling(), end=True)
        assert row.text == text
        assert row.tokens[-1] == tokenizer.eos_token_id

    def test_length(self) -> None:
        (row,) = scripted(tiny_models.tokenizer(), [" the red circle is left"], Sampling(max_tokens=3))
        assert (row.finish, row.text, len(row.tokens)) == ("length", " the red circle", 3)

    def test_the_stop_string_that_is_complete_first(self) -> None:
        assert first_stop("ab</answer>c", ("c", "</answer>")) == 11
        assert first_stop("abc", ("c", "bc", "")) == 3
        assert first_stop("abc", ("d",)) is None


class TestRendering:
    def rendered(self, template: str, asked: Prompt) -> tuple[Renderer, Any]:
        renderer = Renderer(_Processor(template), "model")
        return renderer, renderer.render(asked)

    @pytest.mark.parametrize("template", ["TEMPLATE", "THINKING", "NO_SYSTEM"])
    @pytest.mark.parametrize("prefill", ["<think>I look ", "<think>Okay.</think>", "<answer>", " x\n"])
    def test_ends_in_exactly_the_prefill(self, template: str, prefill: str) -> None:
        renderer, found = self.rendered(getattr(tiny_models, template), prompt(0, prefill))
        assert found.text.endswith("<|assistant|>" + prefill)
        assert found.given == ""
        assert renderer.continues()

    def test_a_thought_that_the_template_opens_is_told(self) -> None:
        renderer, found = self.rendered(tiny_models.THINKING, prompt(0))
        assert found.text.endswith("<|assistant|><think>\n")
        assert found.given == "<think>\n"
        assert "begins the assistant's turn" in renderer.notes[0]

    def test_text_and_letters_agree_about_an_opened_thought(self, tmp_path: Path) -> None:
        backend = TransformersBackend(str(tiny_models.llava(tmp_path, template=tiny_models.THINKING)))
        asked = prompt(0)
        (found,) = ask(backend, [Request(asked, Sampling(max_tokens=4))])
        assert found.text.startswith("<think>\n")
        again = backend._renderer.render(replace(asked, prefill=found.text))
        assert again.text.count("<think>") == 1
        assert again.text == backend._renderer.render(asked).text + found.text.removeprefix("<think>\n")

    def test_without_a_system_role_the_user_says_it(self) -> None:
        renderer, found = self.rendered(tiny_models.NO_SYSTEM, prompt(0))
        assert found.text.startswith("<|user|><image>look.\n\nhow many")
        assert "no system role" in renderer.notes[0]

    def test_system_role(self) -> None:
        renderer, found = self.rendered(tiny_models.TEMPLATE, prompt(0, pictures=2))
        assert found.text.startswith("<|system|>look.<|end|><|user|><image><image>how many")
        assert renderer.notes == ()

    def test_no_template(self) -> None:
        with pytest.raises(BadInput, match=r"no chat template; put a chat_template\.jinja"):
            Renderer(_Processor(""), "model")

    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("{{ raise_exception('never') }}", "cannot render a plain question .*never"),
            ("fixed", "cannot render a plain question"),
            (tiny_models.TEMPLATE.replace("'IMAGE'", "''"), "shows 0 of 1 pictures"),
        ],
    )
    def test_templates_of_no_use(self, template: str, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            self.rendered(template, prompt(0))

    def test_the_image_token_in_a_text_is_no_picture(self) -> None:
        with pytest.raises(BadInput, match="contains '<image>'"):
            self.rendered(tiny_models.TEMPLATE, replace(prompt(0), text="what is <image> here?"))


class _Processor:
    """Just the rendering half of a processor."""

    image_token = "<image>"

    def __init__(self, template: str) -> None:
        self.tokenizer = tiny_models.tokenizer(template=template)
        self.chat_template = self.tokenizer.chat_template

    def apply_chat_template(self, messages: Any, **how: Any) -> Any:
        return self.tokenizer.apply_chat_template(messages, **how)


class TestFailures:
    def test_a_bad_picture_concerns_its_request_only(self, llava: TransformersBackend) -> None:
        good = [Request(prompt(i), Sampling(max_tokens=5)) for i in range(3)]
        bad = replace(good[1], prompt=replace(good[1].prompt, images=(b"no picture",)))
        found = ask(llava, [good[0], bad, good[2]])
        assert [g.finish == "error" for g in found] == [False, True, False]
        assert "not a picture" in str(found[1].error)
        assert [found[0].text, found[2].text] == [g.text for g in ask(llava, [good[0], good[2]])]
        assert [s is None for s in score(llava, [r.prompt for r in (good[0], bad)])] == [False, True]

    def test_a_prompt_that_the_processor_refuses(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Batcher._inputs

        def picky(self: Batcher, batch: Any, album: Any) -> Any:
            if any(item.place == 2 for item in batch):
                raise TypeError("no such picture")
            return real(self, batch, album)

        requests = [Request(prompt(i), Sampling(max_tokens=5)) for i in range(5)]
        whole = ask(llava, requests)
        monkeypatch.setattr(Batcher, "_inputs", picky)
        found = ask(llava, requests)
        assert found[2].error == "the model's processor refuses this prompt: no such picture"
        assert [g.text for i, g in enumerate(found) if i != 2] == [
            g.text for i, g in enumerate(whole) if i != 2
        ]

    @pytest.mark.parametrize("sampling", [Sampling(max_tokens=9), Sampling(1.0, max_tokens=9)])
    def test_out_of_memory_halves_the_batch(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch, sampling: Sampling
    ) -> None:
        requests = [Request(prompt(i % 3), sampling, i) for i in range(7)]
        whole = ask(llava, requests)
        backend, sizes = sized(llava, 7), []
        real, steps = Draw.logits, Counter[int]()

        def small(self: Draw, ids: Any, scores: Any) -> Any:
            steps[id(self)] += 1
            sizes.append(len(ids))
            if len(ids) > 2 and steps[id(self)] == 3:  # half-way through a text
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(self, ids, scores)

        monkeypatch.setattr(Draw, "logits", small)
        assert [g.text for g in ask(backend, requests)] == [g.text for g in whole]
        assert max(sizes) == 7
        assert sizes[-1] <= 2

    def test_out_of_memory_with_one_prompt(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(llava._model, "generate", never)
        found = ask(sized(llava, 4), [Request(prompt(i), Sampling(max_tokens=5)) for i in range(3)])
        assert {g.finish for g in found} == {"error"}
        assert all("use a smaller dtype" in str(g.error) for g in found)

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
        found = ask(llava, [Request(p, Sampling(max_tokens=500, stop=())) for p in (long, short)])
        assert found[0].finish == "error"
        assert "the model takes 512 in all" in str(found[0].error)
        assert found[1].finish in ("length", "stop")
        assert found[1].prompt_tokens is not None
        assert found[1].tokens is not None
        total = found[1].prompt_tokens + found[1].tokens
        assert total == 512 if found[1].finish == "length" else total <= 512

    def test_each_picture_is_decoded_once(
        self, llava: TransformersBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, opened = batches.open_rgb, []

        def counted(data: bytes, name: str) -> Any:
            opened.append(data)
            return real(data, name)

        monkeypatch.setattr(batches, "open_rgb", counted)
        requests = [Request(prompt(i % 3, "<think>" * (i % 2)), Sampling(max_tokens=2)) for i in range(12)]
        found = ask(llava, requests)
        assert len(opened) == 3
        monkeypatch.setattr(batches, "MOST_PIXELS", 10)  # no room for two
        assert [g.text for g in ask(llava, requests)] == [g.text for g in found]

    def test_nothing_asked(self, llava: TransformersBackend) -> None:
        assert ask(llava, []) == []
        assert score(llava, []) == []


class TestLiveModel:
    def test_left_as_it_was_found(self, llava: TransformersBackend) -> None:
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
            loss = model(**_inputs(llava, prompt(0))).logits.sum()
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
            found = asyncio.run(backend.capabilities())
            assert (found.prefill, found.letters, found.images, found.seeded) == (
                "continues",
                "exact",
                True,
                True,
            )


class TestLoading:
    def test_names(self, loaded: dict[str, TransformersBackend], folders: dict[str, Path]) -> None:
        assert {name: backend.name for name, backend in loaded.items()} == {name: name for name in KINDS}
        assert TransformersBackend(str(folders["llava"]), name="other").name == "other"
        assert loaded["llava"].revision.startswith("sha256:")

    def test_revision_follows_the_files(self, folders: dict[str, Path], tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders["llava"], copy)
        assert folder_revision(copy) == folder_revision(folders["llava"])
        (copy / "README.md").write_text("words")
        assert folder_revision(copy) == folder_revision(folders["llava"])
        weights = copy / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        assert folder_revision(copy) != folder_revision(folders["llava"])

    def test_large_folders_are_sampled(self, tmp_path: Path) -> None:
        file = tmp_path / "model.safetensors"
        file.write_bytes(bytes(3 * 2**20))
        name = ((str(file), 3 * 2**20, 0),)
        found = _hashed(str(tmp_path), name, 2**20)
        assert found.startswith("sha256-sampled:")
        file.write_bytes(bytes(3 * 2**20 - 1) + b"x")
        _hashed.cache_clear()
        assert _hashed(str(tmp_path), name, 2**20) != found

    def test_qwen_without_video(self, folders: dict[str, Path]) -> None:
        processor = load_processor(str(folders["qwen"]))
        assert processor.image_processor is not None
        assert getattr(processor, "video_processor", None) is None or _has_torchvision()

    def test_qwen_as_on_the_hub(self, folders: dict[str, Path], tmp_path: Path) -> None:
        """Published folders name the torchvision class, and keep the template in a file of its own."""
        copy = tmp_path / "copy"
        shutil.copytree(folders["qwen"], copy)
        whole = json.loads((copy / "processor_config.json").read_text())
        pictures = {**whole["image_processor"], "processor_class": "Qwen2_5_VLProcessor"}
        for kind in ("Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast"):
            pictures["image_processor_type"] = kind
            (copy / "preprocessor_config.json").write_text(json.dumps(pictures))
            (copy / "processor_config.json").unlink(missing_ok=True)
            backend = TransformersBackend(str(copy))
            request = Request(prompt(3, "<think>red"), Sampling(max_tokens=8))
            (found,) = ask(backend, [request])
            (expected,) = ask(TransformersBackend(str(folders["qwen"])), [request])
            assert found.text == expected.text

    @pytest.mark.parametrize("missing", ["torch", "transformers"])
    def test_without_the_extra(self, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processors, "find_spec", lambda name: None if name == missing else object())
        with pytest.raises(MissingExtra, match=rf"needs {missing}: pip install 'unswayed\[local\]'"):
            TransformersBackend("any")

    @pytest.mark.parametrize("path", ["/no/such/folder", "./nowhere", "just-a-name", "a/b/c"])
    def test_no_folder(self, path: str) -> None:
        with pytest.raises(BadInput, match="there is no such folder"):
            TransformersBackend(path)

    def test_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"holds no config\.json"):
            TransformersBackend(str(tmp_path))

    def test_text_only_model(self, tmp_path: Path) -> None:
        from transformers import Qwen2Config

        Qwen2Config(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(tmp_path)
        with pytest.raises(BadInput, match="'qwen2' model does not take pictures"):
            TransformersBackend(str(tmp_path))

    def test_broken_config(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
        with pytest.raises(BadInput, match="configuration cannot be read"):
            TransformersBackend(str(tmp_path))

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_image_processor(self, folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders[kind], copy)
        (copy / "processor_config.json").unlink()
        with pytest.raises(BadInput, match=r"processor"):
            load_processor(str(copy))

    def test_damaged_weights(self, folders: dict[str, Path], tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders["llava"], copy)
        (copy / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
        with pytest.raises(BadInput, match="the model cannot be loaded"):
            TransformersBackend(str(copy))

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"device": "toaster"}, "device is 'toaster'"),
            ({"dtype": "int8"}, "dtype is 'int8'"),
            ({"dtype": "softmax"}, "dtype is 'softmax'"),
            ({"batch_size": 0}, "batch size is 0"),
        ],
    )
    def test_options(self, folders: dict[str, Path], options: Any, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            TransformersBackend(str(folders["llava"]), **options)


def _has_torchvision() -> bool:
    from importlib.util import find_spec

    return find_spec("torchvision") is not None


def _inputs(backend: TransformersBackend, asked: Prompt) -> Any:
    """Tensors of one prompt, made with the processor alone."""
    import io

    from PIL import Image as PILImage

    pictures = [PILImage.open(io.BytesIO(data)).convert("RGB") for data in asked.images]
    text = backend._renderer.render(asked).text
    return dict(backend._processor(text=[text], images=[pictures] if pictures else None, return_tensors="pt"))


def _token(backend: TransformersBackend, text: str) -> int:
    return int(backend._processor.tokenizer.convert_tokens_to_ids(text))


def _letters_by_hand(backend: TransformersBackend, asked: Prompt) -> list[float]:
    """P(A) .. P(D): tiny tokenizers know "A" to "D", "(A)" and " (B)", and the bracket."""
    inputs = _inputs(backend, asked)
    bracket = _token(backend, "(")
    first = torch.softmax(backend._model(**inputs).logits[0, -1].double(), -1)
    grown = dict(inputs)
    grown["input_ids"] = torch.nn.functional.pad(inputs["input_ids"], (0, 1), value=bracket)
    grown["attention_mask"] = torch.ones_like(grown["input_ids"])
    if "mm_token_type_ids" in grown:
        grown["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, 1))
    second = torch.softmax(backend._model(**grown).logits[0, -1].double(), -1)
    whole = {"A": ["A", "(A)"], "B": ["B", " (B)"], "C": ["C"], "D": ["D"]}
    found = []
    for letter, spellings in whole.items():
        p = sum(float(first[_token(backend, spelling)]) for spelling in spellings)
        behind = float(first[bracket] * second[_token(backend, letter)])
        found.append(p + (behind if first[bracket] > 1e-3 else 0.0))
    return found
