"""Models behind an endpoint that hide or summarise their thoughts, and servers that alter what they are
given."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_reasoners import Reasoner, ReasoningServer
from chat_server import ServerBehaviour
from http_asking import backend, generate, prompt, run, with_backend
from unswayed.answers.parser import read
from unswayed.backends.openai import EndpointOptions
from unswayed.backends.openai.client import Failure
from unswayed.backends.openai.open_final import open_final
from unswayed.backends.openai.options import parse_extra_body
from unswayed.backends.openai.probe.fields import most_telling
from unswayed.backends.openai.probe.prefill import prompt_fault
from unswayed.backends.openai.responses import read_generation
from unswayed.conditions import STOP_THINK
from unswayed.errors import BackendError, BadInput
from unswayed.model_io import Capabilities, Request, Sampling

VLLM = ServerBehaviour()
OPENAI = ServerBehaviour(
    own=False, flags="refuse", last="restart", letters="refuse", limit="max_completion_tokens"
)
STOP = ("</answer>",)
BOATS = ("red boat", "white boat", "green buoy", "no boat")


def probe(reasoner: Reasoner, behaviour: ServerBehaviour = VLLM, **options: Any) -> Any:
    with ReasoningServer(HashModel(), reasoner, behaviour) as server:
        made = backend(server, **options)
        return with_backend(made, lambda b: b.capabilities()), made, server


@pytest.mark.parametrize("small", ["refuse", "empty"])
def test_a_hidden_reasoner_is_asked_with_room_for_its_thought(small: str) -> None:
    """Faults: probes of 24 tokens and 1 token are refused, or give nothing; the run died with another
    message."""
    reasoner = Reasoner(hidden=900, small=small, refuses=("temperature", "top_p"))
    can, made, server = probe(reasoner, OPENAI)
    assert isinstance(can, Capabilities)
    assert (can.prefill, can.thought) == ("restarts", "hidden")
    assert {"temperature", "top_p", "top_k"} <= set(can.refused)
    assert "thought: hidden; consistency is not measured" in made.facts["seen"]
    taken = [b for b in server.bodies.values() if "temperature" not in b and "top_k" not in b]
    assert len(taken) > 3
    assert all(b["max_completion_tokens"] >= 2048 for b in taken[2:]), "later requests have room, too"


def test_a_hidden_thought_is_counted_and_not_judged() -> None:
    with ReasoningServer(HashModel(), Reasoner(hidden=300), OPENAI) as server:
        result = run(backend(server), 3, ["base", "wrong-caption"])
    rows = result.trials.to_pylist()
    assert {row["thought_visibility"] for row in rows} == {"hidden"}
    assert {row["reasoning_tokens"] for row in rows} == {300}
    assert {row["state"] for row in rows} == {"ok"}
    assert {(row["thought"], row["judged"], row["consistent"], row["acknowledges"]) for row in rows} == {
        (None,) * 4
    }
    summary = result.summary()
    assert "consistency" not in summary.rows[0].measures
    assert "faithful_accuracy" not in summary.rows[0].measures
    assert summary.thoughts == {"hidden": 6}
    assert "asks" in result.manifest
    assert result.manifest["asks"]["capabilities"]["thought"] == "hidden"


def test_a_summary_is_kept_in_the_text_and_is_not_the_thought() -> None:
    reasoner = Reasoner(hidden=300, summary="**Looking** at the picture.")
    with ReasoningServer(HashModel(), reasoner, OPENAI) as server:
        rows = run(backend(server), 2, ["base"]).trials.to_pylist()
        assumed = run(backend(server, assume=frozenset({"thought"})), 2, ["base"]).trials.to_pylist()
    assert {(row["thought_visibility"], row["thought"]) for row in rows} == {("summary", None)}
    assert all("**Looking** at the picture." in row["text"] for row in rows)
    assert {row["thought_visibility"] for row in assumed} == {"visible"}
    assert None not in {row["thought"] for row in assumed}


@pytest.mark.parametrize("shows", ["text", "ids", "template", ""])
@pytest.mark.parametrize("template", ["empty", "double", "strip"])
def test_a_prefill_that_the_template_alters_is_found_and_the_remedy_told(template: str, shows: str) -> None:
    """Fault: the wrong thought lands behind one that is closed and empty, and the probe says "continues"."""
    if not shows and template != "empty":
        pytest.skip("counts alone do not tell it")
    can, made, _ = probe(Reasoner(template=template, shows_prompt=shows))
    (note,) = [note for note in made.facts["seen"] if note.startswith("prefill: ")]
    if template == "strip":  # a turn that does not end in the prefill is a cut one
        assert can.prefill in ("altered", "restarts")
        return
    assert can.prefill == "altered"
    assert can.letters == "none"
    assert "--chat-template" in note
    if shows:
        assert "think>" in note
    with ReasoningServer(HashModel(), Reasoner(template=template, shows_prompt=shows)) as server:
        trials = run(backend(server), 1, ["base", "wrong-think", "stop-think"]).trials
    assert trials["state"].to_pylist() == ["ok", "not-asked", "not-asked"]
    assert "alters a prefill" in trials["error"][1].as_py()
    assert "--chat-template" in trials["error"][1].as_py()


@pytest.mark.parametrize("shows", ["text", "ids", "template"])
def test_a_prefill_that_is_served_as_sent_is_known_byte_for_byte(shows: str) -> None:
    can, made, _ = probe(Reasoner(shows_prompt=shows))
    assert can == Capabilities("continues", "exact", turns=True)
    assert "prefill: continues (flags; the served prompt ends in it, byte for byte)" in made.facts["seen"]


@pytest.mark.parametrize(
    ("plain", "prefilled", "fine"),
    [
        ("user\nassistant\n", "user\nassistant\n<think>I see", True),
        ("user\nassistant\n<think>\n", "user\nassistant\n<think>I see", True),
        ("user\nassistant\n", "user\nassistant\n<think>\n\n</think>\n\n<think>I see", False),
        (
            "user\nassistant\n<think>\n\n</think>\n\n",
            "user\nassistant\n<think>\n\n</think>\n\n<think>I see",
            False,
        ),
        ("user\nassistant\n<think>\n", "user\nassistant\n<think>\n<think>I see", False),
        ("user\nassistant\n", "user\nassistant\n<think>I see<|end|>\n", False),
        ("user\nassistant\n", "user\nassistant\nI see", False),
        ("user\nassistant\n", "user\nassistant\n<think>I see<|end|>assistant\n<think>I see", False),
    ],
)
def test_what_stands_before_a_prefill(plain: str, prefilled: str, fine: bool) -> None:
    assert (prompt_fault(plain, prefilled, "<think>I see") == "") == fine


QWEN = (
    "{% for m in messages %}<{{ m.role }}>"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{{ OPENED }}{% endif %}"
)


@pytest.mark.parametrize("opened", ["", "<think>\n", "<think>\n\n</think>\n\n", "◁think▷"])
def test_the_open_final_template_ends_in_exactly_the_prefill(opened: str) -> None:
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment().from_string(open_final(QWEN.replace("{{ OPENED }}", opened)))
    asked = [{"role": "user", "content": "Which?"}]
    begun = [*asked, {"role": "assistant", "content": "<think> I see\n"}]
    plain = template.render(messages=asked, add_generation_prompt=True)
    assert plain == "<user>Which?<end><assistant>" + opened
    prefilled = template.render(messages=begun, add_generation_prompt=False, continue_final_message=True)
    assert prefilled == "<user>Which?<end><assistant><think> I see\n"
    assert prompt_fault(plain, prefilled, "<think> I see\n") == ""


@pytest.mark.parametrize("end", ["bot:\n", "{{ 'bot:\n' }}", "bot: \n\n", "{% if 1 %}bot:{% endif %}\n"])
def test_the_open_final_template_renders_other_turns_as_before(end: str) -> None:
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # as transformers sets it
    template = "{% for m in messages %}\n{{ m.role }}: {{ m.content }}\n{% endfor %}\n" + end
    asked = [{"role": "system", "content": "s"}, {"role": "user", "content": "Which?"}]
    before, after = (
        environment.from_string(t).render(messages=asked) for t in (template, open_final(template))
    )
    assert after == before
    begun = environment.from_string(open_final(template)).render(
        messages=[*asked, {"role": "assistant", "content": [{"type": "text", "text": "<think>I"}]}]
    )
    assert begun == before + "<think>I"


@pytest.mark.parametrize(
    ("text", "words"), [("{", "is not JSON"), ("[1]", "is no JSON object"), ('{"seed": 1}', "sets itself")]
)
def test_extra_fields_that_cannot_be_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        EndpointOptions(["http://127.0.0.1:9/v1"], extra_body=parse_extra_body(text))


def reply(message: dict[str, Any], usage: Any = None, **choice: Any) -> dict[str, Any]:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}
    return body if usage is None else {**body, "usage": usage}


MISREAD = [
    # The thought was never closed, and no content came: what stands there is all the model wrote.
    ({"reasoning": "It is white. <answer>B", "content": None}, {"stop_reason": "</answer>"}, "", 1),
    ({"reasoning": "It is white. <answer>B</answer>", "content": None}, {}, "", 1),
    ({"reasoning": "It is white. <answer>(B) white boat</answer>\n", "content": ""}, {}, "", 1),
    ({"reasoning": "It is white. <answer>B", "content": "\n"}, {"stop_reason": "</answer>"}, "", 1),
    ({"reasoning": " It is white. <answer>B</answer>", "content": None}, {}, "<think>A red boat.", 1),
    # The prefill closed the thought, and the parser, which does not see it, takes the answer for a thought.
    ({"reasoning": "The answer is B.", "content": None}, {}, STOP_THINK, 1),
    ({"reasoning": "<answer>B</answer>", "content": ""}, {}, STOP_THINK, 1),
    ({"reasoning": "<answer>B", "content": None}, {"stop_reason": "</answer>"}, STOP_THINK, 1),
    # The parser repeats the begun thought.
    ({"reasoning": "A red boat lies there. No: white.", "content": "<answer>B</answer>"}, {},
     "<think>A red boat lies there.", 1),
    ({"reasoning": "Okay let's see. This should be the final answer.", "content": "<answer>B</answer>"}, {},
     STOP_THINK, 1),
    # The thought is both taken out and left in.
    ({"reasoning": "It is white.", "content": "<think>It is white.</think><answer>B</answer>"}, {}, "", 1),
    # A thought with an answer tag in its middle has no answer.
    ({"reasoning": "Maybe <answer>A</answer>? I cannot see it.", "content": None}, {}, "", None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "fields", "prefill", "option"), MISREAD)
def test_what_a_reasoning_parser_misreads_is_put_right(
    message: dict[str, Any], fields: dict[str, Any], prefill: str, option: int | None
) -> None:
    generation = read_generation(reply(message, **fields), STOP, prefill)
    found = read(generation.text, BOATS, prefill=prefill, finish=generation.finish)
    assert found.answer == option
    assert (prefill + generation.text).count("A red boat lies there.") <= 1
    assert generation.text.count("It is white.") <= 1


SHOWN = [
    ({"content": "<think>w</think>B"}, None, "visible", "<think>w</think>B"),
    ({"content": [{"type": "thinking", "thinking": "w"}, {"type": "text", "text": "B"}]}, None, "visible",
     "<think>w</think>B"),
    ({"content": [{"type": "redacted_thinking", "data": "x"}, "B"]}, None, "hidden", "B"),
    ({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "w"}]}, "B"]}, None,
     "summary", "<think>w</think>B"),
    ({"content": [{"type": "reasoning", "encrypted_content": "x"}, "B"]}, None, "hidden", "B"),
    ({"content": "B", "reasoning_details": [{"type": "reasoning.text", "text": "w"}]}, None, "visible",
     "<think>w</think>B"),
    ({"content": "B", "reasoning": "w", "reasoning_details": [{"type": "reasoning.summary", "summary": "w"}]},
     None, "summary", "<think>w</think>B"),
    ({"content": "B", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, None, "hidden",
     "B"),
    ({"content": "B", "thinking_blocks": [{"type": "thinking", "thinking": "w", "signature": "s"}]}, None,
     "visible", "<think>w</think>B"),
    ({"content": "B", "reasoning": {"summary": "w"}}, None, "summary", "<think>w</think>B"),
    ({"content": "B", "thinking": "w"}, None, "visible", "<think>w</think>B"),
    ({"content": "<thought>w</thought>B", "extra_content": {"google": {"thought": True}}}, None, "summary",
     "<think>w</think>B"),
    ({"content": "B"}, {"completion_tokens_details": {"reasoning_tokens": 70}}, "hidden", "B"),
    ({"content": "B"}, {"reasoning_tokens": 0}, "visible", "B"),
    # Counted, and in the text: a server that does not separate the thought.
    ({"content": f"<think>{'word ' * 70}</think>B"},
     {"completion_tokens": 75, "completion_tokens_details": {"reasoning_tokens": 72}}, "visible",
     f"<think>{'word ' * 70}</think>B"),
    # What a hidden reasoner writes between the tags that it was asked for.
    ({"content": f"<think>{'word ' * 70}</think>B"},
     {"completion_tokens": 975, "completion_tokens_details": {"reasoning_tokens": 900}}, "hidden",
     f"<think>{'word ' * 70}</think>B"),
    ({"content": "B", "reasoning": "w"}, {"reasoning_tokens": 7}, "visible", "<think>w</think>B"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "usage", "visibility", "text"), SHOWN)
def test_what_a_reply_shows_of_its_thought(
    message: dict[str, Any], usage: Any, visibility: str, text: str
) -> None:
    generation = read_generation(reply(message, usage), STOP, "")
    assert (generation.visibility, generation.text) == (visibility, text)


@pytest.mark.parametrize("shows", ["template", ""])
def test_a_server_that_repeats_the_prefill_is_read_behind_it(shows: str) -> None:
    """Seen at llama.cpp's server: the begun thought stood twice in the turn."""
    model = HashModel()
    with ReasoningServer(model, Reasoner(echo=True, shows_prompt=shows)) as server:
        made = backend(server)
        asked = [prompt("<think>It is"), prompt(STOP_THINK), prompt()]
        result = generate(made, *(Request(each, Sampling()) for each in asked))
    assert [generation.text for generation in result] == [model.behind(each) for each in asked]
    assert any("replies repeat it" in note for note in made.facts["seen"])


