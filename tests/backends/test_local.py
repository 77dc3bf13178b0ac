"""A model in this process: results are exact, and independent of the rest of the batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models  # noqa: E402
from tiny_asks import KINDS, ask, inputs_of, prompt, score, sized, token_of  # noqa: E402
from unswayed.backends.transformers.backend import TransformersBackend  # noqa: E402
from unswayed.backends.transformers.decoding import TokenSampler  # noqa: E402
from unswayed.backends.transformers.letters import LetterTokens  # noqa: E402
from unswayed.conditions import Prompt  # noqa: E402
from unswayed.model_io import Request, Sampling  # noqa: E402

pytest_plugins = ["tiny_fixtures"]


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
        real = TokenSampler.logits

        def counted(self: TokenSampler, ids: Any, scores: Any) -> Any:
            sizes.append(len(ids))
            return real(self, ids, scores)

        monkeypatch.setattr(TokenSampler, "logits", counted)
        result = ask(llava, requests)
        assert result[7].tokens is not None
        assert result[7].tokens > 20
        assert sum(sizes) < 20 * result[7].tokens / 2

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
        inputs = inputs_of(backend, asked)
        out = backend._model.generate(**inputs, max_new_tokens=20, do_sample=False, repetition_penalty=1.0)
        tokens = out[0, inputs["input_ids"].shape[1] :].tolist()
        end = backend._processor.tokenizer.eos_token_id
        if end in tokens:
            tokens = tokens[: tokens.index(end)]
        (result,) = ask(backend, [Request(asked, Sampling(max_tokens=20, stop=()))])
        assert result.text == backend._processor.tokenizer.decode(tokens)
        assert result.prompt_tokens == inputs["input_ids"].shape[1]

    @pytest.mark.parametrize("bracket", [0.0, 0.7])
    @pytest.mark.parametrize("kind", KINDS)
    def test_letters_from_the_full_softmax(
        self, loaded: dict[str, TransformersBackend], kind: str, bracket: float
    ) -> None:
        backend, asked = loaded[kind], prompt(2, "<think>the</think><answer>")
        head, token = backend._model.get_output_embeddings(), token_of(backend, "(")
        before = head.weight[token].detach().clone()
        with torch.no_grad():
            if bracket:  # the bracket of its own becomes as likely as that
                result = backend._model(**inputs_of(backend, asked), output_hidden_states=True)
                hidden, logits = result.hidden_states[-1][0, -1], result.logits[0, -1]
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
        result = LetterTokens(tokenizer, len(tokenizer) + 3)
        ids = tokenizer.convert_tokens_to_ids
        assert [int(result.direct[ids(t)]) for t in ("A", "B", "(A)", " (B)")] == [0, 1, 0, 1]
        assert [int(result.behind[ids(t)]) for t in ("A", "(A)")] == [0, 27]
        assert ids("(") in result.brackets.tolist()
        assert int(result.direct[ids("a")]) == int(result.direct[-1]) == 27


def _letters_by_hand(backend: TransformersBackend, asked: Prompt) -> list[float]:
    """P(A) .. P(D): tiny tokenizers know "A" to "D", "(A)" and " (B)", and the bracket."""
    inputs = inputs_of(backend, asked)
    bracket = token_of(backend, "(")
    first = torch.softmax(backend._model(**inputs).logits[0, -1].double(), -1)
    grown = dict(inputs)
    grown["input_ids"] = torch.nn.functional.pad(inputs["input_ids"], (0, 1), value=bracket)
    grown["attention_mask"] = torch.ones_like(grown["input_ids"])
    if "mm_token_type_ids" in grown:
        grown["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, 1))
    second = torch.softmax(backend._model(**grown).logits[0, -1].double(), -1)
    whole = {"A": ["A", "(A)"], "B": ["B", " (B)"], "C": ["C"], "D": ["D"]}
    result = []
    for letter, spellings in whole.items():
        p = sum(float(first[token_of(backend, spelling)]) for spelling in spellings)
        behind = float(first[bracket] * second[token_of(backend, letter)])
        result.append(p + (behind if first[bracket] > 1e-3 else 0.0))
    return result
