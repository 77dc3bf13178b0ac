"""A model behind a server gives the same tokens and letter probabilities as in process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("aiohttp")

from chat_models import TinyModel
from chat_server import ChatServer, ServerBehaviour
from tiny_asks import prompt
from unswayed.answers.letter_probs import letter_prefill
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.model_io import Request, Sampling

pytest_plugins = ["tiny_fixtures"]

PREFILLS = ("", "<think>the red circle", "<think>look</think>")


@pytest.fixture(scope="module")
def served(loaded: dict[str, TransformersBackend]) -> Iterator[dict[str, ChatServer]]:
    model = TinyModel(loaded["llava"])
    with ChatServer(model) as exact, ChatServer(model, ServerBehaviour(letters="top", most_top=20)) as top:
        yield {"ids": exact, "top": top}


def behind(server: ChatServer, work: Any) -> Any:
    """What `work` makes of the model behind a server."""
    made = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url], concurrency=2))

    async def go() -> Any:
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(go())


def test_the_probe_sees_that_a_tiny_model_continues(served: dict[str, ChatServer]) -> None:
    result = behind(served["ids"], lambda b: b.capabilities())
    assert (result.prefill, result.letters, result.images) == ("continues", "exact", True)


def test_greedy_texts_are_those_of_the_model_in_process(
    served: dict[str, ChatServer], llava: TransformersBackend
) -> None:
    asked = [
        Request(prompt(i, prefill), Sampling(max_tokens=12, stop=("</answer>",)))
        for i in range(3)
        for prefill in PREFILLS
    ]
    inside = asyncio.run(llava.generate(asked))
    outside = behind(served["ids"], lambda b: b.generate(asked))
    assert [(g.text, g.finish, g.prompt_tokens, g.tokens) for g in outside] == [
        (g.text, g.finish, g.prompt_tokens, g.tokens) for g in inside
    ]


def test_letters_are_those_of_the_model_in_process(
    served: dict[str, ChatServer], llava: TransformersBackend
) -> None:
    asked = [prompt(i, letter_prefill("<think>", words)) for i, words in enumerate(["red", "the left", ""])]
    inside = asyncio.run(llava.score_letters(asked))
    outside = behind(served["ids"], lambda b: b.score_letters(asked))
    for one, other in zip(outside, inside, strict=True):
        assert one is not None
        assert other is not None
        # The vocabulary's own further spellings, such as a tab before a letter, are not asked for.
        assert one.p == pytest.approx(other.p, abs=1e-5)
        assert one.outside == pytest.approx(other.outside, abs=1e-5)


def test_the_likeliest_tokens_give_lower_bounds(
    served: dict[str, ChatServer], llava: TransformersBackend
) -> None:
    asked = [prompt(i, "<think>red</think><answer>") for i in range(3)]
    inside = asyncio.run(llava.score_letters(asked))
    outside = behind(served["top"], lambda b: b.score_letters(asked))
    for one, other in zip(outside, inside, strict=True):
        assert one is not None
        assert other is not None
        assert all(p <= q + 1e-5 for p, q in zip(one.p, other.p, strict=True))
        assert one.outside >= other.outside - 1e-5
