"""Between chat requests and inspect_ai: pure functions, tested where inspect_ai is absent, too."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from unswayed.backends.inspect import translate
from unswayed.backends.openai.requests import Dialect, RequestBuilder
from unswayed.backends.openai.responses import first_token_probs, read_generation, usage
from unswayed.conditions import Prompt
from unswayed.model_io import Sampling

PNG = b"\x89PNG\r\n\x1a\n not decoded here"
PROMPT = Prompt("system", "What?", "<think>  It\n is ", (PNG,), ("red", "green"))


def asked(prompt: Prompt = PROMPT, **dialect: Any) -> dict[str, Any]:
    body = RequestBuilder("m").generation(Dialect(seed=True, stop=True, **dialect), prompt, Sampling(), 7)
    result = json.loads(body)
    assert isinstance(result, dict)
    return result


def test_messages_keep_text_picture_and_prefill() -> None:
    system, user, begun = translate.messages(asked())
    assert system == {"role": "system", "content": "system"}
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert user["content"] == [{"type": "image", "image": url}, {"type": "text", "text": "What?"}]
    assert begun == {"role": "assistant", "content": PROMPT.prefill}
    assert translate.prefill(asked()) == PROMPT.prefill
    assert translate.messages(asked(picture="string"))[1] == user


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_settings_are_fields_of_inspect_ai_and_the_rest_is_passed_on(limit: str) -> None:
    result = translate.settings(asked(max_tokens_field=limit))
    more = result.pop("extra_body")
    assert result == {
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 7,
        "max_tokens": 1024,
        "stop_seqs": ["</answer>"],
    }
    assert more["continue_final_message"] is True
    assert more["top_k"] == -1
    assert not {"messages", "model"} & set(more)


def output(content: Any, stop: str = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}, "stop_reason": stop}], **more}


def said(reply: dict[str, Any], prefill: str = "") -> tuple[str, str]:
    result = read_generation(reply, ("</answer>",), prefill)
    return result.text, result.finish


def test_a_thought_that_inspect_ai_took_out_is_put_back() -> None:
    parts = [{"type": "reasoning", "reasoning": "Red."}, {"type": "text", "text": "<answer>(A)</answer>"}]
    assert said(translate.reply(output(parts))) == ("<think>Red.</think><answer>(A)</answer>", "stop")
    assert said(translate.reply(output(parts)), "<think>Well. ")[0] == "Red.</think><answer>(A)</answer>"
    hidden = [{"type": "reasoning", "reasoning": "x9f", "redacted": True}, {"type": "text", "text": "Yes"}]
    assert said(translate.reply(output(hidden)))[0] == "Yes"


def test_the_providers_own_reply_is_taken_where_it_is_one() -> None:
    raw = {
        "choices": [{"message": {"content": "<think> Red.\n</think>\n(A)"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }
    result = translate.reply(output("(A)"), raw)
    assert said(result) == ("<think> Red.\n</think>\n(A)", "length")
    assert usage(result) == (3, 4)
    for other in ({"content": "x"}, {"choices": []}, {"choices": [{"text": "x"}]}, None, "x"):
        assert said(translate.reply(output("(A)"), other))[0] == "(A)"


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("stop", "stop"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("content_filter", "refused"),
        ("unknown", "stop"),
    ],
)
def test_why_it_ended(stop: str, finish: str) -> None:
    assert said(translate.reply(output("Well", stop))) == ("Well", finish)


def test_tokens_read_from_a_cache_count_as_read() -> None:
    reported = {
        "input_tokens": 5,
        "input_tokens_cache_read": 20,
        "input_tokens_cache_write": None,
        "output_tokens": 3,
    }
    assert usage(translate.reply(output("x", usage=reported))) == (25, 3)
    assert usage(translate.reply(output("x"))) == (None, None)


def test_log_probabilities_of_the_first_token_are_read() -> None:
    entry = {
        "token": "A",
        "logprob": 0.0,
        "bytes": None,
        "top_logprobs": [{"token": "A", "logprob": 0.0}, {"token": "B", "logprob": -30.0}],
    }
    result = output("A")
    result["choices"][0]["logprobs"] = {"content": [entry]}
    reported = dict(first_token_probs(translate.reply(result)))
    assert reported["A"] == 1.0
    assert reported["B"] < 1e-12


def test_a_changed_text_is_noticed_wherever_it_stands() -> None:
    request = {"contents": [{"parts": [{"text": "hello "}, {"inline": {"data": "…"}}]}]}
    assert translate.holds(request, "hello ")
    assert not translate.holds(request, "hello")


def test_without_the_package_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['inspect_ai'] = None\n"
        "from unswayed.backends import open_backend\n"
        "from unswayed.errors import MissingExtra\n"
        "try: open_backend('inspect:openai/gpt-4o')\n"
        "except MissingExtra as e: print(e)\n"
        "import unswayed.export, unswayed.cli\n"
        "assert not any(m.startswith('inspect_ai.') for m in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "unswayed[inspect]" in done.stdout
    assert "inspect:openai/gpt-4o" in done.stdout


def thought(*parts: dict[str, Any], summarised: bool = False, tokens: int | None = None) -> Any:
    usage = {"input_tokens": 5, "output_tokens": 9, "reasoning_tokens": tokens}
    content = [*parts, {"type": "text", "text": "B"}]
    reply = translate.reply(output(content, usage=usage), summarised=summarised)
    return read_generation(reply, (), "")


def test_what_inspect_ai_says_of_a_thought_decides_whether_it_is_judged() -> None:
    plain = {"type": "reasoning", "reasoning": "Red."}
    encrypted = {"type": "reasoning", "reasoning": "x9f", "redacted": True}
    read = [
        thought(plain, tokens=3),
        thought(plain, summarised=True),
        thought({**encrypted, "summary": "Red."}),
        thought(encrypted),
        thought(tokens=3),
        thought(tokens=0),
    ]
    shown = [generation.visibility for generation in read]
    assert shown == ["visible", "summary", "summary", "hidden", "hidden", "visible"]
    assert [generation.text for generation in read] == ["<think>Red.</think>B"] * 3 + ["B"] * 3
    assert [generation.reasoning_tokens for generation in read] == [3, None, None, None, 3, 0]


def test_effort_and_budget_are_settings_of_inspect_ai() -> None:
    builder = RequestBuilder("m", extra={"reasoning_effort": "low"}, thinking_budget=64)
    body = builder.generation(Dialect(budget="thinking_token_budget"), PROMPT, Sampling(), 7)
    result = translate.settings(json.loads(body))
    assert (result["reasoning_effort"], result["reasoning_tokens"]) == ("low", 64)
    assert "reasoning_effort" not in result["extra_body"]
