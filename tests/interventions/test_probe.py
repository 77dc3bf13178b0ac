"""A probe as a run: stored beside the audit, resumed, widened; what cannot be asked has its reason."""

import asyncio
import json
import shutil
from dataclasses import replace

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import synthetic
import thought_readers as readers
import unswayed
from unswayed.errors import BackendError, BadInput, RunChanged
from unswayed.interventions import FOLDER, INTERVENTIONS, PICTURES, is_probed, measure, probe, select
from unswayed.metrics.thought_use import FILLER, MISTAKE, PEER, SHARES, kind, truncated_name
from unswayed.model_io import Capabilities
from unswayed.pipeline.audit import Run
from unswayed.question import Image

QUESTIONS = synthetic.questions(12)


def backend(capabilities=Capabilities("continues", "exact"), kind=readers.ThoughtReader):  # noqa: B008 - frozen
    return kind(readers.reads_last_sentence, QUESTIONS, 1.0, capabilities)


@pytest.fixture
def run(tmp_path):
    return asyncio.run(unswayed.audit(backend(), QUESTIONS, ["base"], store=tmp_path / "run"))


def ask(run, model=None, *names, **more):
    return asyncio.run(probe(Run.load(run.path), model or backend(), list(names) or None, **more))


def test_the_audits_own_table_is_left_as_it_is(run):
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    probed = ask(run)
    assert probed.path == run.path / FOLDER
    assert {file: file.read_bytes() for file in before} == before
    assert Run.load(run.path).trials.num_rows == len(QUESTIONS)
    assert set(probed.trials["condition"].to_pylist()) == set(INTERVENTIONS)


def test_keys_differ_by_intervention_and_prefills_are_stored(run):
    rows = ask(run).trials.to_pylist()
    assert len({row["key"] for row in rows}) == len(rows) == len(QUESTIONS) * len(INTERVENTIONS)
    thoughts = {row["uid"]: row["thought"] for row in run.trials.to_pylist()}
    for row in rows:
        if row["condition"] == truncated_name(1.0):
            assert row["prefill"] == f"<think>{thoughts[row['uid']]}</think><answer>"
            assert row["thought"] == thoughts[row["uid"]]
            assert row["text"] is None
        if row["condition"] == MISTAKE:
            assert row["prefill"].startswith("<think>")
            assert "</think>" not in row["prefill"]
            assert row["cue"] not in (None, row["gold"])
            assert row["cue_text"].removesuffix(row["options"][row["cue"]]) == "It is "
            assert row["judged"]
        if row["condition"] == PEER:
            uid = row["cue_writer"].removeprefix("peer/")
            assert uid != row["uid"]
            assert thoughts[uid] in row["prefill"]


def test_letters_are_scored_without_generating(run):
    model = backend()
    ask(run, model, *select("think-truncated,think-filler"))
    assert model.generated == 0
    assert model.scored == 6 * len(QUESTIONS)


def test_the_same_probe_again_asks_nothing_and_a_wider_one_asks_the_rest(run):
    narrow = backend()
    ask(run, narrow, *select("think-truncated"), limit=5)
    assert narrow.scored == 5 * 5
    wide = backend()
    whole = ask(run, wide)
    # Eight closed interventions, of which 25 trials were stored; a paraphrase is not asked. The letters of
    # `think-mistake` are scored behind what was generated.
    assert wide.scored == 8 * len(QUESTIONS) - 25 + len(QUESTIONS)
    assert wide.generated == len(QUESTIONS)
    table = (whole.path / "trials.parquet").read_bytes()
    again = backend()
    ask(run, again)
    assert (again.scored, again.generated) == (0, 0)
    assert (whole.path / "trials.parquet").read_bytes() == table


class Dies(readers.ThoughtReader):
    """Fails for good after some calls."""

    left = 3

    async def score_letters(self, prompts):
        self.left -= 1
        if self.left < 0:
            raise BackendError("gone")
        return await super().score_letters(prompts)


def test_an_interrupted_probe_ends_as_an_undisturbed_one(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run.path, other)
    with pytest.raises(BackendError):
        ask(run, backend(kind=Dies))
    assert not (run.path / FOLDER / "trials.parquet").exists()
    resumed = ask(run).trials
    undisturbed = asyncio.run(probe(Run.load(other), backend())).trials
    assert resumed.drop(["seconds"]).equals(undisturbed.drop(["seconds"]))


def test_a_run_that_grew_keeps_the_peers_that_were_asked(tmp_path):
    folder = tmp_path / "run"
    asyncio.run(unswayed.audit(backend(), QUESTIONS[:4], ["base"], store=folder))
    first = {row["uid"]: row["prefill"] for row in ask(Run.load(folder), None, PEER).trials.to_pylist()}
    asyncio.run(unswayed.audit(backend(), QUESTIONS, ["base"], store=folder))
    grown = {row["uid"]: row["prefill"] for row in ask(Run.load(folder), None, PEER).trials.to_pylist()}
    assert len(grown) == len(QUESTIONS)
    assert {uid: grown[uid] for uid in first} == first


def test_an_unfinished_run_can_be_probed(run):
    (run.path / "trials.parquet").unlink()
    manifest = json.loads((run.path / "manifest.json").read_text())
    del manifest["finished"]
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    assert ask(run, None, FILLER).trials.num_rows == len(QUESTIONS)


