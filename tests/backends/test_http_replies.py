"""Unusual replies: errors of status 200, thoughts, parts, log-probabilities; and picture formats."""

from __future__ import annotations

import contextlib
import io
import json
import math
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from chat_models import HashModel
from chat_server import ChatServer
from http_asking import backend, generate, prompt, with_backend
from unswayed.answers.parser import read
from unswayed.backends.openai.logprobs import letter_probs_by_text
from unswayed.backends.openai.requests import media_type
from unswayed.backends.openai.responses import (
    Malformed,
    error_in,
    first_token_probs,
    read_generation,
    split_content,
)
from unswayed.backends.openai.sse import StreamAssembler, StreamError
from unswayed.errors import BadImage
from unswayed.model_io import LetterScores, Request, Sampling

STOP = ("</answer>",)
BOATS = ("red boat", "white boat", "green buoy", "no boat")
ERROR = {"message": "GPU 3 fell off the bus", "type": "InternalServerError"}


def reply(message: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}


@pytest.mark.parametrize(
    "body",
    [
        {"error": ERROR},
        {"error": ERROR, **reply({"content": ""})},
        {"error": ERROR, **reply({"content": "<think>It is"})},
        reply({"content": ""}, error=ERROR),
        reply({"content": "<think>It is"}, error=ERROR, finish_reason="error"),
        reply({"content": None, "error": ERROR}),
        {"error": ERROR, "choices": []},
        {"error": "GPU 3 fell off the bus"},
    ],
)
@pytest.mark.parametrize(("code", "attempts"), [(None, 4), (503, 4), (400, 1)])
def test_an_error_in_a_reply_of_status_200_is_the_trials_own(
    body: dict[str, Any], code: int | None, attempts: int
) -> None:
    body = json.loads(json.dumps(body))
    for holder in (body, *body.get("choices", ()), *(c["message"] for c in body.get("choices", ()))):
        if isinstance(holder.get("error"), dict) and code:
            holder["error"]["code"] = code
    if isinstance(body.get("error"), str):  # it has no code
        code, attempts = None, 4

    async def fail(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        return web.json_response(body) if json.loads(raw).get("seed") == 900 else await answer()

    with ChatServer(HashModel(), fault=fail) as server:
        failed, good = generate(
            backend(server), Request(prompt(), Sampling(), 900), Request(prompt(), Sampling(), 901)
        )
    assert (failed.finish, failed.text, failed.attempts) == ("error", "", attempts)
    assert failed.error == f"{code or 500}: GPU 3 fell off the bus"
    assert good.finish == "stop"


@pytest.mark.parametrize("empty", [None, {}, "", [], {"code": None, "message": ""}])
def test_an_empty_error_field_is_no_error(empty: Any) -> None:
    async def decorate(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        body = json.loads((await answer()).body)
        return web.json_response({**body, "error": empty})

    with ChatServer(HashModel(), fault=decorate) as server:
        (generation,) = generate(backend(server), Request(prompt(), Sampling()))
    assert generation.text == HashModel().behind(prompt())


THOUGHTS = [
    # message, fields of the choice, prefill, text, option read
    ({"reasoning_content": "<answer>A</answer>? No, it is white.", "content": "<answer>B</answer>"}, {}, "",
     "<think><answer>A</answer>? No, it is white.</think><answer>B</answer>", 1),
    ({"reasoning_content": "It is white. <answer>B", "content": ""}, {"stop_reason": "</answer>"}, "",
     "<think>It is white. <answer>B</answer>", 1),
    ({"reasoning": "It is white. <answer>B", "content": None}, {"matched_stop": "</answer>"}, "",
     "<think>It is white. <answer>B</answer>", 1),
    ({"reasoning_content": " It is white. <answer>B", "content": ""}, {"stop_reason": "</answer>"},
     "<think>So.", " It is white. <answer>B</answer>", 1),
    ({"reasoning_content": "It is wh", "content": ""}, {"finish_reason": "length"}, "",
     "<think>It is wh", None),
    ({"reasoning_content": "It is white.", "content": ""}, {}, "", "<think>It is white.</think>", None),
    ({"content": [{"type": "text", "text": "<think>w</think>"},
                  {"type": "text", "text": "<answer>B</answer>"}]},
     {}, "", "<think>w</think><answer>B</answer>", 1),
    ({"content": ["<think>w</think>", "<answer>B</answer>"]}, {}, "",
     "<think>w</think><answer>B</answer>", 1),
    ({"content": [{"type": "output_text", "text": {"value": "<answer>B</answer>"}}]}, {}, "",
     "<answer>B</answer>", 1),
    ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "It is white."}]},
                  {"type": "text", "text": "<answer>B</answer>"}]}, {}, "",
     "<think>It is white.</think><answer>B</answer>", 1),
    ({"content": [{"type": "thinking", "thinking": "It is <answer>A</answer>"},
                  {"type": "text", "text": "<answer>B</answer>"}]}, {}, "",
     "<think>It is <answer>A</answer></think><answer>B</answer>", 1),
    ({"content": [{"type": "reasoning", "text": "white"}, {"type": "text", "text": "<answer>B"}]},
     {"stop_reason": "</answer>"}, "", "<think>white</think><answer>B</answer>", 1),
]  # fmt: skip


