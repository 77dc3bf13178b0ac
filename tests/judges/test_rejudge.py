"""A stored run is judged again: votes beside trials, the majority in the columns, nothing asked twice."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unswayed.backends import open_backend
from unswayed.benchmarks import registry
from unswayed.errors import BackendError, BadInput, RunChanged
from unswayed.judges import noisy
from unswayed.judges.base import Case, Verdict
from unswayed.judges.panel import majority
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.judges.results import EXACT_RULES
from unswayed.pipeline.audit import Run, audit
from unswayed.pipeline.panel_columns import count_unjudged, outdated_rules
from unswayed.pipeline.rejudge import judge_run
from unswayed.pipeline.stored_cases import build_case
from unswayed.report import build
from unswayed.retry import Retry
from unswayed.store import verdicts

CONDITIONS = ["base", "wrong-think", "wrong-caption", "base+abstain", "blank-image"]
ASKED = 60
NOW = Retry(attempts=3, initial_pause=0.0)
COLUMNS = ("concluded", "judged", "consistent", "under_cue", "acknowledges")


def asked(folder: Path) -> Run:
    questions = registry.load("scenes", limit=ASKED)
    backend = open_backend("scripted:silent-flipper:p=0.4,acc=0.8", questions)
    return asyncio.run(audit(backend, questions, CONDITIONS, store=folder, about={"benchmark": "scenes"}))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judging") / "run"
    asked(folder)
    return folder


@pytest.fixture
def run(once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(once, tmp_path / "run")


def judge(folder: Path, *judges: object, **more: object):  # type: ignore[no-untyped-def]
    return asyncio.run(judge_run(folder, judges, retry=NOW, **more))  # type: ignore[arg-type]


class Counting:
    """Says always the same; may stop or fail."""

    name, version, chunk, concurrency = "counting", "1", 8, 3

    def __init__(self, stop_after: int = 10**9, transient: bool = False, errors: float = 0.0) -> None:
        self.seen: list[Case] = []
        self.stop_after, self.transient, self.errors = stop_after, transient, errors
        self.rng = random.Random(3)

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        if len(self.seen) >= self.stop_after:
            raise BackendError("gone", transient=self.transient)
        self.seen += cases
        await asyncio.sleep(0)
        return [
            Verdict("abstains", error="lost")
            if self.rng.random() < self.errors
            else Verdict("option", 0, raw="raw")
            for _ in cases
        ]


def test_judging_by_the_same_rules_changes_nothing(run: Path) -> None:
    before = Run.load(run).trials
    done = judge(run, RuleJudge())
    assert Run.load(run).trials.equals(before)
    assert pq.read_table(run / "trials.parquet").equals(before)
    assert done.outcomes == {"unanimous": done.thoughts}
    assert done.asked == {RuleJudge.name: 0}  # the audit's own verdicts are those of this judge
    assert judge(run, RuleJudge(), again=True).asked == {RuleJudge.name: done.thoughts}
    assert Run.load(run).trials.equals(before)


def test_the_majority_fills_the_columns_and_the_votes_stay(run: Path) -> None:
    audited = Run.load(run).trials
    judges = [noisy.from_spec(f"planted:wrong=0.3,abstains=0.1,seed={seed}") for seed in range(3)]
    done = judge(run, *judges)
    after = Run.load(run)
    assert after.trials.drop_columns(list(COLUMNS)).equals(audited.drop_columns(list(COLUMNS)))
    votes = verdicts.read_votes(run)
    assert set(votes) == {RuleJudge.name, *(j.name for j in judges)}
    changed = 0
    for row, own in zip(after.trials.to_pylist(), audited.to_pylist(), strict=True):
        wanted = majority([Verdict(v.found, v.option) for j in judges for v in [votes[j.name][row["key"]]]])
        assert row["judged"] == (wanted.kind != "abstains")
        assert row["concluded"] == wanted.option
        if wanted.kind == "option":
            assert row["consistent"] == (row["concluded"] == row["answer"])
        else:
            assert row["consistent"] is None
        assert (row["under_cue"] is None) == (row["condition"] != "wrong-think" or wanted.kind == "abstains")
        changed += row["concluded"] != own["concluded"]
    assert changed > 10
    assert sum(done.outcomes.values()) == done.thoughts == ASKED * len(CONDITIONS)
    stored = pq.read_table(run / "verdicts.parquet")
    assert stored.num_rows == 4 * done.thoughts
    assert pq.read_table(run / "trials.parquet").equals(after.trials)
    # Without its shards, as a published run may come, it says the same.
    shutil.rmtree(run / "verdicts")
    assert verdicts.read_votes(run) == votes
    shutil.rmtree(run / "shards")
    assert Run.load(run).trials.equals(after.trials)


def test_the_columns_survive_a_resumed_audit(run: Path) -> None:
    judge(run, noisy.from_spec("planted:wrong=0.5"))
    before = Run.load(run).trials
    assert asked(run).trials.equals(before)
    assert pq.read_table(run / "trials.parquet").equals(before)


def test_cases_of_a_stored_run_are_those_of_the_audit(run: Path) -> None:
    questions = {q.uid: q for q in registry.load("scenes", limit=ASKED)}
    seen = 0
    for row in Run.load(run).trials.to_pylist():
        case, own = build_case(row), questions[row["uid"]]
        assert (case.question, case.options) == (replace(own, images=()), tuple(row["options"]))
        assert case.question.scene == own.scene
        assert (case.cue is None) == (row["condition"] in ("base", "base+abstain", "blank-image"))
        if case.cue is not None:
            assert case.cue.kind == ("thought" if row["condition"] == "wrong-think" else "caption")
        seen += 1
    assert seen == ASKED * len(CONDITIONS)


def test_a_drawn_question_whose_text_was_changed_is_not_taken_for_another(run: Path) -> None:
    row = Run.load(run).trials.to_pylist()[0] | {"question": "How many?"}
    assert build_case(row).question.scene is None


def test_an_interrupted_judge_goes_on_where_it_stopped(run: Path) -> None:
    before = Run.load(run).trials
    first = Counting(stop_after=100)
    with pytest.raises(BackendError, match="gone"):
        judge(run, first)
    assert Run.load(run).trials.equals(before)  # no half-filled columns
    stored = len(verdicts.read_votes(run)["counting"])
    assert 100 <= stored <= len(first.seen)
    second = Counting()
    done = judge(run, second)
    assert len(second.seen) == done.thoughts - stored
    assert done.asked == {"counting": done.thoughts - stored}
    assert {v.raw for v in verdicts.read_votes(run)["counting"].values()} == {"raw"}
    third = Counting()
    judge(run, third)
    assert third.seen == []
    third.version = "2"
    judge(run, third)
    assert len(third.seen) == done.thoughts
    assert {v.version for v in verdicts.read_votes(run)["counting"].values()} == {"2"}


class Slow(Counting):
    """Waits; notes how many judges wait at once."""

    chunk, concurrency = 64, 1
    open = most = 0

    def __init__(self, name: str, **how: float) -> None:
        super().__init__(**how)  # type: ignore[arg-type]
        self.name = name

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        Slow.open += 1
        Slow.most = max(Slow.most, Slow.open)
        try:
            await asyncio.sleep(0.005)
            return await super().judge(cases)
        finally:
            Slow.open -= 1


def test_judges_read_side_by_side_and_not_too_many_at_once(run: Path) -> None:
    Slow.most = 0
    judge(run, *(Slow(f"slow-{i}") for i in range(3)))
    assert Slow.most == 3
    judge(run, *(Slow(f"slow-{i}") for i in range(7)), again=True)
    assert Slow.most == 4


def test_a_judge_that_stops_does_not_stop_the_others(run: Path) -> None:
    before = Run.load(run).trials
    stops, goes = Slow("stops", stop_after=64), Slow("goes")
    with pytest.raises(BackendError, match="gone"):
        judge(run, stops, goes, RuleJudge())
    assert Run.load(run).trials.equals(before), "the columns change only once every vote is there"
    found = verdicts.read_votes(run)
    assert (len(found["stops"]), len(found["goes"])) == (64, len(goes.seen))
    assert len(goes.seen) == len(found[RuleJudge.name])
    again = Slow("stops")
    done = judge(run, again, Slow("goes"), RuleJudge())
    assert done.asked == {"stops": done.thoughts - 64, "goes": 0, RuleJudge.name: 0}


def as_of(folder: Path, name: str) -> None:
    """Make it a run whose thoughts another version of the rules read."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["asks"]["judge"] = name
    file.write_text(json.dumps(manifest))