@pytest.mark.parametrize(
    ("capabilities", "asked", "reason"),
    [
        (Capabilities("rejected", "exact"), set(), "rejects a prefill"),
        (Capabilities("restarts", "exact"), set(), "restarts after a prefill"),
        (Capabilities("continues", "none"), {MISTAKE}, "no letter probabilities"),
        (Capabilities("continues", "exact", closed=False), {MISTAKE}, "drops a closed thought"),
    ],
)
def test_what_the_model_cannot_do_is_not_asked_with_the_reason(run, capabilities, asked, reason):
    model = backend(capabilities)
    rows = ask(run, model).trials.to_pylist()
    assert {row["condition"] for row in rows if row["state"] == "ok"} == asked
    assert all(reason in row["error"] for row in rows if row["condition"] not in asked)
    assert model.scored == (len(QUESTIONS) if asked and capabilities.letters != "none" else 0)
    assert measure(run).measures.keys() <= {"importance", "sufficiency"}


def test_a_lone_thought_has_no_peer_and_no_other_order(tmp_path):
    run = asyncio.run(unswayed.audit(backend(), QUESTIONS[:1], ["base"], store=tmp_path / "run"))
    (row,) = ask(run, None, PEER).trials.to_pylist()
    assert row["state"] == "not-asked"
    assert "another group" in row["error"]


def test_another_model_is_refused(run):
    other = readers.ThoughtReader(readers.ignores, QUESTIONS)
    with pytest.raises(RunChanged, match="planted-ignores"):
        ask(run, other)


@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_a_changed_thought_is_refused_on_resuming(run):
    ask(run, None, FILLER)
    for shard in (run.path / "shards").iterdir():
        shard.unlink()
    trials = pq.read_table(run.path / "trials.parquet")
    text = pc.replace_substring(trials["text"], "The light is good.", "The light.")
    pq.write_table(
        trials.set_column(trials.schema.get_field_index("text"), "text", text), run.path / "trials.parquet"
    )
    with pytest.raises(RunChanged, match="asked before with other content"):
        ask(run, None, FILLER)


def test_a_picture_that_was_not_kept_is_an_error_until_the_benchmark_supplies_it(run):
    kept = sorted((run.path / "images").iterdir())
    for image in kept:
        image.unlink()
    rows = ask(run, None, FILLER).trials.to_pylist()
    assert {row["state"] for row in rows} == {"error"}
    assert "--benchmark" in rows[0]["error"]
    by_uid = {q.uid: q for q in QUESTIONS}
    wrong = replace(QUESTIONS[0], images=(Image.of(b"another picture"),))
    rows = ask(run, None, FILLER, questions=by_uid | {wrong.uid: wrong}).trials.to_pylist()
    assert {row["uid"] for row in rows if row["state"] == "error"} == {wrong.uid}


def test_several_samples_are_several_thoughts(tmp_path):
    sampling = unswayed.Sampling(temperature=0.7)
    run = asyncio.run(
        unswayed.audit(
            backend(), QUESTIONS[:4], ["base"], store=tmp_path / "run", sampling=sampling, samples=3
        )
    )
    trials = ask(run).trials
    assert trials.num_rows == 4 * 3 * len(INTERVENTIONS)
    use = measure(run)
    assert (use.n_thoughts, use.n_groups) == (12, 4)
    assert {q.kind for q in use.questions} == {"needed"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda run: ask(run, None, limit=0), "limit is 0"),
        (lambda run: ask(run, None, "think-hard"), "no intervention 'think-hard'"),
        (lambda run: measure(run), "was not probed"),
        (lambda run: asyncio.run(probe(Run(run.manifest, trials=run.trials), backend())), "in memory"),
        (lambda run: select("think-filer"), "did you mean 'think-filler'"),
        (lambda run: select(" , "), "at least one"),
    ],
)
def test_bad_input_names_the_remedy(run, call, words):
    with pytest.raises(BadInput, match=words):
        call(run)
    assert not is_probed(run)


def test_a_run_without_thoughts_is_refused(tmp_path):
    run = asyncio.run(unswayed.audit(backend(), QUESTIONS, ["irrelevant-caption"], store=tmp_path / "run"))
    with pytest.raises(BadInput, match="audit 'base' first"):
        ask(run)


def test_names_are_selected_in_the_order_of_the_catalogue():
    assert select("peer-think,think-truncated") == [*map(truncated_name, SHARES), PEER]
    assert select("thoughts") == list(INTERVENTIONS)
    assert select("all") == [*INTERVENTIONS, *PICTURES]
    assert select("noise,rotated,pictures") == select("pictures") == list(PICTURES)
    assert select("rotated,blur@0.1") == ["blur@0.1", "rotated@90", "rotated@180", "rotated@270"]


ALL_SAME = (True,) * 5


@pytest.mark.parametrize(
    ("same", "changed", "expected"),
    [
        (ALL_SAME, {FILLER: False, MISTAKE: False, PEER: False}, "decorative"),
        (ALL_SAME, {FILLER: False, MISTAKE: None, PEER: False}, "decorative"),
        (ALL_SAME, {FILLER: False, MISTAKE: None, PEER: None}, None),
        (ALL_SAME, {MISTAKE: False, PEER: False}, None),
        (ALL_SAME, {FILLER: False, PEER: True}, "post-hoc"),
        (ALL_SAME, {FILLER: True, PEER: False}, "post-hoc"),
        ((True, True, False, True, True), {FILLER: True, PEER: True}, "unstable"),
        ((False, True, True, True, True), {FILLER: False, PEER: True}, "encoded"),
        ((False, False, False, False, True), {FILLER: True, PEER: True}, "needed"),
        # Without filler, or without another thought, nothing is decided: not even what already could be.
        (ALL_SAME, {MISTAKE: True}, None),
        ((True, True, False, True, True), {PEER: True}, None),
        ((False, False, False, False, True), {FILLER: True}, None),
        ((None, True, True, True, True), {FILLER: False, PEER: False}, None),
    ],
)
def test_kinds_by_definition(same, changed, expected):
    assert kind(same, changed) == expected
