"""The section of the page: figures of every point and question, hostile names escaped."""

import asyncio
from dataclasses import replace

import synthetic
import thought_readers as readers
import unswayed
from unswayed.interventions import INTERVENTIONS, measure, probe
from unswayed.metrics.thought_use import SHARES
from unswayed.report.thought_use.figures import MOST_STRIPS, question_strips, strips_shown, truncation_curve
from unswayed.report.thought_use.section import thought_use_section


def use_of(tmp_path, n=10):
    questions = synthetic.questions(n)
    backend = readers.ThoughtReader(readers.reads_everything, questions, 0.5)
    run = asyncio.run(unswayed.audit(backend, questions, ["base"], store=tmp_path / "run"))
    asyncio.run(probe(run, backend))
    return measure(run)


def test_the_curve_has_a_point_for_every_share(tmp_path):
    use = use_of(tmp_path)
    svg = str(truncation_curve(use.curve))
    for point in use.curve:
        assert f"answer is the final one at {point.share:.0%}: {100 * point.same.value:.1f} %" in svg
    assert len(use.curve) == len(SHARES)


def test_every_answer_is_one_cell_of_its_colour(tmp_path):
    use = use_of(tmp_path)
    svg = str(question_strips(use.questions))
    held = [same for q in use.questions for same in q.same if same is not None]
    held += [not changed for q in use.questions for changed in q.changed.values() if changed is not None]
    assert svg.count('class="q1"') == held.count(True)
    assert svg.count('class="q4"') == held.count(False)


def test_many_questions_are_thinned_evenly_and_keep_their_order(tmp_path):
    use = use_of(tmp_path)
    many = [replace(q, sample=i) for i in range(100) for q in use.questions]
    shown = strips_shown(many)
    assert len(shown) == MOST_STRIPS
    kinds = [q.kind for q in shown]
    assert kinds == sorted(kinds)  # decorative before needed
    share = sum(q.kind == "needed" for q in many) / len(many)
    assert abs(kinds.count("needed") / len(kinds) - share) < 0.02


def test_a_hostile_uid_is_escaped(tmp_path):
    use = use_of(tmp_path)
    hostile = replace(use.questions[0], uid="<script>alert(1)</script>\u202e")
    svg = str(question_strips([hostile]))
    assert "<script>" not in svg
    assert "\u202e" not in svg


def test_tables_and_figures_of_the_section(tmp_path):
    section = thought_use_section(use_of(tmp_path))
    assert [figure["id"] for figure in section["figures"]] == ["truncation", "strips"]
    by_intervention = section["tables"][0]
    assert [name for name, _ in by_intervention["lines"]] == list(INTERVENTIONS)
    assert {t["title"] for t in section["tables"]} == {
        "By intervention",
        "Use of the thought",
        "Kinds of thoughts",
    }
