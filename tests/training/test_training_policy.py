"""Entropies and KL of a model's own words, against sums written out."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

import tiny_models
from unswayed import conditions
from unswayed.backends.transformers import loading
from unswayed.backends.transformers.decoding import TokenDecoder
from unswayed.benchmarks import registry
from unswayed.cues import write
from unswayed.model_io import Request, Sampling
from unswayed.training.token_stats import (
    RecordingBackend,
    TokenStats,
    entropy_and_kl,
    thought_token_count,
    token_measures,
)


def test_entropy_and_divergence_are_the_sums_of_the_books() -> None:
    even, sure = torch.zeros(1, 4), torch.tensor([[0.0, -math.inf, -math.inf, -math.inf]])
    half = torch.tensor([[0.0, 0.0, -math.inf, -math.inf]])
    assert entropy_and_kl(even, None)[0] == pytest.approx([math.log(4)])
    assert entropy_and_kl(sure, None)[0] == pytest.approx([0.0])
    entropy, kl = entropy_and_kl(half, even)
    assert kl is not None
    assert (entropy[0], kl[0]) == pytest.approx((math.log(2), math.log(2)))
    torch.manual_seed(0)
    p, q = torch.randn(3, 50), torch.randn(3, 50)
    kl = entropy_and_kl(p, q)[1]
    assert kl is not None
    known = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=p), torch.distributions.Categorical(logits=q)
    )
    assert kl == pytest.approx(known.numpy(), rel=1e-5)
    same = entropy_and_kl(p, p)[1]
    assert same is not None
    assert (same == 0).all()


class Letters:
    """A token a character."""

    def decode(self, ids: list[int], **_: object) -> str:
        return "".join(map(chr, ids))


@pytest.mark.parametrize(
    ("begun", "text", "thought"),
    [
        ("", "<think>ab</think><answer>(A)", "<think>ab</think>"),
        ("<think>It is red.", " So</think> (A)", " So</think>"),
        ("<think>done</think>", "<answer>(A)", ""),
        ("", "(A)", ""),
        ("", "<think>on and on", "<think>on and on"),
        ("<think>x", " y <answer>(B)</answer>", " y "),
        ("", "<think>a</think>b<think>c</think>d", "<think>a</think>b<think>c</think>"),
    ],
)
def test_the_thought_ends_where_the_reading_says(begun: str, text: str, thought: str) -> None:
    tokens = [ord(c) for c in text] + [0]
    found = thought_token_count(TokenDecoder(Letters(), [0], []), [], tokens, begun)
    assert found == (len(tokens) if thought == text else len(thought)), (
        "an end token ends what it stands behind"
    )


def test_a_long_thought_weighs_no_more_than_a_short_one() -> None:
    long = TokenStats(np.r_[np.ones(9), 5.0], np.r_[np.zeros(9), 1.0], 9)
    short = TokenStats(np.array([3.0, 5.0]), np.array([2.0, 2.0]), 1)
    found = token_measures([(long, "a"), (short, "b")])
    assert found["thought_entropy"].value == 2.0
    assert found["answer_entropy"].value == 5.0
    assert found["kl_start"].value == pytest.approx((0.1 + 2) / 2)
    assert (found["kl_start_thought"].value, found["kl_start_answer"].value) == (1.0, 1.5)
    alone = token_measures([(TokenStats(np.ones(2), None, 0), "a")])
    assert set(alone) == {"answer_entropy"}, "no thought, and no start"


def test_what_was_said_is_read_as_it_was_drawn(tmp_path: Path) -> None:
    """Batched and padded as it comes, against one plain forward pass a generation."""
    torch.set_num_threads(1)
    path = str(tiny_models.llava(tmp_path))
    model = loading.load_model(
        path, loading.load_config(path), dtype=torch.float32, revision=None, trust_remote_code=False
    )
    first = copy.deepcopy(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.01)
    processor = loading.load_processor(path)
    backend = RecordingBackend.wrap(model, processor, name="tiny", batch_size=4)
    requests = []
    for n, question in enumerate(registry.load("scenes", split="dev", limit=3)):
        images = tuple(image.read() for image in question.images)
        for name in ("base", "wrong-think"):
            prompt = conditions.build_prompt(question, write(question, 0), conditions.condition(name), images)
            assert isinstance(prompt, conditions.Prompt)
            requests.append(Request(prompt, Sampling(max_tokens=5 + n), seed=len(requests)))
    said = asyncio.run(backend.generate(requests))
    found = asyncio.run(backend.token_stats(lambda: contextlib.nullcontext(first)))
    assert set(found) == set(range(len(requests)))
    for i, (request, generation) in enumerate(zip(requests, said, strict=True)):
        text = backend._renderer.render(request.prompt).text
        from unswayed.images import open_rgb

        inputs = processor(
            text=[text], images=[[open_rgb(d, "") for d in request.prompt.images]], return_tensors="pt",
            add_special_tokens=backend._renderer.adds_special_tokens(text),
        )  # fmt: skip
        n = len(generation.ids)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([generation.ids])], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        with torch.no_grad():
            p, q = (
                torch.distributions.Categorical(logits=m(**inputs).logits[0, -n - 1 : -1])
                for m in (model, first)
            )
        assert found[i].entropy == pytest.approx(p.entropy().numpy(), rel=1e-4)
        expected = torch.distributions.kl_divergence(p, q).numpy()
        assert found[i].kl == pytest.approx(expected, rel=1e-2, abs=1e-5)