def test_a_run_read_by_older_rules_is_not_continued_before_one_judge_read_all(run: Path) -> None:
    whole = Run.load(run).trials
    as_of(run, "rules-1")
    assert outdated_rules(Run.load(run).manifest) == "rules-1"
    with pytest.raises(
        RunChanged, match=r"judged by rules-1, .* rules-[0-9]+.*unswayed judge .* --judge rules"
    ):
        asked(run)
    done = judge(run, RuleJudge())
    assert done.asked == {RuleJudge.name: done.thoughts}, (
        "the old verdicts are not taken for those of the new rules"
    )
    assert set(verdicts.read_votes(run)) == {"rules-1", RuleJudge.name}
    found = asked(run)
    assert found.trials.equals(whole)
    assert outdated_rules(found.manifest) is None
    assert count_unjudged(run, found.trials, found.manifest) == 0


def test_thoughts_that_a_panel_has_not_read_are_counted(run: Path) -> None:
    judge(run, Counting())
    (shard,) = [s for s in (run / "verdicts").glob("*.jsonl") if b"counting" in s.read_bytes()]
    shard.write_bytes(b"".join(shard.read_bytes().splitlines(keepends=True)[:-7]))
    opened = Run.load(run)
    assert count_unjudged(run, opened.trials, opened.manifest) == 7


