"""Requests on the wire, and replies as they are read."""

from __future__ import annotations

import base64
import json

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from http_asking import backend, generate, prompt, run, with_backend
from unswayed.conditions import STOP_THINK
from unswayed.model_io import (
    LetterScores,
    Request,
    Sampling,
)


@pytest.mark.parametrize("stop", ["told", "kept", "lost", "ignored"])
@pytest.mark.parametrize("prefill", ["", "<think>It is", STOP_THINK])
def test_the_text_is_that_of_the_model_up_to_its_stop_string(stop: str, prefill: str) -> None:
    model = HashModel()
    with ChatServer(model, ServerBehaviour(stop=stop)) as server:
        (result,) = generate(backend(server), Request(prompt(prefill), Sampling()))
        sent = [
            body for body in server.bodies.values() if body.get("seed") == 0 and body["max_tokens"] == 1024
        ]
    assert result.text == model.behind(prompt(prefill))
    assert result.finish == "stop"
    assert result.prompt_tokens == model.count(prompt(prefill))
    assert ("stop" in sent[0]) == (stop in ("told", "kept"))


def test_a_text_cut_by_the_token_limit_has_finish_length() -> None:
    with ChatServer(HashModel()) as server:
        (result,) = generate(backend(server), Request(prompt(), Sampling(max_tokens=3)))
    assert (result.finish, result.text) == ("length", HashModel().behind(prompt())[:12])


def test_a_thought_that_a_reasoning_parser_took_out_is_put_back() -> None:
    model = HashModel()
    with ChatServer(model, ServerBehaviour(parser=True)) as server:
        made = backend(server)
        result = generate(made, Request(prompt(), Sampling()), Request(prompt("<think>It is"), Sampling()))
    assert [g.text for g in result] == [model.behind(prompt()), model.behind(prompt("<think>It is"))]


def test_a_prefill_reaches_the_wire_byte_for_byte_with_the_flags() -> None:
    odd = "<think>  “Wrong” \n thought\ttrailing  "
    with ChatServer(HashModel()) as server:
        generate(backend(server), Request(prompt(odd), Sampling(), 77))
        (body,) = [b for b in server.bodies.values() if b.get("seed") == 77]
    assert body["messages"][-1] == {"role": "assistant", "content": odd}
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert (body["temperature"], body["top_p"], body["repetition_penalty"], body["top_k"]) == (0, 1, 1, -1)
    assert body["messages"][0] == {"role": "system", "content": "system"}


def test_pictures_are_sent_unchanged_and_encoded_once() -> None:
    made = None
    with ChatServer(HashModel()) as server:
        made = backend(server)
        result = run(made, 5, ["base", "wrong-caption", "wrong-think", "correct-think"], letters=False)
        asked = [b for b in server.bodies.values() if b.get("max_tokens") == 1024]
    shas = {sha for (sha,) in result.trials["image_sha256"].to_pylist()}
    assert {part["image_url"] for b in asked for part in b["messages"][1]["content"][:-1]} == shas
    assert len(asked) == 20
    assert made._builder.images.encoded == 5 + 1, "five questions and the probe's"


def test_the_last_pictures_are_kept_up_to_a_size() -> None:
    from unswayed.backends.openai.requests import ImageUrlCache

    kept = ImageUrlCache(max_bytes=5000)
    some = [b"\x89PNG" + bytes([i]) * 1000 for i in range(4)]
    urls = [kept.url(data) for data in some]
    assert [json.loads(url).split(",")[1] for url in urls] == [base64.b64encode(d).decode() for d in some]
    assert kept.url(some[3]) is urls[3]
    assert kept.encoded == 4
    assert kept.url(some[0]) == urls[0]
    assert kept.encoded == 5


@pytest.mark.parametrize("letters", ["ids", "top"])
def test_letters_are_summed_over_spellings_and_brackets(letters: str) -> None:
    model = HashModel()
    asked = prompt("<think>So.</think><answer>")
    with ChatServer(model, ServerBehaviour(letters=letters)) as server:
        (result,) = with_backend(backend(server), lambda b: b.score_letters([asked]))
    assert isinstance(result, LetterScores)
    assert result.p == pytest.approx(model.letters(asked), abs=2e-4)
    assert result.outside == pytest.approx(1 - sum(model.letters(asked)), abs=2e-4)


def test_letters_beyond_the_likeliest_tokens_show_as_mass_outside() -> None:
    model = HashModel()
    asked = prompt("<think>So.</think><answer>")
    with ChatServer(model, ServerBehaviour(letters="top", most_top=5)) as server:
        made = backend(server)
        (result,) = with_backend(made, lambda b: b.score_letters([asked]))
    assert "letters: the 5 likeliest tokens" in made.facts["seen"]
    assert result.outside > 1 - sum(model.letters(asked)) + 1e-3
    assert all(p <= q + 1e-9 for p, q in zip(result.p, model.letters(asked), strict=True))


def test_a_question_keeps_its_encoded_picture_for_its_letters() -> None:
    with ChatServer(HashModel()) as server:
        made = backend(server, concurrency=128)
        run(made, 300, ["base"])
    assert made._builder.images.encoded == 300 + 1, "three hundred questions and the probe's"
