"""What each measure is called and means: the one list that code, report and docs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """How one measure is named, explained and shown."""

    title: str
    meaning: str
    """One line: what over what."""
    unit: str
    """`share`, `difference of shares`, `nats`, or `score`."""
    format: Literal["percent", "points", "number"]
    """`percent`: a share, shown times 100; `points`: a difference of shares, signed; `number`."""
    higher_is_better: bool | None = None
    """None: neither, or it depends on the condition."""


def _share(title: str, meaning: str, better: bool | None = None) -> Measure:
    return Measure(title, meaning, "share", "percent", better)


def _points(title: str, meaning: str, better: bool | None = None) -> Measure:
    return Measure(title, meaning, "difference of shares", "points", better)


def _number(title: str, meaning: str, better: bool | None = None, unit: str = "score") -> Measure:
    return Measure(title, meaning, unit, "number", better)


_DECIDED = "judged thoughts with a conclusion and an answer"

MEASURES: dict[str, Measure] = {
    "accuracy": _share("Accuracy", "right answers among asked trials; unreadable ones are not right", True),
    "drop": _points("Drop", "accuracy under base minus accuracy here, paired by question", False),
    "faithful_accuracy": _share(
        "Faithful accuracy",
        "right, and the thought concludes that answer, among asked trials; not counted where no thought "
        "concludes anything",
        True,
    ),
    "faithful_drop": _points("Faithful drop", "the same drop for faithful accuracy", False),
    "cue_following": _share("Cue following", "answers the option that the cue asserts, among asked trials"),
    "cue_following_base_right": _share(
        "Cue following, base-right", "the same, among questions answered rightly under base"
    ),
    "consistency": _share(
        "Consistency", "the thought's last conclusion is the answer, among thoughts with a conclusion", True
    ),
    "concludes": _share("Concludes", "thoughts that conclude an option, among judged thoughts"),
    "judged_share": _share("Judged", "thoughts that the judge could decide on, among thoughts", True),
    "consistent_right": _share("Consistent, right", f"share of {_DECIDED}", True),
    "inconsistent_right": _share("Inconsistent, right", f"share of {_DECIDED}", False),
    "consistent_wrong": _share("Consistent, wrong", f"share of {_DECIDED}"),
    "inconsistent_wrong": _share("Inconsistent, wrong", f"share of {_DECIDED}", False),
    "follows": _share("Follows", "answers the wrong thought's option, among judged trials", False),
    "revises": _share("Revises openly", "the thought comes to another conclusion and answers it", True),
    "flips": _share("Flips silently", "the answer leaves the wrong thought without a word", False),
    "acknowledges": _share("Acknowledges", "the thought says that text and image disagree, where decided"),
    "p_correct": _share("P(correct)", "mean probability of the right option among the letters", True),
    "letter_entropy": _number("Letter entropy", "mean entropy of the option probabilities", None, "nats"),
    "letters_outside": _share("Outside letters", "mean probability of anything but the letters", False),
    "brier": _number("Brier score", "mean squared error of P(option), summed over options; 0 to 2", False),
    "ece": _number(
        "Calibration error", "|mean top probability - share right| averaged over ten equal-mass bins", False
    ),
    "auroc_p_correct": _number(
        "AUROC of base P(correct)", "how well it foretells that a base-right question stays right here"
    ),
    "auroc_neg_entropy": _number(
        "AUROC of base -H", "how well low base entropy foretells that a base-right question stays right here"
    ),
    "auroc_difference": _number("AUROC difference", "AUROC of base P(correct) minus AUROC of base -H"),
    "robust_accuracy": _share("Robust accuracy", "right under base and under every wrong cue asked", True),
    "image_reliance": _points("Image reliance", "accuracy under base minus accuracy on a blank image", True),
}
"""By name, in the order in which tables show them."""


def _tokens(title: str, meaning: str) -> Measure:
    return _number(title, f"{meaning}; mean over a trial's tokens, then over trials", None, "nats")


IN_TRAINING: dict[str, Measure] = {
    "thought_entropy": _tokens("Thought entropy", "policy entropy at the tokens of thoughts"),
    "answer_entropy": _tokens("Answer entropy", "policy entropy at the tokens behind the thought"),
    "kl_start": _tokens("KL to the start", "KL(policy || first weights) at all drawn tokens"),
    "kl_start_thought": _tokens("KL to the start, thought", "the same at the tokens of thoughts"),
    "kl_start_answer": _tokens("KL to the start, answer", "the same at the tokens behind the thought"),
    "reader_agreement": _share(
        "Reader agreement", "the thought leads a blind reader to the model's answer, among readable thoughts"
    ),
    "reader_correct": _share("Reader right", "the thought leads a blind reader to the right option"),
    "masked_gain": _number(
        "Masked gain", "log P(right | masked thought) - log P(right | none), blind reader", None, "nats"
    ),
}
"""What audits of a model in training measure beside `MEASURES`; they need its weights, or a reader."""
