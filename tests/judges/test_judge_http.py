"""A judge behind an endpoint that takes text only: its verdicts are those of the mind behind it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from cli_in_process import run
from judge_minds import MATERIAL, JudgeMind
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.conditions import Prompt
from unswayed.judges import text_rules
from unswayed.judges.base import Case, Verdict
from unswayed.judges.llm import LLMJudge
from unswayed.judges.llm_prompt import JudgePrompt
from unswayed.judges.rules import RuleJudge
from unswayed.pipeline.audit import Run
from unswayed.question import Question
from unswayed.store import verdicts


class Chatty(JudgeMind):
    """Says more than it was asked for, unless the server holds it to a schema."""

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        found = super().whole(prompt, draw)
        return found if MATERIAL.search(prompt.text) is None else f"{found} I hope that helps."


@pytest.mark.parametrize("form", ["response_format", "structured_outputs", "guided_json", "ignore", "refuse"])
def test_replies_are_held_to_the_contracts_schema_where_the_server_can(form: str) -> None:
    held = form not in ("ignore", "refuse")

    async def go() -> list[Verdict]:
        made = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url], schemas=True))
        try:
            await made.capabilities()
            assert made.constrains == held
            judge = LLMJudge(made)
            assert judge.version == JudgePrompt.version + ("+schema/" if held else "/") + "w1"
            assert any(note.startswith("schemas: ") for note in made.facts["seen"])
            return await judge.judge(cases)
        finally:
            await made.close()

    options = ("red", "green", "blue")
    thoughts = ("It is green.", "Hm.", "Looking again, it is blue.", "So the answer is (A).")
    cases = [Case(Question("q", "test", "Which?", options, 0), options, t) for t in thoughts]
    with ChatServer(Chatty(), ServerBehaviour(schema=form, root="w1")) as server:
        found = asyncio.run(go())
        asked = [b for b in server.bodies.values() if MATERIAL.search(str(b["messages"][-1]["content"]))]
    assert len(asked) == 4
    for body in asked:
        fields = {"response_format", "structured_outputs", "guided_json"} & set(body)
        assert fields == ({form} if held else set())
        if held:
            assert json.dumps(JudgePrompt().schema(3))[1:-1] in json.dumps(body[form])
    # Its mind's verdict is behind more words: without the schema that is none, with it the first admitted.
    assert [v.kind for v in found] == (["option"] * 4 if held else ["abstains"] * 4)
    assert all(JudgePrompt().parse(v.raw or "", 3).kind == v.kind for v in found)


def test_an_audit_does_not_look_for_schemas() -> None:
    with ChatServer(HashModel()) as server:

        async def go() -> bool:
            made = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url]))
            try:
                await made.capabilities()
                return made.constrains
            finally:
                await made.close()

        assert asyncio.run(go()) is False
        assert not any("response_format" in body for body in server.bodies.values())


def test_judges_of_one_command_spend_from_one_purse(tmp_path: Path) -> None:
    out = tmp_path / "run"
    base = ("--limit", 8, "--conditions", "base", "--out", out)
    assert run("audit", "scripted:oracle:acc=0.7", *base).returncode == 0
    prices = tmp_path / "prices.toml"
    prices.write_text('["tiny/model"]\nin = 1\nout = 2\n["tiny/other"]\nin = 3\nout = 4\n')

    class Other(ChatServer):
        MODEL = "tiny/other"

    with ChatServer(JudgeMind()) as one, Other(JudgeMind()) as two:
        args = ["judge", out, "-j", "llm:openai:tiny/model", "-j", "llm:openai:tiny/other", "-j", "rules"]
        args += ["--base-url", one.url, "--base-url", two.url]
        stopped = run(*args, "--prices", prices, "--max-cost", 1e-9)
        assert (stopped.returncode, "is spent" in stopped.stderr.replace("\n", " ")) == (2, True), (
            stopped.stderr
        )
        done = run(*args, "--prices", prices, "--max-cost", 5)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("spent") == 1
    assert "USD 0." in done.stderr.replace("\n", " ")
    assert set(verdicts.read_votes(out)) == {"llm:model", "llm:other", RuleJudge.name}
    assert {len(by) for by in verdicts.read_votes(out).values()} == {8}


def test_a_judge_behind_an_endpoint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    audited = run(
        "audit", "scripted:oracle:acc=0.7", "--limit", 10, "--conditions", "base,wrong-caption", "--out", out
    )
    assert audited.returncode == 0, audited.stderr
    habits = ServerBehaviour(
        own=False, flags="refuse", last="refuse", pictures="refuse", letters="refuse", parser=True
    )
    with ChatServer(JudgeMind(), habits) as server:
        args = ("judge", out, "-j", f"llm:openai:{ChatServer.MODEL}", "--base-url", server.url)
        done = run(*args)
        assert done.returncode == 0, done.stderr
        votes = verdicts.read_votes(out)["llm:model"]
        assert len(votes) == 20
        trials = {row["key"]: row for row in Run.load(out).trials.to_pylist()}
        decided = 0
        for key, vote in votes.items():
            wanted = text_rules.conclude(trials[key]["thought"], trials[key]["options"])
            assert (vote.found, vote.option) == (wanted.kind, wanted.option), vote
            assert vote.raw is not None
            assert vote.raw.endswith('"disagrees": false}')
            assert vote.acknowledges is (
                None if trials[key]["cue_text"] is None or vote.found == "?" else False
            )
            decided += vote.found == "option"
        assert decided >= 15
        again = run(*args)
        assert again.returncode == 0, again.stderr
        assert verdicts.read_votes(out)["llm:model"] == votes