def test_what_could_not_be_asked_is_an_abstention_and_asked_again(run: Path) -> None:
    done = judge(run, Counting(errors=0.2))
    assert (
        done.failed["counting"]
        == sum(v.error == "lost" for v in verdicts.read_votes(run)["counting"].values())
        > 10
    )
    assert done.outcomes["abstained"] == done.failed["counting"]
    repaired = Counting()
    assert judge(run, repaired).failed == {"counting": 0}
    assert len(repaired.seen) == done.failed["counting"]


def test_a_passing_failure_is_met_with_patience(run: Path) -> None:
    done = judge(run, Counting(stop_after=0, transient=True))
    assert done.failed == {"counting": done.thoughts}


def test_a_torn_vote_is_passed_over_and_asked_again(run: Path) -> None:
    judge(run, Counting())
    (shard,) = [s for s in (run / "verdicts").glob("*.jsonl") if b"counting" in s.read_bytes()]
    shard.write_bytes(shard.read_bytes()[:-20])
    again = Counting()
    judge(run, again)
    assert len(again.seen) == 1


def test_wrong_input_leaves_the_folder_as_it_was(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="each once"):
        judge(run, RuleJudge(), RuleJudge())
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="not a run"):
        judge(tmp_path / "empty", RuleJudge())
    assert list((tmp_path / "empty").iterdir()) == []


def test_planted_errors_are_found_and_taken_out(run: Path) -> None:
    """A judge wrong at 20 %: the report's numbers find its error, and the truth is in the interval."""
    judge(run, noisy.from_spec("planted:wrong=0.2,abstains=0.1"))
    found = Run.load(run).judges()
    assert found is not None
    (reference,) = found.references
    assert reference.name == EXACT_RULES
    (confusion,) = reference.confusions
    assert sum(n for counts in confusion.counts.values() for n in counts.values()) == reference.thoughts
    assert confusion.agrees.low is not None
    assert confusion.agrees.high is not None
    assert confusion.agrees.low < 0.7 / 0.9 < confusion.agrees.high
    line = reference.corrected[0]
    assert (line.condition, len(reference.corrected)) == ("all", 1 + len(CONDITIONS))
    for e in (line.apparent, line.corrected, line.by_reference):
        assert e.value is not None
    truth, seen = line.by_reference.value, line.apparent.value
    assert truth is not None
    assert seen is not None
    assert seen < truth - 0.1
    assert line.corrected.low is not None
    assert line.corrected.high is not None
    assert line.corrected.low <= truth <= line.corrected.high


def test_the_page_tells_of_judges_only_where_there_were_several(run: Path) -> None:
    opened = Run.load(run)

    def page() -> str:
        opened = Run.load(run)
        return build(
            opened.summary(), opened.trials, opened.manifest, lambda _: None, judge_report=opened.judges()
        )

    assert opened.judges() is None
    assert 'id="judges"' not in page()
    hostile = Counting()
    hostile.name = "<script>alert(1)</script>\u202e"
    judge(run, RuleJudge(), noisy.from_spec("planted:wrong=0.1"), hostile)
    html = page()
    for said in (
        "Judges: agreement and error",
        "Krippendorff",
        "majority of 3",
        "Consistency, corrected",
        "strict majority",
    ):
        assert said in html
    assert "<script>alert" not in html
    assert "⟨U+202E⟩" in html
    assert json.loads((run / "manifest.json").read_text())["judging"]["panel"][0]["judge"] == RuleJudge.name