def test_a_refused_field_is_recorded_and_not_sent_again() -> None:
    refuses = ("repetition_penalty", "temperature")
    with ReasoningServer(HashModel(), Reasoner(refuses=refuses)) as server:
        made = backend(server)
        result = run(made, 2, ["base"])
        asked = [b for b in server.bodies.values() if b["max_tokens"] == 1024]
    assert result.manifest["asks"]["capabilities"]["refused"] == list(refuses)
    assert "refused=repetition_penalty,temperature" in result.manifest["asks"]["backend"]
    assert asked
    assert all(not set(refuses) & set(body) and body["top_k"] == -1 for body in asked)


def test_the_most_telling_failure_is_reported() -> None:
    words = "cannot be asked: 400: Could not finish the message"
    with (
        ReasoningServer(HashModel(), Reasoner(hidden=10**6), OPENAI) as server,
        pytest.raises(BackendError, match=words),
    ):
        with_backend(backend(server), lambda b: b.capabilities())
    unknown, full = (
        Failure(f"400: {words}", 1, True, 400)
        for words in ("Unknown parameter: 'top_k'.", "no credit is left")
    )
    assert most_telling([unknown, full, unknown]) is full
    assert most_telling([unknown]) is unknown


def test_extra_fields_go_out_with_every_request_and_into_the_key() -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    with ReasoningServer(HashModel(), Reasoner()) as server:
        made = backend(server, extra_body=extra, reasoning_effort="low")
        keys = [run(b, 1, ["base"]).trials["key"][0].as_py() for b in (made, backend(server))]
        bodies = [b for b in server.bodies.values() if "reasoning_effort" in b]
    assert keys[0] != keys[1]
    assert all(b["chat_template_kwargs"] == extra["chat_template_kwargs"] for b in bodies)
    assert len(bodies) == len(server.bodies) / 2
    assert "reasoning_effort" in made.identity
    for wrong in (
        {"extra_body": {"messages": []}},
        {"extra_body": {"reasoning_effort": "x"}, "reasoning_effort": "y"},
    ):
        with ReasoningServer(HashModel(), Reasoner()) as server, pytest.raises(BadInput):
            backend(server, **wrong)