@pytest.mark.parametrize(("message", "fields", "prefill", "text", "option"), THOUGHTS)
def test_a_thought_and_parts_are_put_together(
    message: dict[str, Any], fields: dict[str, Any], prefill: str, text: str, option: int | None
) -> None:
    generation = read_generation(reply(message, **fields), STOP, prefill)
    assert generation.text == text
    assert read(text, BOATS, prefill=prefill, finish=generation.finish).answer == option


@pytest.mark.parametrize(
    "content", [3, {"text": "x"}, [3], [{"type": "image_url"}], [{"text": 3}], [{"type": "thinking"}], [None]]
)
def test_content_of_other_forms_is_no_reply(content: Any) -> None:
    with pytest.raises(Malformed):
        split_content(content)


def events(*choices: dict[str, Any]) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode() for choice in choices)


def test_an_empty_finish_reason_in_a_stream_is_none() -> None:
    chunks = [{"delta": {"content": text}, "finish_reason": ""} for text in ("<answer>", "B")]
    cut = StreamAssembler()
    cut.feed(events(*chunks) + b"data: [DONE]\n\n")
    with pytest.raises(Malformed, match="ended before"):
        cut.reply()
    whole = StreamAssembler()
    whole.feed(events(*chunks, {"delta": {}, "finish_reason": "stop", "stop_reason": "</answer>"}))
    assert read_generation(whole.reply(), STOP, "").text == "<answer>B</answer>"


def test_a_thought_in_parts_of_a_stream_is_one_thought() -> None:
    parts = ("It is ", "white.")
    deltas = [{"delta": {"content": [{"type": "thinking", "thinking": part}]}} for part in parts]
    stream = StreamAssembler()
    stream.feed(events(*deltas, {"delta": {"content": "<answer>B</answer>"}, "finish_reason": "stop"}))
    assert read_generation(stream.reply(), STOP, "").text == "<think>It is white.</think><answer>B</answer>"


def logprobs(sampled: str, top: Any, p: float = 0.5) -> dict[str, Any]:
    entry = {"token": sampled, "logprob": math.log(p), "top_logprobs": top}
    return reply({"content": sampled}, logprobs={"content": [entry]})


