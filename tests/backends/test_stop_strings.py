"""A stop string ends a text only after the thought, in every backend that cuts at plain strings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel, ServedText
from chat_server import ChatServer, ServerBehaviour
from http_asking import backend, generate, with_backend
from unswayed.answers.parser import read
from unswayed.backends.stop_strings import StopPolicy
from unswayed.conditions import Prompt
from unswayed.model_io import STOP, Generation, Request, Sampling

BOATS = ("red boat", "white boat", "green buoy", "no boat")
QUESTION = "Which?\nSelect from the following choices:\n" + "\n".join(
    f"({c}) {boat}" for c, boat in zip("ABCD", BOATS, strict=True)
)

# prefill, and what the model writes after it; it always concludes B
TEXTS = [
    ("", "<think>I look.</think><answer>B</answer>"),
    ("", "<think>Maybe <answer>A</answer>? No, it is white.</think><answer>B</answer>"),
    ("", "<think>I must put it in <answer> </answer>. It is white.</think><answer>B</answer>"),
    ("", "<think>I must put it in <answer></answer>. It is white.</think><answer>B</answer>"),
    ("<think>It is red.", " Or <answer>A</answer>? No.</think><answer>B</answer>"),
    ("", "I must use <answer> </answer>. It is white.</think><answer>B</answer>"),
    ("", "Maybe <answer>A</answer>? No.</think>\n\n<answer>B</answer>"),
    ("", "<answer>B</answer>"),
]


class Speaker(HashModel):
    """Says one text to every question with these options, and goes on after its answer."""

    def __init__(self, text: str, more: str = " I hope that <answer>C</answer> is wrong.") -> None:
        super().__init__()
        self.text = text + more

    async def generate(self, prompt: Prompt, sampling: Sampling, seed: int) -> ServedText:
        if BOATS[0] not in prompt.text:
            return await super().generate(prompt, sampling, seed)
        ends = [(self.text.find(s) + len(s), s) for s in sampling.stop if s in self.text]
        cut, stopped = min(ends, default=(len(self.text), None))
        return ServedText(self.text[:cut], "stop", stopped, 100, cut)


def boats(prefill: str) -> Prompt:
    return Prompt("system", QUESTION, prefill, (), BOATS)


def asked(server: ChatServer) -> list[dict[str, Any]]:
    """The bodies that asked about boats, once for every time they came."""
    bodies = (body for _, name in server.came if BOATS[0] in str(body := server.bodies[name]))
    return list(bodies)


@pytest.mark.parametrize("stop", ["told", "kept", "lost", "ignored"])
@pytest.mark.parametrize("parser", [False, True], ids=["", "parser"])
@pytest.mark.parametrize("case", range(len(TEXTS)))
def test_a_server_that_cuts_at_strings_cuts_no_thought(stop: str, parser: bool, case: int) -> None:
    prefill, text = TEXTS[case]
    with ChatServer(Speaker(text), ServerBehaviour(stop=stop, parser=parser)) as server:
        (generation,) = generate(backend(server), Request(boats(prefill), Sampling()))
    reading = read(generation.text, BOATS, prefill=prefill, finish=generation.finish)
    assert (reading.state, reading.answer) == ("ok", 1)
    assert generation.finish == "stop"
    if not parser:
        assert generation.text == text


def test_only_what_was_cut_too_early_is_asked_for_again() -> None:
    for (_, text), times in zip(TEXTS[:2], (1, 2), strict=True):
        with ChatServer(Speaker(text)) as server:
            (generation,) = generate(backend(server), Request(boats(""), Sampling()))
        assert ["stop" in body for body in asked(server)] == [True, False][:times]
        assert generation.attempts == times


def test_samples_that_no_seed_repeats_are_asked_for_without_a_stop_string() -> None:
    hot = Request(boats(""), Sampling(temperature=1.0), seed=5)
    for seeds in (True, False):
        with ChatServer(Speaker(TEXTS[0][1]), ServerBehaviour(seeds=seeds)) as server:
            made = backend(server)
            generate(made, hot, replace(hot, sampling=Sampling()))
        assert {(b["temperature"], "stop" in b) for b in asked(server)} == {(1.0, seeds), (0.0, True)}


def test_without_stop_strings_the_text_is_not_cut() -> None:
    speaker = Speaker(TEXTS[1][1])
    with ChatServer(speaker) as server:
        (generation,) = generate(backend(server), Request(boats(""), Sampling(stop=())))
    assert generation.text == speaker.text
    assert not any("stop" in body for body in asked(server))


def test_where_many_cuts_come_too_early_no_stop_string_is_sent_any_more() -> None:
    with ChatServer(Speaker(TEXTS[1][1])) as server:
        made = backend(server, concurrency=1)
        requests = [Request(boats(""), Sampling(), seed) for seed in range(30)]

        async def in_turn(made: Any) -> list[Generation]:
            return [(await made.generate([request]))[0] for request in requests]

        generations = with_backend(made, in_turn)
    assert {g.text for g in generations} == {TEXTS[1][1]}
    assert ["stop" in body for body in asked(server)] == [True, False] * 8 + [False] * 22


def test_a_policy_keeps_sending_where_few_cuts_come_too_early() -> None:
    policy = StopPolicy()
    for i in range(200):
        assert policy.sends(Sampling(), seeded=False)
        text = "<think>A</answer>" if i % 5 == 0 else "<think>A</think><answer>B</answer>"
        assert policy.cut_too_early(text, "", STOP, template_known=False) == (i % 5 == 0)
    assert (policy.sent, policy.early) == (200, 40)


@pytest.mark.parametrize("case", range(len(TEXTS)))
def test_vllm_in_this_process_cuts_no_thought(
    case: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import fake_vllm
    import tiny_models
    from unswayed.backends.transformers.backend import TransformersBackend
    from unswayed.backends.vllm.backend import VllmBackend

    prefill, text = TEXTS[case]
    opens = prefill == "" and not text.startswith("<think>") and "</think>" in text
    template = tiny_models.THINKING if opens else tiny_models.TEMPLATE
    folder = tiny_models.llava(tmp_path / "tiny", template=template)
    for name, module in fake_vllm.modules().items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    monkeypatch.setattr(fake_vllm.State, "backend", TransformersBackend(str(folder), device="cpu"))
    vllm = VllmBackend(str(folder))
    words = vllm._decoder._tokenizer
    sent: list[list[str]] = []

    async def ask(rendered: str, images: Any, special: bool, params: Any, schema: Any = None) -> Any:
        sent.append(params["stop"])
        whole = text + " and so on"
        stopped = next((s for s in params["stop"] if s in whole), None)
        made = whole if stopped is None else whole[: whole.find(stopped) + len(stopped)]
        ids = words(made, add_special_tokens=False)["input_ids"] + [words.eos_token_id] * (stopped is None)
        out = fake_vllm.CompletionOutput(0, made, ids, None, None, "stop", stopped)
        return words(rendered)["input_ids"], out

    monkeypatch.setattr(vllm._engine, "ask", ask)
    (generation,) = asyncio.run(vllm.generate([Request(boats(prefill), Sampling())]))
    asyncio.run(vllm.close())
    assert generation.text == ("<think>\n" if opens else "") + text
    assert read(generation.text, BOATS, prefill=prefill).answer == 1
    early = text.index("</answer>") + len("</answer>") < len(text)
    assert sent == ([["</answer>"], []] if early else [["</answer>"]])


@pytest.mark.parametrize(("flag", "stop"), [("--stop", ["</answer>"]), ("--no-stop", [])])
def test_the_command_chooses(flag: str, stop: list[str], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app
    from unswayed.pipeline.audit import Run

    line = ["audit", "scripted:oracle", "--limit", "2", "-c", "base", "--out", str(tmp_path / "run"), flag]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    asks = Run.load(tmp_path / "run").manifest["asks"]["sampling"]
    assert asks["stop"] == stop
    assert ("stop_rule" in asks) == bool(stop)