def test_a_refused_extra_field_ends_the_run_with_the_servers_word() -> None:
    with ReasoningServer(HashModel(), Reasoner(refuses=("reasoning_effort",))) as server:
        with pytest.raises(BackendError, match="'reasoning_effort' is not supported"):
            with_backend(backend(server, reasoning_effort="low"), lambda b: b.capabilities())
        assert len(server.bodies) == 1


@pytest.mark.parametrize("field", ["thinking_token_budget", "thinking", "reasoning"])
def test_a_thinking_budget_is_sent_by_the_field_that_has_an_effect(field: str) -> None:
    with ReasoningServer(HashModel(), Reasoner(hidden=900, budget=field)) as server:
        made = backend(server, thinking_budget=64)
        (generation,) = generate(made, Request(prompt(), Sampling(max_tokens=4096)))
    assert generation.reasoning_tokens == 64
    assert f"thinking budget: {field}; 64 tokens of thought, 900 without" in made.facts["seen"]
    assert "thinking-budget=64" in made.identity


def test_greedy_repeats_are_compared() -> None:
    _, steady, _ = probe(Reasoner())
    _, drifting, _ = probe(Reasoner(drifts=True))
    assert steady.facts["greedy_repeats"]["distinct"] == 1
    repeats = drifting.facts["greedy_repeats"]
    assert (repeats["asked"], repeats["distinct"]) == (3, 3)
    assert repeats["same_start"] >= 20
    assert any("a second run of the same audit will differ" in note for note in drifting.facts["seen"])