@pytest.mark.parametrize("top", [[], None])
def test_a_sampled_token_without_alternatives_gives_no_letters(top: Any) -> None:
    assert first_token_probs(logprobs("A", top, p=1.0)) == []

    async def without(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        body = json.loads((await answer()).body)
        if not json.loads(raw).get("logprobs"):
            return web.json_response(body)
        body["choices"][0]["logprobs"]["content"][0]["top_logprobs"] = top
        return web.json_response(body)

    with ChatServer(HashModel(), fault=without) as server:
        made = backend(server)
        assert with_backend(made, lambda b: b.capabilities()).letters == "none"


def test_tokens_of_one_text_add_up_also_where_they_are_followed() -> None:
    top = [
        {"token": t, "logprob": math.log(p)} for t, p in (("A", 0.25), ("A", 0.125), ("(", 0.2), ("(", 0.1))
    ]
    p, brackets = letter_probs_by_text(first_token_probs(logprobs("A", top)), 2, "first")
    assert p == pytest.approx([0.375, 0.0])
    assert brackets == pytest.approx({"(": 0.3})


def test_brackets_of_two_token_ids_add_up() -> None:
    """Some vocabularies have one token for the bracket alone, and another one of the same text after a
    tag."""
    model = HashModel()
    asked = prompt("<think>So.</think><answer>")

    class TwoBrackets(HashModel):
        VOCABULARY = (*HashModel.VOCABULARY, "(")

        def __init__(self) -> None:
            super().__init__()
            self.ids = dict(model.ids)
            self.second = len(self.VOCABULARY) - 1

        def tokenize(self, text: str) -> list[int]:
            ids = super().tokenize(text)
            return [*ids[:-1], self.second] if text.endswith("<answer>(") else ids

        async def next_token(self, prompt: Any) -> list[float]:
            p = await super().next_token(prompt)
            first = self.ids["("]
            return [v / 2 if i == first else p[first] / 2 if i == self.second else v for i, v in enumerate(p)]

    with ChatServer(TwoBrackets()) as server:
        (scores,) = with_backend(backend(server), lambda b: b.score_letters([asked]))
    assert isinstance(scores, LetterScores)
    assert scores.p == pytest.approx(model.letters(asked), abs=2e-4)


def encoded(form: str) -> bytes:
    out = io.BytesIO()
    PILImage.new("RGB", (32, 32), (9, 99, 200)).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "kind"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("BMP", "bmp"), ("WEBP", "webp"), ("TIFF", "tiff"),
     ("JPEG2000", "jp2"), ("PPM", "x-portable-pixmap"), ("AVIF", "avif")],
)  # fmt: skip
def test_a_picture_goes_out_under_its_own_type(form: str, kind: str) -> None:
    try:
        data = encoded(form)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {form}")
    assert media_type(data) == f"image/{kind}"


def test_a_picture_of_unknown_type_is_refused_and_fails_alone() -> None:
    strange = b"\x00\x01no picture at all"
    with pytest.raises(BadImage, match="PNG or JPEG"):
        media_type(strange)
    asked = [prompt(images=(strange,)), prompt(images=(encoded("PNG"),))]
    with ChatServer(HashModel()) as server:
        made = backend(server)

        async def both(made: Any) -> Any:
            texts = await made.generate([Request(p, Sampling()) for p in asked])
            return texts, await made.score_letters(asked)

        texts, scores = with_backend(made, both)
    assert [g.finish for g in texts] == ["error", "stop"]
    assert "PNG or JPEG" in texts[0].error
    assert [s.error is None for s in scores] == [False, True]


NAMES = [
    "choices",
    "message",
    "content",
    "text",
    "type",
    "thinking",
    "finish_reason",
    "stop_reason",
    "logprobs",
    "top_logprobs",
    "token",
    "logprob",
    "usage",
    "error",
    "refusal",
    "delta",
    "reasoning",
    "reasoning_content",
    "prompt_tokens",
    "completion_tokens",
    "index",
    "value",
]
LEAVES = st.sampled_from([None, True, False, -1, 0, 3, 0.5, float("nan"), "", "x", "<think>", "stop"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
MESSAGE = st.dictionaries(st.sampled_from(["content", "reasoning_content", "refusal", "error"]), JSON)
CHOICE = st.fixed_dictionaries(
    {"message": MESSAGE},
    optional=dict.fromkeys(["logprobs", "finish_reason", "stop_reason", "error", "delta", "index"], JSON),
)
REPLIES = JSON.filter(lambda value: isinstance(value, dict)) | st.fixed_dictionaries(
    {"choices": st.lists(CHOICE | JSON, max_size=2)}, optional={"usage": JSON, "error": JSON}
)


@given(REPLIES)
def test_any_json_object_is_read_or_malformed(reply: dict[str, Any]) -> None:
    error_in(reply)
    for read_reply in (lambda: read_generation(reply, STOP, ""), lambda: first_token_probs(reply)):
        with contextlib.suppress(Malformed):
            read_reply()


@given(st.lists(REPLIES | JSON, max_size=3), st.integers(1, 50))
def test_any_stream_of_json_is_assembled_or_malformed(chunks: list[Any], size: int) -> None:
    raw = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    stream = StreamAssembler()
    with contextlib.suppress(Malformed, StreamError):
        for at in range(0, len(raw), size):
            stream.feed(raw[at : at + size])
        read_generation(stream.reply(), STOP, "")
