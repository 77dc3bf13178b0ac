"""Models behind inspect_ai, where that is installed: planted outputs, and real providers over the wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import ModelAPI, ModelCall, ModelOutput, ModelUsage, modelapi

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from cli_in_process import run
from judge_minds import JudgeMind
from synthetic import cues, pixel, questions
from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.backends.openai import Budget
from unswayed.conditions import STOP_THINK, Prompt
from unswayed.cues import cue_file
from unswayed.errors import BackendError, BadInput
from unswayed.model_io import (
    Capabilities,
    Generation,
    Request,
    Sampling,
)
from unswayed.pipeline.audit import audit
from unswayed.retry import Retry

sys.path.append(str(Path(__file__).parents[1] / "cues"))  # the planted writer of cues is in a test there
from test_cues_llm_http import WriterMind, sample

QUICK = {"retry": Retry(attempts=3, initial_pause=0.002, max_pause=0.01), "patience": 5.0, "concurrency": 8}
CHOICES = "What?\nSelect from the following choices:\n(A) red\n(B) green\n(C) blue"
Says = Callable[[list[Any], Any], ModelOutput]


def prompt(prefill: str = "", images: tuple[bytes, ...] = ()) -> Prompt:
    return Prompt("system", CHOICES, prefill, images, ("red", "green", "blue"))


def output(content: Any, read: int = 50, stop: Any = "stop") -> ModelOutput:
    result = ModelOutput.from_content("planted", content, stop)
    result.usage = ModelUsage(input_tokens=read, output_tokens=9, total_tokens=read + 9)
    return result


def planted(says: Says) -> Backend:
    """A model of inspect_ai that says what `says` makes of messages and settings."""
    args = {"custom_outputs": lambda messages, tools, choice, config: says(messages, config)}
    return open_backend("inspect:mockllm/model", model_args=args, **QUICK)


def ready(messages: list[Any], config: Any) -> ModelOutput:
    """Counts on, and otherwise answers; words and pictures cost tokens."""
    parts = messages[1].content
    pictures = 0 if isinstance(parts, str) else sum(p.type == "image" for p in parts)
    read = sum(len(m.text.split()) for m in messages) + 30 * pictures
    if messages[-1].role == "assistant" and "8, 9," in messages[-1].text:
        return output(" 10, 11", read)
    begun = messages[-1].text if messages[-1].role == "assistant" else "<think>"
    thought = "" if "</think>" in begun else "It is red.</think>"
    return output(("" if begun != "<think>" else begun) + thought + "<answer>(A) red</answer>", read)


def over(work: Callable[[Backend], Any], made: Backend) -> Any:
    async def go() -> Any:
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(go())


def generate(made: Backend, *prompts: Prompt) -> list[Generation]:
    result = over(lambda b: b.generate([Request(p, Sampling(), 3) for p in prompts]), made)
    assert isinstance(result, list)
    return result


def test_an_audit_of_planted_outputs() -> None:
    made = planted(ready)
    names = ["base", "stop-think", "wrong-think", "wrong-caption"]
    done = over(lambda b: audit(b, questions(6), names, cues=cues), made)
    assert set(done.trials["state"].to_pylist()) == {"ok"}
    assert set(done.trials["answer"].to_pylist()) == {0}
    observed = done.manifest["sessions"][0]["endpoint"]
    assert observed["inspect_ai"]
    assert observed["served"] == [{"url": "inspect:mockllm/model"}]
    assert done.manifest["asks"]["capabilities"]["prefill"] == "continues"
    assert done.manifest["asks"]["backend"].startswith("inspect mockllm ")


def test_what_reaches_inspect_ai_is_the_prompt() -> None:
    came: list[tuple[list[Any], Any]] = []

    def says(messages: list[Any], config: Any) -> ModelOutput:
        came.append((messages, config))
        return ready(messages, config)

    odd = "<think>  “Wrong” \n thought\ttrailing  "
    generate(planted(says), prompt(odd, (pixel(1),)))
    messages, config = came[-1]
    assert [m.role for m in messages] == ["system", "user", "assistant"]
    assert messages[-1].content == odd
    assert [p.type for p in messages[1].content] == ["image", "text"]
    assert messages[1].content[0].image.startswith("data:image/png;base64,")
    assert (config.temperature, config.max_tokens, config.seed, config.max_retries) == (0.0, 1024, 3, 0)


def test_a_thought_in_a_part_of_its_own_is_put_back() -> None:
    from inspect_ai.model import ContentReasoning, ContentText

    parts = [ContentReasoning(reasoning="It is red."), ContentText(text="<answer>(A)</answer>")]
    (result,) = generate(planted(lambda m, c: output(parts)), prompt())
    assert result.text == "<think>It is red.</think><answer>(A)</answer>"
    assert (result.prompt_tokens, result.tokens) == (50, 9)


def test_a_model_that_starts_afresh_is_seen_to() -> None:
    made = planted(lambda m, c: output("<think>It is red, I am quite sure.</think><answer>(A)</answer>"))
    result = over(lambda b: b.capabilities(), made)
    assert (result.prefill, result.letters) == ("restarts", "none")


def test_a_provider_that_changes_a_prefill_is_detected() -> None:
    @modelapi("trimmer")
    class Trimmer(ModelAPI):  # as some providers do, for servers that refuse blanks at the end
        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
            sent = [{"role": m.role, "content": m.text.rstrip()} for m in input]
            return ready(input, config), ModelCall.create({"messages": sent}, None)

    made = open_backend("inspect:trimmer/model", **QUICK)
    plain, kept, changed = generate(made, prompt(), prompt("<think>It is"), prompt("<think>It is "))
    assert (plain.finish, kept.finish, changed.finish) == ("stop", "stop", "error")
    assert changed.error == "inspect_ai's provider changes the beginning of the assistant's turn"


def test_failures_of_one_question_are_its_own_and_may_be_asked_again() -> None:
    class Odd(Exception):
        status_code = 400

    def says(messages: list[Any], config: Any) -> ModelOutput:
        if "BAD" in messages[1].text:
            raise Odd("no such thing")
        return ready(messages, config)

    bad = Prompt("system", "BAD", "", (), ("red", "green"))
    good, failed = generate(planted(says), prompt(), bad)
    assert good.finish == "stop"
    assert (failed.finish, failed.error, failed.attempts) == ("error", "no such thing", 1)

    def late(messages: list[Any], config: Any) -> ModelOutput:
        if "BAD" in messages[1].text:
            raise TimeoutError
        return ready(messages, config)

    _, slow = generate(planted(late), prompt(), bad)
    assert (slow.finish, slow.attempts) == ("error", 3)


def test_a_budget_ends_the_run() -> None:
    args = {"custom_outputs": lambda messages, tools, choice, config: ready(messages, config)}
    made = open_backend("inspect:mockllm/model", model_args=args, budget=Budget(3), **QUICK)
    with pytest.raises(BackendError, match="budget"):
        generate(made, prompt())


@pytest.mark.parametrize("spec", ["nosuch/model", "mockllm", "/x"])
def test_a_model_that_cannot_be_opened_is_one_sentence(spec: str) -> None:
    with pytest.raises(BadInput, match=f"inspect:{spec}: "):
        open_backend(f"inspect:{spec}")


# Its providers for chat endpoints, against a server that speaks as vLLM's documentation says.


def served(provider: str, server: ChatServer, **options: Any) -> Backend:
    pytest.importorskip("openai")
    spec = f"inspect:{provider}/{server.MODEL}"
    return open_backend(
        spec, base_urls=[server.url], **{**QUICK, "model_args": {"api_key": "k" * 20}, **options}
    )


@pytest.mark.parametrize("provider", ["openai-api/bench", "vllm"])
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (ServerBehaviour(), Capabilities("continues", "top-k")),
        (ServerBehaviour(flags="ignore"), Capabilities("restarts", "none")),
        (ServerBehaviour(seeds=False), Capabilities("continues", "top-k", seeded=False)),
        (ServerBehaviour(letters="silent"), Capabilities("continues", "none")),
        (ServerBehaviour(pictures="drop"), Capabilities("continues", "top-k", images=False)),
    ],
)
def test_the_probe_sees_through_inspect_ai(
    provider: str, behaviour: ServerBehaviour, expected: Capabilities
) -> None:
    with ChatServer(HashModel(), behaviour) as server:
        seen = over(lambda b: b.capabilities(), served(provider, server))
    assert seen == replace(expected, turns=True)


@pytest.mark.parametrize("prefill", ["", "<think>It is", STOP_THINK])
def test_texts_and_letters_are_those_of_the_model(prefill: str) -> None:
    model = HashModel()
    asked = prompt(prefill)
    letters = prompt(prefill + model.behind(asked).split("(")[0])

    async def work(b: Backend) -> Any:
        (result,) = await b.generate([Request(asked, Sampling())])
        return result, (await b.score_letters([letters]))[0]

    with ChatServer(model) as server:
        result, scores = over(work, served("openai-api/bench", server))
        direct = open_backend(f"openai:{server.MODEL}", base_urls=[server.url], **QUICK)
        wanted, exact = over(work, direct)
    assert result.text == model.behind(asked) == wanted.text
    assert result.prompt_tokens == wanted.prompt_tokens
    assert scores.p == pytest.approx(exact.p, abs=1e-6)


def test_a_picture_goes_out_byte_for_byte() -> None:
    with ChatServer(HashModel()) as server, ChatServer(HashModel()) as other:
        one = generate(served("openai-api/bench", server), prompt("", (pixel(5),)))
        direct = open_backend(f"openai:{other.MODEL}", base_urls=[other.url], **QUICK)
        two = generate(direct, prompt("", (pixel(5),)))
    assert one[0].text == two[0].text  # the model hashes the picture


def test_the_error_for_a_wrong_key_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_API_KEY", "very-secret-key-12345")
    with ChatServer(HashModel(), ServerBehaviour(key="other")) as server:
        made = served("openai-api/bench", server, model_args={})
        with pytest.raises(BackendError, match="Incorrect API key") as reported:
            over(lambda b: b.capabilities(), made)
    assert "very-secret" not in str(reported.value)


def test_a_server_that_is_away_ends_the_run_soon() -> None:
    with ChatServer(HashModel()) as server:
        made = served("openai-api/bench", server, patience=0.2)
    with pytest.raises(BackendError, match="run the same command"):
        over(lambda b: b.capabilities(), made)


def test_commands_pass_addresses_and_budgets_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("BENCH_API_KEY", "k" * 20)
    out, model = tmp_path / "run", f"inspect:openai-api/bench/{ChatServer.MODEL}"

    def asks(model: HashModel, *args: object, code: int = 0, says: str = "") -> int:
        """How many requests a command sends to its address."""
        with ChatServer(model) as server:
            done = run(*args, "--base-url", server.url)
            assert (done.returncode, says in done.stderr.replace("\n", " ")) == (code, True), done.stderr
            return server.asked.total()

    limits = ("--limit", 4, "-c", "base", "--out", out)
    assert asks(HashModel(), "audit", model, *limits) > 4
    judge = ("judge", out, "--judge", f"llm:{model}")
    assert asks(JudgeMind(), *judge, "--max-requests", 5, code=2, says="budget of 5 requests") == 5
    assert asks(JudgeMind(), *judge) > 4
    writes = (
        "cues",
        "write",
        sample(tmp_path),
        "--llm",
        model,
        "--budget",
        2,
        "--out",
        tmp_path / "c.parquet",
    )
    assert asks(WriterMind(), *writes) > 2
    assert cue_file.read(tmp_path / "c.parquet").sheet["llm_spent"]["requests"] == 2
