"""Models behind an endpoint as writer and reader of cues, through the command line: every outcome planted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from test_cues_llm import obedient

from chat_faults import Faults
from chat_models import OPTION, HashModel
from chat_server import ChatServer, ServerBehaviour
from cli_in_process import invoke as run
from tsv_files import row, write
from unswayed.answers.option_matching import NUMBER_WORDS
from unswayed.conditions import Prompt
from unswayed.cues import cue_file

TEXT_ONLY = ServerBehaviour(
    own=False, flags="refuse", last="refuse", pictures="refuse", letters="refuse", parser=True
)
KINDS = ("good", "second", "never", "easy")
EACH = 2
AGAIN = "could not be used"
MODEL = f"openai:{ChatServer.MODEL}"


def sample(folder: Path) -> Path:
    """Questions that no template understands, each naming how the mind is to treat it; and easy ones."""
    rows = []
    for n in range(EACH):
        for kind in KINDS:
            text = f"Which picture, {kind} {n}, is the brightest one?"
            options = {"A": "upper left", "B": "down right", "answer": "A"}
            if kind == "easy":
                text, options = "How many cats are in the image?", {"A": "1", "B": "2", "answer": "B"}
            rows.append(row(f"{kind}-{n}", question=text, **options))
    return write(folder / "odd.tsv", rows)


class WriterMind(HashModel):
    """Writes well, well when told what was wrong, or never, as the question says; thinks before it."""

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        asked = re.search(r"picture, (\w+) \d", prompt.text)
        if asked is None:  # a probe
            return super().whole(prompt, draw)
        said = obedient(prompt)
        if asked[1] == "never" or (asked[1] == "second" and AGAIN not in prompt.text):
            said = said.replace("the brightest part is", "perhaps the brightest part is")
        return f"<think>Four lines, then.</think>{said}"


class ReaderMind(HashModel):
    """Reads the option whose words stand in the statement; of statements with `evil` in them, nothing."""

    def __init__(self, evil: str) -> None:
        super().__init__()
        self.evil = evil

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        if "Statement: " not in prompt.text:  # a probe
            return super().whole(prompt, draw)
        statement = prompt.text.rpartition("Statement: ")[2].partition("\n")[0].lower()
        words = dict(OPTION.findall(prompt.text))
        found = [
            letter
            for letter, text in words.items()
            if text in statement or (text.isdecimal() and f" {NUMBER_WORDS[int(text)]} " in statement)
        ]
        said = "nothing" if re.search(self.evil, statement) or len(found) != 1 else found[0]
        return f"<think>Hm.</think>{json.dumps({'asserts': said})}"


def asked(server: ChatServer, word: str) -> dict[str, int]:
    """How often the server was asked about a kind of question, first and again, by the distinct bodies."""
    bodies = [str(body["messages"]) for body in server.bodies.values()]
    return {
        kind: sum(f"picture, {kind} " in body and (AGAIN in body) == (word == "again") for body in bodies)
        for kind in KINDS
    }


def test_the_writer_is_corrected_once_and_what_it_cannot_word_stays_plain(tmp_path: Path) -> None:
    out = tmp_path / "cues.parquet"
    with ChatServer(WriterMind(), TEXT_ONLY) as server:
        run(
            "cues",
            "write",
            str(sample(tmp_path)),
            "--out",
            str(out),
            "--llm",
            MODEL,
            "--base-url",
            server.url,
        )
    made = cue_file.read(out)
    assert made.sheet["llm_spent"] == {"requests": 5 * EACH, "questions": 3 * EACH, "written": 2 * EACH}
    assert asked(server, "first") == {"good": EACH, "second": EACH, "never": EACH, "easy": 0}
    assert asked(server, "again") == {"good": 0, "second": EACH, "never": EACH, "easy": 0}
    for cue in made.rows:
        wanted = {"never": "plain", "easy": "template"}.get(cue["uid"].split("-")[0], "llm:model")
        assert not cue["text"] or cue["writer"] == wanted
    assert made.sheet["llm"] == "llm:model"
    asks = [str(b["messages"][-1]["content"]) for b in server.bodies.values()]
    assert all("image_url" not in said for said in asks if "Which picture, " in said)


@pytest.mark.parametrize("budget", [0, 4, 8])
def test_the_budget_bounds_the_requests_that_go_out(tmp_path: Path, budget: int) -> None:
    out = tmp_path / "cues.parquet"
    with ChatServer(WriterMind(), TEXT_ONLY) as server:
        words = ["--llm", MODEL, "--budget", str(budget), "--base-url", server.url]
        run("cues", "write", str(sample(tmp_path)), "--out", str(out), *words)
    assert sum(asked(server, "first").values()) + sum(asked(server, "again").values()) == budget
    assert cue_file.read(out).sheet["llm_spent"]["requests"] == budget
    assert len({r["uid"] for r in cue_file.read(out).rows if r["text"]}) == 4 * EACH


def test_troubles_on_the_way_are_survived_and_change_no_cue(tmp_path: Path) -> None:
    written = []
    for rate in (0.0, 0.25):
        out = tmp_path / f"{rate}.parquet"
        faults = Faults(rate, 5, kinds=("429", "500", "503", "cut", "break", "not-json"), spare=False)
        with ChatServer(WriterMind(), TEXT_ONLY, faults) as server:
            words = ["--llm", MODEL, "--base-url", server.url]
            run("cues", "write", str(sample(tmp_path)), "--out", str(out), *words)
        assert (sum(faults.struck.values()) > 0) == (rate > 0)
        written.append([(r["uid"], r["kind"], r["text"]) for r in cue_file.read(out).rows])
    assert written[0] == written[1]


def test_a_model_reads_every_cue_and_what_it_cannot_read_is_worded_anew(tmp_path: Path) -> None:
    out, plain = tmp_path / "cues.parquet", tmp_path / "plain.parquet"
    path = str(sample(tmp_path))
    run("cues", "write", path, "--out", str(plain))
    first = cue_file.read(plain)
    # Planted: the opening of one caption of the easy questions, and of one of the plain ones, says nothing.
    texts = {r["kind"]: r["text"] for r in first.rows if r["uid"] == "easy-0"}
    opening = " ".join(texts["wrong_caption"].lower().split()[:3])
    bad = [r for r in first.rows if opening in r["text"].lower()]
    with ChatServer(ReaderMind(re.escape(opening)), TEXT_ONLY) as server:
        said = run("cues", "write", path, "--out", str(out), "--check-llm", MODEL, "--base-url", server.url)
    made = cue_file.read(out)
    spent = made.sheet["check_spent"]
    assert spent["rewritten"] >= 2
    assert spent["marked"] == 0
    assert spent["requests"] == len(first.rows) * 4 // 5 + spent["rewritten"]
    assert {r["check"] for r in made.rows if r["text"]} == {"agrees"}
    assert made.sheet["checks"] == {"agrees": sum(bool(r["text"]) for r in made.rows)}
    assert "agrees" in said
    for old, new in zip(first.rows, made.rows, strict=True):
        assert old["option"] == new["option"]
        assert opening not in new["text"].lower()
        assert new["text"] == old["text"] or worded(old) in {worded(r) for r in bad}
    assert made.sheet["check_llm"] == "llm:model"
    assert "check_llm: llm:model" in out.with_suffix(".md").read_text()


def test_what_still_fails_is_kept_and_marked_and_shown(tmp_path: Path) -> None:
    out = tmp_path / "cues.parquet"
    with ChatServer(ReaderMind("cat"), TEXT_ONLY) as server:
        words = ["--check-llm", MODEL, "--base-url", server.url]
        run("cues", "write", str(sample(tmp_path)), "--out", str(out), *words)
    made = cue_file.read(out)
    marks = {(r["uid"].split("-")[0], r["check"]) for r in made.rows if r["text"]}
    assert marks >= {("good", "agrees")}
    failing = [r for r in made.rows if r["check"] == "nothing"]
    assert made.sheet["check_spent"]["marked"] == len(failing)
    assert ("read as: nothing" in run("cues", "show", str(out))) == bool(failing)


def test_the_readers_budget_leaves_the_rest_unread(tmp_path: Path) -> None:
    out = tmp_path / "cues.parquet"
    with ChatServer(ReaderMind("zzz"), TEXT_ONLY) as server:
        words = ["--check-llm", MODEL, "--base-url", server.url, "--budget", "5"]
        run("cues", "write", str(sample(tmp_path)), "--out", str(out), *words)
    made = cue_file.read(out)
    assert made.sheet["checks"]["not asked"] == sum(bool(r["text"]) for r in made.rows) - 5
    assert sum("Statement: " in str(body) for body in server.bodies.values()) <= 5


def worded(row: dict[str, str]) -> tuple[str, str]:
    """Cues for which this is equal are worded alike."""
    return row["uid"], row["kind"].partition("_")[2]
