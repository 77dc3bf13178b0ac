"""One run asked by several processes, each its part: together they ask what one process would, once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from synthetic import cues, stream
from unswayed.backends import scripted
from unswayed.errors import BadInput
from unswayed.model_io import Generation, Request
from unswayed.pipeline.audit import Run, audit
from unswayed.store import Part, RunEditor

SPEC = "scripted:silent-flipper:p=0.5,acc=0.8,chunk=4,concurrency=2"
CONDITIONS = ["base", "wrong-think"]
QUESTIONS = 60
COST = ["seconds", "attempts"]


class Counted(scripted.Scripted):
    """Counts how often each trial is asked, and waits a little."""

    asked: Counter[int]

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.asked.update(request.seed for request in requests)
        await asyncio.sleep(0.002)
        return await super().generate(requests)


def respondent(asked: Counter[int]) -> Counted:
    plain = scripted.make(SPEC)
    made = Counted(plain.kind, plain.behaviour, plain.name).bind(stream(QUESTIONS))
    made.asked = asked
    return made


async def ask(folder: Path, part: Part | None, asked: Counter[int]) -> Run:
    questions = list(stream(QUESTIONS))
    return await audit(respondent(asked), questions, CONDITIONS, cues=cues, store=folder, part=part)


@pytest.fixture(scope="module")
def whole() -> Run:
    return asyncio.run(audit(respondent(Counter()), list(stream(QUESTIONS)), CONDITIONS, cues=cues))


def test_eight_writers_make_the_run_of_one(tmp_path: Path, whole: Run) -> None:
    """Three are cancelled on the way and begin again. The last to end writes the table, in the one order."""
    asked: Counter[int] = Counter()
    draw = random.Random(3)

    async def writer(index: int) -> None:
        if index <= 3:
            first = asyncio.create_task(ask(tmp_path / "run", Part(index, 8), asked))
            await asyncio.sleep(draw.uniform(0, 0.02))
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        await ask(tmp_path / "run", Part(index, 8), asked)

    async def all_writers() -> None:
        await asyncio.gather(*map(writer, range(1, 9)))

    asyncio.run(all_writers())
    run = Run.load(tmp_path / "run")
    assert run.manifest["finished"]["trials"] == QUESTIONS * len(CONDITIONS)
    assert run.trials.drop_columns(COST).equals(whole.trials.drop_columns(COST))
    assert set(asked) == set(whole_seeds(whole))
    assert {session["part"] for session in run.manifest["sessions"]} == {f"{i}/8" for i in range(1, 9)}


def whole_seeds(whole: Run) -> list[int]:
    from unswayed import trial_keys

    by_uid = {q.uid: q for q in stream(QUESTIONS)}
    rows = whole.trials.select(["uid", "condition"]).to_pylist()
    return [trial_keys.trial_seed(0, by_uid[row["uid"]], row["condition"], 0) for row in rows]


def test_parts_one_after_the_other_ask_everything_once(tmp_path: Path, whole: Run) -> None:
    asked: Counter[int] = Counter()
    for index in (3, 1, 2):
        run = asyncio.run(ask(tmp_path / "run", Part(index, 3), asked))
        assert ("finished" in run.manifest) == (index == 2)
    assert set(asked.values()) == {1}
    assert len(asked) == len(whole.trials)
    # The plain command finds nothing left to ask.
    run = asyncio.run(ask(tmp_path / "run", None, asked))
    assert set(asked.values()) == {1}
    assert run.trials.drop_columns(COST).equals(whole.trials.drop_columns(COST))


def test_a_part_and_whoever_writes_alone_exclude_each_other(tmp_path: Path) -> None:
    async def meanwhile() -> None:
        task = asyncio.create_task(ask(tmp_path / "run", Part(1, 2), Counter()))
        while not (tmp_path / "run" / "manifest.json").exists():
            await asyncio.sleep(0.001)
        with pytest.raises(BadInput, match="being written by another process"):
            await ask(tmp_path / "run", None, Counter())
        with pytest.raises(BadInput, match="part 1/2"):
            await ask(tmp_path / "run", Part(1, 2), Counter())
        with pytest.raises(BadInput, match="being written"):
            RunEditor(tmp_path / "run")
        await task
        with RunEditor(tmp_path / "run"), pytest.raises(BadInput, match="by another process alone"):
            await ask(tmp_path / "run", Part(2, 2), Counter())

    asyncio.run(meanwhile())


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "1/0", "a/b", "1/99999", "-1/2", "1/2/3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="give one from 1/N to N/N"):
        Part.parse(text)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_every_question_is_in_one_part(count: int) -> None:
    parts = [Part(index, count) for index in range(1, count + 1)]
    for number in range(20):
        assert sum(part.owns(number) for part in parts) == 1
    assert sum(part.size(20) for part in parts) == 20


def test_a_part_needs_a_folder() -> None:
    with pytest.raises(BadInput, match="name one"):
        asyncio.run(audit(respondent(Counter()), list(stream(2)), ["base"], part=Part(1, 2)))
