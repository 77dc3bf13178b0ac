"""A judge behind an endpoint that takes text only: its verdicts are those of the mind behind it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from chat_minds import OPTION, HashMind
from chat_server import ChatServer, Habits
from test_cli import run
from unswayed.audit import Run
from unswayed.conditions import Prompt
from unswayed.judges import general
from unswayed.store import verdicts

MATERIAL = re.compile(r"<(material-[0-9a-f]{16})>\n(.*)\n</\1>", re.DOTALL)


class JudgeMind(HashMind):
    """Judges by the general rules, after a thought of its own that quotes what it read."""

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        found = MATERIAL.search(prompt.text)
        if found is None:  # a probe
            return super().whole(prompt, draw)
        head, _, thought = found[2].partition("\n\nThought:\n")
        options = [text for _, text in OPTION.findall(head)]
        verdict = general.conclude(thought, options)
        said = {"option": "ABCDEFG"[verdict.option or 0], "nothing": "nothing", "abstains": "unsure"}[
            verdict.found
        ]
        reply = json.dumps({"concludes": said, "disagrees": False})
        return f"<think>It says: {thought}</think>\n{reply}"


def test_a_judge_behind_an_endpoint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    audited = run(
        "audit", "scripted:oracle:acc=0.7", "--limit", 10, "--conditions", "base,wrong-caption", "--out", out
    )
    assert audited.returncode == 0, audited.stderr
    habits = Habits(
        own=False, flags="refuse", last="refuse", pictures="refuse", letters="refuse", parser=True
    )
    with ChatServer(JudgeMind(), habits) as server:
        args = ("judge", out, "-j", f"llm:openai:{ChatServer.MODEL}", "--base-url", server.url)
        done = run(*args)
        assert done.returncode == 0, done.stderr
        votes = verdicts.read(out)["llm:model"]
        assert len(votes) == 20
        trials = {row["key"]: row for row in Run.load(out).trials.to_pylist()}
        decided = 0
        for key, vote in votes.items():
            wanted = general.conclude(trials[key]["thought"], trials[key]["options"])
            assert (vote.found, vote.option) == (wanted.found, wanted.option), vote
            assert vote.raw is not None
            assert vote.raw.endswith('"disagrees": false}')
            assert vote.acknowledges is (
                None if trials[key]["cue_text"] is None or vote.found == "?" else False
            )
            decided += vote.found == "option"
        assert decided >= 15
        again = run(*args)
        assert again.returncode == 0, again.stderr
        assert verdicts.read(out)["llm:model"] == votes
