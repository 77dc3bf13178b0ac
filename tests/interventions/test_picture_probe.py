"""A probe of pictures as a run: what is asked, stored, resumed and shown."""

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

import picture_readers as readers
import unswayed
from unswayed.conditions import build_prompt, condition
from unswayed.errors import BackendError
from unswayed.interventions import (
    FOLDER,
    INTERVENTIONS,
    PICTURES,
    measure,
    measure_pictures,
    probe,
    probed_trials,
    select,
)
from unswayed.metrics.image_use import BLANK, SWAPPED
from unswayed.model_io import Capabilities
from unswayed.pipeline.audit import Run
from unswayed.question import Image
from unswayed.report.image_use.figures import grounding_plot, strength_curves
from unswayed.report.image_use.section import image_use_section
from unswayed.report.image_use.triptychs import collect_triptychs
from unswayed.store.run_folder import stored_image

QUESTIONS = [readers.question(number) for number in range(8)]
BY_UID = {q.uid: q for q in QUESTIONS}


def audited(folder, questions=QUESTIONS, conditions=("base",), model=None):
    model = model or readers.PictureReader(readers.looks)
    return asyncio.run(unswayed.audit(model, questions, list(conditions), cues=readers.cues, store=folder))


def ask(run, names, model=None, **more):
    model = model or readers.PictureReader(readers.looks)
    settings = {"questions": BY_UID, "cues": readers.cues} | more
    return asyncio.run(probe(Run.load(run.path), model, names, **settings)), model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = audited(tmp_path_factory.mktemp("whole") / "run")
    ask(run, select("pictures"))
    return Run.load(run.path)


def test_every_picture_is_asked_or_has_a_reason_and_the_audit_is_left_alone(whole):
    trials = probed_trials(whole)
    assert trials.num_rows == len(QUESTIONS) * len(PICTURES)
    assert set(trials["condition"].to_pylist()) == set(PICTURES)
    assert set(whole.trials["condition"].to_pylist()) == {"base"}
    for row in trials.to_pylist():
        assert row["state"] == "ok" or row["error"]
        for sha in row["image_sha256"]:
            data = stored_image(whole.path / FOLDER, sha)
            assert hashlib.sha256(data).hexdigest() == sha
    assert measure(whole) is None


def test_prompts_are_those_of_an_audit(whole):
    for row in probed_trials(whole).to_pylist():
        if row["condition"] in ("wrong-caption", "correct-caption+abstain", BLANK):
            question = BY_UID[row["uid"]]
            images = tuple(image.read() for image in question.images)
            prompt = build_prompt(question, readers.cues(question, 0), condition(row["condition"]), images)
            assert (row["prompt"], row["prefill"], tuple(row["options"])) == (
                prompt.text,
                prompt.prefill,
                prompt.options,
            )
            assert row["image_sha256"] == [hashlib.sha256(data).hexdigest() for data in prompt.images]


def test_masked_cells_show_one_picture_and_swapped_ones_another_right_option(whole):
    by_unit = {}
    for row in probed_trials(whole).to_pylist():
        by_unit.setdefault(row["uid"], {})[row["condition"]] = row["image_sha256"]
    own = {row["uid"]: row["image_sha256"] for row in whole.trials.to_pylist()}
    for uid, shown in by_unit.items():
        masked = {tuple(sha) for name, sha in shown.items() if "masked-evidence" in name}
        assert len(masked) == 1
        (other,) = [q for q in QUESTIONS if own[q.uid] == shown[SWAPPED]]
        assert other.gold != BY_UID[uid].gold


def test_what_the_run_asked_is_not_asked_again(tmp_path):
    conditions = ("base", "blank-image", "wrong-caption", "correct-caption")
    run = audited(tmp_path / "run", conditions=conditions)
    stored = {row["uid"]: row["cue_text"] for row in run.trials.to_pylist() if row["cue_text"]}
    probed, _ = ask(run, select("pictures"))
    names = set(probed.trials["condition"].to_pylist())
    assert not names & set(conditions)
    for row in probed.trials.to_pylist():
        if row["condition"] == "correct-caption+masked-evidence":
            assert row["cue_text"] == stored[row["uid"]]
    use = measure_pictures(Run.load(run.path))
    assert len(use.grounding) == 2
    assert use.measures["needs_picture"].n == len(QUESTIONS)


def test_an_interrupted_probe_ends_as_an_undisturbed_one(whole, tmp_path):
    class Dies(readers.PictureReader):
        left = 3

        async def generate(self, requests):
            self.left -= 1
            if self.left < 0:
                raise BackendError("gone")
            return await super().generate(requests)

    run = audited(tmp_path / "run")
    with pytest.raises(BackendError):
        ask(run, select("pictures"), Dies(readers.looks))
    resumed, _ = ask(run, select("pictures"))
    again = readers.PictureReader(readers.looks)
    ask(run, select("pictures"), again)
    assert again.generated == 0
    same = [name for name in resumed.trials.column_names if name != "seconds"]
    assert resumed.trials.select(same).equals(probed_trials(whole).select(same))


