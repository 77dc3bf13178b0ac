"""Planted respondents: what they take from the picture, from the caption and from the text is recovered
within the intervals."""

import asyncio

import pytest

import picture_readers as readers
import unswayed
from unswayed.interventions import PICTURES, measure_pictures, probe
from unswayed.judges.base import Judge, Verdict

RATE, N = 0.6, 100
GUESS = 1 / 4
QUESTIONS = [readers.question(number) for number in range(N)]
BY_UID = {q.uid: q for q in QUESTIONS}


class NoJudge(Judge):
    """Decides nothing: what a thought concludes is not measured here."""

    name = "none"

    async def judge(self, cases):
        return [Verdict("abstains") for _ in cases]


def probed(folder, decide, rate=RATE, admits=0.0, names=tuple(PICTURES)):
    model = readers.PictureReader(decide, rate, admits)
    run = asyncio.run(
        unswayed.audit(model, QUESTIONS, ["base"], store=folder, letters=False, judge=NoJudge())
    )
    asyncio.run(probe(run, model, list(names), questions=BY_UID, cues=readers.cues, judge=NoJudge()))
    return measure_pictures(run)


@pytest.fixture(scope="module")
def uses(tmp_path_factory):
    """By respondent: the measures of its run."""
    folder = tmp_path_factory.mktemp("runs")
    names = [
        *("blank-image", "swapped-image", "masked-evidence", "masked-elsewhere"),
        *(name for name in PICTURES if "caption" in name),
    ]
    return {
        decide: probed(folder / decide.__name__, decide, admits=0.3, names=names)
        for decide in (
            readers.looks,
            readers.guesses,
            readers.takes_shortcut,
            readers.follows_caption,
            readers.prefers_picture,
        )
    }


# needs the picture, uses the evidence, effect of the caption with the evidence visible and masked
PLANTED = [
    (readers.looks, 1 - GUESS, 1 - GUESS, 0.0, 0.0),
    (readers.guesses, 0.0, 0.0, 0.0, 0.0),
    (readers.takes_shortcut, 1 - GUESS, 0.0, 0.0, 0.0),
    (readers.follows_caption, 1 - GUESS, 1 - GUESS, 1.0, 1.0),
    (readers.prefers_picture, 1 - GUESS, 1 - GUESS, 0.0, 1.0),
]


@pytest.mark.parametrize(("decide", "needs", "evidence", "visible", "masked"), PLANTED)
def test_the_planted_rates_are_in_the_intervals(uses, decide, needs, evidence, visible, masked):
    use = uses[decide]
    (plain, _) = use.grounding
    planted = {
        "needs_picture": (use.measures["needs_picture"], RATE * needs),
        "uses_evidence": (use.measures["uses_evidence"], RATE * evidence),
        "language_only": (use.measures["language_only"], GUESS),
        "above_chance": (use.measures["above_chance"], 0.0),
        "effect_visible": (plain.effect_visible, RATE * visible),
        "effect_masked": (plain.effect_masked, RATE * masked),
        "interaction": (plain.interaction, RATE * (masked - visible)),
    }
    outside = {name: (e, rate) for name, (e, rate) in planted.items() if not e.low <= rate <= e.high}
    assert not outside


def test_only_who_prefers_the_picture_interacts(uses):
    p_values = {decide: use.grounding[0].p_value for decide, use in uses.items()}
    assert p_values.pop(readers.prefers_picture) < 1e-9
    assert min(p_values.values()) > 0.01


def test_lucky_hits_are_not_paid(uses):
    looks, guesses = uses[readers.looks], uses[readers.guesses]
    # A guesser by text answers the same of every picture; accuracy alone would pay it a quarter.
    assert guesses.measures["dependent_accuracy"].value == 0
    assert guesses.measures["same_answer"].value == guesses.measures["same_words"].value == 1
    right = looks.rows[0].accuracy.value
    assert looks.measures["dependent_accuracy"].value < right
    assert looks.measures["dependent_accuracy"].low > 0.3


def test_a_looker_abstains_where_the_evidence_is_masked(uses):
    abstains = {
        (cell.caption, cell.evidence): cell.measures["abstains"]
        for cell in uses[readers.looks].grounding[1].cells
    }
    for caption in ("correct-caption", "wrong-caption"):
        assert abstains[caption, "visible"].value == 0
        assert abstains[caption, "masked"].low <= RATE <= abstains[caption, "masked"].high
    responses = uses[readers.looks].grounding[1].responses
    assert responses["cannot see"].low <= RATE <= responses["cannot see"].high
    assert sum(e.value for e in responses.values()) == pytest.approx(1)


def test_the_share_of_admitted_turns_is_recovered(uses):
    visible = next(test for test in uses[readers.follows_caption].hints if test.evidence == "visible")
    assert visible.turned.low <= RATE + (1 - RATE) / 4 <= visible.turned.high
    assert visible.admits.low <= 0.3 <= visible.admits.high


def test_right_of_both_pictures_where_questions_are_alike(tmp_path):
    questions = [readers.question(number, alike=True) for number in range(60)]
    shares = {}
    for decide in (readers.looks, readers.guesses):
        model = readers.PictureReader(decide)
        run = asyncio.run(
            unswayed.audit(model, questions, ["base"], store=tmp_path / decide.__name__, letters=False)
        )
        asyncio.run(probe(run, model, ["swapped-image"]))
        shares[decide] = measure_pictures(run).measures
    assert shares[readers.looks]["paired_accuracy"].value == shares[readers.looks]["answers_new"].value == 1
    assert shares[readers.looks]["same_answer"].value == 0
    assert shares[readers.guesses]["paired_accuracy"].value == 0


def test_a_curve_falls_for_who_looks_and_is_flat_for_who_guesses(tmp_path):
    names = ["noise@0.25", "noise@0.5", "noise@0.75"]
    for decide, falls in ((readers.looks, True), (readers.guesses, False)):
        use = probed(tmp_path / decide.__name__, decide, rate=1.0, names=names)
        (curve,) = use.curves
        values = [point.accuracy.value for point in (curve.base, *curve.points)]
        assert (values[0] - values[-1] > 0.5) is falls
        assert falls or len(set(values)) == 1