def test_a_probe_of_thoughts_from_before_there_were_pictures_is_widened(tmp_path):
    run = audited(tmp_path / "run")
    ask(run, ["think-filler"])
    manifest = json.loads((run.path / FOLDER / "manifest.json").read_text())
    assert manifest["asks"]["conditions"] == list(INTERVENTIONS)
    assert "pictures" not in json.dumps(manifest)
    probed, _ = ask(run, [SWAPPED])
    assert set(probed.trials["condition"].to_pylist()) == {"think-filler", SWAPPED}
    assert probed.manifest["sessions"][-1]["pictures"]["interventions"].keys() == {SWAPPED}
    assert measure(Run.load(run.path)).n_thoughts == len(QUESTIONS)


def test_a_run_that_grew_keeps_the_swapped_pictures(tmp_path):
    run = audited(tmp_path / "run", QUESTIONS[:4])
    first = {row["uid"]: row["image_sha256"] for row in ask(run, [SWAPPED])[0].trials.to_pylist()}
    run = audited(tmp_path / "run")
    grown = {row["uid"]: row["image_sha256"] for row in ask(run, [SWAPPED])[0].trials.to_pylist()}
    assert len(grown) == len(QUESTIONS)
    assert {uid: grown[uid] for uid, images in first.items() if images} == {
        k: v for k, v in first.items() if v
    }


def test_unreadable_answers_under_base_are_questions_too(tmp_path):
    class Mumbles(readers.PictureReader):
        async def generate(self, requests):
            return [replace(generation, text="hm") for generation in await super().generate(requests)]

    run = audited(tmp_path / "run", model=Mumbles(readers.looks))
    probed, _ = ask(run, ["masked-evidence"])
    assert probed.trials.num_rows == len(QUESTIONS)


def test_without_boxes_or_pictures_there_is_a_reason(tmp_path):
    run = audited(tmp_path / "run")
    probed, _ = ask(run, ["masked-evidence", "wrong-caption+masked-evidence"], questions=None)
    assert {row["state"] for row in probed.trials.to_pylist()} == {"not-asked"}
    assert "not known where" in probed.trials["error"][0].as_py()

    class Blind(readers.PictureReader):
        async def capabilities(self):
            return Capabilities("continues", "exact", images=False)

    other = Blind(readers.looks)
    (run.path / FOLDER).rename(tmp_path / "away")
    blind, _ = ask(run, ["blur@0.1"], other)
    assert set(blind.trials["error"].to_pylist()) == {"the model takes no pictures"}


def test_a_picture_that_was_not_kept_is_an_error_until_the_benchmark_supplies_it(tmp_path):
    run = audited(tmp_path / "run")
    for image in (run.path / "images").iterdir():
        image.unlink()
    probed, _ = ask(run, ["blur@0.1"], questions=None)
    assert set(probed.trials["state"].to_pylist()) == {"error"}
    assert "--benchmark" in probed.trials["error"][0].as_py()
    wrong = replace(QUESTIONS[0], images=(Image.of(b"another picture"),))
    probed, _ = ask(run, ["blur@0.1"], questions=BY_UID | {wrong.uid: wrong})
    assert {row["uid"] for row in probed.trials.to_pylist() if row["state"] == "error"} == {wrong.uid}


def test_the_page_shows_curves_cells_and_triptychs(whole):
    use = measure_pictures(whole)

    def load(sha):
        return stored_image(whole.path, sha) or stored_image(whole.path / FOLDER, sha)

    triptychs = collect_triptychs(use, whole.trials, probed_trials(whole), load, limit=3)
    section = image_use_section(use, triptychs)
    assert [figure["id"] for figure in section["figures"]] == ["grounding", "strengths"]
    assert len(section["triptychs"]) == 3
    for triptych in triptychs:
        assert [panel["image"][:22] for panel in triptych["panels"]] == ["data:image/png;base64,"] * 3
        assert len({panel["image"] for panel in triptych["panels"]}) == 3
    svg = str(strength_curves(use.curves))
    for curve in use.curves:
        for point in curve.points:
            assert f"accuracy, {point.strength:.0%}: {100 * point.accuracy.value:.1f} %" in svg
    plot = str(grounding_plot(use.grounding))
    assert plot.count("<circle") == 8
    titles = {table["title"] for table in section["tables"]}
    assert {"Image reliance", "By picture", "Caption and evidence"} <= titles


def test_hostile_words_are_made_visible(whole):
    use = measure_pictures(whole)
    rows = probed_trials(whole).to_pylist()
    for row in rows:
        row["text"] = "\u202e<script>"
    table = probed_trials(whole)
    hostile = table.from_pylist(rows, schema=table.schema)
    triptych = collect_triptychs(use, whole.trials, hostile, lambda sha: None, limit=1)[0]
    assert triptych["panels"][1]["text"] == "⟨U+202E⟩<script>"
    assert triptych["panels"][1]["image"] is None
